"""Tracks that hold the same recording, as a library's users see them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.tags import Tags
from soundalike.library.records import Copy, CopyKind, Track

if TYPE_CHECKING:
    from soundalike.library.index import Index
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.version_records import DuplicateGroup

__all__ = ["BestFirst", "best_first", "copies_of", "copies_of_row", "duplicate_groups"]

# As FFmpeg names them; "pcm" and "wma" have many forms.
_LOSSLESS = frozenset(
    {"alac", "ape", "dst", "flac", "mlp", "ralf", "shorten", "tak", "truehd", "tta", "wavpack"}
)
_LOSSLESS_BEGINNINGS = ("pcm_", "dsd_")
_LOSSLESS_ENDINGS = ("lossless", "_ls")
_TAGS = [field.name for field in fields(Tags)]
# Seconds of the longest of its recording, as a share, from which on a track is not cut.
_WHOLE = 0.97


def copies_of(
    index: Index,
    rows: Sequence[int],
    tracks: Mapping[int, Track],
    *,
    embedding: NDArray[np.float32],
    content_id: int | None,
    audio_id: int | None,
    versions: Sequence[int] = (),
) -> tuple[Copy, ...]:
    """Rows that hold a recording, as copies of one track of it, and then other versions.

    Parameters
    ----------
    tracks : by row.
    versions : rows of other recordings of the same music.
    embedding, content_id, audio_id : of that one.
    """
    found = []
    for row in [*rows, *versions]:
        kind: CopyKind = "version" if row in versions else "near"
        if index.content_ids[row] == content_id:
            kind = "copy"
        elif index.audio_ids[row] == audio_id:
            kind = "audio"
        similarity = 1.0 if kind == "copy" else float(index.pick([row])[0] @ embedding)
        found.append(Copy(tracks[row], kind, similarity))
    return tuple(found)


def copies_of_row(
    index: Index,
    row: int,
    rows: Sequence[int],
    tracks: Mapping[int, Track],
    versions: Sequence[int] = (),
) -> tuple[Copy, ...]:
    """The same, of a track that has a row itself."""
    if not rows and not versions:
        return ()
    return copies_of(
        index,
        rows,
        tracks,
        embedding=index.pick([row])[0],
        content_id=int(index.content_ids[row]),
        audio_id=int(index.audio_ids[row]),
        versions=versions,
    )


def duplicate_groups(index: Index, snapshot: Snapshot) -> tuple[DuplicateGroup, ...]:
    """All recordings that are there several times; see ``Library.duplicates``."""
    from soundalike.library.version_records import DuplicateGroup

    groups = index.recordings(snapshot).groups()
    ids = [int(index.track_ids[row]) for group in groups for row in group]
    by_id = snapshot.tracks_by_id(ids)
    found = []
    for group in groups:
        tracks = {row: by_id[int(index.track_ids[row])] for row in group}
        best, *others = best_first(tracks).rows
        copies = copies_of_row(index, best, others, tracks)
        found.append(DuplicateGroup(tracks[best], copies))
    return tuple(sorted(found, key=lambda group: os.fsencode(group.best.path)))


@dataclass(frozen=True)
class BestFirst:
    """Tracks in the order in which they are worth keeping.

    Attributes
    ----------
    rows : the best first.
    reason : by what the first is better than the second, such as "lossless"; "" where there is one.
    """

    rows: list[int]
    reason: str


def best_first(
    tracks: Mapping[int, Track], recordings: Mapping[int, int] | None = None
) -> BestFirst:
    """Which of some tracks to keep.

    Parameters
    ----------
    tracks : by row.
    recordings : by row a number that those of one recording have in common. What is shorter than
        another of its recording is cut, and comes behind what is not; without, nothing is cut.
    """
    longest_s: dict[int, float] = {}
    for row, track in tracks.items():
        if recordings is not None:
            number = recordings[row]
            longest_s[number] = max(longest_s.get(number, 0.0), track.duration_s or 0.0)

    def key(row: int) -> tuple[Any, ...]:
        track, is_cut = tracks[row], False
        if recordings is not None:
            is_cut = (track.duration_s or 0.0) < _WHOLE * longest_s[recordings[row]]
        return is_cut, *_goodness(track)

    keys = {row: key(row) for row in tracks}
    rows = sorted(keys, key=keys.__getitem__)
    if len(rows) < 2:
        return BestFirst(rows, "")
    differing = [one != other for one, other in zip(keys[rows[0]], keys[rows[1]], strict=True)]
    reason = ("not cut", "lossless", "bit rate", "tags", "shorter path", "path")[
        differing.index(True)
    ]
    return BestFirst(rows, reason)


def _goodness(track: Track) -> tuple[Any, ...]:
    """Low for the copy to keep: lossless before lossy, then bit rate, tags, and the path."""
    codec = (track.codec or "").lower()
    is_lossless = (
        codec in _LOSSLESS
        or codec.startswith(_LOSSLESS_BEGINNINGS)
        or codec.endswith(_LOSSLESS_ENDINGS)
    )
    # Two files of one bit rate differ by their headers and pictures.
    bit_rate = round(8 * (track.size_bytes or 0) / max(track.duration_s or 0.0, 1.0) / 1000)
    n_tags = sum(bool(getattr(track.tags, name)) for name in _TAGS)
    path = os.fsencode(track.path)
    return not is_lossless, -bit_rate, -n_tags, len(path), path
