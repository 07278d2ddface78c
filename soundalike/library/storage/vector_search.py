"""The nearest tracks by vectors that the database itself has, where its kind has any."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

__all__ = ["follow", "has_vectors"]


def has_vectors(connection: Connection) -> bool:
    """Whether the database can search by vectors."""
    return connection.dialect.name != "sqlite"


def follow(connection: Connection, track_ids: Sequence[int]) -> None:
    """See to it that the vectors of these tracks are those of their analyses."""
    if has_vectors(connection):
        from soundalike.library.storage import postgresql_search

        postgresql_search.follow(connection, track_ids)
