"""JSON from files that anyone may have written, and for files that anyone may read."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from soundalike.errors import InvalidArgument
from soundalike.playlists.source import Damaged

__all__ = ["listed", "object_in", "strict_json", "text_in", "to_bytes"]


def object_in(data: bytes) -> Any:
    """What a file says: UTF-8, or UTF-16 or UTF-32, with a mark or without.

    Raises
    ------
    Damaged : it is no JSON.
    """
    try:
        return strict_json(data)
    except UnicodeDecodeError as error:
        raise Damaged(f"byte {error.start:,} is no UTF-8: save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"it is no JSON ({error})") from error


def strict_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises
    ------
    ValueError : it is no JSON, NaN and numbers that are too large among it.
    RecursionError : it is nested too deep.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def to_bytes(value: Any) -> bytes:
    """A file for a value. The bytes of names that are no UTF-8 stand there as ``\\udcNN``.

    Raises
    ------
    InvalidArgument : what was read with it lies too deep in itself.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    except RecursionError as error:
        raise InvalidArgument("what the playlist's file said besides is nested too deep") from error
    # Outside of texts, JSON has ASCII alone; inside, this is how JSON writes a character.
    return (text + "\n").encode("utf-8", "backslashreplace")


def _finite(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no number of JSON")


def text_in(value: Any) -> str | None:
    """A value that should be a text; None where it is something else, or empty."""
    return (value.strip() or None) if isinstance(value, str) else None


def listed(value: Any) -> list[Any]:
    """A value that should be a list; a list of one where it stands alone."""
    return value if isinstance(value, list) else [] if value is None else [value]
