"""The map of the library as it is now, kept in memory from one request to the next."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from soundalike import __version__
from soundalike.errors import Busy, LibraryError
from soundalike.files import Stamp, stamp_of
from soundalike.library import Library
from soundalike.library.changes import Position
from soundalike.library.heard import Heard, heard_in
from soundalike.recommend.clusters import Group, groups_of
from soundalike.recommend.map import LibraryMap, kept_map, map_file, map_of
from soundalike.recommend.map_labels import LABELS, LabelKind, Labels, labels_of
from soundalike.show.map_points import map_points

__all__ = ["Grouped", "MapNow", "Maps"]

Grouped = tuple[LibraryMap, tuple[Group, ...]]

# While a scan adds tracks, so much of the time goes into bringing the map up to date at most.
_BUSY_SHARE = 0.1
# So many ways to group it are kept, and so long is waited for one.
_MOST_GROUPED = 4
_MOST_WAIT_S = 5.0


@dataclass(frozen=True, eq=False)
class MapNow:
    """A map with all that is shown of it.

    Attributes
    ----------
    state : a number that is another one for another map.
    tag : a text that is another one for another map, and for another version of the program.
    found : the map.
    groups : on it.
    labels : by kind.
    points : see ``show.map_points``.
    """

    state: int
    tag: str
    found: LibraryMap
    groups: tuple[Group, ...]
    labels: Mapping[LabelKind, Labels]
    points: bytes


@dataclass(frozen=True)
class _Of:
    """What a map was read from."""

    model: str
    position: Position
    file: Stamp


class Maps:
    """The map of a library; may be asked from any thread.

    Parameters
    ----------
    library : open.
    clock : seconds, that only grow.
    """

    def __init__(self, library: Library, clock: Callable[[], float] = time.monotonic) -> None:
        self._library = library
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[_Of, MapNow] | None = None
        self._grouping = threading.Lock()
        self._grouped: OrderedDict[tuple[int, int], Grouped] = OrderedDict()
        self._wait_until = 0.0

    def now(self) -> MapNow | None:
        """The map, with the tracks that the library has now; None where none was made.

        While the library changes again and again, it may be a little behind.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        database = self._library.beside
        with self._lock:
            index = self._library.index()
            stamp = None if database is None else _stamp(self._library, index.model)
            if stamp is None:
                return None
            wanted = _Of(index.model, index.position, stamp)
            if self._known is not None:
                of, known = self._known
                is_same_map = (of.model, of.file) == (wanted.model, wanted.file)
                if of == wanted or (is_same_map and self._clock() < self._wait_until):
                    return known
            began = self._clock()
            heard = _heard(self._library)
            found = kept_map(heard.index, database)
            # What is new was written into the file as well.
            stamp = _stamp(self._library, heard.index.model)
            if found is None or stamp is None:
                return None
            of = _Of(heard.index.model, heard.index.position, stamp)
            state = zlib.crc32(repr(of).encode())
            groups = groups_of(heard, found)
            made = MapNow(
                state=state,
                tag=_tag(of),
                found=found,
                groups=groups,
                labels={kind: labels_of(kind, heard, found, groups) for kind in LABELS},
                points=map_points(found, state),
            )
            self._known = (of, made)
            took = self._clock() - began
            self._wait_until = self._clock() + took / _BUSY_SHARE
            return made

    def needed(self) -> MapNow:
        """The map.

        Raises
        ------
        LibraryError : none was made.
        ModelMismatch : as :meth:`now`.
        """
        found = self.now()
        if found is None:
            raise LibraryError(
                "there is no map of the library yet: have it made first, by POST /api/v1/map or "
                "`soundalike map`"
            )
        return found

    def grouped(self, n_groups: int | None) -> Grouped:
        """The map with so many groups; None for those that it has.

        Raises
        ------
        InvalidArgument : more than half of the tracks.
        Busy : others wait for other numbers of them.
        LibraryError, ModelMismatch : as :meth:`needed`.
        """
        now = self.needed()
        if n_groups is None:
            return now.found, now.groups
        wanted = (now.state, n_groups)
        # One at a time: who asks for the same waits for it, and others do not pile up.
        if not self._grouping.acquire(timeout=_MOST_WAIT_S):
            raise Busy("the library is being grouped for others", 10.0)
        try:
            if wanted not in self._grouped:
                heard = _heard(self._library)
                found = map_of(heard.index, self._library.beside, n_groups=n_groups)
                self._grouped[wanted] = found, groups_of(heard, found)
            self._grouped.move_to_end(wanted)
            while len(self._grouped) > _MOST_GROUPED:
                self._grouped.popitem(last=False)
            return self._grouped[wanted]
        finally:
            self._grouping.release()

    def make(self, progress: Callable[[str, int, int], None], seed: int = 0) -> None:
        """Make it anew, of all tracks there are now.

        Raises
        ------
        LibraryError : there is no track, or the file of the map cannot be written.
        ModelMismatch : as :meth:`now`.
        """
        index = self._library.index()
        map_of(index, self._library.beside, again=True, seed=seed, progress=progress)
        if _stamp(self._library, index.model) is None:
            raise LibraryError(
                f"{self._library.location}: the map cannot be written beside it: check the "
                f"permissions of the folder"
            )


def _heard(library: Library) -> Heard:
    with library.view() as view:
        return heard_in(view)


def _tag(of: _Of) -> str:
    text = repr((__version__, of))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _stamp(library: Library, model: str) -> Stamp | None:
    if library.beside is None:
        return None
    try:
        return stamp_of(os.fspath(map_file(library.beside, model)))
    except OSError:
        return None
