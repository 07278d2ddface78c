"""Teachers: large networks, each of which says something of every patch of a track.

Each is a model that ``soundalike models pull`` installs, with its own frontend: musicnn, which
knows tags of popular music in patches of 2.99 s, and YAMNet, which knows sounds, instruments and
styles in patches of 0.96 s. What a student is taught of their values is the pool's affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import why
from soundalike.frontends import find_frontend
from soundalike.models import models_folder
from soundalike.models.contract import (
    EMBEDDING,
    LOGITS,
    ModelMetadata,
    open_session,
    output_sizes,
    read_properties,
    run,
)

__all__ = ["TEACHERS", "TeacherKind", "TeacherValues", "TrackTeacher", "find_teachers"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TeacherKind:
    """What is known of a teacher before its file is opened.

    Attributes
    ----------
    name : of the model.
    outputs : what it is asked for, by name, and how many values a patch has in each.
    """

    name: str
    outputs: Mapping[str, int]


TEACHERS: Final[Mapping[str, TeacherKind]] = {
    kind.name: kind
    for kind in (
        TeacherKind("musicnn", {EMBEDDING: 200, LOGITS: 50, "mean_pool": 753, "max_pool": 753}),
        TeacherKind(
            "yamnet",
            {
                EMBEDDING: 1024,
                LOGITS: 521,
                "pooled": 1024,
                "pool_3": 128,
                "pool_5": 256,
                "pool_8": 512,
                "pool_11": 512,
            },
        ),
    )
}
"""The teachers there are, by name."""


@dataclass(frozen=True)
class TeacherValues:
    """What a teacher says of a track.

    Attributes
    ----------
    starts_s : float64 (n_patches,), where each patch begins, in seconds from the track's beginning.
    patch_s : seconds that a patch lasts.
    arrays : for each output of the teacher float32 (n_patches, size).
    """

    starts_s: npt.NDArray[np.float64]
    patch_s: float
    arrays: Mapping[str, Floats]


class TrackTeacher:
    """A teacher, ready to be asked; on one thread, since every process has its own.

    Parameters
    ----------
    name : one of :data:`TEACHERS`.
    path : its ONNX file; by default the one that ``soundalike models pull NAME`` left.

    Attributes
    ----------
    name : as given.
    sha256 : of the file.
    labels : what its logits stand for.
    patch_s : seconds that a patch lasts.

    Raises
    ------
    InvalidArgument : there is no teacher of this name.
    DataError : there is no file, or it is no ONNX model, or not of this teacher.
    """

    def __init__(self, name: str, path: Path | None = None) -> None:
        if name not in TEACHERS:
            raise InvalidArgument(
                f"no teacher is called {name!r}; available: {', '.join(TEACHERS)}"
            )
        self.name = name
        self._kind = TEACHERS[name]
        path = path if path is not None else models_folder() / f"{name}.onnx"
        if not path.is_file():
            raise DataError(
                f"{printable(path)}: no such file; `soundalike models pull {name}` gets the teacher"
            )
        try:
            content = path.read_bytes()
            self._session = open_session(content)
            metadata = ModelMetadata.from_metadata(read_properties(self._session))
        except OSError as error:
            raise DataError(f"{printable(path)}: {why(error)}") from error
        except Exception as error:  # onnxruntime's errors have no common root
            raise DataError(f"{printable(path)}: not a soundalike model ({error})") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.labels = metadata.labels
        sizes = output_sizes(self._session)
        for output, size in self._kind.outputs.items():
            if metadata.name != name or sizes.get(output) != size:
                raise DataError(
                    f"{printable(path)}: not the teacher {name}: it is {metadata.name!r}, and has "
                    f"{sizes.get(output, 0)} values in {output!r}, not {size}"
                )
        self._frontend = find_frontend(metadata.frontend)
        self.patch_s = self._frontend.excerpt_s

    def track_values(self, samples: npt.ArrayLike, sample_rate: int) -> TeacherValues:
        """What it says of a track, patch by patch.

        Patches do not overlap, and what is left after the last whole one is dropped; a track that
        is shorter than one patch is repeated until it fills it.

        Parameters
        ----------
        samples : (n_samples,), mono, at least one.
        sample_rate : Hz, any; the teacher's frontend resamples.

        Raises
        ------
        InvalidArgument : the samples are not mono, or not of finite numbers, or there are none.
        """
        stream = self._frontend.stream(sample_rate)
        stream.push(np.asarray(samples))
        patches = self._frontend.excerpts(stream.finish())
        outputs = tuple(self._kind.outputs)
        values = run(self._session, patches.frames, outputs)
        return TeacherValues(
            patches.starts_s, self.patch_s, dict(zip(outputs, values, strict=True))
        )


def find_teachers() -> tuple[str, ...]:
    """Names of the teachers whose files are installed."""
    return tuple(name for name in TEACHERS if (models_folder() / f"{name}.onnx").is_file())
