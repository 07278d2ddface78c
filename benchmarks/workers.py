"""Analyses files in a worker's process, one at a time, and keeps what came out.

A worker may crash, hang or fail on a file: then that file has failed, with the reason, and the
next one goes to a fresh process.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.systems import Analyser, System
from soundalike.cli.progress import work_progress
from soundalike.errors import InvalidArgument, SoundalikeError
from soundalike.evaluate.timbre import standardised
from soundalike.similarity.matrix import CosineSimilarities, GivenSimilarities

__all__ = [
    "Analysed",
    "Failure",
    "Incomparable",
    "Worker",
    "WorkerCannotStart",
    "WorkerFailed",
    "analyse",
    "compare",
    "digest",
]

ROOT = Path(__file__).parent.parent
FILE_TIMEOUT_S = 900.0
COMPARE_TIMEOUT_S = 1800.0

# One core is what is measured.
_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


class WorkerFailed(SoundalikeError):
    """A worker could not do what it was asked; the message says why."""


class WorkerCannotStart(WorkerFailed):
    """A worker never got as far as to be asked anything."""


class Incomparable(WorkerFailed):
    """Tracks that a system compares with no other.

    Parameters
    ----------
    rows : their places among the tracks.
    """

    def __init__(self, rows: Sequence[int]) -> None:
        super().__init__("analysed, but its similarities with all others are no numbers")
        self.rows = tuple(rows)


@dataclass(frozen=True)
class Failure:
    """A file that a system could not analyse, or (without a file) a system that does not run."""

    system: str
    path: Path | None
    reason: str


@dataclass(frozen=True)
class Analysed:
    """What an analyser made of a collection.

    Attributes
    ----------
    results : file's digest -> ``.npz`` with its arrays.
    cpu_s : file's digest -> CPU seconds that it took, decoding included.
    failures : the files that are not among them.
    """

    results: Mapping[str, Path]
    cpu_s: Mapping[str, float]
    failures: tuple[Failure, ...] = field(default=())


class Worker:
    """A process of ``benchmarks.peers``; started when it is first asked, and again after a crash.

    Parameters
    ----------
    command : the interpreter and what it is to run.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        self._complaints.close()

    def ask(self, request: Mapping[str, Any], timeout_s: float = FILE_TIMEOUT_S) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises
        ------
        WorkerFailed : it answers with an error, dies, or takes longer than the timeout.
        WorkerCannotStart : it dies before it is ready.
        """
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it is dead: waiting for the answer says how it died
            process.stdin.write(json.dumps(dict(request)) + "\n")
            process.stdin.flush()
        answer = self._answer(process, timeout_s)
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def _start(self) -> None:
        self._complaints.seek(0)
        self._complaints.truncate()
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        try:
            self._answer(self._process, FILE_TIMEOUT_S)
        except WorkerFailed as error:
            raise WorkerCannotStart(f"does not start: {error}") from error

    def _answer(self, process: subprocess.Popen[str], timeout_s: float) -> dict[str, Any]:
        assert process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout_s, kill)
        timer.start()
        try:
            line = process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = process.wait()
        said = self._last_complaint()
        self._stop()
        if late.is_set():
            raise WorkerFailed(f"took longer than {timeout_s:g} s and was stopped")
        raise WorkerFailed(f"the process died: {_how(status)}{said}")

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        return f" ({lines[-1].strip()})" if lines else ""

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises
    ------
    OSError : it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def analyse(
    analyser: Analyser,
    python: Path,
    files: Mapping[str, Path],
    durations_s: Mapping[str, float],
    cache: Path,
) -> Analysed:
    """Analyse the files that the cache has no results of; failures are tried again each time.

    Parameters
    ----------
    python : the interpreter of the worker.
    files : digest -> file.
    durations_s : digest -> seconds of music, to tell how long it will take.
    cache : folder of results; those of an analyser lie in the folder of its key.

    Raises
    ------
    WorkerCannotStart : there is no use in going on to the next file.
    """
    folder = cache / analyser.key
    folder.mkdir(parents=True, exist_ok=True)
    results = {name: folder / f"{name}.npz" for name in files}
    missing = [name for name in files if not results[name].exists()]
    failures = []
    step = f"{analyser.name}, minutes of music"
    done_s, music_s = 0.0, sum(durations_s[name] for name in missing)
    with Worker(_command(analyser, python)) as worker, work_progress() as show:
        for name in missing:
            show(step, int(done_s / 60), math.ceil(music_s / 60))
            request = {
                "task": "analyse",
                "path": str(files[name].absolute()),
                "out": str(results[name].absolute()),
            }
            try:
                worker.ask(request)
            except WorkerCannotStart:
                raise
            except WorkerFailed as error:
                failures.append(Failure(analyser.name, files[name], str(error)))
                del results[name]
            done_s += durations_s[name]
        show(step, math.ceil(music_s / 60), math.ceil(music_s / 60))
    cpu_s = {name: float(np.load(path)["cpu_s"]) for name, path in results.items()}
    return Analysed(results, cpu_s, tuple(failures))


def compare(
    system: System, python: Path, results: Sequence[Path], scratch: Path
) -> GivenSimilarities:
    """Similarities of all pairs, by the measure that the system's own documentation names.

    Parameters
    ----------
    results : what :func:`analyse` made of each track.
    scratch : folder for the worker's answer.

    Raises
    ------
    Incomparable : some of the tracks have no similarity with any other.
    WorkerFailed : the worker cannot compare them, or answers with something else.
    """
    if system.measure == "own":
        request = {
            "task": "compare",
            "files": [str(path.absolute()) for path in results],
            "variant": system.variant,
            "out": str((scratch / "similarities.npy").absolute()),
        }
        with Worker(_command(system.analyser, python)) as worker:
            worker.ask(request, COMPARE_TIMEOUT_S)
        matrix = np.load(scratch / "similarities.npy")
    else:
        matrix = _by_embedding(system, results)
    if matrix.shape != (len(results), len(results)):
        raise WorkerFailed(f"{system.name} compared {matrix.shape}, not {len(results)} tracks")
    others = ~np.eye(len(matrix), dtype=bool)
    nothing = np.flatnonzero((np.isnan(matrix) | ~others).all(axis=1))
    if 0 < len(nothing) < len(matrix):
        raise Incomparable(nothing.tolist())
    try:
        return GivenSimilarities(matrix)
    except InvalidArgument as error:
        raise WorkerFailed(f"{system.name}: {error}") from error


def _by_embedding(system: System, results: Sequence[Path]) -> npt.NDArray[np.float64]:
    embeddings = np.stack([np.load(path)[system.array] for path in results]).astype(np.float64)
    if system.measure == "standardised":
        embeddings = standardised(embeddings).astype(np.float64)
    if system.measure in ("cosine", "standardised"):
        return np.asarray(CosineSimilarities(embeddings).rows(0, len(embeddings)), np.float64)
    differences = embeddings[:, None, :] - embeddings[None, :, :]
    return np.asarray(-np.linalg.norm(differences, axis=2))


def _command(analyser: Analyser, python: Path) -> list[str]:
    return [str(python), "-m", f"benchmarks.peers.{analyser.worker}", *analyser.arguments]
