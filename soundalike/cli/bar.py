"""A bar in the last line of a terminal, which is gone when the work is done."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO, cast

from soundalike.cli.output import can_show_unicode, write_raw
from soundalike.show.cells import cell_length, cut_to_cells

__all__ = ["Bar"]

_EVERY_S = 0.1
_SPIN = "|/-\\"
# Takes the line away, and goes back to its beginning.
_ERASE = "\r\x1b[2K"
_LEAST_WIDTH = 10


class Bar:
    """Drawn on standard error ten times a second, until :meth:`close`, so that it moves while the
    work cannot be asked. What else is written there meanwhile stands above it.

    Parameters
    ----------
    words : what is said beside it, without control characters.
    done, total : how much is done; without a total only that something is.
    """

    def __init__(self, words: str, done: int = 0, total: int | None = None) -> None:
        self._stream = sys.stderr
        self._state = words, done, total
        self._turn = 0
        # Whether somebody has written a part of a line, and the bar has to wait for the rest.
        self._is_open = False
        # The same thread may come back: a signal's handler that writes a line.
        self._lock = threading.RLock()
        self._ended = threading.Event()
        sys.stderr = cast("TextIO", _Above(self, self._stream))
        self._draw()
        self._thread = threading.Thread(target=self._run, name="soundalike-bar", daemon=True)
        self._thread.start()

    def show(self, words: str, done: int, total: int | None) -> None:
        """What it shows from now on."""
        self._state = words, done, total

    def close(self) -> None:
        """Show the last state, and take the line away."""
        self._ended.set()
        self._thread.join()
        self._draw()
        with self._lock:
            if not self._is_open:
                self._put(_ERASE)
            sys.stderr = self._stream

    def write_above(self, text: str) -> int:
        """Write to the stream as if there were no bar."""
        with self._lock:
            if not self._is_open:
                self._put(_ERASE)
            written = self._stream.write(text)
            if text:
                self._is_open = not text.endswith("\n")
            self._draw()
        return written

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._turn += 1
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if not self._is_open:
                self._put(self._line())

    def _line(self) -> str:
        words, done, total = self._state
        # A character in the last column would begin a new line on some terminals.
        room = _columns(self._stream) - 1
        words = cut_to_cells(words, max(room - _LEAST_WIDTH - 4, 0))
        width = max(room - cell_length(words) - 4, 1)
        filled = round(width * min(max(done / total, 0.0), 1.0)) if total else 0
        full, empty = "━ " if can_show_unicode(self._stream) else "# "
        drawn = full * filled + empty * (width - filled)
        return f"{_ERASE}{_SPIN[self._turn % len(_SPIN)]} {drawn}  {words}"

    def _put(self, text: str) -> None:
        # Where nobody can be told, the work goes on all the same.
        with suppress(OSError, ValueError):
            write_raw(text, self._stream)


class _Above:
    """Standard error while a bar is shown."""

    def __init__(self, bar: Bar, stream: TextIO) -> None:
        self._bar = bar
        self._stream = stream

    def write(self, text: str) -> int:
        return self._bar.write_above(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _columns(stream: TextIO) -> int:
    """Of this terminal: standard output may be another, or none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns
