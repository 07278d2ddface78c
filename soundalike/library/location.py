"""Where the library is by default, and what is kept beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

__all__ = ["KEPT_KINDS", "KeptKind", "default_location", "kept_of"]

KeptKind: TypeAlias = Literal["playlists", "sent", "mpd"]
KEPT_KINDS: Final[tuple[KeptKind, ...]] = get_args(KeptKind)
"""What is no cache: the playlists of the library's server, those that were put on music servers,
and what is known of an MPD. A copy of the library takes them along."""


def default_location() -> Path:
    """``library.db`` in the user's data folder, or what ``SOUNDALIKE_LIBRARY`` names instead."""
    from platformdirs import user_data_path

    return user_data_path("soundalike", appauthor=False) / "library.db"


def kept_of(keeping: Path | None, kind: KeptKind) -> Path | None:
    """The file or folder of what is kept of a library, by ``Library.keeping``; None in memory."""
    return None if keeping is None else keeping.with_name(f"{keeping.name}.{kind}")
