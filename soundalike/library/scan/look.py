"""The first part of a scan: which files are there, and about which something is to be done."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from soundalike.errors import UnreadableFile
from soundalike.files import Stamp, is_gone
from soundalike.library.scan.excludes import is_under
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.library.scan.settled import Settled
from soundalike.library.scan.store import KnownTrack, Store
from soundalike.library.scan.tally import Tally
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile, Walk

__all__ = ["BATCH", "Look", "Seen"]

BATCH = 500
"""Rows in one query, well under the number of parameters that a statement may have."""


@dataclass
class Seen:
    """Ids only: 200,000 files must not cost more than some megabytes.

    Attributes
    ----------
    tracks : that the walk came by.
    returned : those that had been missing.
    work : new or changed, to be read, in the order of the walk.
    outdated : as they were, but only an older model has analysed them, or heard passages of them.
    """

    tracks: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)
    work: array[int] = field(default_factory=lambda: array("q"))
    outdated: array[int] = field(default_factory=lambda: array("q"))


class Look:
    """Walks folders and compares the files with the database, by path, size and times.

    Parameters
    ----------
    counts : gets what needs no more than a look.
    retry : what failed before is to be read again.
    full : everything is.
    tell : called with the folder now and then.
    """

    def __init__(
        self,
        session: Transactions,
        walk: Walk,
        seen: Seen,
        counts: Tally,
        *,
        retry: bool,
        full: bool,
        tell: Callable[[str | None], None],
    ) -> None:
        self._session = session
        self._walk = walk
        self._seen = seen
        self._counts = counts
        self._retry = retry
        self._full = full
        self._tell = tell
        self._settled = Settled(session, seen.tracks)

    def run(self, stop: StopOnInterrupt) -> None:
        """Until the walk ends, or a stop is requested."""
        unsettled: list[FoundFile] = []
        listed, folder = 0, None
        for folder, files in self._walk.folders():
            seen_before = len(self._seen.tracks)
            unsettled += self._settled.sift(folder, files, everything=self._full)
            self._counts.unchanged += len(self._seen.tracks) - seen_before
            listed += len(files)
            if listed >= BATCH:
                self._compare(unsettled)
                unsettled, listed = [], 0
                self._tell(folder)
                if stop.requested:
                    return
        self._compare(unsettled)
        if listed:
            self._tell(folder)
        self._note_folders()

    def _note_folders(self) -> None:
        """Which folders could not be listed, and which of those before are readable, or gone."""
        problems = {problem.path: problem.reason for problem in self._walk.problems}
        with self._session.reading() as store:
            failing = store.failing_folders()
        roots = self._walk.roots + self._walk.followed
        over = [
            folder
            for folder in failing
            if folder not in problems
            and (is_gone(folder) or any(is_under(folder, root) for root in roots))
        ]
        if problems or over:
            with self._session.writing() as store:
                store.drop_folder_failures(over)
                for path, reason in problems.items():
                    self._fail(store, path, reason)

    def _compare(self, files: Sequence[FoundFile]) -> None:
        for start in range(0, len(files), BATCH):
            self._compare_batch(files[start : start + BATCH])
        ctimes = self._settled.unstamped
        if ctimes:
            with self._session.writing() as store:
                store.fill_ctimes(ctimes)
            ctimes.clear()

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
            if track is None or track.track_id in self._seen.tracks:
                continue
            self._seen.tracks.add(track.track_id)
            if track.is_missing:
                back.append(track.track_id)
            due = self._retry or (track.retry_at is not None and track.retry_at <= now)
            same = _is_same(track.stamp, file.stamp) and not (self._full and file.stamp)
            if same and track.is_failed and not due:
                self._counts.still_failing += 1
            elif file.problem:
                unreadable.append((track.track_id, file.problem))
            elif same and (track.is_outdated or (track.is_analysed and not track.is_failed)):
                self._note_unchanged(track)
                self._note_ctime(track, file)
                if track.is_outdated:
                    self._seen.outdated.append(track.track_id)
            else:
                self._seen.work.append(track.track_id)
        self._seen.returned.update(back)
        if not (new or back or unreadable):
            return
        with self._session.writing() as store:
            ids = store.add(list(new.values()))
            self._seen.tracks.update(ids.values())
            self._seen.work.extend(ids[file.path] for file in new.values() if not file.problem)
            store.is_back(back)
            for subject, reason in unreadable:
                self._fail(store, subject if isinstance(subject, int) else ids[subject], reason)

    def _note_unchanged(self, track: KnownTrack) -> None:
        if track.is_missing:
            self._counts.returned += 1
        else:
            self._counts.unchanged += 1

    def _note_ctime(self, track: KnownTrack, file: FoundFile) -> None:
        assert track.stamp is not None
        assert file.stamp is not None
        if track.stamp.ctime_ns is None and file.stamp.ctime_ns is not None:
            self._settled.unstamped.append((track.track_id, file.stamp.ctime_ns))

    def _fail(self, store: Store, subject: int | str, reason: str) -> None:
        """Note a file or folder that the walk could not look at."""
        kind, advice = UnreadableFile.__name__, UnreadableFile.advice
        failure = store.put_failure(subject, kind=kind, reason=reason, advice=advice)
        self._counts.failed.append(failure)


def _is_same(known: Stamp | None, found: Stamp | None) -> bool:
    """Whether a file looks as it did; one that could not be looked at has no stamp."""
    if known is None or found is None:
        return known is found
    return known.is_like(found)
