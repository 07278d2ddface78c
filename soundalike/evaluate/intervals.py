"""How sure a figure is: intervals from drawing its queries, or tracks, again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundalike.errors import InvalidArgument

__all__ = ["Interval", "bootstrap", "mean_interval", "share_interval"]

# Draws whose numbers are in memory at once: with 20,000 queries, 16 MB.
_DRAWS_AT_ONCE = 100


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval."""

    value: float
    low: float
    high: float


def bootstrap(
    figure: Callable[[npt.NDArray[np.integer]], float],
    n_tracks: int,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """A figure with its 95 % percentile interval over tracks drawn with replacement.

    Parameters
    ----------
    figure : from the numbers of the drawn tracks (n_tracks,) to the figure.
    """
    generator = np.random.default_rng(seed)
    drawn = [figure(generator.integers(0, n_tracks, n_tracks)) for _ in range(draws)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(figure(np.arange(n_tracks)), float(low), float(high))


def mean_interval(
    values: npt.NDArray[np.floating], *, draws: int = 2000, seed: int = 0
) -> Interval:
    """:func:`bootstrap` of the mean: the same draws, taken many at a time.

    Parameters
    ----------
    values : (n,), one a query.

    Raises
    ------
    InvalidArgument : no values.
    """
    n = len(values)
    if n == 0:
        raise InvalidArgument("there are no values to take the mean of")
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [
            values[generator.integers(0, n, (min(_DRAWS_AT_ONCE, draws - done), n))].mean(axis=1)
            for done in range(0, draws, _DRAWS_AT_ONCE)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(np.mean(values)), float(low), float(high))


def share_interval(hits: int, n: int) -> Interval:
    """A share with the 95 % interval of Wilson (1927), which is honest for few and for all.

    Where all of few tries hit, a bootstrap draws only hits, and its interval has no width.

    Raises
    ------
    InvalidArgument : no tries, or more hits than tries.
    """
    if not 0 <= hits <= n or n == 0:
        raise InvalidArgument(f"{hits} hits in {n} tries are no share")
    z = 1.959964
    share, weight = hits / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    reach = z * math.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    # Rounding may leave the ends of 0 and 1 a little outside.
    return Interval(
        share, max(min(centre - reach, share), 0.0), min(max(centre + reach, share), 1.0)
    )
