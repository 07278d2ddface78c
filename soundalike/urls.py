"""Addresses in place of paths: what is one, and a ``Path`` that stays one.

A ``Path`` takes the two slashes of ``s3://music/a.mp3`` for one. :class:`UrlPath` writes both, and
:func:`url_of` knows an address in either form, as no absolute path begins with a scheme.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

__all__ = ["SERVER_SCHEME", "UrlPath", "path_of", "readable", "url_of"]

SERVER_SCHEME = "subsonic"
"""Of a song that only a music server has; see ``library.server_places``."""

# A letter alone is a drive of Windows; what lies in this computer is a path.
_URL = re.compile(r"(?!file:)([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])", re.IGNORECASE)

if TYPE_CHECKING:
    _SystemPath = Path
else:
    _SystemPath = type(Path())


class UrlPath(_SystemPath):
    """The address of a file elsewhere, with the names and parts of a path."""

    __slots__ = ()

    def __str__(self) -> str:
        text = super().__str__()
        return url_of(text.replace(os.sep, "/")) or text

    def exists(self, **_: bool) -> bool:
        """True: whether it is there shows when it is opened."""
        return True

    def is_file(self, **_: bool) -> bool:
        """False: it is no file of this computer."""
        return False


def url_of(path: str | os.PathLike[str]) -> str | None:
    """A path that is an address, with both slashes and none at its end; None for any other.

    >>> url_of(Path("S3://music/a.mp3")), url_of("/music/a.mp3")
    ('s3://music/a.mp3', None)
    """
    text = os.fspath(path)
    found = _URL.match(text)
    if found is None:
        return None
    return f"{found[1].lower()}://{text[found.end() :].rstrip('/')}"


def path_of(text: str | os.PathLike[str]) -> Path:
    """A path as text, or an address, as a ``Path``."""
    url = url_of(text)
    return Path(text) if url is None else UrlPath(url)


def readable(names: str, path: str | os.PathLike[str]) -> str:
    """Some names of a path as people read them: those of the web come with %20 for a blank.

    >>> readable("My%20song", "https://host/My%20song.mp3"), readable("5%20", "/music/5%20.mp3")
    ('My song', '5%20')
    """
    url = url_of(path)
    return unquote(names) if url is not None and url.startswith("http") else names
