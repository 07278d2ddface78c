"""What is gone, and forgetting it: tracks, their analyses, and the folders that are scanned."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection, delete, exists, false, or_, select
from sqlalchemy.sql import ColumnElement

from soundalike.arguments import as_whole_number
from soundalike.errors import InvalidArgument, TrackNotFound
from soundalike.files import file_is_gone, real
from soundalike.library.changes import log_changes
from soundalike.library.lookup import having_words
from soundalike.library.scan.walk import canonical
from soundalike.library.scan_records import Forgotten
from soundalike.library.storage.schema import below, contents, failures, folders, tracks
from soundalike.library.words import track_number_in
from soundalike.urls import path_of

if TYPE_CHECKING:
    from soundalike.library.records import Track
    from soundalike.library.snapshot import Query, Snapshot
    from soundalike.library.storage.database import Database

__all__ = ["forget", "missing_tracks"]

# Rows of one statement, well under the number of parameters that one may have.
_BATCH = 500
_Row = TypeVar("_Row")


@dataclass
class _Chosen:
    """What is to go: tracks by id, with their path and whether they are marked as missing."""

    tracks: dict[int, tuple[str, bool]] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    failing_folders: set[str] = field(default_factory=set)


def missing_tracks(snapshot: Snapshot, query: str | os.PathLike[str] | None) -> list[Track]:
    """See ``Library.missing``."""
    where: list[ColumnElement[bool]] = [tracks.c.missing_at.is_not(None)]
    if query is not None:
        where.append(_within(snapshot, query))
    statement = select(tracks.c.id).where(*where).order_by(tracks.c.path)
    ids = list(snapshot.connection.scalars(statement))
    found = snapshot.tracks_by_id(ids)
    return [found[track_id] for track_id in ids]


def forget(
    database: Database, what: Sequence[Query], *, missing: bool = False, dry_run: bool = False
) -> Forgotten:
    """See ``Library.forget``."""
    if not (what or missing):
        raise InvalidArgument("name what to forget: a file, a folder, an id, or missing=True")
    if dry_run:
        with database.read() as connection:
            chosen = _choose(connection, what, missing)
    else:
        # A scan has read what it will write about.
        with database.scan_lock(), database.write() as connection:
            chosen = _choose(connection, what, missing)
            _delete(connection, chosen)
    return _told(chosen)


def _within(snapshot: Snapshot, query: str | os.PathLike[str]) -> ColumnElement[bool]:
    """The condition for the tracks of a folder, a file, or some words."""
    here = _at_or_below(tracks.c.path, query)
    if isinstance(query, os.PathLike) or os.sep in query:
        return here
    # A word that is the name of a folder here as well means the folder.
    if snapshot.connection.scalar(select(tracks.c.id).where(here).limit(1)) is not None:
        return here
    words = having_words(snapshot, query)
    return false() if words is None else words


def _at_or_below(column: ColumnElement[bytes], path: str | os.PathLike[str]) -> ColumnElement[bool]:
    """Whether a path column is a path, or lies below it, also where nothing is there any more."""
    # Without a name it would be the working folder.
    if not os.fspath(path) or "\0" in os.fspath(path):
        return false()
    full = os.path.expanduser(path)
    names = dict.fromkeys((canonical(full), real(full)))
    return or_(*(or_(column == os.fsencode(name), below(column, name)) for name in names))


def _choose(connection: Connection, what: Sequence[Query], missing: bool) -> _Chosen:
    """What some queries mean.

    Raises
    ------
    TrackNotFound : one of them means nothing.
    """
    chosen = _Chosen()
    if not what:
        chosen.tracks = _tracks_where(connection, tracks.c.missing_at.is_not(None))
    for query in what:
        found = _meant(connection, query)
        if missing:
            found = _Chosen({key: value for key, value in found.tracks.items() if value[1]})
        chosen.tracks |= found.tracks
        chosen.folders |= found.folders
        chosen.failing_folders |= found.failing_folders
    return chosen


def _meant(connection: Connection, query: Query) -> _Chosen:
    path: str | None = None
    if isinstance(query, (str, os.PathLike)):
        path = os.fspath(query)
        track_id = track_number_in(path) if isinstance(query, str) else None
        # Digits alone may be the name of a folder.
        is_sure = path.strip().startswith("#")
    else:
        track_id, is_sure = as_whole_number(query), True
        if track_id is None:
            raise InvalidArgument(
                f"{query!r} is nothing to forget: give a path, a folder, or an id (a whole number)"
            )
    if track_id is not None:
        found = _tracks_where(connection, tracks.c.id == track_id) if track_id < 2**63 else {}
        if found:
            return _Chosen(found)
        if is_sure or path is None:
            raise TrackNotFound(f"there is no track #{track_id} in the library")
    assert path is not None  # else it was an id
    chosen = _Chosen(
        _tracks_where(connection, _at_or_below(tracks.c.path, path)),
        _paths(connection, folders.c.path, path),
        _paths(connection, failures.c.folder, path),
    )
    if not (chosen.tracks or chosen.folders or chosen.failing_folders):
        raise TrackNotFound(
            f"{path!r}: the library has no such track, and none in such a folder; give a path, an "
            f"id, or the folder of some tracks"
        )
    return chosen


def _tracks_where(
    connection: Connection, where: ColumnElement[bool]
) -> dict[int, tuple[str, bool]]:
    statement = select(tracks.c.id, tracks.c.path, tracks.c.missing_at).where(where)
    rows = connection.execute(statement.order_by(tracks.c.path))
    return {row.id: (os.fsdecode(row.path), row.missing_at is not None) for row in rows}


def _paths(connection: Connection, column: ColumnElement[bytes], path: str) -> set[str]:
    found = connection.scalars(select(column).where(_at_or_below(column, path)))
    return {os.fsdecode(each) for each in found}


def _delete(connection: Connection, chosen: _Chosen) -> None:
    """Delete it, with the analyses that nothing needs any more, and log it for indexes."""
    for some in _batches(list(chosen.tracks)):
        having = select(tracks.c.content_id).where(
            tracks.c.id.in_(some), tracks.c.content_id.is_not(None)
        )
        content_ids = list(connection.scalars(having.distinct()))
        connection.execute(delete(tracks).where(tracks.c.id.in_(some)))
        needed = exists().where(tracks.c.content_id == contents.c.id)
        connection.execute(delete(contents).where(contents.c.id.in_(content_ids), ~needed))
    for column, paths in (
        (folders.c.path, chosen.folders),
        (failures.c.folder, chosen.failing_folders),
    ):
        for names in _batches([os.fsencode(path) for path in paths]):
            connection.execute(delete(column.table).where(column.in_(names)))
    log_changes(connection, chosen.tracks)


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _told(chosen: _Chosen) -> Forgotten:
    paths = sorted(path for path, _ in chosen.tracks.values())
    return Forgotten(
        paths=tuple(map(path_of, paths)),
        missing=sum(is_missing for _, is_missing in chosen.tracks.values()),
        there=sum(not file_is_gone(path) for path in paths),
        folders=tuple(path_of(folder) for folder in sorted(chosen.folders)),
    )
