"""Choosing from a ranking under rules: so many of an artist, none of a recording twice.

The rows are walked from the best on. What a rule forbids is passed over, and the answer says so:
each chosen row knows its place before the rules, and what was passed over before it, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.similarity.best import best_first
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.rules import AlbumRule, ArtistRule, ArtistsOf, rule_words

if TYPE_CHECKING:
    from soundalike.similarity.codes import Estimates

__all__ = [
    "ALBUM",
    "ARTIST",
    "ARTIST_GAP",
    "COPY",
    "VERSION",
    "ArtistsOf",
    "Barred",
    "CopiesOf",
    "PassedOver",
    "Selected",
    "Selection",
    "select",
]

CopiesOf = Callable[[Sequence[int]], Sequence[Sequence[int]]]
"""For each of some rows the others that hold the same."""

ARTIST, ARTIST_GAP, ALBUM = "artist", "artist gap", "album"
COPY, VERSION = "copy", "version"
"""The rules that depend on what was chosen before."""

# Rows that are named before one chosen row, and in a whole answer; the others are counted.
_NAMED_AT_ONCE, _NAMED = 20, 200
# Rows of which the artists, and the copies, are asked for at once, at most. Copies cost more, and a
# limit may take a row before its turn.
_ASKED, _ASKED_COPIES = 256, 32
# No candidate: left out, or without a score.
_OUTSIDE = -1
_CHOSEN = -2


@dataclass(frozen=True, eq=False)
class Barred:
    """Rows that cannot be chosen, whatever else is chosen.

    Parameters
    ----------
    n : rows in all.
    masks : by the name of a rule, bool (n,), True where it bars a row. A row that several bar is
        told to be barred by the first.
    """

    n: int
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @cached_property
    def codes(self) -> NDArray[np.int8]:
        """int8 (n,): 0 for a row that may be chosen, else the number of its rule, from 1."""
        codes = np.zeros(self.n, np.int8)
        for code, mask in enumerate(self.masks.values(), start=1):
            codes[mask & (codes == 0)] = code
        return codes

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """bool (n,): what may be chosen."""
        return np.equal(self.codes, 0)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows each rule bars by itself; several may bar one."""
        return self.counted(np.ones(self.n, np.bool_))

    def counted(self, among: NDArray[np.bool_]) -> dict[str, int]:
        """The same among some rows, bool (n,)."""
        return {name: int(np.count_nonzero(mask & among)) for name, mask in self.masks.items()}


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A row that a rule kept from being chosen.

    Attributes
    ----------
    rank : before the rules, from 1.
    rule : the name of the rule that took it.
    of : of a copy or version the row that stands for it.
    """

    row: int
    rank: int
    rule: str
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """A row that was chosen.

    Attributes
    ----------
    rank : its place in the answer, from 1.
    rank_before : its place before the rules, among all rows but those that were left out.
    copies, versions : the rows that it stands for as well, ascending.
    passed_over : the rows that were passed over since the one before, best first; only the first
        twenty, and fewer where many were passed over before.
    passed_counts : how many were passed over since the one before, by rule: all of them.
    """

    row: int
    rank: int
    rank_before: int
    copies: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    passed_counts: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen.

    Attributes
    ----------
    chosen : in order.
    rest : where fewer were found than asked for, what was passed over after the last, by rule.
    """

    chosen: tuple[Selected, ...]
    rest: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def passed_counts(self) -> dict[str, int]:
        """How many were passed over in all, by rule."""
        found: Counter[str] = Counter(self.rest)
        for each in self.chosen:
            found.update(each.passed_counts)
        return dict(found)


