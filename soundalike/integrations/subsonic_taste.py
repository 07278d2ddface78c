"""What a user of a Subsonic server gave stars to, rated and played."""

from __future__ import annotations

from dataclasses import replace

from soundalike.errors import ServerError
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_songs import listed, song_of
from soundalike.library.link_records import ServerSong

__all__ = ["songs_with_stars"]

# Of a star that has no date, on a song that has none either.
_LONG_AGO = 1.0


def songs_with_stars(server: Subsonic) -> list[ServerSong]:
    """All songs that the user may see, with what the user did with them.

    Songs tell their stars by themselves, but the list of stars goes before that: some servers keep
    what a search answers for a while.

    Raises
    ------
    ServerError : the server cannot be reached, or refuses.
    """
    songs = list(server.songs())
    try:
        answer = server.ask("getStarred2")
    except ServerError as refused:
        if refused.code is None:
            raise
        return songs  # it has no such list
    found = map(song_of, listed(answer, "starred2", "song"))
    starred = {song.item_id: song.use.starred_at for song in found if song is not None}
    return [_with_star(song, starred) for song in songs]


def _with_star(song: ServerSong, starred: dict[str, float | None]) -> ServerSong:
    use, at = song.use, None
    if song.item_id in starred:
        at = starred[song.item_id] or use.starred_at or use.added_at or _LONG_AGO
    return song if at == use.starred_at else replace(song, use=replace(use, starred_at=at))
