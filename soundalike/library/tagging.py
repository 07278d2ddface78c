"""Results in the tags of files: the part of a library that writes into music."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from soundalike.errors import InvalidArgument, ModelMismatch, TrackNotFound, printable
from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.tag_names import OWN_FIELDS

if TYPE_CHECKING:
    from soundalike.library.reader import Reader
    from soundalike.library.scan.interrupt import StopOnInterrupt
    from soundalike.library.snapshot import Query
    from soundalike.library.storage.database import Database
    from soundalike.library.tag_records import TagReport
    from soundalike.library.tag_run import TagRun, TagWishes
    from soundalike.library.tag_undo import UndoLog
    from soundalike.models import ModelInfo
    from soundalike.models.lineage import Lineage

__all__ = ["Tagging"]

Progress = Callable[[int, int, Path], None]


class Tagging:
    """Tags that a :class:`.Library` writes into files."""

    model: ModelInfo
    _lineage: Lineage | None
    _database: Database
    _reader: Reader

    def tag(
        self,
        queries: Query | Sequence[Query] | None = None,
        *,
        fields: Sequence[str] = OWN_FIELDS,
        limits: Limits = NO_LIMITS,
        overwrite: bool = False,
        remove: bool = False,
        keep_mtime: bool = False,
        dry_run: bool = False,
        undo_file: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> TagReport:
        """Write what is known of tracks into the tags of their files.

        MP3, FLAC, Ogg Vorbis, Opus and M4A. The sound is never touched, nor another tag: a copy is
        written, compared with the file, and takes its place, so that a file is old or new, whatever
        happens. Old values are kept in a file, from which :meth:`untag` takes all of it back. The
        library knows the new files: the next scan need not analyse them. Ctrl-C or SIGTERM ends it
        after the file at hand.

        Parameters
        ----------
        queries : tracks, as for :meth:`track`, or folders, with all that is below; None for all.
        fields : names of ``OWN_FIELDS`` and ``STANDARD_FIELDS`` (``library.tag_names``). GENRE,
            BPM and INITIALKEY are written only where the model is sure, and the file has none.
        limits : which of these tracks, by folders, genres, years and lengths.
        overwrite : standard fields also where a file has them.
        remove : take the fields away instead.
        keep_mtime : leave the times of modification; players may not notice the change then.
        dry_run : change nothing, only tell.
        undo_file : to be made, for the old values; by default in a folder beside the library.
        progress : told before each file how many are done, how many there are, and its path.
        stop : set it, in any thread, to end as Ctrl-C does.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`; or no track lies in a folder.
        InvalidArgument : an unknown field, limits that leave nothing, or an undo file that is
            there, or that must be named since the library is in memory.
        OutputError : old values cannot be kept: the file at hand is as it was.
        LibraryInUse : a scan is running.
        LibraryError : the database cannot be written.
        """
        from soundalike.library.tag_run import TagWishes
        from soundalike.library.tag_undo import UndoLog, default_undo_file
        from soundalike.library.tag_values import checked_fields

        wishes = TagWishes(checked_fields(fields), overwrite, remove, keep_mtime, dry_run)
        track_ids = self._to_tag(queries, limits)
        undo = None
        if not dry_run:
            if undo_file is None:
                path = self._database.path
                if path is None:
                    raise InvalidArgument("undo_file must be named for a library in memory")
                undo_file = default_undo_file(path)
            undo = UndoLog(Path(undo_file))
        with self._tag_run(wishes, undo, stop) as (run, interrupt):
            return run.write(track_ids, progress, interrupt)

    def untag(
        self,
        undo_file: str | os.PathLike[str],
        *,
        keep_mtime: bool = False,
        dry_run: bool = False,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> TagReport:
        """Put back the fields that :meth:`tag` changed, as they were; what was not there goes.

        A field that somebody else has changed since is left as it is, and listed.

        Parameters
        ----------
        undo_file : that :meth:`tag` made.

        Raises
        ------
        InvalidArgument : it cannot be read; nothing is changed then.
        LibraryInUse, LibraryError : as for :meth:`tag`.
        """
        from soundalike.library.tag_run import TagWishes
        from soundalike.library.tag_undo import read_undo

        entries = read_undo(Path(undo_file))
        wishes = TagWishes(keep_mtime=keep_mtime, dry_run=dry_run)
        with self._tag_run(wishes, None, stop) as (run, interrupt):
            return run.take_back(entries, progress, interrupt)

    @contextmanager
    def _tag_run(
        self, wishes: TagWishes, undo: UndoLog | None, stop: threading.Event | None
    ) -> Iterator[tuple[TagRun, StopOnInterrupt]]:
        from soundalike.library.scan.interrupt import StopOnInterrupt
        from soundalike.library.scan.transactions import Transactions
        from soundalike.library.tag_run import TagRun

        @contextmanager
        def unlocked() -> Iterator[None]:
            yield

        # A scan has read what it will write about.
        lock = unlocked() if wishes.dry_run else self._database.scan_lock()
        with lock, StopOnInterrupt(stop) as interrupt:
            session = Transactions(self._database, self.model, self._lineage, takes_fast=True)
            try:
                yield TagRun(self._reader, session, wishes, undo), interrupt
            finally:
                if undo is not None:
                    undo.close()
        if not wishes.dry_run:
            with suppress(ModelMismatch):
                # So that the next question finds the index made.
                self._reader.index()

    def _to_tag(self, queries: Query | Sequence[Query] | None, limits: Limits) -> list[int]:
        """The ids of the tracks that are meant, each once."""
        allowed: set[int] | None = None
        if limits != NO_LIMITS:
            with self._reader.view() as view:
                rows = view.barred(limits).allowed
                allowed = set(view.index.track_ids[rows].tolist())
        found: dict[int, None] = {}
        if queries is None:
            found = self._there(None)
        else:
            for each in _as_queries(queries):
                folder = _as_folder(each)
                inside = {} if folder is None else self._there(folder)
                if folder is not None and not inside:
                    raise TrackNotFound(
                        f"no track of the library lies in {printable(folder)}: scan it first"
                    )
                found |= inside or {self._reader.track(each).track_id: None}
        chosen = [each for each in found if allowed is None or each in allowed]
        if found and not chosen:
            raise InvalidArgument("the limits leave none of these tracks")
        return chosen

    def _there(self, folder: str | None) -> dict[int, None]:
        """The ids of the tracks below a folder whose files are not missing, by path."""
        found = self._reader.each_track(None, folder, None)
        return {track.track_id: None for track in found if track.status != "missing"}


def _as_queries(queries: Query | Sequence[Query]) -> Sequence[Query]:
    is_one = isinstance(queries, (str, bytes, os.PathLike)) or not isinstance(queries, Sequence)
    return [cast("Query", queries)] if is_one else cast("Sequence[Query]", queries)


def _as_folder(query: Query) -> str | None:
    if not isinstance(query, (str, os.PathLike)):
        return None
    path = os.path.expanduser(query)
    return os.path.realpath(path) if os.path.isdir(path) else None
