"""Similarities of all pairs of a collection, a few rows at a time.

The whole matrix of 20,000 tracks is 1.6 GB; nothing needs it at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument

__all__ = ["CosineSimilarities", "GivenSimilarities", "Similarities", "blocks"]

# Rows at a time: of 20,000 tracks 20 MB in float32.
_BLOCK_ROWS = 256


class Similarities(Protocol):
    """All pairs of n items; high is close. An item's similarity with itself is never used."""

    @property
    def n_items(self) -> int: ...

    def rows(self, start: int, stop: int) -> NDArray[np.floating]:
        """Of the items from ``start`` to before ``stop`` with all, (stop - start, n_items): an
        array of its own, that may be written to."""
        ...


class CosineSimilarities:
    """Cosines of embeddings.

    Parameters
    ----------
    embeddings : (n, D), any length; a row of zeros has the similarity 0 with all.

    Raises
    ------
    InvalidArgument : no matrix, or values that are no numbers.
    """

    def __init__(self, embeddings: NDArray[np.generic]) -> None:
        if embeddings.ndim != 2:
            raise InvalidArgument(f"embeddings must have shape (n, D), got {embeddings.shape}")
        wide = embeddings.astype(np.float64)
        if not np.isfinite(wide).all():
            raise InvalidArgument("the embeddings hold NaN or infinite values")
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
        self._unit: NDArray[np.float32] = wide.astype(np.float32)

    @property
    def n_items(self) -> int:
        return len(self._unit)

    def rows(self, start: int, stop: int) -> NDArray[np.floating]:
        return np.asarray(self._unit[start:stop] @ self._unit.T)


class GivenSimilarities:
    """A matrix that is there already.

    Parameters
    ----------
    matrix : (n, n); row i holds the similarities of the query i. Need not be symmetric.

    Raises
    ------
    InvalidArgument : not square, or values that are no numbers beside the diagonal.
    """

    def __init__(self, matrix: NDArray[np.floating]) -> None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise InvalidArgument(f"similarities must have shape (n, n), got {matrix.shape}")
        if np.isnan(matrix[~np.eye(len(matrix), dtype=bool)]).any():
            raise InvalidArgument("the similarities hold values that are no numbers")
        self._matrix = matrix

    @property
    def n_items(self) -> int:
        return len(self._matrix)

    def rows(self, start: int, stop: int) -> NDArray[np.floating]:
        return self._matrix[start:stop].copy()


def blocks(similarities: Similarities) -> Iterator[tuple[int, NDArray[np.floating]]]:
    """All rows, some at a time: the number of the first, and the rows."""
    for start in range(0, similarities.n_items, _BLOCK_ROWS):
        yield start, similarities.rows(start, min(start + _BLOCK_ROWS, similarities.n_items))
