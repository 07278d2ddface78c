"""Tracks that hold the same music."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query

from soundalike.errors import LibraryError
from soundalike.library.compared import not_compared
from soundalike.library.records import VERSION_KINDS
from soundalike.library.version_records import VersionKind, VersionsResult
from soundalike.server.answers import Answer
from soundalike.server.api.job_routes import add_job_routes
from soundalike.server.api.tracks import TrackId
from soundalike.server.jobs import Job, state_schema
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked
from soundalike.show.amounts import show_count

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["versions"])

_KIND = "comparison"
# So many are compared with all others while somebody waits: a second or two in most libraries.
_MOST_AT_ONCE = 200

Kinds = Annotated[
    list[VersionKind],
    Query(
        description="copy: the same bytes; audio: the same audio with other tags; near: another "
        "encoding, mastering or cut; version: another recording of the piece. All by default.",
        max_length=len(VERSION_KINDS),
    ),
]


@dataclass(frozen=True)
class Compared:
    """How many tracks are compared with all others, and how many there are."""

    done: int
    total: int


@dataclass(frozen=True)
class VersionsPage:
    """Some of the pieces that are there several times.

    Attributes
    ----------
    total : how many such pieces there are.
    offset : of the first of these.
    versions : these.
    """

    total: int
    offset: int
    versions: VersionsResult


VersionsState = state_schema("VersionsState", schema_of(Compared), schema_of(Compared))


@router.get("/versions", response_model=schema_of(VersionsPage))
def versions(
    asked: Asked,
    kinds: Kinds = [],  # noqa: B006 - FastAPI copies it
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Any:
    """All pieces that are there several times, in whatever version, by the path of the best copy.

    Where many tracks have not been compared yet, the answer is 409: `POST /versions` compares them,
    and takes minutes for thousands. What was found is kept.
    """
    left = not_compared(asked.library)
    if left > _MOST_AT_ONCE:
        raise LibraryError(
            f"{show_count(left, 'track')} {'is' if left == 1 else 'are'} not compared with the "
            f"others yet: have it done first, by POST /api/v1/versions"
        )
    found = asked.library.versions(kinds=kinds or VERSION_KINDS)
    shown = replace(found, groups=found.groups[offset : offset + limit])
    return Answer(VersionsPage(len(found.groups), offset, shown))


@router.post("/versions", response_model=VersionsState, status_code=202)
def compare_all(asked: Asked) -> Any:
    """Compare all tracks that are not compared yet; `/versions/events` tells how far it is.

    One at a time: 409 while it is running.
    """

    def work(job: Job) -> Compared:
        compared = asked.library.versions(
            progress=lambda done, total: job.tell_or_stop(Compared(done, total))
        ).compared
        return Compared(compared, compared)

    return Answer(asked.jobs.start(_KIND, work), status_code=202)


add_job_routes(
    router,
    _KIND,
    "/versions",
    VersionsState,
    state_path="/state",
    kept="What was found by then is kept.",
)


@router.get("/tracks/{track_id}/versions", response_model=schema_of(VersionsResult))
def versions_of(asked: Asked, track_id: TrackId, kinds: Kinds = []) -> Any:  # noqa: B006
    """The tracks that hold the music of one: copies, other encodings, cuts and versions."""
    return Answer(asked.library.versions(track_id, kinds=kinds or VERSION_KINDS))
