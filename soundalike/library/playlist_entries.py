"""Which tracks of a library the entries of a playlist mean, when files were moved or renamed.

The rules, in their order; each looks only at what those before left over:

1. the path, under whatever name the file is reached;
2. the content: a file that is gone has a copy that is there, the same bytes or the same audio with
   other tags; or the entry's file has the bytes of a track that lies elsewhere;
3. the MusicBrainz id of the recording, then the ISRC;
4. artist and title, and the length within two seconds where both are known. A title alone counts
   only with the length. Of several tracks, one of the same album goes first. Without a title, the
   names of folder and file count.

Several tracks that fit are one if it does not matter which of them is meant (``lookup.is_copy``);
else nothing is guessed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.sql import ColumnElement

from soundalike.errors import printable
from soundalike.files import content_digest
from soundalike.library.lookup import is_copy
from soundalike.library.naming import short_name
from soundalike.library.playlist_records import (
    PlaylistResolution,
    ResolvedBy,
    ResolvedEntry,
    entry_of,
)
from soundalike.library.records import Track
from soundalike.library.scan.walk import canonical
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.schema import contents, tracks
from soundalike.library.storage.sqlite import word_starts
from soundalike.plain import plain
from soundalike.playlists import Playlist, PlaylistEntry

__all__ = ["resolve"]

Snapshots = Callable[[], AbstractContextManager[Snapshot]]
"""Opens a transaction and looks at the library in it."""

# Values of one statement, well under the number of parameters that one may have.
_BATCH = 500
# How many tracks with the words of an entry are looked at.
_CANDIDATES = 1000
# So few entries are looked for by the index of words.
_FEW = 16
_SAME_LENGTH_S = 2.0
_LISTED = 3


@dataclass
class _Open:
    """An entry, and what is found out about it.

    Attributes
    ----------
    said : the entry, with what the library knows of its file, if that is gone.
    gone : the track with its path, whose file is gone.
    is_there : whether there is a file at its path.
    several : tracks that fit, of which it could be any.
    """

    entry: PlaylistEntry
    said: PlaylistEntry
    track: Track | None = None
    by: ResolvedBy | None = None
    gone: Track | None = None
    is_there: bool = False
    several: Sequence[Track] = ()

    def choose(self, fitting: Iterable[Track], by: ResolvedBy) -> None:
        """Take the best of some tracks, unless it could be any of several."""
        best = sorted(fitting, key=lambda track: (*self._distance(track), track.track_id))
        if not best:
            return
        alike = [track for track in best if self._distance(track)[0] == self._distance(best[0])[0]]
        # An identifier is that of one recording, however many files hold it.
        if by == "names" and not all(is_copy(track, best[0]) for track in alike):
            self.several = alike
        else:
            self.track, self.by = best[0], by

    def set_gone(self, track: Track) -> None:
        known = entry_of(track)
        names = ("title", "artist", "album", "duration_s", "musicbrainz_recording_id", "isrc")
        more = {name: getattr(self.said, name) or getattr(known, name) for name in names}
        self.gone, self.said = track, replace(self.said, **more)

    def _distance(self, track: Track) -> tuple[bool, float]:
        album = plain(self.said.album or "")
        is_other_album = bool(album) and album != plain(track.album or "")
        return is_other_album, _seconds_apart(self.said, track) or 0.0

    def resolved(self) -> ResolvedEntry:
        return ResolvedEntry(self.entry, self.track, self.by, self._reason())

    def _reason(self) -> str | None:
        if self.track is not None:
            return None
        if self.several:
            some = ", ".join(f"#{track.track_id}" for track in self.several[:_LISTED])
            more = len(self.several) - _LISTED
            return f"several tracks fit: {some}{f' and {more:,} more' if more > 0 else ''}"
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
        _by_tag(snapshot, found, "musicbrainz")
        _by_tag(snapshot, found, "isrc")
        _by_names(snapshot, found)
    return PlaylistResolution(playlist, tuple(each.resolved() for each in found))


def _left(found: Iterable[_Open]) -> list[_Open]:
    return [each for each in found if each.track is None]


def _by_path(snapshot: Snapshot, found: Sequence[_Open]) -> None:
    names: dict[bytes, list[_Open]] = {}
    for each in found:
        if each.entry.path is not None:
            for name in (canonical(each.entry.path), os.path.realpath(each.entry.path)):
                names.setdefault(os.fsencode(name), []).append(each)
    for track in _where_in(snapshot, tracks.c.path, names):
        for each in names[os.fsencode(track.path)]:
            if track.status == "missing":
                each.set_gone(track)
            else:
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
    for track in _where_in(snapshot, tracks.c.size_bytes, sizes, tracks.c.missing_at.is_(None)):
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
    each.choose([track for track in candidates if track.content_hash == digest], "content")


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
        for track in _where_in(snapshot, column, wanted, tracks.c.missing_at.is_(None)):
            copies.setdefault(bytes.fromhex(getattr(track, name)), []).append(track)
        for digest in copies:
            for each in wanted[digest]:
                each.choose(copies[digest], "content")


def _by_tag(snapshot: Snapshot, found: Sequence[_Open], by: ResolvedBy) -> None:
    """By the identifier that the tags of a recording have."""
    name = "isrc" if by == "isrc" else "musicbrainz_recording_id"
    wanted: dict[str, list[_Open]] = {}
    for each in _left(found):
        if key := _identifier(getattr(each.said, name)):
            wanted.setdefault(key, []).append(each)
    column = func.lower(func.replace(contents.c.tags[name].as_string(), "-", ""))
    having: dict[str, list[Track]] = {}
    for track in _where_in(snapshot, column, wanted, tracks.c.missing_at.is_(None)):
        having.setdefault(_identifier(getattr(track.tags, name)), []).append(track)
    for key in having:
        for each in wanted[key]:
            each.choose(having[key], by)


def _identifier(text: str | None) -> str:
    return (text or "").replace("-", "").lower()


def _by_names(snapshot: Snapshot, found: Sequence[_Open]) -> None:
    having = list(_having_words(snapshot, _left(found)))
    known = snapshot.tracks_by_id(sorted({number for _, numbers in having for number in numbers}))
    for each, numbers in having:
        candidates = (known[number] for number in numbers)
        each.choose((track for track in candidates if _fits(each.said, track)), "names")


def _having_words(
    snapshot: Snapshot, found: Sequence[_Open]
) -> Iterator[tuple[_Open, Sequence[int]]]:
    """For each entry, the tracks that have all words of its names.

    One look at the words of all tracks answers for all entries. Each entry waits at the rarest of
    its words, so that few tracks are compared with it.
    """
    words = [frozenset(_words(each.said)) for each in found]
    wanted = frozenset().union(*words)
    if not wanted:
        return iter(())
    statement = select(tracks.c.id, tracks.c.words).where(tracks.c.missing_at.is_(None))
    if len(found) <= _FEW:
        statement = statement.where(or_(*(word_starts(sorted(some)) for some in words if some)))
    rows = [tuple(row) for row in snapshot.connection.execute(statement.order_by(tracks.c.id))]
    count: Counter[str] = Counter()
    for _, text in rows:
        count.update(wanted.intersection(text.split()))
    waiting: dict[str, list[int]] = {}
    for number, some in enumerate(words):
        if some:
            waiting.setdefault(min(some, key=lambda word: (count[word], word)), []).append(number)
    having: list[list[int]] = [[] for _ in found]
    for track_id, text in rows:
        own = frozenset(text.split())
        for word in own & waiting.keys():
            for number in waiting[word]:
                if words[number] <= own and len(having[number]) < _CANDIDATES:
                    having[number].append(track_id)
    return zip(found, having, strict=True)


def _words(said: PlaylistEntry) -> list[str]:
    # Without a title the artist, too, may be what a folder was called.
    artist = said.artist if said.title else None
    return plain(f"{artist or ''} {_title(said)}").split()


def _title(said: PlaylistEntry) -> str:
    return said.title or (printable(said.path.stem) if said.path else "")


def _fits(said: PlaylistEntry, track: Track) -> bool:
    """Whether the names and the length of an entry are those of a track."""
    apart = _seconds_apart(said, track)
    if apart is not None and apart > _SAME_LENGTH_S:
        return False
    titles = {plain(track.title or ""), plain(printable(track.path.stem))} - {""}
    if said.title and said.artist:
        artists = {track.artist, track.album_artist, *track.tags.artists} - {None}
        # "a - b - c" may be by "a" or by "a - b": the words are the same.
        own = plain(f"{said.artist} {said.title}")
        if own in {plain(f"{artist} {title}") for artist in artists for title in titles}:
            return True
    elif said.path and plain(short_name(said.path)) == plain(short_name(track.path)):
        return True
    else:
        own = plain(_title(said))
    # "Intro" says nothing, "Intro" of 81 seconds does. A file called "a - b" may have no artist.
    return apart is not None and own in titles


def _seconds_apart(said: PlaylistEntry, track: Track) -> float | None:
    if said.duration_s is None or track.duration_s is None:
        return None
    return abs(said.duration_s - track.duration_s)


def _where_in(
    snapshot: Snapshot,
    column: ColumnElement[Any],
    values: Collection[bytes] | Collection[str] | Collection[int],
    *conditions: ColumnElement[bool],
) -> Iterator[Track]:
    """The tracks for which a column has one of some values, as many as they may be."""
    listed = list(values)
    for start in range(0, len(listed), _BATCH):
        some = column.in_(listed[start : start + _BATCH])
        yield from snapshot.where(and_(some, *conditions))
