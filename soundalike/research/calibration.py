"""Whether confidence can be believed, judged fairly on a few hundred tracks.

A calibration error is never negative, so even a perfectly calibrated classifier has one: about 0.05
on 290 tracks. So each figure comes with what such a classifier would get on the same tracks: which
of its answers are right is drawn from the confidence itself (consistency resampling, Bröcker and
Smith 2007). A bootstrap interval would be too high: drawing with replacement adds to the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundalike.errors import InvalidArgument
from soundalike.research.classification import BINS, ReliabilityBin, reliability

__all__ = [
    "Believability",
    "CalibrationError",
    "LabelCoverage",
    "believability",
    "label_coverage",
    "worst_by_chance",
]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]

DRAWS = 4000


@dataclass(frozen=True)
class CalibrationError:
    """Mean gap between confidence and accuracy, and how much of it is chance.

    Attributes
    ----------
    value : 0 to 1.
    by_chance : the mean that confidence which is exactly right would get.
    by_chance_high : what it would stay below in 95 % of cases: a higher value is a real fault.
    """

    value: float
    by_chance: float
    by_chance_high: float


@dataclass(frozen=True)
class Believability:
    """How confidence and accuracy go together.

    Attributes
    ----------
    n_tracks : how many.
    bins : of equal width, empty ones left out.
    bin_ranges : for each bin, between which accuracies 95 % of cases would lie if the confidence
        was exactly right.
    error : over the bins of equal width (Guo et al. 2017).
    error_equal_mass : over bins of equally many tracks (adaptive binning, Nguyen and O'Connor
        2015), which no bin of three tracks can disturb.
    """

    n_tracks: int
    bins: tuple[ReliabilityBin, ...]
    bin_ranges: tuple[tuple[float, float], ...]
    error: CalibrationError
    error_equal_mass: CalibrationError


def believability(
    probabilities: Floats, labels: Ints, *, bins: int = BINS, draws: int = DRAWS, seed: int = 0
) -> Believability:
    """Compare the confidence of a classifier with how often it was right.

    Parameters
    ----------
    probabilities : (n_tracks, n_labels), rows sum to 1.
    labels : int (n_tracks,), true ones.
    bins : how many, of either kind.
    draws, seed : of the resampling.

    Raises
    ------
    InvalidArgument : fewer tracks than bins.
    """
    n_tracks = len(labels)
    if n_tracks < bins:
        raise InvalidArgument(f"{n_tracks} tracks are too few for {bins} calibration bins")
    confidence = probabilities.max(axis=1).astype(np.float64)
    hits = probabilities.argmax(axis=1) == labels
    drawn = np.random.default_rng(seed).random((draws, n_tracks)) < confidence
    width = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    mass = np.empty(n_tracks, np.int64)
    for number, rows in enumerate(np.array_split(np.argsort(confidence, kind="stable"), bins)):
        mass[rows] = number
    found = reliability(probabilities, labels, bins)
    ranges = []
    for number in np.unique(width):
        low, high = np.percentile(drawn[:, width == number].mean(axis=1), [2.5, 97.5])
        ranges.append((float(low), float(high)))
    return Believability(
        n_tracks=n_tracks,
        bins=found,
        bin_ranges=tuple(ranges),
        error=_error(confidence, hits, drawn, width),
        error_equal_mass=_error(confidence, hits, drawn, mass),
    )


def _error(
    confidence: Floats, hits: npt.NDArray[np.bool_], drawn: npt.NDArray[np.bool_], bin_of: Ints
) -> CalibrationError:
    members = np.eye(int(bin_of.max()) + 1)[bin_of]
    expected = confidence @ members

    def error(right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        gaps = np.abs(right.astype(np.float64) @ members - expected)
        return np.asarray(gaps.sum(axis=-1) / len(confidence))

    chance = error(drawn)
    return CalibrationError(
        float(error(hits)), float(chance.mean()), float(np.percentile(chance, 95))
    )


@dataclass(frozen=True)
class LabelCoverage:
    """How often the genre set held the true label, for the tracks of one label.

    Attributes
    ----------
    n_tracks : that bear the label.
    coverage : share of them whose set holds it.
    mean_size : labels in their sets.
    """

    label: str
    n_tracks: int
    coverage: float
    mean_size: float


def label_coverage(
    members: npt.NDArray[np.bool_], labels: Ints, label_names: Sequence[str]
) -> tuple[LabelCoverage, ...]:
    """Coverage by label; labels without tracks are left out.

    Split conformal sets promise their coverage over all tracks, not for each label: a label that
    is hard may be held less often than an easy one.

    Parameters
    ----------
    members : bool (n_tracks, n_labels), which labels are in each track's set.
    labels : int (n_tracks,), true ones.
    """
    covered = members[np.arange(len(labels)), labels]
    sizes = members.sum(axis=1)
    return tuple(
        LabelCoverage(
            name,
            int((labels == number).sum()),
            float(covered[labels == number].mean()),
            float(sizes[labels == number].mean()),
        )
        for number, name in enumerate(label_names)
        if (labels == number).any()
    )


def worst_by_chance(
    coverages: Sequence[LabelCoverage], *, draws: int = DRAWS, seed: int = 0
) -> float:
    """The coverage of the worst label to be expected if all labels were alike.

    The least of ten shares of thirty tracks lies far below their mean by chance alone.
    """
    counts = np.array([each.n_tracks for each in coverages])
    overall = float(counts @ [each.coverage for each in coverages] / counts.sum())
    drawn = np.random.default_rng(seed).binomial(counts, overall, (draws, len(counts)))
    return float((drawn / counts).min(axis=1).mean())
