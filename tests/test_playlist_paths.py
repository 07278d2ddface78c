"""Every path that a format can hold comes back from it byte by byte, however it was written."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.playlists import (
    FORMATS,
    BasePair,
    Playlist,
    PlaylistEntry,
    Rendered,
    read_playlist,
    render_playlist,
    write_playlist,
)

pytestmark = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode")

FOLDER = "/no such folder/lists"
WRITTEN = ("m3u8", "xspf", "jspf", "json")
HARD = (
    b"#1 hit.mp3",
    b" a",
    b"a ",
    b"C:\\b",
    b"C:",
    b"http:",
    b"\\\\nas\\x",
    b"a\\b",
    b"caf\xe9",
    b"100%25 %",
    b"file:",
    b"?a=b&c;d",
    b"\xef\xbb\xbfx",
    b"\xc2\x85",
    b"\x07\x1b",
    "e\u0301".encode(),
)

names = (
    st.one_of(
        st.sampled_from(HARD),
        st.binary(min_size=1, max_size=8),
        st.text(min_size=1, max_size=6).map(lambda text: text.encode("utf-8", "replace")),
    )
    .map(lambda name: name.replace(b"/", b"-").replace(b"\0", b"-"))
    .filter(lambda name: name not in (b".", b".."))
)
inside = st.lists(names, min_size=1, max_size=3).map(b"/".join)
tops = st.sampled_from(
    [b"/", b"/no such folder/", b"/no such folder/lists/", b"/music/", b"/mnt/music/", b"/C:/"]
)
paths = st.builds(lambda top, rest: Path(os.fsdecode(top + rest)), tops, inside)
AS_HERE = "and is written as it is here"
each_format = pytest.mark.parametrize("format", WRITTEN)


def back(format: str, rendered: Rendered, base: BasePair | None = None) -> Playlist:
    """What is read from it, as if it lay in the folder."""
    from soundalike.playlists.locations import Place
    from soundalike.playlists.playlist_files import _module
    from soundalike.playlists.source import Source

    source = Source(rendered.content, format, Place(FOLDER, base))
    return replace(_module(format).parse(source), format=format)


def check(format: str, path: Path, *, lacks: str | None = None, **how: Any) -> None:
    entries = (PlaylistEntry(path, "one"), PlaylistEntry(Path("/music/y.mp3"), "two"))
    rendered = render_playlist(Playlist(entries=entries), format, folder=FOLDER, **how)
    found = back(format, rendered, how.get("base"))
    if format == "m3u8" and set(os.fspath(path)) & set("\r\n"):
        assert [left_out.entry for left_out in rendered.left_out] == [entries[0]]
        assert "line break" in rendered.left_out[0].reason
        entries = entries[1:]
    else:
        told = [each.reason for each in rendered.left_out]
        assert told == ([] if lacks is None else [lacks])
    assert [entry.path for entry in found.entries] == [entry.path for entry in entries]
    # Read and written again, nothing changes.
    again = render_playlist(found, format, folder=FOLDER, base=how.get("base"))
    assert again.content == rendered.content


@each_format
@settings(max_examples=50)
@given(path=paths)
@example(path=Path("/a\\b"))
@example(path=Path("//nas/a"))
def test_absolute_paths(format: str, path: Path) -> None:
    check(format, path)


@each_format
@settings(max_examples=50)
@given(path=paths)
@example(path=Path(FOLDER, "a\\b"))
@example(path=Path(FOLDER, "C:\\b"))
@example(path=Path(FOLDER, "C:", "b"))
@example(path=Path(FOLDER, "http:", "b"))
@example(path=Path(FOLDER, "#EXTM3U"))
@example(path=Path(FOLDER, " "))
def test_relative_paths(format: str, path: Path) -> None:
    check(format, path, relative=True)


@each_format
@pytest.mark.parametrize("there", ["/mnt/music", "/", "/C:/x", ""])
@settings(max_examples=20)
@given(rest=inside)
@example(rest=b"C:/b")
@example(rest=b"a\\b")
def test_paths_of_another_mount_point(format: str, there: str, rest: bytes) -> None:
    check(format, Path("/music", os.fsdecode(rest)), base=("/music", there))


@each_format
@pytest.mark.parametrize("there", ["M:\\Music", "m:/", "\\\\nas\\music"])
@settings(max_examples=20)
@given(rest=inside)
@example(rest=b"C:/b")
@example(rest=b"a\\b")
def test_paths_of_windows(format: str, there: str, rest: bytes) -> None:
    path = Path("/music", os.fsdecode(rest))
    if b"\\" not in rest:
        check(format, path, base=("/music", there))
        return
    playlist = Playlist(entries=(PlaylistEntry(path),))
    rendered = render_playlist(playlist, format, base=("/music", there))
    assert [each.reason for each in rendered.left_out] == ["Windows has no backslash in a name"]


@each_format
@settings(max_examples=50)
@given(path=paths)
def test_paths_that_the_base_does_not_concern(format: str, path: Path) -> None:
    base = ("/music", "/mnt/music")
    if path.is_relative_to(base[1]):
        entries = (PlaylistEntry(path), PlaylistEntry(Path("/music/y.mp3")))
        rendered = render_playlist(Playlist(entries=entries), format, base=base)
        assert "it lies below /mnt/music, which stands for /music" in rendered.left_out[0].reason
    elif path.is_relative_to(base[0]):
        check(format, path, base=base)
    else:
        check(format, path, base=base, lacks=f"it does not lie below {base[0]}, {AS_HERE}")


@each_format
def test_a_base_below_which_nothing_lies_is_the_wrong_one(format: str, tmp_path: Path) -> None:
    playlist = Playlist(entries=(PlaylistEntry(Path("/music/a.mp3")), PlaylistEntry(title="b")))
    file = tmp_path / f"list.{format}"
    words = r"base /muisc: nothing of the playlist lies below this folder \(its first file is "
    with pytest.raises(InvalidArgument, match=rf"{words}/music/a\.mp3\)"):
        write_playlist(file, playlist, base=("/muisc", "/mnt/music"))
    assert not file.exists()
    # Where there is no file, none can lie elsewhere.
    render_playlist(Playlist(entries=(PlaylistEntry(title="b"),)), format, base=("/muisc", "/x"))


@each_format
def test_what_a_base_makes_of_a_path(format: str) -> None:
    def written(there: str) -> str:
        playlist = Playlist(entries=(PlaylistEntry(Path("/home/me/Music/a b/é.mp3")),))
        rendered = render_playlist(playlist, format, base=("/home/me/Music", there))
        return back(format, rendered).entries[0].location or ""

    is_uri = format in ("xspf", "jspf")
    for there, text, uri in (
        ("/mnt/music", "/mnt/music/a b/é.mp3", "file:///mnt/music/a%20b/%C3%A9.mp3"),
        ("M:\\Music", "M:\\Music\\a b\\é.mp3", "file:///M:/Music/a%20b/%C3%A9.mp3"),
        ("M:", "M:\\a b\\é.mp3", "file:///M:/a%20b/%C3%A9.mp3"),
        ("\\\\nas\\m", "\\\\nas\\m\\a b\\é.mp3", "file://nas/m/a%20b/%C3%A9.mp3"),
        ("", "a b/é.mp3", "a%20b/%C3%A9.mp3"),
    ):
        assert written(there) == (uri if is_uri else text)


def test_a_base_that_is_none() -> None:
    for there in ("music", "http://nas/music", "C:music"):
        with pytest.raises(InvalidArgument, match="must be an absolute path there"):
            render_playlist(Playlist(), "m3u8", base=("/music", there))
    with pytest.raises(InvalidArgument, match="relative paths have no base"):
        render_playlist(Playlist(), "m3u8", relative=True, base=("/music", "/m"))


def test_a_base_that_is_a_link(tmp_path: Path) -> None:
    """A library has folders without links; people name them by links."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "Music").symlink_to(tmp_path / "disk")
    playlist = Playlist(entries=(PlaylistEntry(tmp_path / "disk" / "a.mp3"),))
    rendered = render_playlist(playlist, "m3u8", base=(tmp_path / "Music", "/mnt"))
    assert rendered.content.splitlines()[-1] == b"/mnt/a.mp3"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("file:///music/a%20b.mp3", "/music/a b.mp3"),
        ("file://localhost/music/a.mp3", "/music/a.mp3"),
        ("file:/music/a.mp3", "/music/a.mp3"),
        ("FILE:///music/a%23%3f.mp3", "/music/a#?.mp3"),
        ("file:///music/#1.mp3", "/music/#1.mp3"),  # should be encoded, and often is not
        ("file:///music/caf%E9.mp3", "/music/caf\udce9.mp3"),
        ("file:///music/é.mp3", "/music/é.mp3"),
        ("../a.mp3", "/no such folder/a.mp3"),
        ("..\\Music\\a.mp3", "/no such folder/Music/a.mp3"),
        ("file:///M:/Music/a%20b.mp3", "/music/a b.mp3"),
        ("file:///m:/music/sub/A.mp3", "/music/sub/A.mp3"),
        ("file://M:/Music/a.mp3", "/music/a.mp3"),
        ("M:\\Music\\a.mp3", "/music/a.mp3"),
        ("m:/music/a.mp3", "/music/a.mp3"),
        ("N:\\Music\\a.mp3", None),
        ("file:///N:/a.mp3", None),
        ("file://nas/music/a.mp3", None),
        ("http://example.com/a.mp3", None),
        ("file:", None),
    ],
)
@each_format
def test_locations_of_other_programs(location: str, path: str | None, format: str) -> None:
    content = {
        "m3u8": f"{location}\r\n",
        "xspf": f"<playlist><trackList><track><location>{location}</location></track></trackList>"
        "</playlist>",
        "jspf": f'{{"playlist": {{"track": [{{"location": "{location}"}}]}}}}',
        "json": f'["{location}"]',
    }[format].replace("\\", "\\\\" if format in ("jspf", "json") else "\\")
    (found,) = back(format, Rendered(content.encode(), ()), ("/music", "M:\\Music")).entries
    if location == "file:" and format in ("m3u8", "json"):
        assert found.path == Path(FOLDER, "file:")  # as text it is a name
        return
    assert found.path == (path if path is None else Path(path))
    assert found.location == location
    assert (found.why_no_file is None) == (path is not None)


