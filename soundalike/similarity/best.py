"""The best of many scores without sorting them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_first"]

# Scores in a column of the table whose maxima bound a ranking: few enough that not many of a column
# are above the bound, many enough that finding it costs little.
_TABLE_ROWS = 64


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
