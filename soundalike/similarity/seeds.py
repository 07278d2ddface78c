"""Like several tracks at once, and unlike others.

*Several seeds.* A track is scored by T times the log of the mean of exp(cosine / T) over the seeds:
a soft maximum, that lies between the mean of the cosines and the largest of them. Among seeds that
are close to each other it ranks as the mean direction of the seeds does; where they lie in
different places, what is near to one of them goes before what is half near to all.

*Without.* A track that is not clearly nearer to the seeds than to what is pushed away loses twice
what is missing: unlike Rocchio's query (1971), seeds minus a share of what is unwanted, this leaves
all others where they are, however near the two are to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument
from soundalike.facets import Facets
from soundalike.similarity.distribution import check_matrix

__all__ = ["MOST_SEEDS", "TEMPERATURE", "SeedScores", "score_seeds", "soft_maximum", "thinned"]

MOST_SEEDS = 100
"""So many seeds tell what all of a folder are like: more are thinned out."""

TEMPERATURE = 0.1
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
    nearest : intp (n,), the place of the seed that is nearest to the row.
    similarities : float32 (n,), the cosine to that seed under the weights.
    """

    scores: NDArray[np.float32]
    nearest: NDArray[np.intp]
    similarities: NDArray[np.float32]


def score_seeds(
    seeds: NDArray[np.floating],
    embeddings: NDArray[np.floating],
    layout: Facets,
    *,
    without: NDArray[np.floating] | None = None,
    weights: Mapping[str, float] | None = None,
    temperature: float = TEMPERATURE,
    push: float = _PUSH,
    margin: float = _MARGIN,
) -> SeedScores:
    """Score all rows for some seeds.

    Parameters
    ----------
    seeds : (n_seeds, D), unit length, at least one.
    embeddings : (n, D), unit length.
    layout : what an embedding is made of.
    without : (n_without, D), what the rows are to be unlike; None or none for nothing.
    weights : of facets, as ``Facets.weights`` takes them.
    temperature : of the soft maximum over the seeds: towards 0 the nearest seed alone counts, from
        about 0.5 on the mean of all.
    push, margin : a row loses ``push * max(0, cosine to the nearest of without + margin - soft
        maximum)``.

    Returns
    -------
    For one seed and nothing to be unlike, the scores are the cosines.

    Raises
    ------
    InvalidArgument : no seed, shapes that do not fit together, or a value out of range.
    """
    check_matrix(embeddings)
    wanted = _checked("seeds", seeds, layout)
    unwanted = None if without is None or not len(without) else _checked("without", without, layout)
    if not len(wanted):
        raise InvalidArgument("there is no seed: give at least one")
    temperature = number("temperature", temperature, least=1e-3)
    push, margin = number("push", push, least=0), number("margin", margin, least=0)
    towards = layout.reweight(wanted, weights)
    away = None if unwanted is None else layout.reweight(unwanted, weights)
    n = len(embeddings)
    found = SeedScores(np.empty(n, np.float32), np.zeros(n, np.intp), np.empty(n, np.float32))
    for start in range(0, n, _BLOCK_ROWS):
        some = slice(start, start + _BLOCK_ROWS)
        rows = embeddings[some].astype(np.float32, copy=False)
        if len(towards) == 1:
            # As one product, so that a seed alone is compared as it always was.
            scores = rows @ towards[0]
            found.similarities[some] = scores
        else:
            cosines = towards @ rows.T
            found.nearest[some] = cosines.argmax(axis=0)
            found.similarities[some] = cosines.max(axis=0)
            scores = soft_maximum(cosines, temperature)
        if away is not None:
            nearest = (away @ rows.T).max(axis=0)
            scores = scores - push * np.maximum(nearest + margin - scores, 0)
        found.scores[some] = scores
    return found


def soft_maximum(
    cosines: NDArray[np.floating], temperature: float = TEMPERATURE
) -> NDArray[np.float32]:
    """``T log mean exp(c / T)`` over the first axis: (n_seeds, n) to (n,), between the mean and the
    maximum; the same for equal seeds, however many."""
    highest = cosines.max(axis=0)
    shares = np.exp((cosines - highest) / temperature).mean(axis=0)
    return np.asarray(highest + temperature * np.log(shares), np.float32)


def thinned(n: int, most: int = MOST_SEEDS) -> NDArray[np.intp]:
    """The places of at most so many of n seeds, evenly spaced, the first and the last among them.

    >>> thinned(10, 4).tolist()
    [0, 3, 6, 9]
    """
    n, most = whole_number("n", n, least=0), whole_number("most", most, least=1)
    if n <= most:
        return np.arange(n)
    return np.rint(np.linspace(0, n - 1, most)).astype(np.intp)


def _checked(name: str, rows: NDArray[np.floating], layout: Facets) -> NDArray[np.floating]:
    if rows.ndim != 2 or rows.shape[1] != layout.size:
        raise InvalidArgument(
            f"{name} have shape {rows.shape}: they must be (n, {layout.size}), as the embeddings"
        )
    return rows
