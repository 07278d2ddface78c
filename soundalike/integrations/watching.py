"""Folders that are watched: what is added or changed is analysed as it happens (extra ``watch``).

The library is the only memory. Everything that happens in a folder makes paths that are looked at
once they have been still for a while (``Library.scan_changes``); at the start, when a folder comes
back, and once in a while, the whole folder is scanned, so that nothing stays unnoticed that no
event told of.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from soundalike.errors import InvalidArgument, LibraryInUse, printable
from soundalike.integrations.mounts import must_poll, read_mounts
from soundalike.integrations.watch_sources import Source
from soundalike.library import Library, ScanProgress, ScanReport

__all__ = ["Watch", "WatchSettings", "WatchSummary", "done_by"]

_TICK_S = 0.25
# How often it is looked whether folders are still there.
_LOOK_EVERY_S = 2.0
# Another program scans the library: how long until the next try.
_BUSY_S = 5.0

Progress = Callable[[ScanProgress], None]


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How folders are watched.

    Attributes
    ----------
    settle_s : a file is analysed once nothing has happened to it for so long.
    rescan_s : how often everything is scanned, in case something was not told.
    poll_s, most_poll_s : file systems that do not tell of changes are asked so often at first, and
        so rarely while nothing happens.
    poll : ask all file systems; None for those of other computers alone.
    jobs : processes; by default one for each core.
    """

    settle_s: float = 3.0
    rescan_s: float = 86_400.0
    poll_s: float = 10.0
    most_poll_s: float = 600.0
    poll: bool | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class WatchSummary:
    """What was done while folders were watched, in files, as :class:`.ScanReport` counts them."""

    scans: int
    counts: Counter[str]
    elapsed_s: float


@dataclass
class _Root:
    """A folder that is watched.

    Attributes
    ----------
    identity : device and inode of the folder when its source began; None while it is away.
    had_entries : whether anything was in it then.
    quiet_since : monotonic time of the last change, or of the last change of the interval.
    """

    path: str
    poll_s: float
    poll: bool = False
    identity: tuple[int, int] | None = None
    had_entries: bool = False
    source: Source | None = None
    quiet_since: float = 0.0


@dataclass
class _Pending:
    """A path at which something happened: how it looked then, and when it is looked at again."""

    look: object
    due: float


@dataclass
class _State:
    pending: dict[str, _Pending] = field(default_factory=dict)
    # Folders to be scanned as a whole.
    whole: set[str] = field(default_factory=set)
    busy_until: float = 0.0
    told_busy: bool = False


