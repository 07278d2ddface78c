r"""What playlists write for a file: a path as text, or a URI, from here or for another machine.

A *location* is what stands in a file. M3U and our own JSON have paths as text; XSPF and JSPF have
URIs (RFC 3986) of the scheme ``file`` (RFC 8089), or relative references, in which every byte of
a name that is not plain ASCII is percent-encoded.

A path as text is one of Windows (``M:\Music``, ``\\nas\music``, or ``Artist\Song.mp3``, with a
backslash and no slash) or else one of this system, where a backslash is a character of a name. What
is written here is never in doubt: ``./`` stands before a name that would be taken for anything
else. Where a file of another program is in doubt, what exists on the disk is meant.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urljoin

from soundalike.errors import InvalidArgument, printable
from soundalike.urls import url_of

__all__ = ["BasePair", "CannotHold", "Place", "is_relative", "other_form", "why_no_file"]

BasePair = tuple[str | os.PathLike[str], str]
"""A folder here, and what it is called where the playlist is played."""

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
# Of a URI, where no blank can be. A letter alone is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\S*\s)")
_FILE_URI = re.compile(r"file:/", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/]|$)")
_SHARE = re.compile(r"\\\\[^\\/]")
# What a bare relative path may not begin with, since it would mean something else.
_MISLEADING = re.compile(r"[#\s]|[A-Za-z][A-Za-z0-9+.-]*:|\\\\")
# What stands in an address as it is: what is reserved, and what is encoded already.
_IN_URLS = "%:/?#[]@!$&'()*+,;="
_IS_WINDOWS = os.name == "nt"


class CannotHold(ValueError):
    """A path that cannot be written in this form; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where a playlist lies, from which its locations follow.

    Parameters
    ----------
    folder : of the playlist, absolute.
    base : a folder here, and what stands for it in the playlist: an absolute path of this or of
        another system, or "" where paths begin in that folder, as in the playlists of MPD.
    xml_base : what relative references are relative to, where it is not the folder: a URI.

    Raises
    ------
    InvalidArgument : the other side of the base is a relative path, or an address.
    """

    folder: str
    base: BasePair | None = None
    xml_base: str | None = None

    def __post_init__(self) -> None:
        there = self.base[1] if self.base else ""
        if there and not (there.startswith("/") or _is_windows_root(there)):
            raise InvalidArgument(
                f"base {there!r}: it must be an absolute path there, such as /mnt/music or "
                f"M:\\Music, or empty for paths that begin in the folder"
            )

    # From a location to a path

    def path_of(self, location: str, *, is_uri: bool, is_exact: bool = True) -> Path | None:
        """The file that a location means here; None where it means none.

        Parameters
        ----------
        is_uri : whether it is a URI or a relative reference; else it is text.
        is_exact : whether text is to the letter; else, as players have it in M3U, blanks may follow
            it, or it may be encoded as in a URI.
        """
        try:
            text = _as_text(location, is_uri=is_uri)
            if not text or b"\0" in os.fsencode(text):
                return None
        except UnicodeEncodeError:  # half a pair of UTF-16, which no file's name can have
            return None
        readings = self._readings(text, is_loose=not is_exact and text == location)
        first = next(readings)
        if first is None:
            return None
        for other in readings:
            # The disk is asked only where there is a doubt.
            if os.path.lexists(first):
                break
            if other is not None and os.path.isfile(other):
                return Path(other)
        return Path(first)

    def absolute(self, location: str) -> str:
        """A reference of a document with ``xml:base`` as a URI that stands by itself."""
        if self.xml_base is None or _is_raw(location):
            return location
        return urljoin(self.xml_base, location)

    def inside(self, xml_base: str) -> Place:
        """The same place, for what is inside an element with an ``xml:base``."""
        outer = self.xml_base or _to_uri(os.path.join(self.folder, ""), _IS_WINDOWS)
        return replace(self, xml_base=urljoin(outer, xml_base))

    def _readings(self, text: str, *, is_loose: bool) -> Iterator[str | None]:
        """The paths that a text may mean, the likeliest first; None for one of elsewhere."""
        yield self._path(text)
        if _is_windows_root(text):
            return
        if _is_windows_relative(text):
            yield self._path(f"./{text}")
        if is_loose and text != text.rstrip():
            yield self._path(text.rstrip())
        if is_loose and "%" in text:
            yield self._path(_unquoted(text))
        if not text.isascii():
            for form in ("NFC", "NFD"):
                yield self._path(unicodedata.normalize(form, text))
        if ".." in text:
            # As the system opens it, where a folder on the way is a link.
            yield os.path.realpath(os.path.join(self.folder, text))

    def _path(self, text: str) -> str | None:
        """An absolute path here, by the form of a text alone."""
        folder = self.folder
        if self.base is not None:
            inside = self._inside_base(text)
            if inside is not None:
                folder, text = os.path.abspath(os.path.expanduser(self.base[0])), inside
        if not _IS_WINDOWS:
            if _is_windows_root(text):
                return None
            if _is_windows_relative(text):
                text = text.replace("\\", "/")
        return os.path.abspath(os.path.join(folder, text))

    def _inside_base(self, text: str) -> str | None:
        """The part of a text below the other side of the base; None where it is not there."""
        assert self.base is not None
        there = self.base[1]
        if not there:
            return None if text.startswith("/") or _is_windows_root(text) else text
        if not _is_windows_root(there):
            inside = _below(text, there, "/")
            return None if inside is None else f"./{inside}"
        start = _slashed(there).rstrip("/") + "/"
        is_below = _slashed(text[: len(start)]).lower() == start.lower()
        inside = _slashed(text[len(start) :])
        return f"./{inside}" if is_below and inside else None

    # From a path to a location

    def location_of(self, path: str | os.PathLike[str], *, is_uri: bool, relative: bool) -> str:
        """What stands for a file, such that :meth:`path_of` gives back exactly this path.

        Parameters
        ----------
        path : made absolute, if it is not; an address stands for itself.
        relative : to the folder of the playlist, where there is no base; a path on another drive
            stays absolute.

        Raises
        ------
        CannotHold : with this base, it would come back as another one.
        """
        url = url_of(path)
        if url is not None:
            # Where it is stored, blanks may stand in it; who plays it sees no difference.
            return quote(url, safe=_IN_URLS) if is_uri else url
        text, windows = os.path.abspath(path), _IS_WINDOWS
        if self.base is not None:
            text, windows = self._based(text)
        elif relative:
            # Windows: another drive has no relative path.
            with suppress(ValueError):
                text = os.path.relpath(text, self.folder)
        return _to_uri(text, windows) if is_uri else _guarded(text, windows)

    def is_outside(self, path: str | os.PathLike[str]) -> bool:
        """Whether there is a base, and a path does not lie below its folder here."""
        if self.base is None or url_of(path) is not None:
            return False
        return self._below_base(os.path.abspath(path)) is None

    def _below_base(self, path: str) -> str | None:
        assert self.base is not None
        here = os.path.expanduser(self.base[0])
        inside = _below(path, os.path.abspath(here), os.sep)
        return _below(path, os.path.realpath(here), os.sep) if inside is None else inside

    def _based(self, path: str) -> tuple[str, bool]:
        """A path as the other side of the base has it, and whether that is Windows."""
        assert self.base is not None
        here, there = os.path.expanduser(self.base[0]), self.base[1]
        inside = self._below_base(path)
        if inside is None:
            if there.startswith("/") and _below(path, there, "/") is not None:
                raise CannotHold(f"it lies below {there}, which stands for {printable(here)}")
            return path, _IS_WINDOWS
        if _IS_WINDOWS:
            inside = _slashed(inside)
        if not _is_windows_root(there):
            return (there.rstrip("/") + "/" + inside if there else inside), False
        if "\\" in inside:
            raise CannotHold("Windows has no backslash in a name")
        return there.rstrip("\\/") + "\\" + inside.replace("/", "\\"), True


def other_form(location: str, *, is_uri: bool) -> str:
    """A location that is no file here in the form of another format."""
    if is_uri:
        return _to_uri(location, windows=True) if _is_windows_root(location) else location
    text = _from_file_uri(location) if _FILE_URI.match(location) else None
    return text or location


def is_relative(location: str) -> bool:
    """Whether the location of a file depends on the folder of its playlist."""
    return not (location.startswith("/") or _is_windows_root(location) or _FILE_URI.match(location))


def why_no_file(location: str | None) -> str:
    """Why a location means no file here."""
    if location is None:
        return "it names no file"
    text = _from_file_uri(location) if _FILE_URI.match(location) else location
    if text and _is_windows_root(text):
        return "a path of a Windows computer: name a base, which folder here it stands for"
    address = _SCHEME.match(location) or _ADDRESS.match(location)
    return f"an address ({address[1].lower()}), no file" if address else "it names no file"


def _as_text(location: str, *, is_uri: bool) -> str | None:
    """A location as the text of a path; None for an address."""
    if _FILE_URI.match(location):
        return _from_file_uri(location)
    if (_SCHEME if is_uri else _ADDRESS).match(location):
        return None
    # Some programs write paths as they are where a URI should stand.
    if not is_uri or _is_raw(location):
        return location
    return _guarded(_unquoted(location), _IS_WINDOWS)


def _is_windows_root(text: str) -> bool:
    return bool(_DRIVE.match(text) or _SHARE.match(text))


def _is_windows_relative(text: str) -> bool:
    return "\\" in text and "/" not in text


def _is_raw(location: str) -> bool:
    """Whether what should be a URI is a path of Windows as it is."""
    return "\\" in location or _is_windows_root(location)


def _slashed(text: str) -> str:
    return text.replace("\\", "/")


def _below(path: str, folder: str, separator: str) -> str | None:
    """The part of a path below a folder; None where it is not below it."""
    start = folder.rstrip(separator) + separator
    return path[len(start) :] or None if path.startswith(start) else None


def _guarded(path: str, windows: bool) -> str:
    """A path as text that can be taken for nothing else."""
    is_absolute = _is_windows_root(path) if windows else path.startswith("/")
    is_clear = is_absolute or not (
        _MISLEADING.match(path) or (not windows and _is_windows_relative(path))
    )
    return path if is_clear else f".{os.sep if windows else '/'}{path}"


def _to_uri(path: str, windows: bool) -> str:
    if windows:
        path = _slashed(path)
        if _DRIVE.match(path):
            return f"file:///{path[:2]}{_quoted(path[2:])}"
        if path.startswith("//"):
            return f"file:{_quoted(path)}"
    return ("file://" if path.startswith("/") else "") + _quoted(path)


def _from_file_uri(uri: str) -> str | None:
    """The path of a file URI. What should be encoded and is not ("#", "?") is taken as it is."""
    rest, host = uri[len("file:") :], ""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        rest = slash + path
        if _DRIVE.fullmatch(host):  # file://C:/Music, which some write
            host, rest = "", f"/{host}{rest}"
    path = _unquoted(rest)
    if _DRIVE.match(rest[1:]):  # a name with an encoded colon is no drive
        return path[1:].replace("/", "\\")
    if host and host.lower() != "localhost":
        return f"\\\\{host}" + path.replace("/", "\\")
    return path or None


def _quoted(path: str) -> str:
    return quote_from_bytes(os.fsencode(path))


def _unquoted(text: str) -> str:
    # Letters that are not encoded, as in an IRI, are UTF-8 like those that are.
    return os.fsdecode(unquote_to_bytes(os.fsencode(text)))
