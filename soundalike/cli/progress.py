"""Progress of a scan: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soundalike.cli.output import note
from soundalike.cli.params import show_time

if TYPE_CHECKING:
    from soundalike.library import ScanProgress

__all__ = ["scan_progress"]

# In a log file, a line this often shows that it lives without filling the disk.
_LINE_EVERY_S = 15.0

ProgressCallback = Callable[["ScanProgress"], None]


@contextmanager
def scan_progress() -> Iterator[ProgressCallback]:
    """A callback for ``Library.scan`` that shows on standard error how far it is."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
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
        task = display.add_task("scan", total=None, words="looking for files")

        def show(progress: ScanProgress) -> None:
            walking = progress.phase == "walking"
            display.update(
                task,
                completed=progress.done,
                total=None if walking else progress.total,
                words=_words(progress),
            )

        yield show


class _Lines:
    """Prints a line when a phase of the work begins, when it ends, and every 15 s between."""

    def __init__(self) -> None:
        self._next_at: float | None = None
        self._phase = ""

    def __call__(self, progress: ScanProgress) -> None:
        if progress.phase == "walking" or not progress.total:
            return
        now = time.monotonic()
        if self._next_at is None or progress.phase != self._phase:
            again = progress.phase == "re-analysing"
            note(_words(progress) if again else f"{progress.total:,} files to analyse")
            self._phase = progress.phase
        elif now < self._next_at and progress.done < progress.total:
            return
        else:
            note(_words(progress))
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