def test_what_exists_is_meant_where_there_is_a_doubt(tmp_path: Path) -> None:
    (tmp_path / "Artist").mkdir()
    there = {
        r"Artist\song.mp3": "Artist/song.mp3",
        "trailing.mp3  ": "trailing.mp3",
        "a%20b.mp3": "a b.mp3",
        "e\u0301.mp3": "\u00e9.mp3",
        r"really\so.mp3": r"really\so.mp3",
        "50%25.mp3": "50%25.mp3",
    }
    exact = {
        "file:///no%20such%2520.mp3": "/no such%20.mp3",
        "./Artist\\song.mp3": "Artist\\song.mp3",
    }
    for name in there.values():
        (tmp_path / name).write_text("x")
    (tmp_path / "50%.mp3").write_text("x")
    file = tmp_path / "mix.m3u8"
    there |= exact
    file.write_text("".join(f"{location}\n" for location in there), "utf-8")
    found = read_playlist(file)
    assert [entry.path for entry in found.entries] == [tmp_path / name for name in there.values()]
    assert [entry.location for entry in found.entries] == list(there)


def test_relative_to_a_folder_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "lists").mkdir(parents=True)
    (tmp_path / "disk" / "a.mp3").write_text("x")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "lists").symlink_to(tmp_path / "disk" / "lists")
    file = tmp_path / "home" / "lists" / "mix.m3u8"
    file.write_text("../a.mp3\n../b.mp3\n")
    assert [entry.path for entry in read_playlist(file).entries] == [
        tmp_path / "disk" / "a.mp3",  # as the system opens it
        tmp_path / "home" / "b.mp3",
    ]


