"""Which songs of a music server are which tracks: found out, compared with what was, stored."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, update

from soundalike.library.link_records import (
    LinkedServer,
    ServerArtist,
    ServerFacts,
    ServerSong,
    Unlinked,
)
from soundalike.library.matching import MatchedBy, Sought, match_tracks
from soundalike.library.server_places import item_at, places_on
from soundalike.library.storage.schema import (
    below,
    contents,
    links,
    server_artists,
    servers,
    tracks,
)

if TYPE_CHECKING:
    from soundalike.library.records import Track
    from soundalike.library.snapshot import Snapshot

__all__ = [
    "Link",
    "batches",
    "linked_server",
    "links_before",
    "server_row",
    "store_links",
    "wanted_links",
]

Item = TypeVar("Item")

# Rows of one statement, well under the number of parameters that one may have.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Link:
    """A song and the music that it is."""

    digest: bytes
    audio_digest: bytes | None
    by: MatchedBy
    said: str
    artist_ids: tuple[str, ...]
    album_artist_ids: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """As the database has it."""
        return {
            "digest": self.digest,
            "audio_digest": self.audio_digest,
            "matched_by": self.by,
            "said": self.said,
            "artist_ids": list(self.artist_ids),
            "album_artist_ids": list(self.album_artist_ids),
        }


def server_row(connection: Connection, name: str) -> Row[Any]:
    """The row of a server that is linked."""
    return connection.execute(select(servers).where(servers.c.name == name)).one()


def linked_server(row: Row[Any], linked: int) -> LinkedServer:
    """A server, from its row and the number of its songs that are linked."""
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


def links_before(connection: Connection, name: str) -> dict[str, Link]:
    """What the songs of a server are linked to, by their ids."""
    rows = connection.execute(
        select(links).join(servers, servers.c.id == links.c.server_id).where(servers.c.name == name)
    )
    return {
        row.item_id: Link(
            row.digest,
            row.audio_digest,
            cast("MatchedBy", row.matched_by),
            row.said,
            tuple(row.artist_ids),
            tuple(row.album_artist_ids),
        )
        for row in rows
    }


def wanted_links(
    snapshot: Snapshot,
    name: str,
    by_id: Mapping[str, ServerSong],
    before: Mapping[str, Link],
) -> tuple[dict[str, Link], list[Unlinked]]:
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


def _link(song: ServerSong, track: Track, by: MatchedBy, said: str) -> Link:
    assert track.content_hash is not None
    return Link(
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


def _having(connection: Connection, wanted: Sequence[Link]) -> set[bytes | None]:
    """The digests, of bytes or of audio, that the library still has."""
    found: set[bytes | None] = set()
    for some in batches(wanted):
        digests = [each.digest for each in some]
        audio = [each.audio_digest for each in some if each.audio_digest is not None]
        statement = select(contents.c.digest, contents.c.audio_digest).where(
            or_(contents.c.digest.in_(digests), contents.c.audio_digest.in_(audio))
        )
        for row in connection.execute(statement):
            found.update(each for each in row if each is not None)
    return found


def store_links(
    connection: Connection,
    name: str,
    facts: ServerFacts,
    by_id: Mapping[str, ServerSong],
    wanted: Mapping[str, Link],
) -> tuple[int, int, int]:
    """Write what differs; how many links are new, other, and gone."""
    before = links_before(connection, name)
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
    for some in batches([*changed, *removed]):
        gone = and_(links.c.server_id == known, links.c.item_id.in_(some))
        connection.execute(delete(links).where(gone))
    for some in batches([*added, *changed]):
        rows = [{"server_id": known, "item_id": each, **wanted[each].values()} for each in some]
        connection.execute(insert(links), rows)
    if has_other_artists:
        connection.execute(delete(server_artists).where(server_artists.c.server_id == known))
        for pairs in batches(list(artists.items())):
            rows = [
                {"server_id": known, "artist_id": artist_id, "name": artist}
                for artist_id, artist in pairs
            ]
            connection.execute(insert(server_artists), rows)
    return len(added), len(moved), len(removed)


def batches(rows: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Rows in as many parts as one statement each takes."""
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
