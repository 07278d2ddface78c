"""What an evaluation has to decode: statistics for the baseline, and changed copies.

It is done in worker processes, kept beside the library, and may be stopped: the figures then rest
on what was done, and the next evaluation goes on from there.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike import __version__
from soundalike.evaluate.kept import Kept, kept_beside
from soundalike.evaluate.labels import folder_of
from soundalike.evaluate.records import EvaluationProgress
from soundalike.evaluate.robustness import (
    CHANGES,
    COPIES_VERSION,
    MAX_DURATION_S,
    MIN_DURATION_S,
    changed_embeddings,
)
from soundalike.evaluate.timbre import MFCC_VERSION, N_MFCC, mfcc_of_file
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.show.amounts import show_count
from soundalike.threads import available_cores
from soundalike.workers.calls import Call, Refused

if TYPE_CHECKING:
    # A worker, which imports this module, needs neither.
    from soundalike.library import Library, Track
    from soundalike.workers.process import AnalyzerLike

__all__ = ["Heard", "copies_of_file", "listen", "statistics_of_file"]

Kind = Literal["copies", "mfcc"]
Arrays = dict[str, NDArray[np.float32]]

_COPIES = "soundalike.evaluate.listen:copies_of_file"
_MFCC = "soundalike.evaluate.listen:statistics_of_file"
# How much longer the copies of a track take than its statistics, until it is known on this machine.
_COPIES_COST = 18.0


@dataclass
class Heard:
    """What decoding brought, by row of the collection.

    Attributes
    ----------
    mfcc : statistics of MFCCs, float32 (80,).
    copies : the embeddings of the copies by name of the change, float32 (D,).
    asked : how many files of each kind were to be decoded.
    unreadable : files that could not be read.
    interrupted : stopped by Ctrl-C, with less than that.
    """

    mfcc: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    copies: dict[int, Arrays] = field(default_factory=dict)
    asked: dict[Kind, int] = field(default_factory=lambda: {"copies": 0, "mfcc": 0})
    unreadable: tuple[Refused, ...] = ()
    interrupted: bool = False

    @property
    def words(self) -> str:
        """How much of what was asked for there is."""
        return (
            f"{len(self.copies):,} of {show_count(self.asked['copies'], 'track')} for the changed "
            f"copies and {len(self.mfcc):,} of {self.asked['mfcc']:,} for the baseline"
        )


@dataclass(frozen=True)
class _Task:
    row: int
    kind: Kind
    call: Call
    key: bytes
    lasts_s: float


def copies_of_file(
    path: str | os.PathLike[str], load: Callable[[], AnalyzerLike], seed: int
) -> tuple[float, Arrays]:
    """:func:`changed_embeddings` and the seconds they took; the signature is that of a call."""
    load()  # once for each process, and no part of what a file takes
    began = time.monotonic()
    found = changed_embeddings(path, load, seed)
    return time.monotonic() - began, found


def statistics_of_file(
    path: str | os.PathLike[str], _load: Callable[[], AnalyzerLike]
) -> tuple[float, Arrays]:
    """:func:`mfcc_of_file` and the seconds it took; the signature is that of a call."""
    began = time.monotonic()
    found = mfcc_of_file(path)
    return time.monotonic() - began, {"mfcc": found}


def listen(
    library: Library,
    tracks: Sequence[Track],
    baseline_tracks: int,
    robustness_tracks: int,
    seed: int,
    *,
    jobs: int | None,
    tell: Callable[[EvaluationProgress], None],
    stop: threading.Event | None = None,
) -> Heard:
    """Decode what has to be decoded and is not known from an earlier evaluation.

    Parameters
    ----------
    tracks : the collection.
    baseline_tracks, robustness_tracks : how many to decode for either, at most.
    seed : of the samples, and of where excerpts are cut.
    jobs : processes.
    tell : called with the progress; ``left_s`` is known as soon as a first file is done.
    stop : set it, in any thread, to end early, as Ctrl-C does.
    """
    generator = np.random.default_rng(seed)
    plain = _by_folders(tracks, baseline_tracks, generator)
    fit = [
        row
        for row, track in enumerate(tracks)
        if MIN_DURATION_S <= (track.duration_s or 0.0) <= MAX_DURATION_S
    ]
    chosen = generator.permutation(np.array(fit, np.int64))[:robustness_tracks].tolist()
    tasks = [_copies_task(library, tracks[row], row, seed + row) for row in chosen]
    tasks += [_mfcc_task(tracks[row], row) for row in plain]
    heard = Heard(asked={"copies": len(chosen), "mfcc": len(plain)})
    if not tasks:
        return heard
    with Kept(kept_beside(library.beside) if library.beside is not None else None) as kept:
        left = []
        for task in tasks:
            arrays = kept.get(task.key) if _is_as_it_was(tracks[task.row]) else None
            if arrays is None:
                left.append(task)
            else:
                _add(heard, task, arrays)
        n_known = len(tasks) - len(left)
        _run(library, left, heard, kept, n_known=n_known, jobs=jobs, tell=tell, stop_event=stop)
    return heard


def _run(
    library: Library,
    tasks: list[_Task],
    heard: Heard,
    kept: Kept,
    *,
    n_known: int,
    jobs: int | None,
    tell: Callable[[EvaluationProgress], None],
    stop_event: threading.Event | None,
) -> None:
    """Decode the files of the tasks into ``heard`` and ``kept``."""
    known = f" ({n_known:,} more known from an earlier run)" if n_known else ""
    step = f"listening to {show_count(len(tasks), 'file')}{known}"
    if not tasks:
        tell(EvaluationProgress(f"{show_count(n_known, 'file')} known from an earlier run", 0, 1))
        return
    tasks = _in_order(tasks)
    forecast = _Forecast(tasks, jobs or available_cores())
    refused: dict[str, Refused] = {}

    def take(number: int, result: Any) -> None:
        task = tasks[number]
        if isinstance(result, Refused):
            refused[str(result.path)] = result
            forecast.done(task, None)
            return
        took_s, arrays = result
        forecast.done(task, took_s)
        kept.put(task.key, arrays)
        _add(heard, task, arrays)

    def show(done: int) -> None:
        tell(EvaluationProgress(step, done, len(tasks), forecast.left_s()))
        if stop.requested:
            raise KeyboardInterrupt

    try:
        with StopOnInterrupt(stop_event) as stop:
            tell(EvaluationProgress(step, 0, len(tasks)))
            library.run_calls([task.call for task in tasks], jobs=jobs, result=take, progress=show)
    except KeyboardInterrupt:
        heard.interrupted = True
    heard.unreadable = tuple(refused[path] for path in sorted(refused))


def _add(heard: Heard, task: _Task, arrays: Arrays) -> None:
    if task.kind == "mfcc":
        heard.mfcc[task.row] = arrays["mfcc"]
    else:
        heard.copies[task.row] = arrays


def _in_order(tasks: list[_Task]) -> list[_Task]:
    """One short file of each kind first, which tell how long the others take; then the long ones.

    So that what takes longest does not stand alone at the end.
    """
    by_length = sorted(tasks, key=lambda task: task.lasts_s)
    first = {task.kind: task for task in reversed(by_length)}
    rest = [task for task in tasks if task is not first[task.kind]]
    copies = [
        task
        for task in reversed(by_length)
        if task.kind == "copies" and task is not first["copies"]
    ]
    # The baseline's files stay in their order: stopped half-way, whole folders are done.
    return [*first.values(), *copies, *(task for task in rest if task.kind == "mfcc")]


class _Forecast:
    """How long it still takes, from how long it has taken for each second of music."""

    def __init__(self, tasks: Sequence[_Task], workers: int) -> None:
        self._workers = min(workers, len(tasks))
        self._left: dict[Kind, float] = defaultdict(float)
        self._heard_s: dict[Kind, float] = defaultdict(float)
        self._took_s: dict[Kind, float] = defaultdict(float)
        for task in tasks:
            self._left[task.kind] += task.lasts_s

    def done(self, task: _Task, took_s: float | None) -> None:
        """A file is done; None where it took no time worth counting."""
        self._left[task.kind] -= task.lasts_s
        if took_s is not None:
            self._heard_s[task.kind] += task.lasts_s
            self._took_s[task.kind] += took_s

    def left_s(self) -> float | None:
        """Seconds; None until a file is done."""
        per_s = {kind: took / self._heard_s[kind] for kind, took in self._took_s.items()}
        if not per_s:
            return None
        per_s.setdefault("copies", _COPIES_COST * per_s.get("mfcc", 0.0))
        per_s.setdefault("mfcc", per_s["copies"] / _COPIES_COST)
        left_s = sum(left * per_s[kind] for kind, left in self._left.items()) / self._workers
        return max(0.0, round(left_s, 3))


def _copies_task(library: Library, track: Track, row: int, seed: int) -> _Task:
    model = library.model
    changes = (COPIES_VERSION, *CHANGES.items(), __version__)
    key = Kept.key(track.content_hash, "copies", seed, model.id, model.sha256, changes)
    return _Task(row, "copies", Call(track.path, _COPIES, (seed,)), key, _duration_s(track))


def _mfcc_task(track: Track, row: int) -> _Task:
    key = Kept.key(track.content_hash, "mfcc", MFCC_VERSION, N_MFCC, __version__)
    return _Task(row, "mfcc", Call(track.path, _MFCC), key, _duration_s(track))


def _is_as_it_was(track: Track) -> bool:
    """Whether the file is still there: what is kept is no answer about one that is gone."""
    try:
        return track.content_hash is not None and os.stat(track.path).st_size == track.size_bytes
    except OSError:
        return False


def _duration_s(track: Track) -> float:
    return max(track.duration_s or 0.0, 1.0)


def _by_folders(tracks: Sequence[Track], most: int, generator: np.random.Generator) -> list[int]:
    """All rows, or whole folders at random up to a number of tracks, so that albums stay whole."""
    if len(tracks) <= most:
        return list(range(len(tracks)))
    folders: dict[str, list[int]] = defaultdict(list)
    for row, track in enumerate(tracks):
        folders[folder_of(track)].append(row)
    chosen: list[int] = []
    groups = list(folders.values())
    for number in generator.permutation(len(groups)):
        rows = groups[number]
        room = most - len(chosen)
        # A folder with everything in it would be all or nothing.
        chosen += rows if len(rows) <= room else generator.permutation(rows)[:room].tolist()
        if len(chosen) >= most:
            break
    return sorted(chosen)
