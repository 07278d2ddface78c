"""Ctrl-C as a request that is looked at between two steps, not as an exception within one."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

__all__ = ["StopOnInterrupt"]


class StopOnInterrupt:
    """While active, the first Ctrl-C sets ``requested``; a second one interrupts at once.

    Where the caller has a handler of its own, or in a thread other than the main one, nothing
    is changed.
    """

    def __init__(self) -> None:
        self.requested = False
        self._active = False

    def __enter__(self) -> StopOnInterrupt:
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            signal.signal(signal.SIGINT, self._request)
            self._active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
