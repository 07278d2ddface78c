"""Limits, several seeds and weights on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import mutagen.wave
import pytest
from click.testing import CliRunner, Result
from fakes import FACETED, open_library, write_track
from mutagen.id3 import TALB, TCON, TDRC, TIT2, TPE1

from soundalike.cli import cli
from soundalike.cli.limits import passed_words, to_length
from soundalike.cli.seeds import to_seeds
from soundalike.library import library as library_module

N = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    for number in range(N):
        path = write_track(folder / f"music/{number % 3}/piece {number}.wav", f"text {number}")
        file = mutagen.wave.WAVE(path)
        file.add_tags()
        guest = " feat. Guest" if number == 4 else ""
        for frame in (
            TPE1(text=f"Band {number % 4}{guest}"),
            TIT2(text=f"Piece {number}"),
            TALB(text=f"Album {number % 6}"),
            TCON(text=["Rock", "Jazz", "Folk"][number % 3]),
            TDRC(text=str(1990 + number)),
        ):
            file.tags.add(frame)
        file.save()
    with open_library(folder, name=FACETED) as library:
        assert library.scan([folder / "music"]).analysed == N
    return folder


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of the fake's that the commands find."""
    with open_library(folder, name=FACETED) as library:
        model = library.model
    monkeypatch.setattr(library_module, "find_model", lambda _: model)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(folder / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", FACETED)
    monkeypatch.chdir(folder)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], terminal_width=200)


def call_json(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def numbers(*options: object) -> list[int]:
    """The numbers of the pieces that come for the first, in order."""
    found = call_json("similar", "piece 0", "-k", N, *options)
    return [int(match["track"]["title"].split()[1]) for match in found["matches"]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--genre", "jazz"], [1, 4, 7, 10]),
        (["--genre", "jazz", "--genre", "FOLK"], [1, 2, 4, 5, 7, 8, 10, 11]),
        (["--not-genre", "jazz", "--not-genre", "folk"], [3, 6, 9]),
        (["--year", "1994-1996"], [4, 5, 6]),
        (["--year", "1999-", "--year", "1991"], [1, 9, 10, 11]),
        (["--not-year", "-1998"], [9, 10, 11]),
        (["--folder", "music/1"], [1, 4, 7, 10]),
        (["--folder", "music", "--not-folder", "music/1", "--not-folder", "music/2"], [3, 6, 9]),
        (["--genre", "rock", "--year", "1995-"], [6, 9]),
        (["--min-length", "25s", "--max-length", "0:25"], list(range(1, N))),
    ],
)
def test_options_say_what_may_come(place: Path, options: list[str], expected: list[int]) -> None:
    assert sorted(numbers(*options)) == expected


def test_options_say_how_much_may_come(place: Path) -> None:
    order = numbers()
    for option, group in (("--max-per-artist", 4), ("--max-per-album", 6)):
        shown = numbers(option, 1)
        firsts = {n % group: n for n in reversed(order)}
        assert shown == [n for n in order if firsts[n % group] == n]


def test_json_tells_ranks_and_what_was_passed_over(place: Path) -> None:
    plain = call_json("similar", "piece 0", "-k", N)
    order = [match["track"]["track_id"] for match in plain["matches"]]
    options = ("--max-per-artist", 1, "--not-genre", "folk")
    found = call_json("similar", "piece 0", "-k", N, *options)
    assert found["limits"] == ["max_per_artist", "never"]
    assert plain["limits"] == []
    for match in found["matches"]:
        assert order[match["rank_before"] - 1] == match["track"]["track_id"]
        assert set(match["facets"]) == {"sound", "rhythm", "harmony"}
        assert match["percentile"] > 0
        for over in match["passed_over"]:
            assert order[over["rank"] - 1] == over["track_id"]
            assert over["rule"] in ("artist", "genre")
            assert over["name"].startswith("Band ")
    assert sum(found["passed_counts"].values()) == N - 1 - len(found["matches"])


