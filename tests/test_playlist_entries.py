"""What the entries of a playlist mean in a library, when files moved, and when they did not."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mutagen.wave
import pytest
from fakes import open_library, write_track
from mutagen.id3 import TALB, TIT2, TPE1, TSRC, UFID
from sqlalchemy import update

from soundalike.library import Library
from soundalike.library.playlist_records import entry_of
from soundalike.library.storage.schema import contents
from soundalike.playlists import Playlist, PlaylistEntry, read_playlist, write_playlist

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
MUSIC = [
    # file, artist, title, album, seconds
    ("a/01.wav", "Sigur Rós", "Svefn-g-englar", "Ágætis byrjun", 604.0),
    ("a/02.wav", "Sigur Rós", "Starálfur", "Ágætis byrjun", 406.0),
    ("b/come.wav", "Nirvana", "Come as You Are", "Nevermind", 219.0),
    ("b/come live.wav", "Nirvana", "Come as You Are", "MTV Unplugged", 253.0),
    ("b/hydra.wav", "Toto", "99", "Hydra", 315.0),
    ("b/best.wav", "Toto", "99", "Past to Present", 314.5),
    ("c/Untitled Tape_03.wav", None, None, None, 100.0),
    ("e/bare - name.wav", None, None, None, 70.0),
    ("d/intro.wav", "X", "Intro", "One", 81.0),
    ("d/long.wav", "Y - Z", "A - B", None, 50.0),
]


def tag(path: Path, *frames: object) -> None:
    file = mutagen.wave.WAVE(path)
    if file.tags is None:
        file.add_tags()
    for frame in frames:
        file.tags.add(frame)
    file.save()


def make_music(folder: Path) -> Path:
    for name, artist, title, album, _ in MUSIC:
        path = write_track(folder / name, name)
        if title:
            tag(path, TIT2(text=title), TPE1(text=artist), *([TALB(text=album)] if album else []))
    tag(folder / "a/01.wav", UFID(owner="http://musicbrainz.org", data=MBID.encode()))
    tag(folder / "a/02.wav", TSRC(text="is-abc-99-00001"))
    return folder


def make_library(folder: Path, music: Path) -> Library:
    opened = open_library(folder)
    assert opened.scan([music]).analysed == len(MUSIC)
    lengths = {music / name: seconds for name, *_, seconds in MUSIC}
    with opened._database.write() as connection:
        for track in opened.tracks():
            digest = bytes.fromhex(track.content_hash or "")
            row = update(contents).where(contents.c.digest == digest)
            connection.execute(row.values(duration_s=lengths[track.path]))
    return opened


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return make_music(tmp_path / "music")


@pytest.fixture
def library(tmp_path: Path, music: Path) -> Iterator[Library]:
    with make_library(tmp_path, music) as opened:
        yield opened


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library that is only asked."""
    folder = tmp_path_factory.mktemp("asked")
    with make_library(folder, make_music(folder / "music")) as opened:
        yield opened


def found(library: Library, *entries: PlaylistEntry) -> list[tuple[str, str | None]]:
    """For each entry, the file of its track, or the reason, and by which rule."""
    resolution = library.resolve_playlist(Playlist(entries=entries))
    assert [each.entry for each in resolution.entries] == list(entries)
    assert len(resolution.tracks) + len(resolution.missing) == len(entries)
    answers = []
    for each in resolution.entries:
        assert (each.track is None) == (each.by is None) == (each.reason is not None)
        where = each.track.path if each.track else None
        name = f"{where.parent.name}/{where.name}" if where else str(each.reason)
        answers.append((name, each.by))
    return answers


def test_by_path(library: Library, music: Path) -> None:
    entries = [PlaylistEntry(music / name, "wrong", duration_s=1.0) for name, *_ in MUSIC]
    assert found(library, *entries) == [(name, "path") for name, *_ in MUSIC]
    # Of a folder without links, by a link, by a link to the file itself, and twice.
    (music.parent / "link").symlink_to(music)
    (music.parent / "file.wav").symlink_to(music / "a/01.wav")
    other = [PlaylistEntry(music.parent / name) for name in ("link/a/01.wav", "file.wav")]
    assert found(library, *other, *other) == [("a/01.wav", "path")] * 4


