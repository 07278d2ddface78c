"""How all tracks of a view fit some seeds, for one listener."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ModelMismatch
from soundalike.library.similar_records import TasteUse
from soundalike.library.view import View
from soundalike.similarity.distribution import DECIMALS, PairDistribution
from soundalike.similarity.seeds import SeedScores, score_seeds
from soundalike.similarity.taste import LIKING_SHARE, Metric, Taste

__all__ = ["Ranking"]


class Ranking:
    """
    Parameters
    ----------
    seeds, without : (n, D), what the tracks are to be like, and unlike; None for nothing.
    weights : of facets, as ``Facets.weights`` takes them; they go before those of a taste.
    taste : to rank by; None for none.

    Attributes
    ----------
    scored : by the metric alone.
    scores : float32 (n,), with what is liked.
    distribution : of similarities by that metric.
    use : what of the taste had a say; None for nothing.

    Raises
    ------
    ModelMismatch : the taste is about embeddings of another model.
    """

    def __init__(
        self,
        view: View,
        seeds: NDArray[np.float32],
        without: NDArray[np.float32] | None,
        weights: Mapping[str, float] | None,
        taste: Taste | None,
    ) -> None:
        self._index, self._layout = view.index, view.layout
        self._seeds, self._without = seeds, without
        self._asked = weights
        taste = taste or Taste(view.model)
        if taste.model != view.model:
            raise ModelMismatch(
                f"the taste is about embeddings of {taste.model}, the library answers with "
                f"{view.model}: fit it again (recommend.taste.taste_of)"
            )
        self._metric = taste.metric
        if weights and self._metric is not None:
            own = self._metric.with_weights(view.layout.weights(weights))
            self._metric = None if own.is_plain else own
        self.scored = self._scored(self._metric)
        self.scores = self.scored.scores
        self.distribution = self._measured()
        self._likings: NDArray[np.float32] | None = None
        most = 0.0
        if taste.liking is not None:
            most = LIKING_SHARE * self.distribution.spread
            self._likings = taste.liking.of(self._index.embeddings)
            self.scores = self.scores + np.float32(most) * self._likings
        self.use: TasteUse | None = None
        if self._metric is not None or self._likings is not None:
            self.use = TasteUse(
                weights=self._metric is not None and not weights,
                metric=self._metric is not None and not self._metric.is_plain,
                liking=self._likings is not None,
                most=round(most, DECIMALS),
            )

    @property
    def weights(self) -> dict[str, float]:
        """The share of each facet in the similarities."""
        return self._layout.weights(self._asked if self._metric is None else self._metric.weights)

    def cosines(self, seed: NDArray[np.float32], row: int) -> dict[str, float]:
        """Of a seed and a row, by facet."""
        embedding = self._index.embeddings[row]
        if self._metric is None:
            return self._layout.cosines(seed, embedding)
        return self._metric.cosines(seed, embedding)

    def liking_of(self, row: int) -> float | None:
        """From -1 (surely disliked) to 1; None where no liking is used."""
        return None if self._likings is None else round(float(self._likings[row]), DECIMALS)

    def ranks_without(self, rows: Sequence[int], left_out: Collection[int]) -> dict[int, int]:
        """The places of some rows if there were neither taste nor limits; none where there is no
        taste.

        Parameters
        ----------
        left_out : rows that are not ranked.
        """
        if self.use is None or not rows:
            return {}
        scores = np.round(self._scored(None).scores.astype(np.float64), DECIMALS)
        others = np.sort(np.delete(scores, sorted(left_out)))
        before = len(others) - np.searchsorted(others, scores[list(rows)], side="right")
        return dict(zip(rows, (1 + before).tolist(), strict=True))

    def _scored(self, metric: Metric | None) -> SeedScores:
        return score_seeds(
            self._seeds,
            self._index.embeddings,
            self._layout,
            without=self._without,
            weights=self._asked,
            metric=metric,
            lengths=None if metric is None else self._index.lengths(metric),
        )

    def _measured(self) -> PairDistribution:
        if self._metric is not None:
            return self._index.under(self._metric)
        return self._index.weighed(self._layout.factors(self._asked) if self._asked else None)
