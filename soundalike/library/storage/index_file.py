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

import errno
import json
import mmap
import os
import struct
import weakref
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from soundalike.files import cannot_write, open_regular, replaced_at_once

__all__ = [
    "FileRows",
    "file_beside",
    "let_go",
    "read_arrays",
    "read_with_rows",
    "write_arrays",
]

_MAGIC = b"soundalike index\n"
_SIZES = struct.Struct("<II")
_VERSION = 3
_ALIGNMENT = 64
_SUMMED_BYTES = 1 << 26


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
    # Elsewhere what is no file, such as a pipe, is written to as it is; here nobody reads it.
    if path.exists() and not path.is_file():
        raise cannot_write(path, OSError("not a regular file"))
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
    found = read_with_rows(path, None)
    return None if found is None else found[:2]


def read_with_rows(
    path: Path, name: str | None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any], FileRows | None] | None:
    """As :func:`read_arrays`, with the rows of the array of this name one by one; None for none, or
    where the system cannot read so."""
    try:
        with open(path, "rb", buffering=0, opener=open_regular) as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            found = _read(mapped)
            if found is None:
                return None
            rows = None
            if name is not None and hasattr(os, "preadv"):
                array = found[0][name]
                rows = FileRows(os.dup(file.fileno()), _place(mapped, array), array)
            return *found, rows
    # From a file that is not there to one whose header is no JSON: no index, for one reason or
    # another, and a new one is made.
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return None


class FileRows:
    """Rows of an array in a file, each read by itself. A map of the file would have megabytes
    around each in memory: as much as the system keeps together.

    Parameters
    ----------
    file : the number of an open file, which is closed when this is gone.
    place : where the first row begins, in bytes.
    array : that lies there.
    """

    def __init__(self, file: int, place: int, array: NDArray[Any]) -> None:
        self._file, self._place = file, place
        weakref.finalize(self, os.close, file)
        self._shape, self._dtype = array.shape[1:], array.dtype
        self._row_bytes = _row_bytes(array)

    def __call__(self, rows: NDArray[np.integer]) -> NDArray[Any]:
        """Some rows, (m, ...).

        Raises
        ------
        OSError : the file cannot be read, or not so far.
        """
        found = np.empty((len(rows), *self._shape), self._dtype)
        to, file, size = found.view(np.uint8).reshape(-1).data, self._file, self._row_bytes
        for number, row in enumerate(rows.tolist()):
            part = to[number * size : (number + 1) * size]
            if os.preadv(file, [part], self._place + row * size) != size:
                raise OSError(errno.EIO, "the index file has become shorter")
        return found


def let_go(array: NDArray[Any], rows: int) -> None:
    """Give back the memory that the first rows of an array take up, if they lie in a file: they are
    read again where they are needed. What was written behind them stays."""
    mapped = _mapped(array)
    if mapped is None or not hasattr(mmap, "MADV_DONTNEED"):
        return
    begin = _place(mapped, array)
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
    length = (begin + rows * _row_bytes(array)) // mmap.PAGESIZE * mmap.PAGESIZE - first
    if length > 0:
        mapped.madvise(mmap.MADV_DONTNEED, first, length)


def _mapped(array: NDArray[Any]) -> mmap.mmap | None:
    """The file that an array lies in."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    base = base.obj if isinstance(base, memoryview) else base
    return base if isinstance(base, mmap.mmap) else None


def _place(mapped: mmap.mmap, array: NDArray[Any]) -> int:
    """Where an array begins in the file that it lies in, in bytes."""
    return array.ctypes.data - np.frombuffer(mapped, np.uint8, 1).ctypes.data


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
        if _sum(array[: shape[0] * row].view(np.uint8), mapped) != entry["sum"]:
            return None
        array.flags.writeable = entry["room"] > 0
        arrays[entry["name"]] = array.reshape(rows, *shape[1:])
    return arrays, header["statement"]


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT


def _row_bytes(array: NDArray[Any]) -> int:
    return array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))


def _sum(data: NDArray[np.uint8], mapped: mmap.mmap | None = None) -> int:
    """The sum of the 64-bit words: any one damaged place changes it, and it costs no more than
    reading does, a tenth of what a CRC takes.

    Parameters
    ----------
    mapped : what the data are a part of; what was read of it is let go, as most of a large file is
        not needed again.
    """
    total, whole = len(data), len(data) // 8 * 8
    for start in range(0, whole, _SUMMED_BYTES):
        words = data[start : min(start + _SUMMED_BYTES, whole)].view(np.uint64)
        total += int(words.sum(dtype=np.uint64))
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)
    return (total + int(data[whole:].sum(dtype=np.uint64))) % 2**64
