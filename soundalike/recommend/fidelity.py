"""How far a map can be believed: which of their neighbours tracks have kept on it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.similarity.best import best_columns

__all__ = ["kept_shares", "nearest_in_plane", "trustworthiness"]

Floats = NDArray[np.float32]

_LEAF: Final = 128
_SAMPLE: Final = 500
_BLOCK: Final = 100


def kept_shares(rows: NDArray[np.integer], on_map: NDArray[np.integer]) -> Floats:
    """Of the nearest of each track, the share that is among its nearest on the map.

    Parameters
    ----------
    rows, on_map : (n, k), the k nearest by sound and on the map, in any order.

    Returns
    -------
    float32 (n,), 0 to 1; 1 where there are no others.
    """
    n, k = rows.shape
    if k == 0:
        return np.ones(n, np.float32)
    found = np.empty(n, np.float32)
    for start in range(0, n, 10_000):
        block = slice(start, start + 10_000)
        is_there = (rows[block, :, None] == on_map[block, None, :]).any(axis=2)
        found[block] = is_there.mean(axis=1)
    return found


def nearest_in_plane(places: Floats, k: int) -> NDArray[np.int32]:
    """The k nearest of each point, the nearest first, without itself: int32 (n, min(k, n - 1)).

    Exact. The points are halved along the wider side until few are left in each part; a part is
    compared with those that its points' k nearest can lie in.

    Raises
    ------
    InvalidArgument : k is no whole number from 1 on.
    """
    n = len(places)
    k = min(whole_number("k", k, least=1), max(n - 1, 0))
    found = np.empty((n, k), np.int32)
    if k == 0:
        return found
    leaves = _halved(places, np.arange(n), max(_LEAF, 2 * k + 2))
    lows = np.stack([places[leaf].min(axis=0) for leaf in leaves])
    highs = np.stack([places[leaf].max(axis=0) for leaf in leaves])
    for number, leaf in enumerate(leaves):
        reach = np.sqrt(_nearest_of(places, leaf, leaf, k)[1][:, -1].max()) * 1.0001
        is_near = ((lows <= highs[number] + reach) & (highs >= lows[number] - reach)).all(axis=1)
        others = np.sort(np.concatenate([leaves[each] for each in np.flatnonzero(is_near)]))
        for start in range(0, len(leaf), 32):
            some = leaf[start : start + 32]
            found[some] = _nearest_of(places, some, others, k)[0]
    return found


def _nearest_of(
    places: Floats, some: NDArray[np.int64], others: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], Floats]:
    """Of some points the k nearest of others, and the squares of the distances."""
    apart = places[some, None] - places[others]
    square = apart[..., 0] ** 2 + apart[..., 1] ** 2
    square[some[:, None] == others] = np.inf
    columns, nearness = best_columns(-square, k)
    return others[columns], -nearness


def _halved(places: Floats, rows: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    if len(rows) <= most:
        return [rows]
    here = places[rows]
    axis = int(np.ptp(here, axis=0).argmax())
    order = np.argpartition(here[:, axis], len(rows) // 2)
    first, second = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
    return _halved(places, first, most) + _halved(places, second, most)


def trustworthiness(embeddings: Floats, places: Floats, k: int = 10, *, seed: int = 0) -> float:
    """Whether those that are near on the map are near by sound: 1 if all are, 0.5 by chance, about.

    1 minus what those on the map that are not among the k nearest are short of it, in ranks,
    relative to the most that it can be (Venna and Kaski 2001, equation 2).

    Parameters
    ----------
    embeddings, places : (n, D) and (n, 2).
    k : how many are near; less than half of n.
    seed : of the 500 tracks for which it is measured, where there are more.

    Raises
    ------
    InvalidArgument : k is no whole number from 1 on, or too large.
    """
    k = whole_number("k", k, least=1)
    n = len(embeddings)
    if 2 * k >= n:
        raise InvalidArgument(f"k is {k}: it must be less than half of the {n} tracks")
    chosen = np.random.default_rng(seed).choice(n, min(n, _SAMPLE), replace=False)
    short = 0.0
    for start in range(0, len(chosen), _BLOCK):
        some = chosen[start : start + _BLOCK]
        on_map = _nearest_of(places, some, np.arange(n), k)[0]
        similarities = embeddings[some] @ embeddings.T
        similarities[np.arange(len(some)), some] = np.inf
        there = np.take_along_axis(similarities, on_map, axis=1)
        # Behind all that are more alike, of which the track itself is one.
        ranks = np.stack([(similarities > each[:, None]).sum(axis=1) for each in there.T], axis=1)
        short += float(np.maximum(ranks - k, 0).sum())
    return 1 - 2 * short / (len(chosen) * k * (2 * n - 3 * k - 1))
