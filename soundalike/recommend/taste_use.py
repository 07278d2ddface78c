"""The taste that counts in a list; without judgements, the module that fits one is not loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundalike.library import Library
    from soundalike.similarity.taste import Taste

__all__ = ["taste_in_use"]


def taste_in_use(library: Library) -> Taste | None:
    """What of a listener's taste is in use; None for nothing. See ``recommend.taste``."""
    if not library.has_taste():
        return None
    from soundalike.recommend.taste import taste_of

    return taste_of(library).taste or None
