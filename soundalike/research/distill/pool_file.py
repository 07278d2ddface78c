"""The folder that holds a pool: recordings as frames, and what teachers say along each.

``pool.json`` says what the pool is made of; each recording has a file of its own beside it, so that
whoever was stopped goes on where it was.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, printable
from soundalike.files import replaced_at_once, write_file
from soundalike.frontends.log_mel import N_MELS
from soundalike.research.distill.teachers import TeacherValues

__all__ = [
    "STATEMENT",
    "Pool",
    "Recording",
    "read_pool",
    "read_statement",
    "recording_path",
    "write_recording",
    "write_statement",
]

STATEMENT: Final = "pool.json"
_FORMAT: Final = 2
_DAMAGES: Final = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Recording:
    """A recording as its student and its teachers hear it.

    Attributes
    ----------
    log_mel : uint8 (128, n_frames), 0 for -80 dB and 255 for 0.
    said : teacher -> what it says along the recording, as float16.
    """

    log_mel: npt.NDArray[np.uint8]
    said: Mapping[str, TeacherValues]


@dataclass(frozen=True)
class Pool:
    """What :func:`read_pool` gives.

    Attributes
    ----------
    recordings : one or more.
    names, packages : of each; the package of a clip of GTZAN is "gtzan".
    statement : what it was made of, as JSON holds it.
    """

    recordings: tuple[Recording, ...]
    names: tuple[str, ...]
    packages: tuple[str, ...]
    statement: Mapping[str, Any]

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Teacher -> what its logits stand for."""
        teachers = self.statement["teachers"]
        return {name: tuple(each["labels"]) for name, each in teachers.items()}

    def check_outputs(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Whether the pool has some outputs, each given with its teacher.

        Raises
        ------
        DataError : it lacks one; the message names it.
        """
        said = self.recordings[0].said
        for teacher, output in wanted:
            if teacher not in said or output not in said[teacher].arrays:
                raise DataError(
                    f"the pool lacks what {teacher} says as {output}: make it again with "
                    f"`soundalike data pool`"
                )


def recording_path(pool: Path, number: int) -> Path:
    """The file of a recording, by its position among the sources."""
    return pool / f"{number:05d}.npz"


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording, at once or not at all.

    Raises
    ------
    OutputError : the file cannot be written, or the disk is full.
    """
    arrays: dict[str, npt.NDArray[Any]] = {"log_mel": recording.log_mel}
    for teacher, values in recording.said.items():
        arrays[f"{teacher}/starts_s"] = values.starts_s
        arrays[f"{teacher}/patch_s"] = np.array(values.patch_s)
        for output, array in values.arrays.items():
            arrays[f"{teacher}/{output}"] = array.astype(np.float16)
    with replaced_at_once(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _read_recording(path: Path) -> Recording:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    log_mel = arrays.pop("log_mel")
    if log_mel.dtype != np.uint8 or log_mel.ndim != 2 or log_mel.shape[0] != N_MELS:
        raise ValueError(f"log_mel is {log_mel.dtype} {log_mel.shape}")
    said: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, array in arrays.items():
        teacher, _, output = name.partition("/")
        said.setdefault(teacher, {})[output] = array
    return Recording(
        log_mel,
        {
            teacher: TeacherValues(outputs.pop("starts_s"), float(outputs.pop("patch_s")), outputs)
            for teacher, outputs in said.items()
        },
    )


def write_statement(pool: Path, statement: Mapping[str, Any]) -> None:
    """Say what a pool is made of.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    write_file(pool / STATEMENT, json.dumps({"format": _FORMAT, **statement}, indent=1))


def read_statement(pool: Path) -> dict[str, Any]:
    """What a pool is made of; its recordings stay on disk.

    Raises
    ------
    DataError : the folder is no pool, or one of another version.
    """
    path = pool / STATEMENT
    if pool.is_file():
        raise DataError(
            f"{printable(pool)} is a file, and a pool is a folder: `soundalike data pool` makes one"
        )
    if not path.is_file():
        raise DataError(f"{printable(pool)}: no such pool; `soundalike data pool` makes one")
    try:
        statement: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = statement.pop("format")
    except _DAMAGES as error:
        raise DataError(f"{printable(path)}: damaged ({error}); make the pool again") from error
    if version != _FORMAT:
        raise DataError(
            f"{printable(pool)}: a pool of format {version}, and this version reads {_FORMAT}: "
            f"make it again"
        )
    return statement


def read_pool(pool: Path) -> Pool:
    """Read a pool.

    Raises
    ------
    DataError : it is missing, not complete, damaged, or of another version.
    """
    statement = read_statement(pool)
    recordings = []
    try:
        sources = [(str(each["name"]), str(each["package"])) for each in statement["sources"]]
    except _DAMAGES as error:
        raise DataError(
            f"{printable(pool / STATEMENT)}: damaged ({error}); make the pool again"
        ) from error
    for number, (name, _) in enumerate(sources):
        path = recording_path(pool, number)
        if not path.is_file():
            raise DataError(
                f"{printable(pool)} is not complete ({printable(name)} is not there yet): the "
                f"command that began it goes on with it"
            )
        try:
            recordings.append(_read_recording(path))
        except _DAMAGES as error:
            raise DataError(
                f"{printable(path)}: damaged ({error}); delete it, and make the pool again"
            ) from error
    names, packages = zip(*sources, strict=True)
    return Pool(tuple(recordings), names, packages, statement)
