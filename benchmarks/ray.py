"""What Ray costs: the same files scanned by worker processes and on a cluster of two nodes here.

    python -m benchmarks.ray FOLDER --rounds 3

Each round does both, after one another. CPU seconds are those of all processes that this one has
started, the cluster's own among them, sampled ten times a second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soundalike.library import Library
from soundalike.workers.jobs import MakePool
from soundalike.workers.pool import WorkerPool
from soundalike.workers.ray_pool import ray_pool

_TICKS = os.sysconf("SC_CLK_TCK")


class _CpuClock:
    """CPU seconds of all processes below this one."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _CpuClock:
        self._before = dict(self._all())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        ticks = sum(each - self._before.get(pid, 0) for pid, each in self._seen.items())
        return ticks / _TICKS

    def _sample(self) -> None:
        while True:
            self._seen.update(self._all())
            if self._ends.wait(0.1):
                self._seen.update(self._all())
                return

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
            while above > 1 and above != os.getpid():
                above = parents.get(above, 0)
            if above == os.getpid():
                yield pid, ticks[pid]


@contextmanager
def _two_nodes() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(**node)
        yield cluster.address
    finally:
        cluster.shutdown()


def _scan(folder: Path, pool: MakePool) -> tuple[float, float, int, float]:
    """Wall and CPU seconds, tracks, and hours of sound."""
    with tempfile.TemporaryDirectory() as home, Library(Path(home) / "a.db", pool=pool) as library:
        started = time.monotonic()
        with _CpuClock() as clock:
            report = library.scan([folder], jobs=2)
        wall_s = time.monotonic() - started
        hours = sum(track.duration_s or 0 for track in library.tracks()) / 3600
        return wall_s, clock.seconds, report.analysed, hours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    ratios: list[tuple[float, float]] = []
    with _two_nodes() as address:
        for number in range(given.rounds):
            local = _scan(given.folder, WorkerPool)
            on_ray = _scan(given.folder, ray_pool(address))
            ratios.append((on_ray[0] / local[0], on_ray[1] / local[1]))
            for name, (wall_s, cpu_s, tracks, hours) in (("processes", local), ("Ray", on_ray)):
                print(
                    f"{number + 1} {name}: {tracks} tracks, {hours:.2f} h of sound, wall "
                    f"{wall_s:.1f} s, CPU {cpu_s:.1f} s, {cpu_s / tracks:.2f} CPU s a track"
                )
    wall, cpu = (statistics.median(each) for each in zip(*ratios, strict=True))
    print(f"Ray / processes, medians: wall {wall:.2f}, CPU {cpu:.2f}")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
