"""All tracks of a library with what its model hears in them, in one state of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from soundalike.errors import ModelError
from soundalike.facets import Facets
from soundalike.library.by_words import word_probabilities
from soundalike.library.index import Index
from soundalike.library.records import Track
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.encoding import decode_probabilities
from soundalike.library.storage.schema import analyses, models, tracks
from soundalike.models import ModelInfo
from soundalike.models.contract import NO_WORDS, Words

if TYPE_CHECKING:
    from soundalike.library.library import Library

__all__ = ["Heard", "heard_in"]


@dataclass(frozen=True, eq=False)
class Heard:
    """What is known of all tracks that a search can find, in the order of the index.

    Attributes
    ----------
    index : of the library, n tracks.
    tracks : n.
    layout : what the embeddings are made of.
    words : that the model tells; none for a model without words.
    word_probabilities : float32 (n, n_words); NaN where not known.
    genres : that it tells; none for a model with tags.
    genre_probabilities : float32 (n, n_genres); NaN where not known.
    """

    index: Index
    tracks: tuple[Track, ...]
    layout: Facets
    words: Words
    word_probabilities: NDArray[np.float32]
    genres: tuple[str, ...]
    genre_probabilities: NDArray[np.float32]


def heard_in(library: Library) -> Heard:
    """All of a library.

    Raises
    ------
    ModelMismatch : the whole library is analysed with another model only.
    """
    reader = library._reader
    with reader._database.read() as connection:
        snapshot = reader._snapshot(connection)
        index = reader._current(snapshot)
        try:
            words = reader._vocabulary(snapshot)
        except ModelError:
            words = NO_WORDS
        ids = index.track_ids.tolist()
        by_id = snapshot.tracks_by_id(ids)
        genres, probabilities = _genres(index, snapshot)
        found = Heard(
            index=index,
            tracks=tuple(by_id[each] for each in ids),
            layout=snapshot.space.layout,
            words=words,
            word_probabilities=word_probabilities(index, snapshot, words)
            if words
            else np.empty((len(index), 0), np.float32),
            genres=genres,
            genre_probabilities=probabilities,
        )
    reader._tidy()
    return found


def _genres(index: Index, snapshot: Snapshot) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Their names, and how probable each is in each track."""
    space = snapshot.space
    # A model that is not installed any more was a built-in one, and those tell genres.
    if isinstance(space, ModelInfo) and space.kind == "tags":
        return (), np.empty((len(index), 0), np.float32)
    is_it = (models.c.name == space.name) & (models.c.version == space.version)
    genres = tuple(snapshot.connection.scalar(select(models.c.labels).where(is_it)) or ())
    statement = snapshot.searchable(tracks.c.id, analyses.c.probabilities)
    stored = {row.id: row.probabilities for row in snapshot.connection.execute(statement)}
    encoded = [stored.get(each) for each in index.track_ids.tolist()]
    return genres, decode_probabilities(encoded, len(genres))
