"""A path from track to track, and a radio."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from soundalike.errors import InvalidArgument
from soundalike.recommend.defaults import PATH_TRACKS, RADIO_TRACKS
from soundalike.recommend.journey import make_path
from soundalike.recommend.records import MadePath, RadioPart
from soundalike.recommend.station import continue_radio, start_radio
from soundalike.server.answers import Answer
from soundalike.server.requests import Body, Id, LimitsBody, SeedList, UseTaste, Weights, queries_of
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["paths and radio"])

Told = Annotated[list[Id], Field(max_length=1000, fail_fast=True, examples=[[42]])]


class PathBody(Body):
    """Where a path is to lead."""

    waypoints: SeedList = Field(min_length=2, max_length=50)
    tracks: int = Field(PATH_TRACKS, ge=2, le=500, description="With the waypoints.")
    limits: LimitsBody = Field(
        default_factory=LimitsBody, description="A path has no limit on tracks of an artist."
    )
    weights: Weights | None = None
    use_taste: UseTaste = True


class RadioBody(Body):
    """What a radio begins with."""

    seeds: SeedList = Field(min_length=1)
    tracks: int = Field(RADIO_TRACKS, ge=0, le=1000, description="How many now.")
    limits: LimitsBody = Field(
        default_factory=LimitsBody, description="A radio has no limit on tracks of an artist."
    )
    weights: Weights | None = None
    use_taste: UseTaste = True
    random_seed: int = Field(0, ge=0, lt=2**63)
    like: Told = Field([], description="Tracks that are liked from the start.")
    skip: Told = Field([], description="Tracks that are not.")


class NextBody(Body):
    """Where a radio is, and what was said of its tracks since."""

    state: dict[str, Any] = Field(description="Of the part before, as it was answered.")
    tracks: int = Field(RADIO_TRACKS, ge=0, le=1000, description="How many now.")
    like: Told = Field([], description="More like these comes.")
    skip: Told = Field([], description="Less like these, and their artists not for a while.")


@router.post("/path", response_model=schema_of(MadePath))
def path(asked: Asked, body: PathBody) -> Any:
    """A path from one track to another in small, even steps, by way of others if there are more."""
    found = make_path(
        asked.library,
        queries_of(asked, body.waypoints),
        tracks=body.tracks,
        limits=body.limits.playlist_limits(),
        weights=body.weights,
        taste=asked.taste(body.use_taste),
    )
    return Answer(found)


@router.post("/radio", response_model=schema_of(RadioPart))
def radio(asked: Asked, body: RadioBody) -> Any:
    """The first tracks of a radio, and the state from which `/radio/next` goes on.

    The server keeps nothing of it: who listens sends the state back.
    """
    found = start_radio(
        asked.library,
        queries_of(asked, body.seeds),
        tracks=body.tracks,
        like=body.like,
        skip=body.skip,
        limits=body.limits.playlist_limits(),
        weights=body.weights,
        random_seed=body.random_seed,
        taste=asked.taste(body.use_taste),
    )
    return Answer(found)


@router.post("/radio/next", response_model=schema_of(RadioPart))
def go_on(asked: Asked, body: NextBody) -> Any:
    """The next tracks of a radio, after what was liked and skipped."""
    for name in ("only_playlists", "not_playlists"):
        # No request has a file read by its path.
        if body.state.get(name):
            raise InvalidArgument(
                f"the state of the radio has {name}: this server reads no such files"
            )
    found = continue_radio(
        asked.library, body.state, tracks=body.tracks, like=body.like, skip=body.skip
    )
    return Answer(found)
