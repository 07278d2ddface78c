"""Calling a function on many files in worker processes, without a word to the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundalike import errors
from soundalike.errors import (
    AudioError,
    DecoderCrashed,
    FileAway,
    InvalidArgument,
    SoundalikeError,
)
from soundalike.remote import here
from soundalike.workers.jobs import Called, CallJob, Crashed, Failed, MakePool, Setup
from soundalike.workers.pool import WorkerPool

__all__ = ["Call", "Refused", "error_of", "run_calls"]

_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Call:
    """A function ("module:name") to be called on a track's file; see ``jobs.CallJob``."""

    path: Path
    function: str
    arguments: tuple[Any, ...] = ()

    def job(self, number: int) -> CallJob:
        """What a worker is told: of what only this process can fetch, it gets a copy.

        Raises
        ------
        FileAway : that cannot be fetched.
        OSError : there is no room for it.
        """
        return CallJob(number, os.fsencode(here(self.path)), self.function, self.arguments)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that a function could not be called on.

    ``kind`` is the name of the error's class, ``reason`` is without the path.
    """

    path: Path
    kind: str
    reason: str


def run_calls(
    setup: Setup,
    calls: Sequence[Call],
    *,
    jobs: int | None = None,
    pool: MakePool = WorkerPool,
    result: Callable[[int, Any], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Any]:
    """Run all, several at a time, each in a process that may die without harm to the others.

    Parameters
    ----------
    jobs : processes; by default one for each core.
    pool : makes what does the work.
    result : called in this thread with the number of each call that is done, counted from 0, and
        what it returned or :class:`Refused`.
    progress : called in this thread now and then, with the number of calls that are done.

    Returns
    -------
    What each function returned, or :class:`Refused`, in the order of the calls.

    Raises
    ------
    InvalidArgument : jobs below 1.
    ModelError : a function asked for the analyzer, and it cannot be loaded.
    """
    if jobs is not None and jobs < 1:
        raise InvalidArgument(f"jobs must be at least 1, not {jobs}")
    results: list[Any] = [None] * len(calls)
    done = 0
    with pool(setup, jobs) as workers:
        for number, call in enumerate(calls):
            try:
                workers.submit(call.job(number))
            except FileAway as error:
                results[number] = Refused(call.path, type(error).__name__, error.reason)
                done += 1
                if result is not None:
                    result(number, results[number])
        while done < len(calls):
            for outcome in workers.outcomes(_POLL_S):
                assert isinstance(outcome, (Called, Failed, Crashed))
                assert isinstance(outcome.job, CallJob)
                number = outcome.job.track_id
                results[number] = _result(calls[number].path, outcome)
                done += 1
                if result is not None:
                    result(number, results[number])
            if progress is not None:
                progress(done)
    return results


def _result(path: Path, outcome: Called | Failed | Crashed) -> Any:
    if isinstance(outcome, Called):
        return outcome.value
    kind = outcome.kind if isinstance(outcome, Failed) else DecoderCrashed.__name__
    return Refused(path, kind, outcome.reason)


def error_of(path: Path, kind: str, reason: str) -> SoundalikeError:
    """The error that another process tells of a file, by the name of its class.

    A class that is none of those about files is a fault, which counts as a crash.
    """
    if kind == InvalidArgument.__name__:
        return InvalidArgument(reason)
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, AudioError):
        return found(path, reason)
    return DecoderCrashed(path, f"{kind}: {reason}")
