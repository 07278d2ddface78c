"""The same recording twice would be its own best neighbour: it is found and set aside first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.library.records import Track
from soundalike.similarity.matrix import CosineSimilarities, blocks

__all__ = ["Duplicate", "find_duplicates"]

# Copies of one recording are alike as a whole, whatever the model's scale; this only saves work.
_TRACK_SIMILARITY = 0.9
# The distance of excerpts at the same time as a share of that at different times, measured with
# gtzan-resnet@1 on 257 game soundtracks: copies (MP3 at 128 and 64 kbit/s, 0.9 s cut off, pitch 1 %
# higher) at most 0.30, MP3 at 128 kbit/s at most 0.01; two pieces at least 0.49, of 30 s or more
# and alike in length within 10 s, cosine above 0.8.
_EXCERPT_SHARE = 1 / 3
# Three or four excerpts of two tracks may well be in the same order by chance: one order in six.
_FEW_EXCERPTS_SHARE = 0.1
_MANY_EXCERPTS = 6
_MOST_EXCERPT_DISTANCE = 0.1

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
) -> tuple[Duplicate, ...]:
    """Find tracks that hold the same recording as another.

    Exact copies have the same content hash. Near-duplicates (another format, another rip) are as
    long within 1.5 s, and agree excerpt by excerpt *in order*: excerpts that stand at the same
    time are at most a third as far from each other (1 - cosine) as excerpts at different times, a
    tenth where there are fewer than six, and at most 0.1. Two pieces in one style are as near in
    any order. A copy of a loop that never changes cannot be told from its like, and stays; another
    performance, a remix or a cut version is another recording.

    Parameters
    ----------
    tracks : analysed, by id.
    embeddings : (n_tracks, D), unit length.
    excerpts_of : unit embeddings of the excerpts (n_excerpts, D); asked for few tracks only.

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
    for one, other in _same_recordings(tracks, embeddings, excerpts_of, exact):
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
    exact: set[int],
) -> list[tuple[int, int]]:
    """Pairs of rows that are near-duplicates; copies of what is there already are left out."""
    durations_s = np.array([track.duration_s or 0.0 for track in tracks])
    asked = np.array([row not in exact for row in range(len(tracks))])
    candidates: dict[int, list[int]] = defaultdict(list)
    for start, rows in blocks(CosineSimilarities(embeddings)):
        stop = start + len(rows)
        near = rows >= _TRACK_SIMILARITY
        near &= np.abs(durations_s[start:stop, None] - durations_s) <= _DURATION_S
        near &= asked[start:stop, None] & asked
        for offset, other in zip(*np.nonzero(near), strict=True):
            if start + offset < other:
                candidates[start + int(offset)].append(int(other))
    return [
        (row, other)
        for row, others in candidates.items()
        for own in (excerpts_of(tracks[row]),)
        for other in others
        if _agree_in_order(own, excerpts_of(tracks[other]))
    ]


def _agree_in_order(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Whether two tracks' excerpts say that they hold one recording."""
    n = min(len(a), len(b))
    # The end of a track may or may not make an excerpt of its own.
    if n < _MIN_EXCERPTS or abs(len(a) - len(b)) > 1:
        return False
    distances = 1.0 - a[:n].astype(np.float64) @ b[:n].T
    together = float(np.mean(np.diag(distances)))
    apart = float(np.mean(distances[~np.eye(n, dtype=bool)]))
    share = _EXCERPT_SHARE if n >= _MANY_EXCERPTS else _FEW_EXCERPTS_SHARE
    return together <= min(share * apart, _MOST_EXCERPT_DISTANCE)
