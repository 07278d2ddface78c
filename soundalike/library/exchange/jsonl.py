"""Analyses as JSON, one object a line: the header, then the tracks."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from soundalike.errors import DataError, printable
from soundalike.library.exchange.records import FIELDS, AnalysedTrack, Field, Header

__all__ = ["read", "write"]

# A line: an hour of music has 360 excerpts of 272 numbers, each up to 4 characters.
_LONGEST_LINE = 1 << 26


def write(file: BinaryIO, header: Header, tracks: Iterable[AnalysedTrack]) -> None:
    """Write a header and the tracks that it counts."""
    file.write(_line(header.to_json()))
    for track in tracks:
        file.write(_line({field.name: _plain(field, track) for field in FIELDS}))


def read(file: BinaryIO, where: str) -> tuple[Header, Iterator[AnalysedTrack]]:
    """The header, and the tracks as they are asked for.

    Raises
    ------
    DataError : it is something else, damaged, or cut off; what is wrong with a track is told when
        that is asked for.
    """
    header = Header.from_text(file.readline(_LONGEST_LINE), where)
    return header, _tracks(file, where)


def _line(values: dict[str, Any]) -> bytes:
    # ASCII, so that a name with stray bytes, and what editors take for an end of line, do no harm.
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"


def _plain(field: Field, track: AnalysedTrack) -> Any:
    value = getattr(track, field.name)
    if value is None:
        return None
    if field.is_array:
        return value.tolist()
    if field.kind == "bytes":
        return base64.b64encode(value).decode("ascii")
    return value


def _tracks(file: BinaryIO, where: str) -> Iterator[AnalysedTrack]:
    number = 1
    while line := file.readline(_LONGEST_LINE):
        number += 1
        place = f"{where}, line {number}"
        if not line.endswith(b"\n"):
            raise DataError(f"{place}: is cut off, or far too long: export it again")
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError("no object")
            yield AnalysedTrack(**{field.name: _value(field, values) for field in FIELDS})
        except (ValueError, TypeError, KeyError, binascii.Error, OverflowError) as error:
            raise DataError(f"{place}: {printable(str(error))[:200]}: export it again") from error


def _value(field: Field, values: dict[str, Any]) -> Any:
    value = values.get(field.name)
    if value is None:
        return None
    if field.is_array:
        return np.asarray(value, field.kind)
    if field.kind == "bytes":
        return base64.b64decode(value, validate=True)
    return value
