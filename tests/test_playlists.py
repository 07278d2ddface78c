"""Playlists byte by byte."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from soundalike.errors import OutputError
from soundalike.files import check_writable
from soundalike.playlists import PlaylistEntry, m3u8, write_m3u8


def test_absolute_paths_and_extinf(tmp_path: Path) -> None:
    music = tmp_path / "Ärger" / "01 été.flac"
    entries = [
        PlaylistEntry(music, title="Été", artist="Ärger", duration_s=61.6),
        PlaylistEntry(tmp_path / "b.mp3"),
    ]
    assert m3u8(entries).content.decode("utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:62,Ärger - Été",
        str(music),
        "#EXTINF:-1,b",
        str(tmp_path / "b.mp3"),
    ]


def test_relative_paths_open_from_the_playlist(tmp_path: Path) -> None:
    track = tmp_path / "music" / "x.ogg"
    playlist = tmp_path / "lists" / "mix.m3u8"
    playlist.parent.mkdir()
    write_m3u8(playlist, [PlaylistEntry(track)], relative=True)
    line = playlist.read_text(encoding="utf-8").splitlines()[-1]
    assert line == os.path.join("..", "music", "x.ogg")
    assert (playlist.parent / line).resolve() == track


def test_a_name_that_looks_like_a_comment(tmp_path: Path) -> None:
    line = m3u8(
        [PlaylistEntry(tmp_path / "#1 hit.mp3")], relative_to=tmp_path
    ).content.splitlines()[-1]
    assert line == os.fsencode(os.path.join(".", "#1 hit.mp3"))


def test_tags_with_line_breaks_stay_on_their_line(tmp_path: Path) -> None:
    entry = PlaylistEntry(tmp_path / "a.mp3", title="one\n#EXTM3U\r\ntwo", artist="x\ty")
    assert m3u8([entry]).content.splitlines()[1] == b"#EXTINF:-1,x y - one #EXTM3U two"


@pytest.mark.parametrize("name", ["a\nb.mp3", "a\rb.mp3", "end\n"])
def test_a_path_with_a_line_break_is_left_out_alone(name: str, tmp_path: Path) -> None:
    bad, good = PlaylistEntry(tmp_path / name, title="x"), PlaylistEntry(tmp_path / "good.mp3")
    playlist = m3u8([bad, good, bad])
    assert playlist.left_out == (bad, bad)
    assert playlist.content.splitlines()[1:] == [b"#EXTINF:-1,good", os.fsencode(good.path)]
    assert write_m3u8(tmp_path / "mix.m3u8", [bad, good]) == (bad,)


def test_whether_a_file_can_be_written_is_tried_without_touching_it(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    check_writable(file)
    assert list(tmp_path.iterdir()) == []
    file.write_text("old")
    check_writable(file)
    assert file.read_text() == "old"
    for path, reason in (
        (tmp_path, "is a directory"),
        (tmp_path / "nowhere" / "mix.m3u8", "no such file"),
        (file / "mix.m3u8", "not a directory"),
    ):
        with pytest.raises(OutputError, match=rf"cannot be written \({reason}"):
            check_writable(path)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_undecodable_names_keep_their_bytes(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    lines = m3u8([PlaylistEntry(path)]).content.splitlines()
    assert lines[-1].endswith(b"/caf\xe9.mp3")
    assert lines[-2] == rb"#EXTINF:-1,caf\xe9"


def test_replaces_an_old_playlist_and_leaves_nothing_else(tmp_path: Path) -> None:
    playlist = tmp_path / "mix.m3u8"
    playlist.write_text("old")
    write_m3u8(playlist, [])
    assert playlist.read_bytes() == b"#EXTM3U\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mix.m3u8"]


def test_a_link_to_a_playlist_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.m3u8", tmp_path / "link.m3u8"
    real.write_text("old")
    try:
        link.symlink_to(real)
    except OSError as error:  # Windows without the privilege
        pytest.skip(f"no symbolic links here: {error}")
    write_m3u8(link, [])
    assert link.is_symlink()
    assert real.read_bytes() == b"#EXTM3U\n"


def test_unwritable_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"mix\.m3u8: cannot be written \(no such file"):
        write_m3u8(tmp_path / "no such folder" / "mix.m3u8", [])
