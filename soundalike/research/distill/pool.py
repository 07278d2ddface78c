"""Making the pool of segments which a student learns from: ``soundalike data pool``.

Segments are drawn from soundtracks and from the clips of GTZAN's *training* tracks, and the teacher
is asked about each. Which segments they are hangs on the seed and the number of each alone, not on
the processes; if it is stopped, the same command resumes it.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.audio import load_audio
from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import output_folder, replaced_at_once, why, write_file
from soundalike.frontends.log_mel import SAMPLE_RATE, log_mel
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import quantise, some
from soundalike.research.distill.pool_file import Pool, read_metadata, write_pool
from soundalike.research.distill.segments import SegmentConfig, make_segment
from soundalike.research.distill.teacher import Teacher, at_rate, make_lessons

__all__ = ["MANIFEST", "PACKAGES", "Source", "find_clips", "find_soundtracks", "make_pool"]

MANIFEST: Final = "manifest.json"

PACKAGES: Final = (
    "wesnoth-1.16-music",
    "nexuiz-music",
    "fretsonfire-songs-muldjord",
    "warmux-data",
    "widelands-data",
    "freedroidrpg-data",
)
"""Debian packages whose soundtracks may be used to train and tune; the others are held out."""

Progress = Callable[[str, int, int], None]
"""Called with the current step, how much of it is done, and the total."""

_CHUNK: Final = 200  # segments of one job
_SHORTEST_S: Final = 1.0


@dataclass(frozen=True)
class Source:
    """A recording to cut from.

    Attributes
    ----------
    path : of the audio file.
    name : under which it stands in the pool: its path below the music folder, or GTZAN's name.
    package : "gtzan" for a clip.
    """

    path: Path
    name: str
    package: str


def find_soundtracks(music: Path, packages: Sequence[str] | None = PACKAGES) -> tuple[Source, ...]:
    """The soundtracks of those packages.

    Parameters
    ----------
    music : folder with ``manifest.json``, a list of objects with ``path`` and ``package``.
    packages : None for all of them.

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
    found = tuple(source for source in listed if source.package in packages)
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


def make_pool(
    soundtracks: Sequence[Source],
    clips: Sequence[Source],
    teacher: Path,
    out: Path,
    *,
    segments: int = 40_000,
    seed: int = 0,
    config: SegmentConfig | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> None:
    """Make a pool, or go on with one that was stopped; nothing is done where it lies complete.

    What is done so far lies in ``OUT.parts``, which goes when the pool is complete.

    Raises
    ------
    InvalidArgument : a number out of range, or ``OUT`` or ``OUT.parts`` is another pool.
    DataError : the teacher is none, or a recording is too short, or only silence was found.
    AudioError : a recording cannot be decoded.
    OutputError : the pool cannot be written, or the disk is full.
    """
    for name, value in (("segments", segments), ("jobs", jobs)):
        if value < 1:
            raise InvalidArgument(f"{name} must be 1 or more, not {value}")
    if not soundtracks or not clips:
        raise DataError("a pool needs soundtracks and clips, at least one of each")
    sources = (*soundtracks, *clips)
    said = progress if progress is not None else lambda words, done, total: None
    config = config or SegmentConfig()
    hashes = [hashlib.sha256(source.path.read_bytes()).hexdigest() for source in sources]
    metadata = {
        "segments": segments,
        "seed": seed,
        "config": asdict(config),
        "teacher_sha256": Teacher(teacher).sha256,
        "packages": sorted({source.package for source in sources}),
        "sources": [
            {"name": source.name, "package": source.package, "sha256": sha256}
            for source, sha256 in zip(sources, hashes, strict=True)
        ],
    }
    if out.exists():
        # Through JSON, as it was stored.
        if read_metadata(out) == json.loads(json.dumps(metadata)):
            return
        raise InvalidArgument(
            f"{printable(out)} holds another pool (other sources, options or teacher): remove it, "
            f"or choose another --out"
        )
    parts = output_folder(out.with_name(out.name + ".parts"))
    _claim(parts / "pool.json", metadata)
    work = _Work(parts, teacher, seed, config, len(soundtracks), len(sources))
    decoding: list[tuple[Any, ...]] = [
        (number, str(source.path)) for number, source in enumerate(sources)
    ]
    chunks: list[tuple[Any, ...]] = [
        (first, min(first + _CHUNK, segments)) for first in range(0, segments, _CHUNK)
    ]
    # Started anew rather than forked: threads of torch or onnxruntime do not survive a fork.
    executor = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(work,)
    )
    try:
        for words, job, given in (("decoded", _decode, decoding), ("segments", _make, chunks)):
            left = [one for one in given if not _result(parts, words, one).exists()]
            # Counted in segments, or in recordings.
            size = {one: int(one[1]) - int(one[0]) if words == "segments" else 1 for one in given}
            total = sum(size.values())
            done = total - sum(size[one] for one in left)
            said(words, done, total)
            futures = {executor.submit(job, *one): one for one in left}
            for future in as_completed(futures):
                future.result()
                done += size[futures[future]]
                said(words, done, total)
    except BrokenProcessPool as error:
        raise DataError("a process died, possibly out of memory: try fewer --jobs") from error
    finally:
        executor.shutdown(cancel_futures=True)
    _assemble(parts, out, soundtracks, chunks, metadata)
    shutil.rmtree(parts, ignore_errors=True)


