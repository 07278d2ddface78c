"""Whether what was fitted says more than what it would replace, of judgements it has not seen."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "chance_of", "folds_of"]

FOLDS: Final = 10

_FLIPS = 5000
_FLIPS_AT_ONCE = 500


def folds_of(groups: NDArray[np.integer], most: int = FOLDS, seed: int = 0) -> NDArray[np.intp]:
    """Which fold each judgement is held out in, (n,): those of a group are in one fold.

    Parameters
    ----------
    groups : (n,), equal for judgements that must not be seen when another of them is held out.
    """
    names, places = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return (order % most)[places]


def chance_of(gains: NDArray[np.floating], groups: NDArray[np.integer], seed: int = 0) -> float:
    """How often gains as large come about if there is nothing to gain: a paired test by flipping
    signs (Fisher 1935), those of a group together.

    Parameters
    ----------
    gains : (n,), how much better each held-out judgement was predicted.

    Returns
    -------
    From 0 to 1; one over 5,001 at least.
    """
    sums = np.bincount(np.unique(groups, return_inverse=True)[1], weights=gains)
    if not len(sums):
        return 1.0
    generator = np.random.default_rng(seed)
    at_least = 0
    for _ in range(_FLIPS // _FLIPS_AT_ONCE):
        signs = generator.integers(0, 2, (_FLIPS_AT_ONCE, len(sums))) * 2.0 - 1.0
        at_least += int(np.count_nonzero(signs @ sums >= sums.sum() - 1e-12))
    return (at_least + 1) / (_FLIPS + 1)
