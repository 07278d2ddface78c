"""Ctrl-C is for the command: the processes it started are ended by it, in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running

__all__ = ["deaf_children", "ignore_ctrl_c"]


@contextmanager
def deaf_children() -> Iterator[None]:
    """What is started inside never hears of Ctrl-C, which a terminal sends to all.

    It holds from the birth of a process, when ``ignore_ctrl_c`` has not been called in it yet.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The first process by spawn would start it inside, and that ends with Ctrl-C let in again.
    ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_ctrl_c() -> None:
    """For a process that was started: libraries may let the signal in again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
