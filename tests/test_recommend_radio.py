"""A radio: what comes by known answers, what likes and skips change, what a state keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.recommend.radio import Pick, Radio


def random_tracks(n: int, seed: int, size: int = 6) -> np.ndarray:
    embeddings = np.random.default_rng(seed).normal(size=(n, size))
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)


def on_circle(degrees: Sequence[float] | np.ndarray) -> np.ndarray:
    angles = np.deg2rad(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def plain(embeddings: np.ndarray, seeds: Any, **arguments: Any) -> Radio:
    """Without chance and without a correction, unless it is asked for."""
    arguments = {"breadth": 0, "popularity": np.zeros(len(embeddings)), **arguments}
    return Radio(embeddings, seeds, **arguments)


def made_by(artists: Sequence[frozenset[int]]) -> Callable[[Sequence[int]], list[frozenset[int]]]:
    return lambda rows: [artists[row] for row in rows]


def rows_of(radio: Radio, n: int) -> list[int]:
    return [pick.row for pick in islice(radio, n)]


def test_without_drift_the_nearest_come_in_order() -> None:
    embeddings = on_circle([0, 50, 10, 40, 30, 20])
    radio = plain(embeddings, [0], drift=0.0)
    assert rows_of(radio, 5) == [2, 5, 4, 3, 1]


def test_with_full_drift_each_is_the_nearest_to_the_one_before() -> None:
    # From 0 to 10; from there -15 is farther than 21, and so on.
    embeddings = on_circle([0, 10, -15, 21, 33, 46])
    assert rows_of(plain(embeddings, [0], drift=1.0, pull=0.0), 5) == [1, 3, 4, 5, 2]
    assert rows_of(plain(embeddings, [0], drift=1.0, pull=1.0), 5) == [1, 2, 3, 4, 5]


def test_the_anchor_moves_as_it_is_said_to() -> None:
    # Drift and pull of 1/2: after 30 degrees the anchor is at 15, then at 7.5.
    embeddings = on_circle([0, 30, 36, -22])
    assert rows_of(plain(embeddings, [0], drift=0.5, pull=0.5, allowed=None), 3) == [3, 1, 2]
    started = plain(embeddings, [0], drift=0.5, pull=0.5, allowed=np.array([1, 1, 1, 0], bool))
    assert next(started).row == 1
    assert started.state()["anchor"] == pytest.approx(
        [np.cos(np.deg2rad(7.5)), np.sin(np.deg2rad(7.5))], abs=1e-6
    )


def test_a_radio_stays_near_its_seed() -> None:
    embeddings = random_tracks(4000, 0, size=12)
    near = [pick.similarity_to_seed for pick in islice(Radio(embeddings, [0]), 100)]
    away = [
        pick.similarity_to_seed for pick in islice(Radio(embeddings, [0], drift=0.5, pull=0.0), 100)
    ]
    assert min(near) > 0.3
    assert np.mean(near[-20:]) > np.mean(away[-20:]) + 0.2


def test_a_pick_says_why() -> None:
    embeddings = random_tracks(300, 1)
    radio = Radio(embeddings, [3, 8], popularity=np.zeros(300))
    mean = embeddings[[3, 8]].mean(axis=0)
    mean /= np.linalg.norm(mean)
    picks = list(islice(radio, 30))
    assert picks[0].similarity_to_previous is None
    came: set[int] = {3, 8}
    for before, pick in zip([None, *picks], picks, strict=False):
        assert pick.similarity_to_seed == pytest.approx(
            float(embeddings[pick.row] @ mean), abs=1e-6
        )
        if before is not None:
            assert pick.similarity_to_previous == pytest.approx(
                float(embeddings[pick.row] @ embeddings[before.row]), abs=1e-6
            )
        assert not {each.row for each in pick.passed_over} & (came | {pick.row})
        assert {each.rule for each in pick.passed_over} <= {"chance"}
        came.add(pick.row)
    # Of the first, the anchor is the seed: all that is nearer was passed over.
    first = picks[0]
    cosines = embeddings @ mean
    nearer = np.flatnonzero(cosines > cosines[first.row])
    assert {each.row for each in first.passed_over} == set(nearer.tolist()) - {3, 8}
    assert any(pick.passed_over for pick in picks)


@settings(max_examples=40)
@given(st.integers(1, 25), st.integers(0, 100), st.data())
def test_all_that_are_allowed_come_before_one_comes_twice(
    n: int, seed: int, data: st.DataObject
) -> None:
    embeddings = random_tracks(n, seed)
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    allowed[data.draw(st.integers(0, n - 1))] = True
    seeds = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=3, unique=True))
    artists = [frozenset({int(code)} - {0}) for code in np.arange(n) % 4]
    radio = Radio(
        embeddings, seeds, seed=seed, allowed=allowed, artists_of=made_by(artists), breadth=2
    )
    everything = set(np.flatnonzero(allowed).tolist())
    by_round: dict[int, list[int]] = {}
    for pick in islice(radio, 3 * len(everything)):
        by_round.setdefault(pick.round, []).append(pick.row)
    for number, rows in by_round.items():
        assert len(rows) == len(set(rows))
        if number == 1:
            assert set(rows) <= everything - set(seeds)
        elif number < max(by_round) and number > 1:
            assert set(rows) <= everything
            assert len(everything) - len(rows) <= 1  # the last of a round is not the next one's
    if everything - set(seeds):
        assert set(by_round[1]) == everything - set(seeds)


def test_the_last_of_a_round_is_not_the_first_of_the_next() -> None:
    radio = Radio(random_tracks(4, 0), [0], breadth=10)
    rows = rows_of(radio, 200)
    assert all(one != other for one, other in pairwise(rows))
    assert rows_of(Radio(random_tracks(1, 0), [0]), 3) == [0, 0, 0]


def test_the_same_seed_gives_the_same_tracks() -> None:
    embeddings = random_tracks(500, 2)
    assert rows_of(Radio(embeddings, [1], seed=5), 50) == rows_of(
        Radio(embeddings, [1], seed=5), 50
    )
    assert rows_of(Radio(embeddings, [1], seed=5), 50) != rows_of(
        Radio(embeddings, [1], seed=6), 50
    )


def two_sides() -> np.ndarray:
    """The seed (row 0) and ten tracks on each side of it, those at 1 to 10 a little nearer."""
    steps = np.arange(10)
    return on_circle(np.concatenate([[0], 20 + steps, -21 - steps]))


def test_a_like_changes_what_follows_at_once() -> None:
    embeddings = two_sides()
    radio = plain(embeddings, [0])
    assert next(radio).row == 1
    radio.like(20)  # at -30 degrees, the farthest on the other side
    assert min(rows_of(radio, 5)) > 10


def test_a_skip_changes_what_follows_at_once() -> None:
    embeddings = two_sides()
    radio = plain(embeddings, [0])
    assert next(radio).row == 1
    radio.skip(1)
    assert min(rows_of(radio, 5)) > 10
    not_skipped = plain(embeddings, [0])
    assert rows_of(not_skipped, 2)[1] < 11


def test_what_is_skipped_does_not_come_and_what_is_like_it_comes_later() -> None:
    embeddings = random_tracks(400, 3)
    first = next(Radio(embeddings, [0])).row
    told, silent = Radio(embeddings, [0]), Radio(embeddings, [0])
    for radio in (told, silent):
        assert next(radio).row == first
    told.skip(first)
    told.skip(7)
    after_skip, after_none = rows_of(told, 398), rows_of(silent, 398)
    assert not {first, 7} & set(after_skip)
    assert np.mean(embeddings[after_skip[:20]] @ embeddings[first]) < np.mean(
        embeddings[after_none[:20]] @ embeddings[first]
    )


@given(st.integers(0, 50))
@settings(max_examples=20)
def test_likes_draw_near(seed: int) -> None:
    embeddings = random_tracks(200, seed)
    liked = int(np.argsort(embeddings @ embeddings[0])[100])
    told, silent = plain(embeddings, [0]), plain(embeddings, [0])
    told.like(liked)
    drawn, not_drawn = (
        np.mean(embeddings[rows_of(radio, 10)] @ embeddings[liked]) for radio in (told, silent)
    )
    assert drawn > not_drawn


def test_an_artist_is_away_for_four_tracks_and_then_for_six() -> None:
    # All near tracks are of artist 1; others are farther away.
    embeddings = on_circle(np.arange(40))
    artists = [frozenset({1}) if row < 12 else frozenset({row}) for row in range(40)]
    picks = list(islice(plain(embeddings, embeddings[:1], artists_of=made_by(artists)), 21))
    places = [place for place, pick in enumerate(picks) if artists[pick.row] == {1}]
    assert places == [0, 5, 12, 19]
    assert {each.rule for each in picks[1].passed_over} == {"artist"}
    assert [each.row for each in picks[1].passed_over] == list(range(1, 12))
    forgetful = plain(embeddings, [0], artists_of=made_by(artists), memory=0.0)
    assert rows_of(forgetful, 3) == [1, 2, 3]


def test_the_artist_of_the_seed_has_just_come() -> None:
    embeddings = on_circle(np.arange(40))
    artists = [frozenset({1}) if row < 12 else frozenset({row}) for row in range(40)]
    rows = rows_of(plain(embeddings, [0], artists_of=made_by(artists)), 6)
    assert [artists[row] == {1} for row in rows] == [False] * 4 + [True, False]


def test_an_artist_that_is_skipped_is_away_for_longer() -> None:
    embeddings = on_circle(np.arange(60))
    artists = [frozenset({1, 2}) if row < 12 else frozenset({row}) for row in range(60)]
    radio = plain(embeddings, embeddings[:1], artists_of=made_by(artists))
    assert next(radio).row == 0
    radio.skip(0)
    after = list(islice(radio, 14))
    assert [artists[each.row] == {1, 2} for each in after] == [False] * 12 + [True, False]
    assert {each.rule for each in after[5].passed_over} == {"skipped artist"}


def test_unknown_artists_are_not_limited_and_one_artist_alone_goes_on() -> None:
    embeddings = on_circle(np.arange(6))
    nobody = plain(embeddings, [0], drift=0.0, artists_of=made_by([frozenset()] * 6))
    assert rows_of(nobody, 5) == [1, 2, 3, 4, 5]
    alone = plain(embeddings, [0], drift=0.0, artists_of=made_by([frozenset({1})] * 6))
    assert rows_of(alone, 5) == [1, 2, 3, 4, 5]
    # Of several that came a short time ago, the one that is longest ago.
    two = [frozenset({1 + row % 2}) for row in range(6)]
    picks = rows_of(plain(embeddings, [0], drift=0.0, artists_of=made_by(two)), 5)
    assert [row % 2 for row in picks] == [1, 0, 1, 0, 1]


def test_a_recording_comes_once_a_round() -> None:
    once = random_tracks(20, 4)
    embeddings = np.concatenate([once, once])

    def copies_of(rows: Sequence[int]) -> list[list[int]]:
        return [[(row + 20) % 40] for row in rows]

    radio = Radio(embeddings, [0], copies_of=copies_of)
    picks = list(islice(radio, 19))
    assert {pick.row % 20 for pick in picks} == set(range(1, 20))
    assert {pick.round for pick in picks} == {1}
    passed = {each.rule for pick in picks for each in pick.passed_over}
    assert passed == {"copy", "chance"}
    assert next(radio).round == 2


def played(embeddings: np.ndarray, radio: Radio) -> list[Pick]:
    picks = list(islice(radio, 10))
    radio.like(picks[3].row)
    picks += islice(radio, 3)
    radio.skip(picks[-1].row)
    return picks + list(islice(radio, 5))


@pytest.mark.parametrize("n_before", [0, 1, 12, 70])
def test_a_state_goes_on_as_if_nothing_had_happened(n_before: int) -> None:
    embeddings = random_tracks(60, 5)
    artists = [frozenset({row % 9, 100 + row % 5}) for row in range(60)]
    allowed = np.arange(60) != 13
    given_again: dict[str, Any] = {
        "artists_of": made_by(artists),
        "allowed": allowed,
        "copies_of": lambda rows: [[row ^ 1] if row > 50 else [] for row in rows],
    }
    radio = Radio(embeddings, [2, 4], seed=9, drift=0.2, breadth=6, memory=0.7, **given_again)
    for _ in range(n_before):
        pick = next(radio)
        if pick.row % 7 == 0:
            radio.skip(pick.row)
        elif pick.row % 5 == 0:
            radio.like(pick.row)
    kept = json.dumps(radio.state())
    restored = Radio.from_state(json.loads(kept), embeddings, **given_again)
    assert json.dumps(restored.state()) == kept
    assert played(embeddings, restored) == played(embeddings, radio)
    assert restored.state() == radio.state()


def test_a_state_may_go_through_a_browser() -> None:
    """All numbers of JavaScript are floats: of 64 bits it keeps 53."""
    embeddings = random_tracks(60, 5)
    made = made_by([frozenset({2**62 + 1 + row % 3}) for row in range(60)])
    radio = Radio(embeddings, [2], artists_of=made)
    picks = list(islice(radio, 6))
    radio.skip(picks[-1].row)
    kept = json.loads(json.dumps(radio.state()), parse_int=lambda text: int(float(text)))
    assert rows_of(Radio.from_state(kept, embeddings, artists_of=made), 20) == rows_of(radio, 20)


def test_a_state_of_numbers_is_read() -> None:
    embeddings = random_tracks(30, 5)
    made = made_by([frozenset({row % 3 + 1}) for row in range(30)])
    radio = Radio(embeddings, [2], artists_of=made)
    next(radio)
    state = radio.state()
    state["artists"] = [[int(code), *rest] for code, *rest in state["artists"]]
    assert rows_of(Radio.from_state(state, embeddings, artists_of=made), 9) == rows_of(radio, 9)


def test_a_state_is_small() -> None:
    radio = Radio(random_tracks(5000, 6, size=100), [0])
    rows_of(radio, 50)
    assert len(json.dumps(radio.state())) < 10_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "has version 0"),
        ({"shape": [4, 2]}, r"of embeddings of shape \[4, 2\], not \[5, 2\]"),
        ({"came": [9]}, "cannot be read"),
        ({"came": None}, "cannot be read"),
        ({"anchor": [1.0]}, "cannot be read"),
        ({"settings": {"tempo": 1}}, "cannot be read"),
        ({"anchor": [None, 1.0]}, "cannot be read"),
        ({"anchor": [10**400, 1.0]}, "cannot be read"),
        ({"anchor_before": [float("nan"), 1.0]}, "cannot be read"),
        ({"seed_embedding": [10**400, 1.0]}, "cannot be read"),
        ({"n_picked": None}, "n_picked is None"),
        ({"n_picked": -1}, "n_picked is -1"),
        ({"round": "x"}, "round is 'x'"),
        ({"artists": [[None, 1.0, False]]}, "artist is None"),
        ({"artists": [["x", 1.0, False]]}, "artist is 'x'"),
        ({"artists": [[0, "x", False]]}, "heat is 'x'"),
    ],
    ids=str,
)
def test_a_state_that_does_not_fit(change: dict[str, Any], message: str) -> None:
    embeddings = on_circle(np.arange(5))
    state = Radio(embeddings, [0]).state() | change
    with pytest.raises(InvalidArgument, match=message):
        Radio.from_state(state, embeddings)


def test_hubs_come_less_often() -> None:
    # Tracks around a few centres; some lie in the middle of all, near to all.
    generator = np.random.default_rng(0)
    spread = generator.normal(size=(600, 40)) * generator.uniform(0.4, 1.6, size=(600, 1))
    embeddings = 0.25 + spread / np.sqrt(40)
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)

    def share_of_hubs(**arguments: Any) -> tuple[float, float]:
        counts = np.zeros(600, int)
        for row in range(0, 600, 6):
            counts[rows_of(Radio(embeddings, [row], **arguments), 10)] += 1
        return float(np.sort(counts)[-6:].sum() / counts.sum()), float(np.mean(counts > 0))

    hubs, reach = share_of_hubs()
    plain_hubs, plain_reach = share_of_hubs(popularity=np.zeros(600))
    assert hubs < 0.7 * plain_hubs
    assert reach > 1.2 * plain_reach


def test_seeds_can_be_tracks_that_are_no_rows() -> None:
    embeddings = on_circle([0, 10, 20, 30])
    assert rows_of(plain(embeddings, on_circle([24]), drift=0.0), 4) == [2, 3, 1, 0]
    assert rows_of(plain(embeddings, np.array([1, 3]), drift=0.0), 2) == [2, 0]


@pytest.mark.parametrize(
    ("seeds", "arguments", "message"),
    [
        ([], {}, r"the seeds have shape \(0, 2\): give at least one row"),
        ([5], {}, "a seed is 5: there are 5 tracks, rows 0 to 4"),
        ([0.5], {}, "a seed is 0.5"),
        (np.ones((1, 3), np.float32), {}, r"or embeddings of shape \(n_seeds, 2\)"),
        (on_circle([0, 180]), {}, "the 2 seeds cancel each other out"),
        ([0], {"allowed": np.zeros(5, bool)}, "none of the 5 tracks may come"),
        ([0], {"allowed": np.ones(4, bool)}, r"allowed has shape \(4,\)"),
        ([0], {"popularity": np.zeros(4)}, r"popularity has shape \(4,\)"),
        ([0], {"drift": 1.5}, "drift is 1.5: it must be at most 1"),
        ([0], {"pull": -1}, "pull is -1"),
        ([0], {"memory": "no"}, "memory is 'no'"),
        ([0], {"breadth": float("inf")}, "breadth is inf"),
        ([0], {"seed": -1}, "seed is -1"),
    ],
    ids=str,
)
def test_radios_that_cannot_be(seeds: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Radio(on_circle(np.arange(5)), seeds, **arguments)


def test_only_rows_that_are_there_can_be_liked_or_skipped() -> None:
    radio = Radio(on_circle(np.arange(5)), [0])
    with pytest.raises(InvalidArgument, match="a liked row is 5"):
        radio.like(5)
    with pytest.raises(InvalidArgument, match="a skipped row is -1"):
        radio.skip(-1)
