"""Files by what people call them: a path, the id of a track in the library, or words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.errors import LibraryError, TrackNotFound

if TYPE_CHECKING:
    from soundalike.library import Library

__all__ = ["files_meant"]

_SUFFIX = re.compile(r"\.\w{1,5}$")


def files_meant(queries: Sequence[str], library: str | None = None) -> list[Path]:
    """The file that each query means, as ``Library.track`` takes them.

    The library is opened only where a query may be one of its tracks. A path that is not there
    comes back as it is, for whoever opens it to say so.

    Raises
    ------
    TrackNotFound, AmbiguousTrack : words that no track has, or several have.
    LibraryError : a query is no path, and there is no library.
    """
    # A text of digits is an id if a track has it, even where a file is called so.
    if all(os.path.exists(query) and not query.strip().isdigit() for query in queries):
        return [Path(query) for query in queries]
    from soundalike.library import Library

    try:
        opened = Library(library, create=False)
    except LibraryError:
        if all(map(_is_path, queries)):
            return [Path(query) for query in queries]
        raise
    with opened:
        return [_file(opened, query) for query in queries]


def _file(library: Library, query: str) -> Path:
    try:
        return library.path(query)
    except TrackNotFound:
        if _is_path(query):
            return Path(query)
        raise


def _is_path(text: str) -> bool:
    """Whether a text can only be meant as a path: it is there, or looks like one."""
    return os.path.exists(text) or os.sep in text or _SUFFIX.search(text) is not None
