"""Where songs lie that only a music server has: ``subsonic://SERVER/ID/Artist/Album/Title.mp3``.

The server's name in this library and the song's id there make the place; what follows is for
people, and for what is told from folders. No scan walks there, so none calls such a track missing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote, unquote

from soundalike.urls import SERVER_SCHEME, url_of

__all__ = ["is_on_server", "item_at", "place_of", "places_on", "song_at"]

_TOLD = 3


def places_on(server: str) -> str:
    """What the places of all songs of a server begin with.

    >>> places_on("navidrome")
    'subsonic://navidrome/'
    """
    return f"{SERVER_SCHEME}://{server}/"


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


def song_at(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """The server whose song lies at a place, and its id there; None for any other path.

    >>> song_at("subsonic://navidrome/tr-7/Miles Davis/So What.flac")
    ('navidrome', 'tr-7')
    """
    url = url_of(path)
    if url is None or not url.startswith(f"{SERVER_SCHEME}://"):
        return None
    server, _, rest = url[len(f"{SERVER_SCHEME}://") :].partition("/")
    item_id = unquote(rest.partition("/")[0])
    return (server, item_id) if server and item_id else None


def item_at(path: str | os.PathLike[str], server: str) -> str | None:
    """The id of the song that lies at a place of a server; None for any other path."""
    found = song_at(path)
    return found[1] if found is not None and found[0] == server else None


def is_on_server(path: str | os.PathLike[str]) -> bool:
    """Whether a path is such a place."""
    url = url_of(path)
    return url is not None and url.startswith(f"{SERVER_SCHEME}://")
