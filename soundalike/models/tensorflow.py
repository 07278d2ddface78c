"""Read TensorFlow checkpoints ("tensor bundles") without TensorFlow.

A checkpoint is an ``.index``, a sorted table in LevelDB's format, and a ``.data`` file with the
values of all tensors, one after the other. Each value in the table is a small protocol buffer that
says where in the ``.data`` file a tensor is, and what shape it has. Formats:
LevelDB's ``table_format.md``; ``tensor_bundle.proto`` of TensorFlow.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ModelError

__all__ = ["crc32c", "masked_crc32c", "read_bundle"]

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_BLOCK_TRAILER_BYTES = 5  # how the block is compressed, and its checksum
_FLOAT32 = 1
_LITTLE_ENDIAN = 0

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies in the ``.data`` file."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size_bytes: int
    crc: int


class _Damaged(Exception):
    """What is wrong, without the name of the checkpoint."""


@lru_cache(maxsize=1)
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


def crc32c(content: bytes) -> int:
    """CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4), which zlib does not have."""
    table = _crc_table()
    crc = 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(content: bytes) -> int:
    """As LevelDB stores it, so that the checksum of data that hold checksums stays a good one."""
    crc = crc32c(content)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_bundle(index: bytes, data: bytes, names: Iterable[str]) -> dict[str, FloatArray]:
    """The tensors of these names, each checked against its checksum.

    Parameters
    ----------
    index : content of the ``.index`` file.
    data : content of the only ``.data`` file.
    names : tensors that are wanted; an optimiser's state is usually not.

    Returns
    -------
    name -> float32 array of the stored shape.

    Raises
    ------
    ModelError : a file is damaged or cut short, or a tensor is missing or not of float32.
    """
    try:
        entries = dict(_entries(index))
        return {name: _tensor(name, entries, data) for name in names}
    except _Damaged as error:
        raise ModelError(f"the checkpoint cannot be used: {error}") from error


def _tensor(name: str, entries: Mapping[str, _Entry], data: bytes) -> FloatArray:
    if name not in entries:
        raise _Damaged(f"it has no tensor {name!r}")
    entry = entries[name]
    if entry.dtype != _FLOAT32 or entry.shard != 0:
        raise _Damaged(f"{name!r} is not of float32 in the first data file")
    if entry.size_bytes != 4 * math.prod(entry.shape):
        raise _Damaged(f"{name!r} of the shape {entry.shape} has {entry.size_bytes} bytes")
    content = data[entry.offset : entry.offset + entry.size_bytes]
    if len(content) != entry.size_bytes:
        raise _Damaged(f"its data end at {len(data)} bytes, within {name!r}")
    if masked_crc32c(content) != entry.crc:
        raise _Damaged(f"the checksum of {name!r} is wrong")
    return np.frombuffer(content, "<f4").astype(np.float32).reshape(entry.shape)


def _entries(index: bytes) -> Iterator[tuple[str, _Entry]]:
    if len(index) < _FOOTER_BYTES:
        raise _Damaged(f"its index has only {len(index)} bytes")
    footer = index[-_FOOTER_BYTES:]
    if struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise _Damaged("its index is cut short, or is not an index")
    # Of the two handles in the footer, the first is of a table of properties, which is empty.
    _, position = _handle(footer, 0)
    root, _ = _handle(footer, position)
    for _, handle in _records(_block(index, root)):
        for key, value in _records(_block(index, _handle(handle, 0)[0])):
            if key:  # the empty key holds the header
                yield key.decode("utf-8", "backslashreplace"), _entry(value)
            else:
                _check_header(value)


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(content):
            raise _Damaged("its index is damaged")
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _Damaged("its index is damaged")


def _handle(content: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the position behind them."""
    offset, position = _varint(content, position)
    size, position = _varint(content, position)
    return (offset, size), position


def _block(index: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    stored = index[offset : offset + size + _BLOCK_TRAILER_BYTES]
    if len(stored) != size + _BLOCK_TRAILER_BYTES or size < 4:
        raise _Damaged("its index is damaged")
    compression, crc = struct.unpack("<BI", stored[size:])
    if masked_crc32c(stored[: size + 1]) != crc:
        raise _Damaged("the checksum of its index is wrong")
    if compression:
        raise _Damaged("its index is compressed")
    return stored[:size]


def _records(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key is stored without what it shares with the one before."""
    (n_restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (n_restarts + 1)
    key, position = b"", 0
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        n_value, position = _varint(block, position)
        if shared > len(key) or position + unshared + n_value > end:
            raise _Damaged("its index is damaged")
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + n_value]
        position += n_value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields, in the order in which they lie there."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire_type == 2:
            size, position = _varint(message, position)
        else:
            size = {1: 8, 5: 4}.get(wire_type, len(message))
        content = message[position : position + size]
        if len(content) != size:
            raise _Damaged("its index is damaged")
        position += size
        yield number, content if wire_type == 2 else int.from_bytes(content, "little")


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise _Damaged("its index is damaged")
    return value


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _Damaged("its index is damaged")
    return value


def _entry(message: bytes) -> _Entry:
    """A ``BundleEntryProto``; fields that are zero are not stored."""
    numbers = dict.fromkeys(("dtype", "shard", "offset", "size_bytes", "crc"), 0)
    names = {1: "dtype", 3: "shard", 4: "offset", 5: "size_bytes", 6: "crc"}
    shape: tuple[int, ...] = ()
    for number, value in _fields(message):
        if number == 2:
            # A TensorShapeProto: its field 2, repeated, is a dimension, whose field 1 is its size.
            shape = tuple(
                sum(_number(size) for at, size in _fields(_message(dimension)) if at == 1)
                for field, dimension in _fields(_message(value))
                if field == 2
            )
        elif number in names:
            numbers[names[number]] = _number(value)
        else:
            raise _Damaged("it holds tensors in slices")
    return _Entry(shape=shape, **numbers)


def _check_header(message: bytes) -> None:
    """A ``BundleHeaderProto``: how many data files there are, and their byte order."""
    header = {number: value for number, value in _fields(message) if number in (1, 2)}
    if header.get(1) != 1 or header.get(2, _LITTLE_ENDIAN) != _LITTLE_ENDIAN:
        raise _Damaged("it is spread over several data files, or not little-endian")
