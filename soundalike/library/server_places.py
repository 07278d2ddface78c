"""Where songs lie that only a music server has: ``subsonic://SERVER/ID/Artist/Album/Title.mp3``.

The server's name in this library and the song's id there make the place; what follows is for
people, and for what is told from folders. No scan walks there, so none calls such a track missing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote, unquote

from soundalike.urls import url_of

__all__ = ["SCHEME", "is_on_server", "item_at", "place_of", "places_on"]

SCHEME = "subsonic"

_TOLD = 3


def places_on(server: str) -> str:
    """What the places of all songs of a server begin with.

    >>> places_on("navidrome")
    'subsonic://navidrome/'
    """
    return f"{SCHEME}://{server}/"


def place_of(server: str, item_id: str, names: Sequence[str]) -> str:
    """Where a song of a server lies.

    Parameters
    ----------
    names : what follows its id, for people: the last folders of its path, and its file.

    >>> place_of("navidrome", "tr-7", ["Miles Davis", "So What.flac"])
    'subsonic://navidrome/tr-7/Miles Davis/So What.flac'
    """
    # A name of dots alone, or of none, is no part of a path.
    kept = [name.replace("/", "-").strip() for name in names if name.strip().strip(".")][-_TOLD:]
    written = quote(item_id, safe="")
    if not written.strip("."):
        written = written.replace(".", "%2E")  # as a folder, dots would mean another place
    return "/".join([places_on(server) + written, *(kept or ["song"])])


def item_at(path: str | os.PathLike[str], server: str) -> str | None:
    """The id of the song that lies at a place of a server; None for any other path."""
    url = url_of(path)
    start = places_on(server)
    if url is None or not url.startswith(start):
        return None
    return unquote(url[len(start) :].partition("/")[0])


def is_on_server(path: str | os.PathLike[str]) -> bool:
    """Whether a path is such a place."""
    url = url_of(path)
    return url is not None and url.startswith(f"{SCHEME}://")
