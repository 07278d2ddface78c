"""The scanned folders in the database, and the words of tracks that follow from them."""

from __future__ import annotations

import os

from sqlalchemy import Connection, bindparam, select, update

from soundalike.audio.tags import Tags
from soundalike.library.naming import Roots
from soundalike.library.storage.schema import below, contents, folders, tracks

__all__ = ["read_roots", "refresh_words"]

_BATCH = 1000
_ROOTS = select(folders.c.path, folders.c.pattern)
_TRACKS = (
    select(tracks.c.id, tracks.c.path, tracks.c.words, contents.c.tags)
    .outerjoin(contents, contents.c.id == tracks.c.content_id)
    .order_by(tracks.c.id)
    .limit(_BATCH)
)
_SET_WORDS = (
    update(tracks).where(tracks.c.id == bindparam("for_track")).values(words=bindparam("new"))
)


def read_roots(connection: Connection) -> Roots:
    """The folders that a library has scanned."""
    return Roots((row.path, row.pattern) for row in connection.execute(_ROOTS))


def refresh_words(connection: Connection, folder: str | None = None) -> set[int]:
    """Make the words anew by which tracks are found, after a folder or its pattern was set.

    Parameters
    ----------
    folder : the tracks below this one; all by default.

    Returns
    -------
    The ids of all these tracks. Whoever keeps an index has to look at them again: artist and album
    may be others now (``changes.log_changes``).
    """
    roots = read_roots(connection)
    statement = _TRACKS if folder is None else _TRACKS.where(below(tracks.c.path, folder))
    seen: set[int] = set()
    last = 0
    while rows := connection.execute(statement.where(tracks.c.id > last)).all():
        changed = []
        for row in rows:
            words = roots.words(os.fsdecode(row.path), Tags.from_json(row.tags or {}))
            if words != row.words:
                changed.append({"for_track": row.id, "new": words})
        if changed:
            connection.execute(_SET_WORDS, changed)
        seen.update(row.id for row in rows)
        last = rows[-1].id
    return seen
