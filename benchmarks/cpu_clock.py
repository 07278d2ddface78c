"""CPU seconds of processes that start others, and whose end nobody here waits for."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

__all__ = ["CpuClock"]

_EVERY_S = 0.1


class CpuClock:
    """CPU seconds of all processes below this one, and of itself, between entry and exit.

    Linux tells them in hundredths; they are looked at ten times a second, so what a process did
    in its last tenth is lost.

    Parameters
    ----------
    without : process ids; they and what they started do not count.
    """

    def __init__(self, without: Collection[int] = ()) -> None:
        self._without = frozenset(without)
        self._seen: dict[int, int] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> CpuClock:
        self._before = dict(self._all())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """What was used up to now."""
        ticks = sum(each - self._before.get(pid, 0) for pid, each in self._seen.items())
        return ticks / os.sysconf("SC_CLK_TCK")

    def _sample(self) -> None:
        while not self._ends.wait(_EVERY_S):
            self._seen.update(self._all())
        self._seen.update(self._all())

    def _all(self) -> Iterator[tuple[int, int]]:
        parents: dict[int, int] = {}
        ticks: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                parents[int(entry.name)] = int(fields[1])
                ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
        for pid in ticks:
            above = pid
            while above > 1 and above != os.getpid() and above not in self._without:
                above = parents.get(above, 0)
            if above == os.getpid():
                yield pid, ticks[pid]
