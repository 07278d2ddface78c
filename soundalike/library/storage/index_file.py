"""Arrays in one file beside the database, mapped into memory rather than read.

The file is a cache: whatever is odd about it makes it count as not there, and deleting it costs a
second. It is written whole or not at all, with its length and a checksum of every array.

::

    "soundalike index\\n"   magic
    uint32, uint32         bytes of the header, CRC-32 of the header
    header                 JSON: version, what the caller states, and name, type, shape, place,
                           checksum of each array
    arrays                 little-endian, C order, each at a multiple of 64 bytes
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from soundalike.files import cannot_write, open_regular, replaced_at_once

__all__ = ["file_beside", "read_arrays", "write_arrays"]

_MAGIC = b"soundalike index\n"
_SIZES = struct.Struct("<II")
_VERSION = 2
_ALIGNMENT = 64


def file_beside(database: Path, model: str, kind: str) -> Path:
    """Where what follows from a model's analyses lies: ``library.db.MODEL.KIND``."""
    # A model from elsewhere may call its version anything.
    return database.with_name(f"{database.name}.{quote(model, safe='@+')}.{kind}")


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], statement: Mapping[str, Any]
) -> None:
    """Write arrays and what is stated about them, in the place of what was there.

    Raises
    ------
    SoundalikeError : the file cannot be written.
    """
    # Elsewhere what is no file, such as a pipe, is written to as it is; here nobody reads it.
    if path.exists() and not path.is_file():
        raise cannot_write(path, OSError("not a regular file"))
    blobs = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    entries, place = [], 0
    for name, array in blobs.items():
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.newbyteorder("<").str,
                "shape": array.shape,
                "place": place,
                "sum": _sum(array.view(np.uint8).reshape(-1)),
            }
        )
        place += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    header = {"version": _VERSION, "statement": statement, "arrays": entries, "bytes": place}
    encoded = json.dumps(header).encode()
    start = len(_MAGIC) + _SIZES.size
    encoded = encoded.ljust(-(-(start + len(encoded)) // _ALIGNMENT) * _ALIGNMENT - start)
    with replaced_at_once(path) as file:
        file.write(_MAGIC + _SIZES.pack(len(encoded), zlib.crc32(encoded)) + encoded)
        for array in blobs.values():
            data = array.view(np.uint8).reshape(-1).data if array.nbytes else b""
            file.write(data)
            file.write(bytes(-len(data) % _ALIGNMENT))


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """The arrays of a file, read-only, and what is stated about them; None if in doubt."""
    try:
        with open(path, "rb", opener=open_regular) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _read(mapped)
    # From a file that is not there to one whose header is no JSON: no index, for one reason or
    # another, and a new one is made.
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return None


def _read(mapped: mmap.mmap) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    if mapped[: len(_MAGIC)] != _MAGIC:
        return None
    size, checksum = _SIZES.unpack_from(mapped, len(_MAGIC))
    start = len(_MAGIC) + _SIZES.size + size
    encoded = mapped[len(_MAGIC) + _SIZES.size : start]
    if zlib.crc32(encoded) != checksum:
        return None
    header = json.loads(encoded)
    if header["version"] != _VERSION or len(mapped) != start + header["bytes"]:
        return None
    arrays = {}
    for entry in header["arrays"]:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(mapped, dtype, count, start + entry["place"])
        if _sum(array.view(np.uint8)) != entry["sum"]:
            return None
        arrays[entry["name"]] = array.reshape(shape)
    return arrays, header["statement"]


def _sum(data: NDArray[np.uint8]) -> int:
    """The sum of the 64-bit words: any one damaged place changes it, and it costs no more than
    reading does, a tenth of what a CRC takes."""
    whole = len(data) // 8 * 8
    words = int(data[:whole].view(np.uint64).sum(dtype=np.uint64)) if whole else 0
    return (words + int(data[whole:].sum(dtype=np.uint64)) + len(data)) % 2**64
