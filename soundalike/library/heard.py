"""All tracks of a library with what its model hears in them, in one state of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from soundalike.facets import Facets
from soundalike.library.by_words import vocabulary_of, word_probabilities
from soundalike.library.index import Index
from soundalike.library.records import Track
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.encoding import decode_probabilities
from soundalike.library.storage.schema import analyses, models, tracks
from soundalike.library.view import View
from soundalike.models import ModelInfo
from soundalike.models.contract import Words

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


def heard_in(view: View) -> Heard:
    """All of a library, as it is in a view of it."""
    index, snapshot = view.index, view.snapshot
    words = vocabulary_of(snapshot)
    genres, probabilities = _genres(index, snapshot)
    return Heard(
        index=index,
        tracks=tuple(view.tracks(range(len(view)))),
        layout=view.layout,
        words=words,
        word_probabilities=word_probabilities(index, snapshot, words)
        if words
        else np.empty((len(index), 0), np.float32),
        genres=genres,
        genre_probabilities=probabilities,
    )


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
