"""Values that callers give, looked at before anything is done with them."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import Any

from soundalike.errors import InvalidArgument

__all__ = ["as_whole_number", "number", "renamed", "whole_number"]


def as_whole_number(value: Any) -> int | None:
    """An integer of Python or NumPy; None for anything else, ``True`` and 2.0 among it."""
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def whole_number(name: str, value: Any, *, least: int | None = None) -> int:
    """An integer of Python or NumPy; ``True`` and 2.0 are none.

    Raises
    ------
    InvalidArgument : something else, or less than ``least``; the message has name and value.
    """
    found = as_whole_number(value)
    if found is None:
        raise InvalidArgument(f"{name} is {value!r}: it must be a whole number")
    if least is not None and found < least:
        raise InvalidArgument(f"{name} is {found}: it must be at least {least}")
    return found


def number(
    name: str, value: Any, *, least: float | None = None, most: float | None = None
) -> float:
    """A finite number of Python or NumPy; ``True`` is none.

    Raises
    ------
    InvalidArgument : something else, or out of range; the message has name and value.
    """
    try:
        if isinstance(value, (bool, str, bytes)) or type(value).__name__ == "bool_":
            raise TypeError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument(f"{name} is {value!r}: it must be a number") from None
    if not math.isfinite(found):
        raise InvalidArgument(f"{name} is {value!r}: it must be a finite number")
    if least is not None and found < least:
        raise InvalidArgument(f"{name} is {found:g}: it must be at least {least:g}")
    if most is not None and found > most:
        raise InvalidArgument(f"{name} is {found:g}: it must be at most {most:g}")
    return found


def renamed(message: str, names: Mapping[str, str]) -> str:
    """A message about arguments, with what they are called where somebody gave them.

    >>> renamed("max_per_artist is 0", {"max_per_artist": "--max-per-artist"})
    '--max-per-artist is 0'
    """
    for name, called in names.items():
        word = re.escape(name)
        if "_" in name or "." in name:
            message = re.sub(rf"(?<![\w./'\"-]){word}(?![\w/'\"-])", called, message)
        else:  # a plain word is an argument only where the message is about it
            message = re.sub(rf"^{word}(?= (is|holds)\b)", called, message)
    return message
