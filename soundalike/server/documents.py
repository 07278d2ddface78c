"""Schemas of what is returned and is no plain record: see ``schema`` for the others."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from soundalike.library.records import Track
from soundalike.library.similar_records import TasteUse
from soundalike.recommend.common import InCommon
from soundalike.recommend.explain import Expected, FacetShare, Side, Standing
from soundalike.server.schema import schema_of, stands_for
from soundalike.similarity.passages import Alone, Passage
from soundalike.similarity.taste import Taste

__all__ = [
    "AnalysisDocument",
    "ComparisonDocument",
    "ExplanationDocument",
    "TasteDocument",
    "TrackDocument",
]


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


class AnalysisDocument(BaseModel):
    """What a model hears in a track. A model with tags has `tags` in place of genres."""

    model: str = Field(examples=["soundalike@2"])
    duration_s: float
    kind: str = Field(description='"genres" or "tags".')
    genre: str | None = None
    confidence: float | None = Field(None, description="The probability of the genre.")
    unsure: bool | None = None
    genre_set: list[str] = Field([], description="One of these it is, nine times out of ten.")
    genres: dict[str, float] = Field({}, description="Probabilities, the highest first.")
    tags: dict[str, float] = {}
    familiarity: float | None = None
    unfamiliar: bool | None = None
    tempo_bpm: float | None = Field(None, description="Null where it is not sure.")
    tempo_confidence: float | None = None
    tempo_alternatives: list[Any] = []
    key: str | None = Field(None, description="Null where it is not sure.", examples=["A minor"])
    key_confidence: float | None = None
    words_that_hold: list[str] = []
    words: dict[str, float] = Field({}, description="Probabilities, the highest first.")
    notes: list[str] = []
    is_fast: bool = Field(False, description="Whether only some passages were heard.")
    timeline: list[dict[str, Any]] | None = Field(
        None, description="Stretches of one label: start_s, end_s, label, probability."
    )
    labels: list[str] | None = Field(None, description="Columns of excerpt_probabilities.")
    excerpt_starts_s: list[float] | None = None
    excerpt_s: float | None = Field(None, description="Seconds that an excerpt lasts.")
    excerpt_probabilities: list[list[float]] | None = Field(
        None, description="A row for each excerpt."
    )


class ComparisonDocument(BaseModel):
    """How alike two tracks are, and where."""

    a: str
    b: str
    a_path: str | None = None
    b_path: str | None = None
    similarity: float
    facets: dict[str, float]
    shares: dict[str, float]
    percentile: float | None = None
    passages: list[schema_of(Passage)]  # type: ignore[valid-type]
    a_analysis: AnalysisDocument
    b_analysis: AnalysisDocument
    excerpt_similarity: list[list[float]] = Field(
        description="Cosines: a row for each excerpt of a, a column for each of b."
    )


@stands_for(Taste)
class TasteDocument(BaseModel):
    """What of a listener's taste is in use, as numbers; what is not is not there."""

    model: str
    layout: list[dict[str, Any]] | None = Field(None, description="The facets of the metric.")
    weights: dict[str, float] | None = Field(None, description="The share of each facet.")
    stretches: dict[str, Any] | None = Field(
        None, description="By facet, axes and by how much what lies along them counts more."
    )
    direction: list[float] | None = Field(None, description="Where what is liked lies.")
    offset: float | None = None


@stands_for(Side)
class SideDocument(BaseModel):
    """One of what is explained."""

    name: str
    track_id: int | None = None
    path: str
    start_s: float
    end_s: float


class ExplanationDocument(BaseModel):
    """Why two are alike, and why a third is less so."""

    a: SideDocument
    b: SideDocument
    model: str
    standing: schema_of(Standing)  # type: ignore[valid-type]
    facets: list[schema_of(FacetShare)]  # type: ignore[valid-type]
    passages: list[schema_of(Passage)]  # type: ignore[valid-type]
    alone_a: schema_of(Alone) | None = None  # type: ignore[valid-type]
    alone_b: schema_of(Alone) | None = None  # type: ignore[valid-type]
    common: schema_of(InCommon)  # type: ignore[valid-type]
    expected: schema_of(Expected) | None = None  # type: ignore[valid-type]
    taste: schema_of(TasteUse) | None = None  # type: ignore[valid-type]
    similarity: float
    weights: dict[str, float]
    a_analysis: AnalysisDocument
    b_analysis: AnalysisDocument
    expected_analysis: AnalysisDocument | None = None
