"""Rules of a selection about what was chosen before: how many of an artist, or of an album."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument

__all__ = ["AlbumRule", "ArtistRule", "ArtistsOf", "rule_words"]

ArtistsOf = Callable[[Sequence[int]], Sequence[Collection[Hashable]]]
"""The artists of each of some rows; none for an unknown one."""


def rule_words(name: str) -> str:
    """What a rule is called in a sentence; that on single tracks is a list that somebody chose,
    such as a playlist, or what a player has.

    >>> rule_words("track")
    'choice of tracks'
    """
    return "choice of tracks" if name == "track" else name


class ArtistRule:
    """How many of an artist, and how soon again."""

    def __init__(
        self,
        n: int,
        artists_of: ArtistsOf | None,
        groups: NDArray[np.integer] | None,
        most: int | None,
        gap: int | None,
    ) -> None:
        self.most = None if most is None else whole_number("max_per_artist", most, least=1)
        self.gap = whole_number("artist_gap", gap or 0, least=0)
        self.is_used = self.most is not None or self.gap > 0
        if self.is_used and artists_of is None:
            name = "max_per_artist" if self.most is not None else "artist_gap"
            raise InvalidArgument(f"{name} needs artists_of: who the artists of a row are")
        self._artists_of = artists_of
        self.groups: NDArray[np.integer] = np.arange(n) if groups is None else groups
        if len(self.groups) != n:
            raise InvalidArgument(f"artist_groups has {len(self.groups)} rows, the scores have {n}")
        self._known: dict[int, frozenset[Hashable]] = {}
        self._counts: Counter[Hashable] = Counter()
        self._last: list[frozenset[Hashable]] = []

    def learn(self, rows: Sequence[int]) -> None:
        """Have the artists of some rows at hand."""
        if not self.is_used or self._artists_of is None:
            return
        new = {}
        for row in rows:
            group = int(self.groups[row])
            if group not in self._known and group not in new:
                new[group] = row
        if new:
            found = self._artists_of(list(new.values()))
            self._known.update(
                (group, frozenset(artists)) for group, artists in zip(new, found, strict=True)
            )

    def of(self, row: int) -> frozenset[Hashable]:
        group = int(self.groups[row])
        if group not in self._known:
            self.learn([row])
        return self._known.get(group, frozenset())

    def is_full(self, row: int) -> bool:
        """Whether an artist of this row has all that it may have."""
        most = self.most
        return most is not None and any(self._counts[each] >= most for each in self.of(row))

    def must_wait(self, artists: frozenset[Hashable]) -> bool:
        return any(artists & each for each in self._last)

    def note(self, row: int) -> None:
        if not self.is_used:
            return
        artists = self.of(row)
        self._counts.update(artists)
        if self.gap:
            self._last = [*self._last, artists][-self.gap :]


class AlbumRule:
    """How many of an album."""

    def __init__(self, n: int, codes: NDArray[np.integer] | None, most: int | None) -> None:
        self.most = None if most is None else whole_number("max_per_album", most, least=1)
        if self.most is not None and (codes is None or len(codes) != n):
            given = "none" if codes is None else len(codes)
            raise InvalidArgument(
                f"max_per_album needs one album code for each of the {n} rows, got {given}"
            )
        self.codes = codes if self.most is not None else None
        self._counts: Counter[int] = Counter()

    def note(self, row: int) -> int | None:
        """Count a row; the code of its album where that is full now."""
        if self.codes is None or self.most is None or not (code := int(self.codes[row])):
            return None
        self._counts[code] += 1
        return code if self._counts[code] == self.most else None
