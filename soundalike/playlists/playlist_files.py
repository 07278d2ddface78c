"""Playlists from files and to files, in the format that a file's suffix says."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from soundalike.errors import InvalidArgument, PlaylistError, printable
from soundalike.files import why, write_file
from soundalike.playlists.locations import BasePair, Place
from soundalike.playlists.records import BASE_KEY, LeftOut, Playlist, Rendered
from soundalike.playlists.source import Damaged, Source
from soundalike.playlists.target import Target

__all__ = ["FORMATS", "format_of", "read_playlist", "render_playlist", "write_playlist"]

StrPath = str | os.PathLike[str]


class _Format(Protocol):
    def parse(self, source: Source, /) -> Playlist: ...

    def render(self, playlist: Playlist, target: Target, /) -> Rendered: ...


# The module of each, loaded when a playlist is one: most commands know of them and meet none.
_FORMATS = {"m3u8": "m3u", "m3u": "m3u", "xspf": "xspf", "jspf": "jspf", "json": "own_json"}
FORMATS = tuple(_FORMATS)
"""The formats; a file's suffix is a dot and one of these."""

# Far more than a playlist of 200,000 tracks has; what a file can do to the memory is bounded.
_MOST_BYTES = 1 << 27


def _module(name: str) -> _Format:
    return cast(_Format, import_module(f"soundalike.playlists.{_FORMATS[name]}"))


def format_of(file: StrPath, format: str | None = None) -> str:
    """The format of a file: as it is given, or as the suffix says.

    Raises
    ------
    InvalidArgument : neither says one of :data:`FORMATS`.
    """
    suffix = os.path.splitext(os.fspath(file))[1][1:].lower()
    found = suffix if format is None else format
    if found in _FORMATS:
        return found
    known = ", ".join(_FORMATS)
    if format is not None:
        raise InvalidArgument(f"format is {format!r}: it must be one of {known}")
    raise InvalidArgument(
        f"{printable(file)}: its suffix says no format of playlists; name the file, or give a "
        f"format, by one of {known}"
    )


def read_playlist(
    file: StrPath,
    *,
    format: str | None = None,
    base: BasePair | None = None,
    encoding: str | None = None,
) -> Playlist:
    r"""Read a playlist, whichever program wrote it.

    Parameters
    ----------
    file : its suffix says the format, unless that is given.
    format : one of :data:`FORMATS`.
    base : a folder here, and what it is called in the playlist, such as ``("/home/me/Music",
        "M:\Music")``. Paths below the latter are taken as paths below the former.
    encoding : of an M3U; by default a mark at its beginning says it, or it is UTF-8, or else, in a
        ``.m3u``, Windows-1252.

    Returns
    -------
    The entries with their paths, absolute; relative ones are relative to the folder of the file.
    Whether there are such files does not matter, but where a path may be read in two ways, the one
    is meant of which there is a file. Addresses on the web are entries without a path.

    Raises
    ------
    PlaylistError : the file is not there, or is no playlist of this format, or is in another
        encoding; the message has the place, and what to do.
    InvalidArgument : no format, or an unknown encoding.
    """
    name = format_of(file, format)
    if encoding is not None:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise InvalidArgument(
                f"encoding is {encoding!r}: Python has none of this name"
            ) from error
    place = Place(_folder(file), base)
    try:
        with open(file, "rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise PlaylistError(
            f"{printable(file)}: cannot be read ({why(error)}); check its path and permissions"
        ) from error
    if len(data) > _MOST_BYTES:
        raise PlaylistError(
            f"{printable(file)}: larger than {_MOST_BYTES >> 20} MiB, which no playlist is"
        )
    try:
        playlist = _module(name).parse(Source(data, name, place, encoding))
        if base is None and playlist.base is not None:
            try:
                place = Place(_folder(file), playlist.base)
            except InvalidArgument as error:
                raise PlaylistError(f"{printable(file)}: in its recipe, {error}") from error
            playlist = _module(name).parse(Source(data, name, place, encoding))
    except Damaged as error:
        raise PlaylistError(f"{printable(file)}: {error}") from error
    return replace(playlist, format=name)


