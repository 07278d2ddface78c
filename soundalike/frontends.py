"""The frontends by the names under which models ask for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike import frontend, patches
from soundalike.errors import ModelError
from soundalike.models import ModelInfo

__all__ = ["Frontend", "Stream", "frontend_of"]


class Stream(Protocol):
    """Makes a spectrogram of audio that arrives in blocks."""

    sample_rate: int
    n_samples: int
    peak: float

    def push(self, block: NDArray[np.floating]) -> None: ...

    def finish(self) -> NDArray[np.float32]: ...


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
    excerpts: Callable[[NDArray[np.floating]], frontend.Excerpts]


_FRONTENDS = {
    "log-mel-128": Frontend(
        frontend.N_MELS,
        frontend.FRAME_S,
        frontend.EXCERPT_S,
        frontend.LogMelStream,
        frontend.excerpts,
    ),
    "musicnn-96": Frontend(
        patches.N_MELS, patches.FRAME_S, patches.PATCH_S, patches.PatchStream, patches.patches
    ),
}


def frontend_of(model: ModelInfo) -> Frontend:
    """The frontend that a model takes its input from.

    Raises
    ------
    ModelError : it asks for one that there is not.
    """
    if model.frontend not in _FRONTENDS:
        raise ModelError(
            f"{model.id} needs the frontend {model.frontend!r}; this version has "
            f"{', '.join(_FRONTENDS)}"
        )
    return _FRONTENDS[model.frontend]
