"""How good a classifier is: each figure on its own, and all of them together, with intervals.

Pure functions of arrays. ``probabilities`` are float (n, n_labels) and sum to 1, ``labels`` int
(n,), ``tracks`` int (n,): which track each excerpt is cut from. Every interval is a 95 % percentile
bootstrap over *tracks*: excerpts of one track are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
)

from soundalike.analysis import temper
from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import Interval, bootstrap

__all__ = [
    "Evaluation",
    "LabelScore",
    "ReliabilityBin",
    "Spread",
    "accuracy",
    "confusion",
    "evaluate",
    "expected_calibration_error",
    "fit_temperature",
    "genre_set_quantile",
    "mean_by_track",
    "negative_log_likelihood",
    "reliability",
    "spread",
]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

BINS = 10
DRAWS = 2000


@dataclass(frozen=True)
class LabelScore:
    """How one label fared; 0 where a share has nothing to divide by.

    Attributes
    ----------
    n_tracks : tracks with this label.
    precision : share of the tracks predicted to be this that are.
    recall : share of the tracks that are this that were predicted to be.
    f1 : harmonic mean of the two.
    """

    label: str
    n_tracks: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ReliabilityBin:
    """Tracks whose confidence lies between ``low`` and ``high``; at least one.

    Attributes
    ----------
    n_tracks : how many.
    confidence : mean probability of the predicted label.
    accuracy : share that was right; equal to the confidence, if that is calibrated.
    """

    low: float
    high: float
    n_tracks: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """What a classifier got right on some tracks.

    Attributes
    ----------
    labels : names, in the order of the rows of ``confusion``.
    n_tracks, n_excerpts : how much was classified.
    track_accuracy : of the label with the highest mean probability over the track's excerpts.
    excerpt_accuracy : of each excerpt by itself.
    macro_f1 : by track, mean over labels.
    nll : mean of -ln p(true label) by track, nats; ln(n_labels) is a guess.
    ece : expected calibration error by track, ten bins. Without an interval: drawing with
        replacement adds to it, so that a percentile interval would lie too high.
    scores : by label.
    confusion : int64 (n_labels, n_labels), tracks: actual label down, predicted label across.
    reliability : the bins that ``ece`` is made of.
    """

    labels: tuple[str, ...]
    n_tracks: int
    n_excerpts: int
    track_accuracy: Interval
    excerpt_accuracy: Interval
    macro_f1: Interval
    nll: Interval
    ece: float
    scores: tuple[LabelScore, ...]
    confusion: npt.NDArray[np.int64]
    reliability: tuple[ReliabilityBin, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as what ``json`` can write; :meth:`from_json` is the way back."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("track_accuracy", "excerpt_accuracy", "macro_f1", "nll"):
            values[name] = asdict(values[name])
        for name in ("scores", "reliability"):
            values[name] = [asdict(item) for item in values[name]]
        return {**values, "labels": list(self.labels), "confusion": self.confusion.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Evaluation:
        """What :meth:`to_json` gave."""
        intervals = {
            name: Interval(**values[name])
            for name in ("track_accuracy", "excerpt_accuracy", "macro_f1", "nll")
        }
        return cls(
            labels=tuple(values["labels"]),
            n_tracks=values["n_tracks"],
            n_excerpts=values["n_excerpts"],
            ece=values["ece"],
            scores=tuple(LabelScore(**item) for item in values["scores"]),
            confusion=np.asarray(values["confusion"], dtype=np.int64),
            reliability=tuple(ReliabilityBin(**item) for item in values["reliability"]),
            **intervals,
        )


def evaluate(
    probabilities: Floats,
    labels: Ints,
    tracks: Ints,
    label_names: Sequence[str],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a classifier from its probabilities for excerpts.

    Parameters
    ----------
    probabilities : (n_excerpts, n_labels), rows sum to 1.
    labels : int (n_excerpts,), the true label of each excerpt's track.
    tracks : int (n_excerpts,), which track each excerpt is cut from. For images, or tracks
        that are not cut, ``np.arange(n)``.
    label_names : (n_labels,).
    draws, seed : of the bootstrap.

    Raises
    ------
    InvalidArgument : shapes that do not fit, no excerpts, probabilities that do not sum to 1, a
        label out of range, or a track with two labels.
    """
    probabilities = np.asarray(probabilities, dtype=np.float64)
    labels, tracks = np.asarray(labels), np.asarray(tracks)
    _check(probabilities, labels, tracks, label_names)
    numbers, first, position = np.unique(tracks, return_index=True, return_inverse=True)
    by_track = mean_by_track(probabilities, tracks)
    truth = labels[first]
    n_tracks, n_labels = by_track.shape
    predicted = by_track.argmax(axis=1)
    hits = predicted == truth
    losses = -np.log(np.clip(by_track[np.arange(n_tracks), truth], 1e-15, None))
    excerpt_hits = np.bincount(position, probabilities.argmax(axis=1) == labels)
    excerpts = np.bincount(position)
    pairs = truth * n_labels + predicted

    def macro_f1(rows: Ints) -> float:
        return _macro_f1(np.bincount(pairs[rows], minlength=n_labels**2).reshape(n_labels, -1))

    def interval(figure: Callable[[Ints], float]) -> Interval:
        return bootstrap(figure, n_tracks, draws=draws, seed=seed)

    return Evaluation(
        labels=tuple(label_names),
        n_tracks=len(numbers),
        n_excerpts=len(labels),
        track_accuracy=interval(lambda rows: float(hits[rows].mean())),
        excerpt_accuracy=interval(
            lambda rows: float(excerpt_hits[rows].sum() / excerpts[rows].sum())
        ),
        macro_f1=interval(macro_f1),
        nll=interval(lambda rows: float(losses[rows].mean())),
        ece=expected_calibration_error(by_track, truth),
        scores=_scores(truth, predicted, label_names),
        confusion=confusion(by_track, truth),
        reliability=reliability(by_track, truth),
    )


