"""What long work tells: how fast it goes, how long it takes, and where that is shown."""

from __future__ import annotations

import io
import math
import re
import sys
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.cli import progress
from soundalike.cli.bar import Bar
from soundalike.cli.output import note
from soundalike.evaluate.records import EvaluationProgress
from soundalike.library import ScanProgress
from soundalike.pace import Pace
from soundalike.show import times
from soundalike.show.cells import cell_length, cut_to_cells

Wait = Callable[[float], None]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Lets time pass, which stands still otherwise."""
    now_s = 1000.0

    def wait(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr("time.monotonic", lambda: now_s)
    return wait


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error as a terminal of 100 characters a line, until the test ends."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    for name, value in (("TERM", "xterm"), ("COLUMNS", "100"), ("LINES", "20")):
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return stream


def test_a_pace_is_that_of_the_last_half_minute(wait: Wait) -> None:
    pace = Pace()
    assert pace.at(0, 1000) == (0.0, None)
    for second in range(1, 61):
        wait(1)
        assert pace.at(second, 1000) == (1.0, 1000 - second)
    for second in range(1, 31):
        wait(1)
        pace.at(60 + 2 * second, 1000)
    assert pace.at(120, 1000) == (2.0, 440.0)


def test_a_pace_knows_the_last_that_was_done_however_long_ago(wait: Wait) -> None:
    pace = Pace()
    wait(10)
    assert pace.at(1, 3) == (0.1, 20.0)
    wait(90)
    assert pace.at(1, 3) == (0.01, 200.0)
    wait(100)
    assert pace.at(2, 3) == (1 / 190, 190.0)


def test_a_pace_counts_what_is_done_since_it_began(wait: Wait) -> None:
    pace = Pace(500)
    wait(10)
    assert pace.at(500, 600) == (0.0, None)
    assert pace.at(510, 600) == (1.0, 90.0)


def test_a_pace_over_all_of_the_time(wait: Wait) -> None:
    pace = Pace(window_s=math.inf)
    for _ in range(100):
        wait(1)
        pace.at(10, 120)
    wait(100)
    assert pace.at(20, 120) == (0.1, 1000.0)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=200))
def test_a_pace_keeps_few_marks(steps: list[tuple[float, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        now_s = 0.0
        patch.setattr("time.monotonic", lambda: now_s)
        pace, done = Pace(), 0
        for waited_s, more in steps:
            now_s, done = now_s + waited_s, done + more
            per_s, left_s = pace.at(done, 10_000)
            assert per_s >= 0
            assert (left_s is None) == (per_s == 0)
            assert len(pace._marks) <= 35


def test_a_log_gets_a_line_at_the_beginning_every_15_s_and_at_the_end(
    wait: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.work_progress("tracks") as show:
        show("decoding", 0, 2000)
        for done in range(1, 35):
            wait(1)
            show("decoding", done, 2000)
        show("decoding", 2000, 2000)
        for done in range(1, 3):
            show("writing", done, 2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "decoding: 0 of 2,000",
        "decoding: 15 of 2,000, 1.0 tracks/s, 33:05 left",
        "decoding: 30 of 2,000, 1.0 tracks/s, 32:50 left",
        "decoding: 2,000 of 2,000, 58.8 tracks/s",
    ]


def scanning(phase: str, done: int, total: int, left_s: float | None = None) -> ScanProgress:
    return ScanProgress(phase, done, total, 2.5 if done else 0.0, left_s, None, "m@1")  # type: ignore[arg-type]


def test_a_scan_in_a_log(wait: Wait, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.scan_progress() as show:
        show(scanning("walking", 0, 1000))
        show(scanning("analysing", 0, 1200))
        wait(20)
        show(scanning("analysing", 50, 1200, 460.0))
        show(scanning("analysing", 1200, 1200, 0.0))
        wait(20)
        show(scanning("re-analysing", 1, 3, 0.8))
    assert capsys.readouterr().err.splitlines() == [
        "1,200 files to analyse",
        "50 of 1,200, 2.5 tracks/s, 7:40 left",
        "1,200 of 1,200, 2.5 tracks/s",
        "re-analysing for m@1: 1 of 3, 2.5 tracks/s, 0:01 left",
    ]


def test_an_evaluation_in_a_log(wait: Wait, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.evaluation_progress() as show:
        show(EvaluationProgress("listening to 32 files", 0, 32, None))
        wait(20)
        show(EvaluationProgress("listening to 32 files", 1, 32, 61.0))
        show(EvaluationProgress("listening to 32 files", 2, 32, 60.0))
        wait(20)
        show(EvaluationProgress("listening to 32 files", 8, 32, 45.0))
    lines = [
        "listening to 32 files",
        "listening to 32 files takes about 1:01; Ctrl-C stops it, and prints what is measured by "
        "then",
        "listening to 32 files: 1 of 32, 1:01 left",
        "listening to 32 files: 8 of 32, 0:45 left",
    ]
    assert capsys.readouterr().err.splitlines() == lines


def test_downloads_in_a_log(wait: Wait, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bytes_progress() as named:
        show = named("a.bin")
        show(50_000_000, 100_000_000)  # the half that an earlier one has left
        wait(20)
        show(60_000_000, 100_000_000)
        wait(20)
        named("b.bin")(1_000_000, None)
    assert capsys.readouterr().err.splitlines() == [
        "a.bin: 50 of 100 MB",
        "a.bin: 60 of 100 MB, 0.5 MB/s, 1:20 left",
        "b.bin: 1 MB",
    ]


def test_a_terminal_gets_a_bar_that_goes_away(
    monkeypatch: pytest.MonkeyPatch, wait: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = terminal(monkeypatch)
    with progress.work_progress("tracks") as show:
        show("decoding", 0, 2000)
        wait(10)
        show("decoding", 10, 2000)
        print("a result")
    assert "decoding: 10 of 2,000, 1.0 tracks/s, 33:10 left" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is erased
    assert capsys.readouterr().out == "a result\n"


def test_a_bar_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.bytes_progress() as named:
        named("[bold]a.bin")(2_000_000, 4_000_000)
        named("b.bin")(1_000_000, None)
    assert "[bold]a.bin: 2 of 4 MB" in stream.getvalue()


def test_where_nothing_is_told_a_terminal_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.bytes_progress():
        pass
    assert stream.getvalue() == ""


def screen(written: str) -> list[str]:
    """What a terminal shows of it: only the bar's own codes move about in a line."""
    lines = [""]
    for piece in re.findall(r"\x1b\[2K|[^\x1b]", written):
        if piece == "\x1b[2K":
            lines[-1] = ""
        elif piece == "\n":
            lines.append("")
        elif piece != "\r":
            lines[-1] += piece
    return lines


