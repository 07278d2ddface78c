"""What a student is to learn of its teachers: a few axes of what they say, and words.

A teacher's values of a patch are brought into a form in which distances mean something (a logarithm
where they are energies), standardised, and turned onto their principal axes. All of it is linear
after the first step, so that what is asked for an excerpt, the mean over its patches, is a
difference of sums along the recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.analysis import sigmoid
from soundalike.frontends.log_mel import EXCERPT_FRAMES, FRAME_S
from soundalike.research.distill.pool_file import Pool, Recording
from soundalike.research.distill.teachers import TeacherValues
from soundalike.research.distill.words import TAUGHT_WORDS, word_targets

__all__ = ["LESSONS", "TAUGHT", "Lesson", "LessonPlan", "Taught", "fit_plan"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """One of a teacher's outputs, and what of it is learned.

    Attributes
    ----------
    name : of the lesson; blocks of an embedding go by it.
    teacher, output : where it comes from.
    axes : how many principal axes are learned.
    floor : added before a logarithm is taken; 0 for the values as they are.
    weight : of its error.
    """

    name: str
    teacher: str
    output: str
    axes: int
    floor: float
    weight: float


LESSONS: Final = (
    Lesson("yamnet", "yamnet", "pooled", 64, 0.03, 1.0),
    Lesson("yamnet-middle", "yamnet", "pool_8", 48, 0.0, 0.5),
    Lesson("musicnn-pools", "musicnn", "mean_pool", 64, 0.0, 1.0),
    Lesson("musicnn", "musicnn", "embedding", 32, 0.0, 0.5),
)

TAUGHT: Final[Mapping[str, int]] = {
    **{lesson.name: lesson.axes for lesson in LESSONS},
    "words": len(TAUGHT_WORDS),
}
"""All that is learned by name, the lessons and the words, and how many values each has."""

# Recordings count alike in the fit, however long: so many patches of each.
_FIT_PATCHES: Final = 24
# A value that varies less than this is dead, and would be noise once scaled.
_DEAD: Final = 1e-3
# How much of the differences in size between the axes is taken away, 0 none and 1 all: the last
# axes are hard to predict, and with all of it they would count as much as the first.
_EVENED: Final = 0.5


@dataclass(frozen=True)
class _Axes:
    """``(form(values) - mean) @ matrix``."""

    floor: float
    mean: Floats
    matrix: Floats

    def __call__(self, values: npt.NDArray[np.floating]) -> Floats:
        found: Floats = np.asarray(
            (_form(values, self.floor) - self.mean) @ self.matrix, np.float32
        )
        return found


@dataclass(frozen=True)
class Taught:
    """What is to be learned along one recording.

    Attributes
    ----------
    sums : lesson, or "words" -> float32 (n_patches + 1, size): sums of what is to be learned of
        the patches before each.
    middles_s : the same names -> float64 (n_patches,), the middle of each patch, seconds.
    """

    sums: Mapping[str, Floats]
    middles_s: Mapping[str, npt.NDArray[np.float64]]

    def excerpt(self, first_frame: float, n_frames: float = EXCERPT_FRAMES) -> dict[str, Floats]:
        """The mean over the patches whose middle lies in an excerpt; the nearest, if none does."""
        found = {}
        for name, sums in self.sums.items():
            middles = self.middles_s[name]
            times = [first_frame * FRAME_S, (first_frame + n_frames) * FRAME_S]
            begin, end = np.searchsorted(middles, times).tolist()
            if end <= begin:
                begin = int(np.abs(middles - sum(times) / 2).argmin())
                end = begin + 1
            mean: Floats = (sums[end] - sums[begin]) / np.float32(end - begin)
            found[name] = mean
        return found


@dataclass(frozen=True)
class LessonPlan:
    """Turns what teachers say into what is to be learned.

    Attributes
    ----------
    labels : teacher -> what its logits stand for.
    """

    axes: Mapping[str, _Axes]
    labels: Mapping[str, tuple[str, ...]]

    def __call__(self, recording: Recording) -> Taught:
        sums: dict[str, Floats] = {}
        middles = {}
        for lesson in LESSONS:
            said = recording.said[lesson.teacher]
            sums[lesson.name] = _sums(self.axes[lesson.name](said.arrays[lesson.output]))
            middles[lesson.name] = said.starts_s + said.patch_s / 2
        words, at = _words(recording.said, self.labels)
        return Taught(sums | {"words": _sums(words)}, middles | {"words": at})


def _words(
    said: Mapping[str, TeacherValues], labels: Mapping[str, tuple[str, ...]]
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Probabilities (n_patches, n_words) of the words, at the patches of the quickest teacher."""
    quickest = min(said, key=lambda teacher: said[teacher].patch_s)
    middles = said[quickest].starts_s + said[quickest].patch_s / 2
    probabilities = {}
    for teacher, values in said.items():
        own = sigmoid(values.arrays["logits"].astype(np.float32))
        if teacher != quickest:
            centres = values.starts_s + values.patch_s / 2
            nearest = np.abs(middles[:, None] - centres).argmin(axis=1)
            own = own[nearest]
        probabilities[teacher] = own
    logits = word_targets(probabilities, labels)
    return sigmoid(logits), middles


def _sums(values: Floats) -> Floats:
    sums = np.zeros((len(values) + 1, values.shape[1]), np.float32)
    np.cumsum(values, axis=0, dtype=np.float32, out=sums[1:])
    return sums


def _form(values: npt.NDArray[np.floating], floor: float) -> Floats:
    values = values.astype(np.float32)
    return np.log(values + np.float32(floor)) if floor else values


def fit_plan(pool: Pool) -> LessonPlan:
    """Fit mean, deviation and principal axes of each lesson on a pool.

    Raises
    ------
    DataError : the pool lacks what a teacher says.
    """
    pool.check_outputs((lesson.teacher, lesson.output) for lesson in LESSONS)
    axes = {}
    for lesson in LESSONS:
        chosen = []
        for recording in pool.recordings:
            values = recording.said[lesson.teacher].arrays[lesson.output]
            at = np.linspace(0, len(values) - 1, min(_FIT_PATCHES, len(values))).astype(int)
            chosen.append(_form(values[np.unique(at)], lesson.floor))
        axes[lesson.name] = _fit_axes(np.concatenate(chosen), lesson)
    return LessonPlan(axes, pool.labels)


def _fit_axes(values: Floats, lesson: Lesson) -> _Axes:
    mean, spread = values.mean(axis=0), values.std(axis=0)
    scale = np.where(spread > _DEAD, 1 / np.maximum(spread, _DEAD), 0).astype(np.float32)
    scaled = ((values - mean) * scale).astype(np.float64)
    variances, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    order = np.argsort(variances)[::-1][: lesson.axes]
    deviations = np.sqrt(np.maximum(variances[order], 1e-9))
    matrix = scale[:, None] * directions[:, order] / deviations**_EVENED
    # A mean squared value of 1, so that lessons are comparable.
    total = np.sqrt(np.mean(deviations ** (2 - 2 * _EVENED)))
    return _Axes(lesson.floor, mean.astype(np.float32), (matrix / total).astype(np.float32))
