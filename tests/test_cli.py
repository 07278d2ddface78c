"""The command line itself: help, times, tables, exit codes, streams. No library is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from soundalike.cli import cli, output, params
from soundalike.cli.app import SECTIONS
from soundalike.cli.output import Column
from soundalike.errors import TrackNotFound
from soundalike.show import amounts, text, times
from soundalike.show.cells import cell_length
from soundalike.times import Span, parse_time

HEAVY = {
    "alembic",
    "av",
    "matplotlib",
    "mutagen",
    "numpy",
    "onnxruntime",
    "sqlalchemy",
    "torch",
}


def commands() -> dict[str, click.Command]:
    """Every command and subcommand, by the words that call it."""
    found: dict[str, click.Command] = {"soundalike": cli}
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        found[f"soundalike {name}"] = command
        if isinstance(command, click.Group):
            found |= {f"soundalike {name} {sub}": it for sub, it in command.commands.items()}
    # It stands in two places, and its examples name the one.
    assert found.pop("soundalike link subsonic") is found["soundalike subsonic link"]
    return found


def run(*arguments: str, **extra: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.update(extra.pop("env", {}))  # type: ignore[call-overload]
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        check=False,
        env=environment,
        **extra,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("words", sorted(commands()))
def test_help_of_every_command(words: str) -> None:
    result = CliRunner().invoke(cli, [*words.split()[1:], "--help"], terminal_width=80)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    shown = result.stdout
    for many in ("FOLDER...", "FILE...", "TRACK...", "[ARGS]..."):
        shown = shown.replace(many, "")
    assert "..." not in shown
    assert "Examples:" in result.stdout


@pytest.mark.parametrize("words", sorted(commands()))
def test_examples_parse(words: str) -> None:
    examples = commands()[words].examples  # type: ignore[attr-defined]
    assert examples
    for line, purpose in examples:
        called = [token for token in shlex.split(line.split(" | ")[0]) if token != "COMMAND"]
        assert " ".join(called[: len(words.split())]) == words
        assert purpose
        context: click.Context | None = None
        command: click.Command = cli
        arguments = called[1:]
        if "--help" in arguments:
            continue
        while True:  # parses every level, runs none
            context = command.make_context(command.name, list(arguments), parent=context)
            if not isinstance(command, click.Group) or not context._protected_args:
                break
            name, *arguments = [*context._protected_args, *context.args]
            found = command.get_command(context, name)
            assert found is not None, line
            command = found


def test_help_lists_every_command_once() -> None:
    stdout = CliRunner().invoke(cli, ["--help"]).stdout
    for section, names in SECTIONS.items():
        assert f"{section}:" in stdout
        for name in names:
            assert sum(line.startswith(f"  {name} ") for line in stdout.splitlines()) == 1


def test_no_arguments_show_the_help() -> None:
    result = CliRunner().invoke(cli, [])
    assert result.exit_code == 0
    assert result.stdout == CliRunner().invoke(cli, ["--help"]).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["similar", "--help"], ["nope"]])
def test_start_imports_nothing_heavy(arguments: list[str]) -> None:
    result = run("-X", "importtime", "-m", "soundalike", *arguments)
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in result.stderr.decode().splitlines()
        if line.startswith("import time:")
    }
    assert "click" in imported
    assert not imported & HEAVY


def test_version() -> None:
    from soundalike import __version__

    result = run("-m", "soundalike", "--version")
    assert result.stdout.decode().split() == ["soundalike", __version__]
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "No such command 'nope'"),
        (["nope"], "There are: scan, similar, "),
        (["simlar", "x"], "No such command 'simlar'. Did you mean 'similar'?"),
        (["Scan", "x"], "Did you mean 'scan'?"),
        (["eval"], "Did you mean 'evaluate'?"),
        (["models", "pul", "musicnn"], "No such command 'pul'. Did you mean 'pull'?"),
        (["plot", "spectogram", "x"], "Did you mean 'spectrogram'?"),
        (["reproduce", "sginals"], "No such experiment 'sginals'. Did you mean 'signals'?"),
        (["info", "x", "--modle", "y"], "No such option '--modle'. Did you mean '--model'?"),
        (["scan", "--upgrade", "x"], "--upgrade takes no folders"),
        (["data", "get", "gtzn"], "'gtzn' is not one of"),
        (["similar", "x", "-k", "ten"], "'ten' is not a valid integer"),
        (["similar"], "Missing argument"),
        (["similar", "x", "--at", "1:70-2:00"], "'1:70' is not a time: write seconds (70)"),
        (["similar", "x", "--at", "30"], "'30' is not a passage"),
        (["similar", "x", "--at", "1:00-0:30"], "ends before it starts"),
        (["scan", "x", "--jobs", "0"], "--jobs"),
        (["plot", "mel", "x"], "--output"),
        (["plot", "mel", "x", "-o", "y.png", "--sample-rate", "48000"], "22050"),
    ],
)
def test_bad_usage_says_what_and_exits_with_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr


def failing_command(error: BaseException) -> click.Group:
    """The real group with one more command, which raises."""

    class WithFailure(type(cli)):  # type: ignore[misc]
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            def fail() -> None:
                raise error

            return click.Command("fail", callback=fail)

    return WithFailure("soundalike")  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (TrackNotFound("nothing matches 'x'"), 1, "TrackNotFound: nothing matches 'x'\n"),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_errors_become_messages(error: BaseException, code: int, message: str) -> None:
    result = CliRunner().invoke(failing_command(error), ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", message)


@pytest.mark.parametrize("debug", [None, "0", "1"])
def test_a_fault_is_told_in_one_line_with_its_place(
    debug: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOUNDALIKE_DEBUG", raising=False)
    if debug is not None:
        monkeypatch.setenv("SOUNDALIKE_DEBUG", debug)
    error = TypeError("no argument 'x',\n  but 'y'")
    result = CliRunner().invoke(failing_command(error), ["fail"])
    assert (result.exit_code, result.stdout) == (1, "")
    *trace, line = result.stderr.splitlines()
    assert re.fullmatch(
        r"TypeError: no argument 'x', but 'y' \(test_cli\.py:\d+, in fail\): a fault of soundalike "
        r"or of its dependencies, please report it; SOUNDALIKE_DEBUG=1 shows the traceback",
        line,
    )
    assert bool(trace) == (debug == "1")
    if trace:
        assert trace[0] == "Traceback (most recent call last):"


def test_a_full_disk_is_no_fault_to_report() -> None:
    error = OSError(28, "No space left on device", "/music/map.png")
    result = CliRunner().invoke(failing_command(error), ["fail"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("OSError: [Errno 28] No space left on device: '/music/map.png' (")
    assert "report" not in line


ARGUMENTS = [["--help"], ["--version"], [], ["similar", "--help"], ["models"], ["models", "--json"]]


def program(arguments: list[str], stdout: int, **extra: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "soundalike", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        **extra,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipe")
def test_a_closed_pipe_is_silent() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = program(["--help"], writer)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_a_full_disk_under_standard_output_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        result = program(arguments, full.fileno())
    assert result.stderr.splitlines() == [
        b"OutputError: standard output cannot be written: no space left on device"
    ]
    assert result.returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows always has a standard output")
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_a_closed_standard_output_is_one_line(arguments: list[str]) -> None:
    result = program(arguments, subprocess.DEVNULL, preexec_fn=lambda: os.close(1))
    assert result.stderr.splitlines() == [
        b"OutputError: standard output is closed: there is nowhere to write the result to"
    ]
    assert result.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_under_standard_error_changes_no_exit_code() -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "soundalike", "nope"],
            stdout=subprocess.PIPE,
            stderr=full,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
    assert (result.returncode, result.stdout) == (2, b"")


HOSTILE = "bell\x07 esc\x1b]0;t\x07 dcs\x90 del\x7f rtl\u202e lri\u2066 mark\u200f cr\r"
SHOWN = r"bell\x07 esc\x1b]0;t\x07 dcs\x90 del\x7f rtl\u202e lri\u2066 mark cr\x0d"  # what is left


def test_text_is_shown_without_obeying_it() -> None:
    assert text.clean(HOSTILE) == SHOWN
    assert text.clean(SHOWN) == SHOWN
    assert text.clean("tab\tand\nline, 東京, é, \u200d") == "tab\tand\nline, 東京, é, \u200d"
    assert text.without_controls("a\x1b\u202eb\u200f") == "a\ufffd\ufffdb\u200f"


@given(st.text())
def test_json_holds_what_it_held_without_controls(value: str) -> None:
    document = text.escape_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(document) == value
    assert not set(document) & {chr(code) for code in (*range(32), *range(127, 160))}
    assert not re.search("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", document)


def test_every_way_out_is_cleaned() -> None:
    @click.command()
    def all_ways() -> None:
        output.echo(output.bold(HOSTILE), " ", HOSTILE)
        output.note(HOSTILE)
        output.print_table([Column(HOSTILE)], [[HOSTILE]])
        output.print_fields([(HOSTILE, HOSTILE)])
        output.print_json({HOSTILE: HOSTILE})

    result = CliRunner().invoke(all_ways)
    plain, rest = result.stdout.split("\n", 1)
    assert plain == f"{SHOWN} {SHOWN}"
    assert result.stderr == f"{SHOWN}\n"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u202e\u2066]", rest)
    assert json.loads("{" + rest.partition("{")[2]) == {HOSTILE: HOSTILE}
    coloured = CliRunner().invoke(all_ways, color=True).stdout.split("\n", 1)[0]
    assert coloured == f"\x1b[1m{SHOWN}\x1b[0m {SHOWN}"


def test_what_click_says_of_an_argument_is_cleaned() -> None:
    for arguments in ([HOSTILE], ["similar", "x", f"--{HOSTILE}"], ["data", "get", HOSTILE]):
        result = CliRunner().invoke(cli, arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", result.stderr)
        assert "bell" in result.stderr


def test_nothing_is_styled_or_written_but_by_output() -> None:
    for path in sorted(Path(output.__file__).parent.glob("*.py")):
        if path.name != "output.py":
            assert not re.search(r"click\.(style|echo|secho)|\bprint\(", path.read_text("utf-8")), (
                path
            )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("70", 70),
        ("0", 0),
        ("1:10", 70),
        ("1:02:03.5", 3723.5),
        ("90.25", 90.25),
        (".5", 0.5),
        (" 5 ", 5),
        ("100:00", 6000),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "x", "-5", "1:60", "1:2:3:4", "1:", ":30", "1.5:00", "1e3", "nan", "inf", "1_0", "1²"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write seconds"):
        parse_time(text)


@given(st.integers(0, 400_000))
def test_times_read_back_what_is_shown(seconds: int) -> None:
    assert parse_time(times.show_time(seconds)) == seconds


def test_passages() -> None:
    assert params.to_passage("1:10-1:40") == Span(70, 100)
    assert params.to_passage("-0:30") == Span(0, 30)
    assert params.to_passage("2:00-") == Span(120, None)


@pytest.mark.parametrize(
    ("percentile", "shown"),
    [
        (None, "-"),
        (0.0, "0.0 %"),
        (81.44, "81.4 %"),
        (99.236, "99.24 %"),
        (99.9999, ">99.99 %"),
        (100.0, "100.00 %"),
    ],
)
def test_percentiles(percentile: float | None, shown: str) -> None:
    assert amounts.show_percentile(percentile) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (3_400_000, "3.4 MB"), (12_000_000_000, "12.0 GB")],
)
def test_sizes(size: int, shown: str) -> None:
    assert amounts.show_bytes(size) == shown


COLUMNS = (
    Column("similarity", justify="right"),
    Column("artist", min_width=8),
    Column("title", min_width=8),
    Column("id", justify="right", drop=1),
)
ROWS = (
    ("0.912", "The Quite Long Artist Name Orchestra", "A title that goes on and on", "17"),
    ("0.100", "東京事変", "群青日和", "4"),
)


def printed_table(width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(output, "terminal_width", lambda: width)

    @click.command()
    def table() -> None:
        output.print_table(COLUMNS, ROWS)

    return CliRunner().invoke(table).stdout.splitlines()


def test_a_piped_table_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    header, first, _ = printed_table(100_000, monkeypatch)
    assert header.split() == ["similarity", "artist", "title", "id"]
    assert "The Quite Long Artist Name Orchestra  A title that goes on and on" in first


@pytest.mark.parametrize("width", [40, 50, 60, 80])
def test_a_table_fits_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed_table(width, monkeypatch)
    assert len(lines) == 3
    assert max(map(cell_length, lines)) <= width


def test_the_least_important_column_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed_table(31, monkeypatch)[0].split() == ["similarity", "artist", "title"]


def test_an_empty_column_is_left_out() -> None:
    @click.command()
    def table() -> None:
        output.print_table([Column("a"), Column("b"), Column("c")], [["1", "", "3"]])

    assert CliRunner().invoke(table).stdout == "a  c\n1  3\n"


PRINTS_ODD_NAMES = """
import click
from soundalike.cli import app, output
@app.cli.command("odd")
def odd():
    output.print_table([output.Column("é")], [["caf\\udce9 é " + output.bar(0.5)]])
    output.print_json({"path": "caf\\udce9 é"})
app.SoundalikeGroup.get_command = lambda self, ctx, name: odd
app.main(["odd"])
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_takes_any_name(encoding: str) -> None:
    result = run("-c", PRINTS_ODD_NAMES, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert (result.returncode, result.stderr) == (0, b"")
    document = result.stdout.decode(encoding).partition("{")[2]
    assert json.loads("{" + document) == {"path": "caf\udce9 é"}
