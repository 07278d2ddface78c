"""Analyses as a NumPy archive, whose arrays ``numpy.load`` gives by name.

An array has a row for each track, ``excerpt_...`` one for each excerpt: those of track ``i`` are
``excerpt_first[i]:excerpt_first[i + 1]``. Of the bytes of ``fingerprint``, one after the other,
``fingerprint_first`` says the same. What is not known is NaN, -1 or empty text; what has parts is
JSON. ``header`` is the header, as JSON.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from soundalike.errors import DataError, printable
from soundalike.library.exchange.records import FIELDS, AnalysedTrack, Field, Header

__all__ = ["read", "write"]

_HEADER, _EXCERPTS, _FINGERPRINTS = "header", "excerpt_first", "fingerprint_first"
# Of an archive that a stranger sends, no single column may take more memory.
_MOST_BYTES = 1 << 32


def write(file: BinaryIO, header: Header, tracks: Iterable[AnalysedTrack]) -> None:
    """Write a header and the tracks that it counts; the long arrays wait in temporary files."""
    sizes = header.sizes()
    # Tags are some hundred bytes a track, embeddings of the excerpts some ten thousand.
    short: dict[str, list[Any]] = {each.name: [] for each in FIELDS if not _is_long(each)}
    firsts: dict[str, list[int]] = {_EXCERPTS: [0], _FINGERPRINTS: [0]}
    with ExitStack() as stack:
        waiting: dict[str, IO[bytes]] = {
            each.name: stack.enter_context(tempfile.TemporaryFile())
            for each in FIELDS
            if _is_long(each)
        }
        for track in tracks:
            for each in FIELDS:
                value = getattr(track, each.name)
                if _is_long(each):
                    waiting[each.name].write(_bytes_of(each, value, sizes))
                else:
                    short[each.name].append(_short(each, value))
            firsts[_EXCERPTS].append(firsts[_EXCERPTS][-1] + len(track.excerpt_starts_s))
            firsts[_FINGERPRINTS].append(firsts[_FINGERPRINTS][-1] + len(track.fingerprint or b""))
        archive = stack.enter_context(zipfile.ZipFile(file, "w", allowZip64=True))
        _add(archive, _HEADER, np.array(json.dumps(header.to_json())))
        for name, values in firsts.items():
            _add(archive, name, np.array(values, np.int64))
        for each in FIELDS:
            if _is_long(each):
                count = _count(each, firsts)
                _add_waiting(archive, each, waiting[each.name], count, sizes)
            else:
                _add(archive, each.name, np.array(short[each.name], _short_type(each)))


def read(file: BinaryIO, where: str) -> tuple[Header, Iterator[AnalysedTrack]]:
    """The header, and the tracks as they are asked for.

    Raises
    ------
    DataError : it is something else, damaged, or cut off.
    """
    try:
        archive = zipfile.ZipFile(file)
        text = _whole(archive, _HEADER)
    except _DAMAGE as error:
        raise _damaged(where, error) from error
    header = Header.from_text(str(text), where)
    return header, _tracks(archive, header, where)


# zlib.error, of what was compressed by others, and what a wrong archive makes zipfile raise.
_DAMAGE = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
)


def _damaged(where: str, error: BaseException) -> DataError:
    return DataError(
        f"{where}: is no archive of analyses, or damaged "
        f"({printable(str(error) or type(error).__name__)[:200]}): export it again"
    )


def _is_long(field: Field) -> bool:
    return field.is_array or field.kind == "bytes"


def _short(field: Field, value: Any) -> Any:
    if field.kind == "json":
        return "" if value is None else json.dumps(value)
    if value is None:
        return {"integer": -1, "number": np.nan, "text": ""}[field.kind]
    return value


def _short_type(field: Field) -> Any:
    return {"integer": np.int64, "number": np.float64}.get(field.kind, np.str_)


def _bytes_of(field: Field, value: Any, sizes: Mapping[str, int]) -> bytes:
    if field.kind == "bytes":
        return value or b""
    if value is None:
        value = np.full(sizes[field.columns or ""], np.nan)
    found: bytes = np.asarray(value, _dtype(field)).tobytes()
    return found


def _dtype(field: Field) -> np.dtype[Any]:
    return np.dtype(np.uint8 if field.kind == "bytes" else field.kind).newbyteorder("<")


def _count(field: Field, firsts: Mapping[str, Any]) -> int:
    if field.kind == "bytes":
        return int(firsts[_FINGERPRINTS][-1])
    return int(firsts[_EXCERPTS][-1]) if field.along else len(firsts[_EXCERPTS]) - 1


def _add(archive: zipfile.ZipFile, name: str, values: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        npy.write_array(member, values, allow_pickle=False)


def _add_waiting(
    archive: zipfile.ZipFile, field: Field, waiting: IO[bytes], count: int, sizes: Mapping[str, int]
) -> None:
    shape = (count, sizes[field.columns]) if field.columns else (count,)
    with archive.open(f"{field.name}.npy", "w", force_zip64=True) as member:
        npy.write_array_header_1_0(
            member,
            {"descr": npy.dtype_to_descr(_dtype(field)), "fortran_order": False, "shape": shape},
        )
        waiting.seek(0)
        shutil.copyfileobj(waiting, member, 1 << 20)


def _whole(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        if archive.getinfo(f"{name}.npy").file_size > _MOST_BYTES:
            raise ValueError(f"{name} is larger than {_MOST_BYTES:,} bytes")
        found: NDArray[Any] = npy.read_array(member, allow_pickle=False)
        return found


def _open(
    archive: zipfile.ZipFile, field: Field, count: int, sizes: Mapping[str, int]
) -> IO[bytes]:
    """A long array, from its first number on."""
    member = archive.open(f"{field.name}.npy")
    npy.read_magic(member)
    shape, is_fortran, dtype = npy.read_array_header_1_0(member)
    wanted = (count, sizes[field.columns]) if field.columns else (count,)
    if shape != wanted or is_fortran or dtype != _dtype(field):
        raise ValueError(f"{field.name} is {dtype} {shape}, not {_dtype(field)} {wanted}")
    return member


def _tracks(archive: zipfile.ZipFile, header: Header, where: str) -> Iterator[AnalysedTrack]:
    sizes = header.sizes()
    try:
        with ExitStack() as stack:
            firsts = {name: _whole(archive, name) for name in (_EXCERPTS, _FINGERPRINTS)}
            short = {each.name: _whole(archive, each.name) for each in FIELDS if not _is_long(each)}
            n = len(short["id"])
            if any(len(each) != n for each in short.values()) or any(
                each.shape != (n + 1,) or each.dtype != np.int64 or np.any(np.diff(each) < 0)
                for each in firsts.values()
            ):
                raise ValueError("its arrays have different lengths")
            members = {
                each.name: stack.enter_context(_open(archive, each, _count(each, firsts), sizes))
                for each in FIELDS
                if _is_long(each)
            }
            for row in range(n):
                yield AnalysedTrack(
                    **{
                        each.name: _read_long(each, members[each.name], row, firsts, sizes)
                        if _is_long(each)
                        else _full(each, short[each.name][row])
                        for each in FIELDS
                    }
                )
    except _DAMAGE as error:
        raise _damaged(where, error) from error


def _full(field: Field, value: Any) -> Any:
    """What :func:`_short` made, as it was."""
    if field.kind == "json":
        return json.loads(str(value)) if value else None
    if field.kind == "text":
        return str(value) or None
    if field.kind == "integer":
        return int(value) if value >= 0 else None
    return None if np.isnan(value) else float(value)


def _read_long(
    field: Field,
    member: IO[bytes],
    row: int,
    firsts: Mapping[str, NDArray[np.int64]],
    sizes: Mapping[str, int],
) -> Any:
    if field.kind == "bytes":
        first = firsts[_FINGERPRINTS]
        return _exactly(member, int(first[row + 1] - first[row])) or None
    first = firsts[_EXCERPTS]
    n_rows = int(first[row + 1] - first[row]) if field.along else 1
    columns = sizes[field.columns] if field.columns else 1
    data = _exactly(member, n_rows * columns * _dtype(field).itemsize)
    values = np.frombuffer(data, _dtype(field)).astype(field.kind)
    if not field.along:
        # Only the words may be unknown.
        return None if np.isnan(values).all() else values
    return values.reshape(n_rows, columns) if field.columns else values


def _exactly(member: IO[bytes], size: int) -> bytes:
    data = member.read(size)
    if len(data) != size:
        raise EOFError("it is cut off")
    return data
