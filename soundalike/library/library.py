"""The library as its users see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from soundalike.errors import ModelMismatch
from soundalike.files import is_gone
from soundalike.library.index import Index
from soundalike.library.reader import Reader
from soundalike.library.records import (
    Failure,
    LibraryInfo,
    ScanProgress,
    ScanReport,
    SimilarResult,
    Track,
    TrackStatus,
    Upgrade,
)
from soundalike.library.scan.folders import FolderSettings, remembered_folders
from soundalike.library.scan.walk import checked_folders
from soundalike.library.snapshot import Query
from soundalike.library.storage.database import Database
from soundalike.models import ModelInfo, find_model
from soundalike.models.lineage import Lineage, default_lineage
from soundalike.workers.calls import Call, run_calls
from soundalike.workers.jobs import MakePool, Setup
from soundalike.workers.pool import WorkerPool

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.similarity.passages import Comparison

__all__ = ["Library", "Query"]


class Library:
    """Tracks with their analyses, in a database.

    Parameters
    ----------
    location : the database file, or a SQLAlchemy URL of SQLite. By default what the environment
        variable ``SOUNDALIKE_LIBRARY`` says, else ``library.db`` in the user's data folder.
    model : name of the model that analyses and answers; ``name@version`` for a certain version.
        Analyses by other models stay in the database, but are never compared with this one's.
        By default the newest built-in model, which replaces earlier ones: a scan re-analyses
        what they analysed, and they answer until that is complete.
    create : make a new library where there is none.
    analyzer : ``module:callable``, called with a ``ModelKey`` in every process that analyses.
    pool : makes what scans and evaluations run in; by default processes of this machine.

    Raises
    ------
    LibraryError : the library cannot be opened; the message has its place and what to do.
    ModelError : unknown model.

    Examples
    --------
    >>> with Library() as library:                                 # doctest: +SKIP
    ...     library.scan(["~/Music"])
    ...     for match in library.similar("~/Music/piece.flac").matches:
    ...         print(f"{match.similarity:.2f} {match.track.name}")
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        model: str | ModelInfo | Lineage | None = None,
        create: bool = True,
        analyzer: str = "soundalike.analyzer:Analyzer",
        pool: MakePool = WorkerPool,
    ) -> None:
        model = default_lineage() if model is None else model
        self._lineage = model if isinstance(model, Lineage) else None
        if isinstance(model, Lineage):
            model = model.current
        self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._setup = Setup(analyzer, self.model.key)
        self._pool = pool
        self._database = Database(location, create=create)
        self._reader = Reader(self._database, self.model, self._lineage, analyzer)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({self.location!r}, model={self.model.id!r})"

    @property
    def location(self) -> str:
        """The database file, or its URL, as text."""
        return self._database.location

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def scan(
        self,
        folders: Sequence[str | os.PathLike[str]] | None = None,
        *,
        jobs: int | None = None,
        retry: bool = False,
        full: bool = False,
        exclude: Sequence[str] | None = None,
        pattern: str | None = None,
        tag_encoding: str | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Bring the library up to date with the audio files below some folders.

        New and changed files are analysed, in processes of their own; moved, copied and returned
        ones are recognised by their content, retagged ones by their audio; those that are gone are
        marked as missing. Recycle bins, hidden folders and folders with a file ``.nomedia`` are
        left out, and no longer in the library. Then the
        tracks that an older built-in model analysed are re-analysed one by one. A file
        that fails is recorded with a reason, and tried again when it has changed, or, where that
        may help, after a while. Ctrl-C or SIGTERM stops the scan: what is finished is stored,
        and the next scan goes on from there, as it does when the process is killed.

        Parameters
        ----------
        folders : folders, walked with all that is below them, or single files; by default the
            folders that were scanned before.
        jobs : processes; by default one for each core.
        retry : try again all files that failed before.
        full : read every file, whatever its size and times say, for its content and its tags.
        exclude : patterns of what to leave out of these folders, remembered with them; ``[]``
            for nothing any more, None for those of the last time. ``"Podcasts"`` or ``"*.wma"``
            is compared with each name, ``"Spoken/Drafts*"`` with the path below the folder.
        pattern : how paths below these folders are made, such as ``"{artist}/{album}/{track} -
            {title}"``, remembered with them; "auto" is the default.
        tag_encoding : of text in tags that does not state it, such as "cp1251", remembered with
            these folders; "auto" is the default. The tags below are read anew if it changes.
        progress : called now and then, and after each step, in this thread.

        Raises
        ------
        InvalidArgument : a folder that is not there or cannot be read, no folder at all, or a
            setting that cannot be used. Nothing is scanned then.
        LibraryError : another scan is running, or the database cannot be written, or it was
            deleted or replaced meanwhile.
        ModelError : the model cannot be loaded.
        """
        settings = FolderSettings(exclude, pattern, tag_encoding)
        settings.check()
        notes: list[str] = []
        if folders is None:
            paths, notes = remembered_folders(self._database, settings)
        else:
            paths = checked_folders(folders)
        report = self._scan(paths, jobs, retry, progress, full=full, settings=settings)
        return replace(report, notes=(*notes, *report.notes))

    def retry_failures(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Scan again what failed, now, and nothing else; see :meth:`scan`."""
        paths = [os.fspath(failure.path) for failure in self.failures()]
        return self._scan(paths, jobs, True, progress)

    def reanalyse(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Go on with an upgrade, wherever the tracks are that remain, and nothing else.

        A track whose file is not there now, as on a disk that is not mounted, is left as it is;
        the report says so. See :meth:`scan`.
        """
        found = self._reader.to_reanalyse()
        there = [os.fsdecode(path) for path in found if not is_gone(os.fsdecode(path))]
        report = self._scan(there, jobs, False, progress)
        away = len(found) - len(there)
        if not away:
            return report
        note = (
            f"{away:,} of the files are missing. Is their disk mounted? If they are gone for "
            f"good, scan their folders; the upgrade then continues without them."
        )
        return replace(report, notes=(*report.notes, note))

    def _scan(
        self,
        paths: Sequence[str],
        jobs: int | None,
        retry: bool,
        progress: Callable[[ScanProgress], None] | None,
        *,
        full: bool = False,
        settings: FolderSettings | None = None,
    ) -> ScanReport:
        from soundalike.library.scan.scan import Scan

        scan = Scan(
            self._database,
            self._setup,
            self.model,
            paths,
            lineage=self._lineage,
            pool=self._pool,
            settings=settings,
        )
        report = scan.run(jobs=jobs, retry=retry, full=full, progress=progress)
        with suppress(ModelMismatch):
            # So that the next question, from whichever process, finds the index made.
            self.index()
        return report

    def tracks(self, status: TrackStatus | None = None) -> list[Track]:
        """All tracks, or those of one status, by path."""
        return [track for track in self._reader.tracks() if status in (None, track.status)]

    def track(self, query: Query) -> Track:
        """The track that a path, an id or words mean.

        Parameters
        ----------
        query : a path (text only counts as one where the file exists), an id (12, "12", "#12"),
            or words of artist, title, album and file name: all must be there, in any order, case
            and accents do not matter, and an exact title goes before others.

        Raises
        ------
        TrackNotFound : no track matches the query.
        AmbiguousTrack : several tracks do; the message lists up to ten with their ids.
        """
        return self._reader.track(query)

    def analysis(self, track_id: int) -> Analysis:
        """What is stored of a track.

        The embedding was rounded to 16 bits, those of the excerpts to 8.

        Raises
        ------
        TrackNotFound : no track has this id.
        LibraryError : the track is not analysed.
        ModelMismatch : it is, but only with another model.
        """
        return self._reader.analysis(track_id)

    def similar(
        self,
        query: Query,
        k: int = 10,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        max_per_artist: int | None = None,
        min_percentile: float | None = None,
    ) -> SimilarResult:
        """The tracks that sound most like a track, a file, or a passage of either.

        Parameters
        ----------
        query : as for :meth:`track`; a file that is not in the library is analysed for this.
        k : how many at most.
        start_s, end_s : only this passage of the query, in seconds; analysed for this.
        max_per_artist : at most this many by one artist.
        min_percentile : only tracks that are more alike than this share (0-100) of all pairs in
            the library: fewer than k then, or none, rather than some that are not alike.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : the query's file has to be analysed and cannot be.
        ModelMismatch : the query or the whole library is analysed with another model only.
        InvalidArgument : a value out of range.
        """
        return self._reader.similar(
            query,
            k,
            start_s=start_s,
            end_s=end_s,
            max_per_artist=max_per_artist,
            min_percentile=min_percentile,
        )

    def index(self) -> Index:
        """The embeddings of all tracks that a search can find, in memory.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        return self._reader.index()

    def compare(self, a: Query, b: Query) -> Comparison:
        """Compare two tracks or files: how alike, and which passages match best.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : a file that has to be analysed and cannot be.
        ModelMismatch : a track is analysed with another model only.
        """
        return self._reader.compare(a, b)

    def run_calls(
        self,
        calls: Sequence[Call],
        *,
        jobs: int | None = None,
        progress: Callable[[int, float | None], None] | None = None,
    ) -> list[Any]:
        """Call functions on files, where this library's scans run; see ``workers.calls``."""
        return run_calls(self._setup, calls, jobs=jobs, progress=progress, pool=self._pool)

    def failures(self) -> list[Failure]:
        """What cannot be analysed and why, by path: tracks, and folders that cannot be read."""
        return self._reader.failures()

    def info(self) -> LibraryInfo:
        """What the library holds."""
        return self._reader.info()

    def upgrade(self) -> Upgrade | None:
        """How far the re-analysis by a new built-in model is; None if there is none."""
        return self._reader.upgrade()
