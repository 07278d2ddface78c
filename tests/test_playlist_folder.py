"""Playlists that are kept in a folder: names, ids, files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument, OutputError, PlaylistNotFound
from soundalike.playlists import Playlist, PlaylistEntry, read_playlist, write_playlist
from soundalike.playlists.folder import PlaylistFolder, file_name_for

A = PlaylistEntry(Path("/music/a.flac"), title="A", artist="X", duration_s=61.0)
B = PlaylistEntry(Path("/music/b.flac"), title="B", duration_s=59.0)


@given(st.text())
def test_a_name_makes_a_file_that_every_system_takes(name: str) -> None:
    found = file_name_for(name)
    assert found not in ("", ".", "..")
    assert os.path.basename(found) == found
    assert not found.startswith((".", " "))
    assert not found.endswith((".", " "))
    assert not set(found) & set('/\\:*?"<>|\0\n')
    assert len(f"{found} (1000).m3u8".encode()) <= 255
    assert file_name_for(found) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("con", "_con"),
        ("LPT1.x", "_LPT1.x"),
        ("", "playlist"),
        ("Ünder  way", "Ünder way"),
    ],
)
def test_names_that_would_lead_elsewhere(name: str, expected: str) -> None:
    assert file_name_for(name) == expected


def test_what_is_put_is_a_file_that_players_read(tmp_path: Path) -> None:
    folder = PlaylistFolder(tmp_path / "lists")
    assert folder.all() == ()
    kept = folder.put(Playlist("Evening", (A, B), {"version": 1}))
    assert kept.path == tmp_path / "lists" / "Evening.m3u8"
    assert (kept.n_entries, kept.duration_s, kept.can_refresh) == (2, 120.0, True)
    assert [each.path for each in read_playlist(kept.path).entries] == [A.path, B.path]
    assert folder.all() == (kept,)
    assert folder.find(kept.playlist_id) == folder.find("Evening") == kept
    assert folder.read("Evening").recipe == {"version": 1}


def test_an_id_stays_under_another_name(tmp_path: Path) -> None:
    folder = PlaylistFolder(tmp_path)
    first = folder.put(Playlist("One", (A,)))
    renamed = folder.put(Playlist("Two", (A, B)), first.playlist_id)
    assert renamed.playlist_id == first.playlist_id
    assert [each.name for each in folder.all()] == ["Two"]
    other = folder.put(Playlist("One", (B,)))
    assert other.playlist_id != first.playlist_id
    # And for whoever opens the folder next.
    again = PlaylistFolder(tmp_path)
    assert again.find(first.playlist_id).name == "Two"
    assert again.find(other.playlist_id).name == "One"
    back = folder.put(Playlist("Three", (A,)), first.playlist_id)
    assert back.playlist_id == first.playlist_id
    folder.delete(first.playlist_id)
    with pytest.raises(PlaylistNotFound, match="there is no playlist"):
        folder.find(first.playlist_id)
    with pytest.raises(PlaylistNotFound):
        folder.put(Playlist("Four", (A,)), first.playlist_id)


def test_names_that_make_one_file_are_two_playlists(tmp_path: Path) -> None:
    folder = PlaylistFolder(tmp_path)
    names = ["A/B", "A:B", "A_B", "a_b"]
    kept = [folder.put(Playlist(name, (A,))) for name in names]
    assert [folder.find(name) for name in names] == [folder.find(k.playlist_id) for k in kept]
    assert len({each.path.name.casefold() for each in folder.all()}) == 4
    assert {each.path.parent for each in folder.all()} == {tmp_path}


def test_what_others_put_there_is_there(tmp_path: Path) -> None:
    write_playlist(tmp_path / "mine.xspf", Playlist("My own", (A,)))
    (tmp_path / "broken.jspf").write_text("{")
    (tmp_path / "notes.txt").write_text("no playlist")
    (tmp_path / ".hidden.m3u8").write_text("x.flac")
    (tmp_path / "folder.m3u8").mkdir()
    folder = PlaylistFolder(tmp_path)
    broken, mine = folder.all()
    assert (mine.name, mine.format, mine.problem) == ("My own", "xspf", None)
    assert broken.name == "broken"
    assert "no JSON" in (broken.problem or "")
    assert folder.put(Playlist("My own", (A, B))).path == tmp_path / "mine.xspf"
    assert folder.find("My own").n_entries == 2
    folder.delete("broken")
    assert [each.name for each in folder.all()] == ["My own"]


def test_a_name_is_one_line(tmp_path: Path) -> None:
    folder = PlaylistFolder(tmp_path)
    assert folder.put(Playlist(" two\nlines\x00 ", (A,))).name == "two lines"
    for name in ("", " \n", None):
        with pytest.raises(InvalidArgument, match="must have one"):
            folder.put(Playlist(name, (A,)))


def test_what_an_m3u8_cannot_hold_is_kept_all_the_same(tmp_path: Path) -> None:
    strange = PlaylistEntry(Path("/music/line\nbreak.flac"))
    kept = PlaylistFolder(tmp_path).put(Playlist("Strange", (strange, A)))
    assert kept.format == "jspf"
    assert kept.n_entries == 2


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        PlaylistFolder(tmp_path / "file" / "lists").put(Playlist("One", (A,)))
