"""Bringing a library up to date with the files.

First the folders are walked and compared with the database by path, size and time; what is new or
changed becomes work. Then workers read each such file for its hash, which tells a moved, copied or
merely touched file from a new one, and analyse what is left. Last come the tracks that only an
older model has analysed, see ``upgrade``. Only this process writes, a few results in one
transaction, at most a second's worth, of re-analyses each by itself: whenever the scan is killed,
the database holds all but the last of them, and the next scan goes on from there.
"""

from __future__ import annotations

import itertools
import os
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from soundalike.errors import DecoderCrashed, InvalidArgument, UnreadableFile
from soundalike.files import is_gone
from soundalike.library.records import ScanPhase, ScanProgress, ScanReport
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.library.scan.missing import mark_missing
from soundalike.library.scan.settled import Settled
from soundalike.library.scan.store import KnownTrack, Store
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile, Walk, is_under
from soundalike.library.storage.database import Database
from soundalike.models import ModelInfo
from soundalike.models.lineage import Lineage
from soundalike.pace import Pace
from soundalike.workers.jobs import (
    Analysed,
    AnalyseJob,
    Crashed,
    Digested,
    DigestJob,
    Failed,
    Job,
    MakePool,
    Outcome,
    Pool,
    Setup,
)
from soundalike.workers.pool import WorkerPool, available_cores

__all__ = ["Scan"]

# Rows in one query, well under the number of parameters that a statement may have.
_BATCH = 500
_POLL_S = 0.25
# Files that workers have at hand: as many results can come in one transaction.
_JOBS_AHEAD = 8
# Thousands of empty files have the same content.
_MOST_TWINS = 200

