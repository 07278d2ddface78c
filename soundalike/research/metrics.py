"""How good a classifier and its embedding are: accuracy, calibration, intervals, neighbours.

Pure functions of arrays. ``probabilities`` are float (n, n_labels) and sum to 1, ``labels`` int
(n,), ``tracks`` int (n,): which track each excerpt is cut from. Intervals and neighbours are those
of ``soundalike.evaluate``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss

from soundalike.evaluate.intervals import Interval, bootstrap
from soundalike.evaluate.retrieval import neighbour_precision

__all__ = [
    "Interval",
    "accuracy",
    "bootstrap",
    "confusion",
    "expected_calibration_error",
    "fit_temperature",
    "genre_set_quantile",
    "genre_sets",
    "macro_f1",
    "mean_by_track",
    "negative_log_likelihood",
    "neighbour_precision",
    "temper",
]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]


def mean_by_track(values: Floats, tracks: Ints) -> Floats:
    """Mean of the excerpts' rows for each track, in ascending order of the track's number.

    float64 (n_tracks, n_columns).
    """
    numbers, position = np.unique(tracks, return_inverse=True)
    sums = np.zeros((len(numbers), values.shape[1]))
    np.add.at(sums, position, values)
    return sums / np.bincount(position)[:, None]


def accuracy(probabilities: Floats, labels: Ints) -> float:
    """Share whose most probable label is the true one."""
    return float(accuracy_score(labels, probabilities.argmax(axis=1)))


def macro_f1(probabilities: Floats, labels: Ints) -> float:
    """F1 of each label, averaged with equal weight; a label that never occurs counts as 0."""
    everything = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    return float(f1_score(labels, predicted, labels=everything, average="macro", zero_division=0))


def confusion(probabilities: Floats, labels: Ints) -> npt.NDArray[np.int64]:
    """Counts (n_labels, n_labels): actual label down, predicted label across."""
    everything = np.arange(probabilities.shape[1])
    counts = confusion_matrix(labels, probabilities.argmax(axis=1), labels=everything)
    return np.asarray(counts, dtype=np.int64)


def negative_log_likelihood(probabilities: Floats, labels: Ints) -> float:
    """Mean of -ln p(true label)."""
    return float(
        log_loss(
            labels,
            probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64),
            labels=np.arange(probabilities.shape[1]),
        )
    )


def expected_calibration_error(probabilities: Floats, labels: Ints, bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over bins of equal width (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    hit = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float(hit[which == b].mean()) - float(confidence[which == b].mean()))
        * float((which == b).mean())
        for b in range(bins)
        if (which == b).any()
    ]
    return float(sum(gaps))


def temper(probabilities: Floats, temperature: float) -> Floats:
    """softmax(ln p / temperature): above 1 less sure, below 1 more; the order stays."""
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: Floats, labels: Ints) -> float:
    """The temperature between 0.05 and 20 with the least negative log-likelihood."""

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(temper(probabilities, np.exp(log_temperature)), labels)

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def genre_set_quantile(probabilities: Floats, labels: Ints, coverage: float = 0.9) -> float:
    """q such that the labels with p >= 1 - q hold the true one for that share of new tracks.

    Split conformal prediction with the score 1 - p(true label) (Sadinle et al. 2019), with the
    correction for n calibration tracks: the ceil((n + 1) * coverage)-th smallest score. Where n is
    too small for the coverage, 1: every label.
    """
    scores = np.sort(1.0 - probabilities[np.arange(len(labels)), labels])
    rank = int(np.ceil((len(scores) + 1) * coverage))
    return float(scores[rank - 1]) if rank <= len(scores) else 1.0


def genre_sets(probabilities: Floats, quantile: float) -> npt.NDArray[np.bool_]:
    """Which labels are in each track's set, bool (n, n_labels); the likeliest always is."""
    members = probabilities >= 1.0 - quantile
    members[np.arange(len(members)), probabilities.argmax(axis=1)] = True
    return np.asarray(members)