class Watch:
    """Watches folders until it is told to stop.

    Parameters
    ----------
    library : open; folders that are new to it are scanned as ``Library.scan`` does by default.
    folders : to be watched; none for those that were scanned before.
    on_report : called with the report of each scan that did something.
    tell : called with what the user should know, in a sentence.
    progress : makes what shows the progress of a scan; called with whether it is one of whole
        folders, which may take long.

    Raises
    ------
    InvalidArgument : no folder, or one that is not there and was never scanned.
    MissingExtra : watchfiles is not installed.
    """

    def __init__(
        self,
        library: Library,
        folders: Sequence[str | os.PathLike[str]] = (),
        settings: WatchSettings | None = None,
        *,
        on_report: Callable[[ScanReport], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
        progress: Callable[[bool], AbstractContextManager[Progress | None]] | None = None,
    ) -> None:
        Source.check_installed()
        self._library = library
        self._settings = settings or WatchSettings()
        self._on_report, self._tell = on_report, tell
        self._progress = progress or (lambda _: nullcontext())
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._roots = [_Root(path, self._settings.poll_s) for path in self._named(folders)]
        self._state = _State()
        self._counts: Counter[str] = Counter()
        self._scans = 0

    def run(
        self, stop: threading.Event, on_ready: Callable[[], None] = lambda: None
    ) -> WatchSummary:
        """Watch until ``stop`` is set; ``on_ready`` is called when nothing more can be missed.

        Raises
        ------
        LibraryError, ModelError : as ``Library.scan``, but while another scan runs it waits.
        """
        started = time.monotonic()
        rescan_at = started + self._settings.rescan_s
        looked_at = 0.0
        try:
            self._look_after_roots()
            on_ready()
            while not stop.is_set():
                self._take_events()
                now = time.monotonic()
                if now - looked_at >= _LOOK_EVERY_S:
                    looked_at = now
                    self._look_after_roots()
                if now >= rescan_at:
                    rescan_at = now + self._settings.rescan_s
                    self._state.whole.update(each.path for each in self._there())
                if now >= self._state.busy_until:
                    self._work(stop)
        finally:
            for root in self._roots:
                self._end(root)
        return WatchSummary(self._scans, self._counts, time.monotonic() - started)

    # Folders

    def _named(self, folders: Sequence[str | os.PathLike[str]]) -> list[str]:
        known = {os.fspath(each.path) for each in self._library.folders()}
        if not folders and not known:
            raise InvalidArgument("no folder was scanned yet: name at least one, such as ~/Music")
        paths = [os.path.realpath(os.path.expanduser(each)) for each in folders] or sorted(known)
        for path in paths:
            if not os.path.isdir(path) and path not in known:
                what = "not a folder" if os.path.lexists(path) else "there is no such folder"
                raise InvalidArgument(f"{printable(path)}: {what}; name one with music in it")
        paths = list(dict.fromkeys(paths))
        return [
            path
            for path in paths
            if not any(path != other and _is_under(path, other) for other in paths)
        ]

    def _there(self) -> list[_Root]:
        return [root for root in self._roots if root.identity is not None]

    def _look_after_roots(self) -> None:
        """Notice folders that went away or came back; ask more or less often."""
        for root in self._roots:
            found = _identity(root.path)
            if root.identity is not None:
                if found != root.identity or (root.had_entries and not _has_entries(root.path)):
                    self._lose(root)
                elif root.source is not None and root.poll:
                    self._pace(root)
            elif found is not None and (_has_entries(root.path) or not self._has_tracks(root)):
                self._begin(root)

    def _has_tracks(self, root: _Root) -> bool:
        """Whether the library knows of music in a folder that is empty: then it is no real one."""
        return any(
            os.fspath(each.path) == root.path and each.tracks for each in self._library.folders()
        )

    def _begin(self, root: _Root) -> None:
        root.identity = _identity(root.path)
        root.had_entries = _has_entries(root.path)
        kind = must_poll(root.path, read_mounts())
        root.poll = bool(self._settings.poll) if self._settings.poll is not None else bool(kind)
        root.poll_s = self._settings.poll_s
        why = f" ({kind} does not tell of changes)" if kind and root.poll else ""
        how = f", asked every {root.poll_s:g} s and more rarely while nothing happens{why}"
        self._tell(f"watching {printable(root.path)}{how if root.poll else ''}")
        self._watch(root)
        self._state.whole.add(root.path)

    def _watch(self, root: _Root) -> None:
        """Begin to listen; where that is not possible, to ask."""
        new = Source(root.path, self._queue, poll_s=root.poll_s if root.poll else None)
        trouble = new.begin()
        if trouble is not None and not root.poll:
            self._tell(f"{printable(root.path)}: {trouble}")
            root.poll = True
            new = Source(root.path, self._queue, poll_s=root.poll_s)
            trouble = new.begin()
        if trouble is not None:
            # It went away just now; or only whole scans are left.
            self._tell(f"{printable(root.path)}: {trouble}")
        old, root.source = root.source, new
        root.quiet_since = time.monotonic()
        if old is not None:
            old.end()

    def _ask_instead(self, root: _Root, trouble: str) -> None:
        """From now on, of a folder of which not all is told."""
        self._tell(f"{printable(root.path)}: {trouble}")
        root.poll = True
        self._watch(root)
        self._state.whole.add(root.path)

    def _try_new_folders(self, paths: Sequence[str]) -> None:
        """Notice that a new folder was one too many for the system, which nobody says."""
        for path in filter(os.path.isdir, paths):
            root = next((each for each in self._there() if _is_under(path, each.path)), None)
            if root is None or root.poll:
                continue
            probe = Source(path, queue.SimpleQueue(), poll_s=None)
            trouble = probe.begin()
            probe.end()
            if trouble is not None and os.path.isdir(path):
                self._ask_instead(root, trouble)

    def _end(self, root: _Root) -> None:
        if root.source is not None:
            root.source.end()
        root.source = None

    def _lose(self, root: _Root) -> None:
        self._tell(
            f"{printable(root.path)} is gone, or empty: its tracks stay as they are until it is "
            f"back"
        )
        root.identity = None
        self._end(root)
        self._state.whole.discard(root.path)
        for path in [each for each in self._state.pending if _is_under(each, root.path)]:
            del self._state.pending[path]

    def _pace(self, root: _Root) -> None:
        """Ask more rarely where nothing happens, and often again where something does."""
        now, fastest = time.monotonic(), self._settings.poll_s
        if any(_is_under(path, root.path) for path in self._state.pending):
            wanted = fastest
            root.quiet_since = now
        elif now - root.quiet_since > 6 * root.poll_s:
            wanted = min(2 * root.poll_s, self._settings.most_poll_s)
        else:
            return
        if wanted != root.poll_s:
            root.poll_s = wanted
            self._watch(root)
            # What happened between the last look of the old source and the first of the new.
            self._state.whole.add(root.path)

    # Events

    def _take_events(self) -> None:
        events = []
        with suppress(queue.Empty):
            events.append(self._queue.get(timeout=_TICK_S))
            while True:
                events.append(self._queue.get_nowait())
        for source, paths in events:
            root = next((each for each in self._roots if each.source is source), None)
            if root is None:
                continue
            if paths is None:
                self._ask_instead(root, source.trouble)
                continue
            due = time.monotonic() + self._settings.settle_s
            for path in paths:
                self._state.pending[path] = _Pending(_look(path), due)

    def _settled(self) -> list[str]:
        """The paths at which nothing has happened for a while."""
        now, pending = time.monotonic(), self._state.pending
        still = set()
        for path, each in pending.items():
            if each.due > now:
                continue
            look = _look(path)
            if look == each.look:
                still.add(path)
            else:
                # Events may come late, or not at all, from where it is polled.
                each.look, each.due = look, now + self._settings.settle_s
        # A folder waits for all that is still on the move in it.
        moving = [path for path in pending if path not in still]
        return sorted(path for path in still if not any(_is_under(other, path) for other in moving))

    # Work

    def _work(self, stop: threading.Event) -> None:
        try:
            if self._state.whole:
                folders = sorted(self._state.whole)
                with self._progress(True) as progress:
                    report = self._library.scan(
                        folders, jobs=self._settings.jobs, progress=progress, stop=stop
                    )
                self._state.whole.difference_update(folders)
            elif ready := self._settled():
                # First of all: are they gone, or is it the disk?
                self._look_after_roots()
                ready = [path for path in ready if path in self._state.pending]
                with self._progress(False) as progress:
                    report = self._library.scan_changes(
                        ready, jobs=self._jobs(ready), progress=progress, stop=stop
                    )
                for path in ready:
                    self._state.pending.pop(path, None)
                self._try_new_folders(ready)
            else:
                return
        except LibraryInUse:
            if not self._state.told_busy:
                self._tell("another scan of this library is running: waiting for it to end")
            self._state.told_busy = True
            self._state.busy_until = time.monotonic() + _BUSY_S
            return
        except InvalidArgument:
            # A folder went away between the look and the scan: the next look sees it.
            self._look_after_roots()
            return
        self._state.told_busy = False
        self._scans += 1
        done = done_by(report)
        self._counts.update(done)
        if done or report.notes:
            self._on_report(report)

    def _jobs(self, paths: Sequence[str]) -> int | None:
        """For a file or two no more processes than files: each of them takes a second to begin."""
        few = len(paths) if not any(map(os.path.isdir, paths)) else None
        if few is None or few > 2:
            return self._settings.jobs
        return min(few, self._settings.jobs or few) or None


def done_by(report: ScanReport) -> Counter[str]:
    """What a scan did, in files by what the user is told; what stayed as it was is left out."""
    found = Counter(
        {
            "analysed": report.analysed,
            "re-analysed": report.reanalysed,
            "retagged": report.retagged,
            "moved": report.moved,
            "copied": report.copied,
            "returned": report.returned,
            "missing": report.missing,
            "removed": report.removed,
            "failed": len(report.failed),
        }
    )
    return +found


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if os.path.isdir(path) else None


def _has_entries(path: str) -> bool:
    try:
        with os.scandir(path) as listing:
            return next(listing, None) is not None
    except OSError:
        return False


def _look(path: str) -> object:
    """How a path looks: what a file says of its size and times."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if os.path.isdir(path):
        return "folder"
    return found.st_size, found.st_mtime_ns, found.st_ino


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
