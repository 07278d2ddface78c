"""The map of the library, and the groups on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from soundalike.errors import TrackNotFound
from soundalike.recommend.clusters import ArtistShare
from soundalike.recommend.map import Fidelity
from soundalike.recommend.map_labels import LabelKind
from soundalike.server.answers import Answer
from soundalike.server.api.job_routes import add_job_routes
from soundalike.server.api.tracks import TrackId
from soundalike.server.conditional import CHECKED, unchanged
from soundalike.server.jobs import Job, state_schema
from soundalike.server.maps import MapNow
from soundalike.server.requests import Body
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked
from soundalike.show.map_data import clusters_document, group_document
from soundalike.show.map_points import __doc__ as LAYOUT

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["map"])

_KIND = "map"
# A page that opens the map again has its points and labels, and asks whether they are right.
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "It is what you have."}}


@dataclass(frozen=True)
class Making:
    """What of a map is being made, how much of it is done, and how much there is."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class TypicalTrack:
    """What tells which track it is."""

    track_id: int
    artist: str | None
    title: str | None
    path: str


@dataclass(frozen=True)
class TraitDocument:
    """A word or genre of a group, and how much of it there is.

    Attributes
    ----------
    share : of the group's tracks.
    in_library : of all tracks.
    lift : how many times more there is of it in the group.
    """

    name: str
    kind: str
    share: float
    in_library: float
    lift: float


@dataclass(frozen=True)
class GroupDocument:
    """Tracks that are more like each other than like the rest.

    Attributes
    ----------
    number : from 1 on, the largest first when the map was made.
    name : what sets it apart.
    size : tracks.
    unclear : of these, how many belong to no group clearly.
    typical : the tracks that are most like all others of it.
    words, genres : what there is more of than in the library.
    rare : words that are usual in the library and rare here.
    tempo_bpm : between these lie the tempos of the middle half.
    closeness : by facet, 0 where its tracks are as alike as those of the whole library.
    artists : that it has the most tracks of.
    middle : a place on the map amid it.
    """

    number: int
    name: str
    size: int
    unclear: int
    typical: tuple[TypicalTrack, ...]
    words: tuple[TraitDocument, ...]
    rare: tuple[TraitDocument, ...]
    genres: tuple[TraitDocument, ...]
    tempo_bpm: tuple[float, float] | None
    closeness: dict[str, float]
    artists: tuple[ArtistShare, ...]
    middle: tuple[float, float]


@dataclass(frozen=True)
class MapDocument:
    """A map, without its points.

    Attributes
    ----------
    is_made : whether there is one; `POST /map` makes it.
    state : another number for another map.
    model : whose embeddings are compared.
    fidelity : how far it could be believed when it was made.
    kept : the share of the tracks' nearest by sound that are among their nearest on it, now.
    n_points : tracks on it.
    n_new : of these, how many were placed after it was made.
    """

    is_made: bool
    state: int | None
    model: str | None
    fidelity: Fidelity | None
    kept: float | None
    n_points: int
    n_new: int
    groups: tuple[GroupDocument, ...]


@dataclass(frozen=True)
class ClustersDocument:
    """The groups that the library falls into.

    Attributes
    ----------
    unclear : tracks that belong to no group clearly.
    """

    model: str
    tracks: int
    unclear: int
    groups: tuple[GroupDocument, ...]


@dataclass(frozen=True)
class LabelsDocument:
    """What the points of a map are called in one respect.

    Attributes
    ----------
    state : of the map whose points these are.
    by : the respect.
    names : that of the most tracks first; of groups in their order.
    codes : of each point the place of its name; -1 where it has none.
    """

    state: int
    by: LabelKind
    names: tuple[str, ...]
    codes: tuple[int, ...]


@dataclass(frozen=True)
class NearestDocument:
    """The true neighbours of a point.

    Attributes
    ----------
    trust : the share of them that are among its nearest on the map.
    nearest : ids of the tracks that sound most like it, the nearest first.
    """

    track_id: int
    trust: float
    nearest: tuple[int, ...]


