"""Scans that are killed at random moments, and what is left of them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import mutagen

from benchmarks.endurance.clips import music_below, write_clips
from benchmarks.endurance.contents import Broken, check, contents, differences
from benchmarks.endurance.processes import kill, run, start, wait_until_gone
from soundalike.cli.progress import work_progress

__all__ = ["CLIP_S", "change", "kills", "prepare"]

CLIP_S = 11.0
"""Seconds of a clip: one excerpt of the model, and a little."""


def prepare(music: Path, folder: Path, count: int, rng: random.Random) -> None:
    """Clips of music, copies and links of some, and files that fail."""
    clips = list(write_clips(music_below(music, CLIP_S), folder, count, CLIP_S, rng))
    (folder / "copies").mkdir()
    for number, path in enumerate(rng.sample(clips, 4)):
        target = folder / "copies" / path.name
        if number % 2:
            os.link(path, target)
        else:
            shutil.copy2(path, target)
    (folder / "notes.mp3").write_text("no music at all\n" * 100, encoding="utf-8")
    (folder / "cut off.m4a").write_bytes(clips[0].read_bytes()[:400])
    (folder / "empty.flac").touch()
    (folder / "broken.ogg").symlink_to(folder / "nowhere.ogg")


def change(music: Path, folder: Path, rng: random.Random) -> None:
    """What happens to a library between two scans: files move, go, come, and get other tags."""
    files = sorted(path for path in folder.glob("album */*") if path.is_file())
    rng.shuffle(files)
    moved = folder / "moved"
    moved.mkdir()
    for path in files[:4]:
        path.rename(moved / path.name)
    for path in files[4:7]:
        path.unlink()
    for path in files[7:16]:
        if path.suffix not in (".wav", ".aiff", ".wma"):
            tagged = mutagen.File(path, easy=True)
            tagged["title"] = "Another"
            tagged.save()
    for path in files[16:18]:
        os.utime(path)
    for path, other in zip(files[18:20], files[20:22], strict=True):
        shutil.copyfile(other, path)
    new = write_clips(music_below(music, CLIP_S), folder / "new", 8, CLIP_S, rng)
    for _ in new:
        pass


def kills(music: Path, home: Path, *, seed: int, count: int, files: int) -> dict[str, Any]:
    """Kill so many scans, half of new files, half of a library whose files have changed.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in.
    seed : of clips, changes, moments, and of who is killed.

    Returns
    -------
    How many were killed, in which way, and ``findings``: what was not as it has to be.
    """
    rng = random.Random(seed)
    folder = home / "music"
    prepare(music, folder, files, rng)
    findings: list[str] = []
    counts: dict[str, int] = {"alone": 0, "with its workers": 0, "before a library was made": 0}
    with work_progress("scans") as progress:
        for what in ("new", "changed"):
            begin = home / f"begin {what}"
            begin.mkdir()
            if what == "changed":
                run("scan", folder, "--library", begin / "library.db")
                change(music, folder, rng)
            trial = _Trial(home, folder, begin, findings)
            target = count // 2 if what == "new" else count - count // 2
            step = f"kills, {what} files"
            trial.repeat(target, rng, counts, partial(_told, progress, step, target))
    return {
        "seed": seed,
        "kills": counts["alone"] + counts["with its workers"],
        **counts,
        "findings": findings,
    }


def _told(progress: Callable[[str, int, int], None], step: str, total: int, done: int) -> None:
    progress(step, done, total)


class _Trial:
    """Scans from the same beginning, until enough of them were killed."""

    def __init__(self, home: Path, folder: Path, begin: Path, findings: list[str]) -> None:
        self._home, self._folder, self._begin = home, folder, begin
        self._findings = findings
        whole = home / "whole"
        self._copy(begin, whole)
        began = time.monotonic()
        self._scan(whole)
        self._lasts_s = time.monotonic() - began
        check(whole / "library.db")
        self._expected = contents(whole / "library.db")

    def repeat(
        self,
        target: int,
        rng: random.Random,
        counts: dict[str, int],
        progress: Callable[[int], None],
    ) -> None:
        """Kill scans, each of which goes on from what the last one left."""
        killed, live = 0, self._home / "live"
        self._copy(self._begin, live)
        while killed < target:
            moment_s = rng.uniform(0.0, self._lasts_s)
            process = start("scan", self._folder, "--library", live / "library.db")
            time.sleep(moment_s)
            how, workers = kill(process, rng)
            process.communicate()
            if process.returncode != -signal.SIGKILL:
                # It was quicker: from the beginning, then.
                self._copy(self._begin, live)
                continue
            killed += 1
            counts[how] += 1
            name = f"{self._begin.name}, kill {killed} after {moment_s:.2f} s, {how}"
            if not wait_until_gone(workers):
                self._findings.append(f"{name}: workers live on")
            self._look_at(live, name, counts)
            progress(killed)

    def _look_at(self, live: Path, name: str, counts: dict[str, int]) -> None:
        """Whether what is left is whole, and whether a scan completes it."""
        if not (live / "library.db").exists():
            counts["before a library was made"] += 1
            return
        rest, done = self._home / "rest", self._home / "done"
        self._copy(live, rest)
        self._copy(live, done)
        try:
            check(rest / "library.db")
            self._scan(done)
            check(done / "library.db")
        except Broken as error:
            self._findings.append(f"{name}: {error}")
            return
        found = contents(done / "library.db")
        self._findings += [f"{name}: {line}" for line in differences(found, self._expected)]
        left = [path.name for path in done.iterdir() if path.suffix in (".part", ".scan-lock")]
        if left:
            self._findings.append(f"{name}: {left} left over")

    def _scan(self, home: Path) -> None:
        found = run("scan", self._folder, "--library", home / "library.db")
        # 1: some files fail on purpose.
        if found.returncode not in (0, 1) or "Traceback" in found.stderr:
            raise Broken(f"the scan ended with {found.returncode}: {found.stderr[-500:]}")

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
