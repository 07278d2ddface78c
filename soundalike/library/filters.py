"""What limits bar from a recommendation, whatever else is in it: by place, tags and length."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, exists, select
from sqlalchemy.sql import ColumnElement

from soundalike.errors import InvalidArgument, printable
from soundalike.library.storage.schema import below, contents, tracks
from soundalike.library.storage.sets import one_of
from soundalike.library.words import genre_names
from soundalike.similarity.select import Barred

if TYPE_CHECKING:
    from soundalike.library.index import Index
    from soundalike.library.limits import Filter, Limits, Years
    from soundalike.library.snapshot import Snapshot
    from soundalike.library.word_records import KnownGenre

__all__ = ["barred_by", "genre_condition", "genre_texts", "genres_of"]

# Of contents, which the index knows by their rows: tables that need not be joined.
_FACTS = select(
    contents.c.id,
    contents.c.tags["genre"].as_string(),
    contents.c.tags["year"].as_integer(),
).order_by(contents.c.id)
_FACTS_OF_SOME = _FACTS.where(one_of(contents.c.id, "content_ids"))
_PATHS = select(tracks.c.id, tracks.c.path)
# Genres that a message offers.
_OFFERED = 5


@dataclass(frozen=True, eq=False)
class _Facts:
    """Genres and years of an index's rows.

    Attributes
    ----------
    genres : the rows of each genre, as it is compared.
    names : how most tracks write it.
    years : int32 (n,), 0 where unknown.
    """

    genres: dict[str, NDArray[np.intp]]
    names: dict[str, str]
    years: NDArray[np.int32]


def barred_by(index: Index, snapshot: Snapshot, limits: Limits) -> Barred:
    """The rows of an index that limits bar, by "folder", "genre", "year", "track" and "length".

    Raises
    ------
    InvalidArgument : no track has one of the genres, or lies in one of the folders, that alone are
        allowed: such a name is probably mistyped.
    """
    return Barred(len(index), dict(_rules(index, snapshot, limits)))


def genres_of(index: Index, snapshot: Snapshot) -> tuple[KnownGenre, ...]:
    """The genres that limits may name, those of most tracks first."""
    from soundalike.library.word_records import KnownGenre

    facts = _facts(index, snapshot)
    known = (KnownGenre(facts.names[key], len(rows)) for key, rows in facts.genres.items())
    return tuple(sorted(known, key=lambda each: (-each.tracks, each.genre.casefold())))


def genre_condition(asked: Filter, texts: Iterable[str | None]) -> ColumnElement[bool]:
    """Whether a row of ``tracks`` has one of the genres by its tags, where no path stands in.

    Parameters
    ----------
    texts : all that tags say of genres in the library (:func:`genre_texts`).
    """
    wanted = set(asked.plain_genres)
    theirs = [text for text in texts if wanted & set(genre_names(text))]
    genre = contents.c.tags["genre"].as_string()
    return exists().where(contents.c.id == tracks.c.content_id, genre.in_(theirs))


def genre_texts(connection: Connection) -> frozenset[str | None]:
    """The genres of all tags, each text as it stands."""
    return frozenset(connection.scalars(select(contents.c.tags["genre"].as_string()).distinct()))


def _rules(
    index: Index, snapshot: Snapshot, limits: Limits
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    makers: dict[str, Callable[[Filter, bool], NDArray[np.bool_] | None]] = {
        "folder": lambda each, needed: _in_folders(index, snapshot, each, needed=needed),
        "genre": lambda each, needed: _of_genres(index, snapshot, each, needed=needed),
        "year": lambda each, _: _of_years(index, snapshot, each.years),
        "track": lambda each, _: _of_tracks(index, each),
    }
    for name, holds in makers.items():
        must, must_not = holds(limits.only, True), holds(limits.never, False)
        if must is not None and must_not is not None:
            yield name, ~must | must_not
        elif must is not None:
            yield name, ~must
        elif must_not is not None:
            yield name, must_not
    low, high = limits.min_length_s, limits.max_length_s
    if low is not None or high is not None:
        lengths = index.durations_s
        is_short = lengths < (low or 0.0)
        yield "length", is_short if high is None else is_short | (lengths > high)


def _in_folders(
    index: Index, snapshot: Snapshot, asked: Filter, *, needed: bool
) -> NDArray[np.bool_] | None:
    if not asked.folders:
        return None
    # Together, however many they are: what is kept of each apart would push out all else that is.
    inside, empty = index.kept(
        ("folders", asked.real_folders), lambda: _look_in(index, snapshot, asked.real_folders)
    )
    if needed and empty:
        raise InvalidArgument(
            f"no track of the library lies in {printable(empty[0])}: name a folder that was "
            f"scanned, or one below it"
        )
    return inside


def _look_in(
    index: Index, snapshot: Snapshot, folders: Sequence[str]
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """The rows of an index that lie in folders, and the folders in which none does."""
    inside = np.zeros(len(index), np.bool_)
    empty = []
    order = np.argsort(index.track_ids, kind="stable")
    for folder in folders:
        within = select(tracks.c.id).where(below(tracks.c.path, folder))
        ids = np.fromiter(snapshot.connection.scalars(within), np.int64)
        at = np.searchsorted(index.track_ids, ids, sorter=order)
        rows = order[at[at < len(order)]]
        rows = rows[np.isin(index.track_ids[rows], ids)]
        inside[rows] = True
        if not len(rows):
            empty.append(folder)
    inside.flags.writeable = False
    return inside, tuple(empty)


def _of_genres(
    index: Index, snapshot: Snapshot, asked: Filter, *, needed: bool
) -> NDArray[np.bool_] | None:
    if not asked.genres:
        return None
    genres = _facts(index, snapshot).genres
    found = np.zeros(len(index), np.bool_)
    for key, name in zip(asked.plain_genres, asked.genres, strict=True):
        if key in genres:
            found[genres[key]] = True
        elif needed:
            raise InvalidArgument(f"no track has the genre {name!r}{_instead(key, genres)}")
    return found


def _instead(key: str, genres: dict[str, NDArray[np.intp]]) -> str:
    """What to ask for where no track has a genre."""
    if not genres:
        return ": no tag of the library has a genre at all"
    near = get_close_matches(key, genres, n=_OFFERED)
    usual = sorted(genres, key=lambda each: -len(genres[each]))[:_OFFERED]
    if near:
        return f". Did you mean {' or '.join(map(repr, near))}?"
    return f". The most frequent are: {', '.join(usual)}"


def _of_years(index: Index, snapshot: Snapshot, asked: Sequence[Years]) -> NDArray[np.bool_] | None:
    if not asked:
        return None
    years = _facts(index, snapshot).years
    found = np.zeros(len(index), np.bool_)
    for each in asked:
        within = years >= max(1, each.first or 1)
        found |= within if each.last is None else within & (years <= each.last)
    return found


def _of_tracks(index: Index, asked: Filter) -> NDArray[np.bool_] | None:
    if asked.track_ids is None:
        return None
    return np.isin(index.track_ids, np.array(sorted(asked.track_ids), np.int64))


def _facts(index: Index, snapshot: Snapshot) -> _Facts:
    return index.kept("genres and years", lambda: _read_facts(index, snapshot))


def _read_facts(index: Index, snapshot: Snapshot) -> _Facts:
    # The texts of tags by their numbers: there are few for many tracks.
    numbers: dict[str | None, int] = {None: 0}
    content_ids, of_genre, of_year = [], [], []
    some = {"content_ids": np.unique(index.content_ids).tolist()} if index.is_part else {}
    facts = _FACTS_OF_SOME if index.is_part else _FACTS
    for content_id, genre, year in snapshot.connection.execute(facts, some):
        content_ids.append(content_id)
        of_genre.append(numbers.setdefault(genre, len(numbers)))
        of_year.append(year or 0)
    at = np.searchsorted(np.array(content_ids, np.int64), index.content_ids)
    genres, years = np.array(of_genre, np.int32)[at], np.array(of_year, np.int32)[at]
    if any(map(snapshot.roots.say, ("genre", "year"))):
        _add_stand_ins(index, snapshot, numbers, genres, years)
    order = np.argsort(genres, kind="stable")
    ends = np.cumsum(np.bincount(genres, minlength=len(numbers)))
    rows: dict[str, list[NDArray[np.intp]]] = {}
    written: dict[str, Counter[str]] = {}
    for text, part in zip(numbers, np.split(order, ends[:-1]), strict=True):
        # None has the tag where all such tracks are copies of others.
        for key, name in genre_names(text).items() if len(part) else ():
            rows.setdefault(key, []).append(part)
            written.setdefault(key, Counter())[name] += len(part)
    return _Facts(
        {key: np.concatenate(parts) for key, parts in rows.items()},
        {key: names.most_common(1)[0][0] for key, names in written.items()},
        years,
    )


def _add_stand_ins(
    index: Index,
    snapshot: Snapshot,
    numbers: dict[str | None, int],
    genres: NDArray[np.int32],
    years: NDArray[np.int32],
) -> None:
    """Fill in what paths say where tags say nothing."""
    for track_id, path in snapshot.connection.execute(_PATHS):
        row = index.row_of(track_id)
        if row is not None and not (genres[row] and years[row]):
            said = snapshot.roots.stand_ins(os.fsdecode(path))
            if not genres[row]:
                genres[row] = numbers.setdefault(said.genre, len(numbers))
            years[row] = years[row] or said.year or 0
