"""What a similarity means in a given library.

A cosine alone says little: 0.6 may be very close in one library and far away in another.
:class:`PairDistribution` turns it into a share: how many of the library's pairs are less alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument
from soundalike.similarity.recording import same_piece

__all__ = ["DECIMALS", "MIN_TRACKS_FOR_PERCENTILE", "PairDistribution", "check_matrix"]

# Equal embeddings differ in the last bits of their similarity, because BLAS sums the rows at the
# edge of a block in another order. Rounded to this many places they tie, as they should.
DECIMALS = 6

MIN_TRACKS_FOR_PERCENTILE = 10
"""With 10 tracks there are 45 pairs, one step every 2 %; with fewer, a percentile means little."""
# All pairs of 2,048 tracks are 2.1 million similarities: 8 MB, well under 0.1 s to make and sort.
_SAMPLE_TRACKS = 2048
# See ``is_poor``.
_POOR_SHARE, _BY_CHANCE = 0.95, 0.01


@dataclass(frozen=True)
class PairDistribution:
    """How alike the pairs of tracks of one library are.

    Attributes
    ----------
    pair_similarities : float32 (n_pairs,), ascending; of all pairs, or of all pairs among a sample
        of the tracks when the library is large.
    n_tracks : tracks in the library.
    sampled_tracks : tracks whose pairs were looked at; equal to n_tracks in a small library.
    """

    pair_similarities: NDArray[np.float32] = field(repr=False)
    n_tracks: int
    sampled_tracks: int

    @classmethod
    def from_embeddings(
        cls,
        embeddings: NDArray[np.generic],
        *,
        durations_s: NDArray[np.floating] | None = None,
        factors: NDArray[np.floating] | None = None,
        transform: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
        max_tracks: int = _SAMPLE_TRACKS,
        seed: int = 0,
    ) -> PairDistribution:
        """Measure the pairs of a library.

        Parameters
        ----------
        embeddings : (n_tracks, D), unit length; each recording once.
        durations_s : (n_tracks,), seconds; of tracks that are the same piece by it
            (``duplicates.same_piece``) only the first counts.
        factors : (D,), what a query is multiplied by, where facets have other weights than their
            own (``Facets.factors``).
        transform : of embeddings, where they are compared by another metric (``Metric.transform``).
        max_tracks : beyond this many tracks, a random sample of this many stands for them. All
            pairs within a sample of m tracks tell more than m/n rows against all n columns at the
            same cost: the answer depends on how many different tracks were drawn.
        seed : of the sample.

        Raises
        ------
        InvalidArgument : embeddings that are no matrix, or max_tracks below 2.
        """
        check_matrix(embeddings)
        max_tracks = whole_number("max_tracks", max_tracks, least=2)
        n_tracks = len(embeddings)
        chosen = embeddings
        if n_tracks > max_tracks:
            generator = np.random.default_rng(seed)
            rows = np.sort(generator.choice(n_tracks, size=max_tracks, replace=False))
            chosen = embeddings[rows]
            durations_s = None if durations_s is None else durations_s[rows]
        sample = chosen.astype(np.float32, copy=False)
        matrix = sample @ sample.T
        if durations_s is not None:
            again: NDArray[np.bool_] = np.any(np.triu(same_piece(matrix, durations_s), k=1), axis=0)
            if again.any():
                sample, matrix = sample[~again], matrix[np.ix_(~again, ~again)]
                n_tracks = len(sample) if n_tracks == len(again) else n_tracks
        if factors is not None:
            matrix = (sample * factors.astype(np.float32)) @ sample.T
        if transform is not None:
            moved = transform(sample)
            matrix = moved @ moved.T
        pairs = np.round(matrix[np.triu_indices(len(sample), k=1)], DECIMALS)
        pairs.sort()
        pairs.flags.writeable = False
        return cls(pair_similarities=pairs, n_tracks=n_tracks, sampled_tracks=len(sample))

    @property
    def spread(self) -> float:
        """The standard deviation of the similarities; 0 without a pair."""
        pairs = self.pair_similarities
        return float(np.std(pairs, dtype=np.float64)) if len(pairs) else 0.0

    @property
    def too_small(self) -> str | None:
        """Why there are no percentiles, or None when there are."""
        if self.n_tracks >= MIN_TRACKS_FOR_PERCENTILE:
            return None
        return (
            f"percentiles need at least {MIN_TRACKS_FOR_PERCENTILE} tracks in the library, "
            f"it has {self.n_tracks}"
        )

    def percentile(self, similarity: float) -> float | None:
        """Share (0-100) of the library's pairs of tracks that are less alike than ``similarity``.

        None when the library has fewer than ``MIN_TRACKS_FOR_PERCENTILE`` tracks. Never decreases
        when the similarity grows.
        """
        if self.too_small:
            return None
        value = np.float32(round(number("similarity", similarity), DECIMALS))
        below = int(np.searchsorted(self.pair_similarities, value, side="left"))
        return 100.0 * below / len(self.pair_similarities)

    def is_poor(self, percentile: float | None) -> bool:
        """Whether the best match of a query says that nothing in the library is like it.

        So it is where even the best is below 95 % of all pairs; in a library of fewer than 90
        tracks, below what the best of so many random pairs would exceed 99 times in 100.

        Parameters
        ----------
        percentile : of the best match; None (the library is too small) is never poor.
        """
        if percentile is None:
            return False
        return bool(percentile < 100.0 * min(_POOR_SHARE, _BY_CHANCE ** (1 / (self.n_tracks - 1))))


def check_matrix(embeddings: NDArray[np.generic]) -> None:
    if embeddings.ndim != 2:
        raise InvalidArgument(f"embeddings must have shape (n, D), got {embeddings.shape}")