def test_the_text_says_what_limits_took(place: Path) -> None:
    result = call("similar", "piece 0", "-k", 5, "--max-per-artist", 1, "--genre", "jazz")
    genre = N - 1 - 4
    assert result.exit_code == 0
    assert f"passed over for the limits: {genre} by genre" in result.stderr
    assert "5 were asked for: the limits leave" in result.stderr
    assert "passed over" not in call("similar", "piece 0").stderr
    assert "100 were asked for: there are 11." in call("similar", "piece 0", "-k", 100).stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--max-per-artist", 0], 1, "InvalidArgument: --max-per-artist is 0"),
        (
            ["--min-length", "2:00", "--max-length", "60s"],
            1,
            "--min-length is 120 and --max-length",
        ),
        (["--genre", "jaz"], 1, "no track has the genre 'jaz'. Did you mean 'jazz'?"),
        (["--genre", "jazz", "--not-genre", "Jazz"], 1, "--genre has 'jazz', and --not-genre"),
        (["--year", "94"], 2, "'94' is no year: write 1994, 1990-1999"),
        (["--folder", "nowhere"], 1, "no track of the library lies in"),
        (["--min-length", "26"], 1, "the limits leave nothing of 11 tracks: length takes 11"),
        (["--without", "piece 0"], 1, "is a seed, and among what"),
        (["--min-length", "long"], 2, "'long' is not a time"),
        (["--versions", "all"], 2, "'all' is not one of 'hide', 'show'"),
        (
            ["--weight", "rhythm=2", "--weight", "rhythm=3"],
            2,
            "the weight of rhythm is given twice",
        ),
        (["--weight", "rhythm"], 2, "is no list of weights"),
        (["--weight", "tempo=1"], 1, "faceted@1: weights name 'tempo'"),
    ],
)
def test_what_cannot_be(place: Path, options: list[object], code: int, message: str) -> None:
    result = call("similar", "piece 0", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_weights_in_two_ways(place: Path) -> None:
    one = call_json("similar", "piece 0", "--weights", "rhythm=2,harmony=0")
    assert one == call_json("similar", "piece 0", "--weight", "rhythm=2", "--weight", "harmony=0")
    assert one == call_json("similar", "piece 0", "--weights", "rhythm=2", "--weight", "harmony=0")
    assert one["weights"]["harmony"] == 0


# Seeds


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (["miles", "davis", "so", "what"], ["miles davis so what"]),
        (["so", "what", "+", "17"], ["so what", "17"]),
        (["toto", "+", "cher", "+", "#4"], ["toto", "cher", "#4"]),
        (["17"], ["17"]),
        (["17", "18"], ["17", "18"]),
        (["17", "miles davis so what"], ["17", "miles davis so what"]),
        (["17@1:10-1:40", "18"], ["17@1:10-1:40", "18"]),
        (["so", "what@1:10-1:40"], ["so what@1:10-1:40"]),
        (["toto", "99"], ["toto 99"]),
        (["music/0/piece 0.wav", "music/1/"], ["music/0/piece 0.wav", "music/1/"]),
        (["music/0/piece 0.wav@0-5", "17"], ["music/0/piece 0.wav@0-5", "17"]),
        (["nowhere/x.wav", "17"], ["nowhere/x.wav 17"]),
    ],
)
def test_words_are_seeds(place: Path, words: list[str], seeds: list[str]) -> None:
    assert to_seeds(words) == seeds


@pytest.mark.parametrize("words", [["+", "17"], ["17", "+"], ["17", "+", "+", "18"]])
def test_nothing_beside_a_plus(place: Path, words: list[str]) -> None:
    with pytest.raises(click.UsageError, match=r"before and behind each \+"):
        to_seeds(words)
    assert call("similar", *words).exit_code == 2


def test_several_seeds_and_what_to_be_unlike(place: Path) -> None:
    found = call_json("similar", "piece", 1, "+", "piece", 2, "--without", "piece 3", "-k", N)
    assert [seed["track"]["title"] for seed in found["seeds"]] == ["Piece 1", "Piece 2"]
    assert [seed["track"]["title"] for seed in found["without"]] == ["Piece 3"]
    assert len(found["matches"]) == N - 3
    assert {match["seed"] for match in found["matches"]} == {0, 1}
    result = call("similar", "piece 1", "piece 2", "--without", "piece 3", "-k", N)
    lines = result.stdout.splitlines()
    assert "nearest to" in lines[0]
    for line, match in zip(lines[1:], found["matches"], strict=True):
        seed = found["seeds"][match["seed"]]["track"]
        assert f"{seed['artist']} - {seed['title']}" in line
    head = result.stderr.splitlines()[0]
    assert (
        head == "Band 1 - Piece 1 + Band 2 - Piece 2, without Band 3 - Piece 3: 9 tracks compared"
    )
    assert "nearest to" not in call("similar", "piece 1").stdout


