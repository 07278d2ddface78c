"""The file that holds a pool: segments, what the teacher says of them, and whole soundtracks."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, printable
from soundalike.files import replaced_at_once
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.research.distill.teacher import LESSONS, Lessons

__all__ = ["Pool", "read_metadata", "read_pool", "write_pool"]

FORMAT: Final = 1
_DAMAGES: Final = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Pool:
    """What :func:`read_pool` gives.

    Attributes
    ----------
    log_mel : uint8 (n_segments, 128, 128), 0 for -80 dB and 255 for 0.
    kinds : uint8 (n_segments,), position in ``segments.KINDS``.
    lessons : what the student is to predict of each.
    tracks : the soundtracks whole, each uint8 (128, n_frames), the same bytes.
    track_names : one a soundtrack.
    metadata : seed, sources and the teacher's checksum, as JSON holds them.
    """

    log_mel: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]
    lessons: Lessons
    tracks: tuple[npt.NDArray[np.uint8], ...]
    track_names: tuple[str, ...]
    metadata: dict[str, Any]


def write_pool(path: Path, pool: Pool) -> None:
    """Write a pool, replaced at once or not at all.

    Raises
    ------
    OutputError : the file cannot be written, or the disk is full.
    """
    with replaced_at_once(path, parents=True) as file:
        np.savez(
            file,
            log_mel=pool.log_mel,
            kinds=pool.kinds,
            targets=pool.lessons.targets,
            weights=pool.lessons.weights,
            frames=np.concatenate(pool.tracks, axis=1),
            n_frames=np.array([track.shape[1] for track in pool.tracks]),
            track_names=np.array(pool.track_names, dtype=np.str_),
            metadata=np.array(json.dumps({"format": FORMAT, **pool.metadata})),
        )


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a pool; its arrays stay on disk.

    Raises
    ------
    DataError : as :func:`read_pool`.
    """
    if not path.is_file():
        raise DataError(f"{printable(path)}: no such pool; `soundalike data pool` makes one")
    try:
        # Opened here, since NumPy leaves a file open that is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            metadata: dict[str, Any] = json.loads(str(stored["metadata"]))
            version = metadata.pop("format")
    except _DAMAGES as error:
        raise DataError(
            f"{printable(path)}: damaged, or not a pool ({error}); make it again"
        ) from error
    if version != FORMAT:
        raise DataError(
            f"{printable(path)}: a pool of format {version}, and this version reads {FORMAT}: make "
            f"it again"
        )
    return metadata


def read_pool(path: Path) -> Pool:
    """Read a pool and check that its parts fit each other.

    Raises
    ------
    DataError : the file is missing, damaged, no pool, or of another version.
    """
    metadata = read_metadata(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = tuple(str(name) for name in stored["track_names"])
            ends = np.cumsum(stored["n_frames"])
            pool = Pool(
                stored["log_mel"],
                stored["kinds"],
                Lessons(stored["targets"], stored["weights"]),
                tuple(np.split(stored["frames"], ends[:-1], axis=1)),
                names,
                metadata,
            )
    except _DAMAGES as error:
        raise DataError(
            f"{printable(path)}: damaged, or not a pool ({error}); make it again"
        ) from error
    n = len(pool.log_mel)
    n_taught = sum(lesson.taught for lesson in LESSONS)
    shapes = {
        "log_mel": (pool.log_mel.shape, (n, N_MELS, EXCERPT_FRAMES)),
        "kinds": (pool.kinds.shape, (n,)),
        "targets": (pool.lessons.targets.shape, (n, n_taught)),
        "weights": (pool.lessons.weights.shape, (n_taught,)),
        "track_names": ((len(names),), (len(pool.tracks),)),
    }
    for name, (shape, expected) in shapes.items():
        if shape != expected or not n:
            raise DataError(f"{printable(path)}: {name} is {shape}, expected {expected}")
    return pool
