"""What a playlist's file is to be: where it lies, and how its paths are written."""

from __future__ import annotations

import os

from soundalike.playlists.locations import Place, other_form
from soundalike.playlists.records import Playlist, PlaylistEntry

__all__ = ["Target"]

# The formats whose locations are URIs.
_WITH_URIS = ("xspf", "jspf")


class Target:
    """A file to be written.

    Parameters
    ----------
    format : of the file.
    relative : paths relative to its folder, or absolute; None leaves those as they are that were
        read from such a file, and writes others like most of these.
    encoding : of an M3U; None for the one that it was read in.
    """

    def __init__(
        self,
        playlist: Playlist,
        format: str,
        place: Place,
        relative: bool | None,
        encoding: str | None = None,
    ) -> None:
        self.format = format
        self.encoding = encoding
        self.place = place
        self.is_uri = format in _WITH_URIS
        was_read = playlist.format is not None and family(playlist.format) == family(format)
        self._keep = was_read and relative is None
        self._relative = self._keep and playlist.is_relative if relative is None else relative

    def location_of(self, entry: PlaylistEntry) -> str | None:
        """What is written for an entry; None for one that has only a name.

        Raises
        ------
        CannotHold : with the base, the path would come back as another one.
        """
        if entry.path is None:
            return entry.location and other_form(entry.location, is_uri=self.is_uri)
        if self._keep and entry.location is not None:
            is_exact = family(self.format) != "m3u8"
            meant = self.place.path_of(entry.location, is_uri=self.is_uri, is_exact=is_exact)
            if meant is not None and os.fspath(meant) == os.path.abspath(entry.path):
                return entry.location
        return self.place.location_of(entry.path, is_uri=self.is_uri, relative=self._relative)


def family(format: str) -> str:
    """A format, or the one that it is a kind of."""
    return "m3u8" if format == "m3u" else format
