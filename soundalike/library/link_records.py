"""Music servers: what they say of their songs, and which of these are linked to which tracks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from soundalike.library.matching import MatchedBy

__all__ = [
    "LinkReport",
    "LinkedServer",
    "ServerArtist",
    "ServerFacts",
    "ServerSong",
    "SongUse",
    "Unlinked",
]


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
class SongUse:
    """What a listener did with a song, as a server tells it; times are seconds since 1970.

    Attributes
    ----------
    starred_at : None where it has no star.
    rating : 1 to 5 stars of the other kind; None for none.
    plays, played_at : how often it was played, and when last; None where that is not said.
    added_at : when the server found it.
    """

    starred_at: float | None = None
    rating: int | None = None
    plays: int = 0
    played_at: float | None = None
    added_at: float | None = None


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
    size_bytes, suffix : of its file; None where the server does not say.
    use : what the user who asks did with it.
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
    size_bytes: int | None = None
    suffix: str | None = None
    use: SongUse = SongUse()

    @property
    def name(self) -> str:
        """For people."""
        title = self.title or self.path or self.item_id
        return f"{self.artist} - {title}" if self.artist else title

    @property
    def path_names(self) -> list[str]:
        """Folders and file, as the server has them, or made of what it says of the song."""
        if self.path:
            return re.split(r"[/\\]", self.path)
        suffix = f".{self.suffix}" if self.suffix and self.suffix.isalnum() else ""
        named = (self.artist, self.album, (self.title or self.item_id) + suffix)
        return [each for each in named if each]


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A song that is linked to no track.

    Attributes
    ----------
    reason : why, for people.
    is_unknown : whether no track fits at all, rather than several, or one that cannot be read.
    """

    song: ServerSong
    reason: str
    is_unknown: bool = False


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
