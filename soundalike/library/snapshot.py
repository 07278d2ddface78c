"""What a query means, and what is stored of it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, and_, case, or_, select
from sqlalchemy.sql import ColumnElement

from soundalike.errors import AmbiguousTrack, ModelMismatch, TrackNotFound, printable
from soundalike.files import content_digest
from soundalike.library.records import Track
from soundalike.library.scan.walk import canonical
from soundalike.library.storage.encoding import EncodedAnalysis, decode
from soundalike.library.storage.schema import analyses, contents, excerpts, failures, models, tracks
from soundalike.models import ModelInfo

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

from soundalike.library.words import plain
from soundalike.models.lineage import EmbeddingSpace

__all__ = [
    "Query",
    "Subject",
    "as_file",
    "decoded",
    "find_all",
    "find_by_id",
    "find_by_path",
    "find_by_words",
    "find_subject",
    "select_tracks",
    "stored_row",
    "to_track",
]

_ID = re.compile(r"(#?)(\d{1,18})", re.ASCII)
# A statement may have only so many parameters.
_BATCH = 500
# How many candidates a message lists.
_LISTED = 10
# How many tracks with all the words are looked at for an exact title.
_CANDIDATES = 1000


def as_file(query: str | os.PathLike[str] | int) -> Path | None:
    """The path, if the query is one: any ``Path``, or text that names an existing file."""
    if isinstance(query, int):
        return None
    if isinstance(query, str):
        path = os.path.expanduser(query)
        try:
            return Path(path) if os.path.isfile(path) else None
        except ValueError:
            return None  # a null character in it
    return Path(query)


def select_tracks(model: EmbeddingSpace) -> Select[Any]:
    """Every track with its tags and status, to be turned into :func:`to_track`."""
    model_id = (
        select(models.c.id)
        .where(models.c.name == model.name, models.c.version == model.version)
        .scalar_subquery()
    )
    current = and_(analyses.c.content_id == tracks.c.content_id, analyses.c.model_id == model_id)
    status = case(
        (tracks.c.missing_at.is_not(None), "missing"),
        (failures.c.id.is_not(None), "failed"),
        (analyses.c.id.is_not(None), "analysed"),
        else_="pending",
    )
    tags = [column for column in contents.c if column.name != "id"]
    return (
        select(tracks.c.id, tracks.c.path, tracks.c.size_bytes, *tags, status.label("status"))
        .select_from(tracks)
        .outerjoin(contents, contents.c.id == tracks.c.content_id)
        .outerjoin(analyses, current)
        .outerjoin(
            failures,
            and_(
                failures.c.track_id == tracks.c.id,
                or_(failures.c.model_id.is_(None), failures.c.model_id == model_id),
            ),
        )
    )


def to_track(row: Row[Any]) -> Track:
    """A row of :func:`select_tracks`."""
    return Track(
        track_id=row.id,
        path=Path(os.fsdecode(row.path)),
        title=row.title,
        artist=row.artist,
        album=row.album,
        album_artist=row.album_artist,
        genre=row.genre,
        year=row.year,
        track_number=row.track_number,
        duration_s=row.duration_s,
        sample_rate=row.sample_rate,
        channels=row.channels,
        codec=row.codec,
        size_bytes=row.size_bytes,
        content_hash=None if row.digest is None else row.digest.hex(),
        status=row.status,
    )


def find_by_path(connection: Connection, model: EmbeddingSpace, path: Path) -> Track | None:
    """The track of a file, under whatever name the file is reached."""
    names = {os.fsencode(canonical(path)), os.fsencode(os.path.realpath(path))}
    found = _select(connection, model, tracks.c.path.in_(names))
    if found:
        return found[0]
    # The same file may have names that no link explains: upper and lower case, composed accents,
    # a disk mounted twice. Only a file of the same size can be it.
    try:
        size = os.stat(path).st_size
    except OSError:
        return None
    for track in _select(connection, model, tracks.c.size_bytes == size):
        if track.path.exists() and os.path.samefile(track.path, path):
            return track
    return None


def find_all(
    connection: Connection, model: EmbeddingSpace, track_ids: Sequence[int]
) -> dict[int, Track]:
    """The tracks with these ids, as many as they may be."""
    found = []
    for start in range(0, len(track_ids), _BATCH):
        batch = track_ids[start : start + _BATCH]
        found += _select(connection, model, tracks.c.id.in_(batch))
    return {track.track_id: track for track in found}


def find_by_id(connection: Connection, model: EmbeddingSpace, track_id: int) -> Track:
    """
    Raises
    ------
    TrackNotFound : no track has this id.
    """
    found = _select(connection, model, tracks.c.id == track_id)
    if not found:
        raise TrackNotFound(f"there is no track #{track_id} in the library")
    return found[0]


def find_by_words(connection: Connection, model: EmbeddingSpace, query: str) -> Track:
    """The track that an id (``12``, ``#12``) or words of artist, title, album, file name mean.

    All words must be there, in any order; case and accents do not matter. A track whose title
    (or file name, or artist and title) is exactly the query goes before others. Tracks that are
    missing count only when there are no others; of exact copies, the one with the lowest id is
    meant.

    Raises
    ------
    TrackNotFound : nothing answers to the query.
    AmbiguousTrack : several do; the message lists them with their ids.
    """
    number = _ID.fullmatch(query.strip())
    if number and number[1]:
        return find_by_id(connection, model, int(number[2]))
    candidates = _with_words(connection, model, query)
    exact = [track for track in candidates if plain(query) in _names(track)]
    if number:
        # A bare number is an id, unless it is somebody's title as well ("1979").
        by_id = _select(connection, model, tracks.c.id == int(number[2]))
        candidates = list({t.track_id: t for t in by_id + exact}.values()) or candidates
    elif exact:
        candidates = exact
    if not candidates:
        raise TrackNotFound(
            f"nothing in the library answers to {query!r}: neither an existing file, nor an id, "
            f"nor words of an artist, a title, an album or a file name"
        )
    contents_found = {track.content_hash or str(track.track_id) for track in candidates}
    if len(contents_found) > 1:
        raise AmbiguousTrack(_ambiguous(query, candidates))
    return candidates[0]


def _with_words(connection: Connection, model: EmbeddingSpace, query: str) -> list[Track]:
    words = plain(query).split()
    if not words:
        return []
    # Plain words hold nothing that LIKE takes for a wildcard.
    where = and_(*(tracks.c.words.like(f"%{word}%") for word in words))
    found = _select(connection, model, where, limit=_CANDIDATES)
    return [track for track in found if track.status != "missing"] or found


def _names(track: Track) -> set[str]:
    """What a query can be exactly."""
    names = {plain(track.path.name), plain(track.path.stem)}
    if track.title:
        names |= {plain(track.title), plain(f"{track.artist or ''} {track.title}")}
        names.add(plain(f"{track.title} {track.artist or ''}"))
    return names


def _ambiguous(query: str, candidates: Sequence[Track]) -> str:
    lines = [
        f"  #{track.track_id}  {track.name}  ({printable(track.path)})"
        for track in candidates[:_LISTED]
    ]
    if len(candidates) > _LISTED:
        lines.append(f"  and {len(candidates) - _LISTED} more")
    several = f"{len(candidates)}" if len(candidates) < _CANDIDATES else f"{_CANDIDATES} or more"
    head = f"{query!r} answers to {several} tracks; name one by its id, or give more words:"
    return "\n".join([head, *lines])


def _select(
    connection: Connection,
    model: EmbeddingSpace,
    where: ColumnElement[bool],
    limit: int | None = None,
) -> list[Track]:
    statement = select_tracks(model).where(where).order_by(tracks.c.id).limit(limit)
    return [to_track(row) for row in connection.execute(statement)]


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
    from soundalike.frontends import find_frontend

    # A model that is not installed any more was a built-in one: genres, on excerpts of 9.94 s.
    more: dict[str, Any] = {}
    if isinstance(model, ModelInfo):
        more = {"kind": model.kind, "excerpt_s": find_frontend(model.frontend).excerpt_s}
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
