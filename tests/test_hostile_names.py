"""Tags and names that hold control characters reach no terminal, whichever command shows them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mutagen.id3 import TALB, TCON, TIT2, TPE1
from mutagen.wave import WAVE
from test_cli_commands import drum, organ, write_wav

from soundalike.cli import cli

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such names there")

# A bell, a window's title, colours, a device control string of 8 bits, DEL, a bidirectional
# override and an isolate, a mark of direction, a carriage return.
EVIL = "x\x07 \x1b]0;t\x07 \x1b[31m \x90q \x9b2J \x7f \u202egpj \u2066i \u200f \ry"
NAME = EVIL.replace("/", "")
PIECES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library, ``library.db``, of pieces whose tags and names are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    music = folder / NAME
    music.mkdir()
    for number in range(len(PIECES)):
        path = music / f"{number} {NAME}.wav"
        write_wav(path, (organ if number % 2 else drum)(number, 3.0))
        file = WAVE(path)
        file.add_tags()
        for frame, words in ((TPE1, "artist"), (TIT2, "title"), (TALB, "album"), (TCON, "genre")):
            file.tags.add(frame(text=[f"{words} {PIECES[number]} {EVIL}"]))
        file.save()
    (music / f"broken {NAME}.mp3").write_text("no music")
    result = call(folder, "scan", music, code=1)
    assert "broken" in result.stdout
    return folder


def call(place: Path, *arguments: object, code: int = 0) -> Result:
    words = [*map(str, arguments), "--library", str(place / "library.db")]
    return finish(CliRunner().invoke(cli, words), code)


def finish(result: Result, code: int) -> Result:
    for stream in (result.stdout, result.stderr):
        found = FORBIDDEN.search(stream)
        assert found is None, f"{found} in {stream!r}"
    assert result.exit_code == code, result.output
    return result


def piece(place: Path, number: int) -> Path:
    return place / NAME / f"{number} {NAME}.wav"


COMMANDS: list[tuple[list[Any], int]] = [
    (["similar", "title bravo"], 0),
    (["similar", 1, "-k", 3], 0),
    (["similar", 2, "--m3u", f"mix {NAME}.m3u8"], 0),
    (["similar", "title"], 1),  # several: all are listed
    (["similar", f"nothing {EVIL}"], 1),
    (["similar", 1, "--model", EVIL], 1),
    (["similar", 1, f"--{EVIL}"], 2),
    (["similar", 1, "-k", EVIL], 2),
    (["similar", 1, "--at", EVIL], 2),
    (["info"], 0),
    (["info", "title bravo"], 0),
    (["info", f"nothing {NAME}.mp3"], 1),
    (["failures"], 0),
    (["failures", "--retry", "--jobs", 1], 1),
    (["compare", "title bravo", "title delta"], 0),
    (["evaluate", "--no-baseline", "--no-robustness"], 0),
    (["scan", f"nowhere {NAME}"], 1),
]


@pytest.mark.parametrize(("arguments", "code"), COMMANDS, ids=lambda each: ascii(each)[:30])
def test_a_command_shows_names_without_obeying_them(
    arguments: list[Any], code: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    call(place, *arguments, code=code)
    if code != 2 and "--m3u" not in arguments:
        result = call(place, *arguments, "--json", code=code)
        if code == 0:
            assert json.loads(result.stdout) is not None


def test_commands_without_a_library_show_names_without_obeying_them(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    one, other = piece(place, 1), piece(place, 2)
    picture = f"picture {NAME}.png"
    none = ["--library", str(place / f"none {NAME}.db")]
    for words, code in (
        (["genre", one, f"gone {NAME}"], 1),
        (["genre", "--json", one], 0),
        (["compare", one, other, "--plot", picture, *none], 0),
        (["plot", "waveform", one, "-o", picture], 0),
        (["plot", "waveform", f"gone {NAME}", "-o", picture], 1),
        (["info", *none], 1),
        (["models", "show", EVIL], 1),
        (["models", EVIL], 2),
        (["data", "info", EVIL], 2),
        (["data", "info", "folder", place / NAME], 1),
        (["train", "--config", place / NAME / f"{NAME}.json"], 1),
        ([EVIL], 2),
    ):
        finish(CliRunner().invoke(cli, [str(word) for word in words]), code)


def test_json_holds_the_very_names(place: Path) -> None:
    found = json.loads(call(place, "info", "title bravo", "--json").stdout)
    assert found["path"] == str(piece(place, 1).resolve())
    assert found["title"].startswith("title bravo x\x07 \x1b]0;t\x07 \x1b[31m \x90q \x9b2J \x7f")


def test_a_page_holds_none_of_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    call(place, "evaluate", "--no-baseline", "--no-robustness", "--html", "page.html")
    page = (place / "page.html").read_text("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
