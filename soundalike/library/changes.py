"""The log of changes: what lets an index catch up instead of being made anew."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from soundalike.library.storage import vector_search
from soundalike.library.storage.schema import changes

__all__ = ["NO_TRACK", "Position", "changed_since", "log_changes", "position"]

NO_TRACK = 0
"""In the log: something changed that is no track's, such as which model answers."""

# Whoever is further behind starts anew, which is quicker than catching up as well.
_KEPT = 20_000


_LAST = select(changes.c.id, changes.c.token).order_by(changes.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Position:
    """How much of the log somebody has seen.

    ``token`` is that of the last change: a database that was restored from a backup goes on with
    the same numbers, but draws other tokens.
    """

    last_id: int
    token: int


def position(connection: Connection) -> Position:
    """The end of the log, which is never empty: making a library is its first entry."""
    return Position(*connection.execute(_LAST).one())


def changed_since(connection: Connection, seen: Position) -> set[int] | None:
    """The tracks that changed since; None where the log does not go back so far, or is another's.

    :data:`NO_TRACK` may be among them.
    """
    if connection.scalar(select(changes.c.token).where(changes.c.id == seen.last_id)) != seen.token:
        return None
    return set(connection.scalars(select(changes.c.track_id).where(changes.c.id > seen.last_id)))


def log_changes(connection: Connection, track_ids: Iterable[int]) -> None:
    """Note that these tracks changed, and forget what is long ago; the end of a transaction."""
    token = random.getrandbits(62)
    rows = [{"track_id": track_id, "token": token} for track_id in sorted(track_ids)]
    if not rows:
        return
    vector_search.follow(connection, [row["track_id"] for row in rows])
    connection.execute(insert(changes), rows)
    last_id = position(connection).last_id
    connection.execute(delete(changes).where(changes.c.id <= last_id - _KEPT))
