"""One state of a library, as one model sees it: which track is meant, and what is known of it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, ScalarSelect, Select, bindparam, case, func, select
from sqlalchemy.sql import ColumnElement

from soundalike.audio.tags import Tags
from soundalike.errors import AmbiguousTrack, LibraryError, ModelMismatch, TrackNotFound, printable
from soundalike.files import content_digest
from soundalike.library.changes import Position, position
from soundalike.library.records import Track
from soundalike.library.scan.walk import canonical
from soundalike.library.storage.encoding import EncodedAnalysis, decode
from soundalike.library.storage.schema import (
    analyses,
    contents,
    excerpts,
    failures,
    models,
    own_analysis,
    own_failure,
    searchable_tracks,
    tracks,
)
from soundalike.library.storage.sqlite import has_words
from soundalike.library.words import plain
from soundalike.models import ModelInfo
from soundalike.models.lineage import EmbeddingSpace

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["Found", "Query", "Snapshot"]

Query = str | os.PathLike[str] | int
"""A path, an id, or words of the tags; see ``Library.track``."""

_ID = re.compile(r"(#?)(\d{1,18})", re.ASCII)
# A statement may have only so many parameters.
_BATCH = 500
# How many candidates a message lists.
_LISTED = 10
# How many tracks with all the words are looked at for an exact title.
_CANDIDATES = 1000


@dataclass(frozen=True, slots=True)
class Found:
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


class Snapshot:
    """What a library holds within one transaction.

    Parameters
    ----------
    connection : in a transaction.
    space : the model that a track's status and analysis are those of.
    position : the end of the log of changes, if that was looked up.
    """

    def __init__(
        self, connection: Connection, space: EmbeddingSpace, position: Position | None = None
    ) -> None:
        self.connection = connection
        self.space = space
        self._position = position
        self._model_id = _model_id(space.name, space.version)
        self._every_track = _every_track(space.name, space.version)

    @property
    def position(self) -> Position:
        """The end of the log of changes."""
        if self._position is None:
            self._position = position(self.connection)
        return self._position

    # Tracks

    def tracks(self) -> Iterator[Track]:
        """All tracks, by path."""
        statement = self._every_track.order_by(tracks.c.path)
        return (_to_track(row) for row in self.connection.execute(statement))

    def tracks_by_id(self, track_ids: Sequence[int]) -> dict[int, Track]:
        """The tracks with these ids, as many as they may be."""
        statement = _tracks_by_id(self.space.name, self.space.version)
        found: dict[int, Track] = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            found |= {row.id: _to_track(row) for row in self.connection.execute(statement, some)}
        return found

    def count_by_status(self, analysed: int | None = None) -> Counter[str]:
        """How many tracks are analysed, failed, pending and missing.

        Parameters
        ----------
        analysed : if that is known. It is the one of the four that takes a join of all tables,
            a quarter of a second at 100,000 tracks.
        """
        scalar = self.connection.scalar
        in_all = scalar(select(func.count()).select_from(tracks)) or 0
        missing = scalar(select(func.count()).where(tracks.c.missing_at.is_not(None))) or 0
        failing = select(func.count()).join_from(failures, tracks, own_failure(self._model_id))
        failed = scalar(failing.where(tracks.c.missing_at.is_(None))) or 0
        if analysed is None:
            analysed = scalar(self.searchable(func.count())) or 0
        pending = in_all - missing - failed - analysed
        return Counter(analysed=analysed, failed=failed, pending=pending, missing=missing)

    def searchable(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """Columns of the tracks that a search can find."""
        return searchable_tracks(self._model_id, *columns)

    def _tracks(self, where: ColumnElement[bool], limit: int | None = None) -> list[Track]:
        statement = self._every_track.where(where).order_by(tracks.c.id).limit(limit)
        return [_to_track(row) for row in self.connection.execute(statement)]

    # What a query means

    def find(self, query: Query) -> Found:
        """The track that a query means, or the file that the library does not have.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as ``Library.track``, but not for a path.
        """
        path = _as_file(query)
        if path is not None:
            track = self._by_path(path)
            if track is None:
                return self._from_elsewhere(path)
        elif isinstance(query, int):
            track = self._by_id(query)
        else:
            track = self._by_words(str(query))
        content_id = self.connection.scalar(_CONTENT_OF_TRACK, {"track_id": track.track_id})
        return Found(track, track.path, content_id)

    def _from_elsewhere(self, path: Path) -> Found:
        """A file that is not in the library; it may be a copy of a track."""
        try:
            digest = content_digest(os.fspath(path))
        except OSError:
            # Whoever needs the file will say what is wrong with it, and better.
            return Found(None, path, None)
        statement = select(contents.c.id).where(contents.c.digest == digest)
        return Found(None, path, self.connection.scalar(statement))

    def _by_path(self, path: Path) -> Track | None:
        """The track of a file, under whatever name the file is reached."""
        names = {os.fsencode(canonical(path)), os.fsencode(os.path.realpath(path))}
        found = self._tracks(tracks.c.path.in_(names))
        if found:
            return found[0]
        # The same file may have names that no link explains: upper and lower case, composed
        # accents, a disk mounted twice. Only a file of the same size can be it.
        try:
            size = os.stat(path).st_size
        except OSError:
            return None
        for track in self._tracks(tracks.c.size_bytes == size):
            if track.path.exists() and os.path.samefile(track.path, path):
                return track
        return None

    def _by_id(self, track_id: int) -> Track:
        found = self.tracks_by_id([track_id])
        if not found:
            raise TrackNotFound(f"there is no track #{track_id} in the library")
        return found[track_id]

    def _by_words(self, query: str) -> Track:
        """The track that an id (``12``, ``#12``) or words of artist, title, album, file name mean.

        A track whose title (or file name, or artist and title) is exactly the query goes before
        others. Tracks that are missing count only when there are no others; of exact copies, the
        one with the lowest id is meant.
        """
        number = _ID.fullmatch(query.strip())
        if number and number[1]:
            return self._by_id(int(number[2]))
        candidates = self._with_words(query)
        exact = [track for track in candidates if plain(query) in _names(track)]
        if number:
            # A bare number is an id, unless it is somebody's title as well ("1979").
            by_id = self._tracks(tracks.c.id == int(number[2]))
            candidates = list({t.track_id: t for t in by_id + exact}.values()) or candidates
        elif exact:
            candidates = exact
        if not candidates:
            raise TrackNotFound(
                f"nothing in the library matches {query!r}: it is not an existing file, an id, or "
                f"words from an artist, title, album or file name"
            )
        different = {track.content_hash or str(track.track_id) for track in candidates}
        if len(different) > 1:
            raise AmbiguousTrack(_ambiguous(query, candidates))
        return candidates[0]

    def _with_words(self, query: str) -> list[Track]:
        words = plain(query).split()
        if not words:
            return []
        found = self._tracks(has_words(words), limit=_CANDIDATES)
        return [track for track in found if track.status != "missing"] or found

    # What is stored of it

    def stored(self, found: Found, *, was_chosen: bool = True) -> Analysis | None:
        """What the model said of it; None where nothing of the kind is stored.

        Parameters
        ----------
        was_chosen : whether somebody asked for this model by name; else it only answers until a
            newer one can.

        Raises
        ------
        ModelMismatch : the track is analysed, but not with the model that was asked for.
        LibraryError : what is stored is damaged.
        """
        if found.content_id is None:
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
            .where(analyses.c.content_id == found.content_id)
        )
        others = []
        for row in self.connection.execute(statement):
            model = f"{row.name}@{row.version}"
            if model == self.space.id:
                return self._decoded(row, found)
            others.append(model)
        if others and found.track is not None and was_chosen:
            raise ModelMismatch(
                f"{found.name} has an analysis by {', '.join(others)}, but none by "
                f"{self.space.id}: scan its folder again, or use what is there with --model "
                f"{others[0].partition('@')[0]} (in Python: Library(model=...))"
            )
        return None

    def _decoded(self, row: Any, found: Found) -> Analysis:
        from soundalike.frontends import find_frontend

        # A model that is not installed any more was a built-in one: genres, on excerpts of 9.94 s.
        more: dict[str, Any] = {}
        if isinstance(self.space, ModelInfo):
            more = {
                "kind": self.space.kind,
                "excerpt_s": find_frontend(self.space.frontend).excerpt_s,
            }
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
        try:
            return decode(encoded, model=self.space.id, labels=tuple(row.labels), **more)
        except ValueError as error:
            number = f"#{found.track.track_id} " if found.track else ""
            raise LibraryError(
                f"{number}{found.name}: its stored analysis is damaged ({error}); scan its folder "
                f"again, and it is analysed anew"
            ) from error


# Statements that every question needs, composed once: that takes longer than running them.

_CONTENT_OF_TRACK = select(tracks.c.content_id).where(tracks.c.id == bindparam("track_id"))


@lru_cache(maxsize=8)
def _model_id(name: str, version: str) -> ScalarSelect[int]:
    """The row of a model."""
    its_row = select(models.c.id).where(models.c.name == name, models.c.version == version)
    return its_row.scalar_subquery()


@lru_cache(maxsize=8)
def _every_track(name: str, version: str) -> Select[Any]:
    """Every track with its tags, and its status as a model sees it, for :func:`_to_track`."""
    model_id = _model_id(name, version)
    status = case(
        (tracks.c.missing_at.is_not(None), "missing"),
        (failures.c.id.is_not(None), "failed"),
        (analyses.c.id.is_not(None), "analysed"),
        else_="pending",
    )
    facts = [column for column in contents.c if column.name != "id"]
    return (
        select(tracks.c.id, tracks.c.path, tracks.c.size_bytes, *facts, status.label("status"))
        .select_from(tracks)
        .outerjoin(contents, contents.c.id == tracks.c.content_id)
        .outerjoin(analyses, own_analysis(model_id))
        .outerjoin(failures, own_failure(model_id))
    )


@lru_cache(maxsize=8)
def _tracks_by_id(name: str, version: str) -> Select[Any]:
    """The same for some tracks, ``track_ids``."""
    some = tracks.c.id.in_(bindparam("track_ids", expanding=True))
    return _every_track(name, version).where(some)


def _to_track(row: Row[Any]) -> Track:
    return Track(
        track_id=row.id,
        path=Path(os.fsdecode(row.path)),
        tags=Tags.from_json(row.tags or {}),
        duration_s=row.duration_s,
        sample_rate=row.sample_rate,
        channels=row.channels,
        codec=row.codec,
        size_bytes=row.size_bytes,
        content_hash=None if row.digest is None else row.digest.hex(),
        status=row.status,
    )


def _as_file(query: Query) -> Path | None:
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
    head = f"{query!r} matches {several} tracks; name one by its id, or give more words:"
    return "\n".join([head, *lines])
