"""What a listener's taste does to a ranking: a metric of its own, and a bonus for what is liked.

*The metric.* Two embeddings are compared facet by facet, as always, but with weights of the
listener's own, and in each facet along some axes more, along others less:

    similarity = sum of w_f * cos_f(a, b),   cos_f(a, b) = a' A_f b / sqrt(a' A_f a * b' A_f b),
    A_f = I + V' diag(g) V

for the blocks a and b of a facet, orthonormal axes V (few: the correction is of low rank) and gains
g > -1. So each facet still tells a cosine, and a similarity is still the weighted mean of what the
facets say. Nothing that is stored changes: a query is transformed, and products with it are divided
by the lengths of the rows, three numbers each.

*The bonus* is bounded: at most half a standard deviation of the similarities of the library's
pairs, up or down.

How they are fitted to judgements says ``soundalike.recommend.taste``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number
from soundalike.errors import InvalidArgument
from soundalike.facets import Facets

__all__ = ["LIKING_SHARE", "Liking", "Metric", "Stretch", "Taste"]

Floats = NDArray[np.float32]

LIKING_SHARE = 0.5
"""Of the standard deviation of similarities: what a track gains that is surely liked."""

# So many digits keep a float32 to the last bit: the same taste gives the same lists.
_DIGITS = 9


@dataclass(frozen=True, eq=False)
class Stretch:
    """Along which axes a facet counts for more, or less.

    Attributes
    ----------
    axes : float32 (r, size), orthonormal rows.
    gains : float32 (r,), above -1: 3 makes what lies along an axis count four times, -0.5 half.
    """

    axes: Floats
    gains: Floats


@dataclass(frozen=True, eq=False)
class Metric:
    """How alike embeddings are, for one listener.

    Attributes
    ----------
    layout : what an embedding is made of.
    weights : the share of each facet, sum 1.
    stretches : by facet; one that is not named is as the model has it.

    Raises
    ------
    InvalidArgument : a facet that is not there, axes that do not fit it, or a gain of -1 or less.
    """

    layout: Facets
    weights: Mapping[str, float]
    stretches: Mapping[str, Stretch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", self.layout.weights(self.weights))
        sizes = {facet.name: facet.size for facet in self.layout}
        for name, stretch in self.stretches.items():
            shape = (len(stretch.gains), sizes.get(name, 0))
            if name not in sizes or stretch.axes.shape != shape:
                raise InvalidArgument(
                    f"axes of shape {stretch.axes.shape} for {name!r} do not fit the facets {sizes}"
                )
            if not (np.isfinite(stretch.axes).all() and (stretch.gains > -1).all()):
                raise InvalidArgument(f"gains of {name!r} are {stretch.gains}: they must be > -1")

    def with_weights(self, weights: Mapping[str, float]) -> Metric:
        """The same with other weights, as ``Facets.weights`` takes them."""
        return replace(self, weights=weights)

    @property
    def is_plain(self) -> bool:
        """Whether it is as the model has it but for the weights."""
        return not self.stretches

    @property
    def key(self) -> str:
        """Equal for equal metrics."""
        digest = hashlib.blake2b(repr(sorted(self.weights.items())).encode(), digest_size=16)
        for name, stretch in sorted(self.stretches.items()):
            digest.update(name.encode() + stretch.axes.tobytes() + stretch.gains.tobytes())
        return digest.hexdigest()

    def queries(self, embeddings: NDArray[np.floating]) -> Floats:
        """What is multiplied with rows: see :meth:`products`.

        Parameters
        ----------
        embeddings : (k, D), as ``Facets.normalise`` makes them.

        Returns
        -------
        float32 (k, D).
        """
        made = self.layout.reweight(embeddings, self.weights).copy()
        lengths = self.lengths(embeddings)
        for n, facet in enumerate(self.layout):
            stretch = self.stretches.get(facet.name)
            if stretch is not None and lengths is not None:
                block = made[:, self.layout.slices[facet.name]]
                block += ((block @ stretch.axes.T) * stretch.gains) @ stretch.axes
                block *= lengths[:, n, None]
        return made

    def lengths(self, rows: NDArray[np.floating]) -> Floats | None:
        """What products with rows are multiplied by, facet by facet: one over the lengths of the
        rows, (n, n_facets); None where all are 1."""
        if self.is_plain:
            return None
        found = np.ones((len(rows), len(self.layout)), np.float32)
        for n, facet in enumerate(self.layout):
            stretch = self.stretches.get(facet.name)
            if stretch is not None:
                block = rows[:, self.layout.slices[facet.name]].astype(np.float32, copy=False)
                along = (block @ stretch.axes.T) ** 2 / np.float32(facet.weight)
                found[:, n] = 1 / np.sqrt(1 + along @ stretch.gains)
        return found

    def products(self, queries: Floats, rows: Floats, lengths: Floats | None) -> Floats:
        """The similarities of some embeddings with some rows, (k, n).

        Parameters
        ----------
        queries : (k, D), from :meth:`queries`.
        rows : (n, D), as they are stored.
        lengths : of those rows, from :meth:`lengths`.
        """
        if lengths is None:
            return _products(queries, rows)
        made = np.zeros((len(queries), len(rows)), np.float32)
        for n, block in enumerate(self.layout.slices.values()):
            made += _products(queries[:, block], rows[:, block]) * lengths[:, n]
        return made

    def transform(self, embeddings: NDArray[np.floating]) -> Floats:
        """Embeddings (n, D) whose plain products are similarities by this metric, unit length."""
        made = np.array(embeddings, np.float32)
        lengths = self.lengths(made)
        for n, facet in enumerate(self.layout):
            block = made[:, self.layout.slices[facet.name]]
            stretch = self.stretches.get(facet.name)
            if stretch is not None and lengths is not None:
                roots = np.sqrt(1 + stretch.gains) - 1
                block += ((block @ stretch.axes.T) * roots) @ stretch.axes
                block *= lengths[:, n, None]
            block *= np.float32(math.sqrt(self.weights[facet.name] / facet.weight))
        return made

    def cosines(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> dict[str, float]:
        """What each facet says of two embeddings (D,); weighed, these sum to the similarity."""
        if self.is_plain:
            return self.layout.cosines(a, b)
        # With the model's own weights, since that of a facet may be 0 here.
        own = replace(self, weights={facet.name: facet.weight for facet in self.layout})
        one, other = own.transform(np.stack([a, b]))
        return self.layout.cosines(one, other)


@dataclass(frozen=True, eq=False)
class Liking:
    """How much a listener likes what sounds like this.

    Attributes
    ----------
    direction : float32 (D,).
    offset : the log odds are ``x @ direction + offset``.
    """

    direction: Floats
    offset: float

    def of(self, rows: NDArray[np.floating]) -> Floats:
        """From -1 (surely disliked) to 1 (surely liked), float32 (n,)."""
        odds = rows.astype(np.float32, copy=False) @ self.direction + np.float32(self.offset)
        return np.asarray(np.tanh(odds / 2), np.float32)


@dataclass(frozen=True, eq=False)
class Taste:
    """What of a listener's taste is in use.

    Attributes
    ----------
    model : whose embeddings it is about, ``name@version``.
    metric : None where the model's own is used.
    liking : None where nothing is liked better than other things.
    """

    model: str
    metric: Metric | None = None
    liking: Liking | None = None

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return self.metric is not None or self.liking is not None

    def to_json(self) -> dict[str, Any]:
        """As a library keeps it."""
        made: dict[str, Any] = {"model": self.model}
        if self.metric is not None:
            made["layout"] = self.metric.layout.to_json()
            made["weights"] = dict(self.metric.weights)
            made["stretches"] = {
                name: {
                    "axes": [_numbers(axis) for axis in stretch.axes],
                    "gains": _numbers(stretch.gains),
                }
                for name, stretch in self.metric.stretches.items()
            }
        if self.liking is not None:
            made["direction"] = _numbers(self.liking.direction)
            made["offset"] = self.liking.offset
        return made

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Taste:
        """What :meth:`to_json` made.

        Raises
        ------
        ValueError : it has another form.
        """
        metric = liking = None
        try:
            if "weights" in found:
                stretches = {
                    name: Stretch(
                        np.array(each["axes"], np.float32).reshape(len(each["gains"]), -1),
                        np.array(each["gains"], np.float32),
                    )
                    for name, each in found["stretches"].items()
                }
                layout = Facets.from_json(found["layout"])
                metric = Metric(layout, found["weights"], stretches)
            if "direction" in found:
                offset = number("offset", found["offset"])
                liking = Liking(np.array(found["direction"], np.float32), offset)
            return cls(str(found["model"]), metric, liking)
        except (KeyError, TypeError, AttributeError, InvalidArgument) as error:
            raise ValueError(f"no taste: {error}") from error


def _products(queries: Floats, rows: Floats) -> Floats:
    """(k, n); of one query by the quicker way."""
    return (rows @ queries[0])[None] if len(queries) == 1 else queries @ rows.T


def _numbers(values: NDArray[np.floating]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]
