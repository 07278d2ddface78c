"""Tracks that hold the same recording, as a library's users see them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.tags import Tags
from soundalike.library.index import Index
from soundalike.library.records import Copy, CopyKind, DuplicateGroup, Track
from soundalike.library.snapshot import Snapshot

__all__ = ["copies_of", "duplicate_groups"]

# As FFmpeg names them; "pcm" and "wma" have many forms.
_LOSSLESS = frozenset(
    {"alac", "ape", "dst", "flac", "mlp", "ralf", "shorten", "tak", "truehd", "tta", "wavpack"}
)
_LOSSLESS_BEGINNINGS = ("pcm_", "dsd_")
_LOSSLESS_ENDINGS = ("lossless", "_ls")


def copies_of(
    index: Index,
    rows: Sequence[int],
    tracks: Mapping[int, Track],
    *,
    embedding: NDArray[np.float32],
    content_id: int | None,
    audio_id: int | None,
) -> tuple[Copy, ...]:
    """Rows that hold a recording, as copies of one track of it.

    Parameters
    ----------
    tracks : by row.
    embedding, content_id, audio_id : of that one.
    """
    found = []
    for row in rows:
        kind: CopyKind = "near"
        if index.content_ids[row] == content_id:
            kind = "copy"
        elif index.audio_ids[row] == audio_id:
            kind = "audio"
        similarity = 1.0 if kind == "copy" else float(index.embeddings[row] @ embedding)
        found.append(Copy(tracks[row], kind, similarity))
    return tuple(found)


def duplicate_groups(index: Index, snapshot: Snapshot) -> tuple[DuplicateGroup, ...]:
    """All recordings that are there several times; see ``Library.duplicates``."""
    groups = index.recordings(snapshot).groups()
    ids = [int(index.track_ids[row]) for group in groups for row in group]
    by_id = snapshot.tracks_by_id(ids)
    found = []
    for group in groups:
        tracks = {row: by_id[int(index.track_ids[row])] for row in group}
        best, *others = sorted(group, key=lambda row: _goodness(tracks[row]))
        copies = copies_of(
            index,
            others,
            tracks,
            embedding=index.embeddings[best],
            content_id=int(index.content_ids[best]),
            audio_id=int(index.audio_ids[best]),
        )
        found.append(DuplicateGroup(tracks[best], copies))
    return tuple(sorted(found, key=lambda group: os.fsencode(group.best.path)))


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
    n_tags = sum(bool(getattr(track.tags, field.name)) for field in fields(Tags))
    path = os.fsencode(track.path)
    return not is_lossless, -bit_rate, -n_tags, len(path), path
