"""``python -m benchmarks.endurance COMMAND MUSIC``: see the package."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.endurance.beside import beside
from benchmarks.endurance.caches import caches
from benchmarks.endurance.disk import disk
from benchmarks.endurance.disturbed import files
from benchmarks.endurance.fuzz import fuzz
from benchmarks.endurance.kills import kills
from benchmarks.endurance.soak import soak
from soundalike.errors import SoundalikeError
from soundalike.files import write_file

Run = Callable[[argparse.Namespace, Path], dict[str, Any]]

# Of each command: what it does, its own options with their defaults, and how it is called.
_COMMANDS: dict[str, tuple[str, dict[str, int], Run]] = {
    "kill": (
        "kill scans at random moments, and complete each",
        {"kills": 60, "files": 24},
        lambda a, home: kills(a.music, home, seed=a.seed, count=a.kills, files=a.files),
    ),
    "disk": (
        "scan and ask on a full disk (mounts one in memory: as root, on Linux)",
        {"files": 24},
        lambda a, home: disk(a.music, home, seed=a.seed, files=a.files),
    ),
    "files": (
        "change, move and remove files while they are scanned",
        {"rounds": 15, "files": 30},
        lambda a, home: files(a.music, home, seed=a.seed, rounds=a.rounds, count=a.files),
    ),
    "two": (
        "scan twice at once, and ask, write and forget beside",
        {"rounds": 12, "files": 24},
        lambda a, home: beside(a.music, home, seed=a.seed, rounds=a.rounds, count=a.files),
    ),
    "cache": (
        "damage what lies beside a library",
        {"damages": 150, "files": 30},
        lambda a, home: caches(a.music, home, seed=a.seed, count=a.damages, files=a.files),
    ),
    "soak": (
        "scan 20,000 files, and watch the memory",
        {"files": 20_000, "sounds": 1_000},
        lambda a, home: soak(a.music, home, seed=a.seed, count=a.files, distinct=a.sounds),
    ),
    "fuzz": (
        "scan 20,000 damaged files",
        {"inputs": 20_000, "first": 0, "limit": 60},
        lambda a, home: fuzz(
            a.music,
            seed=a.seed,
            count=a.inputs,
            limit_s=a.limit,
            first=a.first,
            keep=home / "findings",
        ),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of them; 1 if it found anything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (text, options, _) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("music", type=Path, help="folder with real music to cut files from")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--home", type=Path, help="empty folder to work in, and to keep")
        command.add_argument("--out", type=Path, help="write the figures to this file")
        for option, default in options.items():
            command.add_argument(f"--{option}", type=int, default=default)
    chosen = parser.parse_args(arguments)
    run = _COMMANDS[chosen.command][2]
    with tempfile.TemporaryDirectory() as folder:
        home = chosen.home or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        try:
            found = run(chosen, home)
        except SoundalikeError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    figures = {"command": chosen.command, "machine": machine, **found}
    print(json.dumps(figures, indent=2))
    if chosen.out is not None:
        write_file(chosen.out, json.dumps(figures, indent=2) + "\n", parents=True)
    return 1 if found["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
