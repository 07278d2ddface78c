"""Calling functions on files from many threads at once, each in a process that may die.

A scan has one thread that waits for a pool. A server has a thread for every question, and must say
no where too many wait, give up on a file that takes too long, and keep what a file may take of the
machine's memory within bounds.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from soundalike.errors import (
    AudioError,
    Busy,
    DecoderCrashed,
    InvalidArgument,
    SoundalikeError,
)
from soundalike.models import ModelKey
from soundalike.urls import path_of
from soundalike.workers.calls import Call, error_of
from soundalike.workers.jobs import Called, Crashed, Failed, MakePool, Pool, Setup
from soundalike.workers.pool import WorkerPool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundalike.workers.process import AnalyzerLike

__all__ = ["Desk", "DeskAnalyzer"]

_POLL_S = 0.1
_CLOSED = "no more is analysed: the program ends"


class Desk:
    """Some worker processes, and a queue of a bounded length before them.

    Parameters
    ----------
    setup : of the workers.
    size : processes, and so calls that are done at the same time.
    most_waiting : calls that may wait for a process; more are refused.
    most_s : seconds that a call may take once it has a process, which is killed then.
    pool : makes a pool of one process.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        size: int = 1,
        most_waiting: int = 8,
        most_s: float = 120.0,
        pool: MakePool = WorkerPool,
    ) -> None:
        self.size = size
        self.most_waiting = most_waiting
        self._setup = setup
        self._most_s = most_s
        self._pool = pool
        self._lock = threading.Lock()
        self._inside = 0
        self._is_closed = False
        # None stands for a process that has to be started first.
        self._free: queue.LifoQueue[Pool | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)

    @property
    def working(self) -> int:
        """Calls that have a process now."""
        return min(self._inside, self.size)

    @property
    def waiting(self) -> int:
        """Calls that wait for a process now."""
        return max(0, self._inside - self.size)

    def call(self, call: Call) -> Any:
        """What the function returns; the caller's thread waits for it.

        Raises
        ------
        Busy : too many wait already, or the desk is closed.
        AudioError : as the function raises it; or its process died, or took too long.
        SoundalikeError : no process can work, such as for a damaged model.
        """
        with self._lock:
            if self._is_closed:
                raise Busy(_CLOSED, 30.0)
            if self._inside >= self.size + self.most_waiting:
                raise Busy(f"{self._inside} files are being analysed or wait for it", 5.0)
            self._inside += 1
        try:
            return self._in_turn(call)
        finally:
            with self._lock:
                self._inside -= 1

    def close(self) -> None:
        """End all processes, at once, and wait for that; calls that are in work raise."""
        with self._lock:
            self._is_closed = True
        # Each comes back when the thread that uses it has noticed, and has no process then.
        taken = [self._free.get() for _ in range(self.size)]
        for pool in taken:
            _end(pool)
            self._free.put(None)

    def _in_turn(self, call: Call) -> Any:
        pool = self._free.get()
        try:
            if self._is_closed:
                raise Busy(_CLOSED, 30.0)
            pool = pool or self._pool(self._setup, 1)
            return self._done(pool, call)
        except BaseException as error:
            is_at_rest = isinstance(error, (AudioError, InvalidArgument))
            if not is_at_rest or isinstance(error, DecoderCrashed):
                # What its process is at, nobody knows: another one does the next file.
                _end(pool)
                pool = None
            raise
        finally:
            self._free.put(pool)

    def _done(self, pool: Pool, call: Call) -> Any:
        pool.submit(call.job(0))
        until = time.monotonic() + self._most_s
        while True:
            for outcome in pool.outcomes(_POLL_S):
                if isinstance(outcome, Called):
                    return outcome.value
                assert isinstance(outcome, (Failed, Crashed))
                raise _error(call, outcome)
            if self._is_closed:
                raise Busy(_CLOSED, 30.0)
            if time.monotonic() > until:
                reason = f"took longer than {self._most_s:g} s, and was given up"
                raise DecoderCrashed(call.path, reason)


def _end(pool: Pool | None) -> None:
    if pool is not None:
        pool.close(at_once=True)


class DeskAnalyzer:
    """Analyses files as an ``Analyzer`` does, at a desk.

    Parameters
    ----------
    desk : whose processes do it.
    model : that analyses.
    """

    def __init__(self, desk: Desk, model: ModelKey) -> None:
        self._desk = desk
        self.model = model

    def from_file(
        self, path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None
    ) -> Any:
        """Raises as :meth:`Desk.call`."""
        arguments = (self.model, start_s, end_s)
        return self._desk.call(Call(path_of(path), f"{__name__}:analyse", arguments))

    def from_waveform(self, waveform: NDArray[np.floating], sample_rate: int) -> Any:
        """A desk has files alone."""
        raise InvalidArgument("give a file: sound in memory is analysed by an Analyzer")


def analyse(
    path: str,
    load: Callable[[ModelKey], AnalyzerLike],
    model: ModelKey,
    start_s: float,
    end_s: float | None,
) -> Any:
    """In the process: what a model says of a file, or a passage of it."""
    return load(model).from_file(path, start_s=start_s, end_s=end_s)


def _error(call: Call, outcome: Failed | Crashed) -> SoundalikeError:
    if isinstance(outcome, Crashed):
        return DecoderCrashed(call.path, outcome.reason)
    return error_of(call.path, outcome.kind, outcome.reason)
