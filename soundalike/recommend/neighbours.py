"""The k nearest tracks of every track of a library: all of them at once.

Up to some ten thousand tracks every pair is compared. Beyond that the tracks are put into cells by
k-means, and a track is compared with those in the cells that it is nearest to (an inverted file;
Sivic and Zisserman 2003): at 100,000 tracks this finds 99 % of the ten nearest in a twentieth of
the comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument

__all__ = ["Neighbours", "Progress", "best_columns", "nearest"]

Floats = NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

# So many tracks are compared pair by pair.
_EXACT_UP_TO = 20_000
# Cells that a track is compared with, and tracks of which the cells are made, for each of them.
_PROBES = 16
_SAMPLED_PER_CELL = 40
_ROUNDS = 8
# Similarities at a time: 16 MB.
_AT_ONCE = 4_000_000
_STEP = "comparing tracks"


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest of each track, best first, without itself.

    Attributes
    ----------
    rows : int32 (n, k).
    similarities : float32 (n, k), descending.
    """

    rows: NDArray[np.int32]
    similarities: Floats

    def __len__(self) -> int:
        return len(self.rows)


def nearest(
    embeddings: Floats, k: int, *, seed: int = 0, progress: Progress | None = None
) -> Neighbours:
    """The k nearest of each track by the products of their embeddings.

    Parameters
    ----------
    embeddings : (n, D), unit length.
    k : how many; fewer where there are no more others.
    seed : of the cells, where there are so many tracks that not all pairs are compared.
    progress : told how many tracks are done.

    Raises
    ------
    InvalidArgument : no matrix, or k is no whole number from 1 on.
    """
    if embeddings.ndim != 2:
        raise InvalidArgument(f"embeddings must have the shape (n, D), not {embeddings.shape}")
    k = whole_number("k", k, least=1)
    n = len(embeddings)
    k = min(k, max(n - 1, 0))
    tell = progress or (lambda *_: None)
    tell(_STEP, 0, n)
    if n <= _EXACT_UP_TO or k == 0:
        return _exact(embeddings, k, tell)
    return _by_cells(embeddings, k, np.random.default_rng(seed), tell)


def best_columns(scores: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """The k highest of each row, the highest first; equal ones in their order.

    Parameters
    ----------
    scores : (n, m), m at least k, no NaN.

    Returns
    -------
    columns and scores, (n, k) each.
    """
    n, m = scores.shape
    per_group = min(32, m // (2 * k)) if k else 0
    if per_group < 2:
        columns = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return columns, np.take_along_axis(scores, columns, axis=1)
    # The maxima of groups are few, and k of them are at least as high as the k-th of those: what
    # is lower than that need not be sorted. Columns of a group lie apart, so that whole rows are
    # compared at a time.
    n_groups = m // per_group
    grouped = scores[:, : n_groups * per_group].reshape(n, per_group, n_groups)
    maxima = grouped.max(axis=1)
    bounds = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]
    rows, columns = np.nonzero(scores >= bounds[:, None])
    values = scores[rows, columns]
    order = np.lexsort((-values, rows))
    counts = np.bincount(rows, minlength=n)
    starts = np.cumsum(counts) - counts
    chosen = order[starts[:, None] + np.arange(k)]
    return columns[chosen], values[chosen]


def _exact(embeddings: Floats, k: int, tell: Progress) -> Neighbours:
    n = len(embeddings)
    found = Neighbours(np.empty((n, k), np.int32), np.empty((n, k), np.float32))
    block = max(1, _AT_ONCE // max(n, 1))
    for start in range(0, n, block):
        stop = min(start + block, n)
        scores = embeddings[start:stop] @ embeddings.T
        scores[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        found.rows[start:stop], found.similarities[start:stop] = best_columns(scores, k)
        tell(_STEP, stop, n)
    return found


def _by_cells(
    embeddings: Floats, k: int, generator: np.random.Generator, tell: Progress
) -> Neighbours:
    n = len(embeddings)
    centres = _centres(embeddings, round(np.sqrt(n)), generator)
    probes = np.empty((n, _PROBES), np.int32)
    block = _AT_ONCE // len(centres)
    for start in range(0, n, block):
        scores = embeddings[start : start + block] @ centres.T
        probes[start : start + block] = best_columns(scores, _PROBES)[0]
    members = _listed(probes[:, 0], len(centres))
    found = Neighbours(np.zeros((n, k), np.int32), np.full((n, k), -np.inf, np.float32))
    # The nearest cell of every track first: what it finds there, few of the others can better.
    for probe in range(_PROBES):
        for cell, queries in enumerate(_listed(probes[:, probe], len(centres))):
            if len(queries) and len(members[cell]):
                _improve(found, embeddings, queries, members[cell])
        tell(_STEP, n * (probe + 1) // _PROBES, n)
    # Where its cells together hold too few others.
    for row in np.flatnonzero(np.isneginf(found.similarities[:, -1])).tolist():
        _improve(found, embeddings, np.array([row]), np.arange(n))
    return found


def _improve(
    found: Neighbours,
    embeddings: Floats,
    queries: NDArray[np.int64],
    members: NDArray[np.int64],
) -> None:
    """Compare some tracks with those of a cell, and keep what is nearer than what was found."""
    scores = embeddings[queries] @ embeddings[members].T
    scores[queries[:, None] == members] = -np.inf
    better = np.flatnonzero(scores.max(axis=1) > found.similarities[queries, -1])
    rows = queries[better]
    if not len(rows):
        return
    both = np.concatenate([found.similarities[rows], scores[better]], axis=1)
    k = found.rows.shape[1]
    columns, values = best_columns(both, k)
    others = np.concatenate(
        [found.rows[rows], np.broadcast_to(members, (len(rows), len(members)))], axis=1
    )
    found.similarities[rows] = values
    found.rows[rows] = np.take_along_axis(others, columns, axis=1)


def _centres(embeddings: Floats, n_cells: int, generator: np.random.Generator) -> Floats:
    """The middles of cells, unit length, by spherical k-means on a sample: (n_cells, D)."""
    size = min(len(embeddings), n_cells * _SAMPLED_PER_CELL)
    sample = embeddings[np.sort(generator.choice(len(embeddings), size, replace=False))]
    centres = sample[generator.choice(size, n_cells, replace=False)]
    for _ in range(_ROUNDS):
        cells = (sample @ centres.T).argmax(axis=1)
        order = np.argsort(cells, kind="stable")
        counts = np.bincount(cells, minlength=n_cells)
        filled = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[filled]
        sums = np.add.reduceat(sample[order], starts, axis=0)
        # A cell that has lost all of its tracks begins anew somewhere.
        centres = sample[generator.choice(size, n_cells, replace=False)]
        centres[filled] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centres


def _listed(cells: NDArray[np.int32], n_cells: int) -> list[NDArray[np.int64]]:
    """The rows in each cell, in order."""
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cells, minlength=n_cells))[:-1])
