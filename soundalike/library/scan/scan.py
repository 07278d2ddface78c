"""Bringing a library up to date with the files.

First the folders are walked and compared with the database by path, size and times, see ``look``;
what is new or changed becomes work. Then workers read each such file for its hash, which tells a
moved, copied or merely touched file from a new one, and for that of its audio alone, which tells
one that has only new tags, and analyse what is left. Last come the tracks that only an older model
has analysed, see ``upgrade``, or of which only some passages were heard, unless this scan is as
fast. Only this process writes, a few results in one transaction, at most a second's worth, of
re-analyses each by itself: whenever the scan is killed, the database holds all but the last of
them, and the next scan goes on from there.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from soundalike.errors import InvalidArgument
from soundalike.frontends import find_frontend
from soundalike.library.scan.answers import Answers, Waiting
from soundalike.library.scan.folders import FolderSettings
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.library.scan.look import BATCH, Look, Seen
from soundalike.library.scan.missing import mark_missing
from soundalike.library.scan.plan import Plan, make_plan
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan_records import ScanPhase, ScanProgress, ScanReport
from soundalike.library.storage.database import Database
from soundalike.models import ModelInfo
from soundalike.models.lineage import Lineage
from soundalike.pace import Pace
from soundalike.partial import remove_leftovers
from soundalike.urls import path_of
from soundalike.workers.jobs import (
    AnalyseJob,
    Crashed,
    DigestJob,
    Job,
    MakePool,
    Outcome,
    Pool,
    Setup,
    TagsJob,
)
from soundalike.workers.pool import WorkerPool

__all__ = ["Scan"]

_POLL_S = 0.25
# Files that workers have at hand: as many results can come in one transaction.
_JOBS_AHEAD = 8


class Scan:
    """One run over some folders and files; see ``Library.scan``.

    Parameters
    ----------
    settings : what to remember with the folders; None when the paths are no folders that somebody
        asked for, and nothing is to be remembered.
    """

    def __init__(
        self,
        database: Database,
        setup: Setup,
        model: ModelInfo,
        paths: Sequence[str],
        *,
        pool: MakePool = WorkerPool,
        lineage: Lineage | None = None,
        settings: FolderSettings | None = None,
    ) -> None:
        self._database = database
        self._setup = setup
        self._model = model
        self._lineage = lineage
        self._paths = paths
        self._settings = settings
        self._plan = Plan()
        self._make_pool = pool
        self._jobs: int | None = None
        self._fast = False
        self._progress: Callable[[ScanProgress], None] | None = None
        self._counts = Tally()
        self._seen = Seen()
        self._phase: ScanPhase = "walking"
        self._to_reread: list[int] = []
        # Tracks that earlier scans re-analysed, and all that need it.
        self._upgraded = self._to_upgrade = 0
        self._pace = Pace()

    def run(
        self,
        *,
        jobs: int | None = None,
        retry: bool = False,
        full: bool = False,
        fast: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
        stop_event: threading.Event | None = None,
    ) -> ScanReport:
        if jobs is not None and jobs < 1:
            raise InvalidArgument(f"jobs must be at least 1, not {jobs}")
        self._jobs = jobs
        self._fast = fast
        self._progress = progress
        started = time.monotonic()
        interrupted = False
        with self._database.scan_lock(self._paths), StopOnInterrupt(stop_event) as stop:
            if self._database.beside is not None:
                # An index that was being written when its program was killed may be large, and too
                # little may be new to write one now.
                remove_leftovers(self._database.beside.parent)
            try:
                self._session = Transactions(
                    self._database, self._model, self._lineage, takes_fast=fast
                )
                self._plan = make_plan(self._session, self._paths, self._settings, full=full)
                self._answers = Answers(
                    self._session,
                    self._setup.model,
                    self._seen,
                    self._counts,
                    self._plan.remembered,
                    retry=retry,
                    adds_fingerprints=(
                        full and not fast and find_frontend(self._model.frontend).has_chroma
                    ),
                    fast=fast,
                )
                look = Look(
                    self._session,
                    self._plan.walk,
                    self._seen,
                    self._counts,
                    retry=retry,
                    full=full,
                    tell=self._tell,
                )
                look.run(stop)
                if not stop.requested:
                    self._read(stop)
                if not stop.requested:
                    self._finish()
                self._session.check_in_place()
            except KeyboardInterrupt:
                # A second Ctrl-C, or the first where the caller handles signals.
                interrupted = True
            interrupted = interrupted or stop.requested
        return self._counts.report(
            ignored=self._plan.walk.ignored,
            elapsed_s=time.monotonic() - started,
            interrupted=interrupted,
        )

    # Second: what is in them

    def _read(self, stop: StopOnInterrupt) -> None:
        files = len(self._seen.work) + len(self._seen.outdated)
        if not files and not self._plan.reread:
            return
        with self._make_pool(self._setup, self._jobs) as pool:
            if self._seen.work:
                self._begin("analysing")
                self._do(pool, self._digest_jobs(), stop)
            if self._plan.reread and not stop.requested:
                self._to_reread = self._known_below()
                self._begin("reading tags")
                self._do(pool, self._reread_jobs(), stop)
            if self._seen.outdated and not stop.requested:
                self._begin("re-analysing")
                self._do(pool, self._reanalyse_jobs(), stop)

    def _do(self, pool: Pool, jobs: Iterator[Job], stop: StopOnInterrupt) -> None:
        while True:
            room = max(0, _JOBS_AHEAD * pool.size - pool.outstanding)
            for job in itertools.islice(jobs, room):
                pool.submit(job)
            if pool.outstanding == 0:
                if not self._answers.suspects:
                    return
                # A file over which a worker died gets a second chance by itself: it may have
                # been the others that took all the memory.
                self._answers.on_trial = self._answers.suspects.popleft()
                pool.submit(self._answers.on_trial)
            self._take_in(pool, pool.outcomes(_POLL_S))
            if stop.requested:
                pool.close(at_once=True)
                finished = [each for each in pool.outcomes(0) if not isinstance(each, Crashed)]
                self._take_in(None, finished)
                return

    def _begin(self, phase: ScanPhase) -> None:
        self._phase = phase
        self._answers.done = 0
        self._pace = Pace()
        if phase == "re-analysing" and (state := self._session.upgrade()):
            self._upgraded = state.done
            self._to_upgrade = state.done + max(state.remaining, len(self._seen.outdated))
        self._tell(None)

    def _digest_jobs(self) -> Iterator[DigestJob]:
        for start in range(0, len(self._seen.work), BATCH):
            ids = self._seen.work[start : start + BATCH].tolist()
            with self._session.reading() as store:
                paths = store.paths(ids)
            # In the order of the walk, so that a disk reads a folder in one go.
            for track_id in ids:
                if track_id in paths:
                    yield DigestJob(track_id, paths[track_id])

    def _known_below(self) -> list[int]:
        """Tracks that the walk came by, where tags are to be read anew."""
        with self._session.reading() as store:
            found = (
                each for folder in self._plan.reread for each in store.searchable_below(folder)
            )
            return [each for each in dict.fromkeys(found) if each in self._seen.tracks]

    def _reread_jobs(self) -> Iterator[TagsJob]:
        for start in range(0, len(self._to_reread), BATCH):
            ids = self._to_reread[start : start + BATCH]
            with self._session.reading() as store:
                found = store.found(ids)
                contents = {each.track_id: each.content_id for each in store.known_ids(ids)}
            for track_id in ids:
                content_id = contents[track_id]
                if content_id is None or content_id in self._answers.tagged:
                    self._answers.done += 1
                else:
                    # Copies are read once.
                    self._answers.tagged.add(content_id)
                    yield self._answers.tags_job(track_id, found[track_id], is_again=True)

    def _reanalyse_jobs(self) -> Iterator[AnalyseJob]:
        for start in range(0, len(self._seen.outdated), BATCH):
            ids = self._seen.outdated[start : start + BATCH].tolist()
            with self._session.reading() as store:
                found = store.found(ids)
            for track_id in ids:
                with self._session.reading() as store:
                    track = store.known_id(track_id)
                file = Waiting(track_id, found[track_id], "reanalysed")
                if track is None or not track.is_outdated:
                    # A copy of it was first.
                    self._answers.count(track_id, "reanalysed")
                elif file.found.digest in self._answers.waiting:
                    self._answers.waiting[file.found.digest].append(file)
                else:
                    self._answers.waiting[file.found.digest] = []
                    yield self._answers.analyse_job(file)

    def _take_in(self, pool: Pool | None, outcomes: Sequence[Outcome]) -> None:
        """Store what the workers found; without a pool, nothing follows from it."""
        step = 1 if self._phase == "re-analysing" else max(len(outcomes), 1)
        for start in range(0, len(outcomes), step):
            some = outcomes[start : start + step]
            self._answers.take_in(pool, some)
            self._tell(os.fsdecode(some[-1].job.path))

    # Third: which files are no more

    def _finish(self) -> None:
        mark_missing(self._session, self._plan.walk, self._seen.tracks, self._counts)
        # A scan that changed nothing leaves the database, and what others keep of it, alone.
        if self._seen.work or self._counts.missing or self._counts.removed:
            with self._session.writing() as store:
                store.drop_orphans()
        if self._plan.named:
            with self._session.writing() as store:
                for folder in self._plan.named.values():
                    store.folders.put(folder)
        note = self._session.finish_upgrade()
        if note is not None:
            self._counts.notes.append(note)

    def _tell(self, path: str | None) -> None:
        if self._progress is None:
            return
        files, before = len(self._seen.work), 0
        tracks_per_s, left_s = 0.0, None
        if self._phase == "re-analysing":
            files, before = len(self._seen.outdated), self._upgraded
        elif self._phase == "reading tags":
            files = len(self._to_reread)
        if self._phase != "walking":
            tracks_per_s, left_s = self._pace.at(self._answers.done, files)
        self._progress(
            ScanProgress(
                phase=self._phase,
                done=before + self._answers.done,
                total=max(files, self._to_upgrade),
                tracks_per_s=tracks_per_s,
                left_s=left_s,
                path=path_of(path) if path else None,
                model=self._setup.model.id,
                is_fast=self._fast,
            )
        )
