"""What an embedding is made of: blocks, each of which compares tracks in one respect.

An embedding is the concatenation of its facets, such as sound, rhythm and harmony. The block of a
facet has the length sqrt(weight), the weights sum to 1, so the whole has unit length and

    a @ b = sum of weight * cosine over the facets:

a similarity is the weighted mean of what the facets say, and can be told as the sum of their
shares. Another weighting is a factor for each block of the query alone: what is stored stays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

__all__ = ["SOUND", "Facet", "Facets"]

SOUND = "sound"
"""The facet of a model that has no others."""

# Weights are written with so many decimals; what rounding has left of their sum is no mistake.
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True)
class Facet:
    """A block of an embedding.

    Attributes
    ----------
    name : a word, such as "rhythm".
    size : numbers in the block.
    weight : its share of a similarity where nobody asks for another.
    """

    name: str
    size: int
    weight: float


@dataclass(frozen=True)
class Facets:
    """The layout of an embedding.

    Parameters
    ----------
    facets : in the order of their blocks; the weights are scaled to the sum 1.

    Raises
    ------
    InvalidArgument : no facet, a name that is no word or there twice, a size below 1, a weight that
        is not above 0.
    """

    facets: tuple[Facet, ...]

    def __post_init__(self) -> None:
        names = [facet.name for facet in self.facets]
        if not names or len(set(names)) < len(names):
            raise InvalidArgument(f"facets must have names of their own, not {names}")
        for facet in self.facets:
            if not (isinstance(facet.name, str) and facet.name.isidentifier()):
                raise InvalidArgument(f"the name of a facet must be a word, not {facet.name!r}")
            whole_number(f"the size of the facet {facet.name!r}", facet.size, least=1)
            what = f"the weight of the facet {facet.name!r}"
            if number(what, facet.weight, least=0) == 0:
                raise InvalidArgument(f"{what} is 0: it must be above 0")
        total = math.fsum(facet.weight for facet in self.facets)
        scaled = tuple(Facet(each.name, each.size, each.weight / total) for each in self.facets)
        object.__setattr__(self, "facets", scaled)

    @classmethod
    def one(cls, size: int) -> Facets:
        """The layout of a model without facets: the whole is its sound."""
        return cls((Facet(SOUND, size, 1.0),))

    def __iter__(self) -> Iterator[Facet]:
        return iter(self.facets)

    def __len__(self) -> int:
        return len(self.facets)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In the order of their blocks."""
        return tuple(facet.name for facet in self.facets)

    @cached_property
    def size(self) -> int:
        """Of the whole embedding."""
        return sum(facet.size for facet in self.facets)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where the block of each facet lies in an embedding."""
        found, start = {}, 0
        for facet in self.facets:
            found[facet.name] = slice(start, start + facet.size)
            start += facet.size
        return found

    def normalise(self, embeddings: NDArray[np.floating]) -> FloatArray:
        """Each block scaled to the length sqrt(weight); one of zeros stays.

        Parameters
        ----------
        embeddings : (..., size).

        Returns
        -------
        float32 (..., size), unit length where no block is of zeros.
        """
        import numpy as np

        self._check_size(embeddings)
        made = np.array(embeddings, dtype=np.float32)
        for facet in self.facets:
            block = made[..., self.slices[facet.name]]
            lengths = np.sqrt(np.einsum("...i,...i->...", block, block))[..., None]
            block /= np.maximum(lengths, np.float32(1e-12))
            if facet.weight != 1.0:
                block *= np.float32(math.sqrt(facet.weight))
        return made

    def similarities(
        self, rows: NDArray[np.generic], queries: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """``normalise(rows) @ queries.T`` in less time: the products are scaled, not the rows.

        Parameters
        ----------
        rows : (n, size), blocks of any length, such as the 8 bits that are stored of excerpts.
        queries : (m, size), as :meth:`normalise` or :meth:`reweight` makes them.

        Returns
        -------
        float32 (n, m).
        """
        import numpy as np

        self._check_size(rows)
        self._check_size(queries)
        wide, towards = rows.astype(np.float32), queries.astype(np.float32)
        found = np.zeros((len(rows), len(queries)), np.float32)
        for facet in self.facets:
            block = wide[:, self.slices[facet.name]]
            lengths = np.sqrt(np.einsum("ij,ij->i", block, block))
            scales = np.float32(math.sqrt(facet.weight)) / np.maximum(lengths, np.float32(1e-12))
            found += (block @ towards[:, self.slices[facet.name]].T) * scales[:, None]
        return found

    def weights(self, weights: Mapping[str, float] | None = None) -> dict[str, float]:
        """The share of each facet in a similarity, sum 1.

        Parameters
        ----------
        weights : by name, any numbers from 0 on, not all 0: a facet that is not named keeps its
            default, so that ``{"rhythm": 0}`` leaves out the rhythm.

        Raises
        ------
        InvalidArgument : a facet that is not there (the message names those that are), a weight
            below 0 or no number, or only zeros.
        """
        found = {facet.name: facet.weight for facet in self.facets}
        for name, weight in (weights or {}).items():
            if name not in found:
                raise InvalidArgument(f"weights name {name!r}: {self._described()}")
            found[name] = number(f"the weight of {name!r}", weight, least=0)
        # By the largest first: weights may be so small or large that a sum says nothing.
        largest = max(found.values())
        if largest == 0:
            raise InvalidArgument("all weights are 0: one must be above 0")
        scaled = {name: weight / largest for name, weight in found.items()}
        total = math.fsum(scaled.values())
        return {name: weight / total for name, weight in scaled.items()}

    def factors(self, weights: Mapping[str, float]) -> FloatArray:
        """What a query is multiplied by, so that its products with embeddings are similarities
        under these weights: (size,). Raises as :meth:`weights`."""
        import numpy as np

        wanted = self.weights(weights)
        return np.repeat(
            np.array([wanted[each.name] / each.weight for each in self.facets], np.float32),
            [each.size for each in self.facets],
        )

    def reweight(
        self, query: NDArray[np.floating], weights: Mapping[str, float] | None
    ) -> FloatArray:
        """A query whose products with embeddings are similarities under other weights:
        ``query @ rows`` is sum(w * cosine) / sum(w) over the facets.

        Parameters
        ----------
        query : (..., size), as :meth:`normalise` makes it.
        weights : as for :meth:`weights`; None or none changes nothing.
        """
        import numpy as np

        self._check_size(query)
        if not weights:
            return np.asarray(query, np.float32)
        made: FloatArray = query.astype(np.float32) * self.factors(weights)
        return made

    def cosines(self, a: NDArray[np.floating], b: NDArray[np.floating]) -> dict[str, float]:
        """The cosine of two embeddings (size,) in each facet; 0 where one's block is of zeros."""
        import numpy as np

        self._check_size(a)
        self._check_size(b)
        found = {}
        for name, block in self.slices.items():
            one, other = a[block].astype(np.float64), b[block].astype(np.float64)
            lengths = math.sqrt(one @ one) * math.sqrt(other @ other)
            found[name] = float(one @ other) / lengths if lengths else 0.0
        return found

    def shares(
        self,
        a: NDArray[np.floating],
        b: NDArray[np.floating],
        weights: Mapping[str, float] | None = None,
    ) -> dict[str, float]:
        """What each facet adds to the similarity of two embeddings (size,): these sum to it."""
        cosines = self.cosines(a, b)
        return {name: share * cosines[name] for name, share in self.weights(weights).items()}

    def to_json(self) -> list[dict[str, Any]]:
        """As a model file and the library keep it."""
        return [
            {"name": facet.name, "size": facet.size, "weight": round(facet.weight, 6)}
            for facet in self.facets
        ]

    @classmethod
    def from_json(cls, found: Any) -> Facets:
        """What :meth:`to_json` made.

        Raises
        ------
        ValueError : it has another form; the message has it.
        """
        wanted = '[{"name": "sound", "size": 80, "weight": 0.6}, ...]'
        try:
            made = tuple(Facet(each["name"], each["size"], each["weight"]) for each in found)
            total = math.fsum(facet.weight for facet in made)
            layout = cls(made)
        except (TypeError, KeyError, InvalidArgument) as error:
            text = json.dumps(found)[:200]
            raise ValueError(f"its facets must be {wanted}, not {text} ({error})") from error
        if abs(total - 1) > _ROUNDING:
            raise ValueError(f"the weights of its facets must sum to 1, not {total:g}")
        return layout

    def _check_size(self, embeddings: NDArray[np.generic]) -> None:
        if embeddings.shape[-1:] != (self.size,):
            raise InvalidArgument(
                f"embeddings of shape {embeddings.shape} do not fit facets of "
                f"{' + '.join(str(each.size) for each in self.facets)} = {self.size} numbers"
            )

    def _described(self) -> str:
        if len(self) == 1:
            return f"the model has no facets to weigh, only {self.names[0]}"
        return f"the model has the facets {', '.join(self.names[:-1])} and {self.names[-1]}"