MapState = state_schema("MapState", schema_of(Making), Any)


class MapBody(Body):
    """How a map is to be made."""

    seed: int = Field(0, ge=0, lt=2**32, description="Of what is drawn at random.")


@router.get("/map", response_model=schema_of(MapDocument))
def about_map(asked: Asked) -> Any:
    """What the map shows, and how far it can be believed; `/map/points` has the points."""
    now = asked.maps.now()
    if now is None:
        nothing = MapDocument(False, None, None, None, None, 0, 0, ())
        return Answer(nothing)
    found = now.found
    return Answer(
        {
            "is_made": True,
            "state": now.state,
            "model": found.model,
            "fidelity": asdict(found.fidelity),
            "kept": found.trust.mean(),
            "n_points": len(found),
            "n_new": int(found.is_new.sum()),
            "groups": [group_document(group) for group in now.groups],
        }
    )


@router.post("/map", response_model=MapState, status_code=202)
def make_map(asked: Asked, body: MapBody | None = None) -> Any:
    """Make the map anew, of all tracks there are now; `/map/events` tells how far it is.

    It takes seconds for thousands of tracks, and minutes for 100,000. Until it is there, the one
    before is shown. One at a time: 409 while one is being made.
    """

    def work(job: Job) -> None:
        asked.maps.make(
            lambda what, done, total: job.tell_or_stop(Making(what, done, total)),
            seed=0 if body is None else body.seed,
        )

    return Answer(asked.jobs.start(_KIND, work), status_code=202)


add_job_routes(
    router, _KIND, "/map", MapState, state_path="/state", kept="The one before stays as it is."
)


@router.get(
    "/map/points",
    response_class=Response,
    description=LAYOUT,
    responses={200: {"content": {"application/octet-stream": {}}}, **_UNCHANGED},
)
def points(asked: Asked, request: Request) -> Response:
    now = asked.maps.needed()
    headers = _headers(now, "points")
    whole = Response(now.points, media_type="application/octet-stream", headers=headers)
    return unchanged(request, headers) or whole


@router.get("/map/labels", response_model=schema_of(LabelsDocument), responses=_UNCHANGED)
def labels(
    asked: Asked, request: Request, by: Annotated[LabelKind, Query(examples=["artist"])]
) -> Any:
    """What each point is called, in the order of the points.

    `genre` is the first one of the tags, `model_genre` what the model surely hears; `folder` the
    first folder below the one that all tracks lie in.
    """
    now = asked.maps.needed()
    headers = _headers(now, by)
    known = unchanged(request, headers)
    if known is not None:
        return known
    found = now.labels[by]
    return Answer(
        {"state": now.state, "by": by, "names": found.names, "codes": found.codes}, headers=headers
    )


@router.get("/map/nearest/{track_id}", response_model=schema_of(NearestDocument))
def nearest(asked: Asked, track_id: TrackId) -> Any:
    """The tracks that really sound most like one: a map distorts, and this shows where."""
    found = asked.maps.needed().found
    row = found.row_of(track_id)
    if row is None:
        raise TrackNotFound(f"#{track_id} is not on the map")
    ids = [int(found.track_ids[each]) for each in found.nearest[row] if each >= 0]
    return Answer({"track_id": track_id, "trust": found.trust[row], "nearest": ids})


@router.get("/clusters", response_model=schema_of(ClustersDocument))
def clusters(
    asked: Asked,
    groups: Annotated[
        int | None, Query(ge=1, le=500, description="How many; by default as on the map.")
    ] = None,
) -> Any:
    """The groups that the library falls into, and what sets each of them apart."""
    found, shown = asked.maps.grouped(groups)
    return Answer(clusters_document(found, shown))


def _headers(now: MapNow, what: str) -> dict[str, str]:
    """Of an answer that is the same as long as the map is."""
    return {"ETag": f'"{now.tag}-{what}"', "Cache-Control": CHECKED}
