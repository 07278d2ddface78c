"""Paths through a library of real files with a fake model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import write_track
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import artists_of, make_listening, open_listening

from soundalike.errors import InvalidArgument, TrackNotFound
from soundalike.library import Filter, Library, Limits
from soundalike.recommend.journey import make_path

N = 60


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with open_listening(make_listening(tmp_path_factory.mktemp("path"), N)) as opened:
        yield opened


@settings(max_examples=25)
@given(
    st.lists(st.integers(1, N), min_size=2, max_size=4, unique=True),
    st.integers(0, 12),
    st.integers(0, 2),
)
def test_a_path_goes_through_all_that_is_named(
    library: Library, waypoints: list[int], more: int, gap: int
) -> None:
    n = len(waypoints) + more
    made = make_path(library, waypoints, tracks=n, limits=Limits(artist_gap=gap))
    numbers = [stop.track.track_id for stop in made.stops if stop.track]
    assert len(numbers) == len(set(numbers)) == n
    assert (numbers[0], numbers[-1]) == (waypoints[0], waypoints[-1])
    named = [stop for stop in made.stops if stop.waypoint is not None]
    assert [stop.track.track_id for stop in named if stop.track] == waypoints
    assert [stop.waypoint for stop in named] == list(range(len(waypoints)))
    embeddings = {
        int(each): row
        for each, row in zip(library.index().track_ids, library.index().embeddings, strict=True)
    }
    for before, stop in zip(made.stops, made.stops[1:], strict=False):
        assert before.track
        assert stop.track
        assert stop.likeness
        cosine = float(embeddings[before.track.track_id] @ embeddings[stop.track.track_id])
        assert stop.likeness.similarity == pytest.approx(cosine, abs=1e-5)
        assert stop.step == pytest.approx(1 - cosine, abs=1e-5)
    assert made.largest_step == pytest.approx(
        max(stop.step for stop in made.stops[1:] if stop.step is not None), abs=1e-5
    )
    names = artists_of([stop.track for stop in made.stops if stop.track])
    close = sum(
        bool(names[place] & names[other])
        for place in range(n)
        for other in range(max(0, place - gap), place)
    )
    assert made.n_too_close == close


def test_a_path_is_smoother_than_a_straight_one(library: Library) -> None:
    made = [make_path(library, [a, a + 30]) for a in range(1, 9)]
    assert sum(each.largest_step for each in made) < sum(
        each.straight_largest_step for each in made
    )
    assert sum(each.straight_largest_step for each in made) < sum(
        each.random_largest_step for each in made
    )


def test_a_path_between_a_file_and_a_passage(library: Library, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "200 s, stranger")
    made = make_path(library, [stranger, "piece 7@0:10-0:40", 9], tracks=9)
    first, *_, last = made.stops
    assert (first.track, first.waypoint, made.waypoints[0].path) == (None, 0, stranger)
    assert last.track
    assert last.track.track_id == 9
    (middle,) = (stop for stop in made.stops if stop.waypoint == 1)
    assert middle.track
    # The track of the passage is the waypoint; it does not come a second time by itself.
    assert [stop.track.title for stop in made.stops if stop.track].count("Piece 7") == 1
    assert all(stop.likeness and stop.likeness.passage for stop in made.stops[1:])


def test_a_path_keeps_to_what_is_allowed(library: Library) -> None:
    allowed = frozenset(range(10, 25))
    made = make_path(library, [1, 2], tracks=8, limits=Limits(only=Filter(track_ids=allowed)))
    between = {stop.track.track_id for stop in made.stops[1:-1] if stop.track}
    assert between <= allowed
    assert (made.limits, made.searched) == (("only",), 15)
    # By rhythm alone it is another.
    by_rhythm = make_path(library, [1, 2], tracks=8, weights={"sound": 0, "harmony": 0})
    assert by_rhythm.weights == {"sound": 0.0, "rhythm": 1.0, "harmony": 0.0}
    assert [stop.track for stop in by_rhythm.stops] != [
        stop.track for stop in make_path(library, [1, 2], tracks=8).stops
    ]


def test_what_cannot_be_is_refused(library: Library) -> None:
    few = Limits(only=Filter(track_ids=frozenset({5, 6})))
    for waypoints, extra, words in (
        ([1], {}, "at least 2 tracks"),
        ("1", {}, "give a list"),
        ([1, 2, 3, 4], {"tracks": 3}, "path of 3 tracks cannot go through 4"),
        ([1, 2, 1], {}, "Ada - Piece 0 is named twice"),
        ([1, 2], {"tracks": 200}, "needs 198 tracks between .* only 58"),
        ([1, 2], {"limits": few}, r"only 2 may come there \(choice of tracks takes 58\)"),
        ([1, 2], {"limits": Limits(max_per_artist=1)}, "max_per_artist is 1: a path has no such"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            make_path(library, waypoints, **extra)  # type: ignore[arg-type]
    with pytest.raises(TrackNotFound):
        make_path(library, ["no such words", 1])
