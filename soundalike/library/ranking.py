"""How all tracks of a view fit some seeds, for one listener."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.seeds import SeedScores, score_seeds

if TYPE_CHECKING:
    from soundalike.library.listener import Listener
    from soundalike.library.view import View
    from soundalike.similarity.taste import Metric

__all__ = ["Ranking"]


class Ranking:
    """
    Parameters
    ----------
    seeds, without : (n, D), what the tracks are to be like, and unlike; None for nothing.

    Attributes
    ----------
    scored : by the listener's metric alone.
    scores : float32 (n,), with what is liked.
    estimates : as of ``scored``.
    """

    def __init__(
        self,
        view: View,
        seeds: NDArray[np.float32],
        without: NDArray[np.float32] | None,
        listener: Listener,
    ) -> None:
        self._index, self._layout = view.index, view.layout
        self._seeds, self._without = seeds, without
        self.listener = listener
        self.scored = self._scored(listener.metric)
        self.scores = self.scored.scores
        self.estimates = self.scored.estimates
        if listener.bonus is not None:
            self.scores = self.scores + listener.bonus

    def scores_without_taste(self) -> NDArray[np.float32]:
        """float32 (n,): what there would be to rank by."""
        return self._scored(None).scores

    def ranks_without(self, rows: Sequence[int], left_out: Collection[int]) -> dict[int, int]:
        """The places of some rows if there were neither taste nor limits; none where there is no
        taste.

        Parameters
        ----------
        left_out : rows that are not ranked.
        """
        if self.listener.use is None or not rows:
            return {}
        scores = np.round(self.scores_without_taste().astype(np.float64), DECIMALS)
        others = np.sort(np.delete(scores, sorted(left_out)))
        before = len(others) - np.searchsorted(others, scores[list(rows)], side="right")
        return dict(zip(rows, (1 + before).tolist(), strict=True))

    def _scored(self, metric: Metric | None) -> SeedScores:
        return score_seeds(
            self._seeds,
            self._index.embeddings,
            self._layout,
            without=self._without,
            weights=self.listener.asked,
            metric=metric,
            lengths=None if metric is None else self._index.lengths(metric),
            # What is added to the scores, and ranks among all, need them as they are.
            codes=self._index.quick_codes if self.listener.use is None else None,
            pick=self._index.pick,
        )
