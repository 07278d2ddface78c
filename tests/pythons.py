"""Try the wheel on every Python of this machine, with the newest and the oldest dependencies.

    python tests/pythons.py

Every CPython that ``requires-python`` allows, one of each minor version, from PATH and pyenv, gets
the wheel without extras in an environment of its own, with the newest dependencies that pip finds;
the lowest also with the lowest versions that ``pyproject.toml`` allows. ``tests/installed.py`` then
uses it. The exit code is 1 if anything fails, or if there is no such Python.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Started in each: a shim of pyenv's may stand for a version that is not there.
LOOK = (
    "import json, platform, sys, ensurepip, venv; "
    "print(json.dumps([platform.python_implementation(), platform.python_version(), "
    "sys.version_info[:2], sys.version_info.releaselevel == 'final']))"
)


class Python(NamedTuple):
    """An interpreter: its minor version, as (3, 13), its full one, and where it lies."""

    minor: tuple[int, int]
    version: str
    path: Path


def lowest_minor() -> tuple[int, int]:
    """What ``requires-python`` begins with."""
    (low,) = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"]).groups()
    return 3, int(low)


def lowest_dependencies() -> list[str]:
    """Every dependency at the version that its ``>=`` names."""
    pinned = []
    for requirement in PROJECT["dependencies"]:
        name, low = re.match(r"([\w-]+)>=([\d.]+)(?:,<[\d.]+)?$", requirement).groups()
        pinned.append(f"{name}=={low}")
    return pinned


def candidates() -> Iterator[Path]:
    """Everything on PATH and of pyenv's that is called like a Python, in that order."""
    folders = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders += sorted(pyenv.glob("versions/*/bin"))
    yield Path(sys.executable)
    for folder in filter(Path.is_dir, folders):
        for path in sorted(folder.iterdir()):
            name = re.fullmatch(r"python(?:3(?:\.(\d+))?)?(?:\.exe)?", path.name)
            if name and (name[1] is None or (3, int(name[1])) >= lowest_minor()):
                yield path


def look(path: Path) -> Python | None:
    """What the interpreter is; None if it does not start, or cannot make an environment."""
    try:
        ran = subprocess.run(
            [path, "-I", "-c", LOOK], capture_output=True, text=True, timeout=60, check=True
        )
        kind, version, (major, minor), is_final = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    # Nobody publishes wheels for the others.
    if kind != "CPython" or not is_final or (major, minor) < lowest_minor():
        return None
    return Python((major, minor), version, path)


def pythons() -> list[Python]:
    """One of each minor version, the lowest first."""
    found: dict[tuple[int, int], Python] = {}
    seen: set[Path] = set()
    for path in candidates():
        if path.resolve() not in seen:
            seen.add(path.resolve())
            python = look(path)
            if python is not None:
                found.setdefault(python.minor, python)
    return [found[minor] for minor in sorted(found)]


def run(*command: object) -> None:
    """Run outside the checkout, so that what is imported is what was installed."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "SOUNDALIKE"))
    }
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    subprocess.run(list(map(str, command)), check=True, cwd=tempfile.gettempdir(), env=environment)


class Environment:
    """A clean environment of a Python, below a folder that somebody else removes."""

    def __init__(self, python: Python, folder: Path) -> None:
        run(python.path, "-m", "venv", folder)
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def pip(self, *words: object) -> None:
        run(self.python, "-m", "pip", *words)

    def try_wheel(self, wheel: Path, *pinned: str) -> None:
        # Compiling what is never imported takes half of the time.
        self.pip("install", "-qq", "--no-compile", "--only-binary=:all:", wheel, *pinned)
        run(self.python, TESTS / "installed.py")


def main() -> int:
    found = pythons()
    low = ".".join(map(str, lowest_minor()))
    if not found:
        print(f"no Python from {low} up: neither on PATH nor of pyenv's", file=sys.stderr)
        return 1
    print("Pythons:", ", ".join(f"{one.version} ({one.path})" for one in found), flush=True)
    ran, failed = [], []
    with tempfile.TemporaryDirectory(prefix="soundalike-pythons-") as place:
        folder = Path(place)
        first = Environment(found[0], folder / "build")
        first.pip("wheel", "-qq", "--no-deps", "--wheel-dir", folder, ROOT)
        (wheel,) = folder.glob("soundalike-*.whl")
        trials = [(python, "newest dependencies", ()) for python in found]
        trials.insert(1, (found[0], "lowest dependencies", tuple(lowest_dependencies())))
        for python, what, pinned in trials:
            name = f"Python {python.version}, {what}"
            print(f"\n{name}", flush=True)
            started = time.monotonic()
            try:
                Environment(python, folder / "tried").try_wheel(wheel, *pinned)
            except subprocess.CalledProcessError as error:
                print(f"  failed: {error}", flush=True)
                failed.append(name)
            else:
                ran.append(name)
            print(f"  {time.monotonic() - started:.0f} s", flush=True)
            shutil.rmtree(folder / "tried")
    print("\nran:", "; ".join(ran) or "none")
    if failed:
        print("FAILED:", "; ".join(failed))
    if len(found) == 1:
        print(f"only one Python is on this machine: newer ones than {found[0].version} unchecked")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
