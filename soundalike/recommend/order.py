"""An order in which each track sounds like the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.recommend.given import check_row
from soundalike.recommend.spacing import Spacing, check_gap
from soundalike.recommend.tour import LocalSearch, Steps, greedy_path
from soundalike.similarity.distribution import check_matrix

__all__ = ["MOST_TRACKS", "Order", "smooth_order"]

MOST_TRACKS = 5_000
"""The steps between all pairs of them are 100 MB."""

# They take 0.1 s, and halve what is missing to the shortest order of up to 200 tracks.
_KICKS = 100
# More than two tracks side by side can be apart.
_SAME_ARTIST = np.float32(4.0)


@dataclass(frozen=True)
class Order:
    """Tracks as they should follow each other. A step is 1 - cosine: 0 between equal tracks.

    Attributes
    ----------
    order : int64 (n,), a permutation: the row of the first track, of the second ...
    total_step, largest_step : sum and maximum of the n - 1 steps; 0 without any.
    given_total_step, given_largest_step : the same of the order that was given.
    smoother_percent : how much less the total is than that of the order that was given: 0 to 100,
        below 0 only where fixed ends or the artists ask for it.
    n_too_close : pairs of tracks with a common artist and fewer than ``artist_gap`` others between
        them. Above 0 where no order without was found.
    """

    order: NDArray[np.int64] = field(repr=False)
    total_step: float
    largest_step: float
    given_total_step: float
    given_largest_step: float
    smoother_percent: float
    n_too_close: int


def smooth_order(
    embeddings: NDArray[np.float32],
    *,
    start: int | None = None,
    end: int | None = None,
    artists: Sequence[frozenset[int]] | None = None,
    artist_gap: int = 0,
) -> Order:
    """Order tracks so that the steps from one to the next are short.

    The shortest path through all tracks, or nearly so: :mod:`soundalike.recommend.tour` says how
    nearly. Where artists would come back too soon in it, the search is done again among orders in
    which they don't.

    Parameters
    ----------
    embeddings : float32 (n, D), unit length, at most ``MOST_TRACKS``.
    start, end : rows that stay first and last; None leaves it to the search.
    artists : of each track the codes of all who made it; an empty set (unknown) never limits.
    artist_gap : tracks of one artist have at least so many others between them. Where no such
        order is found, few are nearer, and ``n_too_close`` says how many.

    Raises
    ------
    InvalidArgument : too many tracks, rows that are not there, one row for both ends, another
        number of artists than tracks, or a gap without artists.
    """
    check_matrix(embeddings)
    n = len(embeddings)
    if n > MOST_TRACKS:
        raise InvalidArgument(
            f"{n} tracks are too many to be put in order: at most {MOST_TRACKS} at a time"
        )
    start = None if start is None else check_row("start", start, n)
    end = None if end is None else check_row("end", end, n)
    if start is not None and start == end and n > 1:
        raise InvalidArgument(f"start and end are both row {start}: one track cannot be both")
    if artists is not None and len(artists) != n:
        raise InvalidArgument(f"there are {n} tracks, but artists of {len(artists)}")
    gap = check_gap(artist_gap, artists is not None)
    steps = np.maximum(1.0 - embeddings @ embeddings.T, np.float32(0.0))
    spacing = Spacing(artists, gap) if artists is not None and gap else None
    path = _search(greedy_path(steps, start, end), steps, start, end)
    if spacing and spacing.n_too_close(path):
        path = _search(spacing.build(steps, start=start, end=end), steps, start, end, spacing)
    given = np.arange(n)
    is_open = start in (None, 0) and end in (None, n - 1)
    if is_open and _badness(given, steps, spacing) < _badness(path, steps, spacing):
        path = _search(given, steps, start, end, spacing)
    total, largest = _measure(path, steps)
    given_total, given_largest = _measure(given, steps)
    return Order(
        order=path.astype(np.int64),
        total_step=total,
        largest_step=largest,
        given_total_step=given_total,
        given_largest_step=given_largest,
        smoother_percent=100.0 * (1.0 - total / given_total) if given_total else 0.0,
        n_too_close=spacing.n_too_close(path) if spacing else 0,
    )


def _search(
    path: NDArray[np.intp],
    steps: Steps,
    start: int | None,
    end: int | None,
    spacing: Spacing | None = None,
) -> NDArray[np.intp]:
    if spacing is not None:
        # Most moves that the rule forbids are told by their cost, without a look at the path.
        steps = steps + _SAME_ARTIST * spacing.shared.astype(np.float32)
    search = LocalSearch(
        steps,
        path,
        keep_start=start is not None,
        keep_end=end is not None,
        is_allowed=None if spacing is None else spacing.guard(path),
    )
    search.run(min(_KICKS, len(path) * (len(path) - 3)))
    return search.path


def _badness(path: NDArray[np.intp], steps: Steps, spacing: Spacing | None) -> tuple[int, float]:
    return spacing.n_too_close(path) if spacing else 0, _measure(path, steps)[0]


def _measure(path: NDArray[np.intp], steps: Steps) -> tuple[float, float]:
    """Sum and maximum of the steps."""
    taken = steps[path[:-1], path[1:]].astype(np.float64)
    return float(taken.sum()), float(taken.max(initial=0.0))
