"""Making the pool which a student learns from: ``soundalike data pool``.

A pool holds whole recordings, as the student hears them, and what each teacher says along them:
soundtracks, and the clips of GTZAN's *training* tracks. Some are there at another speed as well
(tempo and pitch together, as on a turntable), so that a few hours of music give more. What a
recording gives hangs on it alone, not on the processes; if it is stopped, the same command goes on.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.audio import load_audio
from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import output_folder, why
from soundalike.frontends.log_mel import log_mel
from soundalike.models.contract import LOGITS
from soundalike.research.ctrl_c import deaf_children, ignore_ctrl_c
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import quantise, some
from soundalike.research.distill.lessons import LESSONS
from soundalike.research.distill.pool_file import (
    STATEMENT,
    Recording,
    read_statement,
    recording_path,
    write_recording,
    write_statement,
)
from soundalike.research.distill.teachers import TEACHERS, TeacherValues, TrackTeacher

__all__ = [
    "MANIFEST",
    "Source",
    "at_other_speeds",
    "find_clips",
    "find_soundtracks",
    "make_pool",
]

MANIFEST: Final = "manifest.json"

Progress = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done, and the total."""

# A recording is played this many semitones lower or higher.
_SEMITONES: Final = (-4, -3, -2, -1, 1, 2, 3, 4)
_SHORTEST_S: Final = 1.0
# Root mean square of a recording as the teachers hear it: -18 dBFS.
_USUAL_RMS: Final = 0.125


@dataclass(frozen=True)
class Source:
    """A recording to learn from.

    Attributes
    ----------
    path : of the audio file.
    name : under which it stands in the pool: its path below the music folder, or GTZAN's name.
    package : "gtzan" for a clip.
    semitones : by which it is played faster and higher.
    """

    path: Path
    name: str
    package: str
    semitones: int = 0


def find_soundtracks(
    music: Path, packages: Sequence[str] | None = None, *, without: Collection[str] = ()
) -> tuple[Source, ...]:
    """The soundtracks of some packages.

    Parameters
    ----------
    music : folder with ``manifest.json``, a list of objects with ``path`` and ``package``.
    packages : None for all of them.
    without : packages that are left out; those that the manifest does not have are no mistake.

    Raises
    ------
    DataError : no manifest, or a damaged one, or it lacks a package, or a file is missing.
    """
    path = music / MANIFEST
    try:
        listed = [
            Source(music / entry["path"], str(entry["path"]), str(entry["package"]))
            for entry in json.loads(path.read_text(encoding="utf-8"))
        ]
    except OSError as error:
        raise DataError(f"{printable(path)}: {why(error)}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{printable(path)}: not a list of tracks with path and package ({error})"
        ) from error
    if packages is None:
        packages = list(dict.fromkeys(source.package for source in listed))
    lacking = set(packages) - {source.package for source in listed}
    if lacking:
        raise DataError(f"{printable(path)}: no tracks of {', '.join(sorted(lacking))}")
    wanted = set(packages) - set(without)
    found = tuple(source for source in listed if source.package in wanted)
    missing = [source.name for source in found if not source.path.is_file()]
    if missing:
        raise DataError(f"{printable(music)}: listed, but missing: {some(missing)}")
    return found


def find_clips(data: Path | None) -> tuple[Source, ...]:
    """The audio clips of GTZAN's training tracks, and of no others.

    Parameters
    ----------
    data : the store, or the folder of all data sets; clips lie in its ``clips``, in any folder.

    Raises
    ------
    DataError : there are none, or one is of no track of the store.
    """
    store = gtzan.find_folder(data)
    known = gtzan.load(store)
    row_of = {track.rpartition("/")[2]: row for row, track in enumerate(known.tracks)}
    files = sorted(
        path
        for path in (store / "clips").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )
    unknown = [path.name for path in files if path.stem not in row_of]
    if unknown:
        raise DataError(f"{printable(store / 'clips')}: not of a GTZAN track: {some(unknown)}")
    train = set(known.splits["train"].tolist())
    found = tuple(
        Source(path, known.tracks[row_of[path.stem]], "gtzan")
        for path in files
        if row_of[path.stem] in train
    )
    if not found:
        raise DataError(f"{printable(store / 'clips')}: no clip of a training track")
    return found


