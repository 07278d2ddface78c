"""The frontend "facets-1": log-mel frames, onsets and chroma in one pass over the samples.

The log-mel frames are made at the file's own rate, onsets at about 11 kHz, chroma at about 5.5 kHz.
An excerpt of a model is cut from all three between the same times; onsets and chroma then become
the values that :mod:`soundalike.descriptors` makes of them, the model's inputs ``rhythm`` and
``harmony``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.harmony import HARMONY_SIZE, harmony_values
from soundalike.descriptors.rhythm import RHYTHM_SIZE, rhythm_values
from soundalike.frontends.chroma import FRAME_RATE as CHROMA_FRAME_RATE
from soundalike.frontends.chroma import ChromaStream
from soundalike.frontends.decimate import Decimator
from soundalike.frontends.log_mel import EXCERPT_S, Excerpts, LogMelStream, excerpts
from soundalike.frontends.onset import FRAME_RATE as ONSET_FRAME_RATE
from soundalike.frontends.onset import OnsetStream
from soundalike.threads import one_blas_thread

__all__ = ["DESCRIPTORS", "FacetFrames", "FacetStream", "facet_excerpts"]

DESCRIPTORS: Final = {"rhythm": RHYTHM_SIZE, "harmony": HARMONY_SIZE}
"""How many numbers an excerpt has in each input beside the log-mel frames."""

# Hz; the rates are halved while they stay at these or above.
_ONSET_RATE: Final = 10_000
_CHROMA_RATE: Final = 5_000
# Excerpts that are described at once: more would take memory in which a track of hours shows.
_BATCH: Final = 32

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class FacetFrames:
    """What :class:`FacetStream` makes of a track.

    Attributes
    ----------
    log_mel : float32 (128, n_frames), as :class:`LogMelStream` makes it.
    onset : float32 (onset.N_BANDS, n_frames), ``onset.FRAME_RATE`` a second.
    chroma : float32 (chroma.N_BINS, n_frames), ``chroma.FRAME_RATE`` a second.
    """

    log_mel: FloatArray
    onset: FloatArray
    chroma: FloatArray

    def spliced(self, n_passages: int) -> FacetFrames:
        """The same of passages of one length that were laid end to end: nothing begins where they
        meet."""
        onset = self.onset.copy()
        for i in range(1, n_passages):
            edge = round(i * onset.shape[1] / n_passages)
            # What reaches over the edge, and what is compared with it.
            onset[:, edge - 1 : edge + 2] = 0.0
        return replace(self, onset=onset)


class FacetStream:
    """Audio that arrives in blocks as all that a model with facets is made of.

    Parameters
    ----------
    sample_rate : Hz, of the blocks.

    Attributes
    ----------
    n_samples : that were pushed.
    is_silent : whether none of it is sound.
    """

    def __init__(self, sample_rate: int) -> None:
        self._log_mel = LogMelStream(sample_rate)
        self.sample_rate = self._log_mel.sample_rate
        self._first = Decimator(self.sample_rate, _ONSET_RATE)
        self._second = Decimator(self._first.sample_rate, _CHROMA_RATE)
        self._onset = OnsetStream(self._first.sample_rate)
        self._chroma = ChromaStream(self._second.sample_rate)

    @property
    def n_samples(self) -> int:
        return self._log_mel.n_samples

    @property
    def is_silent(self) -> bool:
        """Whether nothing that was pushed so far is sound."""
        return self._log_mel.is_silent

    def push(self, block: NDArray[np.floating]) -> None:
        """Take the next samples: (n_samples,), any length."""
        # All at once: a block has a dozen products.
        with one_blas_thread():
            self._log_mel.push(block)
            self._push_low(self._first.push(np.asarray(block, np.float32)))

    def _push_low(self, samples: FloatArray) -> None:
        self._onset.push(samples)
        self._chroma.push(self._second.push(samples))

    def finish(self) -> FacetFrames:
        """All that was pushed.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        log_mel = self._log_mel.finish()
        self._push_low(self._first.finish())
        self._chroma.push(self._second.finish())
        return FacetFrames(log_mel, self._onset.finish(), self._chroma.finish())


def facet_excerpts(frames: FacetFrames | NDArray[np.floating]) -> Excerpts:
    """Cut a track into model inputs of 9.94 s, as :func:`soundalike.frontends.log_mel.excerpts`.

    Parameters
    ----------
    frames : of a :class:`FacetStream`; a log-mel spectrogram alone gives excerpts without
        ``rhythm`` and ``harmony``.
    """
    if not isinstance(frames, FacetFrames):
        return excerpts(frames)
    cut = excerpts(frames.log_mel)
    rhythm, harmony = [], []
    for first in range(0, len(cut.starts_s), _BATCH):
        starts_s = cut.starts_s[first : first + _BATCH]
        rhythm.append(rhythm_values(_between(frames.onset, starts_s, ONSET_FRAME_RATE)))
        harmony.append(harmony_values(_between(frames.chroma, starts_s, CHROMA_FRAME_RATE)))
    descriptors = {"rhythm": np.concatenate(rhythm), "harmony": np.concatenate(harmony)}
    return Excerpts(cut.frames, cut.starts_s, descriptors)


def _between(frames: FloatArray, starts_s: NDArray[np.float64], frame_rate: float) -> FloatArray:
    """The frames of the excerpts that begin at some times: (n, n_frames) to (n_excerpts, n, m).

    What is shorter than an excerpt is repeated until it fills it.
    """
    length = round(EXCERPT_S * frame_rate)
    n_frames = frames.shape[1]
    if n_frames < length:
        frames = np.tile(frames, -(-length // n_frames))[:, :length]
        n_frames = length
    # The streams round a track's end differently, by a frame.
    first = np.minimum(np.rint(starts_s * frame_rate).astype(np.int64), n_frames - length)
    return np.stack([frames[:, start : start + length] for start in first.tolist()])
