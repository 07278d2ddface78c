"""A scan, and what else is done with the same library at the same time."""

from __future__ import annotations

import random
import re
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.endurance.contents import Broken, check, contents, differences
from benchmarks.endurance.kills import prepare
from benchmarks.endurance.processes import run, start
from soundalike.cli.progress import work_progress
from soundalike.errors import LibraryError, SoundalikeError
from soundalike.library import Library

__all__ = ["beside"]

# What somebody else may do while a scan runs.
_COMMANDS = (
    ("list",),
    ("info",),
    ("failures",),
    ("missing",),
    ("similar", "1"),
    ("versions",),
    ("clusters",),
    ("map", "--json"),
    ("like", "2"),
    ("playlist", "1", "--tracks", "5"),
    ("forget", "2", "--yes"),
    ("forget", "--missing", "--yes"),
    ("scan",),
    ("failures", "--retry"),
)
# What it may say no with: a scan is running, or nothing is there to be asked yet.
_REFUSALS = re.compile(
    "another scan|there is no library|no track|no such track|not analysed|nothing is analysed|"
    "no folder was scanned|scan a folder|at least|is too few|only \\d+"
)


def beside(music: Path, home: Path, *, seed: int, rounds: int, count: int) -> dict[str, Any]:
    """Scan in so many rounds while other processes scan, ask, write and forget.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in.
    seed : of clips, moments and commands.
    count : files.

    Returns
    -------
    How the other commands ended, how many questions were answered in this process meanwhile, and
    ``findings``.
    """
    rng = random.Random(seed)
    folder = home / "music"
    prepare(music, folder, count, rng)
    whole = home / "whole"
    whole.mkdir()
    began = time.monotonic()
    run("scan", folder, "--library", whole / "library.db")
    lasts_s = time.monotonic() - began
    expected = contents(whole / "library.db")
    ended: Counter[str] = Counter()
    findings: list[str] = []
    answers = 0
    with work_progress("rounds") as progress:
        for number in range(rounds):
            live = home / "live"
            shutil.rmtree(live, ignore_errors=True)
            live.mkdir()
            name = f"round {number}"
            try:
                answers += _round(live / "library.db", folder, lasts_s, rng, ended)
                check(live / "library.db")
                # What was forgotten comes back with the next scan.
                run("scan", folder, "--library", live / "library.db")
                check(live / "library.db")
            except Broken as error:
                findings.append(f"{name}: {error}")
                continue
            found = contents(live / "library.db")
            findings += [f"{name}: {line}" for line in differences(found, expected)]
            progress("scans beside others", number + 1, rounds)
    return {
        "seed": seed,
        "rounds": rounds,
        "commands": dict(sorted(ended.items())),
        "answers in this process": answers,
        "findings": findings,
    }


def _round(
    database: Path, folder: Path, lasts_s: float, rng: random.Random, ended: Counter[str]
) -> int:
    """Two scans that begin within a moment, six commands at any time, and questions all along."""
    scans = [start("scan", folder, "--library", database)]
    time.sleep(rng.choice((0.0, 0.0, rng.uniform(0.0, 0.3))))
    scans.append(start("scan", folder, "--library", database))
    moments = sorted(rng.uniform(0.0, lasts_s) for _ in range(6))
    asker = _Asker(database)
    asker.start()
    began = time.monotonic()
    others = []
    for moment_s in moments:
        time.sleep(max(0.0, moment_s - (time.monotonic() - began)))
        chosen = rng.choice(_COMMANDS)
        others.append((" ".join(chosen), start(*chosen, "--library", database)))
    commands = [(f"scan {number + 1} of two", each) for number, each in enumerate(scans)]
    commands += others
    # All have ended, and nobody asks any more, before one of them is found to be wrong.
    errors = [process.communicate(timeout=600)[1] for _, process in commands]
    answers = asker.stop()
    for (name, process), err in zip(commands, errors, strict=True):
        # 2 where a command cannot do without a folder that nobody has scanned yet.
        is_refused = process.returncode in (1, 2) and "rror" in err
        if (process.returncode not in (0, 1) and not is_refused) or "Traceback" in err:
            raise Broken(f"`{name}` ended with {process.returncode}: {err[-600:]}")
        if is_refused and not _REFUSALS.search(err):
            raise Broken(f"`{name}` was refused with: {err[-600:]}")
        ended[f"{name}: {'refused' if is_refused else 'done'}"] += 1
    return answers


class _Asker(threading.Thread):
    """Asks a library one thing after the other, as a server does, while others write."""

    def __init__(self, database: Path) -> None:
        super().__init__(daemon=True)
        self._database = database
        self._is_over = threading.Event()
        self._answers = 0
        self._error: BaseException | None = None

    def run(self) -> None:
        while not self._is_over.wait(0.05):
            try:
                with Library(self._database, create=False) as library:
                    while not self._is_over.wait(0.02):
                        self._ask(library)
            except LibraryError as error:
                if "there is no library" not in str(error):
                    self._error = error
                    return
            except BaseException as error:
                self._error = error
                return

    def _ask(self, library: Library) -> None:
        counted = library.info()
        tracks = library.tracks("analysed")
        self._answers += 2
        if counted.analysed > 2 and tracks:
            try:
                found = library.similar(tracks[0].track_id, k=5)
            except SoundalikeError as error:
                # It may have been forgotten since.
                if f"#{tracks[0].track_id}" not in str(error):
                    raise
                return
            self._answers += len(found.matches) > 0

    def stop(self) -> int:
        """The number of answers.

        Raises
        ------
        Broken : a question failed.
        """
        self._is_over.set()
        self.join()
        if self._error is not None:
            raise Broken(f"a question failed: {self._error!r}")
        return self._answers
