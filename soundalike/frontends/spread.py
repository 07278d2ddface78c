"""From a few passages of a file to what a frontend makes of them, for a fast analysis.

The passages are laid end to end and go through one stream, so that what depends on the whole track
(its loudest moment, the mean of each band, its tuning) is that of all that is heard. Each is a
whole number of excerpts long, so that no excerpt contains two of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.decoded import Decoded, Stream
from soundalike.threads import one_blas_thread

__all__ = ["MOST_SHARE", "N_PASSAGES", "PASSAGE_S", "SpreadFrames", "frames_of_spread"]

# Many short passages tell more than a few long ones: six of 10 s have as many of the same
# neighbours as four of 20 s (``docs/results.md``).
N_PASSAGES: Final = 6
PASSAGE_S: Final = 10.0
"""Seconds that a passage lasts, about: a whole number of excerpts."""
MOST_SHARE: Final = 0.6
"""A track of which the passages would be more is heard as a whole: that hardly takes longer."""

Frames = TypeVar("Frames")


@dataclass(frozen=True)
class SpreadFrames(Generic[Frames]):
    """What was heard of a track.

    Attributes
    ----------
    decoded : of the passages, end to end; ``duration_s`` is that of the whole track.
    starts_s : when each passage begins in the track, seconds.
    passage_s : seconds that each of them lasts.
    """

    decoded: Decoded[Frames]
    starts_s: tuple[float, ...]
    passage_s: float

    def in_track(self, heard_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """When in the track is what begins at these times of all that is heard, (n,), seconds."""
        # The last excerpt may begin a frame early.
        number = np.floor(heard_s / self.passage_s + 0.01).astype(np.int64)
        return np.asarray(self.starts_s)[number] + heard_s - number * self.passage_s


def frames_of_spread(
    path: str | os.PathLike[str],
    stream: Callable[[int], Stream[Frames]],
    excerpt_s: float,
) -> SpreadFrames[Frames] | None:
    """Decode a few passages of a file into what a frontend makes of them.

    Parameters
    ----------
    path : any audio file that FFmpeg decodes.
    stream : makes a frontend's stream for a sample rate in Hz.
    excerpt_s : seconds of a model's input.

    Returns
    -------
    None for a file that has to be heard as a whole: it is short, or silent in all passages, or
    cannot be gone through by its times (:func:`soundalike.audio.read_spread`).

    Raises
    ------
    AudioError : the file cannot be decoded; the class and the message say why.
    """
    # Here, so that FFmpeg is loaded only where something is decoded.
    from soundalike.audio import read_spread

    passage_s = max(1, round(PASSAGE_S / excerpt_s)) * excerpt_s
    spread = read_spread(path, N_PASSAGES, passage_s, most_share=MOST_SHARE)
    if spread is None:
        return None
    made = stream(spread.sample_rate)
    with one_blas_thread():
        for passage in spread.passages:
            made.push(passage)
    if made.is_silent:
        return None
    decoded = Decoded(made.finish(), spread.duration_s, False, spread.notes)
    return SpreadFrames(decoded, spread.starts_s, passage_s)
