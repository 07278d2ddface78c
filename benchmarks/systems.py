"""The systems whose neighbours are compared, and the environment that the peers live in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import InvalidArgument
from soundalike.models import installed_models

__all__ = ["Analyser", "System", "all_systems", "choose", "install"]


@dataclass(frozen=True)
class Analyser:
    """What turns a file into something that can be compared; a worker of ``benchmarks.peers``.

    Attributes
    ----------
    name, version : together with the revision they name the results in the cache.
    worker : module in ``benchmarks.peers``.
    arguments : of the worker.
    requirements : what pip installs for it; none for those that run beside soundalike itself.
    revision : goes up when the worker computes something else than before.
    """

    name: str
    version: str
    worker: str
    arguments: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    revision: int = 1

    @property
    def key(self) -> str:
        return f"{self.name}-{self.version}-r{self.revision}"


@dataclass(frozen=True)
class System:
    """A row of the table: an analyser, and how its results are compared.

    Attributes
    ----------
    name : of the row.
    analyser : may serve several systems; a file is analysed once.
    measure : ``cosine`` or ``euclidean`` of the array ``array``; ``standardised``: cosine after
        each number has been brought to mean 0 and deviation 1; or ``own``: the worker's.
    array : name of the array that is compared.
    variant : handed to the worker's own measure.
    words : the distance, as the table names it.
    """

    name: str
    analyser: Analyser
    measure: str
    words: str
    array: str = "embedding"
    variant: str = ""


# The suite's NumPy, so that a peer's figures do not change with a release of it.
_NUMPY = "numpy==2.4.6"

BLISS = Analyser("bliss-audio", "0.2.0", "bliss", requirements=("bliss-audio==0.2.0", _NUMPY))
MUSLY = Analyser("pymusly", "2.0.0", "musly", requirements=("pymusly==2.0.0", "av==18.1.0", _NUMPY))
SONARA = Analyser("sonara", "0.3.6", "sonara", requirements=("sonara==0.3.6", _NUMPY))
MUSICNN = Analyser("musicnn", "0.1.0", "musicnn")
MFCC = Analyser("mfcc", "1", "mfcc")


def all_systems() -> tuple[System, ...]:
    """Every system, ours last: each with the distance that its documentation or its users name."""
    own = [
        System(
            model.id,
            Analyser(model.name, f"{model.version}-{model.sha256[:12]}", "own_model", (model.id,)),
            "cosine",
            "cosine",
        )
        for model in installed_models()
        if model.name != MUSICNN.name  # has its rows among the peers
    ]
    return (
        System("bliss-audio", BLISS, "euclidean", "Euclidean"),
        System("pymusly (timbre)", MUSLY, "own", "Jensen-Shannon, mutual proximity"),
        System("sonara", SONARA, "own", "its own, weighted", variant="default"),
        System("sonara, timbre profile", SONARA, "own", "its own, timbre", variant="timbre"),
        System("musicnn, 200-d", MUSICNN, "cosine", "cosine"),
        System("musicnn, 753-d", MUSICNN, "cosine", "cosine", array="pooled"),
        System("MFCC statistics", MFCC, "standardised", "cosine, standardised"),
        *own,
    )


def choose(systems: Sequence[System], words: Sequence[str]) -> tuple[System, ...]:
    """The systems in whose names one of the words occurs; all where there are no words.

    Raises
    ------
    InvalidArgument : a word that occurs in no name.
    """
    for word in words:
        if not any(word in system.name for system in systems):
            names = ", ".join(system.name for system in systems)
            raise InvalidArgument(f"no system is called {word!r}; available: {names}")
    return tuple(s for s in systems if not words or any(word in s.name for word in words))


def install(analyser: Analyser, environment: Path) -> str | None:
    """Install what a peer needs into an environment that holds the peers alone.

    Parameters
    ----------
    environment : folder of the virtual environment; made where it is missing.

    Returns
    -------
    Why it does not install, or None.
    """
    done = environment / f".has-{analyser.key}"
    if done.exists():
        return None
    if not python_of(environment).exists():
        failed = _run([sys.executable, "-m", "venv", str(environment)])
        if failed:
            return f"no environment for it: {failed}"
    print(f"installing {', '.join(analyser.requirements)}", file=sys.stderr)
    pip = [str(python_of(environment)), "-m", "pip", "install", "--quiet"]
    failed = _run([*pip, "--disable-pip-version-check", *analyser.requirements])
    if failed:
        return f"does not install: {failed}"
    done.touch()
    return None


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _run(command: list[str]) -> str | None:
    """The last line of what a command complained about; None where it worked."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return None
    said = [line for line in ran.stderr.splitlines() if line.strip()]
    return said[-1].strip() if said else f"exit status {ran.returncode}"
