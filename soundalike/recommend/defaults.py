"""What recommendations are unless somebody asks for something else; loads nothing heavy."""

from __future__ import annotations

from soundalike.library.limits import Limits

__all__ = ["PATH_TRACKS", "PLAYLIST_LIMITS", "PLAYLIST_TRACKS", "RADIO_TRACKS"]

PLAYLIST_LIMITS = Limits(min_length_s=60, max_length_s=15 * 60)
"""Of playlists, paths and radio: neither jingles, nor mixes of an hour."""

PLAYLIST_TRACKS = 25
"""How long a playlist is."""

PATH_TRACKS = 12
"""How long a path is, with its ends."""

RADIO_TRACKS = 30
"""How many tracks of a radio are shown at once."""
