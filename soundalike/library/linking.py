"""Links to music servers: the part of a library that keeps which of their songs are which music."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from sqlalchemy import delete, func, select

from soundalike.errors import InvalidArgument, TrackNotFound
from soundalike.library.server_places import item_at
from soundalike.library.storage.schema import contents, links, server_artists, servers, tracks

if TYPE_CHECKING:
    from soundalike.library.link_records import (
        LinkedServer,
        LinkReport,
        ServerFacts,
        ServerSong,
        Unlinked,
    )
    from soundalike.library.reader import Reader
    from soundalike.library.storage.database import Database

__all__ = ["Linking", "check_server_name"]

_NAME = re.compile(r"[\w][\w.\-]{0,63}")


class Linking:
    """Links of a :class:`.Library` to music servers.

    They belong to the music, by the hash of its file and of its audio: a file that is moved or
    retagged here keeps them, and it is found again when it comes back.
    """

    _database: Database
    _reader: Reader

    def link(self, name: str, facts: ServerFacts, songs: Iterable[ServerSong]) -> LinkReport:
        """Link the songs of a music server to the tracks that they are.

        Tracks are told as ``library.matching`` says: by the end of the path, the MusicBrainz id of
        the recording, the ISRC, then by artist, title, album and length. A song of which the server
        says the same as the last time stays linked to its music, if the library still has it. What
        the server has no more is no longer linked. All or nothing is stored.

        Parameters
        ----------
        name : by which requests name the server: letters, digits, dots, dashes.
        songs : all that the server has; of several with one id the first counts.

        Raises
        ------
        InvalidArgument : a name of another form, a server without songs, or one of which no song
            is in the library. What was linked before stays.
        LibraryError : the database cannot be written.
        """
        from soundalike.library.link_records import LinkReport
        from soundalike.library.link_store import (
            linked_server,
            links_before,
            server_row,
            store_links,
            wanted_links,
        )
        from soundalike.library.matching import MatchedBy

        check_server_name(name)
        by_id: dict[str, ServerSong] = {}
        for song in songs:
            by_id.setdefault(song.item_id, song)
        where = f"{facts.url}: the server"
        if not by_id:
            raise InvalidArgument(
                f"{where} has no songs that this user may see: let it scan its music first, or ask "
                f"as another user"
            )
        with self._reader.snapshot() as snapshot:
            before = links_before(snapshot.connection, name)
            wanted, unlinked = wanted_links(snapshot, name, by_id, before)
        if not wanted:
            raise InvalidArgument(
                f"{where} has {len(by_id):,} songs, and none of them is in the library: scan the "
                f"folder that it plays from (soundalike scan FOLDER), then link it again; or have "
                f"its songs fetched and analysed (soundalike subsonic scan)"
            )
        with self._database.write() as connection:
            counts = store_links(connection, name, facts, by_id, wanted)
            server = linked_server(server_row(connection, name), len(wanted))
        told = Counter(each.by for each in wanted.values())
        return LinkReport(
            server=server,
            matched_by={by: told[by] for by in get_args(MatchedBy) if told[by]},
            added=counts[0],
            changed=counts[1],
            removed=counts[2],
            unlinked=tuple(unlinked),
        )

    def songs_without_track(self, name: str, songs: Iterable[ServerSong]) -> tuple[Unlinked, ...]:
        """The songs that :meth:`link` would link to nothing; nothing is stored."""
        from soundalike.library.link_store import links_before, wanted_links

        check_server_name(name)
        by_id = {song.item_id: song for song in songs}
        with self._reader.snapshot() as snapshot:
            before = links_before(snapshot.connection, name)
            return tuple(wanted_links(snapshot, name, by_id, before)[1])

    def songs_of(self, name: str, track_ids: Sequence[int]) -> dict[int, str]:
        """The id of the song of a server that each track is; tracks without one are left out.

        Of several songs that are one track, the one that was fetched for it, else the one with the
        same bytes, else the first.
        """
        from soundalike.library.link_store import batches

        best: dict[int, tuple[tuple[bool, bool, str], str]] = {}
        with self._reader.snapshot() as snapshot:
            for some in batches(track_ids):
                for is_same in (
                    links.c.digest == contents.c.digest,
                    links.c.audio_digest == contents.c.audio_digest,
                ):
                    statement = (
                        select(tracks.c.id, tracks.c.path, links.c.item_id, links.c.digest)
                        .add_columns(contents.c.digest.label("own"))
                        .join(contents, contents.c.id == tracks.c.content_id)
                        .join(links, is_same)
                        .join(servers, servers.c.id == links.c.server_id)
                        .where(servers.c.name == name, tracks.c.id.in_(some))
                    )
                    for row in snapshot.connection.execute(statement):
                        is_other = item_at(os.fsdecode(row.path), name) != row.item_id
                        rank = (is_other, row.digest != row.own, row.item_id)
                        if row.id not in best or rank < best[row.id][0]:
                            best[row.id] = (rank, row.item_id)
        return {track_id: item_id for track_id, (_, item_id) in best.items()}

    def linked_servers(self) -> tuple[LinkedServer, ...]:
        """The servers that the library is linked to, by name."""
        from soundalike.library.link_store import linked_server

        count = (
            select(func.count())
            .select_from(links)
            .where(links.c.server_id == servers.c.id)
            .scalar_subquery()
        )
        with self._database.read() as connection:
            rows = connection.execute(select(servers, count.label("linked")).order_by("name"))
            return tuple(linked_server(row, row.linked) for row in rows)

    def linked_server(self, name: str) -> LinkedServer:
        """The server that is linked by a name.

        Raises
        ------
        TrackNotFound : none is.
        """
        known = self.linked_servers()
        found = next((each for each in known if each.name == name), None)
        if found is None:
            names = ", ".join(each.name for each in known) or "none"
            raise TrackNotFound(f"no server is linked as {name!r}; linked are: {names}")
        return found

    def unlink(self, name: str) -> LinkedServer:
        """Forget a server and the links to its songs; which it was.

        Raises
        ------
        TrackNotFound : no server of this name is linked.
        """
        found = self.linked_server(name)
        with self._database.write() as connection:
            own = select(servers.c.id).where(servers.c.name == name).scalar_subquery()
            for table in (links, server_artists):
                connection.execute(delete(table).where(table.c.server_id == own))
            connection.execute(delete(servers).where(servers.c.name == name))
        return found


def check_server_name(name: str) -> None:
    """
    Raises
    ------
    InvalidArgument : it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"the server's name is {name!r}: it may have up to 64 letters, digits, dots and dashes"
        )
