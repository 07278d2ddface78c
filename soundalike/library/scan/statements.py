"""The statements that a scan runs for every file, composed once, which takes longer than running.

Parameters are named ``for_...`` where they choose a row, ``new_...`` where they fill a column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, insert, select, update

from soundalike.library.storage.schema import (
    analyses,
    contents,
    excerpts,
    failures,
    is_fast,
    own_analysis,
    own_failure,
    tracks,
)
from soundalike.library.upgrade import has_analysis

__all__ = [
    "ADD_ANALYSIS",
    "ADD_CONTENT",
    "ADD_EXCERPTS",
    "COPY_ANALYSIS",
    "COPY_EXCERPTS",
    "DROP_ANALYSIS",
    "DROP_FAILURE",
    "SET_AUDIO",
    "SET_CONTENT",
    "SET_CTIME",
    "SET_DURATION",
    "SET_FACTS",
    "SET_WORDS",
    "SHARED_ANALYSES",
    "TRACKS_OF_CONTENT",
    "content_by_digest",
    "known_track",
    "known_tracks",
]

_TRACK = tracks.c.id == bindparam("for_track")
_CONTENT = contents.c.id == bindparam("for_content")

SET_CONTENT = (
    update(tracks)
    .where(_TRACK)
    .values(
        content_id=bindparam("new_content"),
        size_bytes=bindparam("new_size"),
        mtime_ns=bindparam("new_time"),
        ctime_ns=bindparam("new_ctime"),
        missing_at=None,
        words=bindparam("new_words"),
    )
)
SET_CTIME = update(tracks).where(_TRACK).values(ctime_ns=bindparam("new_ctime"))
SET_WORDS = update(tracks).where(_TRACK).values(words=bindparam("new_words"))
TRACKS_OF_CONTENT = select(tracks.c.id, tracks.c.path).where(
    tracks.c.content_id == bindparam("for_content")
)
ADD_CONTENT = insert(contents).returning(contents.c.id)
SET_AUDIO = update(contents).where(_CONTENT).values(audio_digest=bindparam("new_audio"))
SET_DURATION = update(contents).where(_CONTENT).values(duration_s=bindparam("new_duration_s"))
SET_FACTS = (
    update(contents)
    .where(_CONTENT)
    .values(
        sample_rate=bindparam("new_sample_rate"),
        channels=bindparam("new_channels"),
        codec=bindparam("new_codec"),
        tags=bindparam("new_tags"),
    )
)
DROP_ANALYSIS = delete(analyses).where(
    analyses.c.content_id == bindparam("for_content"),
    analyses.c.model_id == bindparam("for_model"),
)
ADD_ANALYSIS = insert(analyses).returning(analyses.c.id)
ADD_EXCERPTS = insert(excerpts)
_SAME_AUDIO = and_(
    contents.c.audio_digest == bindparam("for_audio"),
    contents.c.id != bindparam("for_content"),
)
# Analyses of contents that sound the same, by models that have none of this one's yet.
SHARED_ANALYSES = (
    select(analyses.c.id, analyses.c.content_id, analyses.c.model_id)
    .join(contents, contents.c.id == analyses.c.content_id)
    .where(
        _SAME_AUDIO,
        analyses.c.model_id.not_in(
            select(analyses.c.model_id).where(analyses.c.content_id == bindparam("for_content"))
        ),
    )
    # Whole ones first.
    .order_by(is_fast(), analyses.c.id)
)
_SAID = [column for column in analyses.c if column.name not in ("id", "content_id")]
COPY_ANALYSIS = (
    insert(analyses)
    .from_select(
        ["content_id", *(column.name for column in _SAID)],
        select(bindparam("for_content"), *_SAID).where(analyses.c.id == bindparam("for_analysis")),
    )
    .returning(analyses.c.id)
)
_ALONG = [column for column in excerpts.c if column.name != "analysis_id"]
COPY_EXCERPTS = insert(excerpts).from_select(
    ["analysis_id", *(column.name for column in _ALONG)],
    select(bindparam("new_analysis"), *_ALONG).where(
        excerpts.c.analysis_id == bindparam("for_analysis")
    ),
)
DROP_FAILURE = delete(failures).where(failures.c.track_id == bindparam("for_track"))


@lru_cache(maxsize=8)
def known_tracks(model_id: int, older_ids: tuple[int, ...]) -> Select[Any]:
    """What ``KnownTrack`` is made of, for all tracks."""
    return (
        select(
            tracks,
            analyses.c.id.label("analysis_id"),
            is_fast().label("is_fast"),
            has_analysis(tracks.c.content_id, older_ids).label("has_older"),
            failures.c.id.label("failure_id"),
            failures.c.retry_at,
        )
        .select_from(tracks)
        .outerjoin(analyses, own_analysis(model_id))
        .outerjoin(failures, own_failure(model_id))
    )


@lru_cache(maxsize=8)
def known_track(model_id: int, older_ids: tuple[int, ...]) -> Select[Any]:
    """The same for one track."""
    return known_tracks(model_id, older_ids).where(_TRACK)


@lru_cache(maxsize=8)
def content_by_digest(model_id: int, older_ids: tuple[int, ...]) -> Select[Any]:
    """What ``KnownContent`` is made of."""
    own = and_(analyses.c.content_id == contents.c.id, analyses.c.model_id == model_id)
    return (
        select(
            contents.c.id,
            contents.c.tags,
            contents.c.audio_digest,
            analyses.c.id.label("analysis_id"),
            is_fast().label("is_fast"),
            has_analysis(contents.c.id, older_ids).label("has_older"),
            excerpts.c.fingerprint.is_not(None).label("has_fingerprint"),
        )
        .outerjoin(analyses, own)
        .outerjoin(excerpts, excerpts.c.analysis_id == analyses.c.id)
        .where(contents.c.digest == bindparam("for_digest"))
    )
