"""Like several tracks at once, and unlike others.

*Several seeds.* Cosines of different seeds cannot be compared: around one there are many tracks,
around another few. So each seed's cosines count from that of its tenth neighbour on (a local scale,
as in CSLS: Conneau et al. 2018, "Word translation without parallel data"), and a track is scored by
a soft maximum over the seeds, T log mean exp(x / T). It ranks as the mean direction of the seeds
does where they are close to each other. Where they lie in different places, what is near to one of
them goes before what is half near to all, and none of them is left out.

*Without.* A track that is not clearly nearer to the seeds than to what is pushed away loses twice
what is missing. Rocchio's query (1971), seeds minus a share of what is unwanted, moves all tracks,
also those that are far from what is unwanted; this leaves them where they are.

Measured with soundalike@2 on 210 tracks of 13 soundtracks, 600 draws each: the share of the ten
nearest that are of the seeds' soundtracks, and how often all ten are nearest to seeds of one
soundtrack.

==========================  ==============  ======  ===================  ===========
seeds                       mean direction  cosine  soft max. of cosine  local scale
==========================  ==============  ======  ===================  ===========
2 of one soundtrack         0.39            0.36    0.38                 0.38
4 of one                    0.37            0.35    0.37                 0.37
1 each of two               0.45            0.48    0.47                 0.48
2 each of two               0.47            0.50    0.50                 0.53
4 each of two               0.43            0.46    0.46                 0.51
4 each, all ten of one      17 %            8 %     11 %                 1 %
==========================  ==============  ======  ===================  ===========

Of tracks of another soundtrack among the ten nearest one is pushed away (509 times): of its
soundtrack are 0.34 of the ten then instead of 0.77, of the seed's 3.7 instead of 3.6, and the mean
similarity to the seed falls from 0.313 to 0.291. Rocchio's query needs a weight of 0.5 for that,
and leaves 3.6 and 0.289.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.facets import Facets
from soundalike.similarity.codes import Codes, Estimates, Pick, estimate
from soundalike.similarity.distribution import check_matrix
from soundalike.similarity.taste import Metric

__all__ = ["MOST_SEEDS", "SeedScores", "score_seeds", "soft_maximum", "thinned"]

MOST_SEEDS = 100
"""So many seeds tell what all of a folder are like: more are thinned out."""

# Of the soft maximum; and the neighbour of a seed from which on its cosines count.
_TEMPERATURE, _NEIGHBOUR = 0.15, 10
# How much nearer to the seeds a track has to be, and what it loses for each unit that is missing.
_MARGIN, _PUSH = 0.1, 2.0
# Rows at a time: 100 seeds by so many are 26 MB.
_BLOCK_ROWS = 65_536


@dataclass(frozen=True, eq=False)
class SeedScores:
    """How all rows of a collection fit some seeds.

    Attributes
    ----------
    scores : float32 (n,), what to rank by.
    nearest : intp (n,), the place of the seed that is nearest to the row, on the seeds' own scales.
    similarities : float32 (n,), the cosine to that seed under the weights.
    estimates : where scores and similarities, one array then, are only nearly right yet; None where
        they are exact.
    """

    scores: NDArray[np.float32]
    nearest: NDArray[np.intp]
    similarities: NDArray[np.float32]
    estimates: Estimates | None = None


def score_seeds(
    seeds: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    layout: Facets,
    *,
    without: NDArray[np.floating] | None = None,
    weights: Mapping[str, float] | None = None,
    metric: Metric | None = None,
    lengths: NDArray[np.float32] | None = None,
    codes: Codes | None = None,
    pick: Pick | None = None,
) -> SeedScores:
    """Score all rows for some seeds.

    Parameters
    ----------
    seeds : (n_seeds, D), unit length, at least one; whether they are rows themselves is all the
        same.
    embeddings : (n, D), unit length.
    layout : what an embedding is made of.
    without : (n_without, D), what the rows are to be unlike; None or none for nothing.
    weights : of facets, as ``Facets.weights`` takes them.
    metric : to compare by, in place of the weights.
    lengths : ``metric.lengths`` of the embeddings, where somebody has them.
    codes : of the embeddings; given, the scores may be estimates (for one seed, where lengths do
        not matter).

    Returns
    -------
    For one seed, and nothing to be unlike, the scores are the cosines.

    Raises
    ------
    InvalidArgument : no seed, or shapes that do not fit together.
    """
    check_matrix(embeddings)
    _check("seeds", seeds, layout)
    if not len(seeds):
        raise InvalidArgument("there is no seed: give at least one")
    if metric is None:
        metric = Metric(layout, layout.weights(weights))
    if lengths is None:
        lengths = metric.lengths(embeddings)
    towards = metric.queries(seeds)
    away = None
    if without is not None and len(without):
        _check("without", without, layout)
        away = metric.queries(without)
    n = len(embeddings)
    if codes is not None and len(towards) == 1 and away is None and lengths is None:
        estimates = estimate(towards[0], codes, embeddings, pick)
        return SeedScores(estimates.scores, np.zeros(n, np.intp), estimates.scores, estimates)
    found = SeedScores(np.empty(n, np.float32), np.zeros(n, np.intp), np.empty(n, np.float32))
    scales = np.zeros(1, np.float32)
    if len(towards) > 1:
        scales = _scales(metric, towards, embeddings, lengths)
    for some, rows in _blocks(embeddings):
        its = None if lengths is None else lengths[some]
        cosines = metric.products(towards, rows, its)
        if len(towards) == 1:
            similarities = scores = cosines[0]
        else:
            scaled = cosines - scales[:, None]
            found.nearest[some] = nearest = scaled.argmax(axis=0)
            similarities = np.take_along_axis(cosines, nearest[None], axis=0)[0]
            scores = soft_maximum(scaled) + scales.mean()
        if away is not None:
            unwanted = metric.products(away, rows, its).max(axis=0)
            scores = scores - _PUSH * np.maximum(unwanted + _MARGIN - similarities, 0)
        found.similarities[some] = similarities
        found.scores[some] = scores
    return found


def soft_maximum(
    values: NDArray[np.floating], temperature: float = _TEMPERATURE
) -> NDArray[np.floating]:
    """``T log mean exp(x / T)`` over the first axis: (n_seeds, n) to (n,), between the mean and the
    maximum; the same for equal seeds, however many."""
    highest = values.max(axis=0)
    shares = np.exp((values - highest) / temperature).mean(axis=0)
    return np.asarray(highest + temperature * np.log(shares))


def thinned(n: int, most: int) -> NDArray[np.intp]:
    """The places of at most so many of n seeds, evenly spaced, the first and the last among them.

    >>> thinned(10, 4).tolist()
    [0, 3, 6, 9]
    """
    n, most = whole_number("n", n, least=0), whole_number("most", most, least=1)
    if n <= most:
        return np.arange(n)
    return np.rint(np.linspace(0, n - 1, most)).astype(np.intp)


def _scales(
    metric: Metric,
    towards: NDArray[np.float32],
    embeddings: NDArray[np.floating],
    lengths: NDArray[np.float32] | None,
) -> NDArray[np.floating]:
    """Where the cosines of each seed begin to count, (n_seeds,): at its tenth neighbour, behind the
    seed itself; in a smaller collection at the farthest."""
    best = np.empty((len(towards), 0), np.float32)
    for some, rows in _blocks(embeddings):
        its = None if lengths is None else lengths[some]
        best = np.concatenate([best, metric.products(towards, rows, its)], axis=1)
        if best.shape[1] > _NEIGHBOUR + 1:
            place = best.shape[1] - _NEIGHBOUR - 1
            best = np.partition(best, place, axis=1)[:, place:]
    return np.asarray(best.min(axis=1, initial=1.0))


def _blocks(embeddings: NDArray[np.floating]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    for start in range(0, len(embeddings), _BLOCK_ROWS):
        some = slice(start, start + _BLOCK_ROWS)
        yield some, embeddings[some].astype(np.float32, copy=False)


def _check(name: str, rows: NDArray[np.floating], layout: Facets) -> None:
    if rows.ndim != 2 or rows.shape[1] != layout.size:
        raise InvalidArgument(
            f"{name} have shape {rows.shape}: they must be (n, {layout.size}), as the embeddings"
        )
