"""Neighbour graphs and listening paths: known answers, and the best path by trying all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.recommend.graph import neighbour_graph
from soundalike.recommend.path import listening_path


def random_tracks(n: int, seed: int, size: int = 6) -> np.ndarray:
    embeddings = np.random.default_rng(seed).normal(size=(n, size))
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)


def on_circle(degrees: Sequence[float] | np.ndarray, size: int = 3) -> np.ndarray:
    embeddings = np.zeros((len(degrees), size), np.float32)
    embeddings[:, 0] = np.cos(np.deg2rad(degrees))
    embeddings[:, 1] = np.sin(np.deg2rad(degrees))
    return embeddings


def made_by(artists: Sequence[frozenset[int]]) -> Callable[[Sequence[int]], list[frozenset[int]]]:
    return lambda rows: [artists[row] for row in rows]


def n_too_close(artists: Sequence[frozenset[int]], rows: Sequence[int], gap: int) -> int:
    return sum(
        bool(artists[rows[i]] & artists[rows[j]])
        for i, j in combinations(range(len(rows)), 2)
        if j - i <= gap
    )


@pytest.mark.parametrize("mutual", [False, True])
@pytest.mark.parametrize(("n", "k"), [(40, 3), (300, 5), (4, 10), (1, 2), (0, 1)])
def test_a_graph_joins_the_nearest(n: int, k: int, mutual: bool) -> None:
    embeddings = random_tracks(n, 0)
    cosines = embeddings.astype(np.float64) @ embeddings.T
    near = {
        (row, other)
        for row in range(n)
        for other in sorted(set(range(n)) - {row}, key=lambda j: -cosines[row, j])[:k]
    }
    both = {(other, row) for row, other in near}
    expected = sorted(near & both if mutual else near | both)
    graph = neighbour_graph(embeddings, k, mutual=mutual)
    assert len(graph) == n
    assert list(zip(graph.rows.tolist(), graph.neighbours.tolist(), strict=True)) == expected
    assert graph.starts.tolist() == [
        sum(row < each for row, _ in expected) for each in range(n + 1)
    ]
    assert graph.similarities == pytest.approx([cosines[edge] for edge in expected], abs=1e-6)


def test_a_path_along_an_arc_takes_each_track_on_it() -> None:
    # Ten tracks on the way, in any order, and others far from it.
    degrees = np.array([0, 10, 20, 30, 40, 50, 60, 70, 80, 90])
    aside = on_circle(degrees)
    aside[:, 2] = 1.0
    embeddings = np.concatenate([on_circle(degrees), aside / np.sqrt(2)]).astype(np.float32)
    shuffled = np.random.default_rng(0).permutation(20)
    where = np.argsort(shuffled)
    path = listening_path(embeddings[shuffled], [where[0], where[9]], 10)
    assert shuffled[path.rows].tolist() == list(range(10))
    assert path.waypoint_places.tolist() == [0, 9]
    assert path.similarities == pytest.approx([np.cos(np.deg2rad(10))] * 9, abs=1e-6)
    assert path.largest_step == pytest.approx(1 - np.cos(np.deg2rad(10)), abs=1e-6)
    assert path.variation == pytest.approx(0.0, abs=1e-4)
    assert path.straight_largest_step == pytest.approx(path.largest_step, abs=1e-6)
    assert path.random_largest_step > 5 * path.largest_step


def test_a_path_goes_round_where_nothing_lies_between() -> None:
    # Between the ends at 0 and 80 degrees there is one track, alone; round it leads a chain.
    turns = np.deg2rad(np.linspace(0, 180, 13)[1:-1])
    middle = np.deg2rad(40)
    across = np.array([-np.sin(middle), np.cos(middle), 0.0])
    centre = np.array([np.cos(middle), np.sin(middle), 0.0]) * np.cos(middle)
    chain = centre + np.sin(middle) * (
        -np.cos(turns)[:, None] * across + np.sin(turns)[:, None] * np.array([0.0, 0.0, 1.0])
    )
    embeddings = np.concatenate([on_circle([0, 80, 40]), chain]).astype(np.float32)
    path = listening_path(embeddings, [0, 1], 13)
    assert path.rows.tolist() == [0, *range(3, 14), 1]
    assert path.largest_step < 0.25 * path.straight_largest_step


@pytest.mark.parametrize("seed", range(8))
def test_no_path_on_the_way_is_better(seed: int) -> None:
    embeddings = random_tracks(14, seed)
    wide = embeddings.astype(np.float64)
    angles = np.arccos(np.clip(wide @ wide[[0, 1]].T, -1, 1))
    progress = angles[:, 0] / angles.sum(axis=1)
    on_the_way = sorted(range(2, 14), key=lambda row: progress[row])

    def cost(rows: Sequence[int]) -> float:
        steps = 1 - np.sum(wide[list(rows[:-1])] * wide[list(rows[1:])], axis=1)
        return float(np.sum(steps**8))

    best = min(([0, *between, 1] for between in combinations(on_the_way, 5)), key=cost)
    assert listening_path(embeddings, [0, 1], 7).rows.tolist() == best


@settings(max_examples=60)
@given(st.integers(2, 60), st.integers(0, 1000), st.data())
def test_a_path_has_what_is_asked_for(n: int, seed: int, data: st.DataObject) -> None:
    embeddings = random_tracks(n, seed, size=3)
    waypoints = data.draw(st.lists(st.integers(0, n - 1), min_size=2, max_size=5, unique=True))
    allowed = np.random.default_rng(seed).random(n) < data.draw(st.sampled_from([0.5, 1.0]))
    others = int(np.count_nonzero(allowed)) - int(np.count_nonzero(allowed[waypoints]))
    n_tracks = len(waypoints) + data.draw(st.integers(0, others))
    artists = [frozenset({int(code)} - {0}) for code in np.arange(n) % 7]
    gap = data.draw(st.integers(0, 3))
    path = listening_path(
        embeddings,
        waypoints,
        n_tracks,
        allowed=allowed,
        artists_of=made_by(artists),
        artist_gap=gap,
    )
    rows = path.rows.tolist()
    assert len(rows) == len(set(rows)) == n_tracks
    assert [rows[place] for place in path.waypoint_places] == waypoints
    assert (path.waypoint_places[0], path.waypoint_places[-1]) == (0, n_tracks - 1)
    assert all(allowed[row] or row in waypoints for row in rows)
    assert path.n_too_close == n_too_close(artists, rows, gap)
    steps = 1 - np.sum(embeddings[rows[:-1]] * embeddings[rows[1:]], axis=1)
    assert path.similarities == pytest.approx(1 - steps, abs=1e-5)
    assert path.largest_step == pytest.approx(max(steps), abs=1e-5)


def test_steps_are_smaller_than_on_a_straight_path() -> None:
    embeddings = random_tracks(1500, 0, size=8)
    paths = [listening_path(embeddings, [2 * n, 2 * n + 1], 15) for n in range(6)]
    assert all(path.largest_step <= path.straight_largest_step for path in paths)
    assert np.mean([path.largest_step for path in paths]) < 0.75 * np.mean(
        [path.straight_largest_step for path in paths]
    )
    assert all(path.straight_largest_step < path.random_largest_step for path in paths)


def test_longer_legs_get_more_tracks() -> None:
    embeddings = on_circle(np.arange(0, 91))
    path = listening_path(embeddings, [0, 20, 80], 17)
    assert path.waypoint_places.tolist() == [0, 4, 16]
    assert path.rows.tolist() == list(range(0, 81, 5))
    back = listening_path(embeddings, [80, 20, 0], 17)
    assert back.rows.tolist() == list(range(80, -1, -5))


@pytest.mark.parametrize("gap", [1, 3, 6])
def test_artists_are_kept_apart(gap: int) -> None:
    embeddings = random_tracks(400, 1)
    # Those that are near to each other have the same artist.
    codes = np.argmax(embeddings @ random_tracks(25, 2).T, axis=1)
    artists = [frozenset({int(code) + 1}) for code in codes]
    ends = [int(np.flatnonzero(codes == code)[0]) for code in (3, 8, 11)]
    free = listening_path(embeddings, ends, 24)
    assert free.n_too_close == 0  # nobody asked
    assert n_too_close(artists, free.rows.tolist(), gap) > 0
    path = listening_path(embeddings, ends, 24, artists_of=made_by(artists), artist_gap=gap)
    assert n_too_close(artists, path.rows.tolist(), gap) == path.n_too_close == 0
    assert path.largest_step < path.random_largest_step


def test_a_collaboration_counts_for_all_and_nobody_for_none() -> None:
    embeddings = on_circle([0, 20, 10, 10.5])
    artists = [frozenset({1}), frozenset({2}), frozenset({1, 3}), frozenset()]
    arguments = {"artists_of": made_by(artists), "artist_gap": 1}
    assert listening_path(embeddings, [0, 1], 3, artist_gap=0).rows.tolist() == [0, 2, 1]
    assert listening_path(embeddings, [0, 1], 3, **arguments).rows.tolist() == [0, 3, 1]  # type: ignore[arg-type]


def test_a_gap_that_cannot_be_kept_is_told() -> None:
    artists = [frozenset({5})] * 6
    path = listening_path(
        on_circle([0, 50, 10, 20, 30, 40]), [0, 1], 6, artists_of=made_by(artists), artist_gap=2
    )
    assert path.rows.tolist() == [0, 2, 3, 4, 5, 1]
    assert path.n_too_close == 5 + 4


def test_a_recording_comes_once() -> None:
    once = random_tracks(60, 3, size=3)
    embeddings = np.concatenate([once, once])  # row i and row i + 60 are copies
    asked: list[int] = []

    def copies_of(rows: Sequence[int]) -> list[list[int]]:
        asked.extend(rows)
        return [[(row + 60) % 120] for row in rows]

    for waypoints in ([0, 1], [0, 1, 2]):
        with_copies = listening_path(embeddings, waypoints, 25).rows % 60
        assert len(set(with_copies.tolist())) < 25
        path = listening_path(embeddings, waypoints, 25, copies_of=copies_of)
        assert len(set((path.rows % 60).tolist())) == 25
    assert set(asked) <= set(range(120))
    every = listening_path(embeddings, [0, 61], 60, copies_of=copies_of)
    assert sorted((every.rows % 60).tolist()) == list(range(60))
    with pytest.raises(InvalidArgument, match="different recordings are left for 59 places"):
        listening_path(embeddings, [0, 61], 61, copies_of=copies_of)


def test_all_tracks_can_come_where_few_are_neighbours() -> None:
    # More tracks than each is joined with, all of which are asked for.
    path = listening_path(random_tracks(120, 4, size=3), [0, 1], 120)
    assert sorted(path.rows.tolist()) == list(range(120))


def test_the_same_arguments_give_the_same_path() -> None:
    embeddings = random_tracks(300, 5)
    one, other = (listening_path(embeddings, [3, 7], 20, seed=4) for _ in range(2))
    assert one.rows.tolist() == other.rows.tolist()
    assert one.random_largest_step == other.random_largest_step
    assert one.random_largest_step != listening_path(embeddings, [3, 7], 20).random_largest_step


def test_waypoints_alone_are_a_path() -> None:
    path = listening_path(on_circle([0, 90, 45]), [1, 0], 2)
    assert path.rows.tolist() == [1, 0]
    steps = [path.largest_step, path.straight_largest_step, path.random_largest_step]
    assert steps == pytest.approx([1.0, 1.0, 1.0])


def test_ends_that_are_equal_or_opposite() -> None:
    embeddings = on_circle([0, 0, 180, 30, 60, 90, 120, 150])
    assert sorted(listening_path(embeddings, [0, 1], 4).rows.tolist())[:2] == [0, 1]
    assert listening_path(embeddings, [0, 2], 7, allowed=np.arange(8) != 1).rows.tolist() == [
        0, 3, 4, 5, 6, 7, 2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("waypoints", "n_tracks", "arguments", "message"),
    [
        ([0], 5, {}, "at least 2 waypoints, got 1"),
        ([0, 9], 5, {}, "a waypoint is 9: there are 6 tracks, rows 0 to 5"),
        ([0, 1, 0], 5, {}, "row 0 is a waypoint twice"),
        ([0, 1, 2], 2, {}, "n_tracks is 2, but there are 3 waypoints"),
        ([0, 1], 7, {}, "a path of 7 tracks needs 5 between its 2 waypoints, but only 4"),
        ([0, 1], 3, {"allowed": np.zeros(6, bool)}, "but only 0 may come there"),
        ([0, 1], 3, {"allowed": np.ones(5, bool)}, r"allowed has shape \(5,\) and type bool"),
        ([0, 1], 3, {"artist_gap": 1}, "artist_gap is 1, but there are no artists"),
        ([0, 1], 2.0, {}, "n_tracks is 2.0: it must be a whole number"),
    ],
    ids=str,
)
def test_paths_that_cannot_be(
    waypoints: list[int], n_tracks: int, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        listening_path(on_circle(range(6)), waypoints, n_tracks, **arguments)  # type: ignore[arg-type]
