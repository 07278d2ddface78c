"""What fills a library: the part of it that scans."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from soundalike.arguments import whole_number
from soundalike.errors import ModelMismatch
from soundalike.library.server_places import is_on_server
from soundalike.library.upgrade import files_there

if TYPE_CHECKING:
    from soundalike.library.reader import Reader
    from soundalike.library.scan.folders import FolderSettings
    from soundalike.library.scan_records import ScanProgress, ScanReport
    from soundalike.library.storage.database import Database
    from soundalike.library.workers import Workers
    from soundalike.models import ModelInfo
    from soundalike.models.lineage import Lineage

__all__ = ["Scanning"]


class Scanning:
    """Scans of a :class:`.Library`, which says how they are set up."""

    model: ModelInfo
    _lineage: Lineage | None
    _workers: Workers
    _database: Database
    _reader: Reader

    def scan(
        self,
        folders: Sequence[str | os.PathLike[str]] | None = None,
        *,
        jobs: int | None = None,
        retry: bool = False,
        full: bool = False,
        fast: bool = False,
        exclude: Sequence[str] | None = None,
        pattern: str | None = None,
        tag_encoding: str | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
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
        full : read every file, whatever its size and times say, for its content and its tags, and
            analyse again what has no fingerprint, though the model's frontend makes them.
        fast : hear only a few passages, spread over the track, of what is new or has changed
            (``Analysis.is_fast``). What is analysed already stays as it is. A scan without it hears
            these tracks as a whole, last; until then the fast analyses answer.
        exclude : patterns of what to leave out of these folders, remembered with them; ``[]``
            for nothing any more, None for those of the last time. ``"Podcasts"`` or ``"*.wma"``
            is compared with each name, ``"Spoken/Drafts*"`` with the path below the folder.
        pattern : how paths below these folders are made, such as ``"{artist}/{album}/{track} -
            {title}"``, remembered with them; "auto" is the default.
        tag_encoding : of text in tags that does not state it, such as "cp1251", remembered with
            these folders; "auto" is the default. The tags below are read anew if it changes.
        progress : called now and then, and after each step, in this thread.
        stop : set it, in any thread, to stop the scan as Ctrl-C does.

        Raises
        ------
        InvalidArgument : a folder that is not there or cannot be read, no folder at all, or a
            setting that cannot be used. Nothing is scanned then.
        LibraryError : another scan is running, or the database cannot be written, or it was
            deleted or replaced meanwhile.
        ModelError : the model cannot be loaded.
        """
        from soundalike.library.scan.folders import FolderSettings, folders_to_scan

        settings = FolderSettings(exclude, pattern, tag_encoding)
        paths, notes = folders_to_scan(self._database, folders, settings)
        report = self._scan(
            paths, jobs, retry, progress, stop, full=full, fast=fast, settings=settings
        )
        return replace(report, notes=(*notes, *report.notes))

    def scan_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        retry: bool = False,
        fast: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Bring the library up to date with some files, as another program knows them, and nothing
        else; see :meth:`scan`.

        No folder is remembered. A file that is gone is no error: its track is marked as missing,
        or found at the new place, where that is among the files.

        Raises
        ------
        LibraryError, ModelError : as :meth:`scan`.
        """
        return self._scan(
            [os.fspath(file) for file in files], jobs, retry, progress, stop, fast=fast
        )

    def scan_changes(
        self,
        paths: Iterable[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Bring the library up to date with paths at which something changed, and nothing else.

        Of a folder all that is below it is looked at; of what is gone, the tracks that were there
        are marked as missing, unless they have moved to another of the paths. What lies in no
        folder that was scanned, or is excluded, is passed by. See :meth:`scan`.

        Parameters
        ----------
        paths : of files and folders, there or gone. Both, where something was moved.

        Raises
        ------
        LibraryInUse : another scan is running.
        LibraryError, ModelError : as for :meth:`scan`.
        """
        from soundalike.library.scan.changed import paths_to_scan
        from soundalike.library.scan.transactions import Transactions

        session = Transactions(self._database, self.model, self._lineage)
        return self._scan(paths_to_scan(session, paths), jobs, False, progress, stop)

    def retry_failures(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Scan again what failed, now, and nothing else; see :meth:`scan`."""
        paths = [os.fspath(failure.path) for failure in self._reader.failures()]
        # Those of a music server are fetched by whom it lets in.
        paths = [path for path in paths if not is_on_server(path)]
        return self._scan(paths, jobs, True, progress, stop)

    def reanalyse(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Go on with an upgrade, wherever the tracks are that remain, and nothing else.

        A track whose file is not there now, as on a disk that is not mounted, is left as it is;
        the report says so. See :meth:`scan`.
        """
        there, notes = files_there(self._reader.to_reanalyse())
        report = self._scan(there, jobs, False, progress, stop)
        return replace(report, notes=(*report.notes, *notes))

    def _scan(
        self,
        paths: Sequence[str],
        jobs: int | None,
        retry: bool,
        progress: Callable[[ScanProgress], None] | None,
        stop: threading.Event | None,
        *,
        full: bool = False,
        fast: bool = False,
        settings: FolderSettings | None = None,
    ) -> ScanReport:
        from soundalike.library.scan.scan import Scan

        if jobs is not None:
            jobs = whole_number("jobs", jobs, least=1)
        scan = Scan(
            self._database,
            self._workers.setup,
            self.model,
            paths,
            lineage=self._lineage,
            pool=self._workers.make_pool,
            settings=settings,
        )
        report = scan.run(
            jobs=jobs, retry=retry, full=full, fast=fast, progress=progress, stop_event=stop
        )
        if report.interrupted:
            # Whoever stopped it does not want to wait.
            return report
        with suppress(ModelMismatch):
            # So that the next question, from whichever process, finds the index made.
            self._reader.index()
        return report
