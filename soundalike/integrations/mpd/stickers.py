"""What sounds alike, as stickers: notes on songs that every client of MPD can read.

Of each song that is linked to a track::

    soundalike:similar   [["artist/album/piece.flac",0.83],["...",0.79],...]
    soundalike:genre     metal
    soundalike:version   soundalike@2+1f0c2b9a

``similar`` is JSON: the nearest other songs of this MPD, the nearest first, each with its cosine.
One of several copies or versions of a recording is listed. ``genre`` is there where the model is
more sure of it than not. ``version`` names the model and marks the other two: it changes whenever
one of them does, so that a client need not read them to know that they are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ServerError
from soundalike.integrations.mpd.connection import NOT_FOUND, Mpd
from soundalike.integrations.mpd.linked import Linked
from soundalike.integrations.mpd.songs import all_songs
from soundalike.library.heard import heard_in
from soundalike.library.library import Library
from soundalike.library.view import View
from soundalike.similarity.neighbours import nearest

__all__ = [
    "GENRE",
    "SIMILAR",
    "VERSION",
    "StickerReport",
    "Stickers",
    "remove_stickers",
    "stickers_for",
    "write_stickers",
]

SIMILAR: Final = "soundalike:similar"
GENRE: Final = "soundalike:genre"
VERSION: Final = "soundalike:version"

# MPD closes the connection on a line of more than 8,192 bytes; what is quoted grows.
_MOST_BYTES = 3_000
# Commands that are sent at a time.
_AT_ONCE = 50
# Songs of one answer, which then is far below max_output_buffer_size (8 MiB).
_IN_AN_ANSWER = 2_000
# So many of the nearest may be copies or versions of others.
_SPARE = 3
_MORE_SURE_THAN_NOT = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Stickers:
    """Of one song, as they are written; None for one that it has not."""

    similar: str | None
    genre: str | None
    version: str

    @property
    def by_name(self) -> dict[str, str | None]:
        """In the order in which they are written: the version last, so that what was broken off
        is seen to be."""
        return {SIMILAR: self.similar, GENRE: self.genre, VERSION: self.version}


@dataclass(frozen=True, slots=True)
class StickerReport:
    """What came of writing stickers.

    Attributes
    ----------
    songs : how many have stickers now.
    written, removed : how many got others than they had, and lost theirs.
    gone : songs that MPD does not have any more.
    """

    songs: int
    written: int
    removed: int
    gone: tuple[str, ...] = ()


def stickers_for(
    library: Library, found: Linked, *, k: int, progress: Progress = lambda *_: None
) -> dict[str, Stickers]:
    """What is to be written, by the URI of each song that is linked.

    Parameters
    ----------
    k : how many similar songs each has; fewer where their names are long.
    progress : told what is done, how much of it, and how much there is.
    """
    with library.view() as view:
        rows_of = {
            uri: row
            for uri, track_id in found.track_ids.items()
            if (row := view.index.row_of(track_id)) is not None
        }
        uri_of = {
            row: uri
            for track_id, uri in found.uris.items()
            if (row := view.index.row_of(track_id)) is not None
        }
        rows = np.array(sorted(uri_of), np.intp)
        similar = _similar(view, rows, uri_of, k, progress)
        genres = _genres(view)
        model = view.model
    made = {}
    for uri, row in rows_of.items():
        value = similar.get(row)
        text = json.dumps([value, genres[row]], ensure_ascii=False)
        mark = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
        made[uri] = Stickers(value, genres[row], f"{model}+{mark}")
    return made


def write_stickers(
    mpd: Mpd, wanted: Mapping[str, Stickers], *, progress: Progress = lambda *_: None
) -> StickerReport:
    """Write stickers where they are not there yet, and remove those of songs that have none now.

    Raises
    ------
    ServerError : MPD refuses, or has no database of stickers.
    ServerAway : it is gone; the next time goes on.
    """
    _check(mpd)
    there = dict(_written(mpd, wanted))
    stale = [uri for uri in there if uri not in wanted]
    changed = [uri for uri, each in wanted.items() if there.get(uri) != each.version]
    gone: list[str] = []
    for done, uri in enumerate(changed):
        if done % _AT_ONCE == 0:
            progress("writing stickers", done, len(changed))
        if not _write(mpd, uri, wanted[uri].by_name, is_new=uri not in there):
            gone.append(uri)
    progress("writing stickers", len(changed), len(changed))
    for uri in stale:
        _remove(mpd, uri)
    n = len(changed) - len(gone)
    return StickerReport(len(wanted) - len(gone), n, len(stale), tuple(gone))


def remove_stickers(mpd: Mpd, *, progress: Progress = lambda *_: None) -> StickerReport:
    """Remove all stickers that came from here; raises as :func:`write_stickers`."""
    _check(mpd)
    known = [song.uri for song in all_songs(mpd)]
    names = (VERSION, SIMILAR, GENRE)
    uris = sorted({uri for name in names for uri, _ in _written(mpd, known, name)})
    for done, uri in enumerate(uris):
        progress("removing stickers", done, len(uris))
        _remove(mpd, uri)
    progress("removing stickers", len(uris), len(uris))
    return StickerReport(0, 0, len(uris))


def _similar(
    view: View,
    rows: NDArray[np.intp],
    uri_of: Mapping[int, str],
    k: int,
    progress: Progress,
) -> dict[int, str]:
    """The sticker of each row that has others like it."""
    found = nearest(view.index.embeddings[rows], _SPARE * k, progress=progress)
    same = view.same_music(rows.tolist())
    alike = {row: {row, *others} for row, others in zip(rows.tolist(), same, strict=True)}
    made = {}
    for place, row in enumerate(rows.tolist()):
        passed = set(alike[row])
        chosen: list[tuple[str, float]] = []
        for other, cosine in zip(found.rows[place], found.similarities[place], strict=True):
            its = int(rows[other])
            if len(chosen) < k and its not in passed:
                passed |= alike[its]
                chosen.append((uri_of[its], round(float(cosine), 3)))
        if chosen:
            made[row] = _as_text(chosen)
    return made


def _as_text(chosen: Sequence[tuple[str, float]]) -> str:
    """As many as a line of the protocol can hold."""
    lengths = np.cumsum([len(json.dumps(each).encode("utf-8")) + 2 for each in chosen])
    some = chosen[: int(np.count_nonzero(lengths <= _MOST_BYTES))]
    return json.dumps(some, ensure_ascii=False, separators=(",", ":"))


def _genres(view: View) -> list[str | None]:
    """By row."""
    heard = heard_in(view)
    if not heard.genres:
        return [None] * len(view)
    probabilities = np.nan_to_num(heard.genre_probabilities)
    best, most = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return [
        heard.genres[genre] if probability > _MORE_SURE_THAN_NOT else None
        for genre, probability in zip(best.tolist(), most.tolist(), strict=True)
    ]


def _check(mpd: Mpd) -> None:
    """
    Raises
    ------
    ServerError : MPD has no database of stickers.
    """
    if not mpd.allows("sticker"):
        raise ServerError(
            f"{mpd.address.url}: this MPD has no database of stickers: set sticker_file in its "
            f'configuration, such as sticker_file "~/.local/share/mpd/sticker.sql", and restart it'
        )


def _write(mpd: Mpd, uri: str, values: Mapping[str, str | None], *, is_new: bool) -> bool:
    """False where MPD does not have the song any more."""
    written = [("sticker set", "song", uri, name, value) for name, value in values.items() if value]
    try:
        if not is_new:
            for name, value in values.items():
                if value is None:
                    _delete(mpd, uri, name)
        mpd.ask_all(written)
    except ServerError as error:
        if error.code != NOT_FOUND:
            raise
        return False
    return True


def _remove(mpd: Mpd, uri: str) -> None:
    for name in (SIMILAR, GENRE, VERSION):
        _delete(mpd, uri, name)


def _delete(mpd: Mpd, uri: str, name: str) -> None:
    try:
        mpd.ask("sticker delete", "song", uri, name)
    except ServerError as error:
        if error.code != NOT_FOUND:
            raise


def _written(mpd: Mpd, uris: Iterable[str], name: str = VERSION) -> Iterator[tuple[str, str]]:
    """The songs that have a sticker of some name, with its value.

    Parameters
    ----------
    uris : of songs, by which folders are told that are too large for one answer.
    """
    counts = Counter(parent for uri in uris for parent in _parents(uri))
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        if counts[folder] <= _IN_AN_ANSWER:
            for each in mpd.ask("sticker find", "song", folder, name):
                yield str(each["file"]), str(each["sticker"]).partition("=")[2]
            continue
        for each in mpd.ask("lsinfo", folder):
            if "directory" in each:
                waiting.append(str(each["directory"]))
            elif "file" in each:
                value = _sticker(mpd, str(each["file"]), name)
                if value is not None:
                    yield str(each["file"]), value


def _parents(uri: str) -> Iterator[str]:
    """The folders that a song lies in, the root first."""
    yield ""
    for place, letter in enumerate(uri):
        if letter == "/":
            yield uri[:place]


def _sticker(mpd: Mpd, uri: str, name: str) -> str | None:
    try:
        return str(mpd.ask("sticker get", "song", uri, name))
    except ServerError as error:
        if error.code != NOT_FOUND:
            raise
        return None
