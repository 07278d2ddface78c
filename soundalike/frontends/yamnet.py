"""The log-mel patches that YAMNet takes.

16,000 Hz, periodic Hann windows of 400 samples (25 ms) in transforms of 512, a hop of 160 samples
(10 ms), 64 bands that are equally wide on the HTK mel scale from 125 to 7,500 Hz, log(magnitude +
0.001), cut into patches of 96 frames that do not overlap: the format of Hershey et al., "CNN
architectures for large-scale audio classification", ICASSP 2017, arXiv 1609.09430. Frames begin at
multiples of the hop; nothing is padded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import Band, banded, mel_power, power_frames
from soundalike.frontends.log_mel import Excerpts
from soundalike.frontends.resampled import SAMPLE_RATE, ResampledStream, cut_patches

__all__ = [
    "FRAME_S",
    "N_MELS",
    "PATCH_FRAMES",
    "PATCH_S",
    "SAMPLE_RATE",
    "PatchStream",
    "mel_bands",
    "patches",
]

WINDOW = 400  # samples, 25 ms
N_FFT = 512  # samples, the window's and zeros
HOP_LENGTH = 160  # samples, 10 ms
N_MELS = 64
LOWEST_HZ, HIGHEST_HZ = 125.0, 7_500.0
PATCH_FRAMES = 96
FRAME_S = HOP_LENGTH / SAMPLE_RATE
PATCH_S = PATCH_FRAMES * FRAME_S  # 0.96 s

FloatArray = NDArray[np.float32]

_N_BINS = N_FFT // 2 + 1
_LOG_OFFSET = np.float32(0.001)
# Our Hann window is divided by its sum, YAMNet's is not.
_MAGNITUDE_SCALE = WINDOW / 2


@lru_cache(maxsize=1)
def mel_bands() -> FloatArray:
    """Triangles of height 1, straight on the mel scale rather than in Hz.

    Returns
    -------
    float32 (257, 64), read-only: the share of each bin of the transform in each band.
    """
    bins_mel = _mel(np.arange(_N_BINS) * (SAMPLE_RATE / N_FFT))
    edges_mel = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), N_MELS + 2)
    rising = (bins_mel[:, None] - edges_mel[:-2]) / (edges_mel[1:-1] - edges_mel[:-2])
    falling = (edges_mel[2:] - bins_mel[:, None]) / (edges_mel[2:] - edges_mel[1:-1])
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    filterbank: FloatArray = triangles.astype(np.float32)
    filterbank.flags.writeable = False
    return filterbank


@lru_cache(maxsize=1)
def _bands() -> tuple[Band, ...]:
    return banded(mel_bands().T)


def _mel(hz: float | NDArray[np.floating]) -> NDArray[np.float64]:
    """The mel scale of the Hidden Markov Model Toolkit (HTK)."""
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)


class PatchStream(ResampledStream):
    """The spectrogram (64, n_frames), in memory that grows by 26 kB a second."""

    window = WINDOW
    hop_length = HOP_LENGTH
    centred = False

    def _spectra(self, buffer: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
        # What is added before the logarithm makes more of a quiet band than any decibels would.
        power = power_frames(buffer, starts, N_FFT, _N_BINS, window=WINDOW, is_exact=True)
        magnitude = np.sqrt(power, out=power)
        magnitude *= np.float32(_MAGNITUDE_SCALE)
        mel = mel_power(magnitude, _bands())
        mel += _LOG_OFFSET
        return np.log(mel, out=mel)


def patches(log_mel: NDArray[np.floating]) -> Excerpts:
    """Cut a spectrogram of :class:`PatchStream` into the inputs of the model.

    What is left after the last whole patch is dropped. A track that is shorter than one patch is
    repeated until it fills it.

    Parameters
    ----------
    log_mel : (64, n_frames).

    Returns
    -------
    Excerpts whose ``frames`` are float32 (n_patches, 96, 64): frame by band, not band by frame.
    """
    if log_mel.ndim != 2 or log_mel.shape[1] == 0:
        raise InvalidArgument(f"log_mel must have the shape (64, n_frames), not {log_mel.shape}")
    return cut_patches(log_mel, PATCH_FRAMES, FRAME_S)
