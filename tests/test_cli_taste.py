"""Judging, importing and taste on the command line."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fakes import FACETED, open_library
from postgresql_server import duplicate
from test_judgements import N_TRACKS, fill, listen

from soundalike.cli import cli
from soundalike.library import library as library_module


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasted")
    with open_library(folder, name=FACETED) as library:
        assert library.scan([fill(folder)]).analysed == N_TRACKS
    # Closed, all of it is in the one file.
    duplicate(folder / "library.db", folder / "plain.db")
    with open_library(folder, name=FACETED) as library:
        listen(library)
    return folder


@pytest.fixture
def place(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of the fake's without judgements, that the commands find; in its folder another
    one, ``judged.db``."""
    duplicate(filled / "plain.db", tmp_path / "library.db")
    duplicate(filled / "library.db", tmp_path / "judged.db")
    with open_library(filled, name=FACETED) as library:
        model = library.model
    monkeypatch.setattr(library_module, "find_model", lambda _: model)
    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", FACETED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object, code: int = 0) -> Result:
    words = [str(one) for one in arguments]
    result = CliRunner().invoke(cli, words, terminal_width=200)
    assert result.exit_code == code, result.output
    return result


def call_json(*arguments: object) -> Any:
    return json.loads(call(*arguments, "--json").stdout)


@pytest.mark.usefixtures("place")
def test_what_is_said_is_repeated() -> None:
    assert call("like", 1, 2).stdout.splitlines() == [
        "like: Artist 0 - Title 0",
        "like: Artist 1 - Title 1",
    ]
    assert call("dislike", "title", 20).stdout == "dislike: Artist 20 - Title 20\n"
    assert call("alike", "title", 20, "+", "title", 21).stdout == (
        "alike: Artist 20 - Title 20 + Artist 21 - Title 21\n"
    )
    assert call("unlike", 3, 4).stdout == "unlike: Artist 2 - Title 2 + Artist 3 - Title 3\n"
    last = call("oddone", 5, 6, 7).stdout
    assert last == "oddone: Artist 6 - Title 6, beside Artist 4 - Title 4 and Artist 5 - Title 5\n"
    (second,) = call_json("oddone", 8, 9, 10, "--odd", 2)
    assert [piece["track"]["track_id"] for piece in second["pieces"]] == [8, 10, 9]

    lines = call("taste", "list").stdout.splitlines()
    assert len(lines) == 8
    assert [line.split()[0] for line in lines[1:]] == [str(n) for n in range(1, 8)]
    assert call("taste", "undo", 1).stdout == "taken back: like: Artist 0 - Title 0\n"
    assert call("taste", "undo").stdout.startswith("taken back: oddone: Artist 8 - Title 8")
    assert len(call_json("taste", "list")) == 5
    call("dislike", 2)
    assert "replaced by a later one" in call("taste", "list").stdout.splitlines()[1]
    assert "no judgement 77" in call("taste", "undo", 77, code=1).stderr


@pytest.mark.usefixtures("place")
def test_the_wrong_number_of_tracks_is_a_usage_error() -> None:
    result = call("alike", "title", 20, "title", 21, code=2)
    assert "name two tracks, with + between them, such as A + B; there is 1: title 20 title 21" in (
        result.stderr
    )
    assert "name three tracks" in call("oddone", 1, 2, code=2).stderr
    assert "name two tracks" in call("unlike", 1, 2, 3, code=2).stderr
    assert "Missing argument" in call("like", code=2).stderr
    assert "are one track" in call("alike", 1, 1, code=1).stderr


@pytest.mark.usefixtures("place")
def test_a_taste_without_judgements() -> None:
    result = call("taste")
    assert result.stdout == "model  faceted@1\n"
    assert "There are no judgements. To judge: soundalike like" in result.stderr
    assert "There are no judgements." in call("taste", "list").stderr
    assert call_json("taste")["trials"] == []
    asked = call("similar", 1, "--taste")
    assert "No taste is in use" in asked.stderr
    assert "without taste" not in asked.stdout


