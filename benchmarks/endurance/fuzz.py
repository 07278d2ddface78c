"""Thousands of damaged files, scanned as any other: in workers, each with its outcome recorded."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.endurance.clips import FORMATS, cut, encode, music_below
from benchmarks.endurance.contents import check
from benchmarks.endurance.mutations import mutant
from soundalike.audio import probe
from soundalike.cli.progress import work_progress
from soundalike.files import write_file
from soundalike.library import Library
from soundalike.workers import pool
from soundalike.workers.jobs import Broken, Job, Outcome

__all__ = ["fuzz", "seed_files"]

_BATCH = 250
_SHOWN = 20
# What a damaged file may fail with. Anything else is a fault of ours.
_EXPECTED = ("UnsupportedAudio", "DamagedAudio", "ProtectedAudio", "SilentAudio", "TooShort")


@dataclass(frozen=True)
class _Timed:
    """How long a job took, and the largest memory of its worker until then."""

    seconds: float
    peak_mb: float
    job: str
    path: str


def seed_files(music: Path, rng: random.Random) -> list[tuple[str, bytes]]:
    """Suffix and bytes of short real files: passages in all formats, and the heads of files."""
    found = music_below(music, least_s=10.0)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, form in FORMATS.items():
            for duration_s in (0.7, 1.5, 4.0):
                source = rng.choice(found)
                start_s = rng.uniform(0, (probe(source).duration_s or duration_s) - duration_s)
                path = Path(folder, f"clip.{form.suffix}")
                tags = {"title": "Title", "artist": "Artist", "album": "Album", "date": "2001"}
                encode(path, cut(source, max(0.0, start_s), duration_s), kind, **tags)
                files.append((form.suffix, path.read_bytes()))
    for source in rng.sample(found, min(len(found), 6)):
        with source.open("rb") as file:
            files.append((source.suffix[1:], file.read(60_000)))
    return files


def fuzz(
    music: Path,
    *,
    seed: int,
    count: int,
    limit_s: float,
    first: int = 0,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Scan so many damaged files.

    Parameters
    ----------
    music : folder whose files are damaged.
    seed, first : which ones.
    limit_s : after which a silent worker counts as stuck.
    keep : folder for the files that something is to be done about.

    Returns
    -------
    Counts of outcomes, the slowest jobs, and ``findings``: files that killed a worker, failed for
    a reason that is no fault of a file, took longer than ``limit_s``, or have no outcome.
    """
    files = seed_files(music, random.Random(f"files {seed}"))
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    slowest: list[_Timed] = []
    began = time.monotonic()
    with _timed(limit_s) as times, work_progress("files") as progress:
        for start in range(first, first + count, _BATCH):
            numbers = range(start, min(start + _BATCH, first + count))
            with tempfile.TemporaryDirectory() as home:
                names = _write(Path(home, "music"), files, seed, numbers)
                found = _scan(Path(home), names)
                outcomes.update(what.split(":")[0] for what in found.values())
                late = {Path(each.path).name for each in times if each.seconds > limit_s}
                for name, what in sorted(found.items()):
                    kind = what.split(":")[0]
                    if name in late or (kind not in _EXPECTED and kind != "analysed"):
                        findings.append(f"{name}: {what}")
                        if keep is not None:
                            keep.mkdir(parents=True, exist_ok=True)
                            shutil.copy(Path(home, "music", name), keep)
            slowest = sorted([*slowest, *times], key=lambda each: -each.seconds)[:_SHOWN]
            heaviest = max(times, key=lambda each: each.peak_mb, default=None)
            if heaviest is not None and heaviest.peak_mb > 1000:
                findings.append(f"a worker grew to {heaviest.peak_mb:.0f} MB by {heaviest.path}")
            times.clear()
            progress("damaged files", numbers.stop - first, count)
    return {
        "seed": seed,
        "inputs": count,
        "outcomes": dict(outcomes.most_common()),
        "slowest": [f"{each.seconds:.1f} s {each.job} {Path(each.path).name}" for each in slowest],
        "seconds": round(time.monotonic() - began),
        "findings": findings,
    }


def _write(
    folder: Path, files: Sequence[tuple[str, bytes]], seed: int, numbers: range
) -> list[str]:
    folder.mkdir()
    names = []
    for number in numbers:
        made = mutant(files, seed, number)
        names.append(f"{made.name}.{made.suffix}")
        write_file(folder / names[-1], made.data)
    return names


def _scan(home: Path, names: Sequence[str]) -> dict[str, str]:
    """The outcome of each file: "analysed", or the kind and the reason of its failure."""
    with Library(home / "library.db") as library:
        library.scan([home / "music"])
        found = {track.path.name: track.status for track in library.tracks()}
        reasons = {each.path.name: f"{each.kind}: {each.reason}" for each in library.failures()}
    check(home / "library.db")
    return {name: reasons.get(name, str(found.get(name))) for name in names}


@contextmanager
def _timed(limit_s: float) -> Iterator[list[_Timed]]:
    """What each job in a worker took, while a worker may be silent for so long at most."""
    times: list[_Timed] = []

    class Handler(pool._Handler):
        def _do(self, job: Job) -> Outcome | Broken:
            began = time.monotonic()
            outcome = super()._do(job)
            seconds = time.monotonic() - began
            peak = _peak_mb(self._process.pid) if self._process else 0.0
            times.append(_Timed(seconds, peak, type(job).__name__, os.fsdecode(job.path)))
            return outcome

    before = pool._Handler, pool.STUCK_AFTER_S
    pool._Handler, pool.STUCK_AFTER_S = Handler, limit_s  # type: ignore[misc]
    try:
        yield times
    finally:
        pool._Handler, pool.STUCK_AFTER_S = before  # type: ignore[misc]


def _peak_mb(pid: int) -> float:
    """The largest memory that a process has had; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), 0.0)