def test_a_folder_as_a_seed(place: Path) -> None:
    found = call_json("similar", "music/0", "-k", N)
    assert {seed["track"]["genre"] for seed in found["seeds"]} == {"Rock"}
    assert (
        sorted(match["track"]["genre"] for match in found["matches"]) == ["Folk"] * 4 + ["Jazz"] * 4
    )
    assert "Piece 9: 8 tracks compared" in call("similar", "music/0").stderr
    assert " + 8 more: 0 tracks compared" in call("similar", "music/").stderr


def test_a_playlist_begins_with_all_seeds(place: Path) -> None:
    words = ("similar", "piece 1", "piece 2", "-k", 2, "--m3u", "-", "--with-query")
    titles = [line for line in call(*words).stdout.splitlines() if line.startswith("#EXTINF")]
    assert [title.split(" - ")[1] for title in titles[:2]] == ["Piece 1", "Piece 2"]
    assert len(titles) == 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("60 s", 60),
        ("1:00", 60),
        ("60", 60),
        ("1.5min", 90),
        ("2m", 120),
        ("1h", 3600),
    ],
)
def test_lengths(text: str, seconds: float) -> None:
    assert to_length(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-5s", "1:00s", "5 days"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time: write seconds"):
        to_length(text)


def commands(group: click.Group, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands below a group, and the names by which they are called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        yield (*names, name), command


# What these are about; the others look at a library, ask a player, or write much.
TRACKS = {"path": (1, 2), "compare": (1, 2), "explain": (1, 2), "alike": (1, 2)}
ELSEWHERE = {
    "scan",
    "train",
    "data",
    "reproduce",
    "models",
    "completion",
    "evaluate",
    "plot",
    "find",
    "mpd",
}


def numeric_options() -> list[tuple[tuple[str, ...], str, bool]]:
    """Commands, options, and whether all tracks must be let in first."""
    found = []
    for names, command in commands(cli):
        its = getattr(command, "default", command)
        if names[0] not in ELSEWHERE:
            found += [
                (names, max(each.opts, key=len), any(p.name == "min_length" for p in its.params))
                for each in its.params
                if isinstance(each, click.Option)
                and isinstance(each.type, click.types.IntParamType | click.types.FloatParamType)
            ]
    return found


@pytest.mark.parametrize(("names", "option", "has_lengths"), numeric_options())
def test_a_wrong_value_is_told_with_its_option(
    place: Path, tmp_path: Path, names: tuple[str, ...], option: str, has_lengths: bool
) -> None:
    mix = tmp_path / "mix.m3u8"
    mix.write_text("".join(f"{place}/music/{n % 3}/piece {n}.wav\n" for n in range(4)))
    what = [mix] if names[0] == "playlist" and names[1:] else TRACKS.get(names[0], [1])
    if names[0] in ("info", "clusters", "map", "versions", "duplicates", "list", "taste"):
        what = []
    if has_lengths:
        what = [*what, "--min-length", 0]
    for value in (-7, "nan"):
        result = call(*names, *what, option, value)
        if option == "--seed" and value == -7 and result.exit_code == 0:
            continue  # any whole number is one
        assert result.exit_code in (1, 2), result.output
        last = result.stderr.splitlines()[-1]
        assert option in last, last
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", last), last


def test_limits_that_contradict_each_other_are_told_as_options(place: Path) -> None:
    for arguments, words in (
        (("--min-length", 60, "--max-length", 30), "--min-length is 60 and --max-length is 30"),
        (("--genre", "Rock", "--not-genre", "rock"), "--genre has 'Rock', and --not-genre has"),
        (("--year", 1990, "--not-year", "1980-"), "--year has 1990, and --not-year has 1980-"),
        (("--folder", "music/1", "--not-folder", "music"), "--not-folder has"),
    ):
        result = call("similar", 1, *arguments)
        assert words in result.stderr
    both = call("similar", 1, 2, "--at", "0:00-0:05")
    assert "--at is a passage of one track, and there are 2" in both.stderr


def test_what_limits_took_is_told_in_words() -> None:
    counts = {"artist": 2, "track": 1_234, "copy": 7}
    assert passed_words(counts) == "1,234 not among those that may come, 2 by artist"
