"""Calling a function on many files in worker processes, without a word to the database."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundalike.errors import DecoderCrashed, InvalidArgument
from soundalike.pace import Pace
from soundalike.workers.jobs import Called, CallJob, Crashed, Failed, MakePool, Setup
from soundalike.workers.pool import WorkerPool, available_cores

__all__ = ["Call", "Refused", "run_calls"]

_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Call:
    """A function ("module:name") to be called on a track's file; see ``jobs.CallJob``.

    ``cost`` says how long it takes beside others, in any unit; the time left is told from it.
    """

    path: Path
    function: str
    arguments: tuple[Any, ...] = ()
    cost: float = 1.0


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
    progress: Callable[[int, float | None], None] | None = None,
) -> list[Any]:
    """Run all, several at a time, each in a process that may die without harm to the others.

    Parameters
    ----------
    jobs : processes; by default one for each core.
    pool : makes what does the work.
    progress : called in this thread with the number of calls done and the seconds left, None
        while unknown.

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
    done, done_cost, total_cost = 0, 0.0, sum(call.cost for call in calls)
    # Over all of the time: a few long files are no measure.
    pace = Pace(window_s=math.inf)
    with pool(setup, jobs or available_cores()) as workers:
        for number, call in enumerate(calls):
            path = os.fsencode(call.path)
            workers.submit(CallJob(number, path, call.function, call.arguments))
        while done < len(calls):
            for outcome in workers.outcomes(_POLL_S):
                assert isinstance(outcome, (Called, Failed, Crashed))
                assert isinstance(outcome.job, CallJob)
                results[outcome.job.track_id] = _result(outcome)
                done += 1
                done_cost += calls[outcome.job.track_id].cost
            if progress is not None:
                _, left_s = pace.at(done_cost, total_cost)
                progress(done, left_s)
    return results


def _result(outcome: Called | Failed | Crashed) -> Any:
    if isinstance(outcome, Called):
        return outcome.value
    kind = outcome.kind if isinstance(outcome, Failed) else DecoderCrashed.__name__
    return Refused(Path(os.fsdecode(outcome.job.path)), kind, outcome.reason)