def test_what_is_written_meanwhile_stands_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.work_progress() as show:
        show("decoding", 3, 12)
        note("a line")
        print("two", "parts", file=sys.stderr)  # two writes and more
        assert screen(stream.getvalue())[:2] == ["a line", "two parts"]
        sys.stderr.write("half of ")
        threading.Event().wait(0.25)  # the bar would be drawn twice
        sys.stderr.write("a line\n")
        show("decoding", 6, 12)
        wait_for(lambda: "6 of 12" in screen(stream.getvalue())[-1])
    assert screen(stream.getvalue()) == ["a line", "two parts", "half of a line", ""]
    assert sys.stderr is stream


@pytest.mark.parametrize("words", ["short", "名前" * 60, "x" * 500])
@pytest.mark.parametrize("total", [None, 0, 3, 4])
def test_a_bar_stays_in_its_line(
    words: str, total: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = terminal(monkeypatch)
    Bar(words, 3, total).close()
    shown = stream.getvalue().split("\x1b[2K")[1].removesuffix("\r")
    assert cell_length(shown) <= 99
    drawn = shown.count("━")
    if words == "short":
        assert shown.endswith("  short")
        assert drawn == {None: 0, 0: 0, 3: 90, 4: 68}[total]


def test_a_terminal_of_ascii_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    monkeypatch.setattr(stream, "encoding", "ascii")
    Bar("words", 1, 2).close()
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("#") > 50


def test_a_terminal_that_is_gone_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.work_progress() as show:
        show("decoding", 3, 12)
        stream.close()
        show("decoding", 4, 12)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("plain", 5),
        ("Björk", 5),
        ("Bjo\u0308rk", 5),  # o and a diaeresis
        ("椎名林檎", 8),
        ("\uff21\uff22", 4),
        ("\u1112\u1161\u11ab", 2),  # a syllable of three letters
        ("हिन्दी", 3),
        ("a\u200bb", 2),
        ("🎵", 2),
        ("👍🏽", 2),
        ("", 0),
    ],
)
def test_the_columns_that_text_takes_up(text: str, cells: int) -> None:
    assert cell_length(text) == cells


