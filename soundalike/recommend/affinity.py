"""Who belongs with whom: the nearest of every track as a graph, for groups and for the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Affinities", "affinities", "from_edges", "shares"]

Floats = NDArray[np.float32]

_HALVINGS: Final = 40


@dataclass(frozen=True, eq=False)
class Affinities:
    """A symmetric graph; the edges of a node lie side by side.

    Attributes
    ----------
    starts : int64 (n + 1,); the edges of the node i are those from starts[i] to starts[i + 1].
    targets : int32 (n_edges,), where each leads to. Each is there twice, once from either end.
    weights : float32 (n_edges,), sum 1.
    """

    starts: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1


def affinities(rows: NDArray[np.integer], weights: Floats | None = None) -> Affinities:
    """A graph in which each track is joined with its nearest, and with those whose nearest it is.

    Parameters
    ----------
    rows : (n, k), the nearest of each of n tracks.
    weights : (n, k), what each of them means to the track, sum 1 in each row; by default the same
        for all. An edge weighs the mean of what its ends mean to each other.
    """
    n, k = rows.shape
    if weights is None:
        weights = np.full((n, k), 1 / max(k, 1), np.float32)
    sources, targets = np.repeat(np.arange(n), k), rows.ravel().astype(np.int64)
    return from_edges(
        np.concatenate([sources, targets]),
        np.concatenate([targets, sources]),
        np.tile(weights.ravel() / (2 * n), 2),
        n,
    )


def from_edges(
    sources: NDArray[np.int64],
    targets: NDArray[np.int64],
    weights: NDArray[np.floating],
    n: int,
) -> Affinities:
    """A graph of n nodes from edges in any order; those with the same ends are added up."""
    if not len(sources):
        return Affinities(np.zeros(n + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    keys = sources * n + targets
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    ends = keys[firsts]
    return Affinities(
        starts=np.searchsorted(ends, np.arange(n + 1, dtype=np.int64) * n),
        targets=(ends % n).astype(np.int32),
        weights=np.add.reduceat(weights[order], firsts, dtype=np.float64).astype(np.float32),
    )


def shares(similarities: Floats, perplexity: float) -> Floats:
    """How much each of its nearest means to a track: the closer, the more.

    The weights are Gaussian in the distance, and as wide as gives them the perplexity (two to the
    power of their entropy in bits) that is asked for: van der Maaten and Hinton 2008, equation 1.

    Parameters
    ----------
    similarities : (n, k), of the nearest of each track, the highest first; cosines.
    perplexity : how many count, about.

    Returns
    -------
    float32 (n, k), sum 1 in each row.
    """
    if similarities.size == 0:  # a library of one track: it has no neighbours
        return np.zeros(similarities.shape, np.float32)
    nearness = similarities.astype(np.float64)
    # Of unit length: the square of the distance is 2 - 2 s. What a row has in common cancels out.
    beyond = 2 * (nearness[:, :1] - nearness)
    wanted = np.log(min(perplexity, max(beyond.shape[1], 1)))
    low, high = np.full((len(beyond), 1), -10.0), np.full((len(beyond), 1), 20.0)
    # The entropy falls as the precision rises, whose logarithm is between low and high.
    for _ in range(_HALVINGS):
        precision = np.exp((low + high) / 2)
        weights = np.exp(-precision * beyond)
        sums = weights.sum(axis=1, keepdims=True)
        mean = (weights * beyond).sum(axis=1, keepdims=True) / sums
        is_wide = np.log(sums) + precision * mean > wanted
        low = np.where(is_wide, (low + high) / 2, low)
        high = np.where(is_wide, high, (low + high) / 2)
    return np.asarray(weights / sums, np.float32)
