"""How far the tracks of a library are compared with each other, as ``Library.versions`` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soundalike.library.versions import known_pairs

if TYPE_CHECKING:
    from soundalike.library.library import Library

__all__ = ["not_compared"]


def not_compared(library: Library) -> int:
    """How many tracks ``Library.versions`` would compare with all others before it answers; of
    those with one audio, one counts.

    Raises
    ------
    ModelMismatch : the whole library is analysed with another model only.
    """
    reader = library._reader
    with reader._database.read() as connection:
        snapshot = reader._snapshot(connection)
        index = reader._current(snapshot)
        compared = known_pairs(library.path, index, snapshot).compared
    _, rows = np.unique(index.audio_ids, return_index=True)
    return sum(track_id not in compared for track_id in index.track_ids[rows].tolist())