# How a file whose content turned out to be known got there.
_Origin = Literal["unchanged", "moved", "copied", "reanalysed"]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file whose content has to be analysed."""

    track_id: int
    found: Digested
    origin: _Origin


class Scan:
    """One run over some folders and files; see ``Library.scan``."""

    def __init__(
        self,
        database: Database,
        setup: Setup,
        model: ModelInfo,
        paths: Sequence[str],
        *,
        pool: MakePool = WorkerPool,
        lineage: Lineage | None = None,
    ) -> None:
        self._database = database
        self._setup = setup
        self._model = model
        self._lineage = lineage
        self._walk = Walk(paths)
        self._make_pool = pool
        self._jobs = 1
        self._retry = False
        self._progress: Callable[[ScanProgress], None] | None = None
        self._counts = Tally()
        # Ids only: 200,000 files must not cost more than some megabytes.
        self._seen: set[int] = set()
        self._returned: set[int] = set()
        self._work: array[int] = array("q")
        self._outdated: array[int] = array("q")
        # By hash, the contents that are being analysed, and the other files that have them.
        self._waiting: dict[bytes, list[_Waiting]] = {}
        # By content, the tracks that the walk did not come by; None until they are asked for.
        self._elsewhere: dict[int, list[int]] | None = None
        # Jobs over which a worker died, and the one of them that is tried again.
        self._suspects: deque[Job] = deque()
        self._on_trial: Job | None = None
        self._phase: ScanPhase = "walking"
        self._done = 0
        # Tracks that earlier scans re-analysed, and all that need it.
        self._upgraded = self._to_upgrade = 0
        self._pace = Pace()

    def run(
        self,
        *,
        jobs: int | None = None,
        retry: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        if jobs is not None and jobs < 1:
            raise InvalidArgument(f"jobs must be at least 1, not {jobs}")
        self._jobs = jobs or available_cores()
        self._retry = retry
        self._progress = progress
        started = time.monotonic()
        interrupted = False
        with self._database.scan_lock(), StopOnInterrupt() as stop:
            try:
                self._session = Transactions(self._database, self._model, self._lineage)
                self._look(stop)
                if not stop.requested:
                    self._read(stop)
                if not stop.requested:
                    self._finish()
            except KeyboardInterrupt:
                # A second Ctrl-C, or the first where the caller handles signals.
                interrupted = True
            interrupted = interrupted or stop.requested
        return self._counts.report(
            ignored=self._walk.ignored,
            elapsed_s=time.monotonic() - started,
            interrupted=interrupted,
        )

    # First: which files are there

    def _look(self, stop: StopOnInterrupt) -> None:
        settled = Settled(self._session, self._seen)
        unsettled: list[FoundFile] = []
        listed = 0
        for folder, files in self._walk.folders():
            seen_before = len(self._seen)
            unsettled += settled.sift(folder, files)
            self._counts.unchanged += len(self._seen) - seen_before
            listed += len(files)
            if listed >= _BATCH:
                self._compare(unsettled)
                unsettled, listed = [], 0
                self._tell(folder)
                if stop.requested:
                    return
        self._compare(unsettled)
        if listed:
            self._tell(folder)
        problems = {problem.path: problem.reason for problem in self._walk.problems}
        with self._session.reading() as store:
            failing = store.failing_folders()
        roots = self._walk.roots + self._walk.followed
        readable = [
            folder
            for folder in failing
            if folder not in problems and any(is_under(folder, root) for root in roots)
        ]
        if problems or readable:
            with self._session.writing() as store:
                store.drop_folder_failures(readable)
                for path, reason in problems.items():
                    self._fail(store, path, reason)

    def _compare(self, files: Sequence[FoundFile]) -> None:
        for start in range(0, len(files), _BATCH):
            self._compare_batch(files[start : start + _BATCH])

    def _compare_batch(self, batch: Sequence[FoundFile]) -> None:
        """Tell new and changed files of the walk from those that are as they were."""
        now = time.time()
        with self._session.reading() as store:
            known = store.known([file.path for file in batch])
        new = {file.path: file for file in batch if file.path not in known}
        back: list[int] = []
        unreadable: list[tuple[int | str, str]] = [
            (file.path, file.problem) for file in new.values() if file.problem
        ]
        for file in batch:
            track = known.get(file.path)
            if track is None or track.track_id in self._seen:
                continue
            self._seen.add(track.track_id)
            if track.is_missing:
                back.append(track.track_id)
            due = self._retry or (track.retry_at is not None and track.retry_at <= now)
            if track.stamp == file.stamp and track.is_failed and not due:
                self._counts.still_failing += 1
            elif file.problem:
                unreadable.append((track.track_id, file.problem))
            elif track.stamp == file.stamp and track.is_analysed and not track.is_failed:
                self._note_unchanged(track)
            elif track.stamp == file.stamp and track.is_outdated:
                self._note_unchanged(track)
                self._outdated.append(track.track_id)
            else:
                self._work.append(track.track_id)
        self._returned.update(back)
        if not (new or back or unreadable):
            return
        with self._session.writing() as store:
            ids = store.add(list(new.values()))
            self._seen.update(ids.values())
            self._work.extend(ids[file.path] for file in new.values() if not file.problem)
            store.is_back(back)
            for subject, reason in unreadable:
                self._fail(store, subject if isinstance(subject, int) else ids[subject], reason)

    def _note_unchanged(self, track: KnownTrack) -> None:
        if track.is_missing:
            self._counts.returned += 1
        else:
            self._counts.unchanged += 1

    # Second: what is in them

    def _read(self, stop: StopOnInterrupt) -> None:
        files = len(self._work) + len(self._outdated)
        if not files:
            return
        with self._make_pool(self._setup, min(self._jobs, files)) as pool:
            if self._work:
                self._begin("analysing")
                self._do(pool, self._digest_jobs(), stop)
            if self._outdated and not stop.requested:
                self._begin("re-analysing")
                self._do(pool, self._reanalyse_jobs(), stop)

    def _do(self, pool: Pool, jobs: Iterator[Job], stop: StopOnInterrupt) -> None:
        while True:
            room = max(0, _JOBS_AHEAD * pool.size - pool.outstanding)
            for job in itertools.islice(jobs, room):
                pool.submit(job)
            if pool.outstanding == 0:
                if not self._suspects:
                    return
                # A file over which a worker died gets a second chance by itself: it may have
                # been the others that took all the memory.
                self._on_trial = self._suspects.popleft()
                pool.submit(self._on_trial)
            self._take_in(pool, pool.outcomes(_POLL_S))
            if stop.requested:
                pool.close(at_once=True)
                finished = [each for each in pool.outcomes(0) if not isinstance(each, Crashed)]
                self._take_in(None, finished)
                return

    def _begin(self, phase: ScanPhase) -> None:
        self._phase = phase
        self._done = 0
        self._pace = Pace()
        if phase == "re-analysing" and (state := self._session.upgrade()):
            self._upgraded = state.done
            self._to_upgrade = state.done + max(state.remaining, len(self._outdated))
        self._tell(None)

    def _digest_jobs(self) -> Iterator[DigestJob]:
        for start in range(0, len(self._work), _BATCH):
            ids = self._work[start : start + _BATCH].tolist()
            with self._session.reading() as store:
                paths = store.paths(ids)
            # In the order of the walk, so that a disk reads a folder in one go.
            for track_id in ids:
                if track_id in paths:
                    yield DigestJob(track_id, paths[track_id])

    def _reanalyse_jobs(self) -> Iterator[AnalyseJob]:
        for start in range(0, len(self._outdated), _BATCH):
            ids = self._outdated[start : start + _BATCH].tolist()
            with self._session.reading() as store:
                found = store.found(ids)
            for track_id in ids:
                with self._session.reading() as store:
                    track = store.known_id(track_id)
                file = _Waiting(track_id, found[track_id], "reanalysed")
                if track is None or not track.is_outdated:
                    # A copy of it was first.
                    self._count(track_id, "reanalysed")
                elif file.found.digest in self._waiting:
                    self._waiting[file.found.digest].append(file)
                else:
                    self._waiting[file.found.digest] = []
                    yield self._job(file)

    def _take_in(self, pool: Pool | None, outcomes: Sequence[Outcome]) -> None:
        """Store what the workers found; without a pool, nothing follows from it."""
        if self._phase == "re-analysing":
            for outcome in outcomes:
                self._store_all(pool, [outcome])
        elif outcomes:
            self._store_all(pool, outcomes)

    def _store_all(self, pool: Pool | None, outcomes: Sequence[Outcome]) -> None:
        with self._session.writing() as store:
            for outcome in outcomes:
                if isinstance(outcome, Crashed) and outcome.job != self._on_trial:
                    self._suspects.append(outcome.job)
                elif isinstance(outcome, Digested):
                    self._identify(store, pool, outcome)
                elif isinstance(outcome, Analysed):
                    self._keep(store, outcome)
                elif isinstance(outcome, (Failed, Crashed)):
                    self._give_up(store, pool, outcome)
        self._tell(os.fsdecode(outcomes[-1].job.path))

    def _keep(self, store: Store, outcome: Analysed) -> None:
        job = outcome.job
        ids = (self._session.model_ids[model.id] for model in job.models)
        content_id = store.content(job.digest).content_id
        store.put_analyses(content_id, outcome.facts, dict(zip(ids, outcome.analyses, strict=True)))
        store.drop_failure(job.track_id)
        self._done += 1
        if job.is_again:
            self._counts.reanalysed += 1
        else:
            self._counts.analysed += 1
        self._share(store, job.digest)

    def _identify(self, store: Store, pool: Pool | None, found: Digested) -> None:
        """A file was read: is its content known, and does it have to be analysed?"""
        job = found.job
        track = self._current(store, job)
        if track is None:
            return
        content = store.content(found.digest)
        origin: _Origin = "unchanged" if track.content_id == content.content_id else "copied"
        if track.content_id is None:
            old = self._gone_twin(store, track, content.content_id)
            if old is not None:
                store.move(old, track)
                self._seen.discard(track.track_id)
                self._seen.add(old.track_id)
                track, origin = replace(old, path=track.path), "moved"
        if track.content_id != content.content_id:
            # Whatever failed was another content, or could not be read.
            store.drop_failure(track.track_id)
            track = replace(track, is_failed=False, retry_at=None)
        store.set_content(track, content, found.stamp)
        if content.is_analysed:
            store.drop_failure(track.track_id)
            self._count(track.track_id, origin)
        elif track.is_failed and track.retry_at is None and not self._retry:
            self._counts.still_failing += 1
            self._done += 1
        elif content.is_outdated:
            # What the older model says of it holds until its turn comes.
            store.drop_failure(track.track_id)
            self._outdated.append(track.track_id)
            self._count(track.track_id, origin)
        elif found.digest in self._waiting:
            self._waiting[found.digest].append(_Waiting(track.track_id, found, origin))
        else:
            self._waiting[found.digest] = []
            self._analyse(pool, _Waiting(track.track_id, found, origin))

    def _gone_twin(self, store: Store, track: KnownTrack, content_id: int) -> KnownTrack | None:
        """A track with the same content whose file is gone: the same file under its old name."""
        if self._elsewhere is None:
            # Only what the walk did not come by can be gone. Once for all files: asked one by
            # one, thousands of copies of a content are each compared with all the others.
            self._elsewhere = store.by_content(without=self._seen)
        found = [each for each in self._elsewhere.get(content_id, ()) if each not in self._seen]
        twins = [twin for twin in store.known_ids(found[:_MOST_TWINS]) if is_gone(twin.path)]
        name, folder = os.path.basename(track.path), os.path.dirname(track.path)
        # Of several, the one that was moved keeping its name, or renamed in its folder.
        return min(
            twins,
            key=lambda twin: (
                os.path.basename(twin.path) != name,
                os.path.dirname(twin.path) != folder,
                twin.track_id,
            ),
            default=None,
        )

    def _current(self, store: Store, job: Job) -> KnownTrack | None:
        """The track of a job; None when its file has moved on to another track meanwhile."""
        track = store.known_id(job.track_id)
        if track is not None and os.fsencode(track.path) == job.path:
            return track
        self._done += 1
        return None

    def _analyse(self, pool: Pool | None, file: _Waiting) -> None:
        if pool is not None:
            pool.submit(self._job(file))

    def _job(self, file: _Waiting) -> AnalyseJob:
        found, is_again = file.found, file.origin == "reanalysed"
        models = (self._setup.model,) if is_again else self._session.models
        return AnalyseJob(
            file.track_id, found.job.path, found.stamp, found.digest, models, is_again
        )

    def _share(self, store: Store, digest: bytes) -> None:
        """A content is analysed: so are the other files that have it."""
        for file in self._waiting.pop(digest):
            store.drop_failure(file.track_id)
            self._count(file.track_id, file.origin)

    def _give_up(self, store: Store, pool: Pool | None, outcome: Failed | Crashed) -> None:
        job = outcome.job
        if isinstance(job, AnalyseJob):
            # The next file with this content has its own chance, as this one may have vanished.
            others = self._waiting[job.digest]
            if others:
                self._analyse(pool, others.pop(0))
            else:
                del self._waiting[job.digest]
        track = self._current(store, job)
        if track is None:
            return
        self._done += 1
        if isinstance(outcome, Crashed):
            kind, advice = DecoderCrashed.__name__, DecoderCrashed.advice
        else:
            kind, advice = outcome.kind, outcome.advice
            if outcome.stamp is not None:
                store.set_stamp(track.track_id, outcome.stamp)
        failure = store.put_failure(
            track.track_id,
            kind=kind,
            reason=outcome.reason,
            advice=advice,
            in_analysis=isinstance(job, AnalyseJob),
        )
        self._counts.failed.append(failure)

    def _fail(self, store: Store, subject: int | str, reason: str) -> None:
        """Note a file or folder that the walk could not look at."""
        kind, advice = UnreadableFile.__name__, UnreadableFile.advice
        failure = store.put_failure(subject, kind=kind, reason=reason, advice=advice)
        self._counts.failed.append(failure)

    def _count(self, track_id: int, origin: _Origin) -> None:
        self._done += 1
        if origin == "unchanged" and track_id in self._returned:
            self._counts.returned += 1
        else:
            setattr(self._counts, origin, getattr(self._counts, origin) + 1)

    # Third: which files are no more

    def _finish(self) -> None:
        mark_missing(self._session, self._walk, self._seen, self._counts)
        # A scan that changed nothing leaves the database, and what others keep of it, alone.
        if self._work or self._counts.missing:
            with self._session.writing() as store:
                store.drop_orphans()
        note = self._session.finish_upgrade()
        if note is not None:
            self._counts.notes.append(note)

    def _tell(self, path: str | None) -> None:
        if self._progress is None:
            return
        files, before = len(self._work), 0
        tracks_per_s, left_s = 0.0, None
        if self._phase == "re-analysing":
            files, before = len(self._outdated), self._upgraded
        if self._phase != "walking":
            tracks_per_s, left_s = self._pace.at(self._done, files)
        self._progress(
            ScanProgress(
                phase=self._phase,
                done=before + self._done,
                total=max(files, self._to_upgrade),
                tracks_per_s=tracks_per_s,
                left_s=left_s,
                path=Path(path) if path else None,
                model=self._setup.model.id,
            )
        )
