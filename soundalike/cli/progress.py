"""Progress of long work and of downloads: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soundalike.cli.output import note
from soundalike.cli.params import show_time

if TYPE_CHECKING:
    from soundalike.evaluate.records import EvaluationProgress
    from soundalike.library import ScanProgress

__all__ = ["bytes_progress", "evaluation_progress", "scan_progress"]

# In a log file, a line this often shows that it is alive without filling the disk.
_LINE_EVERY_S = 15.0

ProgressCallback = Callable[["ScanProgress"], None]


@contextmanager
def scan_progress() -> Iterator[ProgressCallback]:
    """A callback for ``Library.scan`` that shows on standard error how far it is."""
    if not sys.stderr.isatty():
        lines = _Lines()

        def print_line(progress: ScanProgress) -> None:
            if progress.phase == "walking":
                return
            again = progress.phase == "re-analysing"
            head = (
                f"re-analysing for {progress.model}: 0 of {progress.total:,}"
                if again
                else f"{progress.total:,} files to analyse"
            )
            lines.show(head, _words(progress), progress.done, progress.total)

        yield print_line
        return
    with _bar("looking for files") as display:

        def show(progress: ScanProgress) -> None:
            walking = progress.phase == "walking"
            display(_words(progress), progress.done, None if walking else progress.total)

        yield show


@contextmanager
def evaluation_progress() -> Iterator[Callable[[EvaluationProgress], None]]:
    """A callback for ``evaluate_library`` that shows on standard error how far it is."""
    if not sys.stderr.isatty():
        lines = _Lines()

        def print_line(progress: EvaluationProgress) -> None:
            lines.show(progress.step, _step_words(progress), progress.done, progress.total)

        yield print_line
        return
    with _bar("reading the library") as display:
        yield lambda progress: display(_step_words(progress), progress.done, progress.total)


@contextmanager
def _bar(words: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar on the terminal; what is yielded takes words, what is done and the total."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    with Progress(
        SpinnerColumn("line"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[words]}"),
        console=Console(stderr=True, highlight=False, soft_wrap=False),
        transient=True,
        expand=True,
    ) as display:
        task = display.add_task("work", total=None, words=words)
        yield lambda words, done, total: display.update(
            task, completed=done, total=total, words=words
        )


class _Lines:
    """Prints a line at the start, one every 15 s, and one at the end of each announced step."""

    def __init__(self) -> None:
        self._head: str | None = None
        self._told = False
        self._next_at = 0.0

    def show(self, head: str, words: str, done: int, total: int) -> None:
        if not total:
            return
        now = time.monotonic()
        if self._head is None:
            note(head)
        else:
            self._told = self._told and head == self._head
            # The end of a step is news where its beginning was.
            if now < self._next_at and not (self._told and done == total):
                self._head = head
                return
            note(words)
        self._told = done < total
        self._head = head
        self._next_at = now + _LINE_EVERY_S


def _words(progress: ScanProgress) -> str:
    if progress.phase == "walking":
        return f"looking for files: {progress.total:,}"
    words = f"{progress.done:,} of {progress.total:,}"
    if progress.phase == "re-analysing":
        words = f"re-analysing for {progress.model}: {words}"
    if progress.tracks_per_s:
        words += f", {progress.tracks_per_s:.1f} tracks/s"
    if progress.left_s is not None and progress.done < progress.total:
        words += f", {show_time(progress.left_s)} left"
    return words


def _step_words(progress: EvaluationProgress) -> str:
    words = f"{progress.step}: {progress.done:,} of {progress.total:,}"
    if progress.left_s is not None and progress.done < progress.total:
        words += f", {show_time(progress.left_s)} left"
    return words


def bytes_progress(file_name: str) -> Callable[[int, int | None], None]:
    """A callback for the bytes of one download: a line every 10 %, or every 50 MB."""
    shown = 0
    begun: tuple[float, int] | None = None

    def show(have: int, total: int | None) -> None:
        nonlocal shown, begun
        now = time.monotonic()
        # What an earlier download left does not count in the speed of this one.
        begun = begun or (now, have)
        step = total // 10 if total else 50_000_000
        if have - shown < max(step, 1_000_000):
            return
        shown = have
        words = f"{file_name}: {have / 1e6:.0f}{f' of {total / 1e6:.0f}' if total else ''} MB"
        since, before = begun
        if total and have > before and now > since:
            words += f", {show_time((total - have) * (now - since) / (have - before))} left"
        note(words)

    return show
