"""What a library returns: frozen dataclasses, units in the field names, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from soundalike.audio.tags import Tags
from soundalike.library.naming import filled, short_name

__all__ = [
    "Copy",
    "CopyKind",
    "DuplicateGroup",
    "Failure",
    "Forgotten",
    "LibraryInfo",
    "ModelTracks",
    "ScanPhase",
    "ScanProgress",
    "ScanReport",
    "ScannedFolder",
    "Track",
    "TrackOrder",
    "TrackPage",
    "TrackStatus",
    "Upgrade",
]

TrackStatus = Literal["analysed", "failed", "missing", "pending"]
TrackOrder = Literal["best", "path", "artist", "album", "title", "added"]
CopyKind = Literal["copy", "audio", "near", "version"]
ScanPhase = Literal["walking", "analysing", "reading tags", "re-analysing"]


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
class Failure:
    """A file that could not be analysed, or a folder that could not be read.

    Attributes
    ----------
    track_id : None for a folder.
    kind : the name of the error's class, such as "SilentAudio".
    reason : what is wrong, without the path.
    advice : what to do.
    attempts : how often it was tried in this state of the file.
    failed_at : of the last attempt.
    retry_at : from when on a scan tries again by itself; None when only a change of the file (or
        ``retry=True``) can help.
    """

    track_id: int | None
    path: Path
    kind: str
    reason: str
    advice: str
    attempts: int
    failed_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    Attributes
    ----------
    phase : "walking" while folders are listed (``total`` grows), then "analysing" what is new or
        changed, then "reading tags" where their encoding is another now, then "re-analysing" what
        an older model analysed, or what was heard in passages only.
    done, total : files that had to be read; unchanged ones do not count. When re-analysing, the
        library's tracks, those that earlier scans re-analysed among them.
    tracks_per_s : over the last half minute; 0 until something is done.
    left_s : seconds; None while unknown.
    path : the file that was finished last, or the folder that is being listed.
    model : that analyses, ``name@version``.
    is_fast : whether only a few passages of each file are heard.
    """

    phase: ScanPhase
    done: int
    total: int
    tracks_per_s: float
    left_s: float | None
    path: Path | None
    model: str
    is_fast: bool = False


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan did, in files.

    Attributes
    ----------
    analysed : decoded and analysed, new or changed.
    reanalysed : analysed before by an older model, and now by its successor; or heard in passages
        only, and now as a whole. Each of them is counted as unchanged (moved, returned, ...) as
        well.
    fast : of the analysed and re-analysed ones, those of which only some passages were heard.
    retagged : with other tags than before. The audio is that of a file that is known: its
        analysis is kept. Those whose file did not change, but whose tags are
        read in another encoding now, or by ``full``, are counted as unchanged as well.
    unchanged : known already, at the same path with the same content.
    moved : known under a path that is gone; not analysed again.
    copied : at a new path or with new content, but equal to a file that is known: its analysis
        is shared.
    returned : had been missing and is back.
    missing : whose file is gone; found out by this scan.
    removed : no longer in the library, as they lie in a recycle bin, in a folder with a file
        ``.nomedia``, or are excluded.
    failed : files and folders that failed in this scan.
    still_failing : failed earlier, unchanged since, and not tried again.
    ignored : files that are not audio by their name, or hidden; excluded ones do not count.
    elapsed_s : seconds.
    interrupted : stopped by Ctrl-C or SIGTERM; what was finished is stored, and the next scan goes
        on.
    notes : what the user should know, such as that a folder looks unmounted.
    """

    analysed: int
    reanalysed: int
    fast: int
    retagged: int
    unchanged: int
    moved: int
    copied: int
    returned: int
    missing: int
    removed: int
    failed: tuple[Failure, ...]
    still_failing: int
    ignored: int
    elapsed_s: float
    interrupted: bool
    notes: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """A recording that a library has several times.

    Attributes
    ----------
    best : the copy that is probably worth keeping: a lossless one before others, then the one with
        the higher bit rate, with more tags, with the shorter path.
    others : in the same order.
    """

    best: Track
    others: tuple[Copy, ...]

    @property
    def size_bytes(self) -> int:
        """Of the others together."""
        return sum(copy.track.size_bytes or 0 for copy in self.others)


@dataclass(frozen=True, slots=True)
class ModelTracks:
    """How many of a library's tracks are analysed with a model."""

    model: str
    tracks: int


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How far the re-analysis of a library by a new default model is.

    Attributes
    ----------
    model : the new model, ``name@version``.
    former : the models whose place it takes, oldest first.
    query_model : the one of all these that answers queries now.
    done : tracks that the former and the new model have analysed.
    remaining : tracks that the new one has not yet. With the last of them it answers, and the
        same scan (or the next) drops the analyses of the former ones.
    """

    model: str
    former: tuple[str, ...]
    query_model: str
    done: int
    remaining: int


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """What a library holds.

    Attributes
    ----------
    location : the database file, or the URL without its password.
    model : that answers queries, ``name@version``; the counts are of this one.
    facets : what its embeddings are made of, and the share of each in a similarity, sum 1.
    upgrade : how far the re-analysis by a new model is; None when there is nothing of the kind.
    models : all models that its tracks are analysed with.
    tracks : all tracks that are not missing: ``analysed + failed + pending``.
    unfamiliar : of the analysed, those that are unlike all music that the model knows.
    fast : of the analysed, those of which only some passages were heard.
    duration_s : of the analysed tracks together.
    size_bytes : of the database; None when it is not a file.
    schema_version : of the database.
    folders : that were scanned, by path.
    """

    location: str
    model: str
    facets: Mapping[str, float] = field(hash=False)
    upgrade: Upgrade | None
    models: tuple[ModelTracks, ...]
    tracks: int
    analysed: int
    failed: int
    pending: int
    missing: int
    unfamiliar: int
    fast: int
    duration_s: float
    size_bytes: int | None
    schema_version: str
    folders: tuple[ScannedFolder, ...]


@dataclass(frozen=True, slots=True)
class ScannedFolder:
    """A folder that was scanned, and how.

    Attributes
    ----------
    path : without symbolic links.
    tracks : in it and below it, without the missing ones.
    excludes : patterns of names and paths that are left out.
    pattern : how its paths are made, such as "{artist}/{album}/{title}"; None for the default.
    tag_encoding : what 8-bit text in its tags is; None to find out.
    scanned_at : the last time.
    """

    path: Path
    tracks: int
    excludes: tuple[str, ...]
    pattern: str | None
    tag_encoding: str | None
    scanned_at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, or would be.

    Attributes
    ----------
    paths : of the tracks, in order.
    missing : how many of them were marked as missing.
    there : how many of the files are still there; the next scan of their folder adds them again.
    folders : scanned folders among it; a scan without folders no longer goes through them.
    """

    paths: tuple[Path, ...]
    missing: int
    there: int
    folders: tuple[Path, ...]
