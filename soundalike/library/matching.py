"""Which tracks of a library are meant by what somebody else calls them: other programs, playlists.

The rules, in their order; each looks only at what those before left over:

1. the path, under whatever name the file is reached;
2. the end of the path, for what lies elsewhere or is named by another computer: the last three
   names, or all that there are if two at least, without the suffix; of several tracks, that with
   the longest common end, then that with the same suffix;
3. the MusicBrainz id of the recording, then the ISRC;
4. artist and title, and the length within two seconds where both are known. A title alone counts
   only with the length. Of several tracks, one by all that the artist names goes before one by the
   first of these, and one of the same album before others. Without a title, the names of folder and
   file count.

Several tracks that fit are one if it does not matter which of them is meant (``lookup.is_copy``);
else nothing is guessed, unless that is asked for.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.sql import ColumnElement, Select

from soundalike.errors import printable
from soundalike.files import real
from soundalike.library.artists import artists_in
from soundalike.library.lookup import is_copy
from soundalike.library.naming import short_name
from soundalike.library.scan.walk import canonical
from soundalike.library.storage.schema import contents, tracks
from soundalike.library.storage.word_search import word_starts
from soundalike.plain import plain

if TYPE_CHECKING:
    from soundalike.library.records import Track
    from soundalike.library.snapshot import Snapshot

__all__ = ["Matched", "MatchedBy", "Sought", "best_of", "match_tracks", "tracks_at", "tracks_where"]

MatchedBy = Literal["path", "tail", "musicbrainz", "isrc", "names"]

# Values of one statement, well under the number of parameters that one may have.
_BATCH = 500
# How many tracks with the words of what is sought are looked at.
_CANDIDATES = 1000
# So few are looked for by the index of words.
_FEW = 16
_SAME_LENGTH_S = 2.0
_LISTED = 3
# So many names at the end of a path tell a file.
_TAIL, _LEAST_TAIL = 3, 2


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody else calls a track.

    Attributes
    ----------
    path : of a file here, or as another computer has it, with / or \\.
    duration_s : seconds; None where unknown.
    recording_ids : of MusicBrainz, the likeliest first.
    """

    path: str | None = None
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None
    recording_ids: tuple[str, ...] = ()
    isrc: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """The track that is meant.

    Attributes
    ----------
    track, by : None where there is none, or it could be any of several.
    several : that fit, where nothing is guessed.
    """

    track: Track | None = None
    by: MatchedBy | None = None
    several: tuple[Track, ...] = ()

    @property
    def reason(self) -> str | None:
        """Why there is no track; None where there is one."""
        if self.track is not None:
            return None
        if not self.several:
            return "no track fits"
        some = ", ".join(f"#{track.track_id}" for track in self.several[:_LISTED])
        more = len(self.several) - _LISTED
        return f"several tracks fit: {some}{f' and {more:,} more' if more > 0 else ''}"


def match_tracks(
    snapshot: Snapshot, sought: Sequence[Sought], *, missing: bool = False, guess: bool = False
) -> list[Matched]:
    """The track of each, or why there is none.

    Parameters
    ----------
    missing : whether tracks whose files are gone count, behind those that are there.
    guess : whether of several tracks with the names the first that was scanned is taken.
    """
    found = [_Open(each, guess) for each in sought]
    there = () if missing else (tracks.c.missing_at.is_(None),)
    _by_path(snapshot, found, there)
    _by_tail(snapshot, _left(found), there)
    _by_tag(snapshot, _left(found), "musicbrainz", there)
    _by_tag(snapshot, _left(found), "isrc", there)
    _by_names(snapshot, _left(found), there)
    return [each.matched for each in found]


def tracks_at(snapshot: Snapshot, paths: Collection[str]) -> dict[str, Track]:
    """The tracks at some paths, by whatever name; missing ones, too."""
    names: dict[bytes, list[str]] = {}
    for path in (each for each in paths if "\0" not in each):
        for name in (canonical(path), real(path)):
            names.setdefault(os.fsencode(name), []).append(path)
    return {
        path: track
        for track in tracks_where(snapshot, tracks.c.path, names)
        for path in names[os.fsencode(track.path)]
    }


