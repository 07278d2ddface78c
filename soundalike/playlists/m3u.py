"""M3U: a path a line, and lines that begin with ``#``.

There is no specification. What is read and written is what players agree on: ``#EXTM3U``,
``#EXTINF:seconds,artist - title`` before a path, ``#PLAYLIST:name``. M3U8 is the same in UTF-8;
``.m3u`` may be in any encoding, and is in UTF-8 or, by players of Windows, in that computer's 8-bit
code page.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from soundalike.errors import printable
from soundalike.playlists.locations import CannotHold
from soundalike.playlists.records import (
    LeftOut,
    Playlist,
    PlaylistEntry,
    Rendered,
    recipe_from_json,
    recipe_to_json,
    seconds,
)
from soundalike.playlists.source import Damaged, Source
from soundalike.playlists.target import Target

__all__ = ["parse", "render"]

_HEADER, _NAME, _INFO = "#EXTM3U", "#PLAYLIST:", "#EXTINF:"
_RECIPE = "#SOUNDALIKE:"
# Paths are bytes, whatever the rest is: for the names on a disk that are no UTF-8.
_RAW_PATHS = "#SOUNDALIKE-PATHS:bytes"

_LINE_END = re.compile(r"\r\n|\r|\n")
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Of "-1 tvg-name="a, b" group="x",Title" all up to the comma.
_BEFORE_LABEL = re.compile(r'(?:[^",]|"[^"]*")*,')
_SECONDS = re.compile(r"\s*(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class _Kept:
    """Of a whole file: its first line, what stands before and after all entries, its encoding,
    and the mark of that at its beginning."""

    header: str = _HEADER
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    encoding: str = "utf-8"
    mark: bytes = b""


@dataclass(frozen=True)
class _Comments:
    """The lines before the path of an entry."""

    lines: tuple[str, ...]


class _Info(NamedTuple):
    """What ``#EXTINF`` says."""

    duration_s: float | None = None
    artist: str | None = None
    title: str | None = None


class _Line(NamedTuple):
    text: str
    is_path: bool = False


def parse(source: Source) -> Playlist:
    """Read a file of either kind.

    Raises
    ------
    Damaged : it is in another encoding than its suffix says, or its recipe is no JSON.
    """
    encoding, mark, lines = _decoded(source)
    header, name, recipe = _HEADER, None, None
    before: list[str] = []
    comments: list[str] = []
    entries: list[PlaylistEntry] = []
    info: _Info | None = None
    for number, spaced in enumerate(lines, start=1):
        line = spaced.lstrip(" \t")
        if not line or line == _RAW_PATHS:
            continue
        if not line.startswith("#"):
            said, album = info or _Info(), _album(comments)
            if not entries and info is None:
                before, comments = comments, []
            entries.append(
                PlaylistEntry(
                    source.place.path_of(line, is_uri=False, is_exact=False),
                    title=said.title,
                    artist=said.artist,
                    duration_s=said.duration_s,
                    album=album,
                    location=line,
                    kept=_Comments(tuple(comments)),
                )
            )
            comments, info = [], None
        elif _is(line, _HEADER):
            header = line
        elif _is(line, _NAME):
            name = line[len(_NAME) :].strip() or None
        elif line.startswith(_RECIPE):
            try:
                recipe = recipe_from_json(line[len(_RECIPE) :])
            except ValueError as error:
                raise Damaged(f"line {number:,}: {error}; mend or delete that line") from error
        else:
            if _is(line, _INFO):
                info = _parsed_info(line)
                if not (entries or before):  # what came before is about the whole
                    before, comments = comments, []
            comments.append(line)
    kept = _Kept(header, tuple(before), tuple(comments), encoding, mark)
    return Playlist(name, tuple(entries), recipe, kept=kept)


def render(playlist: Playlist, target: Target) -> Rendered:
    r"""The playlist in extended form, ``\n`` line ends.

    Each entry is ``#EXTINF:<whole seconds>,<artist> - <title>`` and the path on the next line;
    -1 seconds mean that the length is unknown, and the file's name stands for a title. It is in
    UTF-8, but a file name that is no valid UTF-8 keeps its own bytes, because a player has to open
    exactly those.

    A file that was read in another encoding keeps it where that can hold all of it: whatever plays
    it reads that one. So does the mark at its beginning. An M3U8 is in UTF-8 unless a mark says
    otherwise.

    Album and identifiers have no place in it.
    """
    kept = playlist.kept if isinstance(playlist.kept, _Kept) else _Kept()
    left_out: list[LeftOut] = []
    lines = [_Line(kept.header)]
    if playlist.name:
        lines.append(_Line(_NAME + _one_line(playlist.name)))
    if playlist.recipe is not None:
        lines.append(_Line(_RECIPE + recipe_to_json(playlist.recipe)))
    lines += map(_Line, kept.before)
    for entry in playlist.entries:
        try:
            location = target.location_of(entry)
            if location is None:
                raise CannotHold("M3U cannot hold an entry without a path")
            if "\n" in location or "\r" in location:
                raise CannotHold("M3U cannot hold a line break in a path")
        except CannotHold as error:
            left_out.append(LeftOut(entry, None, str(error)))
            continue
        lines += map(_Line, _comments(entry))
        lines.append(_Line(location, is_path=True))
    lines += map(_Line, kept.after)
    encoding, mark = kept.encoding, kept.mark
    if target.encoding is not None:
        encoding, mark = target.encoding, b""
    elif target.format == "m3u8" and not (mark and playlist.format == "m3u8"):
        encoding, mark = "utf-8", b""
    content, lacks = _encoded(lines, encoding, mark)
    if lacks:
        left_out.append(LeftOut(None, "encoding", lacks))
    return Rendered(content, tuple(left_out))


