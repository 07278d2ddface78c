"""A library of 20,000 files, and the memory of the scan that fills it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
import numpy as np

from benchmarks.endurance.clips import music_below, write_clips
from benchmarks.endurance.contents import check
from benchmarks.endurance.processes import descendants, memory_mb, start
from soundalike.cli.progress import work_progress
from soundalike.errors import SilentAudio
from soundalike.files import write_file
from soundalike.library import Library

__all__ = ["soak", "write_library"]

_CLIP_S, _LEAST_S = 4.0, 20.0
_SAMPLE_S = 1.0
# What a process may gain between the first quarter and the end: the numbers of 20,000 files are
# 5 MB, in pages that the system hands out as it likes.
_MOST_GROWTH_MB = 30.0
_TAGGED = ("mp3", "flac", "vorbis", "opus", "aac")


@dataclass(frozen=True)
class _Sample:
    seconds: float
    pid: int
    is_scan: bool
    memory_mb: float


def write_library(
    music: Path, folder: Path, *, count: int, distinct: int, rng: random.Random
) -> Counter[str]:
    """So many files of so many different sounds: the others are links and retagged copies.

    Returns
    -------
    How many of each: "new", "link" and "retagged".
    """
    made: Counter[str] = Counter()
    with work_progress("files") as progress:
        clips = []
        found = music_below(music, _LEAST_S)
        for clip in write_clips(found, folder / "clips", distinct, _CLIP_S, rng, _TAGGED):
            clips.append(clip)
            progress("clips", len(clips), distinct)
        names = list(range(count))
        rng.shuffle(names)
        for number, name in enumerate(names):
            place = folder / "music" / f"{name // 100:03d}"
            place.mkdir(parents=True, exist_ok=True)
            source = clips[number % distinct]
            path = place / f"{name:05d}{source.suffix}"
            kind = "new" if number < distinct else rng.choice(("link", "retagged"))
            made[kind] += 1
            if kind != "retagged":
                os.link(source, path)
            else:
                shutil.copyfile(source, path)
                tagged = mutagen.File(path, easy=True)
                tagged["title"] = f"Title {name}"
                tagged["artist"] = f"Artist {name % 500}"
                tagged.save()
            if number % 100 == 0:
                progress("links and copies", number, count)
    return made


def soak(music: Path, home: Path, *, seed: int, count: int, distinct: int) -> dict[str, Any]:
    """Scan so many files, and watch the memory of the scan and of its workers.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in.
    distinct : different sounds among the files.

    Returns
    -------
    Memory at ten times, what each process gains with 1,000 files after the first quarter, and
    ``findings``: a process that grows, a file that was not analysed.
    """
    made = write_library(music, home, count=count, distinct=distinct, rng=random.Random(seed))
    database = home / "library.db"
    result: dict[str, Any] = {"seed": seed, "files": dict(made), "findings": []}
    for which in ("first scan", "second scan"):
        process = start("scan", home / "music", "--library", database, "--json", stderr=None)
        samples, seconds = _watch(process)
        if process.returncode not in (0, 1):
            result["findings"].append(f"the {which} ended with {process.returncode}")
        result[which] = {"seconds": round(seconds), **_told(samples, seconds, count)}
        result["findings"] += [
            f"{which}: {name} grew by {grown} MB"
            for name, grown in result[which]["growth_mb"].items()
            if grown > _MOST_GROWTH_MB
        ]
        write_file(home / f"{which}.csv", _as_csv(samples))
    check(database)
    with Library(database) as library:
        kinds = Counter(failure.kind for failure in library.failures())
        analysed = library.info().analysed
    result |= {"analysed": analysed, "failed": dict(kinds)}
    # Music may be silent for the length of a clip.
    if kinds.keys() - {SilentAudio.__name__} or analysed + kinds.total() != count:
        result["findings"].append(f"{analysed} of {count} are analysed, failed: {dict(kinds)}")
    return result


def _watch(process: subprocess.Popen[str]) -> tuple[list[_Sample], float]:
    """The memory of a scan and its workers until it ends, and how long that took."""
    samples: list[_Sample] = []
    began = time.monotonic()
    while process.poll() is None:
        seconds = time.monotonic() - began
        for pid in (process.pid, *descendants(process.pid)):
            memory = memory_mb(pid)
            if memory:
                samples.append(_Sample(seconds, pid, pid == process.pid, memory))
        time.sleep(_SAMPLE_S)
    process.communicate()
    return samples, time.monotonic() - began


def _told(samples: list[_Sample], seconds: float, count: int) -> dict[str, Any]:
    growth, slopes, over_time, peaks = {}, {}, {}, {}
    for number, pid in enumerate(dict.fromkeys(each.pid for each in samples)):
        own = [each for each in samples if each.pid == pid]
        name = "scan" if own[0].is_scan else f"worker {number}"
        times = np.array([each.seconds for each in own])
        memory = np.array([each.memory_mb for each in own])
        at = np.searchsorted(times, np.linspace(0.1, 1.0, 10) * seconds).clip(0, len(own) - 1)
        over_time[name] = [round(float(each)) for each in memory[at]]
        peaks[name] = round(float(memory.max()))
        later = times > seconds / 4
        if later.sum() > 10:
            slope = float(np.polyfit(times[later], memory[later], 1)[0])
            slopes[name] = round(slope * seconds / count * 1000, 2)
            growth[name] = round(slope * seconds * 3 / 4, 1)
    return {
        "memory_mb": over_time,
        "peak_mb": peaks,
        "mb_for_1000_files": slopes,
        "growth_mb": growth,
    }


def _as_csv(samples: list[_Sample]) -> str:
    lines = [f"{s.seconds:.1f},{s.pid},{s.is_scan:d},{s.memory_mb:.1f}" for s in samples]
    return "\n".join(["seconds,pid,is_scan,memory_mb", *lines, ""])
