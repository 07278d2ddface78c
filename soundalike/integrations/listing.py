"""The songs of a music server from a file: what Jellyfin or Lyrion answers to one request.

Neither speaks Subsonic. What they tell of their songs is public: ``/Items`` of Jellyfin
(https://api.jellyfin.org) and the query ``titles`` of Lyrion
(https://lyrion.org/reference/cli/database/#titles).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from soundalike.errors import InvalidArgument, UnreadableFile, printable
from soundalike.files import why
from soundalike.integrations.answers import objects_in, text_of
from soundalike.library.link_records import ServerArtist, ServerFacts, ServerSong

__all__ = ["read_listing"]

_MOST_BYTES = 1_000_000_000
_TICKS_A_SECOND = 10_000_000


def read_listing(path: str | os.PathLike[str]) -> tuple[ServerFacts, list[ServerSong]]:
    """Which server it is, and its songs.

    Raises
    ------
    UnreadableFile : the file cannot be read.
    InvalidArgument : it is no such answer, or only a part of one.
    """
    try:
        if os.stat(path).st_size > _MOST_BYTES:
            raise InvalidArgument(f"{printable(path)}: larger than any list of songs")
        text = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFile(path, why(error)) from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{printable(path)}: is no JSON ({error})") from error
    url = Path(os.path.abspath(path)).as_uri()
    if isinstance(found, dict) and isinstance(items := found.get("Items"), list):
        _check_whole(path, found.get("TotalRecordCount"), len(items))
        return ServerFacts("jellyfin", url), list(_of_jellyfin(items))
    result = found.get("result") if isinstance(found, dict) else None
    if isinstance(result, dict) and isinstance(titles := result.get("titles_loop"), list):
        _check_whole(path, result.get("count"), len(titles))
        return ServerFacts("lyrion", url), list(_of_lyrion(titles))
    raise InvalidArgument(
        f"{printable(path)}: is neither the answer of Jellyfin to /Items nor that of Lyrion to "
        f"titles; docs/server.md has the requests"
    )


def _check_whole(path: str | os.PathLike[str], count: Any, n: int) -> None:
    if isinstance(count, int) and count > n:
        raise InvalidArgument(
            f"{printable(path)}: has {n:,} of {count:,} songs: ask the server for all at once"
        )


def _of_jellyfin(items: list[Any]) -> Iterator[ServerSong]:
    for item in objects_in(items):
        item_id = text_of(item.get("Id"))
        if item_id is None or item.get("Type") not in (None, "Audio"):
            continue
        artists = _named(item.get("ArtistItems"))
        known = item.get("ProviderIds")
        recording = known.get("MusicBrainzRecording") if isinstance(known, dict) else None
        ticks = _number(item.get("RunTimeTicks"))
        yield ServerSong(
            # Plugins of Jellyfin write ids without dashes.
            item_id=item_id.replace("-", "").lower(),
            path=text_of(item.get("Path")),
            title=text_of(item.get("Name")),
            artist="; ".join(each.name for each in artists) or None,
            album=text_of(item.get("Album")),
            duration_s=None if ticks is None else ticks / _TICKS_A_SECOND,
            recording_ids=(str(recording),) if recording else (),
            artists=artists,
            album_artists=_named(item.get("AlbumArtists")),
        )


def _named(found: Any) -> tuple[ServerArtist, ...]:
    return tuple(
        ServerArtist(artist_id.replace("-", "").lower(), text_of(each.get("Name")) or "")
        for each in objects_in(found)
        if (artist_id := text_of(each.get("Id"))) is not None
    )


def _of_lyrion(titles: list[Any]) -> Iterator[ServerSong]:
    for title in objects_in(titles):
        item_id, url = text_of(title.get("id")), text_of(title.get("url")) or ""
        if item_id is None or title.get("remote") in (1, "1"):
            continue
        artist, artist_id = text_of(title.get("artist")), text_of(title.get("artist_id"))
        yield ServerSong(
            item_id=item_id,
            path=unquote(urlsplit(url).path) if url.startswith("file:") else None,
            title=text_of(title.get("title")),
            artist=artist,
            album=text_of(title.get("album")),
            duration_s=_number(title.get("duration")),
            artists=() if artist_id is None else (ServerArtist(artist_id, artist or ""),),
        )


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if 0 < found < 1e18 else None
