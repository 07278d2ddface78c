"""How a listener compares the tracks of a view: under weights of facets, and by a taste."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ModelMismatch
from soundalike.library.similar_records import TasteUse
from soundalike.similarity.distribution import DECIMALS, PairDistribution
from soundalike.similarity.taste import LIKING_SHARE, Taste

if TYPE_CHECKING:
    from soundalike.library.view import View

__all__ = ["Listener"]

Floats = NDArray[np.float32]


class Listener:
    """
    Parameters
    ----------
    weights : of facets, as ``Facets.weights`` takes them; they go before those of a taste.
    taste : to compare and rank by; None for none.

    Attributes
    ----------
    asked : the weights as they were given; None for those of the model, or of the metric.
    metric : in place of the model's, with the weights; None where the model's is used.

    Raises
    ------
    ModelMismatch : the taste is about embeddings of another model.
    InvalidArgument : a facet that the model does not have.
    """

    def __init__(
        self, view: View, weights: Mapping[str, float] | None = None, taste: Taste | None = None
    ) -> None:
        self._index, self._layout = view.index, view.layout
        self.asked = weights
        taste = taste or Taste(view.model)
        if taste.model != view.model:
            raise ModelMismatch(
                f"the taste is about embeddings of {taste.model}, the library answers with "
                f"{view.model}: fit it again (recommend.taste.taste_of)"
            )
        self.metric = taste.metric
        if weights and self.metric is not None:
            own = self.metric.with_weights(view.layout.weights(weights))
            self.metric = None if own.is_plain else own
        self._liking = taste.liking

    @cached_property
    def weights(self) -> dict[str, float]:
        """The share of each facet in the similarities."""
        return self._layout.weights(self.asked if self.metric is None else self.metric.weights)

    @property
    def key(self) -> Hashable:
        """Equal for those who compare alike, whatever they like."""
        if self.metric is not None:
            return self.metric.key
        return tuple(sorted((self.asked or {}).items()))

    @cached_property
    def distribution(self) -> PairDistribution:
        """Of similarities."""
        if self.metric is not None:
            return self._index.under(self.metric)
        return self._index.weighed(self._layout.factors(self.asked) if self.asked else None)

    def distribution_of(self, facet: str) -> PairDistribution:
        """Of similarities in one facet alone."""
        if len(self._layout) == 1:
            return self.distribution
        alone = {name: float(name == facet) for name in self._layout.names}
        if self.metric is not None and not self.metric.is_plain:
            return self._index.under(self.metric.with_weights(alone))
        return self._index.weighed(self._layout.factors(alone))

    def transform(self, embeddings: Floats) -> Floats:
        """Embeddings (n, D) of which the products are similarities: unit length as well.

        ``Facets.reweight`` puts all of the weights on one side of a product, this half on each.
        """
        if self.metric is not None:
            return self.metric.transform(embeddings)
        if not self.asked:
            return embeddings
        return embeddings * np.sqrt(self._layout.factors(self.asked))

    def cosines(self, a: Floats, b: Floats) -> dict[str, float]:
        """Of two embeddings (D,), by facet; weighed, these sum to the similarity."""
        if self.metric is None:
            return self._layout.cosines(a, b)
        return self.metric.cosines(a, b)

    def shares(self, a: Floats, b: Floats) -> dict[str, float]:
        """What each facet adds to the similarity of two embeddings (D,): these sum to it."""
        cosines = self.cosines(a, b)
        return {name: share * cosines[name] for name, share in self.weights.items()}

    def similarity(self, a: Floats, b: Floats) -> float:
        """Of two embeddings (D,)."""
        return math.fsum(self.shares(a, b).values())

    def matrix(self, a: Floats, b: Floats) -> Floats:
        """The similarities of embeddings (n, D) and (m, D), (n, m)."""
        if self.metric is not None:
            return self.metric.transform(a) @ self.metric.transform(b).T
        return np.asarray(self._layout.reweight(a, self.asked) @ b.T)

    @cached_property
    def most(self) -> float:
        """What a track gains that is surely liked, in units of the similarity; 0 for nothing."""
        return 0.0 if self._liking is None else LIKING_SHARE * self.distribution.spread

    @cached_property
    def bonus(self) -> Floats | None:
        """float32 (n,), what each row gains or loses for what is liked; None for nothing."""
        return None if self._likings is None else np.float32(self.most) * self._likings

    def liking_of(self, row: int) -> float | None:
        """From -1 (surely disliked) to 1; None where no liking is used."""
        return None if self._likings is None else round(float(self._likings[row]), DECIMALS)

    @property
    def use(self) -> TasteUse | None:
        """What of the taste has a say; None for nothing."""
        if self.metric is None and self._liking is None:
            return None
        return TasteUse(
            weights=self.metric is not None and not self.asked,
            metric=self.metric is not None and not self.metric.is_plain,
            liking=self._liking is not None,
            most=round(self.most, DECIMALS),
        )

    @cached_property
    def _likings(self) -> Floats | None:
        return None if self._liking is None else self._liking.of(self._index.embeddings)
