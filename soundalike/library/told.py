"""What the model says of tracks in a few words, of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from soundalike.analysis import is_unsure
from soundalike.library.storage.encoding import decode_probabilities
from soundalike.library.storage.schema import analyses, models, tracks
from soundalike.models import ModelInfo

if TYPE_CHECKING:
    from soundalike.library.snapshot import Snapshot

__all__ = ["Told", "told_of"]

# Rows in one query, well under the number of parameters that a statement may have.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Told:
    """What a model says of a track; ``Library.analysis`` has all of it.

    Attributes
    ----------
    model : ``name@version``.
    genre : the most probable one; None of a model of tags.
    confidence : its probability, 0 to 1; None as the genre.
    is_unsure : whether the model cannot tell; see ``Analysis.unsure``.
    tempo_bpm : beats a minute; None where the model does not tell or is not sure.
    key : such as "A minor"; None as for the tempo.
    """

    model: str
    genre: str | None
    confidence: float | None
    is_unsure: bool
    tempo_bpm: float | None
    key: str | None


def told_of(snapshot: Snapshot, track_ids: Sequence[int]) -> dict[int, Told]:
    """By id, without the tracks that a search cannot find."""
    space, connection = snapshot.space, snapshot.connection
    is_it = (models.c.name == space.name) & (models.c.version == space.version)
    labels = tuple(connection.scalar(select(models.c.labels).where(is_it)) or ())
    # A model that is not installed any more was a built-in one, and those tell genres.
    has_genres = not isinstance(space, ModelInfo) or space.kind == "genres"
    statement = snapshot.searchable(
        tracks.c.id,
        analyses.c.probabilities,
        analyses.c.genre_set,
        analyses.c.familiarity,
        analyses.c.tempo_bpm,
        analyses.c.key,
    )
    found = {}
    for start in range(0, len(track_ids), _BATCH):
        some = tracks.c.id.in_(track_ids[start : start + _BATCH])
        rows = connection.execute(statement.where(some)).all()
        probabilities = decode_probabilities([row.probabilities for row in rows], len(labels))
        for row, own in zip(rows, probabilities, strict=True):
            genre, confidence, unsure = None, None, False
            if has_genres and not np.isnan(own).any():
                genre, confidence = labels[int(own.argmax())], float(own.max())
                unsure = is_unsure(confidence, len(row.genre_set), row.familiarity)
            found[row.id] = Told(space.id, genre, confidence, unsure, row.tempo_bpm, row.key)
    return found