def select(
    scores: NDArray[np.floating],
    k: int,
    *,
    exclude: Sequence[int] = (),
    before: Sequence[int] = (),
    barred: Barred | None = None,
    artists_of: ArtistsOf | None = None,
    artist_groups: NDArray[np.integer] | None = None,
    max_per_artist: int | None = None,
    artist_gap: int | None = None,
    album_codes: NDArray[np.integer] | None = None,
    max_per_album: int | None = None,
    copies_of: CopiesOf | None = None,
    versions_of: CopiesOf | None = None,
    estimates: Estimates | None = None,
) -> Selection:
    """The rows with the highest scores that the rules allow, the highest first.

    Parameters
    ----------
    scores : (n,), no NaN; equal ones, to ``DECIMALS`` places, keep their order. A row with minus
        infinity does not come out.
    k : how many at most; fewer when there are no more.
    exclude : rows that must not come out and do not count, such as the query's own.
    before : rows that stand before the answer, in order, as in a list that is gone on with: they do
        not come out again, and count for all rules.
    barred : what cannot be chosen at all.
    artists_of : needed for the limits on artists; asked for few rows at a time. A row without
        artists is never limited: two unknown artists need not be the same.
    artist_groups : (n,), equal for rows that have the same artists for certain, so that one of them
        is asked about; by default each row is.
    max_per_artist : at most this many rows by one artist; a row by several counts for each.
    artist_gap : none of the last this many rows is by an artist of the next. A row that has to wait
        comes as soon as it may, so that the scores need not fall along the answer.
    album_codes : (n,), needed for max_per_album; 0 is unknown, and never limited.
    max_per_album : at most this many rows of one album.
    copies_of : of rows that hold the same, the first in the ranking comes out and stands for all;
        asked for few of the best rows. None where all may come out.
    versions_of : likewise; asked for what is chosen alone.
    estimates : whose ``scores`` these are, where they are only nearly right yet.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range, shapes that do not fit, or rules
        that take all there is: the message says which take how much.
    """
    k = whole_number("k", k, least=1)
    barred = Barred(len(scores)) if barred is None else barred
    if barred.n != len(scores):
        raise InvalidArgument(f"barred has {barred.n} rows, the scores have {len(scores)}")
    same = [of(before) for of in (copies_of, versions_of) if of and len(before)]
    walk = _Walk(
        scores,
        [*exclude, *before, *(row for rows in same for own in rows for row in own)],
        barred,
        ArtistRule(len(scores), artists_of, artist_groups, max_per_artist, artist_gap),
        AlbumRule(len(scores), album_codes, max_per_album),
        copies_of,
        versions_of,
        estimates,
    )
    for row in before:
        walk.note(row)
    walk.go(k)
    if not walk.chosen and walk.candidates.any():
        raise InvalidArgument(walk.nothing_left())
    return walk.selection(is_all=len(walk.chosen) < k)


