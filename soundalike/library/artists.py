"""Who the artists of a track are: of "A feat. B" two, of "Simon & Garfunkel" one.

Several are told by the tags where these have the artists one by one, else by what surely stands
between two names: ";", " / ", "feat.", "ft.", "featuring". What may as well be part of a name ("&",
"and", ",", "+", "x", "with", "vs.") stands between two artists only where the library has tracks by
each of them alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, select

from soundalike.library.index import Index, artist_code
from soundalike.library.storage.schema import contents, tracks

if TYPE_CHECKING:
    from soundalike.library.snapshot import Snapshot

__all__ = ["artist_sets", "artists_in"]

_FEATURED = r"(?:(?:feat|ft)(?:\.\s*|\s+)|featuring\s+)(?=\S)"
_SURE = re.compile(rf"\s*;\s*|\s+/\s+|\s*[(\[]\s*{_FEATURED}|\s+{_FEATURED}", re.IGNORECASE)
_JOINTS = re.compile(r"(\s*,\s*|\s+(?:&|and|\+|x|with|vs\.?|versus)\s+)", re.IGNORECASE)
# A line of more names than this is taken as it is.
_MOST_NAMES = 12
# Tracks of one artist's name that are looked at for artists one by one.
_LOOKED_AT = 3
# Rows of one query, under the number of parameters that a statement may have.
_BATCH = 500

_NAMES = (
    select(
        tracks.c.id,
        tracks.c.path,
        contents.c.tags["artist"].as_string().label("artist"),
        contents.c.tags["artists"].label("artists"),
    )
    .join(contents, contents.c.id == tracks.c.content_id)
    .where(tracks.c.id.in_(bindparam("track_ids", expanding=True)))
)


def artists_in(text: str, is_artist: Callable[[str], bool]) -> tuple[str, ...]:
    """The names in the artist of a tag.

    Parameters
    ----------
    is_artist : whether a name is that of an artist by itself.

    >>> artists_in("Simon & Garfunkel feat. Toto", {"Toto", "Simon"}.__contains__)
    ('Simon & Garfunkel', 'Toto')
    """
    found: dict[str, None] = {}
    for part in _SURE.split(text):
        name = part.strip()
        # The end of "(feat. B)".
        if name.endswith((")", "]")) and not any(each in name for each in "(["):
            name = name[:-1].rstrip()
        if name:
            found.update(dict.fromkeys(_taken_apart(name, is_artist)))
    return tuple(found) or (text,)


def _taken_apart(name: str, is_artist: Callable[[str], bool]) -> tuple[str, ...]:
    """A name at its joints, if all that comes out are artists: as few as possible."""
    pieces = _JOINTS.split(name)
    n = len(pieces) // 2 + 1
    if not 1 < n <= _MOST_NAMES:
        return (name,)
    # best[end]: the fewest artists that the first pieces make up.
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, n + 1):
        ways = []
        for start in range(end):
            before, own = best[start], "".join(pieces[2 * start : 2 * end - 1])
            if before is not None and (start, end) != (0, n) and is_artist(own):
                ways.append((*before, own))
        best.append(min(ways, key=len, default=None))
    return best[n] or (name,)


def artist_sets(index: Index, snapshot: Snapshot, rows: Sequence[int]) -> list[frozenset[int]]:
    """The artists of some rows, by the numbers that ``artist_codes`` has for each alone; empty
    where the artist is unknown.

    Rows with one artist code have the same artists: those that the tags of the first few tell.
    """
    known: dict[int, frozenset[int]] = index.kept("artists of codes", lambda: {0: frozenset()})
    codes = index.artist_codes[np.asarray(rows, np.intp)].tolist()
    new = sorted(set(codes) - set(known))
    if new:
        known.update(_read(index, snapshot, new))
    return [known[code] for code in codes]


def _read(index: Index, snapshot: Snapshot, codes: Sequence[int]) -> dict[int, frozenset[int]]:
    alone: set[int] = index.kept("artist codes", lambda: set(index.artist_codes.tolist()))
    looked_at = {
        code: index.track_ids[np.flatnonzero(index.artist_codes == code)[:_LOOKED_AT]].tolist()
        for code in codes
    }
    ids = [track_id for found in looked_at.values() for track_id in found]
    named = {}
    for start in range(0, len(ids), _BATCH):
        some = {"track_ids": ids[start : start + _BATCH]}
        for row in snapshot.connection.execute(_NAMES, some):
            artist = row.artist or snapshot.roots.stand_ins(os.fsdecode(row.path)).artist
            named[row.id] = (artist, row.artists or ())

    def is_artist(name: str) -> bool:
        return artist_code(name) in alone

    def of(track_ids: Sequence[int]) -> frozenset[int]:
        each = [named[track_id] for track_id in track_ids]
        texts = next((several for _, several in each if len(several) > 1), None)
        found = {
            artist_code(name)
            for text in texts or [each[0][0] or ""]
            for name in artists_in(text, is_artist)
        }
        return frozenset(found - {0})

    return {code: of(track_ids) for code, track_ids in looked_at.items()}
