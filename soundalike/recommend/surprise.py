"""Surprise: other tracks than the nearest, but near ones, and the same for the same number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number, whole_number
from soundalike.similarity.best import best_first
from soundalike.similarity.distribution import DECIMALS

__all__ = ["surprised"]

# With all the surprise there is, the chosen come from so many times as many.
_POOL = 10


def surprised(
    scores: NDArray[np.float32], k: int, surprise: float, random_seed: int
) -> NDArray[np.float32]:
    """Scores that let others of the best come first.

    Gumbel noise on scores, and then the highest, is a draw without replacement in which a track's
    chance grows with the exponential of its score (the Gumbel-top-k trick; Kool, van Hoof and
    Welling 2019, "Stochastic beams and where to find them"). The draw is among the best: those of
    rank k for no surprise, of rank 10 k for all of it, and in between evenly. The noise is as
    large as the surprise, in standard deviations of their scores, so that it means the same around
    every seed. All others come behind them, in their order.

    Parameters
    ----------
    scores : (n,); minus infinity for what is no candidate.
    k : how many will be chosen.
    surprise : 0 to 1; 0 changes nothing.
    random_seed : the same gives the same.

    Raises
    ------
    InvalidArgument : a value out of range.
    """
    surprise = number("surprise", surprise, least=0, most=1)
    random_seed = whole_number("random_seed", random_seed, least=0)
    if not surprise:
        return scores
    pool = best_first(scores, round(k * (1 + (_POOL - 1) * surprise)), decimals=DECIMALS)
    values = scores[pool].astype(np.float64)
    if not len(values):
        return scores
    noise = np.random.default_rng(random_seed).gumbel(size=len(pool))
    drawn = values + surprise * values.std() * noise
    found = scores.copy()
    found[pool] = drawn - drawn.min() + values.min()
    return found
