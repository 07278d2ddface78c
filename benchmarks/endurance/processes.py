"""The command ``soundalike`` as a process, with its workers: started, killed, watched."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["descendants", "kill", "memory_mb", "run", "start", "wait_until_gone"]

_GONE_WITHIN_S = 30.0
# One that does not end by itself is a finding, not a reason to wait for ever.
_ENDS_WITHIN_S = 1800.0


def start(
    *arguments: str | os.PathLike[str], by: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Begin with a command of soundalike; what it prints is kept in pipes, unless said otherwise.

    Parameters
    ----------
    by : a command that runs it.
    options : of ``subprocess.Popen``.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [*by, sys.executable, "-m", "soundalike", *(os.fspath(each) for each in arguments)],
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    )


def run(*arguments: str | os.PathLike[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """A command of soundalike from beginning to end."""
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=_ENDS_WITHIN_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def descendants(pid: int) -> list[int]:
    """The processes that one has started, whichever thread did it."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, children.read_text(encoding="utf-8").split())
    return found


def kill(process: subprocess.Popen[str], rng: random.Random) -> tuple[str, list[int]]:
    """SIGKILL to a scan alone, or to it and its workers in any order; which, and its workers."""
    workers = descendants(process.pid)
    how = rng.choice(("alone", "with its workers"))
    victims = [process.pid]
    if how != "alone":
        victims += workers
        rng.shuffle(victims)
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return how, workers


def wait_until_gone(pids: list[int]) -> bool:
    """Whether processes end by themselves, within half a minute."""
    deadline = time.monotonic() + _GONE_WITHIN_S
    while any(map(_is_running, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def memory_mb(pid: int) -> float | None:
    """Resident memory of a process; None for one that is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _is_running(pid: int) -> bool:
    try:
        # Nobody may have collected an orphan yet.
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
