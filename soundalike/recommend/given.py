"""What the functions of this package are told of tracks, beside their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument

__all__ = ["ArtistsOf", "CopiesOf", "check_allowed", "check_row"]

ArtistsOf = Callable[[Sequence[int]], Sequence[frozenset[int]]]
"""Of some rows the codes of all who made each; an empty set (unknown) never limits."""

CopiesOf = Callable[[Sequence[int]], Sequence[Sequence[int]]]
"""For some rows the others that hold the same recording as each."""


def check_row(name: str, row: object, n: int) -> int:
    """
    Raises
    ------
    InvalidArgument : it is no row of n tracks.
    """
    found = whole_number(name, row, least=0)
    if found >= n:
        raise InvalidArgument(f"{name} is {found}: there are {n} tracks, rows 0 to {n - 1}")
    return found


def check_allowed(allowed: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """A copy of a mask of n tracks.

    Raises
    ------
    InvalidArgument : it is none.
    """
    if allowed.shape != (n,) or allowed.dtype != np.bool_:
        raise InvalidArgument(
            f"allowed has shape {allowed.shape} and type {allowed.dtype}: it must be True or False "
            f"for each of the {n} tracks"
        )
    return allowed.copy()
