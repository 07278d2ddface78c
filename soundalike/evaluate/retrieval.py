"""Are the neighbours right? Rankings scored against labels.

Every item is a query once; the others, ranked by their similarity with it, are its candidates;
those with its label are relevant. With ranks 1, 2, ... and R relevant ones among C candidates, at
the ranks r_1 < ... < r_R:

* precision@k: ``#(r <= k) / min(k, C)``
* R-precision: ``#(r <= R) / R``
* average precision: ``mean over i of i / r_i`` (its mean over the queries is MAP)
* nDCG@k: ``sum over r <= k of 1 / log2(1 + r)``, divided by the same sum over the best possible
  ranks ``1 .. min(k, R)`` (Jarvelin and Kekalainen 2002, relevance 0 or 1)

A query without any relevant candidate could only score 0, whatever the ranking: it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import Interval, mean_interval
from soundalike.similarity.matrix import CosineSimilarities, Similarities, blocks

__all__ = [
    "FIGURES",
    "QueryScores",
    "RetrievalFigure",
    "RetrievalSummary",
    "chance",
    "neighbour_precision",
    "retrieve",
    "summarise",
]

FIGURES = ("precision", "r_precision", "average_precision", "ndcg")
"""Names of the figures, as the fields of ``QueryScores`` and ``RetrievalSummary``."""

Labels = Sequence[Hashable | None] | NDArray[np.generic]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class QueryScores:
    """How well each query's ranking fits its label.

    Attributes
    ----------
    k : of precision@k and nDCG@k.
    queries : int64 (n_queries,), the items that were queries, ascending.
    n_relevant, n_candidates : int64 (n_queries,), R and C.
    precision, r_precision, average_precision, ndcg : float64 (n_queries,), 0 to 1.
    """

    k: int
    queries: Ints = field(repr=False)
    n_relevant: Ints = field(repr=False)
    n_candidates: Ints = field(repr=False)
    precision: Floats = field(repr=False)
    r_precision: Floats = field(repr=False)
    average_precision: Floats = field(repr=False)
    ndcg: Floats = field(repr=False)


@dataclass(frozen=True)
class RetrievalFigure:
    """A mean over queries.

    Attributes
    ----------
    value, low, high : the mean with its 95 % bootstrap interval over the queries.
    chance : what a ranking at random has on average, exactly.
    best : what the best possible ranking has; below 1 where a query has fewer than k relevant.
    """

    value: float
    low: float
    high: float
    chance: float
    best: float


@dataclass(frozen=True)
class RetrievalSummary:
    """The figures of one label over all queries; see the top of the module."""

    k: int
    n_queries: int
    precision: RetrievalFigure
    r_precision: RetrievalFigure
    average_precision: RetrievalFigure
    ndcg: RetrievalFigure


def retrieve(
    similarities: Similarities,
    labels: Labels,
    *,
    groups: Labels | None = None,
    k: int = 10,
    progress: Callable[[int], None] | None = None,
) -> QueryScores:
    """Score every item's ranking of the others. Blocked: memory grows with n, not with n x n.

    Parameters
    ----------
    similarities : of n items, high is close; of equal ones the first goes first.
    labels : one an item; None is unknown: neither a query nor a candidate, since nobody can say
        whether it is right.
    groups : one an item; items of the query's own group are no candidates, such as those of its
        artist (the artist filter of Pampalk, Flexer and Widmer 2005). None is in no group.
    k : of precision@k and nDCG@k.
    progress : called with the number of items done.

    Raises
    ------
    InvalidArgument : k below 1, or not one label and group for each item.
    """
    if k < 1:
        raise InvalidArgument(f"k is {k}: it must be at least 1")
    n = similarities.n_items
    label_codes = _codes(labels, n, "labels")
    group_codes = np.full(n, -1) if groups is None else _codes(groups, n, "groups")
    known = label_codes >= 0
    scored: list[tuple[float, ...]] = []
    for start, rows in blocks(similarities):
        for offset in np.flatnonzero(known[start : start + len(rows)]):
            query = start + int(offset)
            allowed = known.copy()
            allowed[query] = False
            if group_codes[query] >= 0:
                allowed &= group_codes != group_codes[query]
            relevant = label_codes[allowed] == label_codes[query]
            if relevant.any():
                ranks = _ranks(rows[offset][allowed], relevant)
                scored.append((query, len(ranks), len(relevant), *_figures(ranks, relevant, k)))
        if progress is not None:
            progress(start + len(rows))
    columns = np.array(scored, np.float64).reshape(-1, 3 + len(FIGURES)).T
    return QueryScores(k, *(column.astype(np.int64) for column in columns[:3]), *columns[3:])


def _ranks(similarity: NDArray[np.floating], relevant: NDArray[np.bool_]) -> Ints:
    """The places of the relevant ones, 1 for the most alike, ascending."""
    # Values alone sort some ten times faster than their positions do.
    ascending = np.sort(similarity)
    wanted = similarity[relevant]
    after = np.searchsorted(ascending, wanted, side="right")
    if (after - np.searchsorted(ascending, wanted, side="left") > 1).any():
        return np.flatnonzero(relevant[np.argsort(-similarity, kind="stable")]) + 1
    return np.sort(len(ascending) - after + 1)


def _figures(ranks: Ints, relevant: NDArray[np.bool_], k: int) -> tuple[float, ...]:
    """The four figures of one query, in the order of ``FIGURES``."""
    n_relevant, n_candidates = len(ranks), len(relevant)
    n_top = int(np.searchsorted(ranks, k, side="right"))
    return (
        n_top / min(k, n_candidates),
        int(np.searchsorted(ranks, n_relevant, side="right")) / n_relevant,
        float(np.mean(np.arange(1, n_relevant + 1) / ranks)),
        float(_discounts(ranks[:n_top]).sum())
        / float(_discounts(np.arange(1, min(k, n_relevant) + 1)).sum()),
    )


def _discounts(ranks: Ints) -> Floats:
    return np.asarray(1.0 / np.log2(1.0 + ranks))


def chance(scores: QueryScores) -> dict[str, float]:
    """What rankings at random have on average over the same queries; exact, nothing is drawn.

    Every order of the C candidates is equally likely, so each place holds a relevant one with
    probability R / C. Precision@k and R-precision: ``R / C``. nDCG@k:
    ``(R / C) sum_{r <= min(k, C)} 1 / log2(1 + r)`` over the best possible sum. Average precision,
    with the harmonic number H_C: ``(H_C + (C - H_C) (R - 1) / (C - 1)) / C``, from the chance that
    place r is relevant and the expected number of relevant ones before it.

    Returns
    -------
    Figure's name (one of ``FIGURES``) -> mean over the queries; NaN where there are none.
    """
    if not len(scores.queries):
        return dict.fromkeys(FIGURES, float("nan"))
    relevant, candidates = scores.n_relevant, scores.n_candidates
    share = relevant / candidates
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, candidates.max() + 1))])
    sums = np.concatenate([[0.0], np.cumsum(_discounts(np.arange(1, scores.k + 1)))])
    h = harmonic[candidates]
    average = (h + (candidates - h) * (relevant - 1) / np.maximum(candidates - 1, 1)) / candidates
    best = sums[np.minimum(scores.k, relevant)]
    gain = share * sums[np.minimum(scores.k, candidates)] / best
    values = (share, share, average, gain)
    return {name: float(each.mean()) for name, each in zip(FIGURES, values, strict=True)}


def summarise(scores: QueryScores, *, draws: int = 2000, seed: int = 0) -> RetrievalSummary:
    """Means with 95 % bootstrap intervals over the queries, beside chance and the best possible.

    Raises
    ------
    InvalidArgument : no queries.
    """
    if not len(scores.queries):
        raise InvalidArgument("no query has a relevant candidate: there is nothing to sum up")
    by_chance = chance(scores)
    possible = np.minimum(scores.k, scores.n_relevant) / np.minimum(scores.k, scores.n_candidates)

    def figure(name: str) -> RetrievalFigure:
        interval: Interval = mean_interval(getattr(scores, name), draws=draws, seed=seed)
        best = float(possible.mean()) if name == "precision" else 1.0
        return RetrievalFigure(interval.value, interval.low, interval.high, by_chance[name], best)

    return RetrievalSummary(scores.k, len(scores.queries), *(figure(name) for name in FIGURES))


def neighbour_precision(
    embeddings: NDArray[np.floating],
    labels: Labels,
    artists: Labels | None = None,
    k: int = 10,
) -> Floats:
    """Precision@k by cosine of every item: 0 where nothing relevant is there to be found.

    Parameters
    ----------
    embeddings : (n, D), any length.
    artists : as ``groups`` of :func:`retrieve`.

    Returns
    -------
    float64 (n,).
    """
    scores = retrieve(CosineSimilarities(embeddings), labels, groups=artists, k=k)
    found = np.zeros(len(embeddings))
    found[scores.queries] = scores.precision
    return found


def _codes(labels: Labels, n: int, what: str) -> Ints:
    """A number for each different label, -1 for None."""
    if len(labels) != n:
        raise InvalidArgument(f"there are {n} items, but {len(labels)} {what}")
    numbers: dict[Hashable, int] = {}
    values = labels.tolist() if isinstance(labels, np.ndarray) else labels
    return np.array(
        [-1 if label is None else numbers.setdefault(label, len(numbers)) for label in values],
        np.int64,
    )