def _is(line: str, directive: str) -> bool:
    return line[: len(directive)].upper() == directive


def _decoded(source: Source) -> tuple[str, bytes, list[str]]:
    """The encoding of a file, its mark, and its lines.

    Raises
    ------
    Damaged : the encoding that was given, or stated by a mark, or that all M3U8 have, is not that
        of the file.
    """
    data, mark, stated = source.data, b"", source.encoding
    if stated is None:
        mark, stated = next((each for each in _MARKS if data.startswith(each[0])), (b"", None))
    encoding = stated or "utf-8"
    try:
        lines = _LINE_END.split(data[len(mark) :].decode(encoding).removeprefix("\ufeff"))
    except UnicodeError as error:
        if stated is not None:
            at = len(mark) + getattr(error, "start", 0)
            raise Damaged(
                f"byte {data[at : at + 1].hex()} at position {at:,} is no {stated}; name the "
                f"encoding that it is in"
            ) from error
        if source.format == "m3u8" or _RAW_PATHS.encode() in data.splitlines():
            lines = _with_raw_paths(source)
        else:
            encoding, lines = "cp1252", _western(source)
    if any("\0" in line for line in lines):
        raise Damaged(
            "it holds NUL characters: no M3U, or one in UTF-16 without a mark; in Python, "
            "encoding='utf-16-le' reads the latter"
        )
    return encoding, mark, lines


def _with_raw_paths(source: Source) -> list[str]:
    """UTF-8 with paths that are not: those of a file that says so, and those that exist.

    Raises
    ------
    Damaged : it is anything else.
    """
    raw_lines = source.data.splitlines(keepends=True)
    is_known = _RAW_PATHS.encode() in source.data.splitlines()
    lines, at = [], 0
    for number, raw in enumerate(raw_lines, start=1):
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            line = os.fsdecode(raw)
            is_path = not line.lstrip().startswith("#")
            if not (is_path and (is_known or source.has_file(line.rstrip("\r\n")))):
                at += error.start
                raise Damaged(
                    f"byte 0x{source.data[at]:02x} at position {at:,} (line {number:,}) is no "
                    f"UTF-8, in which .m3u8 always is: save it as UTF-8, or rename it to .m3u (in "
                    f"Python: encoding='cp1252')"
                ) from error
        lines.append(line.rstrip("\r\n"))
        at += len(raw)
    return lines


def _western(source: Source) -> list[str]:
    """The 8-bit code page of a Western Windows; but the names of files that are on the disk."""
    try:
        text = source.data.decode("cp1252")
    except UnicodeDecodeError:  # five bytes mean nothing in it
        text = source.data.decode("latin-1")
    lines = []
    for line, raw in zip(_LINE_END.split(text), source.data.splitlines(), strict=False):
        name = os.fsdecode(raw)
        is_there = not line.isascii() and not line.startswith("#") and source.has_file(name)
        lines.append(name if is_there else line)
    return lines


def _encoded(lines: Sequence[_Line], encoding: str, mark: bytes) -> tuple[bytes, str | None]:
    """Lines in an encoding if it can hold them, else in UTF-8; and that it cannot."""
    is_other = bool(mark) or encoding != "utf-8"
    if is_other:
        with suppress(UnicodeEncodeError):
            text = "".join(f"{line.text}\n" for line in lines)
            return mark + text.encode(encoding), None
    encoded = [
        os.fsencode(line.text) if line.is_path else line.text.encode("utf-8", "backslashreplace")
        for line in lines
    ]
    if any(line.is_path and printable(line.text) != line.text for line in lines):
        encoded.insert(1, _RAW_PATHS.encode())
    lacks = f"{encoding} cannot hold all of it, so it is in UTF-8 now" if is_other else None
    return b"".join(line + b"\n" for line in encoded), lacks


def _parsed_info(line: str) -> _Info:
    rest = line[len(_INFO) :]
    length = _SECONDS.match(rest)
    before = _BEFORE_LABEL.match(rest)
    label = rest[before.end() :] if before else rest.partition(",")[2]
    artist, dash, title = label.strip().partition(" - ")
    if not dash:
        artist, title = "", artist
    return _Info(seconds(length[1]) if length else None, artist.strip() or None, title or None)


def _album(comments: list[str]) -> str | None:
    """Of the lines before a path, what one says of the album."""
    albums = [line[len("#EXTALB:") :].strip() for line in comments if _is(line, "#EXTALB:")]
    return (albums[-1] or None) if albums else None


def _comments(entry: PlaylistEntry) -> list[str]:
    """The lines before the path of an entry: those that it had, and what it is called."""
    said = _Info(entry.duration_s, entry.artist, entry.title)
    if not isinstance(entry.kept, _Comments):
        return [_info(entry)]
    lines = list(entry.kept.lines)
    infos = [at for at, line in enumerate(lines) if _is(line, _INFO)]
    if infos and _parsed_info(lines[infos[-1]]) != said:
        lines[infos[-1]] = _info(entry)
    elif not infos and said != _Info():
        lines.insert(0, _info(entry))
    return lines


def _info(entry: PlaylistEntry) -> str:
    length = -1 if entry.duration_s is None else round(entry.duration_s)
    title = entry.title or (printable(entry.path.stem) if entry.path else "")
    return f"{_INFO}{length},{_one_line(f'{entry.artist} - {title}' if entry.artist else title)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
