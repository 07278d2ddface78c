"""Which tracks are meant by paths of other computers, identifiers and names of other programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import open_library, write_track
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TALB, TIT2, TPE1
from test_playlist_entries import MBID, MUSIC, make_library, make_music, tag

from soundalike.library import Library
from soundalike.library.matching import Matched, Sought, match_tracks
from soundalike.playlists import Playlist, PlaylistEntry

MORE = (
    ("rock/Tool/Lateralus/01 - Schism.wav", "Tool", "Schism", "Lateralus"),
    ("live/Tool/Lateralus/01 - Schism.wav", "Tool", "Schism (live)", "Lateralus"),
    ("e/enjoy.wav", "Björk feat. Tricky", "Enjoy", "Post"),
    ("e/other.wav", "Tricky", "Other", None),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("matching")
    with make_library(folder, make_music(folder / "music")) as opened:
        for name, artist, title, album in MORE:
            path = write_track(folder / "music" / name, name)
            frames = [TIT2(text=title), TPE1(text=artist)]
            tag(path, *frames, *([TALB(text=album)] if album else []))
        write_track(folder / "music" / "gone" / "Old" / "gone.wav", "gone")
        opened.scan()
        (folder / "music" / "gone" / "Old" / "gone.wav").unlink()
        opened.scan()
        yield opened


def match(
    library: Library, *sought: Sought, missing: bool = False, guess: bool = False
) -> list[Matched]:
    with library.view() as view:
        return match_tracks(view.snapshot, sought, missing=missing, guess=guess)


def told(library: Library, sought: Sought, **how: bool) -> tuple[str | None, str | None]:
    """The end of the track's path, or the reason; and by what it was matched."""
    (found,) = match(library, sought, **how)
    assert (found.track is None) == (found.by is None) == (found.reason is not None)
    assert not (found.track and found.several)
    if found.track is None:
        return found.reason, None
    return found.track.path.as_posix().rpartition("/music/")[2], found.by


SCHISM = "rock/Tool/Lateralus/01 - Schism.wav"
LIVE = "live/Tool/Lateralus/01 - Schism.wav"


@pytest.mark.parametrize(
    ("sought", "answer"),
    [
        # Three names at the end, or all of two; the suffix, case and accents do not matter.
        (Sought("/mnt/x/rock/Tool/Lateralus/01 - Schism.flac"), (SCHISM, "tail")),
        (Sought("rock/tool/LATERALUS/01 Schism.mp3"), (SCHISM, "tail")),
        (Sought("M:\\Music\\live\\Tool\\Lateralus\\01 - Schism.wav"), (LIVE, "tail")),
        (Sought("b/come.mp3"), ("b/come.wav", "tail")),
        (Sought("b/come.mp3", duration_s=219.9), ("b/come.wav", "tail")),
        # Two that fit as well, and no way to tell.
        (Sought("Tool/Lateralus/01 - Schism.wav"), ("several tracks fit: #14, #15", None)),
        (Sought("come.wav"), ("no track fits", None)),
        (Sought("other/01 - Schism.wav"), ("no track fits", None)),
        (Sought("b/come.mp3", duration_s=300.0), ("no track fits", None)),
        (Sought("", None, None), ("no track fits", None)),
        (Sought("/a\0/b/c/d.wav"), ("no track fits", None)),
        # What a path leaves open, names decide.
        (Sought("Tool/Lateralus/01 - Schism.wav", "Schism", "Tool"), (SCHISM, "names")),
    ],
    ids=lambda each: ascii(each)[:60],
)
def test_by_the_end_of_a_path(
    library: Library, sought: Sought, answer: tuple[str, str | None]
) -> None:
    assert told(library, sought) == answer


@given(st.lists(st.text(max_size=8) | st.sampled_from(['"', "!!!", "OR", "a*", ".."]), max_size=5))
def test_any_path_may_be_asked_for(library: Library, names: list[str]) -> None:
    path = "/".join(names)
    (found,) = match(library, Sought(path, title=path[:4], artist=path[-3:]))
    assert found.track is None or found.by in ("path", "tail", "names")


def test_a_whole_path_goes_first(library: Library) -> None:
    path = next(track.path for track in library.tracks() if track.path.name == "hydra.wav")
    assert told(library, Sought(str(path), "Schism", "Tool", recording_ids=(MBID,))) == (
        "b/hydra.wav",
        "path",
    )


