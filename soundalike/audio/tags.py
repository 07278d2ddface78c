"""Tags of an audio file, whatever they are called in its format."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import mutagen
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

__all__ = ["Tags", "tags_from_mapping", "tags_from_mutagen"]


@dataclass(frozen=True)
class Tags:
    """What a file says of itself; None where it says nothing.

    Several values of one field are joined by ``"; "``.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None


# mutagen raises these on structures that lie about their sizes, besides its own class.
_BROKEN_TAGS = (
    mutagen.MutagenError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)

# The names of each field: ID3 frames, MP4 atoms, and the keys of Vorbis comments, APEv2, ASF
# and FFmpeg, in lower case. The first that is there wins.
_ID3 = {
    "title": ("TIT2",),
    "artist": ("TPE1",),
    "album": ("TALB",),
    "album_artist": ("TPE2",),
    "genre": ("TCON",),
    "year": ("TDRC", "TDOR", "TYER"),
    "track_number": ("TRCK",),
}
_MP4 = {
    "title": ("\xa9nam",),
    "artist": ("\xa9ART",),
    "album": ("\xa9alb",),
    "album_artist": ("aART",),
    "genre": ("\xa9gen",),
    "year": ("\xa9day",),
    "track_number": ("trkn",),
}
_NAMED = {
    "title": ("title",),
    "artist": ("artist", "author"),
    "album": ("album", "wm/albumtitle"),
    "album_artist": ("albumartist", "album artist", "album_artist", "wm/albumartist"),
    "genre": ("genre", "wm/genre"),
    "year": ("date", "year", "wm/year", "originaldate"),
    "track_number": ("tracknumber", "track", "wm/tracknumber"),
}


def tags_from_mutagen(path: str, *, is_mpeg: bool) -> Tags:
    """Read the tags of a file with mutagen; broken ones count as none.

    Parameters
    ----------
    path : a regular file.
    is_mpeg : whether APEv2 tags may stand at the end of a format that mutagen reads ID3 of.

    Raises
    ------
    OSError : the file cannot be read.
    """
    readers: list[Callable[[str], Any]] = [lambda name: getattr(mutagen.File(name), "tags", None)]
    if is_mpeg:
        readers.append(APEv2)
    for read in readers:
        try:
            found = _tags(read(path))
        except _BROKEN_TAGS as error:
            # mutagen wraps the errors of the disk, too.
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            continue
        if found != Tags():
            return found
    return Tags()


def _tags(tags: Any) -> Tags:
    if tags is None:
        return Tags()
    if isinstance(tags, ID3):
        return _fields({key: _id3_values(tags, key) for key in tags}, _ID3)
    if isinstance(tags, MP4Tags):
        return _fields({key: _as_list(tags[key]) for key in tags}, _MP4)
    return _fields({str(key).lower(): _as_list(tags[key]) for key in set(tags.keys())}, _NAMED)


def tags_from_mapping(values: Mapping[str, str]) -> Tags:
    """Tags from FFmpeg's names for them; bytes that are not UTF-8 come as lone surrogates."""
    raw = {key.lower(): [value.encode("utf-8", "surrogateescape")] for key, value in values.items()}
    return _fields(raw, _NAMED)


def _id3_values(tags: ID3, key: str) -> list[Any]:
    frame = tags[key]
    # A genre may be a number of a list from 1996: mutagen knows their names.
    return list(frame.genres if key == "TCON" else getattr(frame, "text", ()))


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _fields(values: Mapping[str, list[Any]], names: Mapping[str, tuple[str, ...]]) -> Tags:
    found: dict[str, Any] = {}
    for field in fields(Tags):
        texts = next((t for key in names[field.name] if (t := _texts(values.get(key, [])))), [])
        if not texts:
            continue
        if field.name == "year":
            year = re.search(r"(?<!\d)[12]\d{3}(?!\d)", texts[0]) or re.match(
                r"[12]\d{3}", texts[0]
            )
            found["year"] = int(year[0]) if year else None
        elif field.name == "track_number":
            number = re.match(r"\d{1,6}", texts[0])
            found["track_number"] = (int(number[0]) or None) if number else None
        else:
            found[field.name] = "; ".join(texts)
    return Tags(**found)


def _texts(values: Iterable[Any]) -> list[str]:
    """Values as clean text, without repetitions: NULs and blanks go, surrogates are replaced."""
    texts: dict[str, None] = {}
    for value in values:
        if isinstance(value, tuple):  # MP4: number and total
            value = value[0] if value else ""
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        # ID3v2.4 separates the values of one frame by NULs.
        for part in str(value).split("\0"):
            text = " ".join(part.encode("utf-8", "replace").decode("utf-8").split())
            if text:
                texts[text] = None
    return list(texts)
