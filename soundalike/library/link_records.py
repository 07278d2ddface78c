"""Music servers: what they say of their songs, and which of these are linked to which tracks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from soundalike.library.matching import MatchedBy

__all__ = ["LinkReport", "LinkedServer", "ServerArtist", "ServerFacts", "ServerSong", "Unlinked"]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Which server it is.

    Attributes
    ----------
    kind : what it speaks, such as "subsonic".
    url : where it is, without credentials.
    user : who asks it; None where it is asked with a key alone.
    software : its name and version; None where it does not say.
    """

    kind: str
    url: str
    user: str | None = None
    software: str | None = None


@dataclass(frozen=True, slots=True)
class ServerArtist:
    """An artist, by the id that the server has for them."""

    artist_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ServerSong:
    """A song, as a server tells it.

    Attributes
    ----------
    item_id : its id there.
    path : of its file, as the server has it; often only its end, or made of the tags.
    duration_s : seconds; None where unknown.
    recording_ids : of MusicBrainz.
    artists, album_artists : those that the server has a page for.
    """

    item_id: str
    path: str | None = None
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None
    recording_ids: tuple[str, ...] = ()
    isrc: str | None = None
    artists: tuple[ServerArtist, ...] = ()
    album_artists: tuple[ServerArtist, ...] = ()

    @property
    def name(self) -> str:
        """For people."""
        title = self.title or self.path or self.item_id
        return f"{self.artist} - {title}" if self.artist else title


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A song that is linked to no track.

    Attributes
    ----------
    reason : why, for people.
    """

    song: ServerSong
    reason: str


@dataclass(frozen=True, slots=True)
class LinkedServer:
    """A server that the library is linked to.

    Attributes
    ----------
    name : by which requests and people name it.
    songs : how many it had, and ``linked`` how many of them are linked.
    linked_at : when it was last asked.
    """

    name: str
    kind: str
    url: str
    user: str | None
    software: str | None
    songs: int
    linked: int
    linked_at: datetime


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What came of linking a server.

    Attributes
    ----------
    server : as it is linked now.
    matched_by : how many songs were told by what.
    added, changed, removed : links that are new, are to other music than before, or are gone.
    unlinked : the songs that are linked to nothing.
    """

    server: LinkedServer
    matched_by: Mapping[MatchedBy, int] = field(hash=False)
    added: int
    changed: int
    removed: int
    unlinked: tuple[Unlinked, ...]