@pytest.mark.parametrize("format", WRITTEN)
def test_a_playlist_that_is_written_again_keeps_the_style_of_its_paths(
    format: str, tmp_path: Path
) -> None:
    file = tmp_path / f"mix.{format}"
    old = tuple(PlaylistEntry(tmp_path / "music" / f"{n}.mp3") for n in range(3))
    write_playlist(file, Playlist(entries=old), relative=True)
    read = read_playlist(file)
    assert read.is_relative
    new = PlaylistEntry(tmp_path / "new.mp3")
    write_playlist(file, replace(read, entries=(new, *read.entries[1:])))
    locations = [entry.location for entry in read_playlist(file).entries]
    assert locations == ["new.mp3", "music/1.mp3", "music/2.mp3"]
    # In another folder, the old locations would mean other files.
    (tmp_path / "lists").mkdir()
    moved = tmp_path / "lists" / f"mix.{format}"
    write_playlist(moved, read_playlist(file))
    assert [entry.path for entry in read_playlist(moved).entries] == [
        entry.path for entry in (new, *old[1:])
    ]
    write_playlist(file, read_playlist(file), relative=False)
    assert not read_playlist(file).is_relative


def test_every_format_is_tried() -> None:
    assert {*WRITTEN, "m3u"} == set(FORMATS)
