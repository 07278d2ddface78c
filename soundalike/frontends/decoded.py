"""From an audio file to what a frontend makes of it, block by block: a track may last hours."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.log_mel import LogMelStream
from soundalike.threads import one_blas_thread

__all__ = ["Decoded", "Spectrogram", "Stream", "frames_of_file", "spectrogram_of_file"]

Frames = TypeVar("Frames")
Made = TypeVar("Made", covariant=True)


class Stream(Protocol[Made]):
    """Makes frames, such as a spectrogram, of audio that arrives in blocks."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def n_samples(self) -> int: ...

    @property
    def is_silent(self) -> bool: ...

    def push(self, block: NDArray[np.floating]) -> None: ...

    def finish(self) -> Made: ...


@dataclass(frozen=True)
class Decoded(Generic[Frames]):
    """What was decoded and transformed.

    Attributes
    ----------
    values : as the stream makes it; of a spectrogram float32 (n_mels, n_frames).
    duration_s : seconds that were decoded.
    is_silent : whether none of it is sound.
    notes : what was odd, such as that the file is truncated.
    """

    values: Frames
    duration_s: float
    is_silent: bool
    notes: tuple[str, ...]


Spectrogram = Decoded[NDArray[np.float32]]


def spectrogram_of_file(
    path: str | os.PathLike[str],
    stream: Callable[[int], Stream[NDArray[np.float32]]] = LogMelStream,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Spectrogram:
    """Decode a file, or a passage of it, into a spectrogram: :func:`frames_of_file`, by default
    into the log-mel frames of our own models."""
    return frames_of_file(path, stream, start_s=start_s, end_s=end_s)


def frames_of_file(
    path: str | os.PathLike[str],
    stream: Callable[[int], Stream[Frames]],
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Decoded[Frames]:
    """Decode a file, or a passage of it, into what a frontend makes of it.

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

    # Held throughout: each block has a dozen products, and what is held costs them nothing.
    with AudioReader(path, start_s=start_s, end_s=end_s) as reader, one_blas_thread():
        made = stream(reader.sample_rate)
        for block in reader:
            made.push(block)
        notes = tuple(reader.notes)
    duration_s = made.n_samples / made.sample_rate
    return Decoded(made.finish(), duration_s, made.is_silent, notes)
