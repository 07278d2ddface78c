"""Scans and questions on a disk that is full, or becomes so."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.endurance.contents import Broken, check, contents, differences
from benchmarks.endurance.kills import change, prepare
from benchmarks.endurance.processes import run
from soundalike.cli.progress import work_progress
from soundalike.errors import DataError

__all__ = ["disk"]

_SIZE = 16 << 20
_BLOCK = 4096
# From nothing at all to about what the library takes.
_LEVELS = (0, 1, 4, 9, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256, 320, 384, 512)
# What is asked of a complete library on a full disk; the first two write files beside it.
_QUESTIONS = (
    ("map", "--json"),
    ("versions",),
    ("info",),
    ("similar", "1"),
    ("list",),
    ("failures",),
    ("clusters",),
    ("like", "1"),
    ("forget", "--missing", "--yes"),
)


def disk(
    music: Path,
    home: Path,
    *,
    seed: int,
    files: int,
    levels: Sequence[int] | None = None,
    asked_at: Sequence[int] = (0, 1, 8, 40),
) -> dict[str, Any]:
    """Scan and ask with so many blocks of 4 kB left on a small disk in memory.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in; the disk is mounted in it.
    seed : of clips, changes, and of the levels between those that are always tried.
    levels : blocks that are left for scans; by default some thirty, from none to all it takes.
    asked_at : blocks that are left for questions.

    Returns
    -------
    How many scans and questions there were and how they ended, and ``findings``: what was lost, or
    ended otherwise than with a clear error.

    Raises
    ------
    DataError : no disk in memory can be mounted, such as without the rights of root.
    """
    rng = random.Random(seed)
    folder = home / "music"
    prepare(music, folder, files, rng)
    if levels is None:
        levels = sorted({*_LEVELS, *(rng.randrange(600) for _ in range(14))})
    trials = _Trials(folder, home)
    with _small_disk(home / "disk") as small, work_progress("scans") as progress:
        for what in ("new", "changed"):
            if what == "changed":
                trials.begin_with_what_is_there()
                change(music, folder, rng)
            trials.expect()
            for number, level in enumerate(levels):
                trials.scan(small, level, what)
                progress(f"full disks, {what} files", number + 1, len(levels))
        for number, level in enumerate(asked_at):
            trials.ask(small, level)
            progress("questions on full disks", number + 1, len(asked_at))
    return {
        "seed": seed,
        "levels": len(levels),
        **trials.counts,
        "findings": trials.findings,
    }


class _Trials:
    def __init__(self, folder: Path, home: Path) -> None:
        self.findings: list[str] = []
        self.counts = {
            "scans that said that the disk is full": 0,
            "scans that came to their end": 0,
            "questions answered": 0,
            "questions that said what is wrong": 0,
        }
        self._folder, self._home = folder, home
        self._begin, self._whole = home / "begin", home / "whole"
        self._begin.mkdir()

    def begin_with_what_is_there(self) -> None:
        """From now on, scans begin with what the last one left."""
        shutil.rmtree(self._begin)
        shutil.copytree(self._whole, self._begin)

    def expect(self) -> None:
        """Scan with room enough: that is what all others have to come to."""
        shutil.rmtree(self._whole, ignore_errors=True)
        shutil.copytree(self._begin, self._whole)
        self._run("scan", self._folder, library=self._whole / "library.db")
        check(self._whole / "library.db")
        self._expected = contents(self._whole / "library.db")

    def scan(self, small: Path, level: int, what: str) -> None:
        name = f"{what} files, {level} blocks left"
        _empty(small)
        shutil.copytree(self._begin, small, dirs_exist_ok=True)
        _fill(small, level)
        database = small / "library.db"
        try:
            # In every other trial, files in use lie on the same disk.
            temporary = small if level % 2 else None
            if self._run("scan", self._folder, library=database, temporary=temporary):
                self.counts["scans that came to their end"] += 1
            else:
                self.counts["scans that said that the disk is full"] += 1
            if database.exists():
                # Readable as long as the disk is full, or a word about it.
                self._run("info", library=database)
            (small / "filler").unlink()
            if database.exists():
                rest = self._home / "rest"
                shutil.rmtree(rest, ignore_errors=True)
                shutil.copytree(small, rest)
                check(rest / "library.db")
            if not self._run("scan", self._folder, library=database):
                raise Broken("the next scan, with room enough, did not come to its end")
            check(database)
        except Broken as error:
            self.findings.append(f"{name}: {error}")
            return
        lines = differences(contents(database), self._expected)
        self.findings += [f"{name}: {line}" for line in lines]
        self.findings += [f"{name}: {each} left" for each in small.glob(".soundalike-*")]

    def ask(self, small: Path, level: int) -> None:
        for question in _QUESTIONS:
            name = f"{' '.join(question)}, {level} blocks left"
            _empty(small)
            shutil.copytree(self._whole, small, dirs_exist_ok=True)
            for each in small.glob("*.index"):
                each.unlink()
            _fill(small, level)
            try:
                if self._run(*question, library=small / "library.db"):
                    self.counts["questions answered"] += 1
                else:
                    self.counts["questions that said what is wrong"] += 1
                (small / "filler").unlink()
                if not self._run(*question, library=small / "library.db"):
                    raise Broken("no answer with room enough")
                check(small / "library.db")
            except Broken as error:
                self.findings.append(f"{name}: {error}")
                continue
            if question[0] != "forget":
                lines = differences(contents(small / "library.db"), self._expected)
                self.findings += [f"{name}: {line}" for line in lines]
            self.findings += [f"{name}: {each} left" for each in small.glob(".soundalike-*")]

    @staticmethod
    def _run(
        *arguments: str | os.PathLike[str], library: Path, temporary: Path | None = None
    ) -> bool:
        """Whether a command did what it was asked, and else said that the disk is full.

        Raises
        ------
        Broken : it ended in another way.
        """
        where = {} if temporary is None else {"TMPDIR": os.fspath(temporary)}
        found = run(*arguments, "--library", library, env={**os.environ, **where})
        said = found.stderr[-600:]
        if found.returncode not in (0, 1) or "Traceback" in said:
            raise Broken(f"`{arguments[0]}` ended with {found.returncode}: {said}")
        is_refused = found.returncode == 1 and "rror" in said
        if is_refused and not any(word in said for word in ("full", "no space", "free space")):
            raise Broken(f"`{arguments[0]}` does not say that the disk is full: {said}")
        return not is_refused


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A disk of 16 MB in memory.

    Raises
    ------
    DataError : it cannot be mounted.
    """
    place.mkdir()
    if not sys.platform.startswith("linux"):
        raise DataError("a small disk in memory is mounted on Linux alone: run this there")
    options = ["-t", "tmpfs", "-o", f"size={_SIZE}", "soundalike-endurance"]
    found = subprocess.run(["mount", *options, place], capture_output=True, text=True)
    if found.returncode:
        raise DataError(
            f"a small disk cannot be mounted at {place} ({found.stderr.strip()}): run this as root"
        )
    try:
        yield place
    finally:
        # This process may still have an index in memory that lies on it.
        subprocess.run(["umount", "--lazy", place], check=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _fill(folder: Path, level: int) -> None:
    """Leave so many blocks."""
    found = os.statvfs(folder)
    length = max(0, found.f_bavail * found.f_frsize - level * _BLOCK)
    with (folder / "filler").open("wb") as file:
        for start in range(0, length, 1 << 20):
            file.write(bytes(min(1 << 20, length - start)))
