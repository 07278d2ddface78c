"""Work that takes longer than a request: one of a kind at a time, with progress and a stop.

A job runs in a thread of its own. Who asks how far it is gets its state; who subscribes gets the
state at once, and again whenever it changes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from fastapi.sse import ServerSentEvent
from pydantic import BaseModel, Field, create_model

from soundalike.errors import Busy, LibraryError, SoundalikeError
from soundalike.server.problems import Problem, document_of
from soundalike.server.schema import schema_of
from soundalike.show.documents import as_text

__all__ = ["Job", "JobState", "Jobs", "Stopped", "Work", "state_schema"]

_log = logging.getLogger(__name__)

Status = Literal["idle", "running", "finished", "stopped", "failed"]

# A page shows no more than so many states a second, however many tracks a scan finishes.
_LEAST_BETWEEN_S = 0.2
# Whoever starts a job waits so long for what is wrong with what was asked for.
_FAILS_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is.

    Attributes
    ----------
    kind : what it does, such as "scan".
    status : "idle" before the first one, "running", then how it ended: "finished", "stopped" or
        "failed".
    started_at : when, None before the first one.
    ended_at : when, None before.
    progress : what it told last.
    result : what it found; what a stopped one had found by then, where it can say so.
    problem : why it failed.
    """

    kind: str
    status: Status = "idle"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: Any = None
    result: Any = None
    problem: dict[str, Any] | None = None


class Stopped(Exception):
    """A job ended because it was told to.

    Parameters
    ----------
    result : what it had found by then.
    """

    def __init__(self, result: Any = None) -> None:
        super().__init__("stopped")
        self.result = result


@dataclass(eq=False)
class Job:
    """What the work knows of itself.

    Attributes
    ----------
    stop : set when it is to end.
    """

    state: JobState
    stop: threading.Event = field(default_factory=threading.Event)
    _begun: threading.Event = field(default_factory=threading.Event, repr=False)
    _error: Exception | None = field(default=None, repr=False)
    _changed: Callable[[], None] = field(default=lambda: None, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def tell(self, progress: Any) -> None:
        """Tell how far it is: a record, or what JSON has."""
        self.state = replace(self.state, progress=progress)
        self._begun.set()
        self._changed()

    def tell_or_stop(self, progress: Any) -> None:
        """As :meth:`tell`, as a callback of what has no other way to be stopped.

        Raises
        ------
        Stopped : it is to end.
        """
        if self.stop.is_set():
            raise Stopped
        self.tell(progress)


Work = Callable[[Job], Any]
"""Does the work and returns the result; looks at ``job.stop``, or tells with ``tell_or_stop``."""


class Jobs:
    """The jobs of a server, by kind.

    Parameters
    ----------
    clock : the time of day.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._is_closed = False
        self._listeners: dict[str, set[Callable[[], None]]] = {}

    def start(self, kind: str, work: Work) -> JobState:
        """Start a job; its state.

        Raises
        ------
        LibraryError : one of the kind is running already.
        Busy : the server ends.
        SoundalikeError : as the work, where it fails at once, before it told anything: there was
            no such job then.
        """
        with self._lock:
            if self._is_closed:
                raise Busy(f"no {kind} is started: the server ends", 30.0)
            before = self._jobs.get(kind)
            if before is not None and before.state.status == "running":
                raise LibraryError(f"{_with_article(kind)} is running already: wait, or stop it")
            job = Job(
                JobState(kind, "running", started_at=self._clock()),
                _changed=lambda: self._notify(kind),
            )
            # Not one that holds up the end of the program, should it not look at its stop.
            job._thread = threading.Thread(
                target=self._run, args=(job, work), name=f"soundalike-{kind}", daemon=True
            )
            self._jobs[kind] = job
            job._thread.start()
        job._begun.wait(_FAILS_WITHIN_S)
        if job._error is not None and job.state.progress is None:
            with self._lock:
                if before is None:
                    del self._jobs[kind]
                else:
                    self._jobs[kind] = before
            self._notify(kind)
            raise job._error
        self._notify(kind)
        return job.state

    def state(self, kind: str) -> JobState:
        """How far the running job of the kind is, or how the last one ended."""
        with self._lock:
            job = self._jobs.get(kind)
        return JobState(kind) if job is None else job.state

    def running(self) -> dict[str, bool]:
        """Whether a job runs, by kind, of all kinds that were started."""
        with self._lock:
            return {kind: job.state.status == "running" for kind, job in self._jobs.items()}

    def stop(self, kind: str) -> JobState:
        """Have the job end, if one is running, and do not wait for that; its state."""
        with self._lock:
            job = self._jobs.get(kind)
        if job is not None:
            job.stop.set()
        return self.state(kind)

    def end(self) -> None:
        """Have all jobs end, and all who listen; :meth:`join` waits for the jobs."""
        with self._lock:
            self._is_closed = True
            jobs = list(self._jobs.values())
            kinds = list(self._listeners)
        for job in jobs:
            job.stop.set()
        for kind in kinds:
            self._notify(kind)

    def join(self, timeout_s: float) -> bool:
        """Whether all jobs have ended within so many seconds."""
        until = time.monotonic() + timeout_s
        with self._lock:
            threads = [job._thread for job in self._jobs.values() if job._thread is not None]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    async def events(self, kind: str) -> AsyncIterator[ServerSentEvent]:
        """The state now, and whenever it changes, until the server ends.

        The event is named ``state``. It has no ``result``, which may be large: ask for it when the
        job has ended.
        """
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def tell() -> None:
            # The loop may be gone where a job outlives the server.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._listeners.setdefault(kind, set()).add(tell)
        try:
            told: JobState | None = None
            while True:
                changed.clear()
                is_last = self._is_closed
                state = self.state(kind)
                if state is not told:
                    told = state
                    yield _event(state)
                if is_last:
                    return
                await changed.wait()
                if not self._is_closed:
                    await asyncio.sleep(_LEAST_BETWEEN_S)
        finally:
            with self._lock:
                self._listeners[kind].discard(tell)

    def _notify(self, kind: str) -> None:
        with self._lock:
            listeners = list(self._listeners.get(kind, ()))
        for tell in listeners:
            tell()

    def _run(self, job: Job, work: Work) -> None:
        kind = job.state.kind
        ended: dict[str, Any]
        try:
            ended = {"status": "finished", "result": work(job)}
        except Stopped as stopped:
            ended = {"status": "stopped", "result": stopped.result}
        except Exception as error:
            if not isinstance(error, SoundalikeError):
                _log.error("the %s failed", kind, exc_info=error)
            ended = {"status": "failed", "problem": document_of(error)}
            job._error = error
        job.state = replace(job.state, ended_at=self._clock(), **ended)
        job._begun.set()
        self._notify(kind)


@cache
def state_schema(name: str, progress: Any, result: Any) -> type[BaseModel]:
    """The schema of the states of a kind of job, by the types of its progress and its result.

    Parameters
    ----------
    name : of the schema, such as "ScanState".
    progress, result : schemas; ``Any`` for what has none.
    """
    general = schema_of(JobState)
    texts = {key: each.description for key, each in general.model_fields.items()}
    kinds: dict[str, Any] = {"progress": progress, "result": result, "problem": Problem}
    fields: dict[str, Any] = {
        key: (kind | None, Field(description=texts[key])) for key, kind in kinds.items()
    }
    return create_model(name, __base__=general, __doc__=general.__doc__, **fields)


def _event(state: JobState) -> ServerSentEvent:
    return ServerSentEvent(event="state", raw_data=as_text(replace(state, result=None)))


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
