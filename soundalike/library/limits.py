"""Limits on what may be recommended: how much of one artist, how long, from where, of what kind."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument, printable
from soundalike.files import real
from soundalike.plain import plain

__all__ = ["NO_FILTER", "NO_LIMITS", "Filter", "Limits", "Years"]

_YEARS = re.compile(r"\s*(\d{4})?\s*(-)?\s*(\d{4})?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Years:
    """From one year to another, both among them; None where there is no bound.

    Raises
    ------
    InvalidArgument : no whole numbers, or the last before the first.
    """

    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole_number(f"the {name} year", value, least=0))
        if self.first is not None and self.last is not None and self.last < self.first:
            raise InvalidArgument(
                f"years from {self.first} to {self.last}: the last is before the first"
            )

    @classmethod
    def parse(cls, text: str) -> Years:
        """``1994``, ``1990-1999``, ``1990-`` or ``-1979``.

        Raises
        ------
        InvalidArgument : anything else, or the last before the first.
        """
        found = _YEARS.fullmatch(text)
        first, dash, last = found.groups() if found else (None, None, None)
        if not (first or last) or (last and not dash):
            raise InvalidArgument(f"{text!r} is no year: write 1994, 1990-1999, 1990- or -1979")
        start = int(first) if first else None
        return cls(start, int(last) if last else None if dash else start)

    def __str__(self) -> str:
        if self.first == self.last and self.first is not None:
            return str(self.first)
        first, last = ("" if year is None else year for year in (self.first, self.last))
        return f"{first}-{last}"

    def holds(self, other: Years) -> bool:
        """Whether all years of the other are among these."""
        starts = self.first is None or (other.first is not None and other.first >= self.first)
        ends = self.last is None or (other.last is not None and other.last <= self.last)
        return starts and ends


@dataclass(frozen=True, slots=True)
class Filter:
    """What tracks are told by.

    Attributes
    ----------
    folders : paths; all that lies below one of them.
    genres : of tags (or of a pattern of the path), without case and accents; a track with several
        genres has each of them. The model's genres are no tags and do not count: they are
        probabilities, ``find`` asks for what is heard.
    years : of tags; a track without a year lies in none.
    track_ids : as of a playlist. None is not to ask for any; of none at all no track is one.

    Raises
    ------
    InvalidArgument : a value of the wrong type; a text where a list of texts is wanted.
    """

    folders: tuple[str | os.PathLike[str], ...] = ()
    genres: tuple[str, ...] = ()
    years: tuple[Years, ...] = ()
    track_ids: frozenset[int] | None = None

    def __post_init__(self) -> None:
        for name, kinds, what in (
            ("folders", (str, os.PathLike), "paths"),
            ("genres", (str,), "names"),
            ("years", (Years,), "Years(first, last)"),
        ):
            values = getattr(self, name)
            if isinstance(values, (str, bytes, os.PathLike, Years)):
                raise InvalidArgument(f"{name} is {values!r}: give a list of {what}")
            made = tuple(values)
            for value in made:
                if not isinstance(value, kinds) or (isinstance(value, str) and not value.strip()):
                    raise InvalidArgument(f"{name} holds {value!r}: give a list of {what}")
                if name == "folders" and not _can_be_path(cast(os.PathLike[str] | str, value)):
                    raise InvalidArgument(f"{name} holds {value!r}: no path can be called so")
            object.__setattr__(self, name, made)
        if self.track_ids is not None:
            if not isinstance(self.track_ids, Collection) or isinstance(self.track_ids, str):
                raise InvalidArgument(f"track_ids is {self.track_ids!r}: give a list of ids")
            ids = frozenset(whole_number("a track id", each) for each in self.track_ids)
            object.__setattr__(self, "track_ids", ids)

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return self != NO_FILTER

    @property
    def real_folders(self) -> tuple[str, ...]:
        """The folders without symbolic links and "~", as the library has them."""
        return tuple(map(real, self.folders))

    @property
    def plain_genres(self) -> tuple[str, ...]:
        """The genres as they are compared."""
        return tuple(plain(genre) or genre.strip().casefold() for genre in self.genres)


NO_FILTER = Filter()


def _can_be_path(folder: str | os.PathLike[str]) -> bool:
    try:
        return b"\0" not in os.fsencode(folder)
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be recommended, and how much of it.

    Attributes
    ----------
    max_per_artist : at most this many tracks by one artist. A track of several ("A feat. B", "A;
        B", artists one by one in its tags) counts for each of them; "A & B" is two artists only
        where the library has tracks by A alone and by B alone, so that Simon & Garfunkel stay one.
        Where there is no tag the folder stands in for the artist; a track whose artist is unknown
        all the same, or "Various Artists", is never limited.
    max_per_album : at most this many of one album; an unknown album is never limited.
    artist_gap : none of the last this many tracks is by an artist of the next; for lists that are
        heard in order.
    min_length_s, max_length_s : seconds, both among what is allowed.
    only : what must hold: one of its folders, and one of its genres, and so on.
    never : what must not hold: none of its folders, genres and so on.
    versions : whether several copies of one recording may come (see ``similarity.duplicates``), and
        several versions that ``Library.versions`` has found; by default one stands for all.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range, or limits that contradict each
        other; the message names both.
    """

    max_per_artist: int | None = None
    max_per_album: int | None = None
    artist_gap: int | None = None
    min_length_s: float | None = None
    max_length_s: float | None = None
    only: Filter = NO_FILTER
    never: Filter = NO_FILTER
    versions: bool = False

    def __post_init__(self) -> None:
        for name, least in (("max_per_artist", 1), ("max_per_album", 1), ("artist_gap", 0)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole_number(name, value, least=least))
        for name in ("min_length_s", "max_length_s"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, number(name, value, least=0))
        low, high = self.min_length_s, self.max_length_s
        if low is not None and high is not None and low > high:
            raise InvalidArgument(
                f"min_length_s is {low:g} and max_length_s is {high:g}: no length lies between"
            )
        for name in ("only", "never"):
            if not isinstance(getattr(self, name), Filter):
                raise InvalidArgument(
                    f'{name} is {getattr(self, name)!r}: give a Filter, such as Filter(genres=["'
                    f'jazz"])'
                )
        if not isinstance(self.versions, bool):
            raise InvalidArgument(f"versions is {self.versions!r}: it must be True or False")
        self._check_filters()

    def _check_filters(self) -> None:
        only, never = self.only, self.never
        for mine, its in zip(only.plain_genres, only.genres, strict=True):
            if mine in never.plain_genres:
                raise _contradiction("genres", repr(its), repr(its))
        for mine in only.real_folders:
            for its in never.real_folders:
                if os.path.join(mine, "").startswith(os.path.join(its, "")):
                    raise _contradiction("folders", printable(mine), printable(its))
        for each in only.years:
            for other in never.years:
                if other.holds(each):
                    raise _contradiction("years", str(each), str(other))
        if only.track_ids is not None:
            if not only.track_ids:
                raise InvalidArgument("only.track_ids is empty: that leaves no track")
            if never.track_ids is not None and only.track_ids <= never.track_ids:
                raise _contradiction("track_ids", f"{len(only.track_ids)} tracks", "all of them")

    def with_max_per_artist(self, max_per_artist: int | None) -> Limits:
        """These, and a limit on artists that was given apart.

        Raises
        ------
        InvalidArgument : it is out of range, or these have another.
        """
        if max_per_artist is None:
            return self
        if self.max_per_artist not in (None, max_per_artist):
            raise InvalidArgument(
                f"max_per_artist is {max_per_artist!r}, but the limits have "
                f"{self.max_per_artist}: give one of them"
            )
        return replace(self, max_per_artist=max_per_artist)

    @property
    def in_use(self) -> tuple[str, ...]:
        """The names of those that are set."""
        return tuple(
            each.name
            for each in fields(self)
            if getattr(self, each.name) != getattr(NO_LIMITS, each.name)
        )


NO_LIMITS = Limits()


def _contradiction(kind: str, only: Any, never: Any) -> InvalidArgument:
    return InvalidArgument(f"only.{kind} has {only}, and never.{kind} has {never}: nothing is left")
