"""A playlist's file as it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass

from soundalike.playlists.locations import Place

__all__ = ["Damaged", "Source"]


class Damaged(ValueError):
    """What is wrong with a file, and what to do; whoever knows its path makes an error of it."""


@dataclass(frozen=True)
class Source:
    """The bytes of a file and what is known of them.

    Attributes
    ----------
    encoding : that the caller names; else it is found out.
    """

    data: bytes
    format: str
    place: Place
    encoding: str | None = None

    def has_file(self, location: str) -> bool:
        """Whether a line of an M3U is the path of a file."""
        path = self.place.path_of(location, is_uri=False, is_exact=False)
        return path is not None and os.path.lexists(path)
