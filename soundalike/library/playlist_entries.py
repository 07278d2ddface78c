"""Which tracks of a library the entries of a playlist mean, when files were moved or renamed.

The rules, in their order; each looks only at what those before left over:

1. the path, under whatever name the file is reached;
2. the content: a file that is gone has a copy that is there, the same bytes or the same audio with
   other tags; or the entry's file has the bytes of a track that lies elsewhere;
3. those of ``matching``: the end of the path, identifiers, names. What the library knows of a file
   that is gone counts as if the entry said it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.files import content_digest
from soundalike.library.matching import (
    Matched,
    Sought,
    best_of,
    match_tracks,
    tracks_at,
    tracks_where,
)
from soundalike.library.playlist_records import (
    PlaylistResolution,
    ResolvedBy,
    ResolvedEntry,
    entry_of,
)
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.schema import contents, tracks

if TYPE_CHECKING:
    from soundalike.library.records import Track
    from soundalike.playlists import Playlist, PlaylistEntry

__all__ = ["resolve"]

Snapshots = Callable[[], AbstractContextManager[Snapshot]]
"""Opens a transaction and looks at the library in it."""


@dataclass
class _Open:
    """An entry, and what is found out about it.

    Attributes
    ----------
    said : the entry, with what the library knows of its file, if that is gone.
    gone : the track with its path, whose file is gone.
    is_there : whether there is a file at its path.
    matched : by the rules of ``matching``.
    """

    entry: PlaylistEntry
    said: PlaylistEntry
    track: Track | None = None
    by: ResolvedBy | None = None
    gone: Track | None = None
    is_there: bool = False
    matched: Matched = field(default_factory=Matched)

    @property
    def sought(self) -> Sought:
        said = self.said
        recording = said.musicbrainz_recording_id
        return Sought(
            path=None if said.path is None else os.fspath(said.path),
            title=said.title,
            artist=said.artist,
            album=said.album,
            duration_s=said.duration_s,
            recording_ids=(recording,) if recording else (),
            isrc=said.isrc,
        )

    def take_copy(self, fitting: Iterable[Track]) -> None:
        best = best_of(self.sought, fitting)
        if best:
            self.track, self.by = best[0], "content"

    def set_gone(self, track: Track) -> None:
        known = entry_of(track)
        names = ("title", "artist", "album", "duration_s", "musicbrainz_recording_id", "isrc")
        more = {name: getattr(self.said, name) or getattr(known, name) for name in names}
        self.gone, self.said = track, replace(self.said, **more)

    def set_matched(self, matched: Matched) -> None:
        self.matched = matched
        self.track, self.by = matched.track, matched.by

    def resolved(self) -> ResolvedEntry:
        return ResolvedEntry(self.entry, self.track, self.by, self._reason())

    def _reason(self) -> str | None:
        if self.track is not None:
            return None
        if self.matched.several:
            return self.matched.reason
        if self.entry.path is None:
            return f"{self.entry.why_no_file}; no track has its names"
        if self.is_there:
            return "not in the library; scan its folder first"
        if self.gone is not None:
            return f"{self.gone.absence}; no other track fits"
        return "there is no such file; no track fits"


def resolve(playlist: Playlist, snapshots: Snapshots) -> PlaylistResolution:
    """Find the track of each entry, or say why there is none; see ``Library.resolve_playlist``.

    Files are read only outside of transactions, and only those that have the size of a track.
    """
    found = [_Open(entry, entry) for entry in playlist.entries]
    with snapshots() as snapshot:
        _by_path(snapshot, found)
        by_size = _of_same_size(snapshot, found)
    for each, candidates in by_size:
        _by_file(each, candidates)
    with snapshots() as snapshot:
        _by_copy(snapshot, found)
        left = _left(found)
        for each, matched in zip(
            left, match_tracks(snapshot, [each.sought for each in left]), strict=True
        ):
            each.set_matched(matched)
    return PlaylistResolution(playlist, tuple(each.resolved() for each in found))


def _left(found: Iterable[_Open]) -> list[_Open]:
    return [each for each in found if each.track is None]


def _by_path(snapshot: Snapshot, found: Sequence[_Open]) -> None:
    at = tracks_at(snapshot, {os.fspath(each.entry.path) for each in found if each.entry.path})
    for each in found:
        track = at.get(os.fspath(each.entry.path)) if each.entry.path else None
        if track is not None and track.status == "missing":
            each.set_gone(track)
        elif track is not None:
            each.track, each.by = track, "path"


def _of_same_size(snapshot: Snapshot, found: Sequence[_Open]) -> list[tuple[_Open, list[Track]]]:
    """For each entry whose file is there, the tracks that may be the same file, or a copy of it."""
    sizes: dict[int, list[_Open]] = {}
    for each in _left(found):
        try:
            size = os.stat(each.entry.path).st_size if each.entry.path else None
        except OSError:
            continue
        if size is not None:
            each.is_there = True
            sizes.setdefault(size, []).append(each)
    tracks_of: dict[int | None, list[Track]] = {}
    for track in tracks_where(snapshot, tracks.c.size_bytes, sizes, tracks.c.missing_at.is_(None)):
        tracks_of.setdefault(track.size_bytes, []).append(track)
    return [(each, tracks_of[size]) for size in sizes if size in tracks_of for each in sizes[size]]


def _by_file(each: _Open, candidates: Sequence[Track]) -> None:
    """The track of the very file, by whatever name, or of its content."""
    path = each.entry.path
    assert path is not None  # its size is known
    for track in candidates:
        if _is_same_file(track.path, path):
            each.track, each.by = track, "path"
            return
    try:
        digest = content_digest(os.fspath(path)).hex()
    except OSError:
        return  # whoever plays it will find out
    each.take_copy(track for track in candidates if track.content_hash == digest)


def _is_same_file(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return False


def _by_copy(snapshot: Snapshot, found: Sequence[_Open]) -> None:
    """For files that are gone: tracks with the same content, else with the same audio."""
    for column, name in (
        (contents.c.digest, "content_hash"),
        (contents.c.audio_digest, "audio_hash"),
    ):
        wanted: dict[bytes, list[_Open]] = {}
        for each in _left(found):
            digest = getattr(each.gone, name, None)
            if digest is not None:
                wanted.setdefault(bytes.fromhex(digest), []).append(each)
        copies: dict[bytes, list[Track]] = {}
        for track in tracks_where(snapshot, column, wanted, tracks.c.missing_at.is_(None)):
            copies.setdefault(bytes.fromhex(getattr(track, name)), []).append(track)
        for digest in copies:
            for each in wanted[digest]:
                each.take_copy(copies[digest])
