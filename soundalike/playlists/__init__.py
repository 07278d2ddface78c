"""Playlists as files, from any player and for any: M3U8, M3U, XSPF, JSPF and JSON."""

from __future__ import annotations

from soundalike.playlists.locations import BasePair
from soundalike.playlists.playlist_files import (
    FORMATS,
    format_of,
    read_playlist,
    render_playlist,
    write_playlist,
)
from soundalike.playlists.records import BASE_KEY, LeftOut, Playlist, PlaylistEntry, Rendered

__all__ = [
    "BASE_KEY",
    "FORMATS",
    "BasePair",
    "LeftOut",
    "Playlist",
    "PlaylistEntry",
    "Rendered",
    "format_of",
    "read_playlist",
    "render_playlist",
    "write_playlist",
]
