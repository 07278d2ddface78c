"""Which track is meant: a path, an id, or words; and what was probably meant where none is."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Select, select
from sqlalchemy.sql import ColumnElement

from soundalike.arguments import as_whole_number
from soundalike.errors import (
    AmbiguousTrack,
    InvalidArgument,
    MissingExtra,
    TrackNotFound,
    printable,
)
from soundalike.files import content_digest, real
from soundalike.library.naming import album_folder
from soundalike.library.scan.walk import AUDIO_SUFFIXES, canonical
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Found, Query, Snapshot
from soundalike.library.storage.schema import tracks
from soundalike.library.storage.word_search import (
    is_letter,
    shared_parts,
    word_parts,
    word_starts,
)
from soundalike.library.words import track_number_in
from soundalike.plain import plain
from soundalike.remote import check_url
from soundalike.times import parse_span, split_span
from soundalike.urls import path_of, url_of

if TYPE_CHECKING:
    from soundalike.library.records import Track

__all__ = [
    "Asked",
    "SeedQuery",
    "best_first",
    "find",
    "find_part",
    "has_id",
    "having_words",
    "is_copy",
    "not_found",
]

# How many candidates a message lists.
_LISTED = 10
# How many tracks with all the words are looked at for the best one.
_CANDIDATES = 1000
# How many that share parts with words are looked at more closely, how alike each word and all of
# them must be (a share of the letters, in order) to be taken for mistyped ones, and how many are
# offered.
_SHARING = 200
_EACH_ALIKE = 0.6
_ALIKE = 0.75
_OFFERED = 5
# Two files of one name and of this length are one piece in two formats.
_SAME_LENGTH_S = 1.5


@dataclass(frozen=True, slots=True)
class SeedQuery:
    """A query, and which part of what it means, in seconds; None where there is no bound."""

    query: Query
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query means, and which part of it.

    Attributes
    ----------
    start_s, end_s : seconds; None where there is no bound.
    heard : where it was heard before.
    """

    found: Found
    start_s: float | None = None
    end_s: float | None = None
    heard: Heard | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of the track is meant."""
        return self.start_s is None and self.end_s is None


def find_part(snapshot: Snapshot, asking: SeedQuery) -> Asked:
    """As :func:`find`, of a query that may be a text with a passage: ``so what@1:10-1:40``.

    A file or a title that is called so goes before the passage.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, InvalidArgument : as :func:`find`.
    InvalidArgument : the passage cannot be read, is given twice, or is one of what was heard.
    """
    query, start_s, end_s = asking.query, asking.start_s, asking.end_s
    if isinstance(query, Heard):
        if start_s is not None or end_s is not None:
            raise InvalidArgument(
                f"{query.name} was heard before: hear the passage of it instead "
                f"(Library.hear with start_s and end_s)"
            )
        return Asked(find(snapshot, query), query.seed.start_s, query.seed.end_s, query)
    apart = split_span(query) if isinstance(query, str) else None
    if apart is None or _as_file(query) is not None or _is_name(snapshot, str(query)):
        return Asked(find(snapshot, query), start_s, end_s)
    try:
        span = parse_span(apart[1])
    except ValueError as error:
        raise InvalidArgument(f"{query!r}: {error}") from None
    if start_s is not None or end_s is not None:
        raise InvalidArgument(
            f"{query!r} has a passage, and there is another (start_s, end_s): give one of them"
        )
    return Asked(find(snapshot, apart[0]), span.start_s, span.end_s)


def find(snapshot: Snapshot, query: Query) -> Found:
    """The track that a query means, or the file that the library does not have.

    Raises
    ------
    TrackNotFound, AmbiguousTrack : as ``Library.track``, but not for a path.
    InvalidArgument : neither path, nor id, nor text.
    """
    if isinstance(query, Heard):
        return Found(query.track, query.path, query.content_id)
    track = _by_id(snapshot, query)
    if track is None:
        path = _as_file(query)
        if path is not None:
            track = _by_path(snapshot, path)
            if track is None:
                return _from_elsewhere(snapshot, path)
        else:
            text = str(query)
            track = _by_name(snapshot, text) or _by_words(snapshot, text)
    return Found(track, track.path, snapshot.content_of(track.track_id))


def having_words(
    snapshot: Snapshot, text: str, *, is_typed: bool = False
) -> ColumnElement[bool] | None:
    """What holds for the tracks that have all words of a text, at the starts of their own words,
    or else inside them; None where it holds for none.

    Parameters
    ----------
    is_typed : whether the last word may go on: a letter begins any word then.
    """
    words = _words(text)
    if not words:
        return None
    ways = [word_starts(snapshot.connection, words, is_typed=is_typed)]
    if all(len(word) >= 3 or not word.isascii() for word in words):
        ways.append(word_parts(snapshot.connection, words))
    for condition in ways:
        if snapshot.connection.scalar(select(tracks.c.id).where(condition).limit(1)) is not None:
            return condition
    return None


def best_first(
    snapshot: Snapshot,
    statement: Select[tuple[int]],
    text: str,
    offset: int,
    limit: int,
    *,
    ranked: int,
) -> list[int]:
    """A page of the ids that a statement selects, what fits a text best first.

    Parameters
    ----------
    statement : of tracks that have the words.
    ranked : so many are put into order by how well they fit; those after them have all words
        somewhere. Those with the words in this order go first in either, missing ones last.
    """
    words = _words(text)
    in_order = tracks.c.words.contains(" ".join(words), autoescape=True)
    is_gone = tracks.c.missing_at.is_not(None)
    statement = statement.order_by(is_gone, in_order.desc(), tracks.c.id)

    def ids(first: int, most: int) -> list[int]:
        return list(snapshot.connection.scalars(statement.offset(first).limit(most)))

    page: list[int] = []
    if offset < ranked:
        first = snapshot.tracks_by_id(ids(0, ranked)).values()
        best = sorted(first, key=lambda track: _fit(track, words))
        page = [track.track_id for track in best[offset : offset + limit]]
    if len(page) < limit:
        page += ids(max(offset, ranked), limit - len(page))
    return page


def _fit(track: Track, words: Sequence[str]) -> tuple[bool, bool, int, int, int, int]:
    """Low for a good match, as ``_place``; before that, for a file that is there, and for a title
    that has the words one after the other."""
    title = f" {plain(track.title or '')}"
    return track.absence is not None, f" {' '.join(words)}" not in title, *_place(track, words)


def not_found(snapshot: Snapshot, text: str) -> TrackNotFound:
    """The error for words that nothing has, with what is written nearly like them."""
    head = (
        f"nothing in the library matches {text!r}: it is not an existing file, an id, or words "
        f"from an artist, title, album, folder or file name"
    )
    if re.search(r"@\s*[\d:.]+\s*$", text, re.ASCII):
        head += ". A passage has a start and an end, such as @1:10-1:40, or @1:10- to the end"
    offered = _close(snapshot, _words(text))
    return TrackNotFound(
        "\n".join([f"{head}. Did you mean:", *_lines(offered)] if offered else [head])
    )


def has_id(snapshot: Snapshot, text: str) -> bool:
    """Whether a text is the id of a track."""
    track_id = track_number_in(text)
    if track_id is None or not 0 <= track_id < 2**63:
        return False
    return bool(snapshot.tracks_by_id([track_id]))


def _by_id(snapshot: Snapshot, query: Query) -> Track | None:
    """The track with an id: a number, ``#12``, or a text of digits if a track has it."""
    if isinstance(query, str):
        track_id, is_sure = track_number_in(query), query.strip().startswith("#")
        if track_id is None:
            return None
    elif isinstance(query, os.PathLike):
        return None
    else:
        track_id, is_sure = as_whole_number(query), True
        if track_id is None:
            raise InvalidArgument(
                f"{query!r} is no track: give a path, an id (a whole number), or words"
            )
    found = snapshot.tracks_by_id([track_id]) if 0 <= track_id < 2**63 else {}
    if not found and is_sure:
        raise TrackNotFound(f"there is no track #{track_id} in the library")
    return found.get(track_id)