def test_a_file_under_another_name_of_the_disk(library: Library, music: Path) -> None:
    os.link(music / "a/01.wav", music.parent / "hard.wav")
    assert found(library, PlaylistEntry(music.parent / "hard.wav")) == [("a/01.wav", "path")]


def test_a_copy_that_is_not_in_the_library(library: Library, music: Path) -> None:
    elsewhere = music.parent / "elsewhere.wav"
    shutil.copy(music / "a/02.wav", elsewhere)
    other = music.parent / "other.wav"
    shutil.copy(music / "a/02.wav", other)
    content = bytearray(other.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)  # of the same size
    assert found(library, PlaylistEntry(elsewhere), PlaylistEntry(other, "x", "y")) == [
        ("a/02.wav", "content"),
        ("not in the library; scan its folder first", None),
    ]


def test_a_file_that_is_gone_and_has_a_copy(library: Library, music: Path) -> None:
    shutil.copy(music / "c/Untitled Tape_03.wav", music / "d/same bytes.wav")
    shutil.copy(music / "b/come.wav", music / "d/same audio.wav")
    tag(music / "d/same audio.wav", TIT2(text="Otherwise"))
    library.scan([music])
    for name in ("c/Untitled Tape_03.wav", "b/come.wav", "b/come live.wav"):
        (music / name).unlink()
    library.scan([music])
    gone = library.track("come live")
    entries = [PlaylistEntry(music / name) for name in ("c/Untitled Tape_03.wav", "b/come.wav")]
    assert found(library, *entries) == [
        ("d/same bytes.wav", "content"),
        ("d/same audio.wav", "content"),
    ]
    alone = PlaylistEntry(gone.path)
    assert found(library, alone) == [(f"{gone.absence}; no other track fits", None)]


def test_what_is_known_of_a_file_that_is_gone_helps(library: Library, music: Path) -> None:
    """A plain M3U names nothing but paths; the library still knows their tags."""
    path = music / "a/01.wav"
    write_track(music / "a/new encoding.wav", "another encoding")
    tag(music / "a/new encoding.wav", UFID(owner="http://musicbrainz.org", data=MBID.encode()))
    path.unlink()
    library.scan([music])
    assert found(library, PlaylistEntry(path)) == [("a/new encoding.wav", "musicbrainz")]


def test_by_identifiers(asked: Library) -> None:
    assert found(
        asked,
        PlaylistEntry(musicbrainz_recording_id=MBID.upper()),
        PlaylistEntry(isrc="ISABC9900001"),
        PlaylistEntry(Path("/gone.wav"), isrc="IS-ABC-99-00001", musicbrainz_recording_id="none"),
        PlaylistEntry(isrc="ISABC9900002"),
    ) == [
        ("a/01.wav", "musicbrainz"),
        ("a/02.wav", "isrc"),
        ("a/02.wav", "isrc"),
        ("it names no file; no track has its names", None),
    ]


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        (PlaylistEntry(None, "STARALFUR", "sigur ros"), "a/02.wav"),
        (PlaylistEntry(None, "Starálfur", "Sigur Rós", 406.4, "Another Album"), "a/02.wav"),
        (PlaylistEntry(None, "Starálfur", "Sigur Rós", 409.0), None),  # another version
        (PlaylistEntry(None, "Come As You Are", "Nirvana", 220.0), "b/come.wav"),
        (PlaylistEntry(None, "Come As You Are", "Nirvana", 252.0), "b/come live.wav"),
        (
            PlaylistEntry(None, "Come As You Are", "Nirvana", album="mtv unplugged"),
            "b/come live.wav",
        ),
        (PlaylistEntry(None, "Come As You Are", "Nirvana"), "several"),
        (PlaylistEntry(None, "Come As You Are", "Nobody"), None),
        (PlaylistEntry(None, "99", "Toto", 314.9), "b/hydra.wav"),  # the same piece twice
        (PlaylistEntry(None, "99", "Toto", album="Past to Present"), "b/best.wav"),
        (PlaylistEntry(None, "A - B", "Y - Z"), "d/long.wav"),
        (PlaylistEntry(None, "Z - A - B", "Y"), "d/long.wav"),  # as the line of an M3U is read
        (PlaylistEntry(None, "Intro", None, 80.0), "d/intro.wav"),
        (PlaylistEntry(None, "Intro", None, 60.0), None),
        (PlaylistEntry(None, "Intro"), None),  # says too little
        (PlaylistEntry(None, "!!!", "???"), None),
        (PlaylistEntry(Path("/old/c/untitled tape 03.mp3")), "c/Untitled Tape_03.wav"),
        (PlaylistEntry(Path("/old/e/untitled tape 03.mp3")), None),
        (  # in another folder its length tells that it is the same
            PlaylistEntry(Path("/old/e/untitled tape 03.mp3"), duration_s=100.4),
            "c/Untitled Tape_03.wav",
        ),
        (
            PlaylistEntry(Path("/old/e/untitled tape 03.mp3"), None, "old", 100.0, "e"),
            "c/Untitled Tape_03.wav",
        ),
        (PlaylistEntry(Path("/old/e/untitled tape 03.mp3"), duration_s=107.0), None),
        (PlaylistEntry(Path("/old/e/bare - name.mp3"), "name", "bare", 70.0), "e/bare - name.wav"),
        (PlaylistEntry(Path("/old/e/bare - name.mp3"), "name", "bare"), None),
        (
            PlaylistEntry(Path("/old/x.mp3"), "Untitled Tape_03", None, 100.0),
            "c/Untitled Tape_03.wav",
        ),
        (PlaylistEntry(None, "Intro", "X", location="http://example.com/x.mp3"), "d/intro.wav"),
    ],
    ids=lambda each: ascii(each)[:70],
)
def test_by_names(asked: Library, entry: PlaylistEntry, answer: str | None) -> None:
    ((name, by),) = found(asked, entry)
    if answer == "several":
        assert name.startswith("several tracks fit: #")
    elif answer is None:
        assert by is None
    else:
        assert (name, by) == (answer, "names")


