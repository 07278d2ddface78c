"""Which of several networks is better, and which differences may be chance.

Two things vary: the tracks that happen to be in the test set, and the seeds that happened to be
drawn. Both are resampled here: the same tracks for every network (a paired bootstrap, because all
were tested on the same ones), and as many runs of each network as it has, with replacement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import Interval

__all__ = ["Difference", "differences", "means"]

Hits = npt.NDArray[np.bool_]

DRAWS = 10_000


@dataclass(frozen=True)
class Difference:
    """Accuracy of ``better`` less that of ``worse``, as a share.

    Attributes
    ----------
    interval : the difference with its 95 % interval.
    is_real : zero lies outside of the interval when that is widened for the number of pairs
        (Bonferroni), so that among all of them one in twenty would be wrong at most.
    """

    better: str
    worse: str
    interval: Interval
    is_real: bool


def means(hits: Mapping[str, Hits], *, seed: int = 0) -> dict[str, Interval]:
    """Mean accuracy over runs with its 95 % interval, over tracks and runs.

    Parameters
    ----------
    hits : by network, bool (n_runs, n_tracks): whether the run got the track right.
    """
    drawn = _draw(hits, seed)
    return {
        name: Interval(
            float(hits[name].mean()), *(float(end) for end in np.percentile(values, [2.5, 97.5]))
        )
        for name, values in drawn.items()
    }


def differences(hits: Mapping[str, Hits], *, seed: int = 0) -> tuple[Difference, ...]:
    """All pairs, the largest difference first.

    Raises
    ------
    InvalidArgument : networks that were tested on different numbers of tracks.
    """
    drawn = _draw(hits, seed)
    pairs = list(combinations(hits, 2))
    tail = 2.5 / max(len(pairs), 1)
    found = []
    for a, b in pairs:
        better, worse = (a, b) if hits[a].mean() >= hits[b].mean() else (b, a)
        values = drawn[better] - drawn[worse]
        low, high = np.percentile(values, [2.5, 97.5])
        strict_low, strict_high = np.percentile(values, [tail, 100 - tail])
        mean = float(hits[better].mean() - hits[worse].mean())
        found.append(
            Difference(
                better,
                worse,
                Interval(mean, float(low), float(high)),
                bool(strict_low > 0 or strict_high < 0),
            )
        )
    return tuple(sorted(found, key=lambda one: -one.interval.value))


def _draw(hits: Mapping[str, Hits], seed: int) -> dict[str, npt.NDArray[np.float64]]:
    """Accuracies float64 (DRAWS,) of each network, on the same drawn tracks."""
    counts = {name: one.shape[1] for name, one in hits.items()}
    if len(set(counts.values())) != 1:
        raise InvalidArgument(f"networks must be asked about the same tracks, not {counts}")
    n_tracks = next(iter(counts.values()))
    generator = np.random.default_rng(seed)
    # How often each track is drawn, (DRAWS, n_tracks): a mean over tracks is then a product.
    times = generator.multinomial(n_tracks, np.full(n_tracks, 1 / n_tracks), size=DRAWS)
    drawn = {}
    for name, one in hits.items():
        by_run = times @ one.T / n_tracks  # (DRAWS, n_runs)
        runs = generator.integers(0, len(one), size=(DRAWS, len(one)))
        drawn[name] = np.take_along_axis(by_run, runs, axis=1).mean(axis=1)
    return drawn
