"""Progress of a scan: a bar on a terminal, now and then a line elsewhere; and of a download."""

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

__all__ = ["bytes_progress", "scan_progress"]

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
    """Prints a line when the work begins, when it ends, and every 15 s between."""

    def __init__(self) -> None:
        self._next_at: float | None = None

    def __call__(self, progress: ScanProgress) -> None:
        if progress.phase == "walking" or not progress.total:
            return
        now = time.monotonic()
        if self._next_at is None:
            note(f"{progress.total:,} files to analyse")
        elif now < self._next_at and progress.done < progress.total:
            return
        else:
            note(_words(progress))
        self._next_at = now + _LINE_EVERY_S


def _words(progress: ScanProgress) -> str:
    if progress.phase == "walking":
        return f"looking for files: {progress.total:,}"
    words = f"{progress.done:,} of {progress.total:,}"
    if progress.tracks_per_s:
        words += f", {progress.tracks_per_s:.1f} tracks/s"
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
        # What an earlier download has left counts for nothing in the speed of this one.
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
