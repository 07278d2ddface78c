"""Numbers, bytes and shares as people read them."""

from __future__ import annotations

__all__ = [
    "COPY_WORDS",
    "show_bytes",
    "show_count",
    "show_number",
    "show_percent",
    "show_percentile",
]


COPY_WORDS = {
    "copy": "exact copy",
    "audio": "other tags",
    "near": "near-duplicate",
    "version": "version",
}
"""What to call each kind of copy or version of a track."""


def show_count(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 track``, ``1,234 tracks``; ``nouns`` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {nouns or noun + 's'}"


def show_number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, without an exponent where one can do without."""
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def show_bytes(size: float) -> str:
    """``3.4 MB``, with decimal units."""
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def show_percent(share: float) -> str:
    """A share of 0 to 1 as ``83 %``; never a 0 or a 100 that isn't one.

    From 95 % on a percent more is another claim: a decimal stands there, as in ``98.6 %``.
    """
    if 0 < share < 0.01:
        return "<1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    # What would be rounded up to 95, too.
    return f"{100 * share:.1f} %" if 0.945 <= share < 1 else f"{100 * share:.0f} %"


def show_percentile(percentile: float | None) -> str:
    """``81.4 %``, with two places near the end, where neighbours lie; ``-`` when unknown."""
    if percentile is None:
        return "-"
    if 99.99 < percentile < 100:
        return ">99.99 %"
    return f"{percentile:.2f} %" if percentile >= 99 else f"{percentile:.1f} %"
