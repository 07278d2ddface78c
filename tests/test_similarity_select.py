"""Choosing under rules, against a walk that looks at every row at every place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.similarity.select import Barred, Selection, select


@dataclass
class Case:
    """Rows with all that rules may ask about them."""

    scores: list[float]
    artists: list[frozenset[str]]
    albums: list[int]
    recordings: list[int]
    barred: list[str]  # "" for a row that may come
    exclude: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)

    def copies_of(self, rows: Sequence[int]) -> list[list[int]]:
        return [
            [other for other in range(len(self.scores)) if other != row and self._same(row, other)]
            for row in rows
        ]

    def _same(self, a: int, b: int) -> bool:
        return self.recordings[a] == self.recordings[b]

    @property
    def order(self) -> list[int]:
        rows = [row for row, score in enumerate(self.scores) if score > -np.inf]
        return sorted(rows, key=lambda row: (-round(self.scores[row], 6), row))

    def rules(self) -> Barred:
        names = sorted({name for name in self.barred if name})
        masks = {name: np.array([each == name for each in self.barred]) for name in names}
        return Barred(len(self.scores), masks)

    def select(self, k: int, **rules: Any) -> Selection:
        groups = {
            artists: code for code, artists in enumerate(sorted(set(self.artists), key=sorted))
        }
        return select(
            np.array(self.scores, np.float32),
            k,
            exclude=self.exclude,
            before=self.before,
            barred=self.rules(),
            artists_of=lambda rows: [self.artists[row] for row in rows],
            artist_groups=np.array([groups[each] for each in self.artists], np.int64),
            album_codes=np.array(self.albums, np.int64),
            copies_of=self.copies_of,
            **rules,
        )

    def slowly(
        self,
        k: int,
        max_per_artist: int | None = None,
        artist_gap: int | None = None,
        max_per_album: int | None = None,
    ) -> list[int]:
        """The rows that must come out: at each place the best that breaks no rule."""
        chosen = list(self.before)
        taken = {*self.exclude, *self.before}
        taken.update(row for own in self.copies_of(self.before) for row in own)
        while len(chosen) < k + len(self.before):
            artists = Counter(name for row in chosen for name in self.artists[row])
            albums = Counter(self.albums[row] for row in chosen)
            last = chosen[-artist_gap:] if artist_gap else []
            near = {name for row in last for name in self.artists[row]}
            for row in self.order:
                full = {
                    name for name in self.artists[row] if artists[name] >= (max_per_artist or 99)
                }
                is_full_album = self.albums[row] and albums[self.albums[row]] >= (
                    max_per_album or 99
                )
                if row in taken or self.barred[row] or full or is_full_album:
                    continue
                if near & self.artists[row]:
                    continue
                chosen.append(row)
                taken.update([row, *self.copies_of([row])[0]])
                break
            else:
                break
        return chosen[len(self.before) :]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    scores = np.round(rng.normal(size=n), draw(st.sampled_from([1, 6])))
    scores[rng.random(n) < 0.1] = -np.inf
    names = "ABCDE"[: draw(st.integers(1, 5))]
    free = rng.permutation(n)
    n_exclude, n_before = draw(st.integers(0, min(3, n))), draw(st.integers(0, 2))
    return Case(
        scores=np.float32(scores).astype(float).tolist(),
        artists=[frozenset(rng.choice(list(names), rng.integers(0, 3))) for _ in range(n)],
        albums=rng.integers(0, 6, n).tolist(),
        recordings=rng.integers(0, n * 2, n).tolist(),
        barred=rng.choice(["", "", "", "", "length", "genre"], n).tolist(),
        exclude=free[:n_exclude].tolist(),
        before=free[n_exclude : n_exclude + n_before].tolist(),
    )


limits = st.fixed_dictionaries(
    {},
    optional={
        "max_per_artist": st.integers(1, 3),
        "artist_gap": st.integers(0, 4),
        "max_per_album": st.integers(1, 3),
    },
)


@settings(max_examples=200)
@given(cases(), limits, st.integers(1, 45))
def test_the_best_that_breaks_no_rule_comes_at_every_place(
    case: Case, rules: dict[str, int], k: int
) -> None:
    expected = case.slowly(k, **rules)
    try:
        found = case.select(k, **rules)
    except InvalidArgument:
        assert expected == []
        return
    assert [each.row for each in found.chosen] == expected
    assert [each.rank for each in found.chosen] == list(range(1, len(expected) + 1))


@settings(max_examples=200)
@given(cases(), limits, st.integers(1, 45))
def test_what_was_passed_over_is_told_with_the_rule_that_took_it(
    case: Case, rules: dict[str, int], k: int
) -> None:
    try:
        found = case.select(k, **rules)
    except InvalidArgument:
        return
    # As without any rule, but for what was left out, and copies of what stood before.
    outside = {*case.exclude, *case.before}
    outside.update(row for own in case.copies_of(case.before) for row in own)
    order = [row for row in case.order if row not in outside]
    chosen = [each.row for each in found.chosen]
    copies = {row for each in found.chosen for row in each.copies}
    deepest = 0
    for place, each in enumerate(found.chosen):
        assert order[each.rank_before - 1] == each.row
        between = order[deepest : each.rank_before - 1]
        assert [over.row for over in each.passed_over] == between[: len(each.passed_over)]
        assert len(each.passed_over) == min(20, len(between))
        assert sum(each.passed_counts.values()) == len(between)
        assert Counter(over.rule for over in each.passed_over) == each.passed_counts
        for over in each.passed_over:
            assert order[over.rank - 1] == over.row
            now = [*case.before, *chosen[:place]]
            artists = Counter(name for row in now for name in case.artists[row])
            albums = Counter(case.albums[row] for row in now)
            match over.rule:
                case "artist":
                    most = rules["max_per_artist"]
                    assert any(artists[name] >= most for name in case.artists[over.row])
                case "artist gap":
                    assert rules["artist_gap"] > 0
                    assert over.row not in chosen[:place]
                case "album":
                    assert albums[case.albums[over.row]] >= rules["max_per_album"]
                case "copy":
                    assert over.row in copies
                case _:
                    assert over.rule == case.barred[over.row]
        deepest = max(deepest, each.rank_before)
    rest = len(order) - deepest if len(chosen) < k else 0
    assert sum(found.rest.values()) == rest


def simple(n: int = 6, **more: Any) -> Case:
    """Rows whose scores fall, each by an artist of its own."""
    columns: dict[str, Any] = {
        "scores": [1 - row / 100 for row in range(n)],
        "artists": [frozenset({f"artist {row}"}) for row in range(n)],
        "albums": [0] * n,
        "recordings": list(range(n)),
        "barred": [""] * n,
    }
    return Case(**(columns | more))


def chosen(found: Selection) -> list[int]:
    return [each.row for each in found.chosen]


def test_a_collaboration_counts_for_each_of_its_artists() -> None:
    case = simple(artists=[frozenset(names) for names in ("AB", "A", "B", "C", "AC", "D")])
    assert chosen(case.select(6, max_per_artist=1)) == [0, 3, 5]


def test_unknown_artists_and_albums_are_never_limited() -> None:
    case = simple(artists=[frozenset()] * 6)
    assert chosen(case.select(6, max_per_artist=1, max_per_album=1, artist_gap=3)) == list(range(6))


def test_a_row_that_waits_comes_as_soon_as_it_may() -> None:
    case = simple(artists=[frozenset(name) for name in "AAABCD"])
    assert chosen(case.select(6, artist_gap=1)) == [0, 3, 1, 4, 2, 5]
    assert chosen(case.select(6, artist_gap=2)) == [0, 3, 4, 1, 5]
    found = case.select(2, artist_gap=1)
    assert [(over.row, over.rule) for over in found.chosen[1].passed_over] == [
        (1, "artist gap"),
        (2, "artist gap"),
    ]


def test_what_stands_before_counts() -> None:
    case = simple(artists=[frozenset(name) for name in "AABBCD"], before=[0, 2])
    assert chosen(case.select(6, max_per_artist=1)) == [4, 5]
    assert chosen(case.select(6, artist_gap=1)) == [1, 3, 4, 5]
    case = simple(recordings=[7, 1, 7, 3, 4, 5], before=[2])
    assert chosen(case.select(6)) == [1, 3, 4, 5]
    case = simple(3, artists=[frozenset("A")] * 3, before=[0])
    with pytest.raises(InvalidArgument, match="nothing of 2 tracks: artist gap takes 2"):
        case.select(6, artist_gap=1)


def test_many_that_are_passed_over_are_counted_not_named() -> None:
    n = 1000
    case = simple(n, artists=[frozenset("A")] * 500 + [frozenset({f"{row}"}) for row in range(500)])
    found = case.select(3, max_per_artist=1)
    assert chosen(found) == [0, 500, 501]
    second = found.chosen[1]
    assert second.rank_before == 501
    assert len(second.passed_over) == 20
    assert second.passed_counts == {"artist": 499}
    assert found.passed_counts == {"artist": 499}


def test_artists_are_asked_for_once_in_a_group() -> None:
    asked: list[int] = []

    def artists_of(rows: Sequence[int]) -> list[tuple[int]]:
        asked.extend(rows)
        return [(int(groups[row]),) for row in rows]

    groups = np.repeat(np.arange(10), 1000)
    scores = np.linspace(1, 0, 10_000, dtype=np.float32)
    found = select(scores, 30, artists_of=artists_of, artist_groups=groups, max_per_artist=2)
    assert chosen(found) == [row for first in range(0, 10_000, 1000) for row in (first, first + 1)]
    assert sorted(groups[asked].tolist()) == list(range(10))
    assert found.rest == {"artist": 10_000 - 9002}
    assert found.passed_counts == {"artist": 10_000 - 20}


def test_limits_that_leave_nothing_say_which_takes_most() -> None:
    case = simple(barred=["genre", "genre", "length", "genre", "genre", "genre"])
    with pytest.raises(InvalidArgument) as caught:
        case.select(3)
    assert str(caught.value) == (
        "the limits leave nothing of 6 tracks: genre takes 5, length takes 1. "
        "Loosen the limit on genre first"
    )
    case = simple(artists=[frozenset("A")] * 6, before=[0])
    with pytest.raises(InvalidArgument, match=r"nothing of 5 tracks: artist takes 5\."):
        case.select(3, max_per_artist=1)


def test_how_much_a_rule_takes_is_counted_by_itself() -> None:
    masks = {"length": np.array([True, True, False]), "genre": np.array([True, True, True])}
    barred = Barred(3, masks)
    assert barred.counts == {"length": 2, "genre": 3}
    assert barred.codes.tolist() == [1, 1, 2]
    assert not barred.allowed.any()
    assert Barred(3).allowed.all()


def test_nothing_to_choose_from_is_no_error() -> None:
    assert select(np.zeros(0, np.float32), 3).chosen == ()
    assert select(np.zeros(2, np.float32), 3, exclude=[0, 1]).chosen == ()
    assert select(np.full(2, -np.inf, np.float32), 3).chosen == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"max_per_artist": 1}, "max_per_artist needs artists_of"),
        ({"artist_gap": 1}, "artist_gap needs artists_of"),
        ({"artist_gap": -1}, "artist_gap is -1"),
        ({"max_per_album": 1}, "one album code for each of the 3 rows, got none"),
        ({"max_per_album": 1, "album_codes": np.zeros(2)}, "3 rows, got 2"),
        ({"artist_groups": np.zeros(2)}, "artist_groups has 2 rows, the scores have 3"),
        ({"barred": Barred(2)}, "barred has 2 rows, the scores have 3"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        select(np.zeros(3, np.float32), **({"k": 2} | arguments))
