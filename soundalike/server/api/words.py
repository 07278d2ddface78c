"""Tracks by what the model hears in them, in words; and the genres of their tags."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from soundalike.library.word_records import FindResult, KnownGenre, KnownWord
from soundalike.server.answers import Answer
from soundalike.server.requests import Body
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["words"])


class FindBody(Body):
    """What is to be found."""

    query: str = Field(min_length=1, max_length=400, examples=["piano, no vocals, sad"])
    k: int = Field(10, ge=1, le=1000)
    max_per_artist: int | None = Field(None, ge=1, le=10_000)
    sure: bool = Field(False, description="Only tracks that surely are so, in every word.")


class WordsDocument(BaseModel):
    """The words that can be asked for."""

    words: list[schema_of(KnownWord)]  # type: ignore[valid-type]


class GenresDocument(BaseModel):
    """The genres of the tags."""

    genres: list[schema_of(KnownGenre)]  # type: ignore[valid-type]


@router.get("/genres", response_model=GenresDocument)
def genres(asked: Asked) -> Any:
    """The genres of the tags, which limits may name, and how many tracks have each: most first."""
    return Answer({"genres": asked.library.genres()})


@router.get("/words", response_model=WordsDocument)
def words(asked: Asked) -> Any:
    """The words that `/find` knows, and how many tracks have each."""
    return Answer({"words": asked.library.words()})


@router.post("/find", response_model=schema_of(FindResult))
def find(asked: Asked, body: FindBody) -> Any:
    """The tracks that have what words ask for, by what the model hears in them."""
    found = asked.library.find(
        body.query, body.k, max_per_artist=body.max_per_artist, sure=body.sure
    )
    return Answer(found)
