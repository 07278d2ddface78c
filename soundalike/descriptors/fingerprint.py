"""The harmony of a whole track in a few bytes a second, so that two tracks can be aligned in time.

Chroma of treble and bass together, two frames a second, each as shares of its strongest pitch class
in four bits: 12 bytes a second, 3 kB for four minutes. As in chromaprint it is chroma that is
quantised; here the pitch classes themselves are kept, so that a track in another key is the same
but for a rotation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.chroma import FRAME_RATE as CHROMA_FRAME_RATE

__all__ = ["FRAME_BYTES", "FRAME_RATE", "fingerprint", "unpacked"]

_CHROMA_FRAMES: Final = 2
FRAME_RATE: Final = CHROMA_FRAME_RATE / _CHROMA_FRAMES  # 2.01 frames a second
FRAME_BYTES: Final = 6
_STEPS: Final = 15
# Chroma below this is what is left of a pause.
_FAINT: Final = 1e-3


def fingerprint(chroma: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The fingerprint of a track.

    Parameters
    ----------
    chroma : float32 (24, n_frames) of :class:`soundalike.frontends.chroma.ChromaStream`.

    Returns
    -------
    uint8 (n_frames / 2 rounded up, FRAME_BYTES): the pitch classes C and C sharp in the low and the
    high half of the first byte, and so on; the square root of each one's share of the strongest, in
    fifteenths. Frames of pauses are 0.
    """
    classes = chroma[:12] + chroma[12:]
    odd = -classes.shape[1] % _CHROMA_FRAMES
    classes = np.pad(classes, ((0, 0), (0, odd)), mode="edge")
    means = classes.reshape(12, -1, _CHROMA_FRAMES).mean(axis=2).T
    loudest = means.max(axis=1, keepdims=True, initial=0.0)
    shares = np.where(loudest > _FAINT, means / np.maximum(loudest, _FAINT), 0.0)
    steps = np.rint(np.sqrt(shares) * _STEPS).astype(np.uint8)
    return np.ascontiguousarray(steps[:, ::2] | steps[:, 1::2] << 4)


def unpacked(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The pitch classes of a fingerprint: uint8 (n_frames, FRAME_BYTES) to float32 (n_frames, 12),
    0 to 1, C first."""
    steps = np.stack([packed & _STEPS, packed >> 4], axis=-1).reshape(len(packed), 12)
    return steps.astype(np.float32) / np.float32(_STEPS)