def test_identifiers_in_their_order(library: Library) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    assert told(library, Sought(recording_ids=(other, MBID.upper()))) == ("a/01.wav", "musicbrainz")
    assert told(library, Sought(recording_ids=(other,), isrc="ISABC9900001")) == (
        "a/02.wav",
        "isrc",
    )
    assert told(library, Sought("b/come.wav", recording_ids=(MBID,))) == ("b/come.wav", "tail")


def test_one_of_several_artists_is_enough(library: Library) -> None:
    for artist in ("Björk", "bjork ft. Tricky", "Björk feat. Tricky", "Bjork; Somebody"):
        assert told(library, Sought(title="Enjoy", artist=artist)) == ("e/enjoy.wav", "names")
    assert told(library, Sought(title="Other", artist="Björk feat. Tricky")) == (
        "e/other.wav",
        "names",
    )
    assert told(library, Sought(title="Enjoy", artist="Nobody")) == ("no track fits", None)


def test_a_guess_is_made_where_it_is_asked_for(library: Library) -> None:
    come = Sought(title="Come as You Are", artist="Nirvana")
    (found,) = match(library, come)
    assert [track.path.name for track in found.several] == ["come live.wav", "come.wav"]
    assert found.reason == f"several tracks fit: {_numbers(found)}"
    assert told(library, come, guess=True) == ("b/come live.wav", "names")
    album = Sought(title="Come as You Are", artist="Nirvana", album="nevermind")
    assert told(library, album) == told(library, album, guess=True) == ("b/come.wav", "names")


def _numbers(found: Matched) -> str:
    return ", ".join(f"#{track.track_id}" for track in found.several)


def test_what_is_gone_counts_where_it_may(library: Library) -> None:
    gone = Sought("music/gone/Old/gone.flac")
    assert told(library, gone) == ("no track fits", None)
    assert told(library, gone, missing=True) == ("gone/Old/gone.wav", "tail")
    path = str(next(t.path for t in library.tracks() if t.path.name == "come.wav").parents[1])
    assert told(library, Sought(f"{path}/gone/Old/gone.wav")) == ("no track fits", None)
    assert told(library, Sought(f"{path}/gone/Old/gone.wav"), missing=True)[1] == "path"


def test_many_are_matched_as_each_alone(library: Library) -> None:
    sought = [
        Sought(f"far/away/{name}", title, artist, album, seconds)
        for name, artist, title, album, seconds in MUSIC
    ]
    alone = [match(library, each)[0] for each in sought]
    assert all(each.track for each in alone)
    assert (
        match(library, *sought, *(Sought(title=f"No {n}", artist="x") for n in range(40)))[
            : len(sought)
        ]
        == alone
    )


def test_a_playlist_of_another_computer_is_found_by_its_paths(library: Library) -> None:
    entry = PlaylistEntry(Path("/volume1/rock/Tool/Lateralus/01 - Schism.flac"))
    (found,) = library.resolve_playlist(Playlist(entries=(entry,))).entries
    assert found.track is not None
    assert (found.track.path.parents[2].name, found.by) == ("rock", "tail")


def test_plays_are_found_by_the_end_of_their_paths(tmp_path: Path) -> None:
    with open_library(tmp_path) as own:
        write_track(tmp_path / "music/Tool/Lateralus/Schism.wav", "x")
        own.scan([tmp_path / "music"])
        plays = tmp_path / "plays.csv"
        plays.write_text("played_at,path\n1760000000,D:\\Music\\Tool\\Lateralus\\Schism.mp3\n")
        assert own.import_listens(plays).added_plays == 1


def test_of_two_encodings_the_one_that_is_named(tmp_path: Path) -> None:
    with open_library(tmp_path) as own:
        for suffix in ("wav", "mp3"):
            write_track(tmp_path / "music/Tool/Lateralus" / f"Schism.{suffix}", "x")
        own.scan([tmp_path / "music"])
        for suffix in ("wav", "mp3", "MP3"):
            (found,) = match(own, Sought(f"/far/Tool/Lateralus/Schism.{suffix}"))
            assert found.track is not None
            assert found.track.path.suffix == f".{suffix.lower()}"
