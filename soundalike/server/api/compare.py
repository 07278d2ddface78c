"""Two tracks side by side, and where a passage comes again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from soundalike.errors import InvalidArgument
from soundalike.library.similar_records import Seed
from soundalike.recommend.explain import Explanation
from soundalike.recommend.explain import explain as explain_tracks
from soundalike.recommend.passages import PassageResult, find_passages
from soundalike.server.answers import Answer
from soundalike.server.documents import ComparisonDocument, ExplanationDocument
from soundalike.server.requests import Body, LimitsBody, SeedBody, UseTaste, Weights, query_of
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked, Service
from soundalike.show.documents import comparison_document, explanation_document
from soundalike.workers.calls import Call

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["compare"])

_A = [{"track_id": 12}]
_B = [{"track_id": 40}]


class PairBody(Body):
    """Two of the library or of the uploads."""

    a: Annotated[SeedBody, Field(examples=_A)]
    b: Annotated[SeedBody, Field(examples=_B)]


class ExplainBody(PairBody):
    """Two that are alike, and perhaps a third that is less so."""

    expected: SeedBody | None = Field(None, description="What you would have expected for b.")
    passages: int = Field(5, ge=1, le=20, description="That match, at most.")
    weights: Weights | None = None
    use_taste: UseTaste = True


class PassageBody(Body):
    """A passage, and how many tracks with one like it."""

    seed: Annotated[SeedBody, Field(examples=[{"track_id": 12, "start_s": 70, "end_s": 90}])]
    k: int = Field(10, ge=1, le=1000)
    weights: Weights | None = None
    limits: LimitsBody = Field(default_factory=LimitsBody)


@router.post("/compare", response_model=ComparisonDocument)
def compare(asked: Asked, body: PairBody) -> Any:
    """How alike two are, excerpt by excerpt, and which passages match best.

    Whole tracks or uploads are compared; `/explain` takes passages.
    """
    for name, seed in (("a", body.a), ("b", body.b)):
        if seed.start_s is not None or seed.end_s is not None:
            raise InvalidArgument(f"{name} is a passage: compare whole tracks, or explain passages")
    both = asked.library.compare(query_of(asked, body.a), query_of(asked, body.b))
    return Answer(comparison_document(both))


@router.post("/explain", response_model=ExplanationDocument)
def explain(asked: Asked, body: ExplainBody) -> Any:
    """Why two are alike, and why a third is less so: facets, what they share, passages."""
    return Answer(explanation_document(_explained(asked, body)))


@router.post(
    "/explain/audio",
    response_class=Response,
    responses={
        200: {
            "description": "The sound.",
            "content": {"audio/mpeg": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
def explain_audio(asked: Asked, body: ExplainBody) -> Any:
    """The passages that match, one after the other, as an MP3: each of a, then that of b."""
    found = _explained(asked, body)
    paths = [_path_of(asked, side.seed, name) for side, name in ((found.a, "a"), (found.b, "b"))]
    call = Call(
        paths[0], "soundalike.recommend.listen:pair_mp3", (str(paths[1]), tuple(found.passages))
    )
    sound = asked.desk.call(call)
    return Response(sound, media_type="audio/mpeg", headers={"Cache-Control": "no-store"})


@router.post("/passages", response_model=schema_of(PassageResult))
def passages(asked: Asked, body: PassageBody) -> Any:
    """The tracks that contain a passage like one, and where: of 3 to 120 seconds."""
    found = find_passages(
        asked.library,
        query_of(asked, body.seed),
        body.k,
        weights=body.weights,
        limits=body.limits.limits(),
    )
    return Answer(found)


def _explained(service: Service, body: ExplainBody) -> Explanation:
    return explain_tracks(
        service.library,
        query_of(service, body.a),
        query_of(service, body.b),
        expected=None if body.expected is None else query_of(service, body.expected),
        weights=body.weights,
        taste=service.taste(body.use_taste),
        passages=body.passages,
    )


def _path_of(service: Service, seed: Seed, name: str) -> Path:
    """The file of one side, to be decoded again.

    Raises
    ------
    InvalidArgument : it was an upload, whose file is gone.
    UnreadableFile : as ``Library.file_to_play``.
    """
    if seed.track is None:
        raise InvalidArgument(f"{name} is an upload, which was deleted: only tracks can be heard")
    return service.library.file_to_play(seed.track.track_id)[1]
