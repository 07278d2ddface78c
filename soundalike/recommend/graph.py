"""Which tracks are near to which, as a graph: the exact nearest of each, and back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.distribution import check_matrix
from soundalike.similarity.matrix import CosineSimilarities
from soundalike.similarity.neighbours import nearest_exact

__all__ = ["NeighbourGraph", "neighbour_graph"]

# Edges of which the embeddings are gathered at once: twice 70 MB, of 272 numbers each.
_BLOCK_EDGES = 65_536


@dataclass(frozen=True)
class NeighbourGraph:
    """Edges between near tracks, each in both directions, ascending by row and then by neighbour.

    Attributes
    ----------
    starts : int64 (n + 1,): the edges of row i are those from ``starts[i]`` to before
        ``starts[i + 1]``.
    neighbours : int64 (n_edges,), the other track of each edge.
    similarities : float32 (n_edges,), their cosine.
    """

    starts: NDArray[np.int64] = field(repr=False)
    neighbours: NDArray[np.int64] = field(repr=False)
    similarities: NDArray[np.float32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> NDArray[np.int64]:
        """int64 (n_edges,), the row of each edge."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))


def neighbour_graph(
    embeddings: NDArray[np.float32], k: int, *, mutual: bool = False
) -> NeighbourGraph:
    """Join each track with its k nearest.

    Exact, by products of 256 rows at a time with all: of 100,000 tracks 100 MB at once, never all
    pairs.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    k : nearest of each track, itself not among them; all others where there are fewer.
    mutual : join two tracks where each is among the nearest of the other: no more than k edges a
        track, some have none. Else where one is, so each has at least k, and a hub very many.

    Raises
    ------
    InvalidArgument : k below 1, or embeddings that are no matrix of numbers.
    """
    check_matrix(embeddings)
    n = len(embeddings)
    nearest = nearest_exact(CosineSimilarities(embeddings), k).rows.astype(np.int64)
    rows, others = np.repeat(np.arange(n), nearest.shape[1]), nearest.ravel()
    keys = np.minimum(rows, others) * n + np.maximum(rows, others)
    pairs, times = np.unique(keys, return_counts=True)
    if mutual:
        pairs = pairs[times == 2]
    one, other = pairs // max(n, 1), pairs % max(n, 1)
    rows, others = np.concatenate([one, other]), np.concatenate([other, one])
    order = np.lexsort((others, rows))
    rows, others = rows[order], others[order]
    similarities = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK_EDGES):
        block = slice(start, start + _BLOCK_EDGES)
        np.einsum(
            "ed,ed->e", embeddings[rows[block]], embeddings[others[block]], out=similarities[block]
        )
    return NeighbourGraph(
        starts=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64),
        neighbours=others,
        similarities=similarities,
    )
