"""The best of many scores without sorting them all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_columns", "best_first", "bound_of_best"]

Scores = NDArray[np.floating]

# Scores in a column of the table whose maxima bound a ranking: few enough that not many of a column
# are above the bound, many enough that finding it costs little.
_TABLE_ROWS = 64


def best_first(scores: Scores, depth: int, *, decimals: int | None = None) -> NDArray[np.intp]:
    """The rows of the ``depth`` highest scores, best first, equal ones in their order.

    Parameters
    ----------
    scores : (n,), no NaN. A row with minus infinity does not come out.
    decimals : scores that are equal when rounded to so many places count as equal.

    Returns
    -------
    (at most depth,), fewer where there are no more.
    """
    # All that reach the last place are sorted: among them the order decides.
    bound = bound_of_best(scores, depth)
    if decimals is not None:
        # What rounds to the same as the last place lies at most one unit of rounding below it.
        bound -= 2 * 10.0**-decimals
    rows = np.flatnonzero(scores >= bound)
    values = scores[rows].astype(np.float64)
    if decimals is not None:
        values = np.round(values, decimals)
    order = np.argsort(-values, kind="stable")[:depth]
    return rows[order[values[order] > -np.inf]]


def bound_of_best(scores: Scores, depth: int) -> float:
    """What each of the ``depth`` highest scores reaches; few others do.

    Parameters
    ----------
    scores : (n,), no NaN.
    """
    # It costs one pass: of the maxima of the columns of a table of all scores, so many reach it as
    # there are places.
    columns = len(scores) // _TABLE_ROWS
    if depth <= columns:
        maxima = scores[: columns * _TABLE_ROWS].reshape(_TABLE_ROWS, columns).max(axis=0)
        return float(np.partition(maxima, columns - depth)[columns - depth])
    if depth < len(scores):
        return float(np.partition(scores, len(scores) - depth)[len(scores) - depth])
    return -np.inf


def best_columns(scores: Scores, k: int) -> tuple[NDArray[np.int64], Scores]:
    """The k highest of each row, the highest first; equal ones in their order.

    Parameters
    ----------
    scores : (n, m), m at least k, no NaN.

    Returns
    -------
    columns and scores, (n, k) each.
    """
    n, m = scores.shape
    per_group = min(64, m // (2 * k)) if k else 0
    if per_group < 2:
        columns = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return columns, np.take_along_axis(scores, columns, axis=1)
    # The maxima of groups are few, and k of them are at least as high as the k-th of those: what
    # is lower than that need not be sorted. Columns of a group lie apart, so that whole rows are
    # compared at a time.
    n_groups = m // per_group
    grouped = scores[:, : n_groups * per_group].reshape(n, per_group, n_groups)
    maxima = grouped.max(axis=1)
    bounds = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]
    # Finding them in a flat mask is several times as quick as in rows and columns.
    rows, columns = np.divmod(np.flatnonzero(scores >= bounds[:, None]), m)
    values = scores[rows, columns]
    order = np.lexsort((-values, rows))
    counts = np.bincount(rows, minlength=n)
    starts = np.cumsum(counts) - counts
    chosen = order[starts[:, None] + np.arange(k)]
    return columns[chosen], values[chosen]
