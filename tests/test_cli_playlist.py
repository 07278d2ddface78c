"""Playlists, paths and radio as commands: real files, a small model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audio_files import write_audio
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="needs soundalike[research]")

from facet_models import facet_model, install, music

from soundalike.cli import cli
from soundalike.playlists import read_playlist

RATE = 22_050
N = 12
ALL = ("--min-length", "0")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a library of twelve tracks by four bands, with the small model."""
    folder = tmp_path_factory.mktemp("lists")
    install(folder / "models", facet_model())
    for number in range(N):
        tags = {"artist": f"Band {number % 4}", "title": f"Piece {number}"}
        sound = music(11.0, bpm=80 + 7 * number, root=220 * 2 ** (number / 12), seed=number)
        path = folder / "music" / f"{number:02d}.flac"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, sound, RATE, "flac", metadata=tags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_MODELS", str(folder / "models"))
        patch.setenv("SOUNDALIKE_MODEL", "facets")
        patch.setenv("SOUNDALIKE_LIBRARY", str(folder / "library.db"))
        assert call("scan", folder / "music", "--jobs", 1).exit_code == 0
        yield folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def numbers(lines: str) -> list[int]:
    """The ids in a table, by its header."""
    header, *rows = lines.splitlines()
    end = header.index("id") + 2
    return [int(row[:end].split()[-1]) for row in rows]


def titles(file: Path) -> list[str | None]:
    return [entry.title for entry in read_playlist(file).entries]


def test_a_playlist_is_a_table_with_reasons(place: Path) -> None:
    shown = call("playlist", 1, "--tracks", 5, *ALL)
    assert shown.exit_code == 0, shown.output
    header, *rows = shown.stdout.splitlines()
    assert header.split() == ["artist", "title", "length", "id", "like", "why"]
    assert len(rows) == 5
    assert all(re.search(r"0:\d\d like 0:\d\d", row) for row in rows)
    assert "Band 0 - Piece 0: 11 tracks compared" in shown.stderr
    assert "smooth order: steps of" in shown.stderr
    found = call_json("playlist", 1, "--tracks", 5, *ALL)
    assert numbers(shown.stdout) == [item["track"]["track_id"] for item in found["items"]]
    assert found["items"][0]["likeness"]["passage"]["b_end_s"] <= 11.1
    assert sum(found["weights"].values()) == pytest.approx(1)


def test_words_options_and_limits(place: Path, tmp_path: Path) -> None:
    shown = call(
        "playlist", "piece", 3, "+", "piece", 4, "--tracks", 8, "--max-per-artist", 1, *ALL
    )
    assert "nearest to" in shown.stdout.splitlines()[0]
    assert "4 tracks, 44 s: 8 tracks were asked for, the limits leave no more" in shown.stderr
    assert "passed over for the limits: 6 by artist" in shown.stderr
    # Without the option, eleven seconds are too short.
    short = call("playlist", 1)
    assert (short.exit_code, short.stdout) == (1, "")
    assert "InvalidArgument: the limits leave nothing of 11 tracks: length takes 11" in short.stderr
    assert (
        "30 tracks were asked for, there are no more"
        in call("playlist", 1, "--tracks", 30, *ALL).stderr
    )
    both = call("playlist", 1, "--tracks", 9, "--minutes", 0.5, *ALL)
    assert "3 tracks, 33 s: 0.5 minutes came before the tracks" in both.stderr
    assert call("playlist", 1, "--name", "x").exit_code == 2
    surprised = [
        numbers(call("playlist", 1, "--tracks", 4, "--surprise", 1, "--seed", n, *ALL).stdout)
        for n in (1, 1, 2, 3, 4)
    ]
    assert surprised[0] == surprised[1]
    assert len({tuple(sorted(each)) for each in surprised}) > 2