def _as_file(query: Query) -> Path | None:
    """The path, if the query is one: any ``Path``, or text that names an existing file."""
    url = url_of(query) if isinstance(query, (str, os.PathLike)) else None
    if url is not None:
        check_url(url)
        return path_of(url)
    if isinstance(query, str):
        if url_of(query) is not None:
            return path_of(query)
        path = os.path.expanduser(query)
        try:
            return Path(path) if os.path.isfile(path) else None
        except ValueError:
            return None  # a null character in it
    return path_of(query)  # type: ignore[arg-type]  # a number was an id


def _by_path(snapshot: Snapshot, path: Path) -> Track | None:
    """The track of a file, under whatever name the file is reached."""
    names = {os.fsencode(canonical(path)), os.fsencode(real(path))}
    found = snapshot.where(tracks.c.path.in_(names))
    if found:
        return found[0]
    if url_of(path) is not None:
        return None
    # The same file may have names that no link explains: upper and lower case, composed
    # accents, a disk mounted twice. Only a file of the same size can be it.
    try:
        size = os.stat(path).st_size
    except OSError:
        return None
    for track in snapshot.where(tracks.c.size_bytes == size):
        if track.path.exists() and os.path.samefile(track.path, path):
            return track
    return None


def _by_name(snapshot: Snapshot, text: str) -> Track | None:
    """The track of a path as the library prints it, though its file is gone."""
    if os.sep not in text or "\0" in text:
        return None
    name = os.fsencode(canonical(os.path.expanduser(text)))
    return next(iter(snapshot.where(tracks.c.path == name)), None)