def _claim(path: Path, metadata: dict[str, Any]) -> None:
    """Note whose parts these are; refuse those of another pool."""
    text = json.dumps(metadata, indent=1)
    if not path.exists():
        write_file(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise InvalidArgument(
            f"{printable(path.parent)} holds parts of another pool (other sources, options or "
            f"teacher): remove that folder, or choose another --out"
        )


def _assemble(
    parts: Path,
    out: Path,
    soundtracks: Sequence[Source],
    chunks: Sequence[tuple[Any, ...]],
    metadata: dict[str, Any],
) -> None:
    stored: dict[str, list[Any]] = {"log_mel": [], "kinds": [], "outputs": []}
    for chunk in chunks:
        with np.load(_result(parts, "segments", chunk)) as part:
            for name, values in stored.items():
                values.append(part[name])
    tracks = tuple(np.load(parts / f"frames-{number}.npy") for number in range(len(soundtracks)))
    pool = Pool(
        np.concatenate(stored["log_mel"]),
        np.concatenate(stored["kinds"]),
        make_lessons(np.concatenate(stored["outputs"])),
        tracks,
        tuple(source.name for source in soundtracks),
        metadata,
    )
    write_pool(out, pool)


def _result(parts: Path, words: str, job: tuple[Any, ...]) -> Path:
    """The file that stands for a job that is done."""
    return parts / (f"audio-{job[0]}.npy" if words == "decoded" else f"segments-{job[0]}.npz")


@dataclass(frozen=True)
class _Work:
    """What every process has to know."""

    parts: Path
    teacher: Path
    seed: int
    config: SegmentConfig
    n_soundtracks: int
    n_sources: int


class _Process:
    """What a process keeps from job to job."""

    work: _Work
    teacher: Teacher | None = None
    audio: tuple[Any, ...] = ()


def _begin(work: _Work) -> None:
    # Ctrl-C is the parent's to deal with.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Process.work = work


def _decode(number: int, path: str) -> None:
    """Keep a recording as int16 at 22,050 Hz, and a soundtrack's frames besides."""
    work = _Process.work
    audio = load_audio(path)
    if number < work.n_soundtracks:
        # At the file's own rate, as the product does.
        frames = quantise(log_mel(audio.samples, audio.sample_rate), -80.0)
        _keep(work.parts / f"frames-{number}.npy", frames)
    samples = at_rate(audio.samples, audio.sample_rate, SAMPLE_RATE)
    if len(samples) < _SHORTEST_S * SAMPLE_RATE:
        raise DataError(f"{printable(path)}: shorter than {_SHORTEST_S:.0f} s")
    stored = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
    _keep(work.parts / f"audio-{number}.npy", stored)


def _make(first: int, stop: int) -> None:
    """Keep the segments of those numbers."""
    work = _Process.work
    if _Process.teacher is None:
        _Process.teacher = Teacher(work.teacher)
        _Process.audio = tuple(
            np.load(work.parts / f"audio-{number}.npy", mmap_mode="r")
            for number in range(work.n_sources)
        )
    soundtracks = _Process.audio[: work.n_soundtracks]
    clips = _Process.audio[work.n_soundtracks :]
    made = [
        make_segment(number, work.seed, work.config, soundtracks, clips, _Process.teacher)
        for number in range(first, stop)
    ]
    with replaced_at_once(_result(work.parts, "segments", (first, stop))) as file:
        np.savez(
            file,
            log_mel=np.stack([segment.log_mel for segment in made]),
            kinds=np.array([segment.kind for segment in made], dtype=np.uint8),
            outputs=np.stack([segment.outputs for segment in made]),
        )


def _keep(path: Path, values: np.ndarray[Any, Any]) -> None:
    with replaced_at_once(path) as file:
        np.save(file, values)