@given(st.text(alphabet="ab椎名\u0308ö🎵"), st.integers(-1, 30))
def test_text_is_cut_where_no_more_fits(text: str, width: int) -> None:
    found = cut_to_cells(text, width)
    assert text.startswith(found)
    assert cell_length(found) <= max(width, 0)
    longer = text[: len(found) + 1]
    assert found == text or cell_length(longer) > width


@pytest.mark.parametrize(
    ("seconds", "words", "on_a_clock"),
    [
        (0.84, "0.8 s", "0.8 s"),
        (42.4, "42 s", "42 s"),
        (485.2, "8 min 05 s", "8:05"),
        (7800, "2 h 10 min", "2:10:00"),
    ],
)
def test_durations(seconds: float, words: str, on_a_clock: str) -> None:
    assert times.show_duration(seconds) == words
    assert times.show_duration(seconds, on_a_clock=True) == on_a_clock


def test_hours_of_music() -> None:
    assert times.show_hours(754) == "13 minutes"
    assert times.show_hours(62) == "1 minute"
    assert times.show_hours(3600) == "1.0 hour"
    assert times.show_hours(0) == "0 minutes"
    assert times.show_hours(4_444_200) == "1,234.5 hours"


def test_an_unknown_time() -> None:
    assert times.show_time(None) == "-" == times.show_time(math.inf)


def wait_for(seen: Callable[[], bool]) -> None:
    """Let a thread go on until something is seen."""
    for _ in range(500):
        if seen():
            return
        threading.Event().wait(0.01)
    pytest.fail("nothing was shown")


def test_decoding_shows_what_it_is_at_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    stream = terminal(monkeypatch)
    with progress.decoding() as shown:
        shown.at("decoding a\x1b[31m.mp3", 3, 12)
        wait_for(lambda: "decoding a" in stream.getvalue())
        shown.hide()
        before = stream.getvalue()
        assert before.endswith("\x1b[2K")  # the line is erased: a result may be printed
    assert "decoding a\\x1b[31m.mp3, 3 of 12, 0:0" in before
    assert stream.getvalue() == before


def test_the_bar_goes_away_while_somebody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    stream = terminal(monkeypatch)
    with progress.decoding("decoding long.flac"):
        wait_for(lambda: "decoding long.flac" in stream.getvalue())
        with progress.paused():
            before = stream.getvalue()
            assert before.endswith("\x1b[2K")
            threading.Event().wait(1.1)  # it comes by itself each second
            assert stream.getvalue() == before
        wait_for(lambda: stream.getvalue() != before)


def test_one_thing_that_is_decoded_has_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    stream = terminal(monkeypatch)
    with progress.decoding("decoding long.flac"):
        wait_for(lambda: "decoding long.flac, 0:0" in stream.getvalue())
    assert stream.getvalue().endswith("\x1b[2K")


def test_what_decodes_in_no_time_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with progress.decoding("decoding short.flac") as shown:
        shown.at("decoding another.flac")
        shown.hide()
    assert stream.getvalue() == ""


def test_decoding_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.05)
    said = ""

    def seen() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return said != ""

    with progress.decoding("decoding long.flac"):
        wait_for(seen)
    assert said.startswith("decoding long.flac, 0:0")
    assert said.count("\n") == 1
