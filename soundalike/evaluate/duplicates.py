"""The same recording twice would be its own best neighbour: it is found and set aside first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facets
from soundalike.library.records import CopyKind, Track
from soundalike.similarity.duplicates import Recordings
from soundalike.similarity.recording import Music

__all__ = ["Duplicate", "find_duplicates"]


@dataclass(frozen=True)
class Duplicate:
    """A track that is set aside, because another one holds the same recording.

    Attributes
    ----------
    track : that is set aside.
    kept : that stays in its place, the one with the lowest id.
    kind : as in ``Copy``: "copy" or "audio" where any track before it has its bytes or its audio,
        else "near".
    similarity : cosine of the two.
    """

    track: Track
    kept: Track
    kind: CopyKind
    similarity: float


def find_duplicates(
    tracks: Sequence[Track],
    embeddings: NDArray[np.float32],
    music_of: Callable[[Track], Music],
    layout: Facets | None = None,
) -> tuple[Duplicate, ...]:
    """Find tracks that hold the same recording as another; ``similarity.recording`` says how.

    Parameters
    ----------
    tracks : analysed, by id.
    embeddings : (n_tracks, D), unit length.
    music_of : what tracks are compared by; asked for few of them only.
    layout : of the embeddings.

    Returns
    -------
    In the order of the tracks; what is kept is never set aside itself.
    """
    if not tracks:
        return ()
    audio: dict[str, int] = {}
    audio_ids = [
        audio.setdefault(track.audio_hash or track.content_hash or f"#{row}", row)
        for row, track in enumerate(tracks)
    ]
    recordings = Recordings(
        embeddings,
        np.array([track.duration_s or 0.0 for track in tracks]),
        np.array(audio_ids, np.int64),
        lambda rows: {row: music_of(tracks[row]) for row in rows},
        layout,
    )
    found: dict[int, Duplicate] = {}
    for kept, *others in recordings.groups():
        contents, heard = {tracks[kept].content_hash}, {audio_ids[kept]}
        for row in others:
            kind: CopyKind = "near"
            if tracks[row].content_hash in contents:
                kind = "copy"
            elif audio_ids[row] in heard:
                kind = "audio"
            contents.add(tracks[row].content_hash)
            heard.add(audio_ids[row])
            similarity = float(embeddings[row] @ embeddings[kept])
            found[row] = Duplicate(tracks[row], tracks[kept], kind, similarity)
    return tuple(found[row] for row in sorted(found))
