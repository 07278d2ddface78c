"""A listener's taste: what was said, what follows from it, and what to ask next."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from soundalike.errors import InvalidArgument
from soundalike.library.taste_records import Judgement, JudgementKind, TasteCounts
from soundalike.recommend.question import OddOneQuestion, odd_one_question
from soundalike.recommend.taste import TasteReport, taste_of
from soundalike.server.answers import Answer
from soundalike.server.requests import Body, Id
from soundalike.server.schema import schema_of, stands_for
from soundalike.server.service import Asked
from soundalike.similarity.taste import Taste

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/taste", tags=["taste"])

_MOST_SEED: Final = 2**31

# Tracks that each kind of judgement is about; None for one or more, each judged by itself.
_SIZES: Final[dict[JudgementKind, int | None]] = {
    "like": None,
    "dislike": None,
    "alike": 2,
    "unlike": 2,
    "oddone": 3,
}


@stands_for(Taste)
class TasteDocument(BaseModel):
    """What is fitted: where nothing was of use, the model alone."""

    model: str
    layout: list[dict[str, Any]] = Field([], description="The facets of the model.")
    weights: dict[str, float] = Field({}, description="Of the facets.")
    stretches: dict[str, Any] = Field({}, description="Axes and gains, by facet.")
    direction: list[float] = Field([], description="Of what is liked, in the embedding.")
    offset: float | None = Field(None, description="Of what is liked.")


@dataclass(frozen=True)
class JudgementList:
    """What a listener said; of several judgements of the same tracks the last counts.

    Attributes
    ----------
    total : how many there are.
    judgements : some of them, the last first.
    """

    total: int
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True)
class Said:
    """The judgements that were noted."""

    judgements: tuple[Judgement, ...]


class JudgementBody(Body):
    """What a listener says."""

    kind: JudgementKind = Field(
        description="like, dislike: each of the tracks; alike, unlike: two of them; oddone: three, "
        "the odd one last."
    )
    track_ids: list[Id] = Field(min_length=1, max_length=1000, examples=[[12, 40, 17]])


@router.get("", response_model=schema_of(TasteReport))
def taste(asked: Asked) -> Any:
    """What the judgements say, and whether it is used.

    `trials` says how many held-out answers the taste predicts, and how many what it would replace:
    `after` above `before` is better, and `is_used` is better by more than chance.
    """
    return Answer(taste_of(asked.library))


@router.delete("", response_model=schema_of(TasteCounts))
def reset(asked: Asked) -> Any:
    """Delete all judgements and plays; what was deleted."""
    return Answer(asked.library.reset_taste())


@router.get("/judgements", response_model=schema_of(JudgementList))
def judgements(
    asked: Asked,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Any:
    """What was said, the last first."""
    found = asked.library.judgements()[::-1]
    return Answer(JudgementList(len(found), found[offset : offset + limit]))


@router.post("/judgements", response_model=schema_of(Said), status_code=201)
def judge(asked: Asked, body: JudgementBody) -> Any:
    """Note what a listener says of tracks."""
    wanted, ids = _SIZES[body.kind], body.track_ids
    if wanted is not None and len(ids) != wanted:
        raise InvalidArgument(f"track_ids has {len(ids)}: {body.kind} is said of {wanted} tracks")
    library = asked.library
    match body.kind:
        case "like":
            said = library.like(*ids)
        case "dislike":
            said = library.dislike(*ids)
        case "alike":
            said = (library.alike(*ids),)
        case "unlike":
            said = (library.unlike(*ids),)
        case "oddone":
            said = (library.odd_one(*ids),)
    return Answer(Said(said), status_code=201)


@router.delete("/judgements/{judgement_id}", response_model=schema_of(Judgement))
def take_back(
    asked: Asked, judgement_id: Annotated[int, Path(ge=1, lt=2**63, examples=[3])]
) -> Any:
    """Take a judgement back: what was said of the same tracks before counts again."""
    return Answer(asked.library.undo_judgement(judgement_id))


@router.get("/question", response_model=schema_of(OddOneQuestion))
def question(
    asked: Asked,
    random_seed: Annotated[
        int | None, Query(ge=0, lt=_MOST_SEED, description="Another one, another question.")
    ] = None,
) -> Any:
    """Three passages of 10 s: which one does not belong?

    They are chosen so that the answer tells most about which facets the listener goes by: `POST
    /taste/judgements` with `oddone` notes it, the odd one last.
    """
    seed = secrets.randbelow(_MOST_SEED) if random_seed is None else random_seed
    return Answer(odd_one_question(asked.library, random_seed=seed))
