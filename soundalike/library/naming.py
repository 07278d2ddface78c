"""What a file's place says where its tags say nothing.

Folders stand in for artist and album: ``Artist/Album/01 - Title.mp3`` and ``Game/track8.ogg`` are
the two usual shapes. A pattern such as ``{artist}/{album}/{track} - {title}`` says it exactly.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache

from soundalike.audio.tags import Tags
from soundalike.errors import InvalidArgument, printable
from soundalike.library.words import searchable
from soundalike.urls import readable

__all__ = [
    "PATTERN_FIELDS",
    "Roots",
    "album_folder",
    "check_pattern",
    "filled",
    "short_name",
]

_TEXT, _NUMBER = r"[^/]+?", r"\d{1,4}"
# Field of a pattern -> field of ``Tags`` (None: of none), and what stands there.
_FIELDS: dict[str, tuple[str | None, str]] = {
    "artist": ("artist", _TEXT),
    "album_artist": ("album_artist", _TEXT),
    "album": ("album", _TEXT),
    "title": ("title", _TEXT),
    "genre": ("genre", _TEXT),
    "year": ("year", r"[12]\d{3}"),
    "track": ("track_number", _NUMBER),
    "disc": ("disc_number", _NUMBER),
    "any": (None, _TEXT),
}
PATTERN_FIELDS = tuple(_FIELDS)
"""What may stand between braces in a pattern; ``any`` is for what is of no interest."""

# "CD1", "Disc 2", "disc 02 - Live": a part of an album, and no name of its own.
_DISC = re.compile(r"(?:cd|dis[ck]|dvd|lp)[\s._-]*(\d{1,2})(?:\W.*)?", re.IGNORECASE | re.DOTALL)


def check_pattern(text: str) -> None:
    """Whether a pattern of paths can be used; ``{artist}/{album}/{track} - {title}`` is one.

    It describes the end of a path, without the suffix. The fields are :data:`PATTERN_FIELDS`; one
    that stands twice must be the same in both places.

    Raises
    ------
    InvalidArgument : it cannot; the message says why.
    """
    _compiled(text)


@dataclass(frozen=True)
class _Pattern:
    parts: int
    expression: re.Pattern[str]
    fields: tuple[str, ...]

    def match(self, names: list[str]) -> Tags | None:
        """What the names of folders and, last, of the file say; None where they do not fit."""
        if len(names) < self.parts:
            return None
        found = self.expression.fullmatch("/".join(names[-self.parts :]))
        if found is None:
            return None
        values = {}
        for name in self.fields:
            field, kind = _FIELDS[name]
            if field is not None:
                text = _clean(found[name])
                values[field] = (int(text) or None) if kind != _TEXT else (text or None)
        return Tags.from_json(values)


@lru_cache(maxsize=64)
def _compiled(text: str) -> _Pattern:
    def refuse(why: str) -> InvalidArgument:
        known = ", ".join(f"{{{name}}}" for name in PATTERN_FIELDS)
        return InvalidArgument(f"pattern {text!r}: {why}; a pattern is made of {known} and text")

    if not isinstance(text, str) or not text.strip():
        raise refuse("it is empty" if isinstance(text, str) else "it is no text")
    if any(not part.strip() for part in text.split("/")):
        raise refuse("a part between two slashes is empty, or it begins or ends with a slash")
    pieces = re.split(r"(\{[^{}]*\})", text)
    expression, seen, previous = "", [], ""
    for piece in pieces:
        if not piece:
            continue
        if not (piece.startswith("{") and piece.endswith("}")):
            if "{" in piece or "}" in piece:
                raise refuse("a brace is not closed, or not opened")
            # One space or more, as people type them.
            expression += r"\s+".join(map(re.escape, re.split(r"\s+", piece)))
        elif previous.startswith("{"):
            raise refuse(f"nothing separates {previous} and {piece}")
        else:
            name = piece[1:-1]
            if name not in _FIELDS:
                raise refuse(f"{piece} is not known")
            if name == "any":
                expression += _TEXT
            elif name in seen:
                expression += f"(?P={name})"
            else:
                expression += f"(?P<{name}>{_FIELDS[name][1]})"
                seen.append(name)
        previous = piece
    if not seen:
        raise refuse("it names nothing")
    compiled = re.compile(expression, re.IGNORECASE | re.DOTALL)
    return _Pattern(text.count("/") + 1, compiled, tuple(seen))


@dataclass(frozen=True)
class _Folder:
    """What is known of the files in one folder.

    ``names``: of the folders from the scanned one down to it, all of them. ``own``: those without
    discs, or, right in the scanned folder, that one's name.
    """

    names: list[str]
    own: list[str]
    default: Tags
    pattern: _Pattern | None


class Roots:
    """The folders that were scanned, and how the paths below them are made.

    Parameters
    ----------
    rows : path and pattern of each; None is the default: the folder of a file is its album, the
        one above its artist; below a scanned folder that has no folder between, it is both.
        Folders of discs ("CD1") do not count. A file right in a scanned folder has that one for
        an album, and no artist.
    """

    def __init__(self, rows: Iterable[tuple[bytes, str | None]]) -> None:
        # The outermost first: below it lie the most folders that can say something.
        named = sorted((os.fsdecode(path), pattern) for path, pattern in rows)
        self._roots = [(os.path.join(path, ""), pattern) for path, pattern in named]
        self._folders: dict[str, _Folder] = {}

    def root_of(self, path: str) -> str | None:
        """The innermost scanned folder that a path lies below."""
        around = [root for root, _ in self._roots if path.startswith(root)]
        return max(around, key=len, default=None)

    def say(self, field: str) -> bool:
        """Whether a pattern of these has a field, such as "genre", which no default says."""
        return any(field in _compiled(pattern).fields for _, pattern in self._roots if pattern)

    def stand_ins(self, path: str) -> Tags:
        """What the path of a file says, whatever its tags say."""
        folder = self._folder(os.path.dirname(path))
        if folder.pattern is None:
            return folder.default
        file = readable(os.path.splitext(os.path.basename(path))[0], path)
        # The folder of a disc is no album, unless the pattern says what it is.
        ways = [[name for name in folder.names if not _DISC.fullmatch(name)], folder.names]
        if "disc" in folder.pattern.fields:
            ways.reverse()
        matches = (folder.pattern.match([*names, file]) for names in ways)
        found = next((each for each in matches if each is not None), None)
        if found is None:
            return folder.default
        # A pattern of the file's name alone says nothing about its folders.
        return filled(found, folder.default) if folder.pattern.parts == 1 else found

    def words(self, path: str, tags: Tags) -> str:
        """What a track is found by: names by tags, or by their stand-ins, file and folders."""
        every = filled(tags, self.stand_ins(path))
        named = (every.artist, every.title, every.album, every.album_artist)
        file = readable(os.path.splitext(os.path.basename(path))[0], path)
        own = self._folder(os.path.dirname(path)).own
        return searchable([*named, *map(printable, (file, *reversed(own)))])

    def _folder(self, folder: str) -> _Folder:
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = self._look(folder)
        return known

    def _look(self, folder: str) -> _Folder:
        inside = os.path.join(folder, "")
        around = [(root, pattern) for root, pattern in self._roots if inside.startswith(root)]
        patterns = [pattern for _, pattern in around if pattern is not None]
        pattern = _compiled(patterns[-1]) if patterns else None
        top = readable(os.path.basename(album_folder(folder + os.sep)), folder)
        if around:
            parts = inside[len(around[0][0]) :].split(os.sep)
            names = [readable(name, folder) for name in parts if name]
        else:
            names = [top] if top else []  # how far up the names go on meaning music is unknown
        own = [name for name in names if not _DISC.fullmatch(name)]
        if own:
            said = {"artist": own[-2] if len(own) > 1 else own[0], "album": own[-1]}
        else:
            said = {"album": top}
            own = [top] if top else []
        discs = [int(found[1]) for name in names[-1:] if (found := _DISC.fullmatch(name))]
        default = Tags(
            artist=_clean(said.get("artist", "")) or None,
            album=_clean(said["album"]) or None,
            disc_number=discs[0] or None if discs else None,
        )
        return _Folder(names, own, default, pattern)


def album_folder(path: str) -> str:
    """The folder that a file lies in, or the one above where that is a disc of an album."""
    folder = os.path.dirname(path)
    while _DISC.fullmatch(os.path.basename(folder)):
        folder = os.path.dirname(folder)
    return folder


def short_name(path: str | os.PathLike[str]) -> str:
    """The file without its suffix, after its folder, and the album's before that of a disc.

    >>> short_name("/music/planet blupi/track8.ogg")
    'planet blupi/track8'
    """
    text = os.fspath(path)
    top = os.path.dirname(album_folder(text))
    inside = text[len(os.path.join(top, "")) :] if top else text.lstrip(os.sep)
    return printable(readable(os.path.splitext(inside)[0], path)).replace(os.sep, "/")


def filled(tags: Tags, stand_ins: Tags) -> Tags:
    """The tags, and what stands in for those that are not there."""
    names = [field.name for field in fields(Tags)]
    return Tags(**{name: getattr(tags, name) or getattr(stand_ins, name) for name in names})


def _clean(text: str) -> str:
    """A name as people write it: file names often have _ for a space."""
    shown = printable(text)
    return " ".join((shown if " " in shown else shown.replace("_", " ")).split())
