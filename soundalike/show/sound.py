"""Sound as pictures need it, made block by block: as many columns as can be told apart, no more.

A track may last hours. What is kept here does not grow with it: where there would be too many
columns, neighbours are joined two by two, and the next ones become twice as wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import BATCH_SAMPLES, mel_filterbank, power_frames

__all__ = ["MOST_COLUMNS", "Envelope", "Power", "Sound", "envelope", "fewer_columns", "power"]

# A whole track, or its blocks one after the other: (n_samples,) or (n_channels, n_samples).
Sound = NDArray[np.floating] | Iterator[NDArray[np.floating]]

# More than this cannot be told apart in a picture of some 1,000 pixels.
MOST_COLUMNS = 4000
_BLOCK_SAMPLES = 1 << 18


@dataclass(frozen=True)
class Envelope:
    """A waveform in columns.

    Attributes
    ----------
    edges : int64 (n_columns + 1,), samples.
    low, high, rms : float32 (n_channels, n_columns).
    """

    edges: NDArray[np.int64]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    rms: NDArray[np.float32]

    @property
    def n_samples(self) -> int:
        """Length of the track."""
        return int(self.edges[-1])

    @property
    def is_exact(self) -> bool:
        """Whether each column is a single sample."""
        return self.n_samples == len(self.edges) - 1


@dataclass(frozen=True)
class Power:
    """A spectrogram in columns.

    Attributes
    ----------
    values : float32 (n_rows, n_columns), power; each column is the mean of ``per_column`` frames,
        the last perhaps of fewer.
    per_column : frames.
    n_samples : length of the track.
    """

    values: NDArray[np.float32]
    per_column: int
    n_samples: int


def envelope(sound: Sound, most_columns: int) -> Envelope:
    """Lowest and highest sample and root mean square of at most so many columns.

    Raises
    ------
    InvalidArgument : no samples, or a wrong shape.
    """
    edges = np.zeros(1, np.int64)
    rows: list[NDArray[np.float64]] = []  # low, high, energy: (n_channels, n_columns)
    width = 1
    for block in _blocks(sound, 2):
        n_samples = block.shape[1]
        starts = np.arange(0, n_samples, width)
        wide = block.astype(np.float64)
        new = [
            np.minimum.reduceat(wide, starts, axis=1),
            np.maximum.reduceat(wide, starts, axis=1),
            np.add.reduceat(wide**2, starts, axis=1),
        ]
        if rows:
            new = [np.concatenate(pair, axis=1) for pair in zip(rows, new, strict=True)]
        rows = new
        ends = np.append(starts[1:], n_samples)
        edges = np.append(edges, edges[-1] + ends)
        while len(edges) - 1 > most_columns:
            width *= 2
            pairs = np.arange(0, len(edges) - 1, 2)
            joins = (np.minimum, np.maximum, np.add)
            rows = [
                join.reduceat(row, pairs, axis=1) for join, row in zip(joins, rows, strict=True)
            ]
            edges = np.append(edges[:-1:2], edges[-1])
    if not rows:
        raise InvalidArgument(_shape_words((0,), 2))
    low, high, energy = rows
    rms = np.sqrt(energy / np.diff(edges))
    return Envelope(edges, low.astype(np.float32), high.astype(np.float32), rms.astype(np.float32))


def power(
    sound: Sound,
    sample_rate: int,
    n_fft: int,
    hop_length: int,
    *,
    n_mels: int | None = None,
    most_columns: int = MOST_COLUMNS,
) -> Power:
    """Power of the short-time Fourier transform; frames are centred on multiples of the hop.

    Parameters
    ----------
    sound : (n_samples,), or blocks of it. The ends are padded with zeros.
    sample_rate : Hz.
    n_fft, hop_length : samples.
    n_mels : mel bands from 0 to half the sample rate; by default the bins of the transform.

    Raises
    ------
    InvalidArgument : no samples, several channels, or numbers out of range.
    """
    if sample_rate <= 0:
        raise InvalidArgument(f"sample_rate must be positive, not {sample_rate} Hz")
    if n_fft < 2 or hop_length < 1:
        raise InvalidArgument(
            f"n_fft must be 2 or more and hop_length 1 or more, not {n_fft}, {hop_length}"
        )
    n_bins = n_fft // 2 + 1
    filters = None
    if n_mels is not None:
        filters = mel_filterbank(sample_rate, n_fft, n_mels, sample_rate / 2).T
    columns = _Means(most_columns, n_mels or n_bins)
    buffer = np.zeros(n_fft // 2, np.float32)
    n_samples = 0

    def take(buffer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform the frames that are whole; what is left begins with the next frame."""
        starts = np.arange(0, max(buffer.size - n_fft + 1, 0), hop_length, dtype=np.int64)
        batch = max(1, BATCH_SAMPLES // n_fft)
        for i in range(0, starts.size, batch):
            frames = power_frames(buffer, starts[i : i + batch], n_fft, n_bins)
            columns.add(frames if filters is None else frames @ filters)
        return buffer[starts.size * hop_length :]

    n_skipped = 0  # of a hop that is longer than a frame, what the next block still has to lose
    for block in _blocks(sound, 1):
        n_samples += block.shape[1]
        fresh = block[0, n_skipped:]
        n_skipped = max(n_skipped - block.shape[1], 0)
        joined = np.concatenate([buffer, fresh])
        n_frames = max(joined.size - n_fft + hop_length, 0) // hop_length
        n_skipped += max(n_frames * hop_length - joined.size, 0)
        buffer = take(joined)
    if n_samples == 0:
        raise InvalidArgument(_shape_words((0,), 1))
    padding = n_fft // 2 - n_skipped
    missing = max(n_fft - n_samples - 2 * (n_fft // 2), 0)
    if padding + missing > 0:
        take(np.concatenate([buffer, np.zeros(padding + missing, np.float32)]))
    values, per_column = columns.finish()
    return Power(np.ascontiguousarray(values.T), per_column, n_samples)


class _Means:
    """Columns, each the mean of as many frames as it takes to have no more than so many."""

    def __init__(self, most: int, n_rows: int) -> None:
        self._most, self._per = most, 1
        self._columns = np.empty((0, n_rows), np.float32)
        self._fresh: list[NDArray[np.float32]] = []
        self._n = 0
        self._rest = np.zeros(n_rows, np.float64)  # the sum of the frames of the next column
        self._n_rest = 0

    def add(self, frames: NDArray[np.float32]) -> None:
        """(n_frames, n_rows)"""
        while len(frames):
            if self._n_rest or len(frames) < self._per:
                some = frames[: self._per - self._n_rest]
                self._rest += some.sum(axis=0)
                self._n_rest += len(some)
                if self._n_rest == self._per:
                    self._keep((self._rest / self._per)[None])
                    self._rest[:], self._n_rest = 0.0, 0
            else:
                some = frames[: len(frames) // self._per * self._per]
                self._keep(some.reshape(-1, self._per, some.shape[1]).mean(axis=1))
            frames = frames[len(some) :]
            while self._n + (self._n_rest > 0) > self._most:
                self._halve()

    def _keep(self, columns: NDArray[np.floating]) -> None:
        self._fresh.append(columns.astype(np.float32))
        self._n += len(columns)

    def _halve(self) -> None:
        columns = np.concatenate([self._columns, *self._fresh])
        if len(columns) % 2:
            # Too few frames for one of the new columns: the next frames complete it.
            self._rest += columns[-1].astype(np.float64) * self._per
            self._n_rest += self._per
            columns = columns[:-1]
        self._columns = columns.reshape(-1, 2, columns.shape[1]).mean(axis=1)
        self._fresh, self._n = [], len(self._columns)
        self._per *= 2

    def finish(self) -> tuple[NDArray[np.float32], int]:
        """Columns (n_columns, n_rows), and frames per column."""
        if self._n_rest:
            self._keep((self._rest / self._n_rest)[None])
        return np.concatenate([self._columns, *self._fresh]), self._per


def fewer_columns(decibels: NDArray[np.floating], most: int = MOST_COLUMNS) -> NDArray[np.floating]:
    """A spectrogram in decibels (n_rows, n_columns) in at most so many columns, means of power."""
    n_columns = decibels.shape[1]
    if n_columns <= most:
        return decibels
    edges = np.linspace(0, n_columns, most + 1).astype(np.int64)
    # A row at a time, so that hours take no second copy.
    means = np.empty((len(decibels), most), np.float32)
    for row, mean in zip(decibels, means, strict=True):
        mean[:] = np.add.reduceat(10.0 ** (row / 10.0), edges[:-1]) / np.diff(edges)
    shown: NDArray[np.floating] = 10.0 * np.log10(np.maximum(means, 1e-30))
    return shown


def _blocks(sound: Sound, most_dims: int) -> Iterator[NDArray[np.float32]]:
    """Blocks of a moderate size: (n_channels, n_samples), of at least one sample."""
    whole: Iterable[NDArray[np.floating]] = sound if isinstance(sound, Iterator) else [sound]
    for part in whole:
        rows = np.asarray(part)
        if rows.ndim not in range(1, most_dims + 1) or (
            rows.size == 0 and not isinstance(sound, Iterator)
        ):
            raise InvalidArgument(_shape_words(rows.shape, most_dims))
        rows = np.atleast_2d(rows)
        for start in range(0, rows.shape[1], _BLOCK_SAMPLES):
            yield rows[:, start : start + _BLOCK_SAMPLES].astype(np.float32, copy=False)


def _shape_words(shape: tuple[int, ...], most_dims: int) -> str:
    wanted = "(n_samples,)" + (" or (n_channels, n_samples)" if most_dims == 2 else "")
    advice = ": average the channels first" if most_dims == 1 and len(shape) == 2 else ""
    return f"waveform must have the shape {wanted} with at least one sample, not {shape}{advice}"
