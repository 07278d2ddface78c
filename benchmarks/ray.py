"""What Ray costs: the same files scanned by worker processes and on a cluster of two nodes here.

    python -m benchmarks.ray FOLDER --rounds 3

Each round does both, one after the other, the first of them in turn. CPU seconds are those of all
processes that this one has started, the cluster's own among them; the start of the workers is in
both, and when the first file was done is told apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cpu_clock import CpuClock
from benchmarks.ray_nodes import two_nodes
from soundalike.library import Library
from soundalike.library.scan_records import ScanProgress
from soundalike.workers.jobs import MakePool
from soundalike.workers.pool import WorkerPool
from soundalike.workers.ray_pool import ray_pool

_IDLE_S = 20.0


@dataclass(frozen=True)
class Scanned:
    """One scan; ``first_s`` is when its first file was done."""

    wall_s: float
    cpu_s: float
    first_s: float
    n_tracks: int
    sound_s: float


def scan(folder: str | Path, pool: MakePool = WorkerPool, clock: CpuClock | None = None) -> Scanned:
    """Scan a folder into a new library with two workers."""
    moments: list[float] = []

    def note(progress: ScanProgress) -> None:
        if progress.phase == "analysing" and progress.done:
            moments.append(time.monotonic())

    with tempfile.TemporaryDirectory() as home, Library(Path(home) / "a.db", pool=pool) as library:
        started = time.monotonic()
        with clock or CpuClock() as used:
            report = library.scan([folder], jobs=2, progress=note)
        wall_s = time.monotonic() - started
        if report.failed:
            raise SystemExit(f"{report.failed[0].path}: {report.failed[0].reason}")
        sound_s = sum(track.duration_s or 0 for track in library.tracks())
    return Scanned(wall_s, used.seconds, moments[0] - started, report.analysed, sound_s)


def show(name: str, scanned: Scanned) -> None:
    """A line about a scan."""
    print(
        f"{name}: {scanned.n_tracks} tracks of {scanned.sound_s / scanned.n_tracks:.0f} s, wall "
        f"{scanned.wall_s:.1f} s, first after {scanned.first_s:.1f} s, "
        f"{scanned.n_tracks / scanned.wall_s:.2f} tracks/s; CPU {scanned.cpu_s:.1f} s, "
        f"{scanned.cpu_s / scanned.n_tracks:.3f} a track",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    both: list[tuple[Scanned, Scanned]] = []
    started = time.monotonic()
    with two_nodes() as cluster:
        print(f"cluster of two nodes: started in {time.monotonic() - started:.1f} s")
        with CpuClock() as idle:
            time.sleep(_IDLE_S)
        print(f"the cluster without work: {idle.seconds / _IDLE_S:.3f} CPU s a second", flush=True)
        on_ray = ray_pool(cluster.address)
        for number in range(given.rounds):
            # Whichever is second finds the files in the cache.
            if number % 2 == 0:
                here, there = scan(given.folder), scan(given.folder, on_ray)
            else:
                there, here = scan(given.folder, on_ray), scan(given.folder)
            both.append((here, there))
            show(f"{number + 1} processes", here)
            show(f"{number + 1} Ray", there)
    for name in ("wall_s", "cpu_s"):
        ratio = statistics.median(getattr(b, name) / getattr(a, name) for a, b in both)
        print(f"Ray / processes, median: {name} {ratio:.3f}")
    more = statistics.median(there.first_s - here.first_s for here, there in both)
    print(f"Ray's first file comes {more:.1f} s later, median")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
