"""The statements by which a state of a library is read, for one model; composed once, which takes
longer than running them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, bindparam, case, func, select
from sqlalchemy.sql import ColumnElement

from soundalike.library.storage.schema import (
    analyses,
    contents,
    excerpts,
    failures,
    is_fast,
    models,
    own_analysis,
    own_failure,
    searchable_tracks,
    tracks,
)
from soundalike.library.storage.sets import one_of

__all__ = [
    "CONTENT_OF_TRACK",
    "every_track",
    "excerpts_of_all",
    "excerpts_of_tracks",
    "familiarity_of_content",
    "fast_starts",
    "fingerprints_of_tracks",
    "model_row",
    "music_of_tracks",
    "rows_of_all",
    "rows_of_tracks",
    "starts_of_tracks",
    "tracks_with_ids",
]

CONTENT_OF_TRACK = select(tracks.c.content_id).where(tracks.c.id == bindparam("track_id"))


@lru_cache(maxsize=8)
def model_row(name: str, version: str) -> ScalarSelect[int]:
    """The row of a model."""
    its_row = select(models.c.id).where(models.c.name == name, models.c.version == version)
    return its_row.scalar_subquery()


@lru_cache(maxsize=8)
def familiarity_of_content(name: str, version: str) -> Select[Any]:
    """What a model says of a content, ``content_id``."""
    own = analyses.c.model_id == model_row(name, version)
    return select(analyses.c.familiarity).where(
        analyses.c.content_id == bindparam("content_id"), own
    )


@lru_cache(maxsize=8)
def every_track(name: str, version: str) -> Select[Any]:
    """Every track with its tags, and its status as a model sees it, for :func:`_to_track`."""
    model_id = model_row(name, version)
    status = case(
        (tracks.c.missing_at.is_not(None), "missing"),
        (failures.c.id.is_not(None), "failed"),
        (analyses.c.id.is_not(None), "analysed"),
        else_="pending",
    )
    facts = [column for column in contents.c if column.name != "id"]
    return (
        select(
            tracks.c.id,
            tracks.c.path,
            tracks.c.size_bytes,
            tracks.c.missing_at,
            *facts,
            analyses.c.tempo_bpm,
            analyses.c.key,
            status.label("status"),
        )
        .select_from(tracks)
        .outerjoin(contents, contents.c.id == tracks.c.content_id)
        .outerjoin(analyses, own_analysis(model_id))
        .outerjoin(failures, own_failure(model_id))
    )


@lru_cache(maxsize=8)
def rows_of_all(name: str, version: str) -> Select[Any]:
    """What the rows of an index are made of, by track id."""
    return (
        searchable_tracks(
            model_row(name, version),
            tracks.c.id,
            tracks.c.content_id,
            tracks.c.path,
            analyses.c.duration_s,
            contents.c.audio_digest,
            contents.c.tags["artist"].as_string(),
            contents.c.tags["album"].as_string(),
            contents.c.tags["album_artist"].as_string(),
            analyses.c.embedding,
        )
        .join(contents, contents.c.id == tracks.c.content_id)
        .order_by(tracks.c.id)
    )


@lru_cache(maxsize=8)
def rows_of_tracks(name: str, version: str) -> Select[Any]:
    """The same for some tracks, ``track_ids``."""
    return rows_of_all(name, version).where(one_of(tracks.c.id, "track_ids"))


@lru_cache(maxsize=8)
def tracks_with_ids(name: str, version: str) -> Select[Any]:
    """The same for some tracks, ``track_ids``."""
    some = one_of(tracks.c.id, "track_ids")
    return every_track(name, version).where(some)


@lru_cache(maxsize=8)
def excerpts_of_tracks(name: str, version: str) -> Select[Any]:
    """What the excerpts of some tracks, ``track_ids``, are."""
    return _of_excerpts(name, version, excerpts.c.embeddings, excerpts.c.scales)


@lru_cache(maxsize=8)
def starts_of_tracks(name: str, version: str) -> Select[Any]:
    """When these excerpts begin."""
    return _of_excerpts(name, version, excerpts.c.starts_s)


@lru_cache(maxsize=8)
def excerpts_of_all(name: str, version: str) -> Select[Any]:
    """The excerpts of all contents that a model has analysed."""
    return (
        select(
            analyses.c.content_id,
            excerpts.c.embeddings,
            # As many as have a scale; of a whole row, as many as have a time.
            (func.length(excerpts.c.scales) // 4).label("n"),
        )
        .join_from(analyses, excerpts, excerpts.c.analysis_id == analyses.c.id)
        .where(analyses.c.model_id == model_row(name, version))
        .where(func.length(excerpts.c.starts_s) == 2 * func.length(excerpts.c.scales))
    )


@lru_cache(maxsize=8)
def fast_starts(name: str, version: str) -> Select[Any]:
    """When the excerpts begin of contents of which a model has heard some passages only."""
    return (
        select(analyses.c.content_id, excerpts.c.starts_s)
        .join_from(analyses, excerpts, excerpts.c.analysis_id == analyses.c.id)
        .where(analyses.c.model_id == model_row(name, version), is_fast())
    )


@lru_cache(maxsize=8)
def music_of_tracks(name: str, version: str) -> Select[Any]:
    """What some tracks, ``track_ids``, are compared by."""
    return _of_excerpts(
        name,
        version,
        analyses.c.duration_s,
        excerpts.c.embeddings,
        excerpts.c.scales,
        excerpts.c.starts_s,
        excerpts.c.fingerprint,
    )


@lru_cache(maxsize=8)
def fingerprints_of_tracks(name: str, version: str) -> Select[Any]:
    """What some tracks, ``track_ids``, are aligned by."""
    return _of_excerpts(name, version, excerpts.c.fingerprint)


def _of_excerpts(name: str, version: str, *columns: ColumnElement[Any]) -> Select[Any]:
    # The sum keeps SQLite from going through all analyses of the model by their index.
    is_own = analyses.c.model_id + 0 == model_row(name, version)
    return (
        select(tracks.c.id, *columns)
        .select_from(tracks)
        .join(analyses, and_(analyses.c.content_id == tracks.c.content_id, is_own))
        .join(excerpts, excerpts.c.analysis_id == analyses.c.id)
        .where(one_of(tracks.c.id, "track_ids"))
    )
