"""The library as its users see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument, ModelMismatch
from soundalike.library.forget import forget
from soundalike.library.index import Index
from soundalike.library.reader import Reader
from soundalike.library.records import (
    DuplicateGroup,
    Failure,
    Forgotten,
    LibraryInfo,
    ScannedFolder,
    ScanProgress,
    ScanReport,
    SimilarResult,
    Track,
    TrackStatus,
    Upgrade,
)
from soundalike.library.scan.folders import FolderSettings, folders_to_scan
from soundalike.library.snapshot import Query
from soundalike.library.storage.database import Database
from soundalike.library.upgrade import files_there
from soundalike.library.word_records import FindResult, KnownWord
from soundalike.models import ModelInfo, find_model
from soundalike.models.lineage import Lineage, default_lineage
from soundalike.workers.calls import Call, run_calls
from soundalike.workers.jobs import MakePool, Setup
from soundalike.workers.pool import WorkerPool

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.playlist_records import PlaylistResolution
    from soundalike.playlists import Playlist
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
    def path(self) -> Path | None:
        """The database file; None for a library in memory."""
        return self._database.path

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
        paths, notes = folders_to_scan(self._database, folders, settings)
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
        there, notes = files_there(self._reader.to_reanalyse())
        report = self._scan(there, jobs, False, progress)
        return replace(report, notes=(*report.notes, *notes))

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

        if jobs is not None:
            jobs = whole_number("jobs", jobs, least=1)
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
        return list(self.each_track(status=status))

    def each_track(
        self,
        words: str | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        status: TrackStatus | None = None,
    ) -> Iterator[Track]:
        """Tracks by path, one after the other, however many there are.

        Parameters
        ----------
        words : only those that have all these words, as for :meth:`track`.
        folder : only those below this folder.
        status : only those of this status.

        Raises
        ------
        TrackNotFound : no track has the words; raised when the first track is asked for.
        InvalidArgument : an unknown status, or words that are no text.
        """
        if status is not None and status not in get_args(TrackStatus):
            known = ", ".join(get_args(TrackStatus))
            raise InvalidArgument(f"status is {status!r}: it must be one of {known}")
        if words is not None and not isinstance(words, str):
            raise InvalidArgument(f"words is {words!r}: it must be text")
        inside = None if folder is None else os.path.realpath(os.path.expanduser(folder))
        return self._reader.each_track(words, inside, status)

    def track(self, query: Query) -> Track:
        """The track that a path, an id or words mean.

        Parameters
        ----------
        query : an id (12, "#12", or "12" where a track has it), a path (text only counts as one
            where the file exists), or words: the tracks that have words beginning with all of
            these, in artist, title, album, folders or file name. Case, accents and order do not
            matter, and an exact title goes before others. Where no word begins so, those count
            that hold them.

        Raises
        ------
        TrackNotFound : no track matches the query; the message offers some that are written nearly
            like it.
        AmbiguousTrack : several tracks do; the message lists the ten best with their ids. Copies
            of one piece are no several: the one with the lowest id is meant.
        InvalidArgument : neither a path, nor an id, nor text.
        """
        return self._reader.track(query)

    def file(self, query: Query) -> Path:
        """The file that a query means: as for :meth:`track`, but it need not be in the library.

        Raises
        ------
        TrackNotFound, AmbiguousTrack, InvalidArgument : as for :meth:`track`.
        """
        return self._reader.file(query)

    def analysis(self, track_id: int) -> Analysis:
        """What is stored of a track.

        The embedding was rounded to 16 bits, those of the excerpts to 8.

        Raises
        ------
        TrackNotFound : no track has this id.
        InvalidArgument : the id is no whole number.
        LibraryError : the track is not analysed.
        ModelMismatch : it is, but only with another model.
        """
        return self._reader.analysis(whole_number("track_id", track_id))

    def similar(
        self,
        query: Query,
        k: int = 10,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        max_per_artist: int | None = None,
        min_percentile: float | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> SimilarResult:
        """The tracks that sound most like a track, a file, or a passage of either.

        A recording comes once, however many files hold it: see ``Match.copies``. Copies of the
        query are left out.

        Parameters
        ----------
        query : as for :meth:`track`; a file that is not in the library is analysed for this.
        k : how many at most.
        start_s, end_s : only this passage of the query, in seconds; analysed for this.
        max_per_artist : at most this many by one artist; where there is no tag, of one folder.
        min_percentile : only tracks that are more alike than this share (0-100) of all pairs in
            the library: fewer than k then, or none, rather than some that are not alike.
        weights : what counts how much, by facet of the model, such as ``{"rhythm": 2, "sound":
            0.5}``: any numbers from 0 on, of which the proportion counts. A facet that is not named
            keeps the weight that ``info().facets`` has. Percentiles are under these weights, too.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : the query's file has to be analysed and cannot be.
        ModelMismatch : the query or the whole library is analysed with another model only.
        InvalidArgument : a value of the wrong type or out of range, or a facet that the model does
            not have.
        """
        k = whole_number("k", k, least=1)
        if start_s is not None:
            start_s = number("start_s", start_s, least=0)
        if end_s is not None:
            end_s = number("end_s", end_s, least=0)
            if end_s <= (start_s or 0.0):
                raise InvalidArgument(
                    f"end_s is {end_s:g}: the passage must end after it starts, "
                    f"at {start_s or 0.0:g} seconds"
                )
        if max_per_artist is not None:
            max_per_artist = whole_number("max_per_artist", max_per_artist, least=1)
        if min_percentile is not None:
            min_percentile = number("min_percentile", min_percentile, least=0, most=100)
        if weights is not None and not isinstance(weights, Mapping):
            raise InvalidArgument(
                f'weights is {weights!r}: give numbers by facet, such as {{"rhythm": 2}}'
            )
        return self._reader.similar(
            query,
            k,
            start_s=start_s,
            end_s=end_s,
            max_per_artist=max_per_artist,
            min_percentile=min_percentile,
            weights=weights,
        )

    def index(self) -> Index:
        """The embeddings of all tracks that a search can find, in memory.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        return self._reader.index()

    def find(
        self, query: str, k: int = 10, *, max_per_artist: int | None = None, sure: bool = False
    ) -> FindResult:
        """The tracks that have what words ask for, by what the model hears in them.

        Parameters
        ----------
        query : such as "piano, no vocals, sad"; what can be written says ``words.query.parse``.
        k : how many at most.
        max_per_artist : as for :meth:`similar`.
        sure : only tracks that surely are as asked, in every word: fewer than k then, or none.

        Raises
        ------
        InvalidArgument : a word that the model does not have (the message offers others), a query
            that asks for nothing or contradicts itself, or a value out of range.
        ModelError : the model that answers tells no words.
        """
        return self._reader.find(query, k, max_per_artist=max_per_artist, sure=sure)

    def words(self) -> tuple[KnownWord, ...]:
        """The words that :meth:`find` knows; raises as it does."""
        return self._reader.words()

    def duplicates(self) -> tuple[DuplicateGroup, ...]:
        """The recordings that several files hold, by the path of the best copy of each.

        Exact copies, the same audio with other tags, and near-duplicates such as another encoding:
        what counts as one, and how often that is wrong, says ``soundalike.similarity.duplicates``.
        Nothing is changed or deleted.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        return self._reader.duplicates()

    def compare(self, a: Query, b: Query) -> Comparison:
        """Compare two tracks or files: how alike, and which passages match best.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : a file that has to be analysed and cannot be.
        ModelMismatch : a track is analysed with another model only.
        """
        return self._reader.compare(a, b)

    def resolve_playlist(self, playlist: Playlist) -> PlaylistResolution:
        """The tracks that the entries of a playlist mean, however it came about.

        By path; else by content, where a file lies elsewhere now; by MusicBrainz id or ISRC; by
        artist and title. What fits several tracks is not guessed. See ``library.playlist_entries``.

        Parameters
        ----------
        playlist : such as ``playlists.read_playlist`` gives.
        """
        return self._reader.resolve_playlist(playlist)

    def run_calls(
        self,
        calls: Sequence[Call],
        *,
        jobs: int | None = None,
        result: Callable[[int, Any], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Any]:
        """Call functions on files, where this library's scans run; see ``workers.calls``."""
        return run_calls(
            self._setup, calls, jobs=jobs, result=result, progress=progress, pool=self._pool
        )

    def failures(self) -> list[Failure]:
        """What cannot be analysed and why, by path: tracks, and folders that cannot be read."""
        return self._reader.failures()

    def info(self) -> LibraryInfo:
        """What the library holds."""
        return self._reader.info()

    def upgrade(self) -> Upgrade | None:
        """How far the re-analysis by a new built-in model is; None if there is none."""
        return self._reader.upgrade()

    def folders(self) -> tuple[ScannedFolder, ...]:
        """The folders that were scanned, by path, and how."""
        return self._reader.folders()

    def missing(self, query: str | os.PathLike[str] | None = None) -> list[Track]:
        """The tracks whose files were gone when their folders were last scanned, by path.

        Parameters
        ----------
        query : only those in this folder (a path, or text with a separator, or the name of a
            folder here that has tracks), or those with all of these words.
        """
        return self._reader.missing(query)

    def forget(self, *what: Query, missing: bool = False, dry_run: bool = False) -> Forgotten:
        """Remove tracks from the library, and their analyses where no copy needs them.

        A file that is still there comes back with the next scan of its folder. Folders that were
        scanned are forgotten, too, where they are what is named, or lie below it: a scan without
        folders no longer goes through them.

        Parameters
        ----------
        what : files, folders with all that is below them, or ids (12, "12", "#12"); they need not
            be there any more.
        missing : only tracks that are missing: all of them, or those among ``what``. No scanned
            folder is forgotten then.
        dry_run : change nothing, only tell.

        Raises
        ------
        TrackNotFound : the library knows nothing of one of them. Nothing is removed then.
        InvalidArgument : nothing is named.
        LibraryError : a scan is running, or the database cannot be written.
        """
        return forget(self._database, what, missing=missing, dry_run=dry_run)
