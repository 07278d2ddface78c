"""Shell completion, as a real bash does it, and what the other shells are given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fakes
import pytest
from click.testing import CliRunner

from soundalike.cli import cli
from soundalike.library.completion import complete_words

BASH = shutil.which("bash")

COMPLETE = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
compopt() { :; }  # outside of a completion that is an error
_soundalike_completion soundalike
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``library.db``, the program as ``bin/soundalike``, and bash's script."""
    folder = tmp_path_factory.mktemp("completion")
    for name in ("Miles So What", "Miles Blues", "Anna Mild Été"):
        fakes.write_track(folder / "music" / f"{name}.wav", name)
    with fakes.open_library(folder) as library:
        library.scan([folder / "music"])
    program = folder / "bin" / "soundalike"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m soundalike "$@"\n')
    program.chmod(0o755)
    script = CliRunner().invoke(cli, ["completion", "bash"])
    assert script.exit_code == 0
    (folder / "script").write_text(script.stdout)
    return folder


def complete(place: Path, *words: str, library: str = "library.db") -> list[str]:
    assert BASH is not None
    result = subprocess.run(
        [BASH, "--norc", "-c", COMPLETE, "bash", str(place / "script"), "soundalike", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={
            **os.environ,
            "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "SOUNDALIKE_LIBRARY": str(place / library),
        },
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.split()


bash = pytest.mark.skipif(sys.platform == "win32", reason="the script is one of bash's own system")


@bash
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sim"], ["similar"]),
        (["models", "p"], ["pull"]),
        (["similar", "--rel"], ["--relative"]),
        (["playlist", "ext"], ["extend"]),
        (["playlist", "extend", "--in"], ["--in-place"]),
        (["playlist", "miles", "--surp"], ["--surprise"]),
        (["radio", "--end"], ["--endless"]),
        (["reproduce", "si"], ["signals"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["data", "get", "gt"], ["gtzan"]),
        (["nonsense", "x"], []),
    ],
)
def test_bash_completes_commands_and_options(
    words: list[str], found: list[str], place: Path
) -> None:
    assert complete(place, *words) == found


@bash
def test_bash_completes_words_of_the_library(place: Path) -> None:
    assert complete(place, "similar", "mil") == ["miles", "mild"]
    assert complete(place, "info", "miles", "so", "wh") == ["what"]
    assert complete(place, "similar", "anna", "e") == ["ete"]
    assert complete(place, "playlist", "mil") == ["miles", "mild"]
    assert complete(place, "playlist", "miles", "so", "wh") == ["what"]
    assert complete(place, "path", "anna", "+", "miles", "b") == ["blues"]
    assert complete(place, "radio", "--like", "mil") == ["miles", "mild"]
    assert complete(place, "similar", "anna", "+", "miles", "so", "wh") == ["what"]
    assert complete(place, "similar", "anna", "--without", "mil") == ["miles", "mild"]


@bash
def test_a_library_that_is_not_there_is_not_made_and_not_told(place: Path) -> None:
    assert complete(place, "similar", "mil", library="none.db") == []
    assert not (place / "none.db").exists()
    (place / "odd.db").write_text("no database")
    assert complete(place, "similar", "mil", library="odd.db") == []


def test_words_of_a_library(place: Path) -> None:
    library = str(place / "library.db")
    before = sorted(place.iterdir())
    assert "miles" in complete_words(library, [], "m")
    assert complete_words(library, ["blues"], "MIL") == ["miles"]
    assert complete_words(library, [], "%") == []
    assert complete_words(library, [], "") == []
    assert complete_words("sqlite:///x", [], "m") == []
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o nosort -F _soundalike_completion soundalike"),
        ("zsh", "#compdef soundalike"),
        ("fish", "complete --no-files --command soundalike"),
    ],
)
def test_every_shell_gets_its_script(shell: str, line: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert line in result.stdout
    assert f"_SOUNDALIKE_COMPLETE={shell}_complete" in result.stdout


def test_an_unknown_shell_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli, ["completion", "csh"]).exit_code == 2


def test_completion_loads_nothing_heavy(place: Path) -> None:
    code = (
        "import sys\n"
        "from soundalike.cli import main\n"
        "sys.argv = ['soundalike']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('MODULES', *sorted(sys.modules))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "SOUNDALIKE_LIBRARY": str(place / "library.db"),
        "_SOUNDALIKE_COMPLETE": "bash_complete",
        "COMP_WORDS": "soundalike similar mil",
        "COMP_CWORD": "2",
    }
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout
    completed, modules = printed.split("MODULES")
    assert completed.split() == ["file,mil", "plain,miles", "plain,mild"]
    assert not {"sqlalchemy", "alembic", "numpy", "av", "onnxruntime"} & set(modules.split())
