"""``soundalike missing``, ``forget`` and ``info`` as people call them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from audio_files import chord, write_audio
from click.testing import CliRunner, Result
from fakes import open_library, write_track

from soundalike.cli import cli
from soundalike.library import Library

TODAY = time.strftime("%Y-%m-%d")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A library of four tracks, two of which are missing."""
    music = tmp_path / "music"
    for name in ("a/1", "a/2", "b/3", "b/4"):
        write_track(music / f"{name}.wav", name)
    with open_library(tmp_path) as library:
        library.scan([music])
        for name in ("a/2", "b/4"):
            (music / f"{name}.wav").unlink()
        library.scan([music])
    return tmp_path / "library.db"


def left(place: Path) -> list[str]:
    with Library(place, create=False) as library:
        return [track.path.name for track in library.tracks()]


def test_missing_lists_what_is_gone(place: Path) -> None:
    music = place.parent / "music"
    result = call("missing", "--library", place)
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["missing", "since", "id", "file"]
    for line, track_id, name in zip(lines, "24", ("a/2.wav", "b/4.wav"), strict=True):
        day, _, number, path = line.split(maxsplit=3)
        assert (day, number, path) == (TODAY, track_id, str(music / name))
    assert "2 tracks are missing." in result.stderr
    (found,) = call_json("missing", music / "b", "--library", place)
    assert (found["track_id"], found["status"]) == (4, "missing")
    assert found["missing_since"].startswith(time.strftime("%Y-%m-", time.gmtime()))
    one = call("missing", music / "a", "--library", place)
    assert "1 track is missing." in one.stderr
    none = call("missing", "no", "such", "words", "--library", place)
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "No such track is missing.\n")
    assert call_json("missing", "no such words", "--library", place) == []


def test_without_a_terminal_forget_wants_yes(place: Path) -> None:
    for arguments in (["--missing"], [place.parent / "music"], [1]):
        result = call("forget", *arguments, "--library", place)
        assert result.exit_code in (1, 2)
        assert "there is no terminal to ask on: add --yes" in result.stderr
    assert "To be forgotten: 1 track" in result.stderr
    for arguments in ([], ["--yes"], ["--dry-run"]):
        result = call("forget", *arguments, "--library", place)
        assert result.exit_code in (1, 2)
        assert "name a file, a folder or an id, or give --missing" in result.stderr
    unknown = call("forget", 1, place.parent / "elsewhere", "--yes", "--library", place)
    assert unknown.exit_code == 1
    assert "the library has no such track, and none in such a folder" in unknown.stderr
    assert len(left(place)) == 4


def test_forget_says_how_much_and_what_comes_back(place: Path) -> None:
    music = place.parent / "music"
    plan = call("forget", music / "a", "--dry-run", "--library", place)
    assert (plan.exit_code, plan.stdout) == (0, "")
    assert plan.stderr.splitlines() == [
        "To be forgotten: 2 tracks (1 missing)",
        f"  {music / 'a/1.wav'}",
        f"  {music / 'a/2.wav'}",
        "1 file still there comes back with the next scan of its folder.",
    ]
    assert len(left(place)) == 4
    gone = call("forget", "--missing", "--yes", "--library", place)
    assert (gone.exit_code, gone.stdout, gone.stderr) == (0, "forgot 2 tracks (2 missing)\n", "")
    assert left(place) == ["1.wav", "3.wav"]
    again = call("forget", "--missing", "--library", place)
    assert (again.exit_code, again.stderr) == (0, "There is nothing to forget.\n")
    rest = call_json("forget", music, "--yes", "--library", place)
    assert rest["paths"] == [str(music / "a/1.wav"), str(music / "b/3.wav")]
    assert (rest["missing"], rest["there"]) == (0, 2)
    assert left(place) == []


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo-terminals")
def test_on_a_terminal_forget_asks(place: Path) -> None:
    import pty

    command = [sys.executable, "-m", "soundalike", "forget", "--missing", "--library", str(place)]
    for answer, code, tracks in (("", 1, 4), ("y", 0, 2)):
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        ran = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False)
        os.close(theirs)
        os.close(ours)
        assert "To be forgotten: 2 tracks (2 missing)" in ran.stderr
        assert "Forget this? [y/N]" in ran.stderr
        assert (ran.returncode, len(left(place))) == (code, tracks)
    assert ran.stdout == "forgot 2 tracks (2 missing)\n"


def test_info_lists_the_scanned_folders(place: Path) -> None:
    with closing(sqlite3.connect(place)) as database:
        database.execute("DELETE FROM folders")
        database.executemany(
            "INSERT INTO folders (path, excludes, pattern, tag_encoding, scanned_at) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                (os.fsencode(place.parent / "music"), "[]", None, None, time.time()),
                (
                    os.fsencode(place.parent / "music/a"),
                    '["*.tmp", "demo"]',
                    "{artist} - {title}",
                    "cp1251",
                    time.time(),
                ),
            ],
        )
        database.commit()
    result = call("info", "--library", place)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    first, second = (line for line in lines if line.startswith("folder"))
    assert first.startswith(f"folder {place.parent / 'music'}: 2 tracks, scanned {TODAY} ")
    assert second.startswith(f"folder {place.parent / 'music/a'}: 1 track, scanned {TODAY} ")
    rest = lines[lines.index(second) + 1 :]
    assert rest[:3] == ["without *.tmp, demo", "pattern {artist} - {title}", "tags in cp1251"]
    assert "To see what is missing, and since when: soundalike missing" in result.stderr
    folders = call_json("info", "--library", place)["folders"]
    assert [folder["tracks"] for folder in folders] == [2, 1]
    assert folders[1]["excludes"] == ["*.tmp", "demo"]
    plan = call("forget", place.parent / "music/a", "--dry-run", "--library", place).stderr
    assert "To be forgotten: 2 tracks (1 missing) and 1 scanned folder" in plan
    assert f"no longer scanned by `soundalike scan`: {place.parent / 'music/a'}" in plan


def test_an_answer_about_a_missing_track_says_so(tmp_path: Path) -> None:
    place = tmp_path / "library.db"
    for number in range(4):
        sound = chord(22_050, 11.0 + number) * (0.5 + 0.1 * number)
        write_audio(tmp_path / f"{number}.flac", sound, 22_050, "flac")
    assert call("scan", tmp_path, "--library", place, "--jobs", 1).exit_code == 0
    with closing(sqlite3.connect(place)) as database:
        # Where nobody has a file, whatever lies on this machine.
        database.execute("UPDATE tracks SET path = CAST('/nowhere' || path AS BLOB)")
        database.execute("UPDATE tracks SET missing_at = ? WHERE id = 2", (time.time(),))
        database.commit()
    words = f"is missing since {TODAY}; the answer comes from its stored analysis."
    for command in (("similar", 2), ("compare", 2, 3), ("compare", 3, 2)):
        result = call(*command, "--library", place)
        assert (result.exit_code, result.stderr.count(words)) == (0, 1), result.output
    assert words not in call("compare", 4, 3, "--library", place).stderr
    assert f"missing since {TODAY}" in call("info", 2, "--library", place).stdout
    passage = call("similar", 2, "--at", "0:01-0:05", "--library", place)
    assert passage.exit_code == 1
    assert f"missing since {TODAY}, and it has to be read for this" in passage.stderr
