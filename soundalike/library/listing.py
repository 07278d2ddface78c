"""Tracks in pages: searched for as somebody types, and in an order."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, func, select
from sqlalchemy.sql import ColumnElement

from soundalike.arguments import whole_number
from soundalike.audio.tags import Tags
from soundalike.errors import InvalidArgument, UnreadableFile
from soundalike.files import real, why
from soundalike.library.lookup import best_first, having_words
from soundalike.library.naming import filled
from soundalike.library.records import (
    Track,
    TrackOrder,
    TrackPage,
    TrackStatus,
)
from soundalike.library.storage.schema import below, contents, folders, tracks
from soundalike.plain import plain
from soundalike.remote import local_copy
from soundalike.urls import url_of

if TYPE_CHECKING:
    from soundalike.library.changes import Position
    from soundalike.library.reader import Reader
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.told import Told
    from soundalike.library.word_records import KnownGenre

__all__ = ["Listing"]

# So many tracks of a page at most.
_MOST = 1000
# Of those with the words, so many are put into order by how well they fit; the others follow.
_RANKED = 100
# Names are put in order anew for a twentieth of the time at most, whatever a scan changes.
_SHARE_OF_TIME = 20


@dataclass(frozen=True, eq=False)
class _Orders:
    """All tracks in the orders that no index of the database has.

    Attributes
    ----------
    ids : int64 (n,), in order, by the name of the order.
    places : int64 (largest id + 1,), the place of each id; -1 where there is none.
    position : of the log of changes, when they were made.
    until : on the monotonic clock; so long they are used though something changed.
    """

    ids: dict[str, NDArray[np.int64]]
    places: dict[str, NDArray[np.int64]]
    position: Position
    until: float


class Listing:
    """Pages of the tracks of a :class:`.Library`, their genres, and their files."""

    _reader: Reader
    _orders: _Orders | None = None

    def search(
        self,
        words: str = "",
        *,
        status: TrackStatus | None = None,
        folder: str | os.PathLike[str] | None = None,
        sort: TrackOrder | None = None,
        offset: int = 0,
        limit: int = 50,
    ) -> TrackPage:
        """A page of the tracks that have some words, quick enough to be asked as somebody types.

        Parameters
        ----------
        words : beginnings of words of artist, title, album, folders or file name, in any order and
            case, with or without accents. Where no word begins so, those count that hold them. All
            tracks without any.
        status : only those of this status.
        folder : only those below this folder.
        sort : "best" (what fits the words best first), "path", "artist", "album", "title", or
            "added" (newest first). By default "best" where there are words, else "path".
        offset : how many to leave out.
        limit : how many at most; 1,000 where it is more.

        Raises
        ------
        InvalidArgument : a value of the wrong type or out of range.
        """
        if not isinstance(words, str):
            raise InvalidArgument(f"words is {words!r}: it must be text")
        is_asked = bool(words.strip())
        sort = sort or ("best" if is_asked else "path")
        _check_one_of("sort", sort, TrackOrder)
        if status is not None:
            _check_one_of("status", status, TrackStatus)
        offset = whole_number("offset", offset, least=0)
        limit = min(whole_number("limit", limit, least=1), _MOST)
        with self._reader.snapshot() as snapshot:
            conditions: list[ColumnElement[bool]] = []
            if folder is not None:
                conditions.append(below(tracks.c.path, _real(folder)))
            if is_asked:
                condition = having_words(snapshot, words, is_typed=True)
                if condition is None:
                    return TrackPage(0, offset, ())
                conditions.append(condition)
            if status is not None:
                conditions.append(snapshot.of_status(status))
            count = select(func.count()).select_from(tracks).where(*conditions)
            total = snapshot.connection.scalar(count) or 0
            # Behind the end there is nothing, however far; SQLite takes no larger number.
            first = min(offset, total)
            statement = select(tracks.c.id).where(*conditions)
            ids = self._page(snapshot, statement, words, sort, first, limit)
            found = snapshot.tracks_by_id(ids)
        page = tuple(found[each] for each in ids if each in found)
        return TrackPage(total, offset, page)

    def tracks_of(self, track_ids: Sequence[int]) -> tuple[Track, ...]:
        """The tracks with these ids, in their order; without those that are not there (any more).

        Raises
        ------
        InvalidArgument : an id is no whole number.
        """
        ids = dict.fromkeys(whole_number("track_ids", each) for each in track_ids)
        with self._reader.snapshot() as snapshot:
            # The database has no greater numbers, and takes none.
            found = snapshot.tracks_by_id([each for each in ids if 0 < each < 2**63])
        return tuple(found[each] for each in ids if each in found)

    def tracks_at(self, paths: Collection[str]) -> dict[str, Track]:
        """The tracks at some paths, whatever links lead there; missing ones, too.

        Paths at which the library knows no track are left out.
        """
        from soundalike.library.matching import tracks_at

        with self._reader.snapshot() as snapshot:
            return tracks_at(snapshot, paths)

    def told(self, track_ids: Sequence[int]) -> dict[int, Told]:
        """What the model that answers says of some tracks in short: genre, tempo and key.

        Of many tracks this takes a fraction of the time of :meth:`analysis`. Those that a search
        cannot find are left out.
        """
        from soundalike.library.told import told_of

        ids = [whole_number("track_ids", each) for each in track_ids]
        with self._reader.snapshot() as snapshot:
            return told_of(snapshot, ids)

    def genres(self) -> tuple[KnownGenre, ...]:
        """The genres of the tags, which limits may name; those of most tracks first.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        with self._reader.view() as view:
            return view.genres()

    def file_to_play(self, track_id: int) -> tuple[Track, Path]:
        """A track and its file, to be given to somebody who may hear what the library has.

        Returns
        -------
        The track, and the path of its file without any links; of an address, that of a copy, which
        goes when others need its place.

        Raises
        ------
        TrackNotFound : no track has this id.
        UnreadableFile : the file is gone, or is no regular one; or it lies in no scanned folder,
            as a link there may point anywhere.
        """
        track = self._reader.track(whole_number("track_id", track_id))
        path = track.path
        url = url_of(path)
        if url is not None:
            try:
                return track, local_copy(url)
            except OSError as error:
                raise UnreadableFile(path, why(error)) from error
        try:
            real = Path(os.path.realpath(path, strict=True))
        except (OSError, ValueError):
            absence = f" ({track.absence})" if track.absence else ""
            raise UnreadableFile(path, f"there is no such file any more{absence}") from None
        if not real.is_file():
            raise UnreadableFile(path, "is not a regular file")
        if not self.is_scanned(real):
            raise UnreadableFile(
                path, "is a link out of the folders that were scanned: scan where it leads, too"
            )
        return track, real

    def is_scanned(self, path: Path) -> bool:
        """Whether a path without links lies in a folder that was scanned, or was itself."""
        with self._reader.snapshot() as snapshot:
            roots = snapshot.connection.scalars(select(folders.c.path)).all()
        return any(path.is_relative_to(real(os.fsdecode(root))) for root in roots)

    def _page(
        self,
        snapshot: Snapshot,
        statement: Select[tuple[int]],
        words: str,
        sort: TrackOrder,
        offset: int,
        limit: int,
    ) -> list[int]:
        """The ids of a page; ``statement`` selects those of all that are asked for."""
        scalars = snapshot.connection.scalars
        if sort == "path":
            statement = statement.order_by(tracks.c.path)
        elif sort == "added":
            statement = statement.order_by(tracks.c.id.desc())
        elif sort == "best":
            return best_first(snapshot, statement, words, offset, limit, ranked=_RANKED)
        else:
            in_order = self._in_order(snapshot, statement, sort)
            return [int(each) for each in in_order[offset : offset + limit]]
        return list(scalars(statement.offset(offset).limit(limit)))

    def _in_order(
        self, snapshot: Snapshot, statement: Select[tuple[int]], sort: str
    ) -> NDArray[np.int64]:
        """All that a statement selects, in an order; what is newer than the order comes last."""
        orders = self._orders
        now = time.monotonic()
        if orders is None or (orders.position != snapshot.position and now > orders.until):
            ids, places = _orders_of_all(snapshot)
            until = now + (time.monotonic() - now) * (1 + _SHARE_OF_TIME)
            self._orders = orders = _Orders(ids, places, snapshot.position, until)
        if statement.whereclause is None and orders.position == snapshot.position:
            return orders.ids[sort]
        found = np.fromiter(snapshot.connection.scalars(statement), np.int64)
        own = orders.places[sort]
        known = np.where(found < len(own), own[np.minimum(found, len(own) - 1)], -1)
        return found[np.lexsort((found, np.where(known < 0, len(own), known)))]


