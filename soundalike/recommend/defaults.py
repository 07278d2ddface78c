"""What recommendations are unless somebody asks for something else; loads nothing heavy."""

from __future__ import annotations

from typing import TypedDict

from soundalike.library.limits import Limits

__all__ = [
    "PATH_TRACKS",
    "PLAYLIST_LIMITS",
    "PLAYLIST_TRACKS",
    "RADIO_TRACKS",
    "LengthLimits",
    "lengths",
]

PLAYLIST_LIMITS = Limits(min_length_s=60, max_length_s=15 * 60)
"""Of playlists, paths and radio: neither jingles, nor mixes of an hour."""

PLAYLIST_TRACKS = 25
"""How long a playlist is."""

PATH_TRACKS = 12
"""How long a path is, with its ends."""

RADIO_TRACKS = 30
"""How many tracks of a radio are shown at once."""


class LengthLimits(TypedDict):
    """Arguments of :class:`.Limits`, in seconds."""

    min_length_s: float | None
    max_length_s: float | None


def lengths(
    min_s: float | None, max_s: float | None, defaults: Limits = PLAYLIST_LIMITS
) -> LengthLimits:
    """``min_length_s`` and ``max_length_s`` of :class:`.Limits`: what is given, else by default.

    A bound by default does not stand against one that somebody gives.

    >>> lengths(None, 50)
    {'min_length_s': None, 'max_length_s': 50}
    """
    low = defaults.min_length_s if min_s is None else min_s
    high = defaults.max_length_s if max_s is None else max_s
    if low is not None and high is not None and low > high:
        low, high = min_s, max_s
    return {"min_length_s": low, "max_length_s": high}
