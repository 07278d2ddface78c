"""How far a job is, its end and its events: the same three operations for every kind of job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

from soundalike.server.answers import Answer
from soundalike.server.jobs import JobState
from soundalike.server.service import Asked

__all__ = ["add_job_routes"]


def add_job_routes(
    router: APIRouter,
    kind: str,
    path: str,
    model: type[BaseModel],
    *,
    kept: str,
    state_path: str = "",
    shown: Callable[[JobState], Any] = lambda state: state,
) -> None:
    """Add ``KIND_state``, ``stop_KIND`` and ``KIND_events``; what starts the job is no two times
    the same.

    Parameters
    ----------
    kind : of the job, as in ``Jobs``.
    path : of the job; DELETE stops it, its events lie below it.
    model : of its states, see ``state_schema``.
    kept : what is left of a job that is stopped, as a sentence.
    state_path : where its state is, below ``path``.
    shown : a state as it is answered.
    """

    def state(asked: Asked) -> Any:
        return Answer(shown(asked.jobs.state(kind)))

    def stop(asked: Asked) -> Any:
        return Answer(shown(asked.jobs.stop(kind)))

    async def events(asked: Asked) -> AsyncIterator[ServerSentEvent]:
        async for event in asked.jobs.events(kind):
            yield event

    router.get(
        path + state_path,
        name=f"{kind}_state",
        response_model=model,
        description=f"How far the {kind} is, or how the last one ended since the server was "
        f"started.",
    )(state)
    router.delete(
        path,
        name=f"stop_{kind}",
        response_model=model,
        description=f"Stop the {kind}, if one is running. {kept}\n\nIt answers at once: the "
        f"events tell when it has ended.",
    )(stop)
    router.get(
        f"{path}/events",
        name=f"{kind}_events",
        response_class=EventSourceResponse,
        description=f"The state of the {kind} as server-sent events named `state`: now, and "
        f"whenever it changes.\n\nThey have no `result`: ask `{path + state_path}` for it when "
        f"the status says that it has ended.",
    )(events)
