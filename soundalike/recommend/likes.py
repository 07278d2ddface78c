"""What a listener likes: a logistic regression of likes, dislikes and plays on embeddings.

A track that is liked should have a high score, one that is disliked or skipped a low one, and a
random track of the library one in the middle: the background has the target 1/2, so that a score
says how far from indifferent the listener is, whichever of the two there are more of. A quadratic
penalty keeps the scores near the middle where little is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.recommend.trials import folds_of
from soundalike.similarity.taste import Liking

__all__ = ["LIKE_FOLDS", "Likes", "fit_liking", "held_out_places"]

Floats = NDArray[np.float64]

LIKE_FOLDS: Final = 5

# Standard deviation of log odds over tracks, before anything is known.
_SPREAD = 2.0
# What the whole background weighs, in tracks that are liked or disliked.
_BACKGROUND = 1.0
_STEPS, _TOLERANCE = 25, 1e-6


@dataclass(frozen=True, eq=False)
class Likes:
    """What speaks for tracks, and against them.

    Attributes
    ----------
    embeddings : (n, D), unit length.
    weights : float64 (n,), above 0 for what is liked, below for what is not; 1 where
        the listener said so, less for what was only played.
    groups : int64 (n,), the artist: all of one are held out together.
    background : (m, D), random tracks of the library that are not among these.
    background_groups : int64 (m,), their artists.
    """

    embeddings: NDArray[np.float32]
    weights: Floats
    groups: NDArray[np.int64]
    background: NDArray[np.float32]
    background_groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, chosen: NDArray[np.bool_], others: NDArray[np.bool_]) -> Likes:
        """Some of the tracks and of the background."""
        return Likes(
            self.embeddings[chosen],
            self.weights[chosen],
            self.groups[chosen],
            self.background[others],
            self.background_groups[others],
        )


def fit_liking(likes: Likes) -> Liking:
    """The most probable scores, moved so that of the background as many are above 0 as below."""
    rows = np.concatenate([likes.embeddings, likes.background]).astype(np.float64)
    rows = np.hstack([rows, np.ones((len(rows), 1))])
    n, m = len(likes), len(likes.background)
    counts = np.abs(likes.weights)
    each = _BACKGROUND * counts.sum() / max(m, 1)
    weights = np.concatenate([counts, np.full(m, each)])
    targets = np.concatenate([(likes.weights > 0).astype(np.float64), np.full(m, 0.5)])
    precision = np.full(rows.shape[1], _SPREAD**-2)
    values = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        shares = 1 / (1 + np.exp(-rows @ values))
        slope = rows.T @ (weights * (shares - targets)) + precision * values
        bends = weights * shares * (1 - shares)
        curvature = (rows * bends[:, None]).T @ rows + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        values -= step
        if np.abs(step).max() < _TOLERANCE:
            break
    middle = float(np.median(rows[n:] @ values)) if m else float(values[-1])
    return Liking(values[:-1].astype(np.float32), float(values[-1]) - middle)


def held_out_places(likes: Likes) -> Floats:
    """Where each track lands among the background when its artist is held out: (n,), the share of
    random tracks by other held-out artists that it goes before (liked) or behind (disliked). 0.5 is
    chance; NaN where nothing of the background was held out with it."""
    groups = np.concatenate([likes.groups, likes.background_groups])
    folds = folds_of(groups, LIKE_FOLDS)
    own, others = folds[: len(likes)], folds[len(likes) :]
    places = np.full(len(likes), np.nan)
    for fold in range(LIKE_FOLDS):
        out, behind = own == fold, others == fold
        if not out.any() or not behind.any() or out.all():
            continue
        liking = fit_liking(likes.take(~out, ~behind))
        scores = liking.of(likes.embeddings[out])
        apart = scores[:, None] - liking.of(likes.background[behind])[None]
        before = (apart > 0).mean(axis=1) + 0.5 * (apart == 0).mean(axis=1)
        places[out] = np.where(likes.weights[out] > 0, before, 1 - before)
    return places
