"""The nearest tracks by vectors that the database itself has, where its kind has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from sqlalchemy.sql import ColumnElement

from soundalike.library.storage.schema import models

if TYPE_CHECKING:
    from soundalike.models.lineage import EmbeddingSpace

__all__ = [
    "Nearest",
    "count_anew",
    "drop_index",
    "follow",
    "has_vectors",
    "make_index",
    "make_some",
]


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


def count_anew(connection: Connection) -> None:
    """Tell the database, where that helps its searches, that much was written."""
    if has_vectors(connection):
        from soundalike.library.storage import postgresql_search

        postgresql_search.count_anew(connection)


class Nearest:
    """The tracks that a search can find, by how near their vectors are to one.

    Parameters
    ----------
    connection : in a transaction, of a database with vectors.
    space : the model whose embeddings are compared.
    query : (embedding_dim,).
    where : what must hold, of ``tracks`` and ``analyses``.

    Attributes
    ----------
    has_index : whether there is an index of the model's vectors.
    """

    def __init__(
        self,
        connection: Connection,
        space: EmbeddingSpace,
        query: NDArray[np.float32],
        *,
        where: Sequence[ColumnElement[bool]] = (),
    ) -> None:
        from soundalike.library.storage import postgresql_search

        self._search = postgresql_search
        self._connection = connection
        self._model_id = _row_of(connection, space)
        self._query = query
        self._where = where
        self.has_index = self._model_id is not None and self._search.has_hnsw(
            connection, self._model_id
        )

    def __call__(self, n: int, *, approximate: bool = False) -> list[tuple[int, float]]:
        """The ids of the nearest n, and their products with the query in float16, the nearest
        first."""
        if self._model_id is None:
            return []
        return self._search.nearest(
            self._connection, self._model_id, self._query, n, self._where, approximate=approximate
        )


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