def tracks_where(
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


def best_of(sought: Sought, fitting: Iterable[Track]) -> list[Track]:
    """The tracks that fit, the likeliest first."""
    return sorted(
        fitting,
        key=lambda track: (
            _is_other_album(sought, track),
            track.missing_since is not None,
            _seconds_apart(sought, track) or 0.0,
            track.track_id,
        ),
    )


@dataclass
class _Open:
    """What is sought, and what is found out about it."""

    sought: Sought
    guess: bool
    matched: Matched = Matched()

    def choose(self, fitting: Iterable[Track], by: MatchedBy) -> None:
        """Take the best of some tracks, unless it could be any of several."""
        best = best_of(self.sought, fitting)
        if not best:
            return
        is_other = _is_other_album(self.sought, best[0])
        alike = [track for track in best if _is_other_album(self.sought, track) == is_other]
        # An identifier is that of one recording, however many files hold it.
        if by in ("path", "musicbrainz", "isrc") or all(is_copy(each, best[0]) for each in alike):
            self.matched = Matched(best[0], by)
        elif by == "names":
            self.matched = Matched(best[0], by) if self.guess else Matched(several=tuple(alike))


def _left(found: Iterable[_Open]) -> list[_Open]:
    return [each for each in found if each.matched.track is None]


def _by_path(
    snapshot: Snapshot, found: Sequence[_Open], there: Sequence[ColumnElement[bool]]
) -> None:
    at = tracks_at(snapshot, {path for each in found if (path := each.sought.path)})
    for each in found:
        track = at.get(each.sought.path or "")
        if track is not None and (track.status != "missing" or not there):
            each.choose([track], "path")


def _by_tail(
    snapshot: Snapshot, found: Sequence[_Open], there: Sequence[ColumnElement[bool]]
) -> None:
    waiting: dict[str, list[tuple[_Open, list[str]]]] = {}
    for each in found:
        names = _path_names(each.sought.path or "")
        if len(names) >= _LEAST_TAIL:
            waiting.setdefault(names[-1], []).append((each, names))
    if not waiting:
        return
    statement = _having(
        snapshot, select(tracks.c.id, tracks.c.path), [plain(name).split() for name in waiting]
    )
    # The longest common end so far, and whether the suffix is the same; with the tracks.
    tails: dict[int, tuple[tuple[int, bool], list[int]]] = {}
    for track_id, encoded in snapshot.connection.execute(statement.where(*there)):
        path = os.fsdecode(encoded)
        own = _path_names(path)
        for each, names in waiting.get(own[-1], ()):
            end = _common_end(names, own), _suffix(path) == _suffix(each.sought.path or "")
            longest, ids = tails.setdefault(id(each), ((min(_TAIL, len(names)), False), []))
            if end > longest:
                tails[id(each)] = (end, [track_id])
            elif end == longest:
                ids.append(track_id)
    known = snapshot.tracks_by_id(sorted({one for _, ids in tails.values() for one in ids}))
    for each in found:
        fitting = [known[one] for one in tails[id(each)][1]] if id(each) in tails else []
        each.choose((track for track in fitting if _is_as_long(each.sought, track)), "tail")


def _path_names(path: str) -> list[str]:
    """The folders of a path and its file without the suffix, as they are compared."""
    names = [name for name in re.split(r"[/\\]", path) if name]
    if names:
        names[-1] = os.path.splitext(names[-1])[0]
    return [plain(printable(name)) or name for name in names]


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _common_end(a: Sequence[str], b: Sequence[str]) -> int:
    n = 0
    while n < min(len(a), len(b)) and a[-1 - n] == b[-1 - n]:
        n += 1
    return n


def _by_tag(
    snapshot: Snapshot,
    found: Sequence[_Open],
    by: Literal["musicbrainz", "isrc"],
    there: Sequence[ColumnElement[bool]],
) -> None:
    """By the identifier that the tags of a recording have."""
    name = "isrc" if by == "isrc" else "musicbrainz_recording_id"

    def keys_of(sought: Sought) -> list[str]:
        said = (sought.isrc,) if by == "isrc" else sought.recording_ids
        return [key for each in said if (key := _identifier(each))]

    wanted = {key for each in found for key in keys_of(each.sought)}
    column = func.lower(func.replace(contents.c.tags[name].as_string(), "-", ""))
    having: dict[str, list[Track]] = {}
    for track in tracks_where(snapshot, column, wanted, *there):
        having.setdefault(_identifier(getattr(track.tags, name)), []).append(track)
    for each in found:
        first = next((key for key in keys_of(each.sought) if key in having), None)
        if first is not None:
            each.choose(having[first], by)


def _identifier(text: str | None) -> str:
    return (text or "").replace("-", "").lower()


def _by_names(
    snapshot: Snapshot, found: Sequence[_Open], there: Sequence[ColumnElement[bool]]
) -> None:
    having = list(_having_words(snapshot, found, there))
    known = snapshot.tracks_by_id(sorted({number for _, numbers in having for number in numbers}))
    for each, numbers in having:
        said = _Names(each.sought)
        fitting: dict[int, list[Track]] = {}
        for number in numbers:
            rank = said.fit(known[number])
            if rank is not None:
                fitting.setdefault(rank, []).append(known[number])
        if fitting:
            each.choose(fitting[min(fitting)], "names")


def _having(
    snapshot: Snapshot, statement: Select[Any], words: Sequence[Collection[str]]
) -> Select[Any]:
    """A statement over tracks, for those with all words of one of some names, as far as that is
    quicker than to look at all."""
    if len(words) > _FEW or not all(words):
        return statement
    each = (word_starts(snapshot.connection, sorted(some)) for some in words)
    return statement.where(or_(*each))


def _having_words(
    snapshot: Snapshot, found: Sequence[_Open], there: Sequence[ColumnElement[bool]]
) -> Iterator[tuple[_Open, Sequence[int]]]:
    """For each, the tracks that have all words of its names.

    One look at the words of all tracks answers for all. Each waits at the rarest of its words, so
    that few tracks are compared with it.
    """
    words = [frozenset(_words(each.sought)) for each in found]
    wanted = frozenset().union(*words)
    if not wanted:
        return iter(())
    statement = select(tracks.c.id, tracks.c.words).where(*there)
    statement = _having(snapshot, statement, [some for some in words if some])
    ordered = snapshot.connection.execute(statement.order_by(tracks.c.id))
    rows: list[tuple[int, str]] = [(row.id, row.words) for row in ordered]
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


def _words(sought: Sought) -> list[str]:
    """Those that a track must have. Of several artists, it may name one alone; without a title the
    artist, too, may be what a folder was called."""
    is_sure = sought.title and len(_artists_in(sought.artist)) < 2
    return plain(f"{(is_sure and sought.artist) or ''} {_title(sought)}").split()


def _title(sought: Sought) -> str:
    return sought.title or (printable(Path(sought.path).stem) if sought.path else "")


def _artists_in(artist: str | None) -> tuple[str, ...]:
    """The names in an artist that are surely several."""
    return artists_in(artist, lambda _: False) if artist else ()


class _Names:
    """What something is called, to be compared with tracks."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        title, artist = sought.title, sought.artist
        # "a - b - c" may be by "a" or by "a - b": the words are the same.
        self._whole = plain(f"{artist} {title}")
        self._parts = {plain(f"{each} {title}") for each in (artist, *_artists_in(artist))}

    def fit(self, track: Track) -> int | None:
        """0 where names and length are those of a track, 1 if for one of several artists alone,
        None if not."""
        sought = self._sought
        if not _is_as_long(sought, track):
            return None
        titles = {plain(track.title or ""), plain(printable(track.path.stem))} - {""}
        if sought.title and sought.artist:
            artists = {each for each in (track.artist, track.album_artist) if each}
            artists.update(track.tags.artists)
            if self._whole in {plain(f"{name} {title}") for name in artists for title in titles}:
                return 0
            artists |= {_artists_in(name)[0] for name in artists}
            own = {plain(f"{name} {title}") for name in artists for title in titles}
            if not own.isdisjoint(self._parts):
                return 1
            # A file called "a - b" may have no artist.
            own_title = self._whole
        elif sought.path and plain(short_name(sought.path)) == plain(short_name(track.path)):
            return 0
        else:
            own_title = plain(_title(sought))
        # "Intro" says nothing, "Intro" of 81 seconds does.
        is_told = _seconds_apart(sought, track) is not None
        return 0 if is_told and own_title in titles else None


def _is_other_album(sought: Sought, track: Track) -> bool:
    album = plain(sought.album or "")
    return bool(album) and album != plain(track.album or "")


def _is_as_long(sought: Sought, track: Track) -> bool:
    """Whether nothing is known against it."""
    apart = _seconds_apart(sought, track)
    return apart is None or apart <= _SAME_LENGTH_S


def _seconds_apart(sought: Sought, track: Track) -> float | None:
    if sought.duration_s is None or track.duration_s is None:
        return None
    return abs(sought.duration_s - track.duration_s)
