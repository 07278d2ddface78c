"""Hubs: tracks that are everybody's neighbour, tracks that are nobody's, and what helps.

In a space of many dimensions some points come close to very many others without being alike
(Radovanovic, Nanopoulos and Ivanovic 2010). The corrections make nearness mutual: two tracks are
close when each is close *by the other's measure* (Schnitzer, Flexer, Schedl and Widmer, "Local and
global scaling reduce hubs in space", JMLR 13, 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.similarity.matrix import Similarities, blocks
from soundalike.similarity.neighbours import nearest_exact

__all__ = [
    "Hubness",
    "LocalScaling",
    "MutualProximity",
    "measure_hubness",
    "popularity",
]

# Rows at a time that are compared with a sample: 4 MB of float32 with one of 256.
_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Hubness:
    """How evenly the places among the k neighbours are shared out.

    Attributes
    ----------
    k : neighbours of each track.
    occurrences : int64 (n,), N_k: of how many others each track is one of the k neighbours. Their
        mean is k.
    skewness : third standardised moment of N_k: 0 where all are neighbours equally often; above
        about 1 a few tracks turn up everywhere.
    largest_hub : the row of the track that is somebody's neighbour most often.
    largest_occurrences : how often that is.
    antihub_share : share (0 to 1) of the tracks that are nobody's neighbour: never recommended.
    """

    k: int
    occurrences: NDArray[np.int64] = field(repr=False)
    skewness: float
    largest_hub: int
    largest_occurrences: int
    antihub_share: float


def measure_hubness(similarities: Similarities, k: int = 10) -> Hubness:
    """Count how often each item is among the k nearest of another.

    Raises
    ------
    InvalidArgument : k below 1, or not more than k items: all would be neighbours of all.
    """
    n = similarities.n_items
    nearest = nearest_exact(similarities, k).rows
    if n <= k + 1:
        raise InvalidArgument(
            f"hubness at k = {k} needs more than {k + 1} tracks, there are {n}: "
            "each would be a neighbour of all"
        )
    counts = np.bincount(nearest.ravel(), minlength=n).astype(np.int64)
    return Hubness(
        k=k,
        occurrences=counts,
        skewness=_skewness(counts),
        largest_hub=int(counts.argmax()),
        largest_occurrences=int(counts.max()),
        antihub_share=float(np.mean(counts == 0)),
    )


def _skewness(counts: NDArray[np.int64]) -> float:
    deviations = counts - counts.mean()
    variance = float(np.mean(deviations**2))
    return float(np.mean(deviations**3)) / variance**1.5 if variance else 0.0


def popularity(
    embeddings: NDArray[np.float32], *, n_sample: int = 256, k: int = 5, seed: int = 0
) -> NDArray[np.float32]:
    """How near each track is to those it is nearest to: high for hubs, low for what stands alone.

    The mean of a track's k highest cosines with a sample of the tracks: ``r`` of cross-domain
    similarity local scaling, ``2 cos(x, y) - r(x) - r(y)`` (Conneau, Lample, Ranzato, Denoyer and
    Jegou, "Word translation without parallel data", 2018, equation 2), which takes all tracks. To
    rank by ``cos - r / 2`` needs no pairs of all with all. With a sample of 256 hubs are as few as
    with all.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length.
    n_sample, seed : tracks to compare with, drawn at random; all of a smaller collection.
    k : at most the sample; a track is not compared with itself.

    Returns
    -------
    float32 (n,), from -1 to 1; zeros for fewer than 2 tracks.

    Raises
    ------
    InvalidArgument : n_sample or k below 1.
    """
    n = len(embeddings)
    n_sample = min(whole_number("n_sample", n_sample, least=1), n)
    k = min(whole_number("k", k, least=1), n_sample - (n_sample == n))
    found = np.zeros(n, np.float32)
    if k < 1:
        return found
    drawn = np.sort(np.random.default_rng(seed).choice(n, n_sample, replace=False))
    sample = embeddings[drawn]
    for start in range(0, n, _BLOCK_ROWS):
        rows = embeddings[start : start + _BLOCK_ROWS] @ sample.T
        own = np.flatnonzero((drawn >= start) & (drawn < start + len(rows)))
        rows[drawn[own] - start, own] = -np.inf
        highest = -np.partition(-rows, k - 1, axis=1)[:, :k]
        # Where the sample is no more than k, a track in it has one other less.
        is_other = np.isfinite(highest)
        sums = np.where(is_other, highest, 0.0).sum(axis=1)
        found[start : start + len(rows)] = sums / np.maximum(is_other.sum(axis=1), 1)
    return found


class MutualProximity:
    """How unusually close two items are, by both items' measure.

    ``MP(i, j) = F_i(s_ij) F_j(s_ij)``, F_i the normal distribution with the mean and the deviation
    of item i's similarities with all others: the chance that a random item is farther from i than
    j is, times the same from j's side (Schnitzer et al. 2012, equation 5, Gaussian, independent).
    From 0 to 1, symmetric where the similarities are.

    Parameters
    ----------
    similarities : of all pairs; read once for the statistics, and again for the rows asked for.

    Raises
    ------
    InvalidArgument : fewer than 3 items: no deviation.
    """

    def __init__(self, similarities: Similarities) -> None:
        _check_enough(similarities, 3)
        self._base = similarities
        n = similarities.n_items
        self._means = np.empty(n)
        self._deviations = np.empty(n)
        for start, rows in blocks(similarities):
            wide = _without_self(rows, start)
            self._means[start : start + len(rows)] = np.nanmean(wide, axis=1)
            self._deviations[start : start + len(rows)] = np.nanstd(wide, axis=1)
        # Where all are equally far, any step away from the mean is a large one.
        np.maximum(self._deviations, 1e-9, out=self._deviations)

    @property
    def n_items(self) -> int:
        return self._base.n_items

    def rows(self, start: int, stop: int) -> NDArray[np.floating]:
        given = self._base.rows(start, stop).astype(np.float64)
        own = (given - self._means[start:stop, None]) / self._deviations[start:stop, None]
        theirs = (given - self._means) / self._deviations
        return (1.0 - _upper_tail(own)) * (1.0 - _upper_tail(theirs))


class LocalScaling:
    """Distances measured in units of how far the items' own neighbours are.

    With the distance ``d = 1 - s``, ``d_ij / sqrt(m_i m_j)``, m_i the mean distance of item i to
    its k nearest (the non-iterative contextual dissimilarity of Jegou, Harzallah and Schmid 2007;
    Zelnik-Manor and Perona 2004 take the k-th distance for m), turned into a similarity
    ``1 / (1 + d)``: 1 for the same place, 1/2 for as far as neighbours usually are.

    Parameters
    ----------
    similarities : of all pairs, at most 1; symmetric similarities give symmetric ones.
    k : neighbours that make the unit.

    Raises
    ------
    InvalidArgument : fewer than 2 items, or k below 1.
    """

    def __init__(self, similarities: Similarities, k: int = 10) -> None:
        _check_enough(similarities, 2)
        k = whole_number("k", k, least=1)
        self._base = similarities
        n = similarities.n_items
        k = min(k, n - 1)
        self._units = np.empty(n)
        for start, rows in blocks(similarities):
            distances = np.maximum(1.0 - _without_self(rows, start), 0.0)  # NaN stays, sorts last
            nearest = np.partition(distances, k - 1, axis=1)[:, :k]
            self._units[start : start + len(rows)] = nearest.mean(axis=1)
        # Among copies the unit would be 0.
        np.maximum(self._units, 1e-9, out=self._units)

    @property
    def n_items(self) -> int:
        return self._base.n_items

    def rows(self, start: int, stop: int) -> NDArray[np.floating]:
        distances = np.maximum(1.0 - self._base.rows(start, stop).astype(np.float64), 0.0)
        return np.asarray(
            1.0 / (1.0 + distances / np.sqrt(self._units[start:stop, None] * self._units))
        )


def _check_enough(similarities: Similarities, least: int) -> None:
    if similarities.n_items < least:
        raise InvalidArgument(
            f"a correction for hubs needs at least {least} tracks, there are {similarities.n_items}"
        )


def _without_self(rows: NDArray[np.floating], start: int) -> NDArray[np.float64]:
    """The rows with NaN where an item meets itself."""
    wide = rows.astype(np.float64)
    wide[np.arange(len(rows)), start + np.arange(len(rows))] = np.nan
    return wide


@cache
def _tail_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ln(1 - Phi(z)) on a grid; NumPy has no error function."""
    grid = np.linspace(-10.0, 37.0, 4701)
    return grid, np.array([math.log(0.5 * math.erfc(z / math.sqrt(2.0))) for z in grid])


def _upper_tail(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 - Phi(z), to 2e-5 of itself up to z = 37; it never rises."""
    return np.asarray(np.exp(np.interp(z, *_tail_table())))
