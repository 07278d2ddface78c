"""Ranking by similarity, and what a similarity means in a given library.

A cosine alone says little: 0.6 may be very close in one library and far away in another.
``PairDistribution`` turns it into a share: how many of the library's pairs are less alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.similarity.distribution import DECIMALS, PairDistribution, check_matrix

__all__ = [
    "Ranked",
    "best_first",
    "check_min_percentile",
    "cut_below",
    "rank",
    "similarities",
]

# Scores in a column of the table whose maxima bound a ranking: few enough that not many of a column
# are above the bound, many enough that finding it costs little.
_TABLE_ROWS = 64

# Rows turned to float32 at a time when the embeddings are stored as float16.
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class Ranked:
    """A row of the embeddings that ``rank`` chose.

    ``percentile`` is the share (0-100) of the library's pairs of tracks that are less alike;
    None while the library is too small to say.
    """

    index: int
    similarity: float
    percentile: float | None


def similarities(
    embedding: NDArray[np.generic], embeddings: NDArray[np.generic]
) -> NDArray[np.float32]:
    """Cosine similarity of one embedding with many, all of unit length.

    Parameters
    ----------
    embedding : (D,)
    embeddings : (n, D), float32 or a narrower type; narrower ones are widened block by block.

    Returns
    -------
    float32 (n,), from -1 to 1 (but for rounding).

    Raises
    ------
    InvalidArgument : shapes that do not fit together; the message has both.
    """
    check_matrix(embeddings)
    if embedding.shape != embeddings.shape[1:]:
        raise InvalidArgument(
            f"the query has shape {embedding.shape}, the embeddings have shape "
            f"{embeddings.shape}: their last dimensions must be equal"
        )
    query = embedding.astype(np.float32, copy=False)
    if embeddings.dtype == np.float32:
        return np.asarray(embeddings.astype(np.float32, copy=False) @ query)
    found = np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), _BLOCK_ROWS):
        block = embeddings[start : start + _BLOCK_ROWS].astype(np.float32)
        found[start : start + len(block)] = block @ query
    return found


def rank(
    embedding: NDArray[np.generic],
    embeddings: NDArray[np.generic],
    *,
    k: int = 10,
    exclude: Sequence[int] = (),
    artists: Sequence[Hashable | None] | NDArray[np.integer] | None = None,
    max_per_artist: int | None = None,
    distribution: PairDistribution | None = None,
) -> tuple[Ranked, ...]:
    """The k rows most like the query, best first; exact, and the same on every run.

    Parameters
    ----------
    embedding : (D,), unit length.
    embeddings : (n, D), unit length. Rows of equal similarity keep their order.
    k : how many at most; fewer when there are no more.
    exclude : rows that must not come out, such as the query's own.
    artists : one a row, needed for max_per_artist; None or 0 stands for an unknown artist and is
        never limited, because two unknown artists need not be the same.
    max_per_artist : at most this many rows with the same artist.
    distribution : gives each result its percentile.

    Raises
    ------
    InvalidArgument : a value out of range, or shapes that do not fit.
    """
    _check_limits(k, max_per_artist)
    if max_per_artist is not None and (artists is None or len(artists) != len(embeddings)):
        given = "none" if artists is None else len(artists)
        raise InvalidArgument(
            f"max_per_artist needs one artist for each of the {len(embeddings)} rows, got {given}"
        )
    scores = similarities(embedding, embeddings)
    scores[list(exclude)] = -np.inf
    chosen: list[Ranked] = []
    taken: dict[Hashable, int] = {}
    # Without a limit the first k are the answer; with one, look deeper until k are found.
    depth, seen = k, 0
    while len(chosen) < k and seen < len(scores):
        best = best_first(scores, depth, decimals=DECIMALS)
        for row in best[seen:]:
            index, similarity = int(row), round(float(scores[row]), DECIMALS)
            artist = artists[index] if artists is not None else None
            if max_per_artist is not None and artist:
                if taken.get(artist, 0) >= max_per_artist:
                    continue
                taken[artist] = taken.get(artist, 0) + 1
            percentile = distribution.percentile(similarity) if distribution else None
            chosen.append(Ranked(index, similarity, percentile))
            if len(chosen) == k:
                break
        if len(best) < depth:
            break
        seen = depth
        depth *= 4
    return tuple(chosen)


def cut_below(
    ranked: Sequence[Ranked], min_percentile: float | None
) -> tuple[tuple[Ranked, ...], tuple[Ranked, ...]]:
    """What is closer than a share (0-100) of the library's pairs, and what is not; both in order.

    Without a share nothing is cut. :func:`check_min_percentile` comes first: it knows the library.
    """
    if min_percentile is None:
        return tuple(ranked), ()
    # Percentiles fall along a ranking, so the cut is one place in it.
    kept = sum(each.percentile is not None and each.percentile >= min_percentile for each in ranked)
    return tuple(ranked[:kept]), tuple(ranked[kept:])


def check_min_percentile(min_percentile: float, distribution: PairDistribution) -> None:
    """
    Raises
    ------
    InvalidArgument : it does not go from 0 to 100, or the library is too small for percentiles.
    """
    if not 0 <= min_percentile <= 100:
        raise InvalidArgument(
            f"min_percentile must be 0 to 100, not {min_percentile:g}: it is a percentage of "
            f"the library's pairs of tracks"
        )
    if distribution.too_small:
        raise InvalidArgument(f"min_percentile cannot be used: {distribution.too_small}")


def best_first(
    scores: NDArray[np.floating], depth: int, *, decimals: int | None = None
) -> NDArray[np.intp]:
    """The rows of the ``depth`` highest scores, best first, equal ones in their order.

    Parameters
    ----------
    scores : (n,), no NaN. A row with minus infinity does not come out.
    decimals : scores that are equal when rounded to so many places count as equal.

    Returns
    -------
    (at most depth,), fewer where there are no more.
    """
    # All that reach the last place, among which the order decides, are found by a bound under it
    # that costs one pass: of the maxima of the columns of a table of all scores, so many reach it
    # as there are places.
    columns = len(scores) // _TABLE_ROWS
    if depth <= columns:
        maxima = scores[: columns * _TABLE_ROWS].reshape(_TABLE_ROWS, columns).max(axis=0)
        bound = np.partition(maxima, columns - depth)[columns - depth]
    elif depth < len(scores):
        bound = np.partition(scores, len(scores) - depth)[len(scores) - depth]
    else:
        bound = -np.inf
    if decimals is not None:
        # What rounds to the same as the last place lies at most one unit of rounding below it.
        bound -= 2 * 10.0**-decimals
    rows = np.flatnonzero(scores >= bound)
    values = scores[rows].astype(np.float64)
    if decimals is not None:
        values = np.round(values, decimals)
    order = np.argsort(-values, kind="stable")[:depth]
    return rows[order[values[order] > -np.inf]]


def _check_limits(k: int, max_per_artist: int | None) -> None:
    if k < 1:
        raise InvalidArgument(f"k is {k}: it must be at least 1")
    if max_per_artist is not None and max_per_artist < 1:
        raise InvalidArgument(f"max_per_artist is {max_per_artist}: allow at least 1")