def at_other_speeds(sources: Sequence[Source], *, seed: int = 0) -> tuple[Source, ...]:
    """The same recordings, each one to four semitones lower and slower, or higher and faster.

    Four semitones are a quarter faster, or a fifth slower.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.choice(_SEMITONES, size=len(sources))
    return tuple(
        Source(source.path, f"{source.name} {semitones:+d}", source.package, int(semitones))
        for source, semitones in zip(sources, drawn, strict=True)
    )


def make_pool(
    sources: Sequence[Source],
    out: Path,
    *,
    teachers: Mapping[str, Path | None] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> None:
    """Make a pool, or go on with one that was stopped; nothing is done where it lies complete.

    Parameters
    ----------
    sources : of which the pool consists, in this order.
    out : folder of the pool.
    teachers : by name, each with its file or None for the installed one; by default all.
    jobs : processes.

    Raises
    ------
    InvalidArgument : a number out of range, or ``out`` is another pool.
    DataError : a teacher is missing, or a recording is too short.
    AudioError : a recording cannot be decoded.
    OutputError : the pool cannot be written, or the disk is full.
    """
    if jobs < 1:
        raise InvalidArgument(f"jobs must be 1 or more, not {jobs}")
    if not sources:
        raise DataError("a pool needs a recording")
    files = dict.fromkeys(TEACHERS) if teachers is None else dict(teachers)
    opened = {name: TrackTeacher(name, path) for name, path in files.items()}
    statement = {
        "teachers": {
            name: {"sha256": teacher.sha256, "labels": list(teacher.labels)}
            for name, teacher in opened.items()
        },
        "sources": [
            {
                "name": source.name,
                "package": source.package,
                "semitones": source.semitones,
                "sha256": _sha256(source.path),
            }
            for source in sources
        ],
    }
    output_folder(out)
    _claim(out, statement)
    said = progress if progress is not None else lambda words, done, total: None
    left = [
        (number, source)
        for number, source in enumerate(sources)
        if not recording_path(out, number).exists()
    ]
    done = len(sources) - len(left)
    said("recordings", done, len(sources))
    # Started anew rather than forked: threads of torch or onnxruntime do not survive a fork.
    executor = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(out, files)
    )
    try:
        # The first one starts the processes.
        with deaf_children():
            futures = [executor.submit(_make, number, source) for number, source in left]
        for future in as_completed(futures):
            future.result()
            done += 1
            said("recordings", done, len(sources))
    except BrokenProcessPool as error:
        raise DataError("a process died, possibly out of memory: try fewer --jobs") from error
    finally:
        executor.shutdown(cancel_futures=True)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{printable(path)}: {why(error)}") from error


def _claim(out: Path, statement: dict[str, Any]) -> None:
    """Say what the folder holds; refuse one that holds something else."""
    path = out / STATEMENT
    if not path.exists():
        if any(out.iterdir()):
            raise InvalidArgument(f"{printable(out)} holds other files: choose another --out")
        write_statement(out, statement)
    elif read_statement(out) != statement:
        raise InvalidArgument(
            f"{printable(out)} holds another pool (other recordings or teachers): remove it, or "
            f"choose another --out"
        )


class _Process:
    """What a process keeps from job to job."""

    out: Path
    teachers: tuple[TrackTeacher, ...] = ()


def _begin(out: Path, teachers: Mapping[str, Path | None]) -> None:
    ignore_ctrl_c()
    _Process.out = out
    _Process.teachers = tuple(TrackTeacher(name, path) for name, path in teachers.items())


def _make(number: int, source: Source) -> None:
    audio = load_audio(source.path)
    if audio.duration_s < _SHORTEST_S:
        raise DataError(f"{printable(source.path)}: shorter than {_SHORTEST_S:.0f} s")
    # Samples of another rate are samples at another speed.
    rate = round(audio.sample_rate * 2 ** (source.semitones / 12))
    frames = quantise(log_mel(audio.samples, rate), -80.0)
    samples = _at_usual_loudness(audio.samples)
    said = {
        teacher.name: _taught(teacher.name, teacher.track_values(samples, rate))
        for teacher in _Process.teachers
    }
    write_recording(recording_path(_Process.out, number), Recording(frames, said))


def _at_usual_loudness(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """As loud as music mostly is. A student's excerpts are normalised: it cannot tell how loud a
    recording is, and could only learn by heart what teachers make of that."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    scaled: npt.NDArray[np.float32] = samples * np.float32(_USUAL_RMS / max(level, 1e-6))
    return scaled


def _taught(teacher: str, said: TeacherValues) -> TeacherValues:
    """What is learned from, and no more: recordings are many."""
    wanted = {lesson.output for lesson in LESSONS if lesson.teacher == teacher} | {LOGITS}
    kept = {name: values for name, values in said.arrays.items() if name in wanted}
    return TeacherValues(said.starts_s, said.patch_s, kept)
