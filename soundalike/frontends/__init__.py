"""From samples to what a model takes: the frontends, by the names that models give them.

``dsp`` has what all are made of, ``log_mel`` our own models' frontend, ``musicnn`` that of musicnn,
``decoded`` leads from a file to the spectrogram of any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ModelError
from soundalike.frontends import log_mel, musicnn
from soundalike.frontends.decoded import Spectrogram, Stream, spectrogram_of_file

__all__ = ["Frontend", "Spectrogram", "Stream", "find_frontend", "spectrogram_of_file"]


@dataclass(frozen=True)
class Frontend:
    """From samples to what a model takes.

    Attributes
    ----------
    n_mels : bands of the spectrogram, which is (n_mels, n_frames).
    frame_s : seconds from frame to frame.
    excerpt_s : seconds that one input of the model lasts.
    stream : makes a stream for a sample rate in Hz.
    excerpts : cuts the spectrogram into inputs of the model.
    """

    n_mels: int
    frame_s: float
    excerpt_s: float
    stream: Callable[[int], Stream]
    excerpts: Callable[[NDArray[np.floating]], log_mel.Excerpts]


_FRONTENDS = {
    "log-mel-128": Frontend(
        log_mel.N_MELS,
        log_mel.FRAME_S,
        log_mel.EXCERPT_S,
        log_mel.LogMelStream,
        log_mel.excerpts,
    ),
    "musicnn-96": Frontend(
        musicnn.N_MELS, musicnn.FRAME_S, musicnn.PATCH_S, musicnn.PatchStream, musicnn.patches
    ),
}


def find_frontend(name: str) -> Frontend:
    """The frontend that a model asks for by its name.

    Raises
    ------
    ModelError : there is none of this name; the message lists those that there are.
    """
    if name not in _FRONTENDS:
        raise ModelError(
            f"the model needs the frontend {name!r}; this version has {', '.join(_FRONTENDS)}"
        )
    return _FRONTENDS[name]