def test_reasons(asked: Library) -> None:
    assert found(
        asked,
        PlaylistEntry(Path("/no such/a.wav"), "x", "y"),
        PlaylistEntry(location="http://example.com/x.mp3"),
        PlaylistEntry(location="M:\\Music\\x.mp3"),
    ) == [
        ("there is no such file; no track fits", None),
        ("an address (http), no file; no track has its names", None),
        (
            "a path of a Windows computer: name a base, which folder here it stands for; no track "
            "has its names",
            None,
        ),
    ]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_names_that_are_no_utf_8(library: Library, music: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(music) + b"/caf\xe9.wav"))
    write_track(path, "bytes")
    library.scan([music])
    for suffix in ("m3u8", "xspf", "jspf", "json"):
        file = tmp_path / f"mix.{suffix}"
        write_playlist(file, Playlist(entries=(PlaylistEntry(path),)), relative=True)
        assert found(library, *(read_playlist(file).entries))[0][1] == "path"
    assert found(library, PlaylistEntry(path.with_name("\udce9.wav"), "\udce9", "\udce9")) == [
        ("there is no such file; no track fits", None)
    ]


@pytest.mark.parametrize("suffix", ["m3u8", "xspf", "jspf", "json"])
def test_a_library_that_moves_finds_its_playlists_again(
    library: Library, music: Path, suffix: str, tmp_path: Path
) -> None:
    file = tmp_path / f"mix.{suffix}"
    before = library.tracks()
    assert write_playlist(file, Playlist(entries=tuple(map(entry_of, before)))) == ()
    music.rename(tmp_path / "moved")
    library.scan([tmp_path / "moved"])
    resolution = library.resolve_playlist(read_playlist(file))
    assert [track.track_id for track in resolution.tracks] == [each.track_id for each in before]
    # With the base, they are found by their paths.
    read = read_playlist(file, base=(tmp_path / "moved", os.fspath(music)))
    assert {each.by for each in library.resolve_playlist(read).entries} == {"path"}


def test_a_playlist_may_be_long(library: Library, music: Path) -> None:
    entries = [PlaylistEntry(Path(f"/gone/{n}.wav"), isrc=f"X{n}") for n in range(1_200)]
    entries[1_100] = replace(entries[1_100], path=music / "a/01.wav")
    entries[600] = replace(entries[600], isrc="ISABC9900001")
    resolution = library.resolve_playlist(Playlist(entries=tuple(entries)))
    at = [number for number, each in enumerate(resolution.entries) if each.track]
    assert at == [600, 1_100]
