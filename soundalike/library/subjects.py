"""What a query is about, and what is stored of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select

from soundalike.errors import ModelMismatch, printable
from soundalike.library.encoding import EncodedAnalysis, decode
from soundalike.library.files import content_digest
from soundalike.library.lineage import EmbeddingSpace
from soundalike.library.lookup import as_file, find_by_id, find_by_path, find_by_words
from soundalike.library.records import Track
from soundalike.library.schema import analyses, contents, excerpts, models, tracks
from soundalike.models import ModelInfo

if TYPE_CHECKING:
    from soundalike.analyzer import Analysis

__all__ = ["Query", "Subject", "decoded", "find_subject", "stored_row"]

Query = str | os.PathLike[str] | int
"""A path, an id, or words of the tags; see ``Library.track``."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a query means.

    Attributes
    ----------
    track : None for a file that is not in the library.
    path : of the file.
    content_id : the row of its content; None when the library does not know the content.
    """

    track: Track | None
    path: Path
    content_id: int | None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.track.name if self.track else printable(self.path.name)


def find_subject(connection: Connection, model: EmbeddingSpace, query: Query) -> Subject:
    """The track that a query means, or the file that the library does not have.

    Raises
    ------
    TrackNotFound, AmbiguousTrack : as ``Library.track``, but not for a path.
    """
    path = as_file(query)
    if path is not None:
        track = find_by_path(connection, model, path)
        if track is None:
            return _foreign(connection, path)
    elif isinstance(query, int):
        track = find_by_id(connection, model, query)
    else:
        track = find_by_words(connection, model, str(query))
    statement = select(tracks.c.content_id).where(tracks.c.id == track.track_id)
    return Subject(track, track.path, connection.scalar(statement))


def _foreign(connection: Connection, path: Path) -> Subject:
    """A file from elsewhere; it may be a copy of a track."""
    try:
        digest = content_digest(os.fspath(path))
    except OSError:
        # Whoever needs the file will say what is wrong with it, and better.
        return Subject(None, path, None)
    statement = select(contents.c.id).where(contents.c.digest == digest)
    return Subject(None, path, connection.scalar(statement))


def stored_row(
    connection: Connection, model: EmbeddingSpace, subject: Subject, *, is_line: bool = False
) -> Row[Any] | None:
    """The row of an analysis by this model, None where there is none.

    Parameters
    ----------
    is_line : the model was not asked for, it is the one of a line that answers now.

    Raises
    ------
    ModelMismatch : the track is analysed, but not with the model that was asked for.
    """
    if subject.content_id is None:
        return None
    statement = (
        select(
            models.c.name,
            models.c.version,
            models.c.labels,
            analyses,
            excerpts.c.starts_s,
            excerpts.c.embeddings,
            excerpts.c.scales,
            excerpts.c.probabilities.label("excerpt_probabilities"),
        )
        .join(analyses, analyses.c.model_id == models.c.id)
        .join(excerpts, excerpts.c.analysis_id == analyses.c.id)
        .where(analyses.c.content_id == subject.content_id)
    )
    others = []
    for row in connection.execute(statement):
        found = f"{row.name}@{row.version}"
        if found == model.id:
            return row
        others.append(found)
    if others and subject.track is not None and not is_line:
        raise ModelMismatch(
            f"{subject.name} is analysed with {', '.join(others)}, but the library was opened "
            f"with {model.id}: scan its folder again, or open the library with that model"
        )
    return None


def decoded(row: Row[Any], model: EmbeddingSpace) -> Analysis:
    """The analysis in a :func:`stored_row` of this model."""
    from soundalike.frontends import frontend_of

    # A model that is not installed any more was a built-in one: genres, on excerpts of 9.94 s.
    more: dict[str, Any] = {}
    if isinstance(model, ModelInfo):
        more = {"kind": model.kind, "excerpt_s": frontend_of(model).excerpt_s}
    encoded = EncodedAnalysis(
        duration_s=row.duration_s,
        embedding=row.embedding,
        probabilities=row.probabilities,
        genre_set=row.genre_set,
        notes=row.notes,
        excerpt_starts_s=row.starts_s,
        excerpt_embeddings=row.embeddings,
        excerpt_scales=row.scales,
        excerpt_probabilities=row.excerpt_probabilities,
    )
    return decode(encoded, model=model.id, labels=tuple(row.labels), **more)
