"""Cover pictures: in a file, or beside it in its folder."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundalike.audio.source import StrPath

__all__ = ["Cover", "embedded_cover", "folder_covers", "read_cover"]

MOST_BYTES = 20_000_000
_FRONT = 3  # the kind of picture in ID3, FLAC and ASF
_KINDS = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
_NAMES = ("cover", "folder", "front", "albumart", "album")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture.

    Attributes
    ----------
    data : the bytes of its file.
    media_type : by its first bytes, whatever the tag or the name says: "image/jpeg", "image/png",
        "image/gif" or "image/webp".
    """

    data: bytes
    media_type: str


def embedded_cover(path: StrPath) -> Cover | None:
    """The front cover in the tags of a file, or else the first picture; None where there is none.

    Broken tags count as none.
    """
    import mutagen

    found: list[tuple[bool, bytes]] = []
    # Tags that lie about their sizes raise whatever comes of that.
    with suppress(Exception):
        found += _pictures(mutagen.File(os.fspath(path)))
    if not any(_kind(data) for _, data in found):
        with suppress(Exception):
            from mutagen.apev2 import APEv2

            ape: Any = APEv2
            found += _in_tags(ape(os.fspath(path)))
    found.sort(key=lambda each: not each[0])
    return next((cover for _, data in found if (cover := _cover(data)) is not None), None)


def folder_covers(folder: Path) -> list[Path]:
    """The files in a folder that are called as covers are, the likeliest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    wanted = {f"{name}{suffix}": None for name in _NAMES for suffix in _SUFFIXES}
    places = {name: place for place, name in enumerate(wanted)}
    covers = sorted((name for name in names if name.lower() in places), key=str.lower)
    return [folder / name for name in sorted(covers, key=lambda name: places[name.lower()])]


def read_cover(path: Path) -> Cover | None:
    """A picture in a file of its own; None for what is none, or is too large."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        return _cover(path.read_bytes())
    except OSError:
        return None


def _cover(data: bytes) -> Cover | None:
    kind = _kind(data)
    return Cover(data, kind) if kind is not None and len(data) <= MOST_BYTES else None


def _kind(data: bytes) -> str | None:
    return next((name for start, name in _KINDS if start.match(data)), None)


def _pictures(file: Any) -> Iterator[tuple[bool, bytes]]:
    """Whether each picture is the front cover, and its bytes."""
    for picture in getattr(file, "pictures", ()):
        yield picture.type == _FRONT, picture.data
    if getattr(file, "tags", None) is not None:
        yield from _in_tags(file.tags)


def _in_tags(tags: Any) -> Iterator[tuple[bool, bytes]]:
    """The same, of the tags that hold them."""
    from mutagen import flac

    block: Any = flac.Picture
    readers: dict[str, Callable[[Any], tuple[bool, bytes]]] = {
        # ID3, MP4, Vorbis comments (and what they were before), APEv2, ASF.
        "apic": lambda frame: (frame.type == _FRONT, frame.data),
        "covr": lambda data: (True, bytes(data)),
        "metadata_block_picture": lambda text: _of_block(block(base64.b64decode(text))),
        "coverart": lambda text: (True, base64.b64decode(text)),
        "cover art (front)": lambda value: (True, value.value.partition(b"\0")[2]),
        "cover art (back)": lambda value: (False, value.value.partition(b"\0")[2]),
        "wm/picture": lambda value: _of_asf(value.value),
    }
    for key in list(tags.keys()):
        read = readers.get(str(key).lower().partition(":")[0])
        if read is None:
            continue
        values = tags[key]
        for value in values if isinstance(values, list) else [values]:
            with suppress(Exception):
                yield read(value)


def _of_block(picture: Any) -> tuple[bool, bytes]:
    return picture.type == _FRONT, picture.data


def _of_asf(data: bytes) -> tuple[bool, bytes]:
    """Kind, size, media type and description (UTF-16, each up to a zero), then the picture."""
    size = int.from_bytes(data[1:5], "little")
    return data[0] == _FRONT, data[-size:] if 0 < size <= len(data) else b""
