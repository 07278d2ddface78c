"""Logistic regression for confidences: from what speaks for an answer to whether it is right."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_logistic"]

Floats = NDArray[np.float64]

_PENALTY: Final = 0.01


def fit_logistic(signs: Floats, right: NDArray[np.bool_]) -> Floats:
    """Offset and slopes that make log odds of signs.

    The slopes have a quadratic penalty, and none is below 0: no sign may speak against itself.

    Parameters
    ----------
    signs : (n_answers, n_signs).
    right : (n_answers,).

    Returns
    -------
    float64 (1 + n_signs,), the offset first.
    """
    from scipy.optimize import minimize

    columns = np.hstack([np.ones((len(signs), 1)), signs])
    target = right.astype(np.float64)

    def loss(values: Floats) -> tuple[float, Floats]:
        odds = columns @ values
        slope = columns.T @ (1 / (1 + np.exp(-odds)) - target) / len(target)
        penalty = _PENALTY * np.concatenate([[0.0], values[1:]])
        cost = np.mean(np.logaddexp(0.0, odds) - target * odds) + penalty @ values
        return float(cost), slope + 2 * penalty

    bounds = [(None, None)] + [(0.0, None)] * signs.shape[1]
    start = np.zeros(columns.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