def _from_elsewhere(snapshot: Snapshot, path: Path) -> Found:
    """A file that is not in the library; it may be a copy of a track."""
    try:
        digest = content_digest(os.fspath(path))
    except (OSError, MissingExtra):
        # Whoever needs the file will say what is wrong with it, and better.
        return Found(None, path, None)
    return Found(None, path, snapshot.in_content(digest))


def _by_words(snapshot: Snapshot, query: str) -> Track:
    """The track that words of artist, title, album, folder and file name mean.

    A track whose title (or file name, or artist and title) is exactly the query goes before
    others. Tracks that are missing count only when there are no others; of copies, the one with
    the lowest id is meant.
    """
    candidates = _candidates(snapshot, query)
    candidates = _exact(query, candidates) or candidates
    if not candidates:
        raise not_found(snapshot, query)
    first = min(candidates, key=lambda track: track.track_id)
    if not all(is_copy(track, first) for track in candidates):
        raise AmbiguousTrack(_ambiguous(query, candidates))
    return first


def _exact(query: str, candidates: Sequence[Track]) -> list[Track]:
    """Those of some tracks that are called exactly so."""
    names = {plain(query), " ".join(_words(query))}
    return [track for track in candidates if names & _names(track)]


def _is_name(snapshot: Snapshot, text: str) -> bool:
    """Whether a track is called exactly so."""
    return bool(_exact(text, _candidates(snapshot, text)))


def _candidates(snapshot: Snapshot, query: str) -> list[Track]:
    """The tracks that have all words, best first."""
    condition = having_words(snapshot, query)
    if condition is None:
        return []
    words = _words(query)
    # Where more have the words than are looked at, those that have them in this order go first.
    in_order = tracks.c.words.contains(" ".join(words), autoescape=True)
    statement = select(tracks.c.id).where(condition).order_by(in_order.desc(), tracks.c.id)
    ids = snapshot.connection.scalars(statement.limit(_CANDIDATES)).all()
    found = list(snapshot.tracks_by_id(ids).values())
    found = [track for track in found if track.status != "missing"] or found
    return sorted(found, key=lambda track: _place(track, words))


