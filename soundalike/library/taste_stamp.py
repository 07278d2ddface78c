"""Whether anything was judged or played, and whether that is still what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from soundalike.library.storage.schema import judgements, plays

__all__ = ["NOTHING", "stamp_of"]

NOTHING = "0/0 0/0"
"""The stamp of a library without judgements and plays."""


def stamp_of(connection: Connection) -> str:
    """Another one after any change of judgements or plays."""
    found = []
    for table in (judgements, plays):
        state = select(func.max(table.c.id), func.count()).select_from(table)
        row: Sequence[Any] = connection.execute(state).one()
        found.append(f"{row[0] or 0}/{row[1]}")
    return " ".join(found)
