"""Files that a scan can pass by with one look at their size and time."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence

from soundalike.files import ctime_of
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile, Listed, found_file

__all__ = ["Settled"]

# Tracks whose stamps are kept at a time: 16 MB.
_MOST_TRACKS = 50_000
# In an array of numbers, that none is known.
_NO_TIME = -(1 << 63)


class Settled:
    """Tracks that need nothing as long as their files are as they were.

    A part of the tree at a time, so that a million of them do not fill the memory.

    Attributes
    ----------
    seen : ids of the tracks that :meth:`sift` came by.
    unstamped : those among them without a ctime, with the one that their files have.
    """

    def __init__(self, transactions: Transactions, seen: set[int]) -> None:
        self.seen = seen
        self.unstamped: list[tuple[int, int]] = []
        self._transactions = transactions
        self._below: str | None = None
        self._clear()

    def sift(
        self, folder: str, listed: Sequence[Listed], *, everything: bool = False
    ) -> list[FoundFile]:
        """Of the files of a folder, those about which something may have to be done.

        Parameters
        ----------
        everything : that is all of them.
        """
        if everything:
            return [item if isinstance(item, FoundFile) else found_file(item) for item in listed]
        if not listed:
            return []
        folder = os.path.join(folder, "")
        if self._below is None or not folder.startswith(self._below):
            self._load(folder)
        rows, ids, sizes, times, seen = self._rows, self._ids, self._sizes, self._times, self.seen
        ctimes, unstamped = self._ctimes, self.unstamped
        rest: list[FoundFile] = []
        for item in listed:
            row = rows.get(item.path)
            stamp = None if row is None else _look(item)
            if row is not None and stamp is not None and stamp[:2] == (sizes[row], times[row]):
                ctime = stamp[2]
                if ctime is not None and ctimes[row] == _NO_TIME:
                    unstamped.append((ids[row], ctime))
                elif ctime is not None and ctimes[row] != ctime:
                    rest.append(item if isinstance(item, FoundFile) else found_file(item))
                    continue
                seen.add(ids[row])
            else:
                rest.append(item if isinstance(item, FoundFile) else found_file(item))
        return rest

    def _clear(self) -> None:
        # Numbers in arrays rather than a record for each track: a third of the memory and time.
        self._rows: dict[str, int] = {}
        self._ids, self._sizes = array("q"), array("q")
        self._times, self._ctimes = array("q"), array("q")

    def _load(self, folder: str) -> None:
        """The tracks around a folder: in the largest part of the tree that does not hold too many.

        ``folder`` ends with a separator, as all of these do.
        """
        self._clear()
        parts = folder.split(os.sep)
        with self._transactions.reading() as store:
            for depth in range(1, len(parts)):
                self._below = os.sep.join(parts[:depth]) + os.sep
                if self._below != folder and store.count_present_below(self._below) > _MOST_TRACKS:
                    continue
                for some in store.settled_below(self._below):
                    paths, ids, sizes, times, ctimes = zip(*some, strict=True)
                    numbers = range(len(self._ids), len(self._ids) + len(paths))
                    self._rows.update(zip(map(os.fsdecode, paths), numbers, strict=True))
                    self._ids.extend(ids)
                    self._sizes.extend(sizes)
                    self._times.extend(times)
                    self._ctimes.extend(_NO_TIME if each is None else each for each in ctimes)
                return


def _look(item: Listed) -> tuple[int, int, int | None] | None:
    """Size and times of a file; without a record, as it is done for every file of a library."""
    if isinstance(item, FoundFile):
        return item.stamp
    try:
        found = item.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, ctime_of(found)
