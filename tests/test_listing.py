"""Pages of tracks, searched for as somebody types; and which files may be played."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import open_library, tag_track, write_track
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike import Library
from soundalike.errors import InvalidArgument, TrackNotFound, UnreadableFile

# File, artist, title: in the order of their paths.
_TRACKS = (
    ("a/one.wav", "Sigur Rós", "Ágætis byrjun"),
    ("a/two.wav", "Miles Davis", "So What"),
    ("b/three.wav", "Miles Davis", "Blue in Green"),
    ("b/zebra.wav", "", ""),
    ("c/four.wav", "Amon Tobin", "Four Ton Mantis"),
    ("c/what so.wav", "Zappa", "What a Song"),
)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("listed")
    for name, artist, title in _TRACKS:
        path = write_track(folder / "music" / name, name)
        if title:
            tag_track(path, artist=artist, title=title)
    (folder / "music" / "c" / "broken.wav").write_bytes(b"this is no sound at all")
    gone = write_track(folder / "music" / "c" / "gone.wav", "gone")
    with open_library(folder) as library:
        library.scan([folder / "music"])
        gone.unlink()
        library.scan([folder / "music"])
        write_track(folder / "music" / "d" / "new.wav", "new")
        library.scan([folder / "music" / "d"])
        yield library


def names(library: Library, words: str = "", **options: object) -> list[str]:
    page = library.search(words, **options)  # type: ignore[arg-type]
    assert page.total == len(page.tracks)
    return [track.path.name for track in page.tracks]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("miles", ["three.wav", "two.wav"]),
        ("MI da", ["three.wav", "two.wav"]),
        ("m", ["three.wav", "two.wav", "four.wav"]),  # Miles, Miles, Mantis
        ("agaetis ROS", ["one.wav"]),
        ("ágæ", ["one.wav"]),
        ("so what", ["two.wav", "what so.wav"]),
        ("what so", ["what so.wav", "two.wav"]),
        ("ebr", ["zebra.wav"]),  # no word begins so
        ("miles zebra", []),
        ('" OR * (', []),
        ("!!", []),
        ("%", []),
    ],
)
def test_beginnings_of_words_find_tracks(listed: Library, words: str, expected: list[str]) -> None:
    assert sorted(names(listed, words)) == sorted(expected)
    if words in ("so what", "what so"):
        assert names(listed, words) == expected


def test_without_words_all_come_by_path(listed: Library) -> None:
    everything = [str(track.path) for track in listed.tracks()]
    assert [str(track.path) for track in listed.search().tracks] == everything
    assert names(listed, "   ") == [Path(path).name for path in everything]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("missing", ["gone.wav"]),
        ("failed", ["broken.wav"]),
        ("pending", []),
    ],
)
def test_of_one_status(listed: Library, status: str, expected: list[str]) -> None:
    assert names(listed, status=status) == expected
    assert names(listed, status=status) == [
        track.path.name
        for track in listed.tracks(status)  # type: ignore[arg-type]
    ]


def test_status_and_words_and_folder_together(listed: Library) -> None:
    root = listed.folders()[0].path
    assert names(listed, "miles", status="analysed", folder=root / "a") == ["two.wav"]
    assert len(names(listed, status="analysed")) == len(listed.tracks("analysed")) == 7


def test_orders(listed: Library) -> None:
    there = {"folder": listed.folders()[0].path, "status": "analysed"}
    by_artist = names(listed, sort="artist", **there)
    # Where there is no tag, the folder stands in: as artist for zebra and new, as album for all.
    assert by_artist == [
        "four.wav", "zebra.wav", "new.wav", "two.wav", "three.wav", "one.wav", "what so.wav",
    ]  # fmt: skip
    by_title = names(listed, sort="title", **there)
    assert by_title[:3] == ["one.wav", "three.wav", "four.wav"]
    assert names(listed, sort="added")[0] == "new.wav"
    assert names(listed, "miles", sort="path") == ["two.wav", "three.wav"]


def test_what_came_after_an_order_was_made_is_in_it(tmp_path: Path) -> None:
    write_track(tmp_path / "music" / "b.wav", "b")
    with open_library(tmp_path) as library:
        library.scan([tmp_path / "music"])
        assert names(library, sort="title") == ["b.wav"]
        write_track(tmp_path / "music" / "a.wav", "a")
        library.scan([tmp_path / "music"])
        assert set(names(library, sort="title")) == {"a.wav", "b.wav"}
        assert set(names(library, "a", sort="title")) == {"a.wav"}


@settings(max_examples=40)
@given(
    words=st.sampled_from(["", "m", "wav", "so", "a"]),
    sort=st.sampled_from([None, "best", "path", "artist", "album", "title", "added"]),
    limit=st.integers(1, 5),
)
def test_pages_together_are_the_whole(
    listed: Library, words: str, sort: str | None, limit: int
) -> None:
    whole = listed.search(words, sort=sort)  # type: ignore[arg-type]
    pages = [
        listed.search(words, sort=sort, offset=offset, limit=limit)  # type: ignore[arg-type]
        for offset in range(0, whole.total + limit, limit)
    ]
    assert [each for page in pages for each in page.tracks] == list(whole.tracks)
    assert {page.total for page in pages} == {whole.total}


@settings(max_examples=40)
@given(words=st.text(max_size=12))
def test_any_text_may_be_typed(listed: Library, words: str) -> None:
    page = listed.search(words)
    assert len(page.tracks) == min(page.total, 50)


@pytest.mark.parametrize(
    "options",
    [
        {"words": 3},
        {"sort": "size"},
        {"status": "fine"},
        {"offset": -1},
        {"limit": 0},
        {"folder": "a\0"},
    ],
)
def test_bad_values_are_named(listed: Library, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        listed.search(**options)  # type: ignore[arg-type]


def test_nothing_lies_so_far_behind_the_end(listed: Library) -> None:
    page = listed.search(offset=10**18)
    assert page.tracks == ()
    assert page.total == len(listed.tracks())


def test_the_file_of_a_track_is_played(listed: Library) -> None:
    track, path = listed.file_to_play(listed.track("so what").track_id)
    assert path.read_bytes() == track.path.read_bytes()
    with pytest.raises(TrackNotFound, match="#4000"):
        listed.file_to_play(4000)
    with pytest.raises(UnreadableFile, match="no such file any more"):
        listed.file_to_play(listed.track("gone").track_id)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_no_link_or_pipe_leads_out_of_what_was_scanned(tmp_path: Path) -> None:
    music, secret = tmp_path / "music", tmp_path / "secret.txt"
    secret.write_text("secret")
    swapped = write_track(music / "swapped.wav", "swapped")
    piped = write_track(music / "piped.wav", "piped")
    inside = write_track(music / "inside.wav", "inside")
    moved = write_track(music / "folder" / "moved.wav", "moved")
    write_track(tmp_path / "elsewhere" / "moved.wav", "else")
    with open_library(tmp_path) as library:
        library.scan([music])
        ids = {track.path.name: track.track_id for track in library.tracks()}
        swapped.unlink()
        swapped.symlink_to(secret)
        piped.unlink()
        os.mkfifo(piped)
        moved.unlink()
        moved.parent.rmdir()
        moved.parent.symlink_to(tmp_path / "elsewhere")
        for name in ("swapped.wav", "moved.wav"):
            with pytest.raises(UnreadableFile, match="a link out of the folders that were scanned"):
                library.file_to_play(ids[name])
        with pytest.raises(UnreadableFile, match="not a regular file"):
            library.file_to_play(ids["piped.wav"])
        # A link from one scanned folder to another place in it is none of these.
        swapped.unlink()
        swapped.symlink_to(inside)
        assert library.file_to_play(ids["swapped.wav"])[1] == inside.resolve()


def test_several_by_id_come_in_the_order_that_is_asked_for(listed: Library) -> None:
    ids = [track.track_id for track in listed.search("miles").tracks]
    found = listed.tracks_of([ids[1], 10**6, ids[0], ids[1], 2**80, -1])
    assert [track.track_id for track in found] == [ids[1], ids[0]]
    assert [track.title for track in found] == ["Blue in Green", "So What"]
    assert listed.tracks_of([]) == ()
    with pytest.raises(InvalidArgument, match="track_ids is 'x'"):
        listed.tracks_of(["x"])  # type: ignore[list-item]
