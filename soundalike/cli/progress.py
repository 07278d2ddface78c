"""Progress of long work, on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soundalike.cli.bar import Bar
from soundalike.cli.output import note
from soundalike.pace import Pace
from soundalike.show.amounts import show_count
from soundalike.show.text import clean
from soundalike.show.times import show_duration, show_time

if TYPE_CHECKING:
    from soundalike.evaluate.records import EvaluationProgress
    from soundalike.library import ScanProgress
    from soundalike.research.train import TrainProgress

__all__ = [
    "Decoding",
    "bytes_progress",
    "decoding",
    "evaluation_progress",
    "scan_progress",
    "training_progress",
    "work_progress",
]

# In a log file, a line this often shows that it is alive without filling the disk.
_LINE_EVERY_S = 15.0
# What is done sooner needs no progress.
_PATIENCE_S = 2.0
# What takes longer is announced.
_LONG_S = 15.0


@contextmanager
def scan_progress() -> Iterator[Callable[[ScanProgress], None]]:
    """A callback for ``Library.scan``."""
    with _display() as display:
        display.wait("looking for files")

        def show(progress: ScanProgress) -> None:
            if progress.phase == "walking":
                display.wait(f"looking for files: {progress.total:,}")
                return
            so_far, head = _count(progress.done, progress.total), ""
            if progress.is_fast:
                so_far = f"in passages: {so_far}"
                head = f"{show_count(progress.total, 'file')} to analyse in passages"
            if progress.phase == "re-analysing":
                so_far = f"re-analysing for {progress.model}: {so_far}"
                head = f"re-analysing for {progress.model}: {_count(0, progress.total)}"
            if progress.phase == "reading tags":
                so_far = f"reading tags: {so_far}"
                head = f"reading tags: {_count(0, progress.total)}"
            speed = f"{progress.tracks_per_s:.1f} tracks/s" if progress.tracks_per_s else ""
            display.show(
                _words(so_far, speed, progress.left_s),
                progress.done,
                progress.total,
                step=progress.phase,
                head=head or f"{show_count(progress.total, 'file')} to analyse",
            )

        yield show


@contextmanager
def evaluation_progress() -> Iterator[Callable[[EvaluationProgress], None]]:
    """A callback for ``evaluate_library``; what takes long is told as soon as that is known."""
    told = set()
    with _display() as display:
        display.wait("reading the library")

        def show(progress: EvaluationProgress) -> None:
            left_s = progress.left_s or 0.0
            if progress.step not in told and progress.done < progress.total and left_s >= _LONG_S:
                told.add(progress.step)
                display.tell(
                    f"{progress.step} takes about {show_duration(left_s, on_a_clock=True)}; "
                    "Ctrl-C stops it, and prints what is measured by then"
                )
            so_far = f"{progress.step}: {_count(progress.done, progress.total)}"
            display.show(
                _words(so_far, "", progress.left_s),
                progress.done,
                progress.total,
                step=progress.step,
                head=progress.step,
            )

        yield show


@contextmanager
def training_progress() -> Iterator[Callable[[TrainProgress], None]]:
    """A callback for ``research.train.train``."""
    with _display() as display:

        def show(progress: TrainProgress) -> None:
            so_far = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
            if progress.valid_accuracy is not None:
                so_far += f", valid {100 * progress.valid_accuracy:.1f} %"
            display.show(_words(so_far, "", progress.left_s), progress.step, progress.steps)

        yield show


@contextmanager
def work_progress(unit: str = "") -> Iterator[Callable[[str, int, int], None]]:
    """A callback for work that is counted; it takes what is being done, the number done, and all.

    Parameters
    ----------
    unit : what is counted, for the speed, such as "tracks"; without it no speed is shown.
    """
    paces: dict[str, Pace] = {}
    with _display() as display:

        def show(step: str, done: int, total: int) -> None:
            # What was there when a step began counts for nothing in its speed.
            pace = paces.setdefault(step, Pace(done, window_s=math.inf))
            per_s, left_s = pace.at(done, total)
            so_far = f"{step}: {_count(done, total)}" if step else _count(done, total)
            speed = f"{per_s:.1f} {unit}/s" if unit and per_s else ""
            display.show(_words(so_far, speed, left_s), done, total, step=step)

        yield show


@contextmanager
def bytes_progress() -> Iterator[Callable[[str], Callable[[int, int | None], None]]]:
    """From the name of a file to a callback for its download."""
    with _display() as display:

        def named(file_name: str) -> Callable[[int, int | None], None]:
            pace: Pace | None = None

            def show(have: int, total: int | None) -> None:
                nonlocal pace
                # What an earlier download left does not count in the speed of this one.
                pace = pace or Pace(have)
                per_s, left_s = pace.at(have, total or have)
                of_all = f" of {total / 1e6:.0f}" if total else ""
                so_far = f"{file_name}: {have / 1e6:.0f}{of_all} MB"
                speed = f"{per_s / 1e6:.1f} MB/s" if per_s else ""
                display.show(_words(so_far, speed, left_s), have, total, step=file_name)

            return show

        yield named


_at_work: list[Decoding] = []


@contextmanager
def decoding(words: str = "") -> Iterator[Decoding]:
    """For a command that decodes files itself: after 2 s, what it is at and for how long.

    On a terminal that is a bar that is gone at the end, elsewhere a line every 15 s::

        with decoding() as progress:
            for number, path in enumerate(files):
                progress.at(f"decoding {printable(path)}", number, len(files))
                analysis = analyzer.from_file(path)
                progress.hide()  # before a result is printed, and only then
                print_it(analysis)

    Parameters
    ----------
    words : what is being done, where that is one thing; the same as ``at(words)``.
    """
    progress = Decoding()
    _at_work.append(progress)
    try:
        if words:
            progress.at(words)
        yield progress
    finally:
        _at_work.remove(progress)
        progress.close()


@contextmanager
def paused() -> Iterator[None]:
    """Take away what :func:`decoding` shows, while somebody is asked something."""
    shown = [each for each in _at_work if each.pause()]
    try:
        yield
    finally:
        for each in shown:
            each.go_on()


class Decoding:
    """What :func:`decoding` hands out."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._words, self._done, self._total = "", 0, 1
        self._display: _Bar | _Lines | None = None
        # The bar comes by itself while the work goes on, which cannot be asked how far it is.
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._hidden = True
        self._watch = threading.Thread(target=self._wait, name="soundalike-progress", daemon=True)
        self._watch.start()

    def at(self, words: str, done: int = 0, total: int = 1) -> None:
        """What is begun now, how many files are done, and how many there are."""
        with self._lock:
            self._words, self._done, self._total = words, done, total
            self._hidden = False
            if self._display is not None:
                self._show()

    def hide(self) -> None:
        """Take the bar away until the next file."""
        with self._lock:
            self._hidden = True
            if isinstance(self._display, _Bar):
                self._display.close()

    def pause(self) -> bool:
        """As :meth:`hide`; whether something was to be shown, which :meth:`go_on` shows again."""
        was_shown = not self._hidden
        self.hide()
        return was_shown

    def go_on(self) -> None:
        """Show again what is being done."""
        with self._lock:
            self._hidden = False

    def close(self) -> None:
        """The end: nothing is shown any more."""
        self._ended.set()
        self._watch.join()
        self.hide()

    def _wait(self) -> None:
        patience_s = _PATIENCE_S
        while not self._ended.wait(patience_s):
            patience_s = 1.0
            with self._lock:
                if self._display is None:
                    self._display = _Bar() if sys.stderr.isatty() else _Lines()
                if not self._hidden:
                    self._show()

    def _show(self) -> None:
        assert self._display is not None
        of_all = _count(self._done, self._total) if self._total > 1 else ""
        words = ", ".join(
            filter(None, (self._words, of_all, show_time(time.monotonic() - self._since)))
        )
        if self._total > 1:
            self._display.show(words, self._done, self._total)
        elif isinstance(self._display, _Bar):
            self._display.wait(words)
        else:
            self._display.show(words, 0, None)


