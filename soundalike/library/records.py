"""What a library returns: frozen dataclasses, units in the field names, times in UTC.

These are what most questions need. What only some return is in the modules that are named alike,
so that a command need not wait for all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from soundalike.audio.tags import Tags
from soundalike.library.naming import filled, short_name

__all__ = [
    "VERSION_KINDS",
    "Copy",
    "CopyKind",
    "Track",
    "TrackOrder",
    "TrackPage",
    "TrackStatus",
]

TrackStatus = Literal["analysed", "failed", "missing", "pending"]
TrackOrder = Literal["best", "path", "artist", "album", "title", "added"]
CopyKind = Literal["copy", "audio", "near", "version"]
VERSION_KINDS: tuple[CopyKind, ...] = get_args(CopyKind)


@dataclass(frozen=True, slots=True)
class Track:
    """One audio file that the library has seen.

    Attributes
    ----------
    track_id : stays the same when the file is moved, renamed or changed; never given out twice.
    path : absolute, the folder without symbolic links.
    tags : of the file.
    from_path : what folders and name of the file say, by the pattern of the scanned folder if it
        has one. The attributes ``artist``, ``album`` and so on are the tags', or these where
        there is no tag; ``stand_ins`` names those.
    duration_s : seconds that were decoded; None while nothing was.
    sample_rate, channels, codec : of the file; None while unknown.
    size_bytes : of the file when it was last seen; None when it could not be looked at.
    content_hash : BLAKE2b (32 bytes, hexadecimal) of the file's bytes; equal for exact copies.
    audio_hash : of the audio alone, whatever the tags are; None until a scan has looked.
    status : "missing" (was there, is gone), "failed", "analysed" (with the model that answers
        queries), or "pending" (not looked at with this model).
    missing_since : when a scan found out that the file is gone; None where it is there.
    tempo_bpm : beats a minute; None where the model that answers does not tell or is not sure.
    key : such as "A minor"; None as for the tempo.
    """

    track_id: int
    path: Path
    tags: Tags
    duration_s: float | None
    sample_rate: int | None
    channels: int | None
    codec: str | None
    size_bytes: int | None
    content_hash: str | None
    status: TrackStatus
    audio_hash: str | None = None
    from_path: Tags = field(default_factory=Tags)
    missing_since: datetime | None = None
    tempo_bpm: float | None = None
    key: str | None = None

    @property
    def absence(self) -> str | None:
        """``missing since 2026-11-26``, the day as here; None for a track that is not missing."""
        if self.missing_since is None:
            return None
        return f"missing since {self.missing_since.astimezone():%Y-%m-%d}"

    @property
    def title(self) -> str | None:
        return self.tags.title or self.from_path.title

    @property
    def artist(self) -> str | None:
        return self.tags.artist or self.from_path.artist

    @property
    def album(self) -> str | None:
        return self.tags.album or self.from_path.album

    @property
    def album_artist(self) -> str | None:
        return self.tags.album_artist or self.from_path.album_artist

    @property
    def genre(self) -> str | None:
        return self.tags.genre or self.from_path.genre

    @property
    def year(self) -> int | None:
        return self.tags.year or self.from_path.year

    @property
    def track_number(self) -> int | None:
        return self.tags.track_number or self.from_path.track_number

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """The names of those that come from the path, because there is no tag."""
        names = (each.name for each in fields(Tags))
        return tuple(
            name for name in names if getattr(self.from_path, name) and not getattr(self.tags, name)
        )

    @property
    def name(self) -> str:
        """``artist - title``; without a title ``folder/file``, since "track8" says nothing."""
        if not self.title:
            return short_name(self.path)
        return f"{self.artist} - {self.title}" if self.artist else self.title

    def to_json(self) -> dict[str, Any]:
        """All of it by name, for programs: the tags or their stand-ins among the rest."""
        named = filled(self.tags, self.from_path)
        return {
            "track_id": self.track_id,
            "path": self.path,
            **{each.name: getattr(named, each.name) for each in fields(Tags)},
            "stand_ins": self.stand_ins,
            "duration_s": self.duration_s,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "codec": self.codec,
            "size_bytes": self.size_bytes,
            "content_hash": self.content_hash,
            "audio_hash": self.audio_hash,
            "tempo_bpm": self.tempo_bpm,
            "key": self.key,
            "status": self.status,
            "missing_since": self.missing_since,
        }


@dataclass(frozen=True, slots=True)
class TrackPage:
    """A page of tracks.

    Attributes
    ----------
    total : how many there are in all pages.
    offset : how many there are before this page.
    tracks : in order; none behind the end.
    """

    total: int
    offset: int
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """A track with the music of another.

    Attributes
    ----------
    kind : "copy", the same bytes; "audio", the same audio with other tags; "near", a
        near-duplicate, such as another encoding (``similarity.duplicates`` tells by which rules,
        and how often these err); "version", another recording of it that ``Library.versions`` has
        found.
    similarity : cosine of the two.
    """

    track: Track
    kind: CopyKind
    similarity: float
