"""What a library holds as a whole: counts, models, and what could not be analysed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, case, func, or_, select

from soundalike.analysis import UNFAMILIAR_BELOW
from soundalike.library.info_records import (
    LibraryInfo,
    ModelTracks,
    ScannedFolder,
    Upgrade,
)
from soundalike.library.scan_records import Failure
from soundalike.library.storage.schema import (
    SCHEMA_VERSION,
    analyses,
    below,
    failures,
    folders,
    is_fast,
    models,
    tracks,
)
from soundalike.urls import path_of

if TYPE_CHECKING:
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.storage.database import Database

__all__ = ["describe", "failures_of", "folders_of", "models_in_use", "to_failure"]


def describe(snapshot: Snapshot, database: Database, upgrade: Upgrade | None) -> LibraryInfo:
    """What ``Library.info`` gives."""
    fast = func.sum(case((is_fast(), 1), else_=0))
    far = func.sum(case((analyses.c.familiarity < UNFAMILIAR_BELOW, 1), else_=0))
    analysed, duration_s, unfamiliar, n_fast = snapshot.connection.execute(
        snapshot.searchable(func.count(), func.sum(analyses.c.duration_s), far, fast)
    ).one()
    counted = snapshot.count_by_status(analysed)
    in_use = models_in_use(snapshot.connection)
    return LibraryInfo(
        location=database.location,
        model=snapshot.space.id,
        facets=snapshot.space.layout.weights(),
        upgrade=upgrade,
        models=tuple(ModelTracks(model, count) for model, count in in_use.items()),
        tracks=counted["analysed"] + counted["failed"] + counted["pending"],
        analysed=counted["analysed"],
        failed=counted["failed"],
        pending=counted["pending"],
        missing=counted["missing"],
        unfamiliar=unfamiliar or 0,
        fast=n_fast or 0,
        duration_s=float(duration_s or 0.0),
        size_bytes=database.size_bytes(snapshot.connection),
        schema_version=SCHEMA_VERSION,
        folders=folders_of(snapshot.connection),
    )


def models_in_use(connection: Connection) -> dict[str, int]:
    """How many tracks that are not missing are analysed with which model (``name@version``)."""
    count = func.count(tracks.c.id)
    statement = (
        select(models.c.name, models.c.version, count.label("tracks"))
        .join(analyses, analyses.c.model_id == models.c.id)
        .join(tracks, tracks.c.content_id == analyses.c.content_id)
        .where(tracks.c.missing_at.is_(None))
        .group_by(models.c.id)
        .order_by(count.desc(), models.c.id)
    )
    return {f"{row.name}@{row.version}": row.tracks for row in connection.execute(statement)}


def folders_of(connection: Connection) -> tuple[ScannedFolder, ...]:
    """The scanned folders, by path, with what they hold now."""
    found = []
    for row in connection.execute(select(folders).order_by(folders.c.path)):
        path = os.fsdecode(row.path)
        within = or_(tracks.c.path == row.path, below(tracks.c.path, path))
        count = select(func.count()).where(within, tracks.c.missing_at.is_(None))
        found.append(
            ScannedFolder(
                path=path_of(path),
                tracks=connection.scalar(count) or 0,
                excludes=tuple(row.excludes),
                pattern=row.pattern,
                tag_encoding=row.tag_encoding,
                scanned_at=datetime.fromtimestamp(row.scanned_at, UTC),
            )
        )
    return tuple(found)


def failures_of(connection: Connection) -> list[Failure]:
    """What cannot be analysed and why, by path."""
    path = func.coalesce(failures.c.folder, tracks.c.path).label("path")
    statement = (
        select(failures, path)
        .outerjoin(tracks, tracks.c.id == failures.c.track_id)
        .where(tracks.c.missing_at.is_(None))
        .order_by(path)
    )
    return [to_failure(row) for row in connection.execute(statement)]


def to_failure(row: Row[Any]) -> Failure:
    """A row of ``failures`` with ``path``."""
    return Failure(
        track_id=row.track_id,
        path=path_of(os.fsdecode(row.path)),
        kind=row.kind,
        reason=row.reason,
        advice=row.advice,
        attempts=row.attempts,
        failed_at=datetime.fromtimestamp(row.failed_at, UTC),
        retry_at=None if row.retry_at is None else datetime.fromtimestamp(row.retry_at, UTC),
    )
