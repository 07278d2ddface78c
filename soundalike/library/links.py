"""The links to a music server in memory: from its ids to rows of the index, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, Select, or_, select

from soundalike.errors import AmbiguousTrack, TrackNotFound
from soundalike.library.limits import Filter, Limits
from soundalike.library.storage.schema import contents, links, server_artists, servers
from soundalike.library.view import View
from soundalike.plain import plain

__all__ = ["Links", "artist_links", "server_links", "song_links"]

_TO_LINK = "`soundalike subsonic link URL` links one"


@dataclass(frozen=True, eq=False)
class Links:
    """What a server's ids mean in one state of the library.

    Attributes
    ----------
    server : its name.
    rows : the row of the index of each linked song that can be found; by the song's id.
    unheard : the ids of linked songs that cannot be found now: missing, or not analysed.
    items : the song's id by the id of its track; of several that are one track, the first.
    names : of the artists, by their ids.
    rows_of_artist : rows (n,) of each artist's songs, ascending.
    rows_of_album_artist : the same for whom albums are by.
    """

    server: str
    rows: Mapping[str, int] = field(repr=False)
    unheard: frozenset[str] = field(repr=False)
    items: Mapping[int, str] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    rows_of_artist: Mapping[str, NDArray[np.intp]] = field(repr=False)
    rows_of_album_artist: Mapping[str, NDArray[np.intp]] = field(repr=False)

    @cached_property
    def limits(self) -> Limits:
        """Which allow the linked tracks alone."""
        return Limits(only=Filter(track_ids=frozenset(self.items)))

    def row(self, item_id: str) -> int:
        """
        Raises
        ------
        TrackNotFound : the song is not linked, or its track cannot be found.
        """
        if item_id in self.unheard:
            raise TrackNotFound(
                f"the song {item_id!r} of {self.server} is linked, but its track is missing or not "
                f"analysed yet: scan its folder"
            )
        if item_id not in self.rows:
            raise TrackNotFound(
                f"the song {item_id!r} of {self.server} is linked to no track: link the server "
                f"again after a scan, and see what is not matched and why"
            )
        return self.rows[item_id]

    def artist(self, asked: str) -> str:
        """The id of an artist, who may be named by it or, as by Lyrion's plugin, by the name."""
        if asked in self.names:
            return asked
        name = plain(asked)
        same = sorted(each for each, known in self.names.items() if plain(known) == name)
        # A guest's page may have no song that can be found.
        return next((each for each in same if each in self.rows_of_artist), asked)


def song_links(view: View, item_id: str, server: str | None) -> Links:
    """The links of the server that a song's id is one of.

    Parameters
    ----------
    server : its name, in any case; None where only one is linked, or only one has the song.

    Raises
    ------
    TrackNotFound : no server is linked, none of this name is, or none has the song.
    AmbiguousTrack : several servers have a song with this id.
    """
    having = select(links.c.server_id).where(links.c.item_id == item_id)
    return _chosen(view, server, f"a song {item_id!r}", having)


def artist_links(view: View, artist: str, server: str | None) -> Links:
    """The links of the server that an artist's id or name is one of; raises as
    :func:`song_links`."""
    is_meant = or_(server_artists.c.artist_id == artist, server_artists.c.name == artist)
    having = select(server_artists.c.server_id).where(is_meant)
    return _chosen(view, server, f"an artist {artist!r}", having)


def server_links(view: View, server: str) -> Links:
    """The links of a server, by its name.

    Raises
    ------
    TrackNotFound : none of this name is linked.
    """
    return _chosen(view, server, "songs", select(links.c.server_id))


def _chosen(view: View, server: str | None, what: str, having: Select[tuple[int]]) -> Links:
    connection = view.snapshot.connection
    rows = connection.execute(select(servers).order_by(servers.c.name)).all()
    if not rows:
        raise TrackNotFound(f"the library is linked to no music server: {_TO_LINK}")
    names = ", ".join(row.name for row in rows)
    if server is not None:
        rows = [row for row in rows if row.name.casefold() == server.casefold()]
        if not rows:
            raise TrackNotFound(f"no server is linked as {server!r}; linked are: {names}")
    if len(rows) > 1:
        ids = set(connection.scalars(having))
        rows = [row for row in rows if row.id in ids]
        if not rows:
            raise TrackNotFound(f"none of the linked servers ({names}) has {what} that is linked")
        if len(rows) > 1:
            of = ", ".join(row.name for row in rows)
            raise AmbiguousTrack(
                f"several servers have {what}: {of}; name one, as server={rows[0].name}"
            )
    (row,) = rows
    key = ("links", row.id, row.stamp)
    return view.index.kept(key, lambda: _read(view, row))


def _read(view: View, server: Row[Any]) -> Links:
    connection, index = view.snapshot.connection, view.index
    row_of_content: dict[int, int] = {}
    for row, content_id in enumerate(index.content_ids.tolist()):
        row_of_content.setdefault(content_id, row)
    found: dict[str, int] = {}
    # The same bytes go before the same audio under other tags.
    for same in (
        contents.c.digest == links.c.digest,
        contents.c.audio_digest == links.c.audio_digest,
    ):
        pairs = (
            select(links.c.item_id, contents.c.id)
            .join(contents, same)
            .where(links.c.server_id == server.id)
            .order_by(contents.c.id)
        )
        for item_id, content_id in connection.execute(pairs):
            if content_id in row_of_content:
                found.setdefault(item_id, row_of_content[content_id])
    items: dict[int, str] = {}
    by: dict[str, list[int]] = {}
    by_album: dict[str, list[int]] = {}
    unheard = set()
    listed = select(links).where(links.c.server_id == server.id).order_by(links.c.item_id)
    for each in connection.execute(listed):
        own = found.get(each.item_id)
        if own is None:
            unheard.add(each.item_id)
            continue
        items.setdefault(int(index.track_ids[own]), each.item_id)
        for artist_id in each.artist_ids:
            by.setdefault(artist_id, []).append(own)
        for artist_id in each.album_artist_ids:
            by_album.setdefault(artist_id, []).append(own)
    named = connection.execute(
        select(server_artists.c.artist_id, server_artists.c.name).where(
            server_artists.c.server_id == server.id
        )
    )
    return Links(
        server=str(server.name),
        rows=found,
        unheard=frozenset(unheard),
        items=items,
        names={row.artist_id: row.name for row in named},
        rows_of_artist=dict(_as_rows(by)),
        rows_of_album_artist=dict(_as_rows(by_album)),
    )


def _as_rows(found: Mapping[str, list[int]]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    return ((artist_id, np.unique(np.array(rows, np.intp))) for artist_id, rows in found.items())
