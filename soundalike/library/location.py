"""Where the library is by default."""

from __future__ import annotations

from pathlib import Path

__all__ = ["default_location"]


def default_location() -> Path:
    """``library.db`` in the user's data folder, or what ``SOUNDALIKE_LIBRARY`` names instead."""
    from platformdirs import user_data_path

    return user_data_path("soundalike", appauthor=False) / "library.db"
