"""Analyses as an Apache Parquet file: a row for each track, the header in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from soundalike.errors import DataError, MissingExtra, printable
from soundalike.library.exchange.records import FIELDS, AnalysedTrack, Field, Header

__all__ = ["read", "write"]

_KEY = b"soundalike"
# Rows that are in memory at a time; a whole track has some 10 kB.
_ROWS_AT_ONCE = 500


def write(file: BinaryIO, header: Header, tracks: Iterable[AnalysedTrack]) -> None:
    """Write a header and the tracks that it counts.

    Raises
    ------
    MissingExtra : pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    sizes = header.sizes()
    schema = arrow.schema(
        [(field.name, _type(arrow, field, sizes)) for field in FIELDS],
        metadata={_KEY: json.dumps(header.to_json())},
    )
    rest = iter(tracks)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while some := list(islice(rest, _ROWS_AT_ONCE)):
            columns = [_column(arrow, field, some, sizes) for field in FIELDS]
            writer.write_batch(arrow.record_batch(columns, schema=schema))


def read(file: BinaryIO, where: str) -> tuple[Header, Iterator[AnalysedTrack]]:
    """The header, and the tracks as they are asked for.

    Raises
    ------
    DataError : it is something else, or damaged; a damaged part is told when it is come to.
    MissingExtra : pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    try:
        opened = parquet.ParquetFile(file)
        schema = opened.schema_arrow
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{where}: is no Parquet file, or damaged ({_why(error)}): export it again"
        ) from error
    header = Header.from_text((schema.metadata or {}).get(_KEY, b""), where)
    sizes = header.sizes()
    for field in FIELDS:
        at = schema.get_field_index(field.name)
        if at < 0 or schema.field(at).type != _type(arrow, field, sizes):
            raise DataError(
                f"{where}: its column {field.name} is missing, or of another type: was the file "
                f"written by another program? Export it again"
            )
    return header, _tracks(arrow, opened, where)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("Parquet", "parquet") from error
    return pyarrow, parquet


def _why(error: BaseException) -> str:
    return printable(str(error).splitlines()[0])[:200] if str(error) else type(error).__name__


def _type(arrow: Any, field: Field, sizes: dict[str, int]) -> Any:
    scalars = {
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "text": arrow.string(),
        "json": arrow.string(),
        "bytes": arrow.binary(),
    }
    if not field.is_array:
        return scalars[field.kind]
    number = getattr(
        arrow, {"float64": "float64", "float32": "float32", "int8": "int8"}[field.kind]
    )
    if field.along and field.columns:
        return arrow.list_(arrow.list_(number(), sizes[field.columns]))
    return arrow.list_(number())


def _column(
    arrow: Any, field: Field, tracks: Sequence[AnalysedTrack], sizes: dict[str, int]
) -> Any:
    values = [getattr(track, field.name) for track in tracks]
    made = _type(arrow, field, sizes)
    if field.kind == "json":
        values = [None if value is None else json.dumps(value) for value in values]
    if not field.is_array:
        return arrow.array(values, made)
    rows = [np.zeros(0, field.kind) if value is None else value for value in values]
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    flat = arrow.array(np.concatenate([row.ravel() for row in rows]))
    if field.along and field.columns:
        flat = arrow.FixedSizeListArray.from_arrays(flat, sizes[field.columns])
    missing = arrow.array([value is None for value in values])
    return arrow.ListArray.from_arrays(arrow.array(offsets), flat, type=made, mask=missing)


def _tracks(arrow: Any, opened: Any, where: str) -> Iterator[AnalysedTrack]:
    names = [field.name for field in FIELDS]
    try:
        for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=names):
            columns = [_values(field, batch.column(field.name)) for field in FIELDS]
            for row in zip(*columns, strict=True):
                yield AnalysedTrack(**dict(zip(names, row, strict=True)))
    except (arrow.ArrowException, OSError, ValueError, TypeError) as error:
        raise DataError(f"{where}: is damaged ({_why(error)}): export it again") from error


def _values(field: Field, column: Any) -> list[Any]:
    if not field.is_array:
        found: list[Any] = column.to_pylist()
        if field.kind == "json":
            return [None if value is None else json.loads(value) for value in found]
        return found
    offsets, flat = column.offsets.to_numpy(), column.values
    if field.along and field.columns:
        size = flat.type.list_size
        numbers = flat.values.to_numpy(zero_copy_only=False).reshape(-1, size)
    else:
        numbers = flat.to_numpy(zero_copy_only=False)
    is_there = column.is_valid().to_numpy(zero_copy_only=False)
    return [
        numbers[start:end] if there else None
        for start, end, there in zip(offsets[:-1], offsets[1:], is_there, strict=True)
    ]
