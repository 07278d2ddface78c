"""The nearest tracks by vectors that the database itself has, where its kind has any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from sqlalchemy.sql import ColumnElement

from soundalike.library.storage.schema import models

if TYPE_CHECKING:
    from soundalike.library.storage.postgresql_search import Look
    from soundalike.models.lineage import EmbeddingSpace

__all__ = [
    "Nearest",
    "drop_index",
    "follow",
    "has_vectors",
    "make_index",
    "make_some",
]

# Where something is asked of the tracks: how many times as many vectors as tracks are wanted are
# looked at first; how many more than the share of the first ones says, to be sure; and from how
# many on it is quicker to begin with the tracks.
_FIRST, _RESERVE, _MOST_LOOKED = 4, 1.5, 8_000


def has_vectors(connection: Connection) -> bool:
    """Whether the database can search by vectors."""
    return connection.dialect.name != "sqlite"


def follow(connection: Connection, track_ids: Sequence[int]) -> None:
    """See to it that the vectors of these tracks are those of their analyses."""
    if has_vectors(connection):
        from soundalike.library.storage import postgresql_search

        postgresql_search.follow(connection, track_ids)


def make_some(connection: Connection, after: int) -> tuple[int, int] | None:
    """Make the vectors of some analyses behind one, by id; the last of these and how many, None
    behind the end."""
    from soundalike.library.storage import postgresql_search

    return postgresql_search.make_some(connection, after)


class Nearest:
    """The tracks that a search can find, by how near their vectors are to one.

    Parameters
    ----------
    connection : in a transaction, of a database with vectors.
    model_id : the row of the model whose embeddings are compared; None for one of which there are
        none.
    query : (embedding_dim,).
    where : what must hold of a row of ``tracks``.
    """

    def __init__(
        self,
        connection: Connection,
        model_id: int | None,
        query: NDArray[np.float32],
        *,
        where: Sequence[ColumnElement[bool]] = (),
    ) -> None:
        from soundalike.library.storage import postgresql_search

        self._search = postgresql_search
        self._connection = connection
        self._model_id = model_id
        self._query = query
        self._where = where

    @property
    def has_index(self) -> bool:
        """Whether there is an index of the model's vectors."""
        return self._model_id is not None and self._search.has_hnsw(
            self._connection, self._model_id
        )

    def __call__(self, n: int, *, approximate: bool = False) -> Look:
        """The nearest n by float16 numbers, or about as many; fewer where some are missing."""
        if self._model_id is None:
            return self._search.Look([], [], None)
        query = self._connection, self._model_id, self._query
        if not self._where:
            return self._search.nearest(*query, n, (), approximate=approximate)
        # How many of the nearest have to be looked at is found out with the first of them.
        looked = _FIRST * n
        while True:
            look = self._search.nearest(*query, looked, self._where, approximate=approximate)
            if len(look.found) > n:
                # The others are as good as not looked at.
                return replace(look, found=look.found[:n], least=look.found[n - 1][1])
            if len(look.found) == n or look.least is None:
                return look
            looked = max(2 * looked, int(_RESERVE * looked * n / max(1, len(look.found))))
            if looked > _MOST_LOOKED:
                some = self._search.nearest_of_some(*query, n, self._where)
                return replace(some, barred=look.barred)


def make_index(connection: Connection, space: EmbeddingSpace) -> int | None:
    """Make the index of a model's vectors; how many there are, None where none are."""
    from soundalike.library.storage import postgresql_search

    model_id = _row_of(connection, space)
    if model_id is None:
        return None
    return postgresql_search.make_hnsw(connection, model_id, space.embedding_dim)


def drop_index(connection: Connection, space: EmbeddingSpace) -> None:
    """Remove it, if there is any."""
    from soundalike.library.storage import postgresql_search

    model_id = _row_of(connection, space)
    if model_id is not None:
        postgresql_search.drop_hnsw(connection, model_id)


def _row_of(connection: Connection, space: EmbeddingSpace) -> int | None:
    statement = select(models.c.id).where(
        models.c.name == space.name, models.c.version == space.version
    )
    return connection.scalar(statement)
