"""Links to music servers: the part of a library that keeps which of their songs are which music."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_args

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from soundalike.errors import InvalidArgument, TrackNotFound
from soundalike.library.link_records import (
    LinkedServer,
    LinkReport,
    ServerArtist,
    ServerFacts,
    ServerSong,
    Unlinked,
)
from soundalike.library.links import server_links
from soundalike.library.matching import MatchedBy, Sought, match_tracks
from soundalike.library.reader import Reader
from soundalike.library.records import Track
from soundalike.library.server_places import item_at, places_on
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import (
    below,
    contents,
    links,
    server_artists,
    servers,
    tracks,
)

__all__ = ["Linking", "check_server_name"]

Item = TypeVar("Item")

# Rows of one statement, well under the number of parameters that one may have.
_BATCH = 500
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
            before = _links_before(snapshot.connection, name)
            wanted, unlinked = _wanted(snapshot, name, by_id, before)
        if not wanted:
            songs_there = "1 song" if len(by_id) == 1 else f"{len(by_id):,} songs"
            raise InvalidArgument(
                f"{where} has {songs_there}, and none of them is in the library: scan the "
                f"folder that it plays from (soundalike scan FOLDER), then link it again; or have "
                f"its songs fetched and analysed (soundalike subsonic scan)"
            )
        with self._database.write() as connection:
            counts = _store(connection, name, facts, by_id, wanted)
            server = _linked_server(_server(connection, name), len(wanted))
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
        check_server_name(name)
        by_id = {song.item_id: song for song in songs}
        with self._reader.snapshot() as snapshot:
            before = _links_before(snapshot.connection, name)
            return tuple(_wanted(snapshot, name, by_id, before)[1])

    def tracks_on(self, name: str) -> frozenset[int]:
        """The ids of the tracks that a server has, as far as searches can find them.

        Raises
        ------
        TrackNotFound : no server of this name is linked.
        InvalidArgument : it has none of them.
        """
        with self._reader.view() as view:
            found = frozenset(server_links(view, name).items)
        if not found:
            raise InvalidArgument(
                f"{name}: none of its songs is linked to a track that is analysed: scan the folder "
                f"that it plays from (soundalike scan FOLDER), then link it again (soundalike "
                f"subsonic link {name})"
            )
        return found

    def songs_of(self, name: str, track_ids: Sequence[int]) -> dict[int, str]:
        """The id of the song of a server that each track is; tracks without one are left out.

        Of several songs that are one track, the one that was fetched for it, else the one with the
        same bytes, else the first.
        """
        best: dict[int, tuple[tuple[bool, bool, str], str]] = {}
        with self._reader.snapshot() as snapshot:
            for some in _batches(track_ids):
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
        count = (
            select(func.count())
            .select_from(links)
            .where(links.c.server_id == servers.c.id)
            .scalar_subquery()
        )
        with self._database.read() as connection:
            rows = connection.execute(select(servers, count.label("linked")).order_by("name"))
            return tuple(_linked_server(row, row.linked) for row in rows)

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


@dataclass(frozen=True, slots=True)
class _Link:
    """A song and the music that it is."""

    digest: bytes
    audio_digest: bytes | None
    by: MatchedBy
    said: str
    artist_ids: tuple[str, ...]
    album_artist_ids: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "audio_digest": self.audio_digest,
            "matched_by": self.by,
            "said": self.said,
            "artist_ids": list(self.artist_ids),
            "album_artist_ids": list(self.album_artist_ids),
        }


def _server(connection: Connection, name: str) -> Row[Any]:
    return connection.execute(select(servers).where(servers.c.name == name)).one()


def _linked_server(row: Row[Any], linked: int) -> LinkedServer:
    return LinkedServer(
        name=row.name,
        kind=row.kind,
        url=row.url,
        user=row.user,
        software=row.software,
        songs=row.n_songs,
        linked=linked,
        linked_at=datetime.fromtimestamp(row.linked_at, UTC),
    )


def _links_before(connection: Connection, name: str) -> dict[str, _Link]:
    rows = connection.execute(
        select(links).join(servers, servers.c.id == links.c.server_id).where(servers.c.name == name)
    )
    return {
        row.item_id: _Link(
            row.digest,
            row.audio_digest,
            cast("MatchedBy", row.matched_by),
            row.said,
            tuple(row.artist_ids),
            tuple(row.album_artist_ids),
        )
        for row in rows
    }


def _wanted(
    snapshot: Snapshot,
    name: str,
    by_id: Mapping[str, ServerSong],
    before: Mapping[str, _Link],
) -> tuple[dict[str, _Link], list[Unlinked]]:
    """What each song is to be linked to, and those that are not."""
    said = {item_id: _said(song) for item_id, song in by_id.items()}
    same = {item_id: link for item_id, link in before.items() if said.get(item_id) == link.said}
    there = _having(snapshot.connection, list(same.values()))
    kept = {
        item_id: link
        for item_id, link in same.items()
        if link.digest in there or link.audio_digest in there
    }
    wanted, unlinked = dict(kept), []
    for own in snapshot.where(below(tracks.c.path, places_on(name))):
        fetched = by_id.get(item_at(own.path, name) or "")
        if fetched is not None and fetched.item_id not in wanted and own.content_hash is not None:
            wanted[fetched.item_id] = _link(fetched, own, "path", said[fetched.item_id])
    asked = [song for item_id, song in by_id.items() if item_id not in wanted]
    matches = match_tracks(snapshot, list(map(_sought, asked)), missing=True)
    for song, match in zip(asked, matches, strict=True):
        track = match.track
        if track is None:
            reason = match.reason or "no track fits"
            unlinked.append(Unlinked(song, reason, is_unknown=not match.several))
        elif track.content_hash is None:
            reason = f"#{track.track_id} fits, but its file could not be read yet"
            unlinked.append(Unlinked(song, reason))
        else:
            assert match.by is not None
            wanted[song.item_id] = _link(song, track, match.by, said[song.item_id])
    return wanted, unlinked


def _link(song: ServerSong, track: Track, by: MatchedBy, said: str) -> _Link:
    assert track.content_hash is not None
    return _Link(
        digest=bytes.fromhex(track.content_hash),
        audio_digest=bytes.fromhex(track.audio_hash) if track.audio_hash else None,
        by=by,
        said=said,
        artist_ids=_ids(song.artists),
        album_artist_ids=_ids(song.album_artists),
    )


def _ids(artists: Sequence[ServerArtist]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.artist_id for each in artists))


def _said(song: ServerSong) -> str:
    facts = (
        song.path,
        song.title,
        song.artist,
        song.album,
        song.duration_s,
        song.recording_ids,
        song.isrc,
        _ids(song.artists),
        _ids(song.album_artists),
    )
    return hashlib.sha256(json.dumps(facts).encode("utf-8")).hexdigest()[:32]


def _sought(song: ServerSong) -> Sought:
    return Sought(
        path=song.path,
        title=song.title,
        artist=song.artist,
        album=song.album,
        duration_s=song.duration_s,
        recording_ids=song.recording_ids,
        isrc=song.isrc,
    )


def _having(connection: Connection, wanted: Sequence[_Link]) -> set[bytes | None]:
    """The digests, of bytes or of audio, that the library still has."""
    found: set[bytes | None] = set()
    for some in _batches(wanted):
        digests = [each.digest for each in some]
        audio = [each.audio_digest for each in some if each.audio_digest is not None]
        statement = select(contents.c.digest, contents.c.audio_digest).where(
            or_(contents.c.digest.in_(digests), contents.c.audio_digest.in_(audio))
        )
        for row in connection.execute(statement):
            found.update(each for each in row if each is not None)
    return found


def _store(
    connection: Connection,
    name: str,
    facts: ServerFacts,
    by_id: Mapping[str, ServerSong],
    wanted: Mapping[str, _Link],
) -> tuple[int, int, int]:
    """Write what differs; how many links are new, other, and gone."""
    before = _links_before(connection, name)
    added = [each for each in wanted if each not in before]
    changed = [each for each in wanted if each in before and wanted[each] != before[each]]
    moved = [each for each in changed if wanted[each].digest != before[each].digest]
    removed = [each for each in before if each not in wanted]
    artists = {
        artist.artist_id: artist.name
        for item_id in wanted
        for artist in (*by_id[item_id].album_artists, *by_id[item_id].artists)
    }
    known = connection.execute(select(servers.c.id).where(servers.c.name == name)).scalar()
    own = server_artists.c.server_id == known
    named = connection.execute(select(server_artists.c.artist_id, server_artists.c.name).where(own))
    has_other_artists = {row.artist_id: row.name for row in named} != artists
    values: dict[str, Any] = {
        "kind": facts.kind,
        "url": facts.url,
        "user": facts.user,
        "software": facts.software,
        "n_songs": len(by_id),
        "linked_at": time.time(),
    }
    if added or changed or removed or has_other_artists:
        values["stamp"] = secrets.token_hex(8)
    if known is None:
        made = insert(servers).values(name=name, **values).returning(servers.c.id)
        known = connection.execute(made).scalar_one()
    else:
        connection.execute(update(servers).where(servers.c.id == known).values(**values))
    for some in _batches([*changed, *removed]):
        gone = and_(links.c.server_id == known, links.c.item_id.in_(some))
        connection.execute(delete(links).where(gone))
    for some in _batches([*added, *changed]):
        rows = [{"server_id": known, "item_id": each, **wanted[each].values()} for each in some]
        connection.execute(insert(links), rows)
    if has_other_artists:
        connection.execute(delete(server_artists).where(server_artists.c.server_id == known))
        for pairs in _batches(list(artists.items())):
            rows = [
                {"server_id": known, "artist_id": artist_id, "name": artist}
                for artist_id, artist in pairs
            ]
            connection.execute(insert(server_artists), rows)
    return len(added), len(moved), len(removed)


def _batches(rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
