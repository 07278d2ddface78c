"""Tracks: searching for them, and what is known of one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from soundalike.library.records import Track
from soundalike.server.answers import Answer
from soundalike.server.schema import schema_of, stands_for
from soundalike.server.service import Asked

__all__ = ["TrackId", "router"]

router = APIRouter(prefix="/api/v1", tags=["tracks"])

TrackId = Annotated[int, Path(ge=1, lt=2**63, examples=[12])]


@stands_for(Track)
class TrackDocument(BaseModel):
    """One audio file that the library has seen."""

    track_id: int = Field(examples=[12])
    path: str
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None
    disc_number: int | None = None
    artists: list[str] = []
    genres: list[str] = []
    isrc: str | None = None
    musicbrainz_recording_id: str | None = None
    musicbrainz_release_id: str | None = None
    musicbrainz_artist_ids: list[str] = []
    stand_ins: list[str] = Field([], description="Names that come from the path: no tag has them.")
    duration_s: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    codec: str | None = None
    size_bytes: int | None = None
    content_hash: str | None = None
    audio_hash: str | None = None
    tempo_bpm: float | None = None
    key: str | None = None
    status: str = Field(examples=["analysed"])
    missing_since: str | None = None


@router.get("/tracks/{track_id}", response_model=schema_of(Track))
def track(asked: Asked, track_id: TrackId) -> Any:
    """One track, with its tags."""
    return Answer(asked.library.track(track_id))
