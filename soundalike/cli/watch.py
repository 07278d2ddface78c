"""``soundalike watch``."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from soundalike.cli.limits import to_length
from soundalike.cli.output import note
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    jobs_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import scan_progress
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from soundalike.library import ScanProgress, ScanReport

__all__ = ["watch"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike watch ~/Music", "analyse what is added or changed, until Ctrl-C"),
        ("soundalike watch", "the folders that were scanned before"),
        ("soundalike watch ~/Music --settle 30s", "wait longer for files that come slowly"),
        ("soundalike watch /mnt/nas --poll", "ask the disk rather than wait to be told"),
    ),
)
@click.argument("folders", nargs=-1, type=PATH, metavar="[FOLDER...]")
@click.option(
    "--settle",
    type=to_length,
    default="3s",
    show_default=True,
    metavar="TIME",
    help="Analyse a file once nothing has happened to it for so long.",
)
@click.option(
    "--rescan-every",
    type=to_length,
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Scan everything so often, in case something was not told.",
)
@click.option(
    "--poll/--no-poll",
    default=None,
    help="Ask the disk now and then, rather than wait to be told. Default: on network disks.",
)
@click.option(
    "--poll-every",
    type=to_length,
    default="10s",
    show_default=True,
    metavar="TIME",
    help="How often, at first; up to every 10 minutes while nothing happens.",
)
@jobs_option
@model_option
@library_option
def watch(
    folders: tuple[Path, ...],
    settle: float,
    rescan_every: float,
    poll: bool | None,
    poll_every: float,
    jobs: int | None,
    model: str | None,
    library: str | None,
) -> None:
    """Analyse what is added or changed in folders, as it happens.

    The folders are scanned first. Then files that are new, changed, moved or gone are looked at
    once nothing has happened to them for a while. A folder whose disk is away is waited for. While
    another scan of the library runs, it waits, too.

    It ends with Ctrl-C or SIGTERM, and the exit code is 0 then. docs/integrations/watch.md has a
    unit for systemd.
    """
    from soundalike.integrations.systemd import notify
    from soundalike.integrations.watching import Watch, WatchSettings
    from soundalike.library import Library

    if min(settle, rescan_every, poll_every) <= 0:
        raise click.UsageError("--settle, --rescan-every and --poll-every must be above 0")
    settings = WatchSettings(
        settle_s=settle,
        rescan_s=rescan_every,
        poll_s=poll_every,
        most_poll_s=max(600.0, poll_every),
        poll=poll,
        jobs=jobs,
    )
    with Library(library, model=model, create=bool(folders)) as opened, _stop_event() as stop:
        watcher = Watch(
            opened, folders, settings, on_report=_tell_report, tell=_tell, progress=_progress
        )
        summary = watcher.run(stop, on_ready=lambda: notify("READY=1"))
        notify("STOPPING=1")
    done = _words(summary.counts) or "nothing was to do"
    duration = show_duration(summary.elapsed_s, on_a_clock=True)
    _tell(f"watched for {duration}, {show_count(summary.scans, 'scan')}: {done}")


@contextmanager
def _stop_event() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second of them interrupts at once."""
    stop = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {each: signal.signal(each, request) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(is_whole: bool) -> Iterator[Callable[[ScanProgress], None] | None]:
    """A bar on a terminal; in a log, lines for what may take long."""
    if not (is_whole or sys.stderr.isatty()):
        yield None
        return
    with scan_progress() as progress:
        yield progress


def _tell_report(report: ScanReport) -> None:
    from soundalike.integrations.watching import done_by

    words = _words(done_by(report))
    if words:
        _tell(f"{words} in {show_duration(report.elapsed_s, on_a_clock=True)}")
    for failure in report.failed:
        _tell(f"failed: {printable(failure.path)}: {failure.reason}; {failure.advice}")
    for remark in report.notes:
        _tell(f"note: {remark}")


def _words(counts: Counter[str]) -> str:
    """``3 analysed, 1 moved``, in the order in which they are counted."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _tell(text: str) -> None:
    # A log has times of its own.
    note(f"{time.strftime('%H:%M:%S')} {text}" if sys.stderr.isatty() else text)