_Arrays = dict[str, NDArray[np.int64]]


def _orders_of_all(snapshot: Snapshot) -> tuple[_Arrays, _Arrays]:
    """See ``_Orders.ids`` and ``places``."""
    rows = snapshot.connection.execute(
        select(tracks.c.id, tracks.c.path, contents.c.tags).outerjoin(
            contents, contents.c.id == tracks.c.content_id
        )
    ).all()
    # Most names come often.
    text = cache(_text)
    keys: dict[str, list[tuple[Any, ...]]] = {"artist": [], "album": [], "title": []}
    for row in rows:
        path = os.fsdecode(row.path)
        tags = filled(Tags.from_json(row.tags or {}), snapshot.roots.stand_ins(path))
        artist, by = text(tags.artist), text(tags.album_artist or tags.artist)
        album, title = text(tags.album), text(tags.title or os.path.basename(path))
        place = (tags.disc_number or 0, tags.track_number or 0, title, row.id)
        keys["artist"].append((*artist, *album, *place))
        keys["album"].append((*album, *by, *place))
        keys["title"].append((*title, *by, row.id))
    ids = np.array([row.id for row in rows], np.int64)
    in_order, places = {}, {}
    for name, own in keys.items():
        in_order[name] = ids[np.array(sorted(range(len(own)), key=own.__getitem__), np.int64)]
        places[name] = np.full(int(ids.max(initial=0)) + 1, -1, np.int64)
        places[name][in_order[name]] = np.arange(len(own))
    return in_order, places


def _text(text: str | None) -> tuple[bool, str]:
    """What to sort a name by: nothing comes last."""
    key = plain(text or "")
    return not key, key


def _real(folder: str | os.PathLike[str]) -> str:
    try:
        return real(folder)
    except (TypeError, ValueError):
        raise InvalidArgument(f"folder is {folder!r}: it must be a path") from None


def _check_one_of(name: str, value: object, known: Any) -> None:
    if value not in get_args(known):
        raise InvalidArgument(
            f"{name} is {value!r}: it must be one of {', '.join(get_args(known))}"
        )
