"""Playlists from seeds, on a small library of real files with a fake model."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import open_library, write_track
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import add_track, artists_of, make_listening, open_listening

from soundalike.errors import InvalidArgument, ModelMismatch, TrackNotFound
from soundalike.library import Filter, Library, Limits
from soundalike.library.playlist_records import entry_of
from soundalike.playlists import Playlist, write_playlist
from soundalike.recommend.defaults import PLAYLIST_LIMITS, PLAYLIST_TRACKS
from soundalike.recommend.playlist import make_playlist, wished_playlist
from soundalike.recommend.records import MadePlaylist
from soundalike.recommend.surprise import surprised
from soundalike.recommend.wishes import Wishes, limits_from_json, limits_to_json

N = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_listening(tmp_path_factory.mktemp("playlist"), N)


@pytest.fixture(scope="module")
def library(place: Path) -> Iterator[Library]:
    with open_listening(place) as opened:
        yield opened


def ids(made: MadePlaylist) -> list[int]:
    return [item.track.track_id for item in made.items]


def cosine(library: Library, a: int, b: int) -> float:
    index = library.index()
    rows = [index.row_of(each) for each in (a, b)]
    return float(index.embeddings[rows[0]] @ index.embeddings[rows[1]])  # type: ignore[index]


def written(library: Library, path: Path, *track_ids: int) -> Path:
    entries = tuple(entry_of(library.track(each)) for each in track_ids)
    write_playlist(path, Playlist(entries=entries))
    return path


def test_the_nearest_first_is_what_similar_finds(library: Library) -> None:
    made = make_playlist(library, "piece 7", tracks=10, order="similar")
    found = library.similar("piece 7", 10, limits=PLAYLIST_LIMITS).matches
    assert ids(made) == [match.track.track_id for match in found]
    assert [item.rank for item in made.items] == list(range(1, 11))
    assert [item.rank_before for item in made.items] == [match.rank_before for match in found]
    assert (made.stopped_by, made.tracks, made.minutes) == ("tracks", 10, None)
    assert made.searched == N - 1


def test_every_track_has_its_reasons(library: Library) -> None:
    made = make_playlist(library, ["piece 7", "piece 8"], tracks=12)
    assert [seed.name for seed in made.seeds] == ["Ada - Piece 7", "Bo - Piece 8"]
    for place, item in enumerate(made.items, start=1):
        seed = made.seeds[item.seed].track
        assert seed is not None
        like = item.likeness
        assert item.place == place
        assert like is not None
        assert like.similarity == pytest.approx(
            cosine(library, seed.track_id, item.track.track_id), abs=1e-5
        )
        assert sum(like.shares.values()) == pytest.approx(like.similarity, abs=1e-6)
        for name, share in like.shares.items():
            assert share == pytest.approx(made.weights[name] * like.facets[name])
        assert like.percentile == library.index().distribution.percentile(like.similarity)
        assert like.passage is not None
        assert 0 <= like.passage.a_start_s < like.passage.a_end_s <= seed.duration_s
        assert 0 <= like.passage.b_start_s < like.passage.b_end_s <= item.track.duration_s
    for before, item in pairwise(made.items):
        expected = cosine(library, before.track.track_id, item.track.track_id)
        assert item.step == pytest.approx(expected, abs=1e-5)
    assert made.items[0].step is None
    steps = [1 - item.step for item in made.items[1:] if item.step is not None]
    assert made.largest_step == pytest.approx(max(steps), abs=1e-5)
    assert made.mean_step == pytest.approx(sum(steps) / len(steps), abs=1e-5)


def test_a_smooth_order_has_the_same_tracks_and_begins_with_the_best(library: Library) -> None:
    nearest = make_playlist(library, "piece 7", tracks=15, order="similar")
    smooth = make_playlist(library, "piece 7", tracks=15)
    assert set(ids(smooth)) == set(ids(nearest))
    assert ids(smooth)[0] == ids(nearest)[0]
    assert smooth.mean_step < 0.8 * nearest.mean_step
    # Nobody twice in a row, though no gap was asked for.
    assert not any(a & b for a, b in pairwise(artists_of([i.track for i in smooth.items])))


@settings(max_examples=25)
@given(
    seed=st.integers(0, N - 1),
    gap=st.integers(0, 4),
    most=st.integers(1, 4),
    surprise=st.sampled_from([0.0, 0.5, 1.0]),
    order=st.sampled_from(["smooth", "similar"]),
)
def test_limits_on_artists_hold(
    library: Library, seed: int, gap: int, most: int, surprise: float, order: str
) -> None:
    limits = Limits(max_per_artist=most, artist_gap=gap)
    made = make_playlist(
        library,
        seed + 1,
        tracks=20,
        limits=limits,
        surprise=surprise,
        order=order,  # type: ignore[arg-type]
    )
    names = artists_of([item.track for item in made.items])
    assert max(Counter(name for some in names for name in some).values()) <= most
    for place, some in enumerate(names):
        assert not some & set().union(*names[max(0, place - gap) : place])
    assert made.n_too_close == 0
    # Six artists, one of whom plays with another: more than that cannot be.
    assert made.stopped_by == ("tracks" if len(made.items) == 20 else "limits")


def test_the_same_number_gives_the_same_surprise(library: Library) -> None:
    def lists(**extra: float) -> list[int]:
        return ids(make_playlist(library, "piece 7", tracks=5, **extra))  # type: ignore[arg-type]

    plain = lists()
    assert lists(surprise=0.0, random_seed=9) == plain
    assert lists(surprise=0.7, random_seed=9) == lists(surprise=0.7, random_seed=9)
    many = {tuple(sorted(lists(surprise=0.7, random_seed=each))) for each in range(8)}
    assert len(many) > 4
    made = make_playlist(library, "piece 7", tracks=5, surprise=0.2, random_seed=3)
    assert max(item.rank_before for item in made.items) <= 5 * (1 + 9 * 0.2)


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=80),
    st.integers(1, 10),
    st.floats(0.01, 1),
    st.integers(0, 5),
)
def test_surprise_leaves_what_is_far_away_behind(
    values: list[float], k: int, surprise: float, random_seed: int
) -> None:
    scores = np.array(values, np.float32)
    found = surprised(scores, k, surprise, random_seed)
    pool = round(k * (1 + 9 * surprise))
    changed = set(np.argsort(-np.round(scores.astype(float), 6), kind="stable")[:pool].tolist())
    rest = [row for row in range(len(scores)) if row not in changed]
    np.testing.assert_array_equal(found[rest], scores[rest])
    if rest:
        assert found[sorted(changed)].min() >= scores[rest].max() - 1e-5


@pytest.mark.parametrize("minutes", [5.0, 31.0, 60.0])
def test_minutes_are_met_as_nearly_as_can_be(library: Library, minutes: float) -> None:
    made = make_playlist(library, "piece 7", minutes=minutes, order="similar")
    longer = make_playlist(library, "piece 7", tracks=len(made.items) + 1, order="similar")
    assert made.stopped_by == "minutes"
    lengths = [item.track.duration_s or 0.0 for item in longer.items]
    misses = [abs(sum(lengths[:n]) - 60 * minutes) for n in range(1, len(lengths) + 1)]
    assert int(np.argmin(misses)) + 1 == len(made.items)
    assert made.duration_s == pytest.approx(sum(lengths[:-1]))


def test_of_tracks_and_minutes_the_first_counts(library: Library) -> None:
    short = make_playlist(library, "piece 7", tracks=4, minutes=60)
    assert (len(short.items), short.stopped_by) == (4, "tracks")
    long = make_playlist(library, "piece 7", tracks=40, minutes=10)
    assert (long.stopped_by, abs(long.duration_s - 600) < 150) == ("minutes", True)
    assert len(make_playlist(library, "piece 7").items) == PLAYLIST_TRACKS


def test_all_there_is_where_more_is_asked_for(library: Library) -> None:
    made = make_playlist(library, "piece 7", tracks=500)
    assert (len(made.items), made.stopped_by) == (N - 1, "library")
    made = make_playlist(library, "piece 7", minutes=5000, limits=Limits(max_per_artist=1))
    assert made.stopped_by == "limits"
    assert made.passed_counts["artist"] > 0


def test_seeds_come_first_where_that_is_asked_for(library: Library) -> None:
    made = make_playlist(
        library,
        ["piece 7", "piece 8"],
        tracks=6,
        with_seeds=True,
        limits=Limits(max_per_artist=1),
    )
    assert [item.track.title for item in made.items[:2]] == ["Piece 7", "Piece 8"]
    assert [item.is_seed for item in made.items] == [True, True, False, False, False, False]
    # They count: neither Ada nor Bo comes again.
    names = artists_of([item.track for item in made.items[2:]])
    assert not set().union(*names) & {"Ada", "Bo"}
    assert make_playlist(library, "piece 7", tracks=1, with_seeds=True).items[0].is_seed


def test_a_playlist_file_and_a_folder_are_seeds(library: Library, tmp_path: Path) -> None:
    file = written(library, tmp_path / "mix.xspf", 8, 9, 10)
    by_file = make_playlist(library, file, tracks=8)
    assert ids(by_file) == ids(make_playlist(library, [8, 9, 10], tracks=8))
    assert by_file.recipe["seeds"] == [{"playlist": str(file)}]
    folder = library.track(1).path.parent
    everything = make_playlist(library, folder)
    assert (everything.items, everything.stopped_by) == ((), "library")


def test_only_or_none_of_a_playlist(library: Library, tmp_path: Path) -> None:
    favourites = written(library, tmp_path / "favourites.m3u8", *range(20, 32))
    only = make_playlist(library, 7, tracks=9, only_playlists=[favourites])
    assert set(ids(only)) < set(range(20, 32))
    never = make_playlist(library, 7, tracks=40, not_playlists=[favourites])
    assert not set(ids(never)) & set(range(20, 32))
    with pytest.raises(InvalidArgument, match="track_ids"):
        make_playlist(library, 7, only_playlists=[favourites], not_playlists=[favourites])
    nothing = tmp_path / "nothing.m3u8"
    for content, words in (
        ("", "it has no tracks"),
        ("/nowhere/at/all.mp3\n", "its only track is not in the library"),
        ("/nowhere/a.mp3\n/nowhere/b.mp3\n", "none of its 2 tracks"),
    ):
        nothing.write_text(content)
        with pytest.raises(TrackNotFound, match=rf"nothing\.m3u8: {words}"):
            make_playlist(library, 7, only_playlists=[nothing])
        with pytest.raises(TrackNotFound, match=rf"nothing\.m3u8: {words}"):
            make_playlist(library, nothing)
        # To leave out nothing is no mistake.
        found = make_playlist(library, 7, tracks=9, not_playlists=[nothing])
        assert ids(found) == ids(make_playlist(library, 7, tracks=9))
        both = make_playlist(library, 7, tracks=40, not_playlists=[nothing, favourites])
        assert ids(both) == ids(never)


def test_what_is_pushed_away_stays_away(library: Library) -> None:
    plain = make_playlist(library, 7, tracks=10, order="similar")
    unwanted = ids(plain)[0]
    made = make_playlist(library, 7, tracks=10, without=unwanted)
    assert unwanted not in ids(made)
    means = [
        np.mean([cosine(library, unwanted, each) for each in ids(some)[1:]])
        for some in (plain, made)
    ]
    assert means[1] < means[0]
    with pytest.raises(InvalidArgument, match="is a seed, and among"):
        make_playlist(library, 7, without=[7])


def test_neither_jingles_nor_mixes_nor_copies_come_unless_asked_for(tmp_path: Path) -> None:
    make_listening(tmp_path, 12)
    add_track(tmp_path, 20, seconds=30)
    add_track(tmp_path, 21, seconds=3600)
    shutil.copy(tmp_path / "music" / "005.wav", tmp_path / "music" / "005 again.wav")
    with open_listening(tmp_path) as library:
        library.scan([tmp_path / "music"])
        made = make_playlist(library, "piece 1", tracks=50)
        assert len(made.items) == 11  # 12 and the copy, less the seed and one of the two
        assert not {item.track.title for item in made.items} & {"Piece 20", "Piece 21"}
        (twice,) = (item for item in made.items if item.track.title == "Piece 5")
        assert [copy.kind for copy in twice.copies] == ["copy"]
        all_of_it = make_playlist(library, "piece 1", tracks=50, limits=Limits(versions=True))
        assert len(all_of_it.items) == 14


def test_a_passage_and_a_file_from_elsewhere(library: Library, tmp_path: Path) -> None:
    made = make_playlist(library, "7@0:10-0:40", tracks=5, with_seeds=True)
    assert 7 not in ids(made)  # a passage is no track, and the track of it is the seed's own
    assert [seed.start_s for seed in made.outside] == [10.0]
    stranger = write_track(tmp_path / "stranger.wav", "200 s, stranger")
    made = make_playlist(library, stranger, tracks=5)
    assert made.recipe["seeds"] == [{"path": str(stranger)}]
    assert all(item.likeness and item.likeness.passage for item in made.items)


def test_what_cannot_be_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(TrackNotFound, match="pieze"):
        make_playlist(library, "pieze nonsense")
    for arguments, words in (
        ({"tracks": 0}, "tracks is 0: it must be at least 1"),
        ({"minutes": 0}, "minutes is 0"),
        ({"surprise": 1.5}, "surprise is 1.5: it must be at most 1"),
        ({"random_seed": -1}, "random_seed is -1"),
        ({"order": "random"}, "order is 'random': it must be similar or smooth"),
        ({"weights": {"melody": 1}}, "melody"),
        ({"only_playlists": "mix.m3u8"}, "give a list of files"),
        ({"limits": Limits(min_length_s=5000)}, "length takes 59"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            make_playlist(library, 7, **arguments)  # type: ignore[arg-type]
    with open_listening(tmp_path) as empty, pytest.raises(InvalidArgument, match="scan a folder"):
        make_playlist(empty, "anything")


def test_a_library_of_another_model_is_refused(place: Path) -> None:
    with open_library(place) as other, pytest.raises(ModelMismatch, match="faceted@1"):
        make_playlist(other, 7)


@given(
    st.builds(
        Limits,
        max_per_artist=st.none() | st.integers(1, 9),
        artist_gap=st.none() | st.integers(0, 9),
        max_length_s=st.none() | st.floats(1, 1e5),
        only=st.builds(
            Filter,
            folders=st.lists(st.sampled_from(["/a", "/b/c"]), max_size=2),
            genres=st.lists(st.sampled_from(["Jazz", "rock"]), max_size=2),
        ),
        never=st.builds(Filter, track_ids=st.none() | st.frozensets(st.integers(0, 99))),
        versions=st.booleans(),
    )
)
def test_limits_survive_a_recipe(limits: Limits) -> None:
    assert limits_from_json(limits_to_json(limits)) == limits
    wishes = Wishes(minutes=40, limits=limits, surprise=0.3, only_playlists=["/x.m3u8"])
    assert Wishes.from_json(wishes.to_json()) == wishes


def test_wishes_are_a_record_that_makes_the_same_list(library: Library) -> None:
    asked: dict[str, Any] = {"minutes": 20, "weights": {"rhythm": 2}, "surprise": 0.4}
    wishes = Wishes(**asked, with_seeds=True)
    made = wished_playlist(library, ["piece 7", "piece 8"], wishes, without="piece 9")
    seeds = ["piece 7", "piece 8"]
    assert made == make_playlist(library, seeds, **asked, with_seeds=True, without="piece 9")
    # A record that was made wrong is told at once, and not when a library is open.
    for wrong in ({"weights": 2}, {"tracks": 0}, {"minutes": 0}, {"order": "odd"}):
        with pytest.raises(InvalidArgument, match=f"{next(iter(wrong))} is"):
            Wishes(**wrong)
