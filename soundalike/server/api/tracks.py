"""Tracks: searching for them, and what is known of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field

from soundalike.library.records import (
    Track,
    TrackOrder,
    TrackPage,
    TrackStatus,
)
from soundalike.server.answers import Answer
from soundalike.server.documents import AnalysisDocument
from soundalike.server.requests import Body, Id
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked
from soundalike.show.documents import analysis_document

__all__ = ["TrackId", "router"]

router = APIRouter(prefix="/api/v1", tags=["tracks"])

TrackId = Annotated[int, Path(ge=1, lt=2**63, examples=[12])]


class IdsBody(Body):
    """Which tracks are asked for."""

    track_ids: Annotated[list[Id], Field(max_length=1000, examples=[[12, 40]])]


@dataclass(frozen=True)
class Tracks:
    """Some tracks."""

    tracks: tuple[Track, ...]


@router.get("/tracks", response_model=schema_of(TrackPage))
def tracks(
    asked: Asked,
    q: Annotated[
        str,
        Query(
            max_length=400,
            description="Beginnings of words of artist, title, album, folders or file name.",
            examples=["miles so wh"],
        ),
    ] = "",
    status: TrackStatus | None = None,
    folder: Annotated[
        str | None, Query(max_length=4096, description="Only what lies below it.")
    ] = None,
    sort: Annotated[
        TrackOrder | None,
        Query(description="By default what fits best first, or by path without words."),
    ] = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Any:
    """A page of the tracks that have some words: quick enough to be asked as somebody types.

    Case, accents and the order of the words do not matter. Without words all tracks come.
    """
    page = asked.library.search(
        q, status=status, folder=folder, sort=sort, offset=offset, limit=limit
    )
    return Answer(page)


@router.post("/tracks/by-id", response_model=schema_of(Tracks))
def tracks_by_id(asked: Asked, body: IdsBody) -> Any:
    """Several tracks at once, in the order of their ids; without those that are not there."""
    return Answer(Tracks(asked.library.tracks_of(body.track_ids)))


@router.get("/tracks/{track_id}", response_model=schema_of(Track))
def track(asked: Asked, track_id: TrackId) -> Any:
    """One track, with its tags."""
    return Answer(asked.library.track(track_id))


@router.get("/tracks/{track_id}/analysis", response_model=AnalysisDocument)
def analysis(asked: Asked, track_id: TrackId) -> Any:
    """What the model hears in a track: genres with confidence, along time, too; words, tempo, key.

    A track that is not analysed is a conflict (409).
    """
    return Answer(analysis_document(asked.library.analysis(track_id), timeline=True))
