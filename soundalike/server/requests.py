"""What requests ask for, and what that means to the library.

A track is named by its id, or is an upload: never a path, so that no request can have a file read
that is not in the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from soundalike.library.limits import Filter, Limits, Years
from soundalike.library.snapshot import Query
from soundalike.recommend.defaults import PLAYLIST_LIMITS, lengths
from soundalike.server.service import Service

__all__ = [
    "Body",
    "FilterBody",
    "Id",
    "LimitsBody",
    "Seconds",
    "SeedBody",
    "SeedList",
    "UseTaste",
    "Weights",
    "queries_of",
    "query_of",
    "uploads_among",
]

# No body has as many names; what is wrong with each of 100,000 would take seconds to say.
_MOST_NAMES = 64

Id = Annotated[int, Field(ge=1, lt=2**63, examples=[12])]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=10_000_000)]
Weights = Annotated[
    dict[str, Annotated[FiniteFloat, Field(ge=0, le=1000)]],
    Field(
        max_length=_MOST_NAMES,
        description="What counts how much, by facet; one that is not named keeps its weight.",
        examples=[{"sound": 1, "rhythm": 2, "harmony": 0.5}],
    ),
]


UseTaste = Annotated[
    bool, Field(description="Whether the listener's taste counts, where it is in use.")
]


class Body(BaseModel):
    """A request: a name that is not known is refused, since it would be without effect, and so is
    what is no number but could be read as one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_names(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > _MOST_NAMES:
            raise ValueError(f"{len(given):,} names are given, and most are not known")
        return given


class SeedBody(Body):
    """A track of the library or an upload, or a passage of the track."""

    track_id: Id | None = None
    upload_id: Annotated[str, Field(max_length=64)] | None = None
    start_s: Seconds | None = Field(None, description="Only from here on, in seconds.")
    end_s: Seconds | None = Field(None, description="Only up to here, in seconds.")

    @model_validator(mode="after")
    def _one_of_both(self) -> SeedBody:
        if (self.track_id is None) == (self.upload_id is None):
            raise ValueError("give either track_id or upload_id")
        if self.upload_id is not None and (self.start_s is not None or self.end_s is not None):
            raise ValueError("the passage of an upload is chosen when it is sent")
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ValueError("end_s must be greater than start_s")
        return self


SeedList = Annotated[
    list[SeedBody], Field(max_length=500, examples=[[{"track_id": 12}, {"track_id": 40}]])
]


class FilterBody(Body):
    """What tracks are told by."""

    folders: list[str] = Field([], max_length=100, description="Paths; all that lies below one.")
    genres: list[str] = Field([], max_length=100, description="Of tags, in any case.")
    years: list[str] = Field([], max_length=100, examples=[["1990-1999", "2005"]])
    track_ids: list[Id] | None = Field(None, max_length=1_000_000, fail_fast=True)

    def filter(self) -> Filter:
        return Filter(
            folders=tuple(self.folders),
            genres=tuple(self.genres),
            years=tuple(Years.parse(each) for each in self.years),
            track_ids=None if self.track_ids is None else frozenset(self.track_ids),
        )


class LimitsBody(Body):
    """How much of one artist or album, what lengths, from where, of what kind."""

    max_per_artist: int | None = Field(None, ge=1, le=10_000)
    max_per_album: int | None = Field(None, ge=1, le=10_000)
    artist_gap: int | None = Field(
        None, ge=0, le=1000, description="None of the last so many is by an artist of the next."
    )
    min_length_s: Seconds | None = None
    max_length_s: Seconds | None = None
    only: FilterBody = Field(default_factory=FilterBody)
    never: FilterBody = Field(default_factory=FilterBody)
    versions: bool = Field(False, description="Whether several copies of a recording may come.")

    def limits(self, base: Limits | None = None) -> Limits:
        """As the library takes them; what is not set is as in ``base``."""
        values: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.model_fields_set
            if name not in ("only", "never")
        }
        kept = {} if base is None else {name: getattr(base, name) for name in base.in_use}
        return Limits(
            **{**kept, **values, "only": self.only.filter(), "never": self.never.filter()}
        )

    def playlist_limits(self) -> Limits:
        """As :meth:`limits`, on top of what playlists and radio have by default."""
        return self.limits(
            replace(PLAYLIST_LIMITS, **lengths(self.min_length_s, self.max_length_s))
        )


def query_of(service: Service, seed: SeedBody) -> Query:
    """What a seed means to the library.

    Raises
    ------
    TrackNotFound : there is no such upload (any more).
    """
    if seed.upload_id is not None:
        return service.uploads.get(seed.upload_id).heard
    assert seed.track_id is not None
    if seed.start_s is None and seed.end_s is None:
        return seed.track_id
    end = "" if seed.end_s is None else f"{seed.end_s:.3f}"
    return f"#{seed.track_id}@{seed.start_s or 0.0:.3f}-{end}"


def queries_of(service: Service, seeds: Sequence[SeedBody]) -> list[Query]:
    """What several seeds mean."""
    return [query_of(service, seed) for seed in seeds]


def uploads_among(seeds: Sequence[SeedBody]) -> bool:
    """Whether one is an upload, which is gone before long."""
    return any(seed.upload_id is not None for seed in seeds)
