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
from soundalike.library.naming import Roots
from soundalike.library.roots import read_roots, refresh_words
from soundalike.library.scan import statements
from soundalike.library.scan.failing import DAMAGED_ANALYSIS, FailureStore
from soundalike.library.scan.folders import FolderRows
from soundalike.library.scan.walk import FoundFile
from soundalike.library.storage.encoding import EncodedAnalysis, encode
from soundalike.library.storage.schema import (
    analyses,
    below,
    contents,
    is_fast,
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


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """What the database says of a path. ``retry_at`` None means: not before it changes.

    ``is_outdated``: not analysed with the scan's model, but with one that this takes the place of;
    or from some passages only, where the scan wants it whole.
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
    """What the database says of a content. ``audio_digest`` None: it was not looked at yet.

    ``has_fingerprint``: its analysis by the scan's model has one.
    """

    content_id: int
    is_analysed: bool
    is_outdated: bool
    tags: Tags
    audio_digest: bytes | None
    has_fingerprint: bool = False


class Store(FailureStore):
    """The statements of a scan, within one transaction.

    Parameters
    ----------
    takes_fast : whether a track of which only some passages were heard is done.
    """

    def __init__(
        self,
        connection: Connection,
        model_id: int,
        now: float,
        older_ids: tuple[int, ...] = (),
        *,
        takes_fast: bool = True,
    ) -> None:
        super().__init__(connection, model_id, now, older_ids)
        self._takes_fast = takes_fast

    @cached_property
    def folders(self) -> FolderRows:
        """The folders that were scanned."""
        return FolderRows(self._connection, self._now)

    @cached_property
    def _roots(self) -> Roots:
        return read_roots(self._connection)

    def names_changed(self, folder: str) -> None:
        """A folder was scanned for the first time, or has another pattern: what its paths say of
        the tracks below is looked at again."""
        self.__dict__.pop("_roots", None)
        self._changed.update(refresh_words(self._connection, folder))

    def is_of_this_machine(self, path: str) -> bool:
        """Whether a path lies below a scanned folder that is here."""
        root = self._roots.root_of(path)
        return root is not None and os.path.isdir(root)

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
            "facets": model.facets.to_json() if model.facets else None,
            "words": model.words.to_json() or None,
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
        return None if row is None else self._to_known(row)

    def known_ids(self, track_ids: Sequence[int]) -> list[KnownTrack]:
        return list(self._known(tracks.c.id.in_(track_ids))) if track_ids else []

    def known_below(self, folder: str) -> list[KnownTrack]:
        return list(self._known(below(tracks.c.path, folder)))

    def paths(self, track_ids: Sequence[int]) -> dict[int, bytes]:
        statement = select(tracks.c.id, tracks.c.path).where(tracks.c.id.in_(track_ids))
        return {row.id: row.path for row in self._connection.execute(statement)}

    def found(self, track_ids: Sequence[int]) -> dict[int, Digested]:
        """What reading some tracks' files told when they were read."""
        statement = (
            select(tracks, contents.c.digest, contents.c.audio_digest)
            .join(contents, contents.c.id == tracks.c.content_id)
            .where(tracks.c.id.in_(track_ids))
        )
        return {
            row.id: Digested(
                DigestJob(row.id, row.path),
                Stamp(row.size_bytes, row.mtime_ns, row.ctime_ns),
                row.digest,
                row.audio_digest,
            )
            for row in self._connection.execute(statement)
        }

    def _known(self, where: ColumnElement[bool]) -> Iterator[KnownTrack]:
        statement = statements.known_tracks(self._model_id, self._older_ids).where(where)
        return map(self._to_known, self._connection.execute(statement))

    def _to_known(self, row: Row[Any]) -> KnownTrack:
        is_analysed, is_outdated = self._is_done(row)
        return KnownTrack(
            track_id=row.id,
            path=os.fsdecode(row.path),
            stamp=(
                None
                if row.size_bytes is None
                else Stamp(row.size_bytes, row.mtime_ns, row.ctime_ns)
            ),
            content_id=row.content_id,
            is_analysed=is_analysed,
            is_outdated=is_outdated,
            is_missing=row.missing_at is not None,
            is_failed=row.failure_id is not None,
            retry_at=row.retry_at,
        )

    def _is_done(self, row: Row[Any]) -> tuple[bool, bool]:
        """Whether a row's analysis is what the scan wants, and else whether there is another."""
        has_own = row.analysis_id is not None
        is_analysed = has_own and (self._takes_fast or not row.is_fast)
        return is_analysed, not is_analysed and (has_own or row.has_older)

    def settled_below(self, folder: str) -> Iterator[Sequence[Any]]:
        """Path, id, size and times of the searchable tracks below a folder, some rows at a time.

        These need nothing as long as their files stay as they are. What was imported without its
        file is not among them.
        """
        stamp = (tracks.c.size_bytes, tracks.c.mtime_ns, tracks.c.ctime_ns)
        columns = (tracks.c.path, tracks.c.id, *stamp)
        statement = searchable_tracks(self._model_id, *columns).where(
            below(tracks.c.path, folder), tracks.c.size_bytes.is_not(None)
        )
        if not self._takes_fast:
            statement = statement.where(~is_fast())
        return self._connection.execute(statement).partitions(_ROWS_AT_ONCE)

    def add(self, files: Sequence[FoundFile]) -> dict[str, int]:
        """New tracks, not looked at yet; their ids by path."""
        if not files:
            return {}
        # A scan of another folder may have come by them meanwhile, through a link.
        ids = {path: known.track_id for path, known in self.known([f.path for f in files]).items()}
        rows = [
            {
                "path": os.fsencode(file.path),
                "path_text": printable(file.path),
                "size_bytes": file.stamp.size_bytes if file.stamp else None,
                "mtime_ns": file.stamp.mtime_ns if file.stamp else None,
                "ctime_ns": file.stamp.ctime_ns if file.stamp else None,
                "words": self._roots.words(file.path, Tags()),
                "added_at": self._now,
            }
            for file in files
            if file.path not in ids
        ]
        if rows:
            put = insert(tracks).returning(tracks.c.id, tracks.c.path)
            added = self._connection.execute(put, rows)
            ids |= {os.fsdecode(row.path): row.id for row in added}
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
                "new_ctime": stamp.ctime_ns,
                "new_words": self._roots.words(track.path, content.tags),
            },
        )
        self._changed.add(track.track_id)

    def set_stamp(self, track_id: int, stamp: Stamp) -> None:
        self._set(tracks.c.id == track_id, **stamp._asdict())

    def fill_ctimes(self, ctimes: Sequence[tuple[int, int]]) -> None:
        """Note the ctimes of tracks, by id, that were read when none was kept."""
        rows = [{"for_track": track_id, "new_ctime": ctime_ns} for track_id, ctime_ns in ctimes]
        self._connection.execute(statements.SET_CTIME, rows)

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
        self._changed.add(new.track_id)
        self.relocate(track.track_id, new.path)

    def relocate(self, track_id: int, path: str) -> None:
        """Give a track another path, which no other one has."""
        self._changed.add(track_id)
        values = {"path": os.fsencode(path), "path_text": printable(path)}
        self._set(tracks.c.id == track_id, **values)

    def _set(self, where: ColumnElement[bool], **values: Any) -> None:
        self._connection.execute(update(tracks).where(where).values(**values))

    # Contents and their analyses

    def content(self, digest: bytes) -> KnownContent:
        """The content with this hash, made if there is none."""
        statement = statements.content_by_digest(self._model_id, self._older_ids)
        row = self._connection.execute(statement, {"for_digest": digest}).one_or_none()
        if row is not None:
            is_analysed, is_outdated = self._is_done(row)
            tags = Tags.from_json(row.tags)
            return KnownContent(
                row.id, is_analysed, is_outdated, tags, row.audio_digest, row.has_fingerprint
            )
        made = self._connection.execute(statements.ADD_CONTENT, {"digest": digest})
        return KnownContent(made.scalar_one(), False, False, Tags(), None)

    def set_audio(self, content_id: int, audio_digest: bytes) -> None:
        key = {"for_content": content_id, "new_audio": audio_digest}
        self._connection.execute(statements.SET_AUDIO, key)
        # An index tells copies by it.
        having = self._connection.execute(statements.TRACKS_OF_CONTENT, {"for_content": content_id})
        self._changed.update(row.id for row in having)

    def same_audio(self, content_id: int, audio_digest: bytes) -> list[int]:
        """Other contents that sound the same, analysed by the scan's model or an older one."""
        mine = (self._model_id, *self._older_ids)
        return [
            row.content_id for row in self._shared(content_id, audio_digest) if row.model_id in mine
        ]

    def share_analyses(self, content_id: int, audio_digest: bytes) -> None:
        """Copy to a content what models said of others that sound the same."""
        done = set()
        for row in self._shared(content_id, audio_digest):
            if row.model_id in done:
                continue
            done.add(row.model_id)
            key = {"for_content": content_id, "for_analysis": row.id}
            made = self._connection.execute(statements.COPY_ANALYSIS, key).scalar_one()
            key = {"new_analysis": made, "for_analysis": row.id}
            self._connection.execute(statements.COPY_EXCERPTS, key)
        if done:
            longest = select(func.max(analyses.c.duration_s))
            duration_s = self._connection.scalar(longest.where(analyses.c.content_id == content_id))
            self._set_duration(content_id, duration_s)

    def _shared(self, content_id: int, audio_digest: bytes) -> Sequence[Any]:
        key = {"for_content": content_id, "for_audio": audio_digest}
        return self._connection.execute(statements.SHARED_ANALYSES, key).all()

    def put_analyses(self, content_id: int, facts: Facts, by_model: Mapping[int, Analysis]) -> None:
        """Store what models, by their rows, say of a content; other models' analyses stay."""
        for model_id, analysis in by_model.items():
            self.put_encoded(content_id, model_id, encode(analysis))
        self._set_duration(content_id, float(next(iter(by_model.values())).duration_s))
        self.put_facts(content_id, facts)

    def _set_duration(self, content_id: int, duration_s: float | None) -> None:
        key = {"for_content": content_id, "new_duration_s": duration_s}
        self._connection.execute(statements.SET_DURATION, key)

    def put_facts(self, content_id: int, facts: Facts) -> None:
        """Store what a file says of itself, and what its tracks are found by."""
        self._connection.execute(
            statements.SET_FACTS,
            {
                "for_content": content_id,
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

    def put_encoded(self, content_id: int, model_id: int, encoded: EncodedAnalysis) -> None:
        """Store what a model says of a content, in the place of what it said before."""
        key = {"for_content": content_id, "for_model": model_id}
        self._connection.execute(statements.DROP_ANALYSIS, key)
        values = {
            "content_id": content_id,
            "model_id": model_id,
            "duration_s": encoded.duration_s,
            "embedding": encoded.embedding,
            "probabilities": encoded.probabilities,
            "genre_set": encoded.genre_set,
            "notes": encoded.notes,
            "familiarity": encoded.familiarity,
            "tempo_bpm": encoded.tempo_bpm,
            "tempo_confidence": encoded.tempo_confidence,
            "tempo_alternatives": encoded.tempo_alternatives,
            "key": encoded.key,
            "key_confidence": encoded.key_confidence,
            "words": encoded.words,
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
                "fingerprint": encoded.fingerprint,
            },
        )

    def drop_orphans(self) -> None:
        """Forget contents that no track has any more."""
        used = exists().where(tracks.c.content_id == contents.c.id)
        self._connection.execute(delete(contents).where(~used))

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

    # The end of a scan

    def searchable_below(self, folder: str) -> list[int]:
        """Ids of the tracks below a folder that can be found."""
        statement = searchable_tracks(self._model_id, tracks.c.id)
        return list(self._connection.scalars(statement.where(below(tracks.c.path, folder))))

    def missing_below(self, root: str) -> list[int]:
        where = and_(below(tracks.c.path, root), tracks.c.missing_at.is_not(None))
        return list(self._connection.scalars(select(tracks.c.id).where(where)))

    def remove(self, track_ids: Sequence[int]) -> None:
        """Forget tracks, with their failures; what was in them goes with the orphans."""
        self._connection.execute(delete(tracks).where(tracks.c.id.in_(track_ids)))
        self._changed.update(track_ids)

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
