"""What a playlist is, whatever file it comes from or goes to."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundalike.arguments import number
from soundalike.errors import InvalidArgument
from soundalike.playlists.json_text import strict_json
from soundalike.playlists.locations import BasePair, is_relative, why_no_file

__all__ = [
    "BASE_KEY",
    "RECIPE_URI",
    "LeftOut",
    "Playlist",
    "PlaylistEntry",
    "Rendered",
    "recipe_from_json",
    "recipe_to_json",
    "seconds",
]

RECIPE_URI = "urn:x-soundalike:recipe"
"""What marks a recipe in formats that have extensions of applications."""

BASE_KEY = "base"
"""Where a recipe says with which base the paths were written, so that they can be read again."""


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One place of a playlist: mostly a file, perhaps an address on the web, or only a name.

    Attributes
    ----------
    path : the file; None for what is no file here, see :attr:`why_no_file`.
    title, artist, album : text.
    duration_s : seconds; None where unknown.
    musicbrainz_recording_id : a UUID.
    isrc : International Standard Recording Code.
    location : as it stands in the file that it was read from.
    kept : what else that file says of it, to be written again in the same format.

    Raises
    ------
    InvalidArgument : the duration is negative, or no finite number.
    """

    path: Path | None = None
    title: str | None = None
    artist: str | None = None
    duration_s: float | None = None
    album: str | None = None
    musicbrainz_recording_id: str | None = None
    isrc: str | None = None
    location: str | None = None
    kept: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.duration_s is not None:
            number("duration_s", self.duration_s, least=0)

    @property
    def why_no_file(self) -> str | None:
        """Why there is no path, such as "an address on the web (https), no file"; else None."""
        return None if self.path is not None else why_no_file(self.location)


@dataclass(frozen=True, slots=True)
class Playlist:
    """Entries in their order, and what is known of all of them.

    Attributes
    ----------
    name : what players call it.
    recipe : how it was made: a JSON object, kept by every format exactly as it is.
    format : of the file that it was read from.
    kept : what else that file says, to be written again in the same format.

    Raises
    ------
    InvalidArgument : the recipe is not made of what JSON has.
    """

    name: str | None = None
    entries: tuple[PlaylistEntry, ...] = ()
    recipe: dict[str, Any] | None = field(default=None, hash=False)
    format: str | None = field(default=None, compare=False)
    kept: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.recipe is not None:
            recipe_to_json(self.recipe)

    @property
    def base(self) -> BasePair | None:
        """The base that its paths were written with, as its recipe remembers it; see
        ``write_playlist``. None for none."""
        match (self.recipe or {}).get(BASE_KEY):
            case [str(here), str(there)] if here:
                return here, there
        return None

    @property
    def not_files(self) -> tuple[PlaylistEntry, ...]:
        """The entries without a path; ``why_no_file`` of each says why."""
        return tuple(entry for entry in self.entries if entry.path is None)

    @property
    def is_relative(self) -> bool:
        """Whether most of its files were named relative to the folder of the playlist."""
        named = [entry.location for entry in self.entries if entry.path and entry.location]
        return 2 * sum(map(is_relative, named)) > len(named)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that a format cannot carry, and that is therefore not in the file.

    Attributes
    ----------
    entry : None where it is about the playlist itself.
    field : the attribute that is not there, or not whole; None: the entry is not in the file.
    reason : why, such as "M3U cannot hold a line break in a path".
    """

    entry: PlaylistEntry | None
    field: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of a playlist's file, and what they lack."""

    content: bytes
    left_out: tuple[LeftOut, ...]


def recipe_to_json(recipe: dict[str, Any], *, indent: int | None = None) -> str:
    """A recipe as ASCII text; on one line, unless it is indented.

    Raises
    ------
    InvalidArgument : it would come back as something else.
    """
    try:
        text = json.dumps(recipe, allow_nan=False, indent=indent)
        if isinstance(recipe, dict) and _is_same(json.loads(text), recipe):
            return text
        wrong = "it would come back as something else"
    except (TypeError, ValueError, RecursionError) as error:
        wrong = str(error)
    raise InvalidArgument(
        f"a playlist's recipe must be a dict of what JSON has (texts as keys, no tuples, no NaN): "
        f"{wrong}"
    )


def recipe_from_json(text: str) -> dict[str, Any]:
    """What :func:`recipe_to_json` was given.

    Raises
    ------
    ValueError : it is no JSON object; the message says so.
    """
    try:
        found = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its recipe is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("its recipe is no JSON object")
    return found


def seconds(value: Any, per_s: int = 1) -> float | None:
    """A length as files have it, such as in milliseconds (1000 a second); None for what is none,
    0 and -1 among it."""
    try:
        found = float(value) / per_s
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found > 0 and math.isfinite(found) else None


def _is_same(a: Any, b: Any) -> bool:
    """Equal, and of the same types: 1 is neither 1.0 nor True here, and no tuple a list."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_is_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_is_same, a, b))
    return type(a) is type(b) and a == b
