"""When a word holds: its threshold, and how well a model has learned it.

The teachers are the reference. A word holds for a track when the model's mean probability reaches a
threshold above which the teachers agree in at least four of five tracks, counted on music that the
model was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from soundalike.errors import InvalidArgument
from soundalike.models.contract import Word
from soundalike.research.distill.words import TaughtWord

__all__ = [
    "LEAST_AUC",
    "LEAST_POSITIVE",
    "PRECISION",
    "WordFigures",
    "fit_words",
    "measure_words",
]

PRECISION: Final = 0.8
"""Share of the tracks for which a word holds that its teachers must agree with."""
LEAST_AUC: Final = 0.7
"""Below this a model has not learned a word, and should not offer it."""
LEAST_POSITIVE: Final = 5
"""Of fewer tracks of which the teachers say a word nothing is fitted or measured."""

# Of a word without a threshold; nothing rests on it.
_NO_THRESHOLD: Final = 0.5


@dataclass(frozen=True)
class WordFigures:
    """How well a model tells a word, by the measure of its teachers.

    Attributes
    ----------
    word : with its threshold.
    n_tracks : that were looked at.
    n_positive : of which the teachers say the word.
    n_held : for which it holds by the model.
    n_agreed : of these, how many of which the teachers say it.
    auc : area under the ROC curve: how often, of two tracks of which the teachers say the word of
        one, that one is ranked higher. None where fewer than :data:`LEAST_POSITIVE` are positive,
        or as few negative.
    """

    word: Word
    n_tracks: int
    n_positive: int
    n_held: int
    n_agreed: int
    auc: float | None

    @property
    def precision(self) -> float | None:
        """Share of the tracks for which it holds that the teachers agree with; None without any."""
        return self.n_agreed / self.n_held if self.n_held else None

    @property
    def recall(self) -> float | None:
        """Share of the positive tracks for which it holds; None where the AUC is None."""
        return None if self.auc is None else self.n_agreed / self.n_positive

    @property
    def is_learned(self) -> bool:
        """Whether the word is worth offering; False where there was too little to measure it."""
        return self.auc is not None and self.auc >= LEAST_AUC


def measure_words(
    words: Sequence[Word], probabilities: NDArray[np.floating], says: NDArray[np.bool_]
) -> tuple[WordFigures, ...]:
    """Count where a model with thresholds and its teachers agree.

    Parameters
    ----------
    probabilities : (n_tracks, n_words), the model's, the mean over each track's excerpts.
    says : (n_tracks, n_words), what the teachers say; see ``words.teachers_say``.

    Raises
    ------
    InvalidArgument : shapes that do not fit together.
    """
    if probabilities.shape != says.shape or says.ndim != 2 or says.shape[1] != len(words):
        raise InvalidArgument(
            f"probabilities {probabilities.shape} and what the teachers say {says.shape} must both "
            f"be (n_tracks, {len(words)})"
        )
    found = []
    for column, word in enumerate(words):
        values, yes = probabilities[:, column].astype(np.float64), says[:, column]
        holds = np.zeros(len(values), np.bool_)
        if word.precision is not None:
            holds = values >= word.threshold
        n_positive = int(yes.sum())
        enough = LEAST_POSITIVE <= n_positive <= len(yes) - LEAST_POSITIVE
        found.append(
            WordFigures(
                word=word,
                n_tracks=len(yes),
                n_positive=n_positive,
                n_held=int(holds.sum()),
                n_agreed=int((holds & yes).sum()),
                auc=float(roc_auc_score(yes, values)) if enough else None,
            )
        )
    return tuple(found)


def fit_words(
    words: Sequence[TaughtWord | Word],
    probabilities: NDArray[np.floating],
    says: NDArray[np.bool_],
) -> tuple[WordFigures, ...]:
    """Set the threshold of each word: the lowest from which on the teachers agree often enough.

    One disagreement more than were counted must be allowed for: that keeps a threshold from resting
    on a few lucky tracks. A word without such a threshold has no precision, and never holds.

    Parameters, errors: as for :func:`measure_words`.
    """
    bare = tuple(Word(word.word, word.group, _NO_THRESHOLD, None) for word in words)
    fitted = []
    for column, figures in enumerate(measure_words(bare, probabilities, says)):
        word = figures.word
        if figures.auc is not None:
            word = _with_threshold(word, probabilities[:, column], says[:, column])
        fitted.append(word)
    return measure_words(fitted, probabilities, says)


def _with_threshold(
    word: Word, probabilities: NDArray[np.floating], says: NDArray[np.bool_]
) -> Word:
    values = probabilities.astype(np.float64)
    order = np.argsort(-values, kind="stable")
    ranked, agreed = values[order], np.cumsum(says[order])
    above = np.arange(1, len(order) + 1)
    # A threshold can only lie between two values that differ.
    is_end = np.append(ranked[1:] < ranked[:-1], True)
    enough = np.flatnonzero(is_end & (agreed >= PRECISION * (above + 1)))
    if not len(enough):
        return word
    last = int(enough[-1])
    # Between the two, so that a rounding error decides nothing.
    below = ranked[last + 1] if last + 1 < len(ranked) else ranked[last]
    precision = round(float(agreed[last] / above[last]), 3)
    return Word(word.word, word.group, float((ranked[last] + below) / 2), precision)
