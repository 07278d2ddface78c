"""How files are written so that nobody ever finds half of one."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from soundalike.errors import DataError, printable

__all__ = ["Stamp", "content_digest", "is_gone", "replaced_at_once", "stamp_of"]

_BLOCK_BYTES = 1 << 20


@contextmanager
def replaced_at_once(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` when all is written, or not at all.

    Raises
    ------
    DataError : it cannot be written, or the disk is full.
    """
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            partial.unlink()


_BLOCK_BYTES = 1 << 20


class Stamp(NamedTuple):
    """What tells without reading whether a file was changed."""

    size_bytes: int
    mtime_ns: int


def stamp_of(path: str | os.DirEntry[str]) -> Stamp:
    """Size and modification time of a regular file, links followed.

    Raises
    ------
    OSError : there is none, or it is a folder, a pipe or a device.
    """
    found = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError("not a regular file")
    return Stamp(found.st_size, found.st_mtime_ns)


def content_digest(path: str) -> bytes:
    """BLAKE2b (32 bytes) of the file's bytes."""
    digest = hashlib.blake2b(digest_size=32)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


def is_gone(path: str) -> bool:
    """Whether nothing is there; False when that cannot be told, such as without permission."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
