"""Files by what people call them: a path, the id of a track in the library, or words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.errors import LibraryError, TrackNotFound, UnreadableFile
from soundalike.library.words import track_number_in
from soundalike.urls import path_of, url_of

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library import Library

__all__ = ["Meant", "files_meant", "known_or_file"]

_SUFFIX = re.compile(r"\.\w{1,5}$")


@dataclass(frozen=True)
class Meant:
    """What a query means.

    Attributes
    ----------
    path : of the file; where it is not there, whoever opens it says so.
    track_id : of the track in the library; None for a file that was named by its path.
    analysis : what the library has stored of that track; None where nothing is.
    """

    path: Path
    track_id: int | None = None
    analysis: Analysis | None = None


def files_meant(queries: Sequence[str], library: str | None = None) -> list[Path]:
    """The files that some queries mean; as :func:`known_or_file`."""
    return [each.path for each in _all(queries, library, None, with_analysis=False)]


def known_or_file(
    queries: Sequence[str], library: str | None = None, model: str | None = None
) -> list[Meant]:
    """What each query means, as ``Library.track`` takes them, with what is stored of it.

    Arguments none of which is a path, an id or several words are the words of one track.

    The library is opened only where a query may be one of its tracks.

    Raises
    ------
    TrackNotFound, AmbiguousTrack : words that no track has, or several have.
    LibraryError : a query is no path, and there is no library.
    UnreadableFile : the file of a track is missing, and nothing is stored of it.
    """
    return _all(queries, library, model, with_analysis=True)


def _all(
    queries: Sequence[str], library: str | None, model: str | None, *, with_analysis: bool
) -> list[Meant]:
    queries = _apart(queries)
    if all(map(_names_a_file, queries)):
        return [Meant(path_of(query)) for query in queries]
    from soundalike.library import Library

    try:
        opened = Library(library, model=model, create=False)
    except LibraryError:
        if all(map(_is_path, queries)):
            return [Meant(path_of(query)) for query in queries]
        raise
    with opened:
        return [_one(opened, query, with_analysis) for query in queries]


def _one(library: Library, query: str, with_analysis: bool) -> Meant:
    if _names_a_file(query):
        # A file that somebody names is to be heard as it is now.
        return Meant(library.file(query))
    try:
        track = library.track(query)
    except TrackNotFound:
        if _is_path(query):
            return Meant(path_of(query))
        raise
    known: Analysis | None = None
    if with_analysis and track.status in ("analysed", "missing"):
        with suppress(LibraryError):
            known = library.analysis(track.track_id)
    if known is None and track.absence is not None:
        raise UnreadableFile(track.path, f"{track.absence}, and it has to be read for this")
    return Meant(track.path, track.track_id, known)


def _apart(arguments: Sequence[str]) -> Sequence[str]:
    """Arguments of a command: each a track, or all together the words of one.

    ``17 18`` and ``"so what" "blue train"`` are two tracks, ``so what`` is one.
    """
    are_words = not any(
        _is_path(each) or track_number_in(each) is not None or " " in each.strip()
        for each in arguments
    )
    return [" ".join(arguments)] if are_words else arguments


def _names_a_file(text: str) -> bool:
    """Whether it is there; a text of digits is an id first, even where a file is called so."""
    if url_of(text) is not None:
        return True
    return os.path.exists(text) and not text.strip().isdigit()


def _is_path(text: str) -> bool:
    """Whether a text can only be meant as a path: it is there, or looks like one."""
    return os.path.exists(text) or os.sep in text or _SUFFIX.search(text) is not None
