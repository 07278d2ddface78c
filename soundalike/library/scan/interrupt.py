"""Ctrl-C and SIGTERM as a request that is looked at between two steps, not as an exception."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["StopOnInterrupt"]

# What Python does with them where nobody has changed that.
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


class StopOnInterrupt:
    """While active, the first Ctrl-C or SIGTERM sets ``requested``; a second interrupts at once.

    For a signal that the caller has a handler for, or in a thread other than the main one, nothing
    is changed.

    Parameters
    ----------
    stop : another way to request it, from any thread.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self._stop = stop
        self._signalled = False
        self._taken: list[signal.Signals] = []

    @property
    def requested(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._signalled or (self._stop is not None and self._stop.is_set())

    def __enter__(self) -> StopOnInterrupt:
        if threading.current_thread() is threading.main_thread():
            for number, default in _DEFAULTS.items():
                if signal.getsignal(number) is default:
                    signal.signal(number, self._request)
                    self._taken.append(number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._taken:
            number = self._taken.pop()
            signal.signal(number, _DEFAULTS[number])

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