def render_playlist(
    playlist: Playlist,
    format: str,
    *,
    folder: StrPath = "",
    relative: bool | None = None,
    base: BasePair | None = None,
    encoding: str | None = None,
) -> Rendered:
    """The file of a playlist, as bytes.

    Parameters
    ----------
    format : one of :data:`FORMATS`.
    folder : that it will lie in; by default the current one.
    relative, base : as for :func:`write_playlist`.
    encoding : of an M3U; by default the one that it was read in, see ``m3u.render``.

    Raises
    ------
    InvalidArgument : an unknown format; ``relative`` and a base; or a base below whose folder
        nothing of the playlist lies.
    """
    if relative and base is not None:
        raise InvalidArgument("relative paths have no base: give one of the two")
    name = format_of("", format)
    if base is not None:
        relative = False  # what was read with another is written anew
    if base is not None and playlist.recipe is not None:
        pair = [os.path.abspath(os.path.expanduser(base[0])), base[1]]
        playlist = replace(playlist, recipe={**playlist.recipe, BASE_KEY: pair})
    elif base is None and not relative:
        base = playlist.base
    place = Place(os.path.abspath(folder), base)
    rendered = _module(name).render(playlist, Target(playlist, name, place, relative, encoding))
    return replace(rendered, left_out=(*rendered.left_out, *_outside(playlist, place, rendered)))


def _outside(playlist: Playlist, place: Place, rendered: Rendered) -> list[LeftOut]:
    """What lies outside of the folder of a base, and is written with its path here.

    Raises
    ------
    InvalidArgument : all of it: then it is not the folder that was meant.
    """
    files = [entry for entry in playlist.entries if entry.path is not None]
    outside = [entry for entry in files if entry.path and place.is_outside(entry.path)]
    if not outside:
        return []
    assert place.base is not None
    here = printable(os.path.abspath(os.path.expanduser(place.base[0])))
    if len(outside) == len(files):
        raise InvalidArgument(
            f"base {here}: nothing of the playlist lies below this folder (its first file is "
            f"{printable(outside[0].path or '')}), so no path can begin with "
            f"{place.base[1] or 'what is in it'!r}; name the folder here that holds the music"
        )
    absent = {id(each.entry) for each in rendered.left_out if each.field is None}
    why_here = f"it does not lie below {here}, and is written as it is here"
    return [LeftOut(each, "path", why_here) for each in outside if id(each) not in absent]


def write_playlist(
    file: StrPath,
    playlist: Playlist,
    *,
    format: str | None = None,
    relative: bool | None = None,
    base: BasePair | None = None,
) -> tuple[LeftOut, ...]:
    r"""Write a playlist, whole or not at all.

    A file that is there keeps its permissions, and a link to it stays a link. What was read from a
    file and is written in the same format takes along what the file said besides.

    Parameters
    ----------
    file : its suffix says the format, unless that is given.
    relative : paths relative to the folder of the file, so that it can move with the music. By
        default absolute; but those that were read in this format stay as they were written, and
        others are written like most of these.
    base : a folder here, and what it is called where the playlist will be played: ``("/home/me/
        Music", "/mnt/music")``, ``("/home/me/Music", "M:\Music")``, or "" for paths that
        begin in that folder, as MPD has them. What lies elsewhere has its absolute path. A recipe
        remembers it, and without another it is used again.

    Returns
    -------
    What the format cannot hold, such as a path with a line break in an M3U.

    Raises
    ------
    OutputError : the file cannot be written.
    InvalidArgument : no format; ``relative`` and a base; a base that is none; or one below whose
        folder nothing of the playlist lies.
    """
    rendered = render_playlist(
        playlist, format_of(file, format), folder=_folder(file), relative=relative, base=base
    )
    # A player may watch the file: it sees the old playlist or the new one, never half of one.
    write_file(file, rendered.content)
    return rendered.left_out


def _folder(file: StrPath) -> str:
    return os.fspath(Path(os.path.abspath(file)).parent)