def _place(track: Track, words: Sequence[str]) -> tuple[int, int, int, int]:
    """Low for a good match: words of the title, then of artist, album and folders; whole words
    before beginnings; short titles before long ones."""
    title = plain(f"{track.title or ''} {printable(track.path.stem)}")
    artist = plain(f"{track.artist or ''} {track.album_artist or ''}")
    places, beginnings = 0, 0
    fields = [title, artist, plain(track.album or "")]
    for word in words:
        texts = [f" {text} " for text in fields]
        at = next((n for n, text in enumerate(texts) if f" {word}" in text), len(texts))
        places += at
        beginnings += at == len(texts) or f" {word} " not in texts[at]
    return places, beginnings, 0 if places else len(track.name), track.track_id


def is_copy(a: Track, b: Track) -> bool:
    """Whether it does not matter which of two is meant: one content, or one piece by its name and
    length."""
    if a.track_id == b.track_id:
        return True
    hashes = ((a.content_hash, b.content_hash), (a.audio_hash, b.audio_hash))
    if any(one is not None and one == other for one, other in hashes):
        return True
    if a.duration_s is None or b.duration_s is None or plain(a.name) != plain(b.name):
        return False
    is_titled = bool(a.title and b.title) or album_folder(str(a.path)) == album_folder(str(b.path))
    return is_titled and abs(a.duration_s - b.duration_s) <= _SAME_LENGTH_S


def _words(query: str) -> list[str]:
    """The words to look for; a suffix is no word, since every file has one."""
    stem, suffix = os.path.splitext(query.strip())
    return plain(stem if suffix.lower() in AUDIO_SUFFIXES else query).split()


def _names(track: Track) -> set[str]:
    """What a query can be exactly."""
    names = {plain(printable(track.path.name)), plain(printable(track.path.stem))}
    if track.title:
        names |= {plain(track.title), plain(f"{track.artist or ''} {track.title}")}
        names.add(plain(f"{track.title} {track.artist or ''}"))
    return names


def _close(snapshot: Snapshot, words: Sequence[str]) -> list[Track]:
    """Tracks that have words written nearly like these, the closest first."""
    words = [word for word in words if not is_letter(word)]
    if not words:
        return []
    shared = shared_parts(snapshot.connection, words)
    best = sorted(shared.items(), key=lambda each: (-each[1], each[0]))[:_SHARING]
    found = []
    for track in snapshot.tracks_by_id([track_id for track_id, _ in best]).values():
        own = snapshot.roots.words(str(track.path), track.tags).split() or [""]
        alike = [max(SequenceMatcher(None, word, each).ratio() for each in own) for word in words]
        if min(alike) >= _EACH_ALIKE and sum(alike) >= _ALIKE * len(alike):
            found.append((-sum(alike), _place(track, words), track))
    found.sort(key=lambda each: each[:2])
    return list({plain(track.name): track for *_, track in reversed(found)}.values())[::-1][
        :_OFFERED
    ]


def _ambiguous(query: str, candidates: Sequence[Track]) -> str:
    lines = _lines(candidates[:_LISTED])
    if len(candidates) > _LISTED:
        lines.append(f"  and {len(candidates) - _LISTED:,} more")
    several = (
        f"{len(candidates):,}" if len(candidates) < _CANDIDATES else f"{_CANDIDATES:,} or more"
    )
    head = f"{query!r} matches {several} tracks; name one by its id, or give more words:"
    return "\n".join([head, *lines])


def _lines(found: Sequence[Track]) -> list[str]:
    return [f"  #{track.track_id}  {track.name}  ({printable(track.path)})" for track in found]
