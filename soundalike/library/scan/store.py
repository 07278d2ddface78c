"""What a scan reads from the database and writes to it; each function is part of a transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from soundalike.analysis import Analysis
from soundalike.audio.tags import Tags
from soundalike.errors import printable
from soundalike.files import Stamp
from soundalike.library.changes import log_changes
from soundalike.library.naming import Roots, read_roots, refresh_words
from soundalike.library.overview import to_failure
from soundalike.library.records import Failure
from soundalike.library.scan import statements
from soundalike.library.scan.walk import FoundFile
from soundalike.library.storage.encoding import encode
from soundalike.library.storage.schema import (
    analyses,
    below,
    contents,
    failures,
    models,
    searchable_tracks,
    tracks,
)
from soundalike.models import ModelInfo
from soundalike.models.lineage import EmbeddingSpace
from soundalike.workers.jobs import Digested, DigestJob, Facts

__all__ = [
    "KnownContent",
    "KnownTrack",
    "Store",
]

# Objects that live long while many are made keep the garbage collector busy.
_ROWS_AT_ONCE = 1000

# UnreadableFile (a disk, a permission, a file being written) may pass by itself, and what killed
# a decoder may have been a lack of memory. What is wrong inside a file stays wrong. A damaged
# analysis is no fault of the file: any scan makes it anew.
DAMAGED_ANALYSIS = "DamagedAnalysis"
_FIRST_RETRY_S = {DAMAGED_ANALYSIS: 0.0, "UnreadableFile": 60.0, "DecoderCrashed": 86_400.0}
_LAST_RETRY_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """What the database says of a path. ``retry_at`` None means: not before it changes.

    ``is_outdated``: not analysed with the scan's model, but with one that this takes the place of.
    """

    track_id: int
    path: str
    stamp: Stamp | None
    content_id: int | None
    is_analysed: bool
    is_outdated: bool
    is_missing: bool
    is_failed: bool
    retry_at: float | None


@dataclass(frozen=True, slots=True)
class KnownContent:
    """What the database says of a content."""

    content_id: int
    is_analysed: bool
    is_outdated: bool
    tags: Tags


class Store:
    """The statements of a scan, within one transaction.

    Parameters
    ----------
    connection : in a transaction.
    model_id : row of the model that the scan analyses with.
    now : seconds since 1970.
    older_ids : rows of the models that it takes the place of.
    """

    def __init__(
        self, connection: Connection, model_id: int, now: float, older_ids: tuple[int, ...] = ()
    ) -> None:
        self._connection = connection
        self._model_id = model_id
        self._now = now
        self._older_ids = older_ids
        # Tracks whose status or analysis may no longer be what an index knows of them.
        self._changed: set[int] = set()

    @cached_property
    def _roots(self) -> Roots:
        return read_roots(self._connection)

    def names_changed(self, folder: str) -> None:
        """A folder was scanned for the first time, or has another pattern: what its paths say of
        the tracks below is looked at again."""
        self.__dict__.pop("_roots", None)
        self._changed.update(refresh_words(self._connection, folder))

    @staticmethod
    def model_row(connection: Connection, model: EmbeddingSpace) -> int | None:
        """The id of a model's row."""
        where = and_(models.c.name == model.name, models.c.version == model.version)
        return connection.scalar(select(models.c.id).where(where))

    @staticmethod
    def add_model(connection: Connection, model: ModelInfo) -> int:
        """A row for a model that has none yet; its id."""
        values = {
            "name": model.name,
            "version": model.version,
            "embedding_dim": model.embedding_dim,
            "labels": list(model.labels),
        }
        return int(connection.execute(insert(models).returning(models.c.id), values).scalar_one())

    # Tracks

    def known(self, paths: Sequence[str]) -> dict[str, KnownTrack]:
        """The tracks at some paths."""
        encoded = [os.fsencode(path) for path in paths]
        return {row.path: row for row in self._known(tracks.c.path.in_(encoded))}

    def known_id(self, track_id: int) -> KnownTrack | None:
        statement = statements.known_track(self._model_id, self._older_ids)
        row = self._connection.execute(statement, {"for_track": track_id}).one_or_none()
        return None if row is None else _to_known(row)

    def known_ids(self, track_ids: Sequence[int]) -> list[KnownTrack]:
        return list(self._known(tracks.c.id.in_(track_ids))) if track_ids else []

    def paths(self, track_ids: Sequence[int]) -> dict[int, bytes]:
        statement = select(tracks.c.id, tracks.c.path).where(tracks.c.id.in_(track_ids))
        return {row.id: row.path for row in self._connection.execute(statement)}

    def found(self, track_ids: Sequence[int]) -> dict[int, Digested]:
        """What reading some tracks' files told when they were read."""
        columns = (tracks.c.id, tracks.c.path, tracks.c.size_bytes, tracks.c.mtime_ns)
        statement = (
            select(*columns, contents.c.digest)
            .join(contents, contents.c.id == tracks.c.content_id)
            .where(tracks.c.id.in_(track_ids))
        )
        return {
            row.id: Digested(
                DigestJob(row.id, row.path), Stamp(row.size_bytes, row.mtime_ns), row.digest
            )
            for row in self._connection.execute(statement)
        }

    def _known(self, where: ColumnElement[bool]) -> Iterator[KnownTrack]:
        statement = statements.known_tracks(self._model_id, self._older_ids).where(where)
        return map(_to_known, self._connection.execute(statement))

    def settled_below(self, folder: str) -> Iterator[Sequence[Any]]:
        """Path, id, size and time of the searchable tracks below a folder, some rows at a time.

        These need nothing as long as their files stay as they are.
        """
        columns = (tracks.c.path, tracks.c.id, tracks.c.size_bytes, tracks.c.mtime_ns)
        statement = searchable_tracks(self._model_id, *columns).where(below(tracks.c.path, folder))
        return self._connection.execute(statement).partitions(_ROWS_AT_ONCE)

    def add(self, files: Sequence[FoundFile]) -> dict[str, int]:
        """New tracks, not looked at yet; their ids by path."""
        if not files:
            return {}
        rows = [
            {
                "path": os.fsencode(file.path),
                "path_text": printable(file.path),
                "size_bytes": file.stamp.size_bytes if file.stamp else None,
                "mtime_ns": file.stamp.mtime_ns if file.stamp else None,
                "words": self._roots.words(file.path, Tags()),
                "added_at": self._now,
            }
            for file in files
        ]
        added = self._connection.execute(insert(tracks).returning(tracks.c.id, tracks.c.path), rows)
        ids = {os.fsdecode(row.path): row.id for row in added}
        self._changed.update(ids.values())
        return ids

    def is_back(self, track_ids: Sequence[int]) -> None:
        self._set(tracks.c.id.in_(track_ids), missing_at=None)
        self._changed.update(track_ids)

    def set_content(self, track: KnownTrack, content: KnownContent, stamp: Stamp) -> None:
        """The file at the track's path was read: this is what it holds."""
        self._connection.execute(
            statements.SET_CONTENT,
            {
                "for_track": track.track_id,
                "new_content": content.content_id,
                "new_size": stamp.size_bytes,
                "new_time": stamp.mtime_ns,
                "new_words": self._roots.words(track.path, content.tags),
            },
        )
        self._changed.add(track.track_id)

    def set_stamp(self, track_id: int, stamp: Stamp) -> None:
        self._set(tracks.c.id == track_id, size_bytes=stamp.size_bytes, mtime_ns=stamp.mtime_ns)

    def by_content(self, *, without: Set[int]) -> dict[int, list[int]]:
        """The ids of the tracks that were read once, by content, but for some."""
        statement = select(tracks.c.content_id, tracks.c.id).where(tracks.c.content_id.is_not(None))
        found: dict[int, list[int]] = {}
        for content_id, track_id in self._connection.execute(statement.order_by(tracks.c.id)):
            if track_id not in without:
                found.setdefault(content_id, []).append(track_id)
        return found

    def move(self, track: KnownTrack, new: KnownTrack) -> None:
        """Give a track the path of a new one, which then is no more."""
        self._connection.execute(delete(tracks).where(tracks.c.id == new.track_id))
        self._changed.update((track.track_id, new.track_id))
        self._set(
            tracks.c.id == track.track_id,
            path=os.fsencode(new.path),
            path_text=printable(new.path),
        )

    def _set(self, where: ColumnElement[bool], **values: Any) -> None:
        self._connection.execute(update(tracks).where(where).values(**values))

    # Contents and their analyses

    def content(self, digest: bytes) -> KnownContent:
        """The content with this hash, made if there is none."""
        statement = statements.content_by_digest(self._model_id, self._older_ids)
        row = self._connection.execute(statement, {"for_digest": digest}).one_or_none()
        if row is not None:
            is_analysed = row.analysis_id is not None
            is_outdated = row.has_older and not is_analysed
            return KnownContent(row.id, is_analysed, is_outdated, Tags.from_json(row.tags))
        made = self._connection.execute(statements.ADD_CONTENT, {"digest": digest})
        return KnownContent(made.scalar_one(), False, False, Tags())

    def put_analyses(self, content_id: int, facts: Facts, by_model: Mapping[int, Analysis]) -> None:
        """Store what models, by their rows, say of a content; other models' analyses stay."""
        for model_id, analysis in by_model.items():
            self._put_analysis(content_id, model_id, analysis)
        self._connection.execute(
            statements.SET_FACTS,
            {
                "for_content": content_id,
                "new_duration_s": float(next(iter(by_model.values())).duration_s),
                "new_sample_rate": facts.sample_rate,
                "new_channels": facts.channels,
                "new_codec": facts.codec,
                "new_tags": facts.tags.to_json(),
            },
        )
        having = self._connection.execute(
            statements.TRACKS_OF_CONTENT, {"for_content": content_id}
        ).all()
        words = [
            {
                "for_track": row.id,
                "new_words": self._roots.words(os.fsdecode(row.path), facts.tags),
            }
            for row in having
        ]
        if words:
            self._connection.execute(statements.SET_WORDS, words)
        self._changed.update(row.id for row in having)

    def _put_analysis(self, content_id: int, model_id: int, analysis: Analysis) -> None:
        key = {"for_content": content_id, "for_model": model_id}
        self._connection.execute(statements.DROP_ANALYSIS, key)
        encoded = encode(analysis)
        values = {
            "content_id": content_id,
            "model_id": model_id,
            "duration_s": encoded.duration_s,
            "embedding": encoded.embedding,
            "probabilities": encoded.probabilities,
            "genre_set": encoded.genre_set,
            "notes": encoded.notes,
            "analysed_at": self._now,
        }
        made = self._connection.execute(statements.ADD_ANALYSIS, values)
        self._connection.execute(
            statements.ADD_EXCERPTS,
            {
                "analysis_id": made.scalar_one(),
                "starts_s": encoded.excerpt_starts_s,
                "embeddings": encoded.excerpt_embeddings,
                "scales": encoded.excerpt_scales,
                "probabilities": encoded.excerpt_probabilities,
            },
        )

    def drop_orphans(self) -> None:
        """Forget contents that no track has any more."""
        used = exists().where(tracks.c.content_id == contents.c.id)
        self._connection.execute(delete(contents).where(~used))

    # Failures

    def put_failure(
        self,
        subject: int | str,
        *,
        kind: str,
        reason: str,
        advice: str,
        in_analysis: bool = False,
    ) -> Failure:
        """Store why a track (by id) or a folder (by path) failed.

        Where another model has analysed what this one fails at, the failure is this model's alone.
        """
        if isinstance(subject, int):
            self._changed.add(subject)
            where = failures.c.track_id == subject
            key: dict[str, Any] = {"track_id": subject}
        else:
            where = failures.c.folder == os.fsencode(subject)
            key = {"folder": os.fsencode(subject)}
        others = (
            select(models.c.id)
            .join(analyses, analyses.c.model_id == models.c.id)
            .join(tracks, tracks.c.content_id == analyses.c.content_id)
            .where(tracks.c.id == (subject if in_analysis else None))
        )
        key["model_id"] = self._model_id if self._connection.scalar(others) else None
        before = self._connection.scalar(select(failures.c.attempts).where(where)) or 0
        self._connection.execute(delete(failures).where(where))
        retry_at = None
        if kind in _FIRST_RETRY_S:
            # Doubled a bounded number of times: 2.0 ** 2000 is an error.
            pause_s = _FIRST_RETRY_S[kind] * 2.0 ** min(before, 30)
            retry_at = self._now + min(pause_s, _LAST_RETRY_S)
        values = {
            **key,
            "kind": kind,
            "reason": reason,
            "advice": advice,
            "attempts": before + 1,
            "failed_at": self._now,
            "retry_at": retry_at,
        }
        self._connection.execute(insert(failures), values)
        path = func.coalesce(failures.c.folder, tracks.c.path).label("path")
        row = self._connection.execute(select(failures, path).outerjoin(tracks).where(where)).one()
        return to_failure(row)

    def put_damage(self, track_ids: Iterable[int], model: str) -> None:
        """Drop analyses by the scan's model that cannot be used, and say so of their tracks."""
        for track_id in track_ids:
            track = self.known_id(track_id)
            if track is None or track.content_id is None:
                continue
            key = {"for_content": track.content_id, "for_model": self._model_id}
            self._connection.execute(statements.DROP_ANALYSIS, key)
            self.put_failure(
                track_id,
                kind=DAMAGED_ANALYSIS,
                reason=f"what the library kept of it from {model} was damaged",
                advice="scan its folder again: it is analysed anew",
                in_analysis=True,
            )

    def drop_failure(self, track_id: int) -> None:
        found = self._connection.execute(statements.DROP_FAILURE, {"for_track": track_id})
        if found.rowcount:
            self._changed.add(track_id)

    def failing_folders(self) -> list[str]:
        """The folders that could not be read."""
        statement = select(failures.c.folder).where(failures.c.folder.is_not(None))
        return [os.fsdecode(folder) for folder in self._connection.scalars(statement)]

    def drop_folder_failures(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self._connection.execute(
                delete(failures).where(failures.c.folder == os.fsencode(folder))
            )

    # The end of a scan

    def present_below(self, root: str) -> list[int]:
        """Ids of the tracks below a folder that are not marked missing."""
        where = and_(below(tracks.c.path, root), tracks.c.missing_at.is_(None))
        return list(self._connection.scalars(select(tracks.c.id).where(where)).all())

    def are_all_below(self, root: str, track_ids: Set[int]) -> bool:
        """Whether these are all tracks below a folder that are not marked missing.

        Parameters
        ----------
        track_ids : of tracks that are below it, and not marked.
        """
        where = and_(below(tracks.c.path, root), tracks.c.missing_at.is_(None))
        statement = select(func.count(), func.sum(tracks.c.id)).where(where)
        count, total = self._connection.execute(statement).one()
        return bool(count == len(track_ids) and (total or 0) == sum(track_ids))

    def count_present_below(self, root: str) -> int:
        where = and_(below(tracks.c.path, root), tracks.c.missing_at.is_(None))
        return self._connection.scalar(select(func.count()).where(where)) or 0

    def mark_missing(self, track_ids: Sequence[int]) -> None:
        """Files that are gone. Of one that was never read there is nothing to keep."""
        chosen = tracks.c.id.in_(track_ids)
        self._connection.execute(delete(tracks).where(chosen, tracks.c.content_id.is_(None)))
        self._set(chosen, missing_at=self._now)
        self._changed.update(track_ids)

    def log_changes(self) -> None:
        """Tell whoever keeps an index which tracks to look at again; the end of a transaction."""
        log_changes(self._connection, self._changed)
        self._changed.clear()


def _to_known(row: Row[Any]) -> KnownTrack:
    return KnownTrack(
        track_id=row.id,
        path=os.fsdecode(row.path),
        stamp=None if row.size_bytes is None else Stamp(row.size_bytes, row.mtime_ns),
        content_id=row.content_id,
        is_analysed=row.analysis_id is not None,
        is_outdated=row.analysis_id is None and row.has_older,
        is_missing=row.missing_at is not None,
        is_failed=row.failure_id is not None,
        retry_at=row.retry_at,
    )
