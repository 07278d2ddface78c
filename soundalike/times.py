"""Times and passages as people write them: ``1:10``, ``1:10-1:40``, ``TRACK@1:10-1:40``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Span", "parse_length", "parse_span", "parse_time", "split_span"]

_FORMS = "write seconds (70), minutes (1:10) or hours (1:02:03.5)"
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_WITH_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)\s*", re.ASCII | re.IGNORECASE)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_AT_THE_END = re.compile(r"(.*\S)\s*@\s*([\d:.]*\s*-\s*[\d:.]*)\s*", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a track, in seconds; ``end_s`` None means to the end."""

    start_s: float = 0.0
    end_s: float | None = None


def parse_time(text: str) -> float:
    """Seconds from ``70``, ``1:10`` or ``1:02:03.5``.

    Raises
    ------
    ValueError : anything else; the message says what is accepted.
    """
    fields = text.strip().split(":")
    # Only the last field may have a fraction, and only the first may pass 59.
    well_formed = (
        len(fields) <= 3
        and all(field.isascii() and field.isdigit() for field in fields[:-1])
        and _NUMBER.fullmatch(fields[-1]) is not None
        and all(float(field) < 60 for field in fields[1:])
    )
    if not well_formed:
        raise ValueError(f"{text!r} is not a time: {_FORMS}")
    seconds = 0.0
    for field in fields:
        seconds = 60 * seconds + float(field)
    return seconds


def parse_length(text: str) -> float:
    """Seconds from what :func:`parse_time` knows, and from ``60s``, ``1.5 min`` or ``24h``.

    Raises
    ------
    ValueError : anything else; the message says what is accepted.
    """
    found = _WITH_UNIT.fullmatch(text)
    return float(found[1]) * _SECONDS[found[2].lower()] if found else parse_time(text)


def parse_span(text: str) -> Span:
    """A passage such as ``1:10-1:40``; either end may be left out.

    Raises
    ------
    ValueError : anything else; the message says what is accepted.
    """
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(
            f"{text!r} is not a passage: write where it starts and ends, such as 1:10-1:40"
        )
    found = Span(
        start_s=parse_time(start) if start.strip() else 0.0,
        end_s=parse_time(end) if end.strip() else None,
    )
    if found.end_s is not None and found.end_s <= found.start_s:
        raise ValueError(f"{text!r} ends before it starts")
    return found


def split_span(text: str) -> tuple[str, str] | None:
    """``TRACK@1:10-1:40`` as the track and the passage; None for text without a passage.

    >>> split_span("so what @ 1:10-1:40")
    ('so what', '1:10-1:40')
    """
    found = _AT_THE_END.fullmatch(text)
    return (found[1], found[2]) if found and found[2].strip(" -") else None
