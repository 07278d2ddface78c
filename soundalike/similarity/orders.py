"""Rows in the order of a value: which have it, or one near it, without a look at all rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Order"]


class Order:
    """
    Parameters
    ----------
    values : (n,), of the rows; no NaN.
    """

    def __init__(self, values: NDArray[np.generic]) -> None:
        # Equal ones in the order of their rows.
        self._rows = np.argsort(values, kind="stable")
        self._sorted = values[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def between(self, low: float, high: float) -> NDArray[np.intp]:
        """The rows with values from ``low`` to ``high``, both included, in the order of these."""
        first = np.searchsorted(self._sorted, low, side="left")
        last = np.searchsorted(self._sorted, high, side="right")
        return self._rows[first:last]

    def having(self, values: Iterable[int]) -> list[int]:
        """The rows with one of some values, ascending."""
        wanted = np.array(sorted(set(values)), self._sorted.dtype)
        firsts = self._sorted.searchsorted(wanted, side="left")
        lasts = self._sorted.searchsorted(wanted, side="right")
        found = [self._rows[a:b] for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
        return sorted(np.concatenate(found).tolist()) if found else []

    @cached_property
    def repeats(self) -> NDArray[np.bool_]:
        """bool (n,): whether a row before has the same value."""
        found = np.zeros(len(self), np.bool_)
        found[self._rows[1:][self._sorted[1:] == self._sorted[:-1]]] = True
        return found
