"""The teacher: musicnn (Pons and Serra 2019, arXiv 1909.06654) as an ONNX file, and its lessons.

It was trained to name 50 tags on 200,000 tracks of the Million Song Dataset. What a segment is
described by is the mean over four patches of 3 s, spread evenly over it, of four outputs: the
embedding, the logits, and the mean and the maximum over time of its front-end (*pools*).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, MissingExtra, printable
from soundalike.files import why
from soundalike.frontends.log_mel import SAMPLE_RATE
from soundalike.frontends.musicnn import PATCH_FRAMES, PatchStream
from soundalike.frontends.musicnn import SAMPLE_RATE as PATCH_RATE
from soundalike.models import models_folder
from soundalike.models.contract import EMBEDDING, LOGITS, open_session, output_sizes, run

__all__ = ["LESSONS", "Lesson", "Lessons", "Teacher", "at_rate", "find_teacher", "make_lessons"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """One of the teacher's outputs, and what the student learns of it.

    Attributes
    ----------
    output : its name in the file.
    size : values of it.
    components : learnt of it: its principal components, or 0 for the values themselves.
    weight : of its error, as a share.
    """

    output: str
    size: int
    components: int
    weight: float

    @property
    def taught(self) -> int:
        """How many values the student learns."""
        return self.components or self.size


LESSONS: Final = (
    Lesson(EMBEDDING, 200, 0, 1.0),
    Lesson(LOGITS, 50, 0, 0.5),
    Lesson("mean_pool", 753, 96, 0.5),
    Lesson("max_pool", 753, 96, 0.5),
)
# Principal components are fitted on this many segments at most: more change nothing.
_FIT_SEGMENTS: Final = 4000
# A value that varies less than this over the pool is dead, and would be noise once scaled.
_DEAD: Final = 1e-3
_N_PATCHES: Final = 4


@dataclass(frozen=True)
class Lessons:
    """What the student is to predict.

    Attributes
    ----------
    targets : float32 (n_segments, D), standardised, lesson after lesson.
    weights : float32 (D,), of the squared errors; those of a lesson sum to its weight.
    """

    targets: Floats
    weights: Floats


def find_teacher(path: Path | None = None) -> Path:
    """The teacher's file: the argument, or what ``soundalike models pull musicnn`` left.

    Raises
    ------
    DataError : there is none; the message says how to get it.
    """
    found = path if path is not None else models_folder() / "musicnn.onnx"
    if not found.is_file():
        raise DataError(
            f"{printable(found)}: no such file; `soundalike models pull musicnn` gets the teacher, "
            f"and --teacher names another place"
        )
    return found


class Teacher:
    """The teacher, ready to be asked; on one thread, since every process has its own.

    Raises
    ------
    DataError : the file is no ONNX model, or not of this teacher.
    """

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            self._session = open_session(content)
        except OSError as error:
            raise DataError(f"{printable(path)}: {why(error)}") from error
        except Exception as error:  # onnxruntime's errors have no common root
            raise DataError(f"{printable(path)}: not an ONNX model ({error})") from error
        self.sha256 = hashlib.sha256(content).hexdigest()
        sizes = output_sizes(self._session)
        for lesson in LESSONS:
            if sizes.get(lesson.output) != lesson.size:
                raise DataError(
                    f"{printable(path)}: not the teacher: it lacks the output {lesson.output} of "
                    f"{lesson.size} values"
                )

    def outputs(self, waveform: npt.NDArray[np.floating]) -> Floats:
        """What it says of a segment: the lessons' outputs end to end, float32 (1756,).

        Parameters
        ----------
        waveform : (n_samples,) at 22,050 Hz, 3.1 s or longer.
        """
        found = run(self._session, _patches(waveform), [lesson.output for lesson in LESSONS])
        return np.concatenate([output.mean(axis=0) for output in found]).astype(np.float32)


def at_rate(waveform: npt.NDArray[np.floating], from_hz: float, to_hz: float) -> Floats:
    """The waveform (n_samples,) resampled.

    Raises
    ------
    MissingExtra : librosa is not installed.
    """
    if from_hz == to_hz:
        return waveform.astype(np.float32, copy=False)
    # Not at the top: librosa takes a second to load, which training has no use for.
    try:
        import librosa
    except ModuleNotFoundError as error:
        raise MissingExtra("resampling for the teacher", "research") from error
    found: Floats = librosa.resample(
        np.asarray(waveform, dtype=np.float32), orig_sr=from_hz, target_sr=to_hz, res_type="soxr_hq"
    )
    return found


def _patches(waveform: npt.NDArray[np.floating]) -> Floats:
    """The teacher's input: float32 (4, 187, 96), log10(1 + 1e4 power)."""
    # Resampled at once: the better filter of librosa's, which is for research only.
    stream = PatchStream(PATCH_RATE)
    stream.push(at_rate(waveform, SAMPLE_RATE, PATCH_RATE))
    frames = stream.finish().T
    starts = np.linspace(0, len(frames) - PATCH_FRAMES, _N_PATCHES).astype(int)
    return np.stack([frames[start : start + PATCH_FRAMES] for start in starts])


def make_lessons(outputs: npt.NDArray[np.floating]) -> Lessons:
    """Standardise the teacher's outputs over a pool, and reduce the pools to components.

    Parameters
    ----------
    outputs : (n_segments, 1756), of :meth:`Teacher.outputs`.
    """
    targets, weights = [], []
    begin = 0
    for lesson in LESSONS:
        values = outputs[:, begin : begin + lesson.size].astype(np.float32)
        begin += lesson.size
        spread = values.std(axis=0)
        alive = spread > _DEAD
        values = np.where(alive, (values - values.mean(axis=0)) / np.maximum(spread, _DEAD), 0)
        if lesson.components:
            values = _components(values, lesson.components)
            values /= max(float(values.std()), 1e-12)
            alive = values.std(axis=0) > _DEAD
        targets.append(values.astype(np.float32))
        weights.append(np.where(alive, lesson.weight / max(int(alive.sum()), 1), 0))
    return Lessons(np.concatenate(targets, axis=1), np.concatenate(weights).astype(np.float32))


def _components(values: Floats, n: int) -> Floats:
    """Principal components (n_segments, n), most variance first; 0 where there are fewer."""
    step = max(1, len(values) // _FIT_SEGMENTS)
    _, _, axes = np.linalg.svd(values[::step][:_FIT_SEGMENTS], full_matrices=False)
    found = values @ axes[:n].T
    return np.pad(found, ((0, 0), (0, n - found.shape[1])))
