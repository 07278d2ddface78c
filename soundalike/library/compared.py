"""How far the tracks of a library are compared with each other, as ``Library.versions`` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    with library.view() as view:
        index = view.index
        compared = known_pairs(library.beside, index, view.snapshot).compared
    return len(set(index.audio_ids.tolist()) - compared)