def _check(probabilities: Floats, labels: Ints, tracks: Ints, label_names: Sequence[str]) -> None:
    expected = (len(labels), len(label_names))
    if probabilities.shape != expected or tracks.shape != labels.shape or not len(labels):
        raise InvalidArgument(
            f"probabilities {probabilities.shape}, labels {labels.shape}, tracks {tracks.shape} "
            f"and {len(label_names)} label names do not fit: (n, n_labels), (n,), (n,) are "
            f"expected, with n at least 1"
        )
    worst = float(np.abs(probabilities.sum(axis=1) - 1.0).max())
    if not worst < 1e-3 or probabilities.min() < 0:
        raise InvalidArgument(
            f"probabilities must be 0 or more and each row sum to 1; one is off by {worst:.3g}"
        )
    if labels.min() < 0 or labels.max() >= len(label_names):
        raise InvalidArgument(
            f"labels must lie from 0 to {len(label_names) - 1}, "
            f"not from {labels.min()} to {labels.max()}"
        )
    pairs = np.unique(np.stack([tracks, labels]), axis=1)
    numbers, times = np.unique(pairs[0], return_counts=True)
    if (times > 1).any():
        raise InvalidArgument(f"track {numbers[times > 1][0]} has more than one label")


def _macro_f1(counts: npt.NDArray[np.integer]) -> float:
    """From a confusion matrix: some hundred times as fast as from labels, as a bootstrap needs."""
    both = counts.sum(axis=0) + counts.sum(axis=1)
    return float((2 * counts.diagonal() / np.maximum(both, 1)).mean())


def _scores(truth: Ints, predicted: Ints, label_names: Sequence[str]) -> tuple[LabelScore, ...]:
    figures = precision_recall_fscore_support(
        truth, predicted, labels=np.arange(len(label_names)), zero_division=0
    )
    return tuple(
        LabelScore(label, int(n), float(precision), float(recall), float(f1))
        for label, precision, recall, f1, n in zip(label_names, *figures, strict=True)
    )


def reliability(
    probabilities: Floats, labels: Ints, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy in bins of equal width (Guo et al. 2017); empty ones left out.

    Parameters
    ----------
    probabilities : (n_tracks, n_labels).
    labels : int (n_tracks,).
    """
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    return tuple(
        ReliabilityBin(
            low=number / bins,
            high=(number + 1) / bins,
            n_tracks=int((which == number).sum()),
            confidence=float(confidence[which == number].mean()),
            accuracy=float(hits[which == number].mean()),
        )
        for number in np.unique(which).tolist()
    )


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds.

    Attributes
    ----------
    mean : over the seeds.
    deviation : standard deviation over the seeds (n - 1); None for a single one.
    values : one a seed.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]


def spread(values: Sequence[float]) -> Spread:
    """Mean and spread over seeds.

    Raises
    ------
    InvalidArgument : no values.
    """
    if not values:
        raise InvalidArgument("a spread needs at least one value")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, tuple(values))


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


def expected_calibration_error(probabilities: Floats, labels: Ints, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over the tracks' bins of :func:`reliability`."""
    found = reliability(probabilities, labels, bins)
    return sum(each.n_tracks * abs(each.accuracy - each.confidence) for each in found) / len(labels)


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
