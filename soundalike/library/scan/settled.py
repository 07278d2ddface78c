"""Files that a scan can pass by with one look at their size and time."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence

from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile, Listed, found_file

__all__ = ["Settled"]

# Tracks whose stamps are kept at a time: 15 MB.
_MOST_TRACKS = 50_000


class Settled:
    """Tracks that need nothing as long as their files are as they were.

    A part of the tree at a time, so that a million of them do not fill the memory.

    Attributes
    ----------
    seen : ids of the tracks that :meth:`sift` came by.
    """

    def __init__(self, transactions: Transactions, seen: set[int]) -> None:
        self.seen = seen
        self._transactions = transactions
        self._below: str | None = None
        self._clear()

    def sift(self, folder: str, listed: Sequence[Listed]) -> list[FoundFile]:
        """Of the files of a folder, those about which something may have to be done."""
        if not listed:
            return []
        folder = os.path.join(folder, "")
        if self._below is None or not folder.startswith(self._below):
            self._load(folder)
        rows, ids, sizes, times, seen = self._rows, self._ids, self._sizes, self._times, self.seen
        rest: list[FoundFile] = []
        for item in listed:
            row = rows.get(item.path)
            if row is not None and _look(item) == (sizes[row], times[row]):
                seen.add(ids[row])
            else:
                rest.append(item if isinstance(item, FoundFile) else found_file(item))
        return rest

    def _clear(self) -> None:
        # Numbers in arrays rather than a record for each track: a third of the memory and time.
        self._rows: dict[str, int] = {}
        self._ids, self._sizes, self._times = array("q"), array("q"), array("q")

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
                    paths, ids, sizes, times = zip(*some, strict=True)
                    numbers = range(len(self._ids), len(self._ids) + len(paths))
                    self._rows.update(zip(map(os.fsdecode, paths), numbers, strict=True))
                    self._ids.extend(ids)
                    self._sizes.extend(sizes)
                    self._times.extend(times)
                return


def _look(item: Listed) -> tuple[int, int] | None:
    """Size and time of a file; without a record, because it is done for every file of a library."""
    if isinstance(item, FoundFile):
        return item.stamp
    try:
        found = item.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
