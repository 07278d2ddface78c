"""Tracks that sound alike."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, FiniteFloat

from soundalike.library.similar_records import SimilarResult
from soundalike.server.answers import Answer
from soundalike.server.api.tracks import TrackId
from soundalike.server.requests import Body, LimitsBody, SeedBody, SeedList, Weights, queries_of
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked, Service

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["similar"])


class SimilarBody(Body):
    """What is to be found."""

    seeds: SeedList = Field(min_length=1)
    without: SeedList = Field([], description="What the tracks are to be unlike.")
    k: int = Field(10, ge=1, le=1000)
    min_percentile: FiniteFloat | None = Field(None, ge=0, le=100)
    weights: Weights | None = None
    limits: LimitsBody = Field(default_factory=LimitsBody)
    use_taste: bool = Field(True, description="Whether the listener's taste counts.")


@router.post("/similar", response_model=schema_of(SimilarResult))
def similar(asked: Asked, body: SimilarBody) -> Any:
    """The tracks that sound most like some seeds: tracks, uploads, or passages of tracks."""
    return Answer(_similar(asked, body))


@router.get("/tracks/{track_id}/similar", response_model=schema_of(SimilarResult))
def similar_to(
    asked: Asked, track_id: TrackId, k: Annotated[int, Query(ge=1, le=1000)] = 10
) -> Any:
    """The tracks that sound most like one."""
    return Answer(_similar(asked, SimilarBody(seeds=[SeedBody(track_id=track_id)], k=k)))


def _similar(service: Service, body: SimilarBody) -> SimilarResult:
    return service.library.similar(
        queries_of(service, body.seeds),
        body.k,
        without=queries_of(service, body.without),
        min_percentile=body.min_percentile,
        weights=body.weights,
        limits=body.limits.limits(),
        taste=service.taste(body.use_taste),
    )
