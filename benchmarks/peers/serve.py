"""The loop of a worker: requests come in as lines of JSON, answers go out as such.

``{"task": "analyse", "path": FILE, "out": NPZ}`` writes what was found out about one file and
answers ``{"cpu_s": SECONDS, "peak_bytes": MOST}``, where the latter is the most memory that the
process has had so far (0 where Linux does not tell); ``{"task": "compare", "files": [NPZ, ...],
"variant": NAME, "out": NPY}`` writes the similarities of all pairs and answers ``{}``. Where it
fails the answer is ``{"error": WHY}``. Needs NumPy, and a part of soundalike that needs nothing.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from soundalike.files import replaced_at_once

__all__ = ["Analyse", "Arrays", "Compare", "serve"]

Arrays = dict[str, Any]
Analyse = Callable[[str], Arrays]
"""From a file to named arrays."""

Compare = Callable[[Sequence[Arrays], str], Any]
"""From all files' arrays and a variant to float (n, n): row i holds i's similarities, high is
close."""


def serve(analyse: Analyse, compare: Compare | None = None) -> None:
    """Answer requests until there are no more."""
    # Libraries print; what they print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line), analyse, compare)
        except (KeyboardInterrupt, SystemExit):
            raise
        # A panic of a library in Rust is no Exception, but a failure of one file all the same.
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


def _peak_bytes() -> int:
    # Not getrusage, which counts what the process was forked from.
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _answer(request: dict[str, Any], analyse: Analyse, compare: Compare | None) -> dict[str, Any]:
    out = Path(request["out"])
    if request["task"] == "analyse":
        start = time.process_time()
        arrays = analyse(request["path"])
        cpu_s = time.process_time() - start
        with replaced_at_once(out) as file:
            np.savez(file, cpu_s=cpu_s, **arrays)
        return {"cpu_s": cpu_s, "peak_bytes": _peak_bytes()}
    if compare is None:
        raise ValueError("this worker compares nothing")
    files = [dict(np.load(path)) for path in request["files"]]
    similarities = np.asarray(compare(files, request["variant"]), dtype=np.float64)
    with replaced_at_once(out) as file:
        np.save(file, similarities)
    return {}
