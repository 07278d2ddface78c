"""How tracks are like what they are recommended for: by facet, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from soundalike.library.listener import Listener
from soundalike.library.similar_records import Heard
from soundalike.library.view import View
from soundalike.recommend.records import Likeness
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.passages import Passage, best_passages, excerpt_spans

__all__ = ["Likenesses"]


class _Side(NamedTuple):
    """One of two that are compared; ``excerpts`` (n, D) and ``spans_s`` (n, 2) may be empty."""

    embedding: NDArray[np.float32]
    excerpts: NDArray[np.float32]
    spans_s: NDArray[np.float64]


class Likenesses:
    """Tells how rows of a view are like seeds, or like other rows.

    Parameters
    ----------
    rows : all rows that will be asked about; their excerpts are read at once.
    listener : who compares them.
    """

    def __init__(self, view: View, rows: Sequence[int], listener: Listener) -> None:
        self._view = view
        self._listener = listener
        once = list(dict.fromkeys(rows))
        self._excerpts = view.excerpts(once)
        self._starts_s = view.excerpt_starts_s(once)

    def between(self, a: Heard | int, b: Heard | int) -> Likeness:
        """How ``b`` is like ``a``; each is what was heard, or one of the rows."""
        one, other = self._side(a), self._side(b)
        listener = self._listener
        shares = listener.shares(one.embedding, other.embedding)
        similarity = round(sum(shares.values()), DECIMALS)
        passage: Passage | None = None
        if len(one.excerpts) and len(other.excerpts):
            matrix = listener.matrix(one.excerpts, other.excerpts)
            passage = next(iter(best_passages(matrix, one.spans_s, other.spans_s, limit=1)), None)
        return Likeness(
            similarity=similarity,
            percentile=listener.distribution.percentile(similarity),
            facets=listener.cosines(one.embedding, other.embedding),
            shares=shares,
            passage=passage,
        )

    def _side(self, what: Heard | int) -> _Side:
        if isinstance(what, Heard):
            row = self._view.row_of(what) if what.seed.is_whole else None
            if row is not None:
                return self._side(row)
            end_s = (what.seed.start_s or 0.0) + what.duration_s
            spans_s = excerpt_spans(what.starts_s, end_s, self._view.excerpt_s)
            return _Side(what.embedding, what.excerpts, spans_s)
        embedding = self._view.index.embeddings[what]
        excerpts, starts_s = self._excerpts.get(what), self._starts_s.get(what)
        if excerpts is None or starts_s is None or len(excerpts) != len(starts_s):
            return _Side(embedding, np.zeros((0, len(embedding)), np.float32), np.zeros((0, 2)))
        duration_s = float(self._view.index.durations_s[what])
        return _Side(embedding, excerpts, excerpt_spans(starts_s, duration_s, self._view.excerpt_s))
