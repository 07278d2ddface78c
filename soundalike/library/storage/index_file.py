"""Arrays in one file beside the database, mapped into memory rather than read.

The file is a cache: whatever is odd about it makes it count as not there, and deleting it costs a
second. It is written whole or not at all, with its length and a checksum of every array.

::

    "soundalike index\\n"   magic
    uint32, uint32         bytes of the header, CRC-32 of the header
    header                 JSON: version, what the caller states, and name, type, shape, place,
                           checksum of each array, and for how many rows there is room behind it
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

from soundalike.files import replaced_at_once

__all__ = ["file_beside", "let_go", "read_arrays", "write_arrays"]

_MAGIC = b"soundalike index\n"
_SIZES = struct.Struct("<II")
_VERSION = 3
_ALIGNMENT = 64


def file_beside(database: Path, model: str, kind: str) -> Path:
    """Where what follows from a model's analyses lies: ``library.db.MODEL.KIND``."""
    # A model from elsewhere may call its version anything.
    return database.with_name(f"{database.name}.{quote(model, safe='@+')}.{kind}")


def write_arrays(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    statement: Mapping[str, Any],
    *,
    room: Mapping[str, int] | None = None,
) -> None:
    """Write arrays and what is stated about them, in the place of what was there.

    Parameters
    ----------
    room : for how many rows more there is to be room behind some arrays, by name.

    Raises
    ------
    SoundalikeError : the file cannot be written.
    """
    blobs = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    entries: list[dict[str, Any]] = []
    place = 0
    for name, array in blobs.items():
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.newbyteorder("<").str,
                "shape": array.shape,
                "room": (room or {}).get(name, 0),
                "place": place,
                "sum": _sum(array.view(np.uint8).reshape(-1)),
            }
        )
        place = _aligned(place + array.nbytes + entries[-1]["room"] * _row_bytes(array))
    header = {"version": _VERSION, "statement": statement, "arrays": entries, "bytes": place}
    encoded = json.dumps(header).encode()
    start = len(_MAGIC) + _SIZES.size
    encoded = encoded.ljust(_aligned(start + len(encoded)) - start)
    with replaced_at_once(path) as file:
        file.write(_MAGIC + _SIZES.pack(len(encoded), zlib.crc32(encoded)) + encoded)
        for entry, array in zip(entries, blobs.values(), strict=True):
            # What is skipped takes up no room on the disk.
            file.seek(start + len(encoded) + entry["place"])
            file.write(array.view(np.uint8).reshape(-1).data if array.nbytes else b"")
        file.truncate(start + len(encoded) + place)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """The arrays of a file, each with the room behind it, and what is stated about them; None if in
    doubt.

    Those with room can be written to: that stays with who writes, and the file is as it was.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _read(mapped)
    # From a file that is not there to one whose header is no JSON: no index, for one reason or
    # another, and a new one is made.
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return None


def let_go(array: NDArray[Any], rows: int) -> None:
    """Give back the memory that the first rows of an array take up, if they lie in a file: they are
    read again where they are needed. What was written behind them stays."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    mapped = base.obj if isinstance(base, memoryview) else base
    if not isinstance(mapped, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    begin = array.ctypes.data - np.frombuffer(mapped, np.uint8, 1).ctypes.data
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (begin + rows * _row_bytes(array)) // mmap.PAGESIZE * mmap.PAGESIZE - first
    if length > 0:
        mapped.madvise(mmap.MADV_DONTNEED, first, length)


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
        row = int(np.prod(shape[1:], dtype=np.int64))
        rows = shape[0] + entry["room"]
        array = np.frombuffer(mapped, dtype, rows * row, start + entry["place"])
        if _sum(array[: shape[0] * row].view(np.uint8)) != entry["sum"]:
            return None
        array.flags.writeable = entry["room"] > 0
        arrays[entry["name"]] = array.reshape(rows, *shape[1:])
    if hasattr(mmap, "MADV_DONTNEED"):
        # The check has read all of it, and most of a large file is not needed again.
        mapped.madvise(mmap.MADV_DONTNEED)
    return arrays, header["statement"]


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT


def _row_bytes(array: NDArray[Any]) -> int:
    return array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))


def _sum(data: NDArray[np.uint8]) -> int:
    """The sum of the 64-bit words: any one damaged place changes it, and it costs no more than
    reading does, a tenth of what a CRC takes."""
    whole = len(data) // 8 * 8
    words = int(data[:whole].view(np.uint64).sum(dtype=np.uint64)) if whole else 0
    return (words + int(data[whole:].sum(dtype=np.uint64)) + len(data)) % 2**64
