"""The same recording twice would be its own best neighbour: it is found and set aside first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.library.records import Track
from soundalike.recommend.similar import PairDistribution
from soundalike.recommend.similarities import CosineSimilarities, blocks

__all__ = ["Duplicate", "find_duplicates"]

# Measured with gtzan-resnet@1 on 257 game soundtracks and copies of 13 of them (MP3 at 128 and 64
# kbit/s, 0.9 s cut off, pitch 1 % higher), as shares of the median distance 1 - cosine of two
# tracks, 0.75. Of a copy: whole track at most 0.082, excerpt by excerpt at most 0.075 but for 2 of
# 52 copies. Of two recordings of like length, excerpt by excerpt at least 0.14. So a copy may be
# missed now and then, and two recordings are hardly ever taken for one.
_TRACK_SHARE = 0.1
_EXCERPT_SHARE = 0.08
# Where all tracks are unlike, a share of the median would be wide.
_MOST_EXCERPT_DISTANCE = 0.06

# Two rips differ by their silence at the ends.
_DURATION_S = 1.5
# Less than half a minute of agreement is no proof.
_MIN_EXCERPTS = 3


@dataclass(frozen=True)
class Duplicate:
    """A track that is set aside, because another one holds the same recording.

    Attributes
    ----------
    track : that is set aside.
    kept : that stays in its place, the one with the lowest id.
    kind : "copy", byte for byte, or "near": the same recording in another file.
    similarity : cosine of the two.
    """

    track: Track
    kept: Track
    kind: Literal["copy", "near"]
    similarity: float


def find_duplicates(
    tracks: Sequence[Track],
    embeddings: NDArray[np.float32],
    excerpts_of: Callable[[Track], NDArray[np.float32]],
    distribution: PairDistribution,
) -> tuple[Duplicate, ...]:
    """Find tracks that hold the same recording as another.

    Exact copies have the same content hash. Near-duplicates (another format, another rip) are as
    long within 1.5 s, and agree excerpt by excerpt in order: the mean distance of the excerpts
    that stand at the same time is at most 0.06, and at most 8 % of the median distance of two
    tracks. Another performance, a remix or a cut version is another recording.

    Parameters
    ----------
    tracks : analysed, by id.
    embeddings : (n_tracks, D), unit length.
    excerpts_of : unit embeddings of the excerpts (n_excerpts, D); asked for few tracks only.
    distribution : of the pairs of these embeddings.

    Returns
    -------
    In the order of the tracks; what is kept is never set aside itself.
    """
    parent = list(range(len(tracks)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    by_hash: dict[str, int] = {}
    exact: set[int] = set()
    for row, track in enumerate(tracks):
        if track.content_hash is None:
            continue
        first = by_hash.setdefault(track.content_hash, row)
        if first != row:
            parent[row] = first
            exact.add(row)
    for one, other in _same_recordings(tracks, embeddings, excerpts_of, distribution, exact):
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return tuple(
        Duplicate(
            track=track,
            kept=tracks[root(row)],
            kind="copy" if row in exact else "near",
            similarity=float(embeddings[row] @ embeddings[root(row)]),
        )
        for row, track in enumerate(tracks)
        if root(row) != row
    )


def _same_recordings(
    tracks: Sequence[Track],
    embeddings: NDArray[np.float32],
    excerpts_of: Callable[[Track], NDArray[np.float32]],
    distribution: PairDistribution,
    exact: set[int],
) -> list[tuple[int, int]]:
    """Pairs of rows that are near-duplicates; copies of what is there already are left out."""
    pairs = distribution.pair_similarities
    if not len(pairs):
        return []
    usual = max(1.0 - float(pairs[len(pairs) // 2]), 0.0)
    most = min(_EXCERPT_SHARE * usual, _MOST_EXCERPT_DISTANCE)
    durations_s = np.array([track.duration_s or 0.0 for track in tracks])
    asked = np.array([row not in exact for row in range(len(tracks))])
    candidates: dict[int, list[int]] = defaultdict(list)
    for start, rows in blocks(CosineSimilarities(embeddings)):
        stop = start + len(rows)
        near = rows >= 1.0 - _TRACK_SHARE * usual
        near &= np.abs(durations_s[start:stop, None] - durations_s) <= _DURATION_S
        near &= asked[start:stop, None] & asked
        for offset, other in zip(*np.nonzero(near), strict=True):
            if start + offset < other:
                candidates[start + int(offset)].append(int(other))
    found = []
    for row, others in candidates.items():
        own = excerpts_of(tracks[row])
        for other in others:
            distance = _aligned_distance(own, excerpts_of(tracks[other]))
            if distance is not None and distance <= most:
                found.append((row, other))
    return found


def _aligned_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """Mean of 1 - cosine of the excerpts with the same number; None where there are too few."""
    n = min(len(a), len(b))
    # The end of a track may or may not make an excerpt of its own.
    if n < _MIN_EXCERPTS or abs(len(a) - len(b)) > 1:
        return None
    return float(np.mean(1.0 - np.einsum("ij,ij->i", a[:n], b[:n])))
