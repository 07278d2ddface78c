"""A signal that arrives in blocks, cut into frames at a rate that need not divide its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument

__all__ = ["FramedStream", "check_rate"]

FloatArray = NDArray[np.float32]


class FramedStream(ABC):
    """Makes frames in batches that are always as large, so that block sizes make no difference.

    Frame i is centred on (i + 0.5) hops; zeros stand in for what lies before the first sample and
    after the last.

    Parameters
    ----------
    sample_rate : Hz, of the blocks; not always a whole number.
    n_fft : samples of a frame.
    frame_rate : frames a second.
    batch : frames that are made at once.

    Attributes
    ----------
    n_samples : that were pushed.
    """

    def __init__(self, sample_rate: float, n_fft: int, frame_rate: float, batch: int) -> None:
        self.n_samples = 0
        self._n_fft = n_fft
        self._hop = sample_rate / frame_rate  # samples; not a whole number
        self._batch = batch
        self._n_frames = 0
        self._blocks: list[FloatArray] = [np.zeros(n_fft // 2, np.float32)]
        self._start = -(n_fft // 2)
        self._stop = 0

    @abstractmethod
    def _make(self, samples: FloatArray, starts: NDArray[np.int64]) -> None:
        """Make and keep the next frames, which begin at ``starts`` and are ``_n_fft`` long."""

    def push(self, block: FloatArray) -> None:
        """Take the next samples: float32 (n,), any length."""
        self.n_samples += block.size
        self._take(block)

    def _take(self, block: FloatArray) -> None:
        self._blocks.append(block)
        self._stop += block.size
        if self._batch_end() <= self._stop:
            self._transform()

    def _first_sample(self, frame: int) -> int:
        # Positions are rounded one by one: nothing drifts.
        return round((frame + 0.5) * self._hop) - self._n_fft // 2

    def _batch_end(self) -> int:
        """The sample after the last one of the next batch of frames."""
        return self._first_sample(self._n_frames + self._batch - 1) + self._n_fft

    def _transform(self) -> None:
        """Make all whole batches of frames that end within the samples so far."""
        samples = np.concatenate(self._blocks)
        while self._batch_end() <= self._stop:
            numbers = np.arange(self._n_frames, self._n_frames + self._batch)
            centers = np.rint((numbers + 0.5) * self._hop).astype(np.int64)
            self._make(samples, centers - (self._n_fft // 2 + self._start))
            self._n_frames += self._batch
        used = self._first_sample(self._n_frames) - self._start
        self._blocks = [samples[used:].copy()]
        self._start += used

    def _finished(self) -> int:
        """Make what frames are left, and tell how many there are in all; the last batch has more.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        if self.n_samples == 0:
            raise InvalidArgument("there are no samples")
        n_frames = max(1, int(self.n_samples / self._hop))
        if n_frames > self._n_frames:
            self._take(np.zeros(self._batch_end() - self._stop, np.float32))
        return n_frames


def check_rate(sample_rate: float) -> float:
    """
    Raises
    ------
    InvalidArgument : it is no number above 0.
    """
    if not (sample_rate > 0 and math.isfinite(sample_rate)):
        raise InvalidArgument(f"sample_rate must be above 0 Hz, not {sample_rate!r}")
    return sample_rate