def test_a_taste_that_is_in_use(place: Path) -> None:
    judged = ("--library", place / "judged.db")
    told = call("taste", *judged)
    fields = {line[:14].strip(): line[14:].strip() for line in told.stdout.splitlines()}
    assert fields["judgements"] == "40: 40 odd ones"
    assert fields["weights"].startswith("in use: of 40 judgements, held out, yours predict ")
    assert fields["yours"].startswith("sound ")
    assert fields["the model's"] == "sound 60 %, rhythm 25 %, harmony 15 %"
    assert "used yet" not in told.stderr
    report = call_json("taste", *judged)
    assert report["trials"][0]["is_used"] is True
    assert report["weights"]["rhythm"] > 0.5

    found = call("similar", 1, *judged)
    assert "without taste" in found.stdout
    assert "by your taste (its weights); --no-taste leaves it out" in found.stderr
    assert f"weights: {fields['yours']}" in found.stderr
    data = call_json("similar", 1, *judged)
    assert data["taste"] == {"weights": True, "metric": False, "liking": False, "most": 0.0}
    assert data["weights"] == pytest.approx(report["weights"], abs=1e-4)
    assert all(match["rank_without_taste"] for match in data["matches"])
    plain = call_json("similar", 1, "--no-taste", *judged)
    assert plain["taste"] is None
    assert plain["matches"] == call_json("similar", 1)["matches"]


def test_a_reset_wants_yes_where_nobody_can_be_asked(place: Path) -> None:
    judged = ("--library", place / "judged.db")
    refused = call("taste", "--reset", *judged, code=2)
    assert "To be deleted: 40 odd ones" in refused.stderr
    assert "there is no terminal to ask on: add --yes" in refused.stderr
    assert call("taste", "--reset", "--yes", *judged).stdout == "deleted 40 odd ones\n"
    assert call("taste", "--reset", *judged).stderr == "There is nothing to delete.\n"
    assert call_json("taste", "--reset", "--yes", *judged)["plays"] == 0
    assert "--yes answers the question" in call("taste", "--yes", code=2).stderr
    assert "stand behind it" in call("taste", "--reset", "list", code=2).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo-terminals")
def test_on_a_terminal_a_reset_asks(place: Path) -> None:
    import pty

    judged = ("--library", str(place / "judged.db"))
    command = [sys.executable, "-m", "soundalike", "taste", "--reset", *judged]
    environment = {name: os.environ[name] for name in os.environ if name != "SOUNDALIKE_MODEL"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    for answer, code, left in (("", 1, 40), ("y", 0, 0)):
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        ran = subprocess.run(
            command, stdin=theirs, capture_output=True, text=True, check=False, env=environment
        )
        os.close(theirs)
        os.close(ours)
        assert "Delete this? [y/N]" in ran.stderr
        assert (ran.returncode, len(call_json("taste", "list", *judged))) == (code, left)
    assert ran.stdout == "deleted 40 odd ones\n"


def test_an_import_tells_what_it_found(place: Path) -> None:
    listens = place / "plays.csv"
    listens.write_text(
        "played_at,artist,title,skipped\n"
        "2026-01-01T10:00:00Z,Artist 1,Title 1,\n"
        "2026-01-01T10:03:00Z,Artist 2,Title 2,1\n"
        "2026-01-01T10:05:00Z,No Body,Nothing,\n"
        "2026-01-01T10:06:00Z,No Body,Nothing,\n"
    )
    found = call("taste", "import", listens, "--unmatched", place / "missing.csv")
    assert found.stdout == "4 plays, 2 new\n"
    assert "2 plays of 1 piece that the library does not have; in " in found.stderr
    with (place / "missing.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["artist", "title", "album", "recording_mbid", "path", "plays", "opinions"],
        ["No Body", "Nothing", "", "", "", "2", "0"],
    ]
    with listens.open("a") as file:
        file.write("never,Artist 1,Title 1,\n")
    again = call("taste", "import", listens, code=1)
    assert again.stdout == "4 plays, 0 new\n"
    assert "--unmatched FILE lists them" in again.stderr
    assert "not read: plays.csv:6: 'never' is no time" in again.stderr
    data = json.loads(call("taste", "import", listens, "--json", code=1).stdout)
    assert data["unmatched"][0]["music"]["title"] == "Nothing"
    told = call("taste")
    assert "plays  2 plays of 2 pieces" in told.stdout
    assert "likes  not used: tracks of at least 5 artists are needed" in told.stdout
    assert "Nothing of this is used yet" in told.stderr
    assert "no such file" in call("taste", "import", place / "nowhere.csv", code=1).stderr


def test_what_is_missing_does_not_take_the_place_of_what_is_imported(place: Path) -> None:
    plays = place / "plays.csv"
    plays.write_text("played_at,artist,title\n2026-01-01T10:00:00Z,Nobody,Nothing\n")
    before = plays.read_bytes()
    result = call("taste", "import", plays, "--unmatched", place / "." / "plays.csv", code=1)
    assert "plays.csv: it is what is imported; choose another" in result.stderr
    assert plays.read_bytes() == before
    # Tried before the import, which would be done when the error comes.
    call("taste", "import", plays, "--unmatched", place / "nowhere" / "missing.csv", code=1)
    assert "There are no judgements" in call("taste").stderr