class _Walk:
    """From the best row on. What is decided about a row is in ``_why``, and its score then gone
    from ``_work``; whole groups at once, so that a walk past an artist of a thousand tracks costs
    no more than past one of ten."""

    def __init__(
        self,
        scores: NDArray[np.floating],
        outside: Sequence[int],
        barred: Barred,
        artists: ArtistRule,
        albums: AlbumRule,
        copies_of: CopiesOf | None,
        versions_of: CopiesOf | None,
        estimates: Estimates | None,
    ) -> None:
        self._estimates = estimates
        self._barred = barred
        self.names = (*barred.masks, ARTIST, ARTIST_GAP, ALBUM, COPY, VERSION)
        self._code = {name: 1 + place for place, name in enumerate(self.names)}
        self._scores = scores
        self._why = barred.codes.copy()
        self._why[scores == -np.inf] = _OUTSIDE
        self._why[list(outside)] = _OUTSIDE
        self.candidates: NDArray[np.bool_] = self._why != _OUTSIDE
        self._work = scores.copy()
        self._work[self._why != 0] = -np.inf
        self._artists = artists
        self._albums = albums
        self._copies_of = copies_of
        self._versions_of = versions_of
        self._known_copies: dict[int, Sequence[int]] = {}
        # By what is a copy or version what stands for it.
        self._stands_for: dict[int, int] = {}
        # Left out, chosen, or the same as one that is.
        self._taken = set(outside)
        # Groups that wait for their artist's gap to pass, and what ever waited.
        self._waiting: dict[int, NDArray[np.intp]] = {}
        self._waited: NDArray[np.bool_] | None = None
        self.chosen: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []

    def go(self, k: int) -> None:
        """Choose until there are k, or no more."""
        depth = k
        while len(self.chosen) < k:
            if self._estimates is not None:
                new = self._estimates.settle_best(depth, self._work)
                self._work[new] = self._scores[new]
            best = best_first(self._work, depth, decimals=DECIMALS).tolist()
            if not best:
                return
            depth = max(k - len(self.chosen), 4 * depth)
            for place, row in enumerate(best):
                if place % _ASKED == 0:
                    self._artists.learn(best[place : place + _ASKED])
                if not self._is_free(row):
                    continue
                self._look_for_copies(row, best[place:], k - len(self.chosen))
                better_came_back = self._choose(row)
                if len(self.chosen) == k:
                    return
                if better_came_back:
                    depth = k - len(self.chosen)
                    break

    def note(self, row: int) -> bool:
        """Count a row for the rules; whether others may come again for it."""
        self._artists.note(row)
        album = self._albums.note(row)
        if album is not None and self._albums.codes is not None:
            self._take(np.flatnonzero(self._albums.codes == album), ALBUM)
        if not self._artists.gap:
            return False
        free = [g for g, rows in self._waiting.items() if not self._must_wait(int(rows[0]))]
        for group in free:
            rows = self._waiting.pop(group)
            rows = rows[self._why[rows] == 0]
            self._work[rows] = self._scores[rows]
        return bool(free)

    def _must_wait(self, row: int) -> bool:
        return self._artists.must_wait(self._artists.of(row))

    def _is_free(self, row: int) -> bool:
        """Whether a row may be chosen now; else all of its group are set aside."""
        if self._work[row] == -np.inf:
            return False
        if not self._artists.is_used:
            return True
        if self._artists.is_full(row):
            self._take(self._group(row), ARTIST)
            return False
        if self._must_wait(row):
            rows = self._group(row)
            rows = rows[self._work[rows] > -np.inf]
            self._waiting[int(self._artists.groups[row])] = rows
            if self._waited is None:
                self._waited = np.zeros(len(self._work), np.bool_)
            self._waited[rows] = True
            self._work[rows] = -np.inf
            return False
        return True

    def _group(self, row: int) -> NDArray[np.intp]:
        return np.flatnonzero(self._artists.groups == self._artists.groups[row])

    def _look_for_copies(self, row: int, ahead: Sequence[int], wanted: int) -> None:
        """Ask for the copies of a row, and of as many at once as may be needed yet."""
        if self._copies_of is None or row in self._known_copies:
            return
        free = (each for each in ahead if self._work[each] > -np.inf)
        fits = (each for each in free if not self._artists.is_full(each))
        asked = [
            each
            for each in islice(fits, min(wanted, _ASKED_COPIES))
            if each not in self._known_copies
        ]
        self._known_copies.update(zip(asked, self._copies_of(asked), strict=True))

    def _choose(self, row: int) -> bool:
        """Take a row, and its copies with it; whether others may come again for it."""
        self._taken.add(row)
        copies = self._same(row, self._known_copies.get(row, ()), COPY)
        others = () if self._versions_of is None else self._versions_of([row])[0]
        self._why[row] = _CHOSEN
        self._work[row] = -np.inf
        self.chosen.append((row, copies, self._same(row, others, VERSION)))
        return self.note(row)

    def _same(self, row: int, others: Sequence[int], rule: str) -> tuple[int, ...]:
        """Have a row stand for those of others that are not taken yet."""
        own = tuple(each for each in others if each not in self._taken)
        self._taken.update(own)
        self._stands_for.update(dict.fromkeys(own, row))
        self._take(np.array(own, np.intp), rule)
        return own

    def _take(self, rows: NDArray[np.intp], rule: str) -> None:
        rows = rows[self._why[rows] == 0]
        self._why[rows] = self._code[rule]
        self._work[rows] = -np.inf

    def selection(self, *, is_all: bool) -> Selection:
        """What was chosen, with what was passed over.

        Parameters
        ----------
        is_all : whether the walk came to the end.
        """
        chosen = [row for row, *_ in self.chosen]
        if not chosen:
            return Selection(())
        # Every row down to the last that was chosen, best first.
        bound = -np.inf if is_all else self._scores[chosen].min() - 2 * 10.0**-DECIMALS
        if self._estimates is not None:
            least = bound - self._estimates.error
            self._estimates.settle(np.flatnonzero(self.candidates & (self._scores >= least)))
        seen = np.flatnonzero(self.candidates & (self._scores >= bound))
        values = np.round(self._scores[seen].astype(np.float64), DECIMALS)
        ranked = seen[np.argsort(-values, kind="stable")]
        place_of = np.zeros(len(self._scores), np.intp)
        place_of[ranked] = np.arange(len(ranked))
        found, deepest, named = [], 0, 0
        for rank, (row, copies, versions) in enumerate(self.chosen, start=1):
            place = int(place_of[row])
            over = ranked[deepest:place]
            names = min(_NAMED_AT_ONCE, _NAMED - named, len(over))
            named += max(0, names)
            over_names = tuple(
                PassedOver(each, deepest + 1 + n, self._rule(each), self._stands_for.get(each))
                for n, each in enumerate(over[:names].tolist())
            )
            counts = self._counted(over)
            found.append(Selected(row, rank, place + 1, copies, versions, over_names, counts))
            deepest = max(deepest, place + 1)
        return Selection(tuple(found), self._counted(ranked[deepest:]) if is_all else {})

    def _rule(self, row: int) -> str:
        """What kept a row from coming at its place."""
        waited = self._waited is not None and self._waited[row]
        return ARTIST_GAP if waited else self.names[self._why[row] - 1]

    def _counted(self, rows: NDArray[np.intp]) -> dict[str, int]:
        codes = self._why[rows].astype(np.intp)
        if self._waited is not None:
            codes[self._waited[rows]] = self._code[ARTIST_GAP]
        counts = np.bincount(codes, minlength=1 + len(self.names))[1:]
        return {n: c for n, c in zip(self.names, counts.tolist(), strict=True) if c}

    def nothing_left(self) -> str:
        """Why nothing was chosen: how much each rule takes by itself, the most first."""
        kept = self._why > 0 if self._waited is None else (self._why > 0) | self._waited
        counts = self._counted(np.flatnonzero(self.candidates & kept))
        by_itself = self._barred.counted(self.candidates)
        counts |= {name: count for name, count in by_itself.items() if count}
        most = sorted(counts.items(), key=lambda each: -each[1])
        n = int(np.count_nonzero(self.candidates))
        takes = ", ".join(f"{rule_words(name)} takes {count:,}" for name, count in most)
        return (
            f"the limits leave nothing of {n:,} tracks: {takes}. Loosen the limit on "
            f"{rule_words(most[0][0])} first"
        )
