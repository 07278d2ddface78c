"""Ranking by similarity, and what a similarity means in a given library.

A cosine alone says little: 0.6 may be very close in one library and far away in another.
``PairDistribution`` turns it into a share: how many of the library's pairs are less alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number
from soundalike.errors import InvalidArgument
from soundalike.similarity.distribution import DECIMALS, PairDistribution, check_matrix
from soundalike.similarity.select import CopiesOf, select

__all__ = ["Ranked", "check_min_percentile", "rank", "similarities"]

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
    copies_of: CopiesOf | None = None,
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
    max_per_artist : at most this many rows with the same artist; ``select`` has more rules.
    distribution : gives each result its percentile.
    copies_of : for some rows, the others that hold the same as each. Of rows that hold the same,
        the first in the ranking comes out, and stands for all; asked for few of the best rows.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range, or shapes that do not fit.
    """
    scores = similarities(embedding, embeddings)
    if artists is not None and len(artists) != len(scores):
        raise InvalidArgument(
            f"artists must be one for each of the {len(scores)} rows, got {len(artists)}"
        )

    def artists_of(rows: Sequence[int]) -> list[tuple[Hashable, ...]]:
        assert artists is not None  # else it is not asked
        return [(artists[row],) if artists[row] else () for row in rows]

    found = select(
        scores,
        k,
        exclude=exclude,
        artists_of=None if artists is None else artists_of,
        artist_groups=artists if isinstance(artists, np.ndarray) else None,
        max_per_artist=max_per_artist,
        copies_of=copies_of,
    )
    ranked = []
    for each in found.chosen:
        similarity = round(float(scores[each.row]), DECIMALS)
        percentile = distribution.percentile(similarity) if distribution else None
        ranked.append(Ranked(each.row, similarity, percentile, each.copies))
    return tuple(ranked)


def check_min_percentile(min_percentile: float, distribution: PairDistribution) -> None:
    """
    Raises
    ------
    InvalidArgument : it is no number from 0 to 100, or the library is too small for percentiles.
    """
    number("min_percentile", min_percentile, least=0, most=100)
    if distribution.too_small:
        raise InvalidArgument(f"min_percentile cannot be used: {distribution.too_small}")
