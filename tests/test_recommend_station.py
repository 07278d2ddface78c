"""A radio over a library: what comes, and that it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import open_library, write_track
from listening import add_track, artists_of, make_listening, open_listening

from soundalike.errors import InvalidArgument, ModelMismatch, TrackNotFound
from soundalike.library import Filter, Library, Limits
from soundalike.recommend.records import RadioPart
from soundalike.recommend.station import continue_radio, start_radio

N = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_listening(tmp_path_factory.mktemp("station"), N)


@pytest.fixture(scope="module")
def library(place: Path) -> Iterator[Library]:
    with open_listening(place) as opened:
        yield opened


def ids(*parts: RadioPart) -> list[int]:
    return [item.track.track_id for part in parts for item in part.items]


def kept(part: RadioPart) -> dict[str, Any]:
    """Its state, as a file gives it back."""
    found: dict[str, Any] = json.loads(json.dumps(part.state))
    return found


def test_all_tracks_come_before_one_comes_again(library: Library) -> None:
    part = start_radio(library, "piece 7", tracks=N + 10)
    first, again = ids(part)[: N - 1], ids(part)[N - 1 :]
    assert set(first) == set(range(1, N + 1)) - {8}
    assert [item.round for item in part.items] == [1] * (N - 1) + [2] * 11
    assert 8 not in again
    assert [item.place for item in part.items] == list(range(1, N + 11))
    assert (part.seeds, part.searched) == (("Ada - Piece 7",), N)


def test_a_radio_goes_on_as_if_it_had_never_stopped(library: Library) -> None:
    whole = start_radio(library, "piece 7", tracks=24, random_seed=5, weights={"rhythm": 2})
    parts = [start_radio(library, "piece 7", tracks=5, random_seed=5, weights={"rhythm": 2})]
    while len(ids(*parts)) < 24:
        parts.append(continue_radio(library, kept(parts[-1]), tracks=min(7, 24 - len(ids(*parts)))))
    assert ids(*parts) == ids(whole)
    assert [item for part in parts for item in part.items] == list(whole.items)
    assert parts[-1].state == whole.state
    others = {
        tuple(ids(start_radio(library, "piece 7", tracks=5, random_seed=n))) for n in range(6)
    }
    assert len(others) > 3


def test_every_track_has_its_reasons(library: Library) -> None:
    part = start_radio(library, "piece 7", tracks=20)
    rows = {each: row for row, each in enumerate(library.index().track_ids.tolist())}
    embeddings = library.index().embeddings
    before = 8  # the seed
    for item in part.items:
        own = embeddings[rows[item.track.track_id]]
        assert item.likeness
        assert item.likeness.similarity == pytest.approx(
            float(embeddings[rows[before]] @ own), abs=1e-5
        )
        assert sum(item.likeness.shares.values()) == pytest.approx(
            item.likeness.similarity, abs=1e-6
        )
        assert item.likeness.passage is not None
        assert item.seed_similarity == pytest.approx(float(embeddings[rows[8]] @ own), abs=1e-5)
        assert sum(item.passed_counts.values()) == item.rank_before - 1
        assert [each.rank for each in item.passed_over] == list(
            range(1, min(20, item.rank_before - 1) + 1)
        )
        before = item.track.track_id


def test_an_artist_waits(library: Library) -> None:
    for gap in (0, 2):
        part = start_radio(library, "piece 7", tracks=30, limits=Limits(artist_gap=gap))
        names = artists_of([item.track for item in part.items])
        too_soon = sum(
            bool(some & set().union(*names[max(0, place - 2) : place]))
            for place, some in enumerate(names)
        )
        assert (too_soon > 0) == (gap == 0)


def test_what_is_liked_and_skipped_counts(library: Library) -> None:
    part = start_radio(library, "piece 7", tracks=3)
    plain = continue_radio(library, kept(part), tracks=15)
    skipped = plain.items[0].track
    after_skip = continue_radio(library, kept(part), tracks=15, skip=[skipped.track_id])
    assert skipped.track_id not in ids(after_skip)
    own = artists_of([skipped])[0]
    assert not any(own & each for each in artists_of([i.track for i in after_skip.items[:5]]))
    far = "piece 40"
    after_like = continue_radio(library, kept(part), tracks=10, like=[far, far, far])

    def likeness(found: RadioPart) -> float:
        index = library.index()
        target = index.embeddings[index.row_of(41)]  # type: ignore[index]
        rows = [index.row_of(each) for each in ids(found)[:10] if each != 41]
        return float((index.embeddings[rows] @ target).mean())  # type: ignore[index]

    assert likeness(after_like) > likeness(plain)


def test_limits_and_seeds_from_elsewhere(library: Library, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "200 s, stranger")
    allowed = frozenset(range(10, 20))
    part = start_radio(
        library, [stranger, "7@0:10-0:40"], tracks=9, limits=Limits(only=Filter(track_ids=allowed))
    )
    assert set(ids(part)) < allowed
    assert part.searched == 10
    later = continue_radio(library, kept(part), tracks=1)
    assert set(ids(part, later)) == allowed  # the limits are part of the state


def test_what_may_come_can_be_limited_for_some_tracks_at_a_time(library: Library) -> None:
    few = frozenset({3, 4, 5, 6})
    part = start_radio(library, "piece 7", tracks=4, among=few)
    assert set(ids(part)) == few
    assert part.searched == len(few)
    # The state does not keep it, and limits still hold.
    assert not few & set(ids(continue_radio(library, kept(part), tracks=8)))
    limits = Limits(only=Filter(track_ids=frozenset({5, 6, 7})))
    part = start_radio(library, "piece 7", tracks=2, limits=limits, among=few)
    assert set(ids(part)) == {5, 6}
    with pytest.raises(InvalidArgument, match="leave none of the tracks"):
        continue_radio(library, kept(part), tracks=1, among=frozenset({9}))


def test_a_library_may_change_meanwhile(tmp_path: Path) -> None:
    make_listening(tmp_path, 20)
    with open_listening(tmp_path) as library:
        part = start_radio(library, "piece 7", tracks=6)
        gone = part.items[-1].track
        gone.path.unlink()
        for number in range(50, 60):
            add_track(tmp_path, number)
        library.scan([tmp_path / "music"])
        later = continue_radio(library, kept(part), tracks=23)
        assert not set(ids(later)) & set(ids(part))
        assert set(ids(part, later)) == set(range(1, 31)) - {8}
        # What it came from is gone: there is nothing to be like.
        assert later.items[0].likeness is None
        assert later.items[1].likeness is not None


def test_what_cannot_be_is_refused(library: Library, place: Path) -> None:
    part = start_radio(library, "piece 7", tracks=2)
    state = kept(part)
    for found, words in (
        ({}, "no state of a radio"),
        ({**state, "version": 9}, "version 9"),
        ({**state, "limits": {"tempo": 3}}, "tempo"),
        ({**state, "radio": {**state["radio"], "came": None}}, "cannot be read"),
        ({name: state[name] for name in state if name != "seeds"}, "cannot be read"),
        ({**state, "seeds": None}, "cannot be read"),
        ({**state, "seed_ids": None}, "cannot be read"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            continue_radio(library, found)
    with pytest.raises(ModelMismatch, match="began with other@1"):
        continue_radio(library, {**state, "model": "other@1"})
    with pytest.raises(TrackNotFound):
        continue_radio(library, state, skip=["nobody knows this"])
    with pytest.raises(InvalidArgument, match="which has no end, has no such limit"):
        start_radio(library, 7, limits=Limits(max_per_artist=2))
    with pytest.raises(InvalidArgument, match=r"none of the 60 tracks may come \(length takes 60"):
        start_radio(library, 7, limits=Limits(min_length_s=9_000))
    with open_library(place) as other, pytest.raises(ModelMismatch):
        start_radio(other, 7)
