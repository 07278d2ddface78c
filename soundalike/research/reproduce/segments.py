"""Tracks cut into segments, and the two ways to split them: by track, or as if each stood alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import InvalidArgument
from soundalike.research.datasets.frames import SEGMENT_MARK, SPLITS, LogMelSet

__all__ = ["SEGMENTS_PER_TRACK", "cut", "shuffle_segments", "source_tracks"]

Rows = npt.NDArray[np.int64]

SEGMENTS_PER_TRACK: Final = 10


def cut(data: LogMelSet, n_segments: int = SEGMENTS_PER_TRACK) -> LogMelSet:
    """Each track as ``n_segments`` segments of equal length, which stay on their track's side.

    A rest of fewer frames than ``n_segments`` is dropped. Segments are named ``track#0`` and so on.

    Raises
    ------
    InvalidArgument : a segment would have no frame.
    """
    n_tracks, n_mels, n_frames = data.log_mel.shape
    size = n_frames // n_segments
    if n_segments < 1 or not size:
        raise InvalidArgument(f"{n_frames} frames cannot be cut into {n_segments} segments")
    frames = data.log_mel[:, :, : size * n_segments].reshape(n_tracks, n_mels, n_segments, size)
    numbers = np.arange(n_segments)
    return replace(
        data,
        log_mel=np.ascontiguousarray(frames.transpose(0, 2, 1, 3)).reshape(-1, n_mels, size),
        tracks=tuple(f"{name}{SEGMENT_MARK}{i}" for name in data.tracks for i in numbers),
        labels=np.repeat(data.labels, n_segments),
        artists=np.repeat(data.artists, n_segments),
        splits={
            side: (rows[:, None] * n_segments + numbers).reshape(-1)
            for side, rows in data.splits.items()
        },
        min_db=None if data.min_db is None else np.repeat(data.min_db, n_segments),
    )


def shuffle_segments(data: LogMelSet, rows: Rows, sizes: dict[str, int], seed: int) -> LogMelSet:
    """The set with a new split: segments of ``rows`` split at random, regardless of their track.

    Parameters
    ----------
    sizes : segments of each side, by the names in ``SPLITS``; together as many as ``rows``.

    Raises
    ------
    InvalidArgument : the sizes do not add up.
    """
    counts = [sizes[side] for side in SPLITS]
    if sum(counts) != len(rows):
        raise InvalidArgument(f"{counts} segments asked for, and there are {len(rows)}")
    order = np.random.default_rng(seed).permutation(rows)
    parts = np.split(order, np.cumsum(counts)[:-1])
    return replace(data, splits=dict(zip(SPLITS, map(np.sort, parts), strict=True)))


def source_tracks(data: LogMelSet, rows: Rows) -> Rows:
    """Number of the track that each segment was cut from, int64 (n_rows,)."""
    names = [data.tracks[row].partition(SEGMENT_MARK)[0] for row in rows]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)
