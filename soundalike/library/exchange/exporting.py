"""From a library to a file of analyses."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select
from sqlalchemy.sql import ColumnElement

from soundalike.errors import InvalidArgument, LibraryError, printable
from soundalike.files import replaced_at_once
from soundalike.library.exchange.formats import format_of, write
from soundalike.library.exchange.packing import unpacked
from soundalike.library.exchange.records import AnalysedTrack, ExportReport, Header
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.encoding import EncodedAnalysis
from soundalike.library.storage.schema import (
    analyses,
    below,
    contents,
    excerpts,
    models,
    tracks,
)

__all__ = ["export"]

# Tracks that are in memory at a time.
_AT_ONCE = 200
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    tracks.c.id,
    tracks.c.path,
    contents.c.digest,
    contents.c.audio_digest,
    contents.c.duration_s.label("whole_s"),
    contents.c.sample_rate,
    contents.c.channels,
    contents.c.codec,
    contents.c.tags,
    analyses.c.duration_s,
    analyses.c.embedding,
    analyses.c.probabilities,
    analyses.c.genre_set,
    analyses.c.notes,
    analyses.c.familiarity,
    analyses.c.tempo_bpm,
    analyses.c.tempo_confidence,
    analyses.c.tempo_alternatives,
    analyses.c.key,
    analyses.c.key_confidence,
    analyses.c.words,
    excerpts.c.starts_s,
    excerpts.c.embeddings,
    excerpts.c.scales,
    excerpts.c.probabilities.label("excerpt_probabilities"),
    excerpts.c.fingerprint,
)


def export(
    snapshot: Snapshot,
    path: str | os.PathLike[str],
    *,
    form: str | None,
    folder: str | os.PathLike[str] | None,
    relative_to: str | os.PathLike[str] | None,
    version: str,
    progress: Callable[[str, int, int], None] | None,
) -> ExportReport:
    """See ``Library.export_analyses``; ``version`` is that of this program."""
    to_stdout = os.fspath(path) == "-"
    chosen = format_of(path, form or ("jsonl" if to_stdout else None))
    if to_stdout and chosen != "jsonl":
        raise InvalidArgument(
            f"format is {chosen!r}: standard output takes jsonl only; name a file for the others"
        )
    source = _Source(snapshot, folder, relative_to)
    if not source.total:
        where = "" if folder is None else f" in {printable(folder)}"
        raise InvalidArgument(
            f"there is no track with an analysis by {snapshot.space.id}{where}: scan a folder first"
        )
    header = source.header(version)
    tracks_ = source.each(progress)
    if to_stdout:
        write(chosen, sys.stdout.buffer, header, tracks_)
    else:
        with replaced_at_once(path) as file:
            write(chosen, file, header, tracks_)
    counts = snapshot.count_by_status()
    return ExportReport(
        path=os.fspath(path),
        model=snapshot.space.id,
        tracks=source.total,
        excerpts=source.n_excerpts,
        left_out={
            status: count for status, count in counts.items() if status != "analysed" and count
        },
        size_bytes=None if to_stdout else Path(path).stat().st_size,
    )


class _Source:
    """The analysed tracks of one state of a library, by id.

    Attributes
    ----------
    total : how many there are.
    n_excerpts : how many they have, once all were read.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        folder: str | os.PathLike[str] | None,
        relative_to: str | os.PathLike[str] | None,
    ) -> None:
        self._snapshot = snapshot
        self._folder = None if folder is None else os.path.realpath(os.path.expanduser(folder))
        self._base = (
            None
            if relative_to is None
            else os.path.join(os.path.realpath(os.path.expanduser(relative_to)), "")
        )
        space = snapshot.space
        named = (models.c.name == space.name, models.c.version == space.version)
        self._model: Any = snapshot.connection.execute(select(models).where(*named)).one_or_none()
        self.total = int(snapshot.connection.scalar(self._chosen(func.count())) or 0)
        self.n_excerpts = 0

    def _chosen(self, *columns: ColumnElement[Any]) -> Select[Any]:
        statement = (
            self._snapshot.searchable(*columns)
            .join(contents, contents.c.id == tracks.c.content_id)
            .join(excerpts, excerpts.c.analysis_id == analyses.c.id)
        )
        if self._folder is not None:
            statement = statement.where(below(tracks.c.path, self._folder))
        return statement

    def header(self, version: str) -> Header:
        """What holds for all tracks; there has to be one."""
        model = self._model
        return Header(
            model=model.name,
            version=model.version,
            labels=tuple(model.labels),
            embedding_dim=model.embedding_dim,
            facets=model.facets,
            words=model.words,
            tracks=self.total,
            soundalike=version,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def each(self, progress: Callable[[str, int, int], None] | None) -> Iterator[AnalysedTrack]:
        """The tracks; raises LibraryError at one whose stored analysis is damaged."""
        statement = self._chosen(*_COLUMNS).where(tracks.c.id > bindparam("after"))
        statement = statement.order_by(tracks.c.id).limit(_AT_ONCE)
        done, after = 0, 0
        while rows := self._snapshot.connection.execute(statement, {"after": after}).all():
            for row in rows:
                track = self._to_track(row)
                self.n_excerpts += len(track.excerpt_starts_s)
                done += 1
                yield track
                if progress is not None:
                    progress("writing tracks", done, self.total)
            after = rows[-1].id

    def _to_track(self, row: Row[Any]) -> AnalysedTrack:
        path = os.fsdecode(row.path)
        if self._base is not None:
            if not path.startswith(self._base):
                raise InvalidArgument(
                    f"{printable(path)} does not lie below {printable(self._base)}: export that "
                    f"folder alone (--folder), or paths as they are"
                )
            path = path[len(self._base) :]
        shown = printable(path)
        known = {
            "id": row.id,
            "path": shown,
            "path_hex": None if shown == path else os.fsencode(path).hex(),
            "content_hash": row.digest.hex(),
            "audio_hash": None if row.audio_digest is None else row.audio_digest.hex(),
            "duration_s": row.whole_s,
            "sample_rate": row.sample_rate,
            "channels": row.channels,
            "codec": row.codec,
            "tags": row.tags or {},
        }
        try:
            return unpacked(EncodedAnalysis.of_row(row), len(self._model.labels), known)
        except ValueError as error:
            raise LibraryError(
                f"#{row.id} {shown}: its stored analysis is damaged ({error}); scan its folder "
                f"again, and it is analysed anew"
            ) from error
