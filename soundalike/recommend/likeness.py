"""How tracks are like what they are recommended for: by facet, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.library.similar_records import Heard
from soundalike.library.view import View
from soundalike.recommend.records import Likeness
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.passages import Passage, best_passages, excerpt_spans

__all__ = ["Likenesses", "weighed_rows"]


def weighed_rows(
    view: View, embeddings: NDArray[np.float32], weights: Mapping[str, float] | None
) -> NDArray[np.float32]:
    """Embeddings (n, D) of which the products are similarities under weights: unit length as well.

    ``Facets.reweight`` puts all of the weights on one side of a product, this half on each.
    """
    if not weights:
        return embeddings
    return embeddings * np.sqrt(view.layout.factors(weights))


class Likenesses:
    """Tells how rows of a view are like seeds, or like other rows.

    Parameters
    ----------
    rows : all rows that will be asked about; their excerpts are read at once.
    weights : of facets, as ``Facets.weights`` takes them.
    """

    def __init__(
        self, view: View, rows: Sequence[int], weights: Mapping[str, float] | None
    ) -> None:
        self._view = view
        self._weights = weights
        layout = view.layout
        self._distribution = view.index.weighed(layout.factors(weights) if weights else None)
        once = list(dict.fromkeys(rows))
        self._excerpts = view.excerpts(once)
        self._starts_s = view.excerpt_starts_s(once)

    def of_seed(self, seed: Heard, row: int) -> Likeness:
        """How a row is like a seed. The seed is ``a`` of the passage."""
        excerpts, spans_s = seed.excerpts, self._seed_spans(seed)
        own = self._view.row_of(seed) if seed.seed.is_whole else None
        if not len(excerpts) and own is not None:
            excerpts, spans_s = self._of_row(own)
        return self._likeness(seed.embedding, excerpts, spans_s, row)

    def of_row(self, other: int, row: int) -> Likeness:
        """How a row is like another, which is ``a`` of the passage."""
        return self._likeness(self._view.index.embeddings[other], *self._of_row(other), row)

    def _likeness(
        self,
        embedding: NDArray[np.float32],
        excerpts: NDArray[np.float32],
        spans_s: NDArray[np.float64],
        row: int,
    ) -> Likeness:
        own = self._view.index.embeddings[row]
        layout = self._view.layout
        shares = layout.shares(embedding, own, self._weights)
        similarity = round(sum(shares.values()), DECIMALS)
        own_excerpts, own_spans_s = self._of_row(row)
        passage: Passage | None = None
        if len(excerpts) and len(own_excerpts):
            matrix = layout.reweight(excerpts, self._weights) @ own_excerpts.T
            passage = next(iter(best_passages(matrix, spans_s, own_spans_s, limit=1)), None)
        return Likeness(
            similarity=similarity,
            percentile=self._distribution.percentile(similarity),
            facets=layout.cosines(embedding, own),
            shares=shares,
            passage=passage,
        )

    def _of_row(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        nothing = np.zeros((0, self._view.layout.size), np.float32)
        excerpts, starts_s = self._excerpts.get(row), self._starts_s.get(row)
        if excerpts is None or starts_s is None or len(excerpts) != len(starts_s):
            return nothing, np.zeros((0, 2))
        duration_s = float(self._view.index.durations_s[row])
        return excerpts, excerpt_spans(starts_s, duration_s, self._view.excerpt_s)

    def _seed_spans(self, seed: Heard) -> NDArray[np.float64]:
        end_s = (seed.seed.start_s or 0.0) + seed.duration_s
        return excerpt_spans(seed.starts_s, end_s, self._view.excerpt_s)
