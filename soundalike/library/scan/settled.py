"""Files that a scan can pass by with one look at their size and time."""

from __future__ import annotations

import os
from array import array

from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile

__all__ = ["Settled"]

# Tracks whose stamps are kept at a time: 15 MB.
_MOST_TRACKS = 50_000


class Settled:
    """Tracks that need nothing as long as their files are as they were.

    A part of the tree at a time, so that a million of them do not fill the memory.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._below: str | None = None
        self._clear()

    def unchanged(self, file: FoundFile) -> int | None:
        """The id of a file's track if nothing is to be done about it."""
        if self._below is None or not file.path.startswith(self._below):
            self._load(file.path)
        row = self._rows.get(file.path)
        if row is None or file.stamp != (self._sizes[row], self._times[row]):
            return None
        return self._ids[row]

    def _clear(self) -> None:
        # Numbers in arrays rather than a record for each track: a third of the memory and time.
        self._rows: dict[str, int] = {}
        self._ids, self._sizes, self._times = array("q"), array("q"), array("q")

    def _load(self, path: str) -> None:
        """The tracks around a path: in the largest folder that does not hold too many."""
        self._clear()
        parts = path.split(os.sep)
        with self._transactions.reading() as store:
            for depth in range(1, len(parts)):
                folder = os.sep.join(parts[:depth]) + os.sep
                if depth < len(parts) - 1 and store.count_present_below(folder) > _MOST_TRACKS:
                    continue
                for some in store.settled_below(folder):
                    paths, ids, sizes, times = zip(*some, strict=True)
                    first = len(self._ids)
                    numbers = range(first, first + len(paths))
                    self._rows.update(zip(map(os.fsdecode, paths), numbers, strict=True))
                    self._ids.extend(ids)
                    self._sizes.extend(sizes)
                    self._times.extend(times)
                self._below = folder
                return
