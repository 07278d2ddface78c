"""What sets a group of tracks apart from the library that it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facets
from soundalike.models.contract import Words
from soundalike.words.rank import verdicts

__all__ = [
    "Trait",
    "closeness",
    "heard_words",
    "mean_cosines",
    "means",
    "name_of",
    "rare_words",
    "traits_of",
]

# What holds for fewer of the group's tracks tells little of it, however rare it is elsewhere.
_LEAST_SHARE: Final = 0.2
_LEAST_LIFT: Final = 1.3
_LEAST_TRACKS: Final = 2
# What a group lacks is news where so many tracks of the library have it, and so few of the group.
_USUAL_SHARE: Final = 0.2
_RARE_LIFT: Final = 1 / 3
# By chance alone, the share in a group of this size is as far off once in twenty times.
_DEVIATIONS: Final = 1.96
_TOP_SHARE: Final = 0.1
_MOST: Final = 5
_MOST_RARE: Final = 2
# What is said of these makes a poor name; moods only where there is nothing else.
_NAMELESS: Final = frozenset({"other"})
_SECOND: Final = frozenset({"mood"})


@dataclass(frozen=True, slots=True)
class Trait:
    """A word or a genre in a group.

    Attributes
    ----------
    name : such as "piano".
    kind : "genre", or the group of the word: "instrument", "voice", "style", "mood", "other".
    share : 0 to 1, of the group's tracks for which the word holds; of a genre its mean probability.
    in_library : the same of the whole library.
    """

    name: str
    kind: str
    share: float
    in_library: float

    @property
    def lift(self) -> float:
        """How many times as much of it there is as in the library."""
        return self.share / self.in_library if self.in_library else 0.0


def heard_words(words: Words, probabilities: NDArray[np.floating]) -> NDArray[np.float32]:
    """Which words hold for which tracks: float32 (n, n_words), 1, 0, or NaN where it is not known.

    Those words that the model can be sure of. Where there are none, as for a model with tags, a
    word counts as holding for the tenth of the tracks that has most of it.
    """
    found = np.full(probabilities.shape, np.nan, np.float32)
    is_ever_sure = any(word.precision is not None for word in words)
    for column, word in enumerate(words):
        values = probabilities[:, column]
        known = ~np.isnan(values)
        if word.precision is not None:
            found[known, column] = verdicts(values[known], word) == "yes"
        elif not is_ever_sure and known.any():
            found[known, column] = values[known] > np.quantile(values[known], 1 - _TOP_SHARE)
    return found


def means(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far things hold for tracks on the whole: (m,).

    Parameters
    ----------
    shares : (n, m), how far something holds for a track, 0 to 1; NaN where that is not known. A
        column in which nothing is known has the mean 0.
    """
    known = ~np.isnan(shares)
    sums = np.where(known, shares, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(sums / np.maximum(known.sum(axis=0), 1))


def traits_of(
    shares: NDArray[np.floating],
    usual: NDArray[np.floating],
    names: Sequence[str],
    kinds: Sequence[str],
) -> tuple[Trait, ...]:
    """What there is more of in a group than in the library, what tells most first.

    That is what adds most to the divergence of the group from the library, share times
    log(share / share in the library): it holds for many of the group, and for few elsewhere.

    Parameters
    ----------
    shares : (n, m), of the group's tracks, as for :func:`means`.
    usual : (m,), the means of the library.
    names, kinds : m each.
    """
    found = []
    for trait, size in _compared(shares, usual, names, kinds):
        is_much = trait.share >= _LEAST_SHARE and trait.share * size >= _LEAST_TRACKS
        if is_much and trait.lift >= _LEAST_LIFT and not _by_chance(trait, size):
            found.append(trait)
    found.sort(key=lambda trait: -trait.share * np.log(trait.lift))
    return tuple(found[:_MOST])


def rare_words(
    shares: NDArray[np.floating],
    usual: NDArray[np.floating],
    names: Sequence[str],
    kinds: Sequence[str],
) -> tuple[Trait, ...]:
    """What a group lacks though it is usual in the library; parameters as of :func:`traits_of`."""
    found = [
        trait
        for trait, size in _compared(shares, usual, names, kinds)
        if trait.in_library >= _USUAL_SHARE
        and trait.lift <= _RARE_LIFT
        and not _by_chance(trait, size)
    ]
    found.sort(key=lambda trait: trait.share - trait.in_library)
    return tuple(found[:_MOST_RARE])


def name_of(traits: Iterable[Trait], taken: Iterable[str] = ()) -> str | None:
    """A name for a group by what sets it apart, such as "folk, piano"; None where that is nothing.

    Parameters
    ----------
    traits : what tells most first.
    taken : names of other groups: where one is the same, a further word tells them apart.
    """
    usable = [each for each in traits if each.kind not in _NAMELESS]
    usable.sort(key=lambda trait: trait.kind in _SECOND)
    chosen: list[str] = []
    seen: set[str] = set()
    for trait in usable:
        tokens = set(trait.name.split())
        # "rock, hard rock" says hardly more than one of them.
        if tokens & seen:
            continue
        chosen.append(trait.name)
        seen |= tokens
        name = ", ".join(chosen)
        if len(chosen) >= 2 and name not in taken:
            return name
    name = ", ".join(chosen)
    return name if chosen and name not in taken else None


def mean_cosines(embeddings: NDArray[np.float32], layout: Facets) -> dict[str, float]:
    """How alike tracks are in each facet: the mean over all their pairs, each with itself among
    them, which is the square of the length of their mean."""
    found = {}
    for name, block in layout.slices.items():
        part = embeddings[:, block]
        unit = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        found[name] = float((unit.mean(axis=0, dtype=np.float64) ** 2).sum())
    return found


def closeness(group: Mapping[str, float], library: Mapping[str, float]) -> dict[str, float]:
    """By facet, 0 where the tracks of a group are as alike as those of the library, and 1 where
    they are all the same; of what :func:`mean_cosines` tells of both."""
    return {name: (group[name] - usual) / max(1 - usual, 1e-12) for name, usual in library.items()}


def _compared(
    shares: NDArray[np.floating],
    usual: NDArray[np.floating],
    names: Sequence[str],
    kinds: Sequence[str],
) -> list[tuple[Trait, int]]:
    """Each of the names in the group and the library, and of how many of the group it is known."""
    sizes = (~np.isnan(shares)).sum(axis=0).tolist()
    columns = zip(names, kinds, means(shares).tolist(), usual.tolist(), sizes, strict=True)
    return [
        (Trait(name, kind, share, in_library), size)
        for name, kind, share, in_library, size in columns
        if size
    ]


def _by_chance(trait: Trait, size: int) -> bool:
    """Whether tracks drawn from the library may well have as much or as little of it."""
    usual = trait.in_library
    deviation = np.sqrt(usual * (1 - usual) / size)
    return bool(abs(trait.share - usual) < _DEVIATIONS * deviation)
