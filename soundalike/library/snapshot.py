"""One state of a library, as one model sees it: its tracks, and what is known of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, and_, exists, func, select
from sqlalchemy.sql import ColumnElement

from soundalike.analysis import is_unfamiliar, runs
from soundalike.audio.tags import Tags
from soundalike.errors import LibraryError, ModelMismatch, printable
from soundalike.facets import Facets
from soundalike.library.changes import Position, position
from soundalike.library.records import Track, TrackStatus
from soundalike.library.roots import read_roots
from soundalike.library.statements import (
    CONTENT_OF_TRACK,
    every_track,
    excerpts_of_all,
    excerpts_of_tracks,
    familiarity_of_content,
    fast_starts,
    fingerprints_of_tracks,
    model_row,
    music_of_tracks,
    starts_of_tracks,
    tracks_with_ids,
)
from soundalike.library.storage.encoding import (
    EncodedAnalysis,
    decode,
    decode_embeddings,
    decode_excerpts,
    decode_fingerprint,
    decode_starts,
)
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
from soundalike.models import ModelInfo
from soundalike.models.contract import Words
from soundalike.similarity.recording import Music
from soundalike.urls import path_of

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.naming import Roots
    from soundalike.library.similar_records import Heard
    from soundalike.models.lineage import EmbeddingSpace

__all__ = ["Found", "Query", "Snapshot", "StoredExcerpts"]

Query: TypeAlias = "str | os.PathLike[str] | int | Heard"
"""A path, an id, words of the tags (see ``Library.track``), or what was heard before
(``Library.hear``)."""

# A statement may have only so many parameters.
_BATCH = 500
_READ_AT_ONCE = 5000
# Excerpts of so many contents, widened to float32, still fit a processor's cache.
_CONTENTS_AT_ONCE = 50


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


@dataclass(frozen=True, eq=False)
class StoredExcerpts:
    """The excerpts of some contents as they are stored, since there may be millions.

    Attributes
    ----------
    content_ids : int64 (n,), the rows of the contents.
    counts : int64 (n,), how many excerpts each has, at least 1.
    embeddings : int8 (sum of counts, D), those of one content after those of another; each facet
        has any length, see ``Facets.similarities``.
    """

    content_ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    embeddings: NDArray[np.int8]


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
        self._model_id = model_row(space.name, space.version)
        self._every_track = every_track(space.name, space.version)

    @property
    def position(self) -> Position:
        """The end of the log of changes."""
        if self._position is None:
            self._position = position(self.connection)
        return self._position

    # Tracks

    @cached_property
    def roots(self) -> Roots:
        """The folders that were scanned; what stands in for tags follows from them."""
        return read_roots(self.connection)

    def tracks_after(self, path: bytes | None, *conditions: ColumnElement[bool]) -> list[Track]:
        """Tracks by path, from behind one on (None: from the first); some thousands, as many as
        are read at a time."""
        statement = self._every_track.where(*conditions)
        if path is not None:
            statement = statement.where(tracks.c.path > path)
        statement = statement.order_by(tracks.c.path).limit(_READ_AT_ONCE)
        return self._to_tracks(self.connection.execute(statement))

    def tracks_by_id(self, track_ids: Sequence[int]) -> dict[int, Track]:
        """The tracks with these ids, as many as they may be."""
        statement = tracks_with_ids(self.space.name, self.space.version)
        found: dict[int, Track] = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            rows = self._to_tracks(self.connection.execute(statement, some))
            found |= {track.track_id: track for track in rows}
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

    def where(self, where: ColumnElement[bool]) -> list[Track]:
        """The tracks for which something holds, by id."""
        statement = self._every_track.where(where).order_by(tracks.c.id)
        return self._to_tracks(self.connection.execute(statement))

    def of_status(self, status: TrackStatus) -> ColumnElement[bool]:
        """Whether a track has a status, as ``every_track`` tells it."""
        if status == "missing":
            return tracks.c.missing_at.is_not(None)
        failing = exists().where(own_failure(self._model_id))
        told = exists().where(own_analysis(self._model_id))
        ways = {"failed": (failing,), "analysed": (~failing, told), "pending": (~failing, ~told)}
        return and_(tracks.c.missing_at.is_(None), *ways[status])

    def in_content(self, digest: bytes) -> int | None:
        """The row of the content with this hash."""
        return self.connection.scalar(select(contents.c.id).where(contents.c.digest == digest))

    def content_of(self, track_id: int) -> int | None:
        """The row of a track's content."""
        return self.connection.scalar(CONTENT_OF_TRACK, {"track_id": track_id})

    def _to_tracks(self, rows: Iterable[Row[Any]]) -> list[Track]:
        found = []
        for row in rows:
            path = os.fsdecode(row.path)
            found.append(
                Track(
                    track_id=row.id,
                    path=path_of(path),
                    tags=Tags.from_json(row.tags or {}),
                    from_path=self.roots.stand_ins(path),
                    duration_s=row.duration_s,
                    sample_rate=row.sample_rate,
                    channels=row.channels,
                    codec=row.codec,
                    size_bytes=row.size_bytes,
                    content_hash=None if row.digest is None else row.digest.hex(),
                    audio_hash=None if row.audio_digest is None else row.audio_digest.hex(),
                    status=row.status,
                    tempo_bpm=row.tempo_bpm,
                    key=row.key,
                    missing_since=None
                    if row.missing_at is None
                    else datetime.fromtimestamp(row.missing_at, UTC),
                )
            )
        return found

    # What is stored of a track

    def is_unfamiliar(self, content_id: int | None) -> bool:
        """Whether a content is unlike all music that the model knows; False where unknown."""
        familiarity = self.connection.scalar(
            familiarity_of_content(self.space.name, self.space.version), {"content_id": content_id}
        )
        return is_unfamiliar(familiarity)

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
                models.c.facets,
                models.c.words.label("vocabulary"),
                analyses,
                excerpts.c.starts_s,
                excerpts.c.embeddings,
                excerpts.c.scales,
                excerpts.c.probabilities.label("excerpt_probabilities"),
                excerpts.c.fingerprint,
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

    def excerpts_of(self, track_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """The embeddings of the excerpts of some tracks, (n_excerpts, D), unit length; tracks of
        which none are stored, or damaged ones, are left out."""
        statement = excerpts_of_tracks(self.space.name, self.space.version)
        found = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            for track_id, embeddings, scales in self.connection.execute(statement, some):
                # What is damaged is named by whoever asks for the track itself.
                with suppress(ValueError):
                    found[track_id] = decode_excerpts(embeddings, scales, self.space.layout)
        return found

    def each_excerpts(self) -> Iterator[StoredExcerpts]:
        """The excerpts of all contents, some contents at a time; damaged ones are left out."""
        size = self.space.layout.size
        statement = excerpts_of_all(self.space.name, self.space.version)
        found = self.connection.execute(
            statement, execution_options={"yield_per": _CONTENTS_AT_ONCE}
        )
        for rows in found.partitions():
            # Column by column, not row by row: of many thousands that takes time.
            content_ids, encoded, n_scales = zip(*rows, strict=True)
            counts = np.array(n_scales, np.int64)
            sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
            whole = (counts > 0) & (sizes == size * counts)
            if not whole.all():
                encoded = tuple(compress(encoded, whole))
            embeddings = np.frombuffer(b"".join(encoded), np.int8).reshape(-1, size)
            yield StoredExcerpts(np.array(content_ids, np.int64)[whole], counts[whole], embeddings)

    def music_of(self, track_ids: Sequence[int]) -> dict[int, Music]:
        """What some tracks are compared by, excerpts and fingerprint; tracks of which nothing is
        stored, or of which it is damaged, are left out."""
        statement = music_of_tracks(self.space.name, self.space.version)
        found = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            for row in self.connection.execute(statement, some):
                with suppress(ValueError):
                    found[row.id] = Music(
                        row.duration_s,
                        decode_excerpts(row.embeddings, row.scales, self.space.layout),
                        decode_starts(row.starts_s),
                        decode_fingerprint(row.fingerprint),
                    )
        return found

    def excerpt_starts_of(self, track_ids: Sequence[int]) -> dict[int, NDArray[np.float64]]:
        """When the excerpts of some tracks begin, (n_excerpts,), seconds; tracks of which none are
        stored, or damaged ones, are left out."""
        statement = starts_of_tracks(self.space.name, self.space.version)
        found = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            for track_id, starts_s in self.connection.execute(statement, some):
                with suppress(ValueError):
                    found[track_id] = decode_starts(starts_s)
        return found

    def fast_runs(self) -> dict[int, list[int]]:
        """Of the contents of which some passages were heard only: how many excerpts follow each
        other in each."""
        statement = fast_starts(self.space.name, self.space.version)
        found = {}
        for content_id, starts_s in self.connection.execute(statement):
            with suppress(ValueError):
                there = runs(decode_starts(starts_s), self.excerpt_s)
                found[content_id] = [each.stop - each.start for each in there]
        return found

    def fingerprints_of(self, track_ids: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
        """The fingerprints of some tracks, (n_frames, 6); tracks of which none is stored, or a
        damaged one, are left out."""
        statement = fingerprints_of_tracks(self.space.name, self.space.version)
        found = {}
        for start in range(0, len(track_ids), _BATCH):
            some = {"track_ids": track_ids[start : start + _BATCH]}
            for track_id, encoded in self.connection.execute(statement, some):
                with suppress(ValueError):
                    fingerprint = decode_fingerprint(encoded)
                    if fingerprint is not None:
                        found[track_id] = fingerprint
        return found

    def embeddings_of(self, content_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """The embeddings of some contents, (D,), whether or not a search can find their tracks;
        contents of which none is stored, or a damaged one, are left out."""
        found: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(content_ids), _BATCH):
            some = analyses.c.content_id.in_(content_ids[start : start + _BATCH])
            statement = select(analyses.c.content_id, analyses.c.embedding).where(
                some, analyses.c.model_id == self._model_id
            )
            rows = self.connection.execute(statement).all()
            embeddings, whole = decode_embeddings(
                [row.embedding for row in rows], self.space.layout
            )
            ids = [row.content_id for row, is_whole in zip(rows, whole, strict=True) if is_whole]
            found |= dict(zip(ids, embeddings, strict=True))
        return found

    @property
    def excerpt_s(self) -> float:
        """How long an excerpt of the model lasts, in seconds."""
        from soundalike.frontends import find_frontend
        from soundalike.frontends.log_mel import EXCERPT_S

        if isinstance(self.space, ModelInfo):
            return find_frontend(self.space.frontend).excerpt_s
        return EXCERPT_S  # a model that is not installed any more was a built-in one

    def _decoded(self, row: Any, found: Found) -> Analysis:
        # A model that is not installed any more was a built-in one: it told genres.
        more: dict[str, Any] = {"excerpt_s": self.excerpt_s}
        if isinstance(self.space, ModelInfo):
            more["kind"] = self.space.kind
        try:
            return decode(
                EncodedAnalysis.of_row(row),
                model=self.space.id,
                labels=tuple(row.labels),
                facets=Facets.from_json(row.facets) if row.facets else None,
                vocabulary=Words.from_json(row.vocabulary or ()),
                **more,
            )
        except ValueError as error:
            number = f"#{found.track.track_id} " if found.track else ""
            raise LibraryError(
                f"{number}{found.name}: its stored analysis is damaged ({error}); scan its folder "
                f"again, and it is analysed anew"
            ) from error
