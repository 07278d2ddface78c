"""Files that vanish, change, grow and turn into something else while a scan reads them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.endurance.contents import Broken, check, contents, differences
from benchmarks.endurance.kills import prepare
from benchmarks.endurance.processes import start
from soundalike.cli.progress import work_progress

__all__ = ["disturbances", "files"]

_LIMIT_S = 300.0
# What lets root read everything.
_AS_A_USER = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")


def _vanish(path: Path, rng: random.Random) -> None:
    path.unlink()


def _rewrite(path: Path, rng: random.Random) -> None:
    """Other bytes, of the same length."""
    path.write_bytes(rng.randbytes(path.stat().st_size))


def _retime(path: Path, rng: random.Random) -> None:
    os.utime(path)


def _truncate(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _grow(path: Path, rng: random.Random) -> None:
    """As a download does it."""
    with path.open("ab", buffering=0) as file:
        for _ in range(20):
            file.write(rng.randbytes(5000))
            time.sleep(0.01)


def _replace(path: Path, rng: random.Random) -> None:
    """By another song, at once, as a tag editor does it."""
    others = [each for each in path.parent.parent.glob("album */*") if each.is_file()]
    copy = path.with_suffix(".part")
    shutil.copyfile(rng.choice(others), copy)
    copy.replace(path)


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _forbid(path: Path, rng: random.Random) -> None:
    path.chmod(0)


def _forbid_folder(path: Path, rng: random.Random) -> None:
    path.parent.chmod(0)


def _move(path: Path, rng: random.Random) -> None:
    path.rename(path.with_name(f"moved {path.name}"))


def _link_nowhere(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere.flac"))


disturbances: dict[str, Callable[[Path, random.Random], None]] = {
    "vanishes": _vanish,
    "changes": _rewrite,
    "is touched": _retime,
    "is cut off": _truncate,
    "grows": _grow,
    "is replaced": _replace,
    "becomes a folder": _folder,
    "becomes a pipe": _pipe,
    "may not be read": _forbid,
    "its folder may not be read": _forbid_folder,
    "moves": _move,
    "becomes a broken link": _link_nowhere,
}
"""What may happen to a file."""


def files(music: Path, home: Path, *, seed: int, rounds: int, count: int) -> dict[str, Any]:
    """Scan while files are disturbed, then in peace; compare with a new library.

    Parameters
    ----------
    music : folder with real music, to cut clips from.
    home : empty folder to work in.
    seed : of clips, disturbances and moments.
    rounds : of so many scans each; in each, a third of ``count`` files is disturbed.

    Returns
    -------
    How often what was done, and ``findings``: a scan that failed, or what the second one left
    otherwise than a new library has it.
    """
    rng = random.Random(seed)
    prepare(music, home / "clips", count, rng)
    done: Counter[str] = Counter()
    findings: list[str] = []
    lasts_s = 0.0
    with work_progress("scans") as progress:
        for number in range(rounds + 1):
            # The first one is undisturbed, to know how long it takes.
            n_disturbed = count // 3 if number else 0
            name = f"round {number}"
            folder, live = home / "music", home / "live"
            for each in (folder, live):
                _remove(each)
            shutil.copytree(home / "clips", folder, symlinks=True)
            live.mkdir()
            try:
                began = time.monotonic()
                _scan(live, folder, rng, n_disturbed, lasts_s, done)
                lasts_s = lasts_s or time.monotonic() - began
                check(live / "library.db")
                # What lies in a folder that cannot be listed is known to a library that has seen
                # it, and not to a new one.
                _allow(folder)
                _scan(live, folder, rng, 0, 0.0, done, "--retry")
                check(live / "library.db")
                fresh = home / "fresh"
                _remove(fresh)
                fresh.mkdir()
                _scan(fresh, folder, rng, 0, 0.0, done)
            except Broken as error:
                findings.append(f"{name}: {error}")
                continue
            found = contents(live / "library.db", now=True)
            expected = contents(fresh / "library.db", now=True)
            findings += [f"{name}: {line}" for line in differences(found, expected)]
            progress("disturbed scans", number, rounds)
    return {"seed": seed, "scans": rounds, "disturbances": dict(done), "findings": findings}


def _scan(
    home: Path,
    folder: Path,
    rng: random.Random,
    n_disturbed: int,
    lasts_s: float,
    done: Counter[str],
    *options: str,
) -> None:
    # Root gives up what lets it read all files.
    is_root = sys.platform != "win32" and os.geteuid() == 0
    by = _AS_A_USER if is_root else ()
    process = start("scan", folder, "--library", home / "library.db", *options, by=by)
    files = [path for path in sorted(folder.glob("album */*")) if path.is_file()]
    moments = sorted(rng.uniform(0.0, lasts_s) for _ in range(n_disturbed))
    chosen = list(zip(moments, rng.sample(files, n_disturbed), strict=True))
    disturber = threading.Thread(target=_disturb, args=(chosen, rng, done), daemon=True)
    disturber.start()
    try:
        _, err = process.communicate(timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Broken(f"the scan did not end within {_LIMIT_S:g} s") from None
    disturber.join()
    if process.returncode not in (0, 1) or "Traceback" in err:
        raise Broken(f"the scan ended with {process.returncode}: {err[-500:]}")


def _disturb(chosen: list[tuple[float, Path]], rng: random.Random, done: Counter[str]) -> None:
    began = time.monotonic()
    for moment_s, path in chosen:
        time.sleep(max(0.0, moment_s - (time.monotonic() - began)))
        # Its folder may be forbidden, or the file it was to be replaced by.
        name = rng.choice(list(disturbances))
        if path.is_file():
            disturbances[name](path, rng)
            done[name] += 1


def _allow(folder: Path) -> None:
    for each in folder.glob("album *"):
        each.chmod(0o755)


def _remove(folder: Path) -> None:
    if folder.exists():
        _allow(folder)
        shutil.rmtree(folder)
