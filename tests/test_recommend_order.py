"""Smooth orders: known answers, the best order by trying all, and the rule for artists."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.recommend.order import MOST_TRACKS, Order, smooth_order
from soundalike.recommend.tour import LocalSearch, greedy_path

UNKNOWN: frozenset[int] = frozenset()


def on_circle(degrees: list[float] | np.ndarray) -> np.ndarray:
    angles = np.deg2rad(np.asarray(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def random_tracks(n: int, seed: int, size: int = 6) -> np.ndarray:
    embeddings = np.random.default_rng(seed).normal(size=(n, size))
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)


def total(embeddings: np.ndarray, order: list[int] | tuple[int, ...] | np.ndarray) -> float:
    path = embeddings[list(order)].astype(np.float64)
    return float(np.sum(1.0 - np.sum(path[:-1] * path[1:], axis=1)))


def n_too_close(artists: list[frozenset[int]], order: list[int], gap: int) -> int:
    return sum(
        bool(artists[order[i]] & artists[order[j]])
        for i, j in combinations(range(len(order)), 2)
        if j - i <= gap
    )


def best_total(embeddings: np.ndarray, start: int | None, end: int | None) -> float:
    return min(
        total(embeddings, order)
        for order in permutations(range(len(embeddings)))
        if start in (None, order[0]) and end in (None, order[-1])
    )


def test_tracks_on_an_arc_come_in_its_order() -> None:
    degrees = np.array([0, 3, 5, 20, 22, 40, 41, 47, 60, 80])
    shuffled = np.random.default_rng(0).permutation(10)
    found = smooth_order(on_circle(degrees[shuffled]), start=int(np.argmin(degrees[shuffled])))
    assert degrees[shuffled][found.order].tolist() == degrees.tolist()
    assert found.largest_step == pytest.approx(1 - np.cos(np.deg2rad(20)), abs=1e-6)
    assert found.total_step == pytest.approx(np.sum(1 - np.cos(np.deg2rad(np.diff(degrees)))))
    given_steps = 1 - np.cos(np.deg2rad(np.diff(degrees[shuffled])))
    assert found.given_total_step == pytest.approx(np.sum(given_steps))
    assert found.given_largest_step == pytest.approx(np.max(given_steps), abs=1e-6)
    assert found.smoother_percent == pytest.approx(
        100 * (1 - found.total_step / found.given_total_step)
    )


def test_a_closed_circle_is_cut_at_its_widest_step() -> None:
    degrees = np.array([0, 40, 80, 120, 160, 200, 240, 310])  # 70 degrees between 240 and 310
    found = smooth_order(on_circle(degrees)[[3, 0, 6, 1, 7, 4, 2, 5]])
    assert found.total_step == pytest.approx(
        6 * (1 - np.cos(np.deg2rad(40))) + 1 - np.cos(np.deg2rad(50))
    )


@pytest.mark.parametrize(("start", "end"), [(None, None), (2, None), (None, 5), (2, 5)], ids=str)
def test_small_orders_are_the_best(start: int | None, end: int | None) -> None:
    ratios = []
    for seed in range(12):
        embeddings = random_tracks(7, seed)
        found = smooth_order(embeddings, start=start, end=end)
        ratios.append(found.total_step / best_total(embeddings, start, end))
    assert max(ratios) == pytest.approx(1.0, abs=1e-6)


def test_the_search_makes_shorter_what_the_nearest_pairs_began() -> None:
    embeddings = random_tracks(300, 0)
    steps = np.maximum(1 - embeddings @ embeddings.T, 0)
    begun = greedy_path(steps)
    search = LocalSearch(steps, begun)
    search.run()
    assert sorted(begun) == sorted(search.path) == list(range(300))
    assert total(embeddings, search.path) < 0.97 * total(embeddings, begun)
    # No two steps can be exchanged any more: 2-opt, written a second time.
    path = search.path
    for i, j in combinations(range(299), 2):
        gone = steps[path[i], path[i + 1]] + steps[path[j], path[j + 1]]
        come = steps[path[i], path[j]] + steps[path[i + 1], path[j + 1]]
        assert come > gone - 2e-5


@settings(max_examples=40)
@given(st.integers(0, 12), st.integers(0, 1000), st.data())
def test_an_order_is_a_permutation_and_keeps_its_ends(
    n: int, seed: int, data: st.DataObject
) -> None:
    embeddings = random_tracks(n, seed, size=3)
    ends = st.none() | st.integers(0, n - 1) if n else st.none()
    start, end = data.draw(ends), data.draw(ends)
    if n > 1 and start is not None and start == end:
        end = (start + 1) % n
    found = smooth_order(embeddings, start=start, end=end)
    assert sorted(found.order.tolist()) == list(range(n))
    assert found.total_step == pytest.approx(total(embeddings, found.order), abs=1e-5)
    if start is not None:
        assert found.order[0] == start
    if end is not None:
        assert found.order[-1] == end
    if start in (None, 0) and end in (None, n - 1):
        assert found.total_step <= found.given_total_step
        assert 0.0 <= found.smoother_percent <= 100.0


def test_an_order_that_cannot_be_better_stays() -> None:
    found = smooth_order(on_circle([0, 1, 3, 6, 10]))
    assert found.smoother_percent == pytest.approx(0.0)
    assert found.order.tolist() in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])


def test_the_same_tracks_give_the_same_order() -> None:
    embeddings = random_tracks(200, 3)
    assert smooth_order(embeddings).order.tolist() == smooth_order(embeddings).order.tolist()


@settings(max_examples=40)
@given(
    st.lists(st.frozensets(st.integers(1, 4), max_size=2), min_size=1, max_size=10),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_artists_come_back_no_sooner_than_in_the_given_order(
    artists: list[frozenset[int]], gap: int, seed: int
) -> None:
    found = smooth_order(random_tracks(len(artists), seed), artists=artists, artist_gap=gap)
    assert sorted(found.order.tolist()) == list(range(len(artists)))
    assert found.n_too_close == n_too_close(artists, found.order.tolist(), gap)
    assert found.n_too_close <= n_too_close(artists, list(range(len(artists))), gap)


def grouped(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, list[frozenset[int]]]:
    """Tracks that are nearest to those of their own artist."""
    artists = [frozenset({code}) for code, size in enumerate(sizes, 1) for _ in range(size)]
    centres = random_tracks(len(sizes), seed, size=20)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    noise = 0.3 * random_tracks(len(codes), seed + 1, size=20)
    embeddings = centres[codes] + noise
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings.astype(np.float32), artists


@pytest.mark.parametrize(
    ("sizes", "gap"),
    [([3, 2], 1), ([4, 1, 1, 1, 1, 1, 1], 2), ([5, 5, 5], 2), ([30, 20, 15, 10, 9], 1)],
    ids=str,
)
def test_artists_are_kept_apart_where_it_can_be(sizes: list[int], gap: int) -> None:
    embeddings, artists = grouped(sizes)
    assert smooth_order(embeddings).n_too_close == 0  # nobody asked
    found = smooth_order(embeddings, artists=artists, artist_gap=gap)
    assert found.n_too_close == n_too_close(artists, found.order.tolist(), gap) == 0


def test_fixed_ends_are_kept_apart_from_their_artists() -> None:
    embeddings, artists = grouped([6, 6, 6, 6])
    found = smooth_order(embeddings, artists=artists, artist_gap=2, start=0, end=1)
    assert (found.order[0], found.order[-1]) == (0, 1)
    assert n_too_close(artists, found.order.tolist(), 2) == 0


def test_a_gap_that_cannot_be_kept_is_told() -> None:
    embeddings, _ = grouped([4])
    artists = [frozenset({7})] * 4
    found = smooth_order(embeddings, artists=artists, artist_gap=1)
    assert sorted(found.order.tolist()) == [0, 1, 2, 3]
    assert found.n_too_close == 3


def test_a_collaboration_counts_for_all_and_nobody_for_none() -> None:
    # 0, 10 and 20 degrees: without artists in this order. The middle one is of both.
    embeddings = on_circle([0, 10, 20, 90])
    one, two = frozenset({1}), frozenset({2})
    apart = smooth_order(embeddings, artists=[one, one | two, two, UNKNOWN], artist_gap=1)
    assert apart.n_too_close == 0
    assert apart.order.tolist() in ([0, 2, 3, 1], [2, 0, 3, 1], [1, 3, 0, 2], [1, 3, 2, 0])
    unknown = smooth_order(embeddings, artists=[UNKNOWN] * 4, artist_gap=3)
    assert unknown.order.tolist() in ([0, 1, 2, 3], [3, 2, 1, 0])
    assert unknown.n_too_close == 0


def test_steps_stay_short_where_artists_are_kept_apart() -> None:
    embeddings, artists = grouped([10] * 12)
    found = smooth_order(embeddings, artists=artists, artist_gap=3)
    by_chance = [
        total(embeddings, np.random.default_rng(seed).permutation(120)) for seed in range(5)
    ]
    assert found.total_step < 0.9 * min(by_chance)
    assert all(not artists[a] & artists[b] for a, b in pairwise(found.order.tolist()))


def test_equal_tracks_come_together() -> None:
    embeddings = on_circle([0, 90] * 100)
    found = smooth_order(embeddings)
    assert found.total_step == pytest.approx(1.0, abs=1e-4)
    assert found.given_total_step == pytest.approx(199.0, abs=1e-3)
    alike = smooth_order(on_circle([30] * 100))
    assert (alike.total_step, alike.smoother_percent) == pytest.approx((0.0, 0.0), abs=1e-4)


def test_nothing_to_order() -> None:
    nothing = smooth_order(np.empty((0, 3), np.float32))
    assert nothing == Order(nothing.order, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    assert nothing.order.tolist() == []
    one = smooth_order(on_circle([5]), start=0, end=0)
    assert (one.order.tolist(), one.total_step) == ([0], 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 3}, "start is 3: there are 3 tracks, rows 0 to 2"),
        ({"end": -1}, "end is -1"),
        ({"start": 1, "end": 1}, "start and end are both row 1"),
        ({"artist_gap": 2}, "artist_gap is 2, but there are no artists"),
        ({"artists": [UNKNOWN], "artist_gap": 1}, "there are 3 tracks, but artists of 1"),
        ({"artists": [UNKNOWN] * 3, "artist_gap": 1.5}, "artist_gap is 1.5"),
    ],
    ids=str,
)
def test_what_cannot_be_ordered(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        smooth_order(on_circle([0, 1, 2]), **arguments)  # type: ignore[arg-type]


def test_more_tracks_than_fit_into_memory() -> None:
    with pytest.raises(InvalidArgument, match=f"{MOST_TRACKS + 1} tracks are too many"):
        smooth_order(np.ones((MOST_TRACKS + 1, 1), np.float32))