def _count(done: int, total: int) -> str:
    return f"{done:,} of {total:,}"


def _words(so_far: str, speed: str, left_s: float | None) -> str:
    left = f"{show_time(left_s)} left" if left_s else ""
    return ", ".join(filter(None, (so_far, speed, left)))


@contextmanager
def _display() -> Iterator[_Bar | _Lines]:
    if not sys.stderr.isatty():
        yield _Lines()
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    """A bar that is gone when the work is done; it appears when there is something to tell."""

    def __init__(self) -> None:
        self._shown: Bar | None = None

    def wait(self, words: str) -> None:
        """While it is not known how much there is to do."""
        self.show(words, 0, None)

    def tell(self, words: str) -> None:
        """A line that stays."""
        self.close()
        note(words)

    def show(
        self, words: str, done: int, total: int | None, *, step: str = "", head: str = ""
    ) -> None:
        words = clean(words)
        if self._shown is None:
            self._shown = Bar(words, done, total)
        else:
            self._shown.show(words, done, total)

    def close(self) -> None:
        """Take it away; the next that is told brings it back."""
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.close()


class _Lines:
    """Prints a line at the start, one every 15 s, and one at the end of each announced step."""

    def __init__(self) -> None:
        self._step: str | None = None
        self._told = False
        self._next_at = 0.0

    def wait(self, words: str) -> None:
        """What cannot be counted is no news."""

    def tell(self, words: str) -> None:
        """A line of its own."""
        note(words)

    def show(
        self, words: str, done: int, total: int | None, *, step: str = "", head: str = ""
    ) -> None:
        """``step`` tells parts of the work apart; ``head`` is the first line, or else the words."""
        if total == 0:
            return
        now = time.monotonic()
        if self._step is None:
            note(head or words)
        else:
            self._told = self._told and step == self._step
            # The end of a step is news where its beginning was.
            if now < self._next_at and not (self._told and done == total):
                self._step = step
                return
            note(words)
        self._told = done != total
        self._step = step
        self._next_at = now + _LINE_EVERY_S