def test_the_life_of_a_playlist(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    made = call("playlist", 1, "--tracks", 4, *ALL, "--out", file, "--name", "My mix")
    assert f"playlist: {file}" in made.stderr
    assert (read_playlist(file).name, len(titles(file))) == ("My mix", 4)
    first = titles(file)

    only_shown = call("playlist", "extend", file, "--tracks", 2, *ALL)
    assert (only_shown.exit_code, titles(file)) == (0, first)
    assert [row.split()[0] for row in only_shown.stdout.splitlines()[1:]] == ["5", "6"]
    call("playlist", "extend", file, "--tracks", 2, *ALL, "--in-place", "--also", "piece 5")
    assert titles(file)[:4] == first
    assert len(titles(file)) == 6

    again = call("playlist", "refresh", file)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "all 2 tracks stay" in again.stderr
    assert call_json("playlist", "refresh", file, "--dry-run")["came"] == []

    with open(file, "a", encoding="utf-8") as opened:
        opened.write("#EXTINF:9,Nobody - Nothing\n/nowhere/nothing.mp3\n")
    ordered = call("playlist", "order", file, "--out", tmp_path / "smooth.xspf")
    assert "1 entry at the end, which is not in the library or not analysed:" in ordered.stderr
    assert "Nobody - Nothing" in ordered.stderr
    assert "largest step from track to track" in ordered.stderr
    smooth = tmp_path / "smooth.xspf"
    assert sorted(map(str, titles(smooth))) == sorted(map(str, titles(file)))
    assert (read_playlist(smooth).name, titles(smooth)[-1]) == ("My mix", "Nothing")
    found = call_json("playlist", "order", file)
    assert found["total_step"] <= found["given_total_step"]
    assert len(found["steps"]) == len(found["tracks"]) - 1 == 5

    refused = call("playlist", "refresh", smooth)
    assert refused.exit_code == 1
    assert "does not say how it was made" in refused.stderr
    assert call("playlist", "order", file, "--in-place", "--out", file).exit_code == 2


def test_a_track_that_is_called_like_a_command(place: Path) -> None:
    missing = call("playlist", "order", "--tracks", 3)
    assert missing.exit_code == 2
    # Words that only begin so are words.
    assert "a start and an end, such as @1:10-1:40" in call("playlist", "3@1:10").stderr
    assert "nothing in the library matches 'orders'" in call("playlist", "orders").stderr
    assert "playlist" in call("playlist").output
    assert call("playlist", "--help").stdout == call("playlist", "-h").stdout
    shown = call("playlist", "--help").stdout
    assert all(f"  {name} " in shown for name in ("extend", "order", "refresh", "--surprise"))


def test_a_path_with_its_ends(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "path.jspf"
    shown = call("path", 1, 12, "--steps", 5, *ALL, "--out", file)
    assert shown.exit_code == 0, shown.output
    found = numbers(shown.stdout)
    assert (found[0], found[-1], len(set(found))) == (1, 12, 5)
    assert titles(file) == [f"Piece {each - 1}" for each in found]
    assert "on a straight way" in shown.stderr
    made = call_json("path", "piece 0", "piece 5", "piece 11", "--steps", 6, *ALL)
    assert [stop["waypoint"] for stop in made["stops"] if stop["waypoint"] is not None] == [0, 1, 2]
    one = call("path", "piece", "0")
    assert (one.exit_code, "Put a + between" in one.stderr) == (2, True)
    few = call("path", 1, 2, 3, "--steps", 2, *ALL)
    assert few.exit_code == 1
    assert "a path of 2 tracks cannot go through 3" in few.stderr


def test_a_radio_goes_on_where_it_was(place: Path, tmp_path: Path) -> None:
    whole = numbers(call("radio", 1, "--tracks", 8, *ALL).stdout)
    assert (len(set(whole)), 1 in whole) == (8, False)
    state = tmp_path / "radio.json"
    first = numbers(call("radio", 1, "--tracks", 3, *ALL, "--state", state).stdout)
    later = call("radio", "--tracks", 5, "--state", state)
    assert first + numbers(later.stdout) == whole
    assert [row.split()[0] for row in later.stdout.splitlines()[1:]] == ["4", "5", "6", "7", "8"]
    before = state.read_bytes()
    for arguments, code, words in (
        (("radio", 2, "--state", state), 2, "leave out TRACK"),
        (("radio", "--state", state, "--genre", "jazz"), 2, "that the radio began with"),
        (("radio",), 2, "name a TRACK"),
        (("radio", "--state", tmp_path / "none.json"), 2, "is not there yet"),
        (("radio", "--state", state, "--skip", "nobody knows"), 1, "TrackNotFound"),
        (("radio", 1, "--endless", "--json"), 2, "has no end"),
    ):
        refused = call(*arguments)
        assert refused.exit_code == code
        assert words in refused.stderr
    assert state.read_bytes() == before
    (tmp_path / "text.json").write_text("no JSON")
    assert "no state of a radio" in call("radio", "--state", tmp_path / "text.json").stderr
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "no state of a radio" in call("radio", "--state", tmp_path / "deep.json").stderr
    (tmp_path / "empty.json").write_text("{}")
    refused = call("radio", "--state", tmp_path / "empty.json")
    assert refused.exit_code == 1
    assert "empty.json" in refused.stderr
    for name, value in (
        ("version", 99),
        ("seed_ids", None),
        ("limits", {"max_pigs": 3}),
        ("model", "other@1"),
        ("not_playlists", [str(tmp_path / "gone.m3u8")]),
        ("radio", {"version": 1}),
    ):
        (tmp_path / "bad.json").write_text(json.dumps({**json.loads(before), name: value}))
        refused = call("radio", "--state", tmp_path / "bad.json")
        assert refused.exit_code == 1
        assert f": {tmp_path}/bad.json: " in refused.stderr, name
    # Three of eleven are left; then all come again.
    rest = call("radio", "--tracks", 5, "--state", state)
    assert "come again" in rest.stderr
    assert set(numbers(rest.stdout)[:3]) == set(range(2, N + 1)) - set(whole)


def test_what_is_skipped_changes_what_follows(place: Path, tmp_path: Path) -> None:
    lists = []
    for told in ((), ("--skip", 5), ("--like", 5)):
        state = tmp_path / f"{len(lists)}.json"
        call("radio", 1, "--tracks", 2, *ALL, "--state", state)
        lists.append(numbers(call("radio", "--state", state, "--tracks", 6, *told).stdout))
    assert lists[0] != lists[1]
    assert 5 not in lists[1]


def test_an_endless_radio_ends_when_nobody_reads(place: Path) -> None:
    arguments = [sys.executable, "-m", "soundalike", "radio", "1", "--endless", *ALL, "--m3u", "-"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env={**os.environ}) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline().decode() for _ in range(60)]
        program.stdout.close()
        program.wait(60)
    assert lines[0] == "#EXTM3U\n"
    assert lines.count("#EXTM3U\n") == 1
    assert sum(line.endswith(".flac\n") for line in lines) > 25


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("command", ["playlist 1 2", "path 1 12", "radio 1"])
def test_tables_fit_the_terminal(
    place: Path, command: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.cli.output.terminal_width", lambda: width)
    shown = call(*command.split(), *ALL)
    assert max(map(len, shown.stdout.splitlines())) <= width
    assert max(map(len, shown.stderr.splitlines())) <= 80


def test_a_playlist_to_leave_out_that_is_empty_is_told(place: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.m3u8"
    empty.write_text("#EXTM3U\n")
    mix = tmp_path / "mix.m3u8"
    call("playlist", 1, "--tracks", 3, *ALL, "--out", mix)
    for command in (("playlist", 1), ("radio", 1), ("path", 1, 12), ("playlist", "extend", mix)):
        found = call(*command, *ALL, "--not-playlist", empty)
        assert found.exit_code == 0, found.output
        told = f"--not-playlist {empty}: none of its tracks is in the library"
        assert told in found.stderr
        assert told not in call(*command, *ALL, "--not-playlist", mix).stderr
        refused = call(*command, *ALL, "--only-playlist", empty)
        assert (refused.exit_code, "it has no tracks" in refused.stderr) == (1, True)


def test_the_folder_of_a_base_that_holds_nothing_of_the_list(place: Path, tmp_path: Path) -> None:
    mix = tmp_path / "mix.m3u8"
    made = ("playlist", 1, "--tracks", 3, *ALL, "--out", mix, "--base")
    refused = call(*made, place / "mucis", "/mnt")
    assert refused.exit_code == 1
    assert "nothing of the playlist lies below this folder" in refused.stderr
    assert f"{place}/mucis" in refused.stderr
    assert not mix.exists()
    assert call(*made, place / "music", "/mnt").exit_code == 0
    # Some of it elsewhere: told, a line each.
    outside = f"{tmp_path}/a.flac"
    mix.write_text(f"{mix.read_text()}{outside}\n")
    told = call("playlist", "order", mix, "--in-place", "--base", place / "music", "/mnt")
    assert f"'{outside}': its path: it does not lie below {place}/music" in told.stderr
    assert outside in mix.read_text().splitlines()


def test_a_playlist_in_utf_16_stays_in_it(place: Path, tmp_path: Path) -> None:
    mix = tmp_path / "mix.m3u8"
    call("playlist", 1, "--tracks", 3, *ALL, "--out", mix)
    mix.write_bytes(mix.read_text().encode("utf-16"))
    for command in (("refresh", mix), ("extend", mix, "--in-place", *ALL)):
        assert call("playlist", *command).exit_code == 0
        assert mix.read_bytes().startswith("\ufeff#EXTM3U\n".encode("utf-16-le"))
    shown = call("playlist", "order", mix, "--out", "-")
    assert shown.stdout.startswith("#EXTM3U\n")
    assert len(read_playlist(mix).entries) > 3
    # Into a file of its own code page goes what it can hold.
    old = tmp_path / "old.m3u"
    old.write_bytes(f"#EXTM3U\n#PLAYLIST:\xe9t\xe9\n{place}/music/00.flac\n".encode("cp1252"))
    assert "UTF-8" not in call("playlist", "extend", old, "--in-place", *ALL).stderr
    assert "été" in old.read_text("cp1252")
