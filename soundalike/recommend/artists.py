"""Artists that sound alike, by the tracks that represent them.

An artist is a set of tracks, not a point: the mean of a quiet and a loud half is neither. So each
has representatives, and two artists are as alike as these find partners in each other::

    s(A, B) = (sum_i w_i max_j cos(a_i, b_j) + sum_j v_j max_i cos(a_i, b_j)) / 2

where w_i is the share of A's tracks that a_i represents, v_j that of b_j in B. With distances for
cosines it is the mean of both directed distances that Dubuisson and Jain (A modified Hausdorff
distance for object matching, ICPR 1994) found best among two dozen: one track more or less, or one
odd one, changes it little. It is symmetric, and 1 for an artist and the same artist.

Representatives are chosen greedily so that each track is as near as possible to one of them: a
facility location problem, of which the greedy solution is within 1 - 1/e of the best (Nemhauser,
Wolsey and Fisher 1978).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.similarity.best import best_first

__all__ = ["MOST_REPRESENTATIVES", "ArtistMatch", "Artists", "Partners", "representatives"]

MOST_REPRESENTATIVES = 8
# Of an artist with more tracks, so many, evenly spread, are looked at.
_MOST_TRACKS = 400

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]


def representatives(
    embeddings: Floats, most: int = MOST_REPRESENTATIVES
) -> tuple[NDArray[np.intp], Floats]:
    """The tracks that stand for all, the most typical first, and how many each stands for.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length, n from 1 on.
    most : how many at most.

    Returns
    -------
    Rows of ``embeddings`` (m,), and shares (m,) with sum 1.
    """
    n = len(embeddings)
    if n == 0:
        raise InvalidArgument("an artist without tracks has no representatives")
    similarity = embeddings @ embeddings.T
    covered = np.full(n, -np.inf, np.float32)
    chosen: list[int] = []
    for _ in range(min(most, n)):
        gains = np.maximum(similarity, covered).sum(axis=1, dtype=np.float64)
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        covered = np.maximum(covered, similarity[best])
    rows = np.array(chosen, np.intp)
    nearest = np.argmax(similarity[:, rows], axis=1)
    # Of equal tracks each stands for itself.
    nearest[rows] = np.arange(len(rows))
    shares = np.bincount(nearest, minlength=len(rows)).astype(np.float32) / np.float32(n)
    return rows, shares


@dataclass(frozen=True, slots=True)
class ArtistMatch:
    """An artist and how alike they are.

    Attributes
    ----------
    artist : the key that they have in ``rows_of``.
    """

    artist: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Partners:
    """Tracks of two artists that are alike.

    Attributes
    ----------
    ours, theirs : rows of a representative and of what it stands for, the nearest first.
    similarity : of the two representatives.
    """

    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    similarity: float


@dataclass(frozen=True, eq=False)
class Artists:
    """All artists with their representatives.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length, of all tracks.
    rows_of : the rows (n_tracks,) of each artist; one without any does not count.
    """

    embeddings: Floats = field(repr=False)
    rows_of: Mapping[str, Rows] = field(repr=False)
    _keys: list[str] = field(default_factory=list, repr=False)
    _starts: list[int] = field(default_factory=list, repr=False)
    _rows: list[int] = field(default_factory=list, repr=False)
    _shares: list[float] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        for key, rows in self.rows_of.items():
            if len(rows):
                own, shares = self._represented(rows)
                self._keys.append(key)
                self._starts.append(len(self._rows))
                self._rows.extend(own.tolist())
                self._shares.extend(shares.tolist())

    def like(self, rows: Rows, k: int, *, without: str | None = None) -> list[ArtistMatch]:
        """The artists who are most like the one with some tracks, the most alike first.

        A track that both have is no partner of another, or who once sang along would be the most
        alike; an artist with nothing else does not come.

        Parameters
        ----------
        rows : the artist's tracks, one or more.
        without : the artist's own key, if it has one.
        """
        own, weights = self._represented(rows)
        theirs = np.array(self._rows, np.intp)
        if not len(theirs):
            return []
        cosines = self.embeddings[theirs] @ self.embeddings[own].T
        shares = np.array(self._shares, np.float32)
        is_common = np.isin(theirs, rows)
        cosines[is_common], shares[is_common] = -2.0, 0.0
        best = np.maximum.reduceat(cosines, self._starts, axis=0)
        total = np.add.reduceat(shares, self._starts)
        back = np.add.reduceat(shares * cosines.max(axis=1), self._starts)
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = (best @ weights + back / total) / 2
        scores[total == 0] = -np.inf
        if without in self._keys:
            scores[self._keys.index(without)] = -np.inf
        return [
            ArtistMatch(self._keys[at], float(min(scores[at], 1.0)))
            for at in best_first(scores, k, decimals=6)
        ]

    def partners(self, ours: Rows, theirs: Rows, most: int, tracks: int) -> list[Partners]:
        """Where two artists are alike: pairs of representatives, the most alike first, each once.

        Parameters
        ----------
        most : how many pairs at most.
        tracks : how many tracks of each at most stand for a pair.
        """
        theirs = np.setdiff1d(theirs, ours)
        if not len(theirs):
            return []
        one, _ = self._represented(ours)
        other, _ = self._represented(theirs)
        cosines = self.embeddings[one] @ self.embeddings[other].T
        found = []
        for _ in range(min(most, *cosines.shape)):
            i, j = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
            found.append(
                Partners(
                    self._nearest(ours, one, int(i), tracks),
                    self._nearest(theirs, other, int(j), tracks),
                    float(cosines[i, j]),
                )
            )
            cosines[i], cosines[:, j] = -2.0, -2.0
        return found

    def _represented(self, rows: Rows) -> tuple[Rows, Floats]:
        step = -(-len(rows) // _MOST_TRACKS)
        some = np.asarray(rows, np.intp)[::step]
        own, shares = representatives(self.embeddings[some])
        return some[own], shares

    def _nearest(self, rows: Rows, chosen: Rows, at: int, tracks: int) -> tuple[int, ...]:
        """A representative and what it stands for."""
        cosines = self.embeddings[rows] @ self.embeddings[chosen].T
        own = rows[np.argmax(cosines, axis=1) == at]
        own = own[~np.isin(own, chosen)]
        order = np.argsort(-(self.embeddings[own] @ self.embeddings[chosen[at]]), kind="stable")
        return (int(chosen[at]), *own[order][: tracks - 1].tolist())
