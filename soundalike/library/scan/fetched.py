"""Songs that only a music server has: fetched, analysed, and noted with a place on the server.

A few files at a time are on disk, beside the database, each until it is analysed. What is finished
is stored at once, so that a run that is stopped or killed goes on where it was.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import DecoderCrashed, ServerError, UnreadableFile
from soundalike.files import Stamp, cannot_write
from soundalike.library.link_records import ServerSong
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.library.scan.store import KnownTrack, Store
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile
from soundalike.library.scan_records import ScanProgress, ScanReport
from soundalike.library.server_places import item_at, place_of, places_on
from soundalike.library.storage.database import Database
from soundalike.models import ModelInfo
from soundalike.models.lineage import Lineage
from soundalike.pace import Pace
from soundalike.threads import available_cores
from soundalike.urls import path_of
from soundalike.workers.jobs import (
    Analysed,
    AnalyseJob,
    Crashed,
    Digested,
    DigestJob,
    Failed,
    MakePool,
    Outcome,
    Pool,
    Setup,
    Tagged,
    TagsJob,
)
from soundalike.workers.pool import WorkerPool

__all__ = ["Fetch", "FetchedScan"]

Fetch = Callable[[ServerSong, Path, Callable[[int], None]], object]
"""Writes the file of a song to a path, and tells a callback the bytes of each block. It raises
``ServerError``: with a code where it is about this song, without where the server is gone."""

_DOWNLOADS = 4
# On disk at the same time, but for one file that is larger by itself.
_MOST_FILES, _MOST_BYTES = 16, 2 << 30
_UNKNOWN_BYTES = 64 << 20
_POLL_S = 0.1
_PAUSES_S = (1.0, 4.0)
_GONE = 70
_ADVICE = "see what the server says of this song; `soundalike subsonic scan` tries it again"


@dataclass(frozen=True, slots=True)
class _Item:
    """A song whose file is to be analysed, is being fetched, or is on disk."""

    song: ServerSong
    place: str
    file: Path

    @property
    def n_bytes(self) -> int:
        return self.song.size_bytes or _UNKNOWN_BYTES


class _Stopped(Exception):
    """Somebody wants the scan to stop."""


class FetchedScan:
    """One run over the songs of a server; see ``Library.scan_songs``."""

    def __init__(
        self,
        database: Database,
        setup: Setup,
        model: ModelInfo,
        fetch: Fetch,
        *,
        pool: MakePool = WorkerPool,
        lineage: Lineage | None = None,
    ) -> None:
        self._database = database
        self._setup = setup
        self._model = model
        self._fetch = fetch
        self._make_pool = pool
        self._lineage = lineage
        self._counts = Tally()
        self._todo: deque[_Item] = deque()
        self._by_job: dict[int, _Item] = {}
        self._done = self._total = self._gone = 0
        self._ended = threading.Event()
        self._pace = Pace()

    def run(
        self,
        server: str,
        songs: Sequence[ServerSong],
        wanted: Collection[str],
        *,
        jobs: int | None = None,
        retry: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
        stop_event: threading.Event | None = None,
    ) -> ScanReport:
        started = time.monotonic()
        self._progress = progress
        interrupted = False
        with (
            self._database.scan_lock(),
            StopOnInterrupt(stop_event) as stop,
            _folder(self._database.beside) as folder,
        ):
            self._session = Transactions(self._database, self._model, self._lineage)
            self._look(server, songs, wanted, folder, retry=retry)
            try:
                if self._todo:
                    self._read(jobs or available_cores(), stop)
                self._session.check_in_place()
            except KeyboardInterrupt:
                interrupted = True
            interrupted = interrupted or stop.requested
            if not interrupted:
                self._finish()
        return self._counts.report(
            ignored=0, elapsed_s=time.monotonic() - started, interrupted=interrupted
        )

    def _look(
        self,
        server: str,
        songs: Sequence[ServerSong],
        wanted: Collection[str],
        folder: Path,
        *,
        retry: bool,
    ) -> None:
        """What of the songs is new or has changed, and which tracks are there no more."""
        now = time.time()
        with self._session.writing() as store:
            known = {
                item_id: track
                for track in store.known_below(places_on(server))
                if (item_id := item_at(track.path, server)) is not None
            }
            there = {song.item_id for song in songs}
            gone = [
                track.track_id
                for item_id, track in known.items()
                if item_id not in there and not track.is_missing
            ]
            if gone:
                store.mark_missing(gone)
                self._counts.missing += len(gone)
            for song in songs:
                track = known.get(song.item_id)
                if track is None and song.item_id not in wanted:
                    continue
                place = place_of(server, song.item_id, song.path_names)
                if track is not None and track.path != place:
                    store.relocate(track.track_id, place)
                if track is not None and self._is_settled(store, track, song, now, retry=retry):
                    continue
                suffix = os.path.splitext(place)[1]
                file = folder / f"{len(self._todo)}{suffix if suffix[1:].isalnum() else ''}"
                self._todo.append(_Item(song, place, file))
        self._total = len(self._todo)

    def _is_settled(
        self, store: Store, track: KnownTrack, song: ServerSong, now: float, *, retry: bool
    ) -> bool:
        size = song.size_bytes
        if track.stamp is None or (size is not None and size != track.stamp.size_bytes):
            return False
        if track.is_failed:
            if retry or (track.retry_at is not None and track.retry_at <= now):
                return False
            self._counts.still_failing += 1
            return True
        if not track.is_analysed:
            return False
        if track.is_missing:
            store.is_back([track.track_id])
            self._counts.returned += 1
        else:
            self._counts.unchanged += 1
        return True

    def _read(self, jobs: int, stop: StopOnInterrupt) -> None:
        fetching: dict[Future[None], _Item] = {}
        self._tell(None)
        with self._make_pool(self._setup, jobs) as pool:
            threads = ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="soundalike-fetch")
            try:
                while self._todo or fetching or pool.outstanding:
                    if stop.requested:
                        pool.close(at_once=True)
                        done = [each for each in pool.outcomes(0) if not isinstance(each, Crashed)]
                        self._take_in(None, done)
                        return
                    while self._has_room(fetching):
                        item = self._todo.popleft()
                        fetching[threads.submit(self._download, item)] = item
                    if fetching and not pool.outstanding:
                        wait(fetching, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                    for future in [each for each in fetching if each.done()]:
                        self._fetched(pool, fetching.pop(future), future.exception())
                    if pool.outstanding:
                        self._take_in(pool, pool.outcomes(_POLL_S))
            finally:
                self._ended.set()
                threads.shutdown(cancel_futures=True)

    def _has_room(self, fetching: dict[Future[None], _Item]) -> bool:
        if not self._todo or len(fetching) >= _DOWNLOADS:
            return False
        held = [*fetching.values(), *self._by_job.values()]
        n_bytes = sum(item.n_bytes for item in held) + self._todo[0].n_bytes
        return not held or (len(held) < _MOST_FILES and n_bytes <= _MOST_BYTES)

    def _download(self, item: _Item) -> None:
        """In a thread of its own."""

        def on_read(_: int) -> None:
            if self._ended.is_set():
                raise _Stopped

        for pause_s in (*_PAUSES_S, None):
            on_read(0)
            try:
                self._fetch(item.song, item.file, on_read)
            except ServerError as refused:
                if refused.code is not None or pause_s is None:
                    raise
                self._ended.wait(pause_s)
            else:
                return

    def _fetched(self, pool: Pool, item: _Item, error: BaseException | None) -> None:
        if isinstance(error, OSError):
            raise cannot_write(item.file, error) from error
        if isinstance(error, ServerError) and error.code == _GONE:
            item.file.unlink(missing_ok=True)
            self._gone += 1
            self._done += 1
            with self._session.writing() as store:
                known = store.known([item.place])
                store.mark_missing([each.track_id for each in known.values()])
            return
        if error is not None and (not isinstance(error, ServerError) or error.code is None):
            raise error
        with self._session.writing() as store:
            known = store.known([item.place])
            if item.place in known:
                track_id = known[item.place].track_id
            else:
                track_id = store.add([FoundFile(item.place, None)])[item.place]
            self._by_job[track_id] = item
            if error is not None:
                self._fail(store, track_id, UnreadableFile.__name__, str(error), _ADVICE)
                return
        pool.submit(DigestJob(track_id, os.fsencode(item.file)))

    def _take_in(self, pool: Pool | None, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        last = None
        with self._session.writing() as store:
            for outcome in outcomes:
                item = self._by_job[outcome.job.track_id]
                last = item.place
                if isinstance(outcome, Digested):
                    self._identify(store, pool, item, outcome)
                elif isinstance(outcome, Analysed):
                    self._keep(store, outcome)
                elif isinstance(outcome, Tagged):
                    self._share(store, outcome)
                elif isinstance(outcome, Failed):
                    is_analysis = isinstance(outcome.job, AnalyseJob)
                    told = (outcome.kind, outcome.reason, outcome.advice)
                    self._fail(store, outcome.job.track_id, *told, in_analysis=is_analysis)
                elif isinstance(outcome, Crashed):
                    told = (DecoderCrashed.__name__, outcome.reason, DecoderCrashed.advice)
                    self._fail(store, outcome.job.track_id, *told, in_analysis=True)
        self._tell(last)

    def _identify(self, store: Store, pool: Pool | None, item: _Item, found: Digested) -> None:
        """A file was read: is its content known, and does it have to be analysed?"""
        track_id = found.job.track_id
        track = store.known_id(track_id)
        assert track is not None  # only a scan removes tracks, and this is the one that runs
        content, audio = store.content(found.digest), found.audio_digest
        if audio is not None and audio != content.audio_digest:
            store.set_audio(content.content_id, audio)
        store.set_content(track, content, self._stamp(item, found.stamp.size_bytes))
        store.drop_failure(track_id)
        if content.is_analysed:
            self._counts.copied += 1
            self._end(track_id)
        elif pool is None:
            return
        elif audio is not None and store.same_audio(content.content_id, audio):
            pool.submit(TagsJob(track_id, found.job.path, found.stamp, found.digest, False, audio))
        else:
            models = self._session.models
            job = AnalyseJob(
                track_id, found.job.path, found.stamp, found.digest, models, False, audio
            )
            pool.submit(job)

    def _keep(self, store: Store, outcome: Analysed) -> None:
        job = outcome.job
        ids = (self._session.model_ids[model.id] for model in job.models)
        content_id = store.content(job.digest).content_id
        store.put_analyses(content_id, outcome.facts, dict(zip(ids, outcome.analyses, strict=True)))
        if outcome.audio_digest is not None:
            store.set_audio(content_id, outcome.audio_digest)
        self._counts.analysed += 1
        self._end(job.track_id)

    def _share(self, store: Store, outcome: Tagged) -> None:
        job = outcome.job
        content_id = store.content(job.digest).content_id
        if job.audio_digest is not None:
            store.share_analyses(content_id, job.audio_digest)
        store.put_facts(content_id, outcome.facts)
        self._counts.retagged += 1
        self._end(job.track_id)

    def _fail(
        self,
        store: Store,
        track_id: int,
        kind: str,
        reason: str,
        advice: str,
        *,
        in_analysis: bool = False,
    ) -> None:
        item = self._by_job[track_id]
        # Its size tells later whether it is another file by then.
        store.set_stamp(track_id, self._stamp(item, 0))
        failure = store.put_failure(
            track_id, kind=kind, reason=reason, advice=advice, in_analysis=in_analysis
        )
        self._counts.failed.append(failure)
        self._end(track_id)

    @staticmethod
    def _stamp(item: _Item, size_bytes: int) -> Stamp:
        return Stamp(item.song.size_bytes or size_bytes, 0, None)

    def _end(self, track_id: int) -> None:
        self._by_job.pop(track_id).file.unlink(missing_ok=True)
        self._done += 1

    def _finish(self) -> None:
        if self._total or self._counts.missing:
            with self._session.writing() as store:
                store.drop_orphans()
        if self._gone:
            songs = "1 song was" if self._gone == 1 else f"{self._gone:,} songs were"
            self._counts.notes.append(f"{songs} deleted at the server meanwhile.")
        note = self._session.finish_upgrade()
        if note is not None:
            self._counts.notes.append(note)

    def _tell(self, place: str | None) -> None:
        if self._progress is None:
            return
        tracks_per_s, left_s = self._pace.at(self._done, self._total)
        self._progress(
            ScanProgress(
                phase="analysing",
                done=self._done,
                total=self._total,
                tracks_per_s=tracks_per_s,
                left_s=left_s,
                path=path_of(place) if place else None,
                model=self._setup.model.id,
            )
        )


@contextmanager
def _folder(beside: Path | None) -> Iterator[Path]:
    """Where files lie that were fetched; what a killed run left there goes first.

    Raises
    ------
    OutputError : it cannot be made.
    """
    if beside is None:
        with tempfile.TemporaryDirectory(prefix="soundalike-") as name:
            yield Path(name)
        return
    folder = beside.with_name(f"{beside.name}.fetched")
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield folder
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
