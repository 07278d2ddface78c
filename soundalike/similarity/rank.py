"""Ranking by similarity, and what a similarity means in a given library.

A cosine alone says little: 0.6 may be very close in one library and far away in another.
``PairDistribution`` turns it into a share: how many of the library's pairs are less alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument
from soundalike.similarity.distribution import DECIMALS, PairDistribution, check_matrix

__all__ = [
    "Ranked",
    "best_first",
    "check_min_percentile",
    "choose",
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
    None while the library is too small to say. ``copies`` are the rows that it stands for as well,
    ascending.
    """

    index: int
    similarity: float
    percentile: float | None
    copies: tuple[int, ...] = ()


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
    copies_of: Callable[[Sequence[int]], Sequence[Sequence[int]]] | None = None,
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
    copies_of : for some rows, the others that hold the same as each. Of rows that hold the same,
        the first in the ranking comes out, and stands for all; asked for few of the best rows.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range, or shapes that do not fit.
    """
    scores = similarities(embedding, embeddings)
    found = choose(
        scores,
        k,
        exclude=exclude,
        artists=artists,
        max_per_artist=max_per_artist,
        copies_of=copies_of,
    )
    ranked = []
    for row, own in found:
        similarity = round(float(scores[row]), DECIMALS)
        percentile = distribution.percentile(similarity) if distribution else None
        ranked.append(Ranked(row, similarity, percentile, own))
    return tuple(ranked)


def choose(
    scores: NDArray[np.float32],
    k: int,
    *,
    exclude: Sequence[int] = (),
    artists: Sequence[Hashable | None] | NDArray[np.integer] | None = None,
    max_per_artist: int | None = None,
    copies_of: Callable[[Sequence[int]], Sequence[Sequence[int]]] | None = None,
) -> list[tuple[int, tuple[int, ...]]]:
    """The rows with the highest scores, the highest first, and of each the rows it stands for.

    Parameters
    ----------
    scores : (n,), no NaN; equal ones, to ``DECIMALS`` places, keep their order. A row with minus
        infinity does not come out.
    k, exclude, artists, max_per_artist, copies_of : as for :func:`rank`; without ``max_per_artist``
        the artists are of no use.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range, or another number of artists.
    """
    k = whole_number("k", k, least=1)
    if max_per_artist is not None:
        max_per_artist = whole_number("max_per_artist", max_per_artist, least=1)
    if max_per_artist is not None and (artists is None or len(artists) != len(scores)):
        given = "none" if artists is None else len(artists)
        raise InvalidArgument(
            f"max_per_artist needs one artist for each of the {len(scores)} rows, got {given}"
        )
    chosen: list[tuple[int, tuple[int, ...]]] = []
    by_artist: Counter[Hashable] = Counter()
    # Rows that are spoken for: left out, or the same as one that is chosen.
    taken = set(exclude)
    copies: dict[int, Sequence[int]] = {}
    if taken:
        scores = scores.copy()
        scores[list(taken)] = -np.inf

    def artist_of(row: int) -> Hashable | None:
        return artists[row] if artists is not None and max_per_artist is not None else None

    def is_free(row: int) -> bool:
        artist = artist_of(row)
        return row not in taken and not (artist and by_artist[artist] >= (max_per_artist or 0))

    # Without a limit the first k are the answer; with one, look deeper until k are found.
    depth, seen = k, 0
    while len(chosen) < k and seen < len(scores):
        best = best_first(scores, depth, decimals=DECIMALS)
        new = best[seen:].tolist()
        for place, row in enumerate(new):
            if not is_free(row):
                continue
            if copies_of is not None and row not in copies:
                # As many at once as may be needed yet.
                ahead = islice(filter(is_free, new[place:]), k - len(chosen))
                asked = [other for other in ahead if other not in copies]
                copies.update(zip(asked, copies_of(asked), strict=True))
            own = tuple(each for each in copies.get(row, ()) if each not in taken)
            taken.update((row, *own))
            if artist := artist_of(row):
                by_artist[artist] += 1
            chosen.append((row, own))
            if len(chosen) == k:
                break
        if len(best) < depth:
            break
        seen = depth
        depth *= 4
    return chosen


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
    InvalidArgument : it is no number from 0 to 100, or the library is too small for percentiles.
    """
    number("min_percentile", min_percentile, least=0, most=100)
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
