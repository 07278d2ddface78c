"""From an audio file to its spectrogram, block by block: a track may last hours."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.log_mel import LogMelStream

__all__ = ["Spectrogram", "Stream", "spectrogram_of_file"]


class Stream(Protocol):
    """Makes a spectrogram of audio that arrives in blocks."""

    sample_rate: int
    n_samples: int

    @property
    def is_silent(self) -> bool: ...

    def push(self, block: NDArray[np.floating]) -> None: ...

    def finish(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Spectrogram:
    """What was decoded and transformed.

    Attributes
    ----------
    values : float32 (n_mels, n_frames), as the stream makes it.
    duration_s : seconds that were decoded.
    is_silent : whether none of it is sound.
    notes : what was odd, such as that the file is truncated.
    """

    values: NDArray[np.float32]
    duration_s: float
    is_silent: bool
    notes: tuple[str, ...]


def spectrogram_of_file(
    path: str | os.PathLike[str],
    stream: Callable[[int], Stream] = LogMelStream,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Spectrogram:
    """Decode a file, or a passage of it, into a spectrogram.

    Parameters
    ----------
    path : any audio file that FFmpeg decodes.
    stream : makes a frontend's stream for a sample rate in Hz.
    start_s, end_s : seconds; by default the whole track.

    Raises
    ------
    AudioError : the file cannot be decoded; the class and the message say why.
    InvalidArgument : times that are not in the track.
    """
    # Here, so that FFmpeg is loaded only where something is decoded.
    from soundalike.audio import AudioReader

    with AudioReader(path, start_s=start_s, end_s=end_s) as reader:
        made = stream(reader.sample_rate)
        for block in reader:
            made.push(block)
        notes = tuple(reader.notes)
    duration_s = made.n_samples / made.sample_rate
    return Spectrogram(made.finish(), duration_s, made.is_silent, notes)
