"""How results reach the user: JSON and tables on standard output, all else on standard error."""

from __future__ import annotations

import codecs
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Any, Literal, TextIO

import click

from soundalike.show.numbers import show_percent

__all__ = [
    "Column",
    "bar",
    "can_show_unicode",
    "echo",
    "note",
    "print_fields",
    "print_json",
    "print_table",
    "show_bytes",
    "show_percent",
    "show_percentile",
    "terminal_width",
    "to_json",
]

# A pipe or a file has no width: nothing is cut there.
_NO_LIMIT = 100_000
_GAP = 2


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    On a narrow terminal the columns with the highest ``drop`` go first (0 stays), then those with
    ``min_width`` are cut down to that many characters.
    """

    header: str
    justify: Literal["left", "right"] = "left"
    drop: int = 0
    min_width: int | None = None


def echo(text: str = "") -> None:
    """A line of the result, on standard output."""
    _write(text, sys.stdout)


def note(text: str) -> None:
    """A remark for the human: on standard error, so that pipes get results alone."""
    _write(text, sys.stderr)


def _write(text: str, stream: TextIO) -> None:
    # Without the stream, click would send UTF-8 to a terminal that says it is ASCII.
    click.echo(text, file=stream, color=False if os.environ.get("NO_COLOR") else None)


def can_show_unicode(stream: TextIO | None = None) -> bool:
    """Whether the stream (standard output by default) takes every character."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    return codecs.lookup(encoding).name.startswith("utf")


def terminal_width() -> int:
    """Characters in a line of the terminal; practically endless when the output is piped."""
    if not sys.stdout.isatty():
        return _NO_LIMIT
    return max(40, shutil.get_terminal_size().columns)


def to_json(value: Any) -> Any:
    """The value as what ``json`` can write: dataclasses by field name, arrays as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, PurePath):
        return os.fspath(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):  # an array or scalar of NumPy, which is not imported for this
        return to_json(value.tolist())
    if isinstance(value, float):
        return round(value, 6)
    return value


def print_json(value: Any) -> None:
    """One JSON document on standard output.

    A file name that is no valid Unicode keeps its bytes as escaped surrogates (``\\udcNN``), as
    ``json.loads`` and ``os.fsencode`` of Python expect them.
    """
    text = json.dumps(to_json(value), indent=2, ensure_ascii=not can_show_unicode())
    # The surrogates are the one thing that UTF-8 cannot carry.
    echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def show_bytes(size: int) -> str:
    """``3.4 MB``, with decimal units."""
    value = float(size)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def show_percentile(percentile: float | None) -> str:
    """``81.4 %``, with two places near the end, where neighbours lie; ``-`` when unknown."""
    if percentile is None:
        return "-"
    if 99.99 < percentile < 100:
        return ">99.99 %"
    return f"{percentile:.2f} %" if percentile >= 99 else f"{percentile:.1f} %"


def bar(share: float, width: int = 20) -> str:
    """A bar of up to ``width`` characters for a share of 0 to 1; in ASCII where need be."""
    if not can_show_unicode():
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """A table that fits the terminal, or in full when the output is piped.

    No cell is ever broken over two lines. A column that is empty in every row is left out.
    """
    from rich.cells import cell_len, set_cell_size

    clean = [[" ".join(cell.split()) if cell else "" for cell in row] for row in rows]
    kept = [i for i in range(len(columns)) if not clean or any(row[i] for row in clean)]
    natural = {
        i: max([cell_len(columns[i].header), *(cell_len(row[i]) for row in clean)]) for i in kept
    }
    widths = _fit(columns, natural, terminal_width())

    def line(cells: Sequence[str]) -> str:
        shown = []
        for i, width in widths.items():
            text = cells[i]
            if cell_len(text) > width:
                ending = "…" if can_show_unicode() else "~"
                text = set_cell_size(text, width - 1).rstrip() + ending
            space = " " * (width - cell_len(text))
            shown.append(space + text if columns[i].justify == "right" else text + space)
        return (" " * _GAP).join(shown).rstrip()

    echo(click.style(line([column.header for column in columns]), bold=True))
    for row in clean:
        echo(line(row))


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and values below each other; a value that is empty is left out with its name."""
    shown = [(name, " ".join(value.split())) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        echo(f"{click.style(name.ljust(width), dim=True)}  {value}")


def _fit(columns: Sequence[Column], natural: dict[int, int], limit: int) -> dict[int, int]:
    """Column -> width, within the limit wherever that can be had."""

    def total(widths: dict[int, int]) -> int:
        return sum(widths.values()) + _GAP * (len(widths) - 1)

    def floor(i: int, width: int) -> int:
        least = columns[i].min_width
        return width if least is None else min(width, least)

    widths = dict(natural)
    while total({i: floor(i, width) for i, width in widths.items()}) > limit:
        worst = max(widths, key=lambda i: columns[i].drop)
        if columns[worst].drop == 0:
            break
        del widths[worst]
    # Cut the widest of those that may be cut, one character at a time, so that they end up alike.
    while total(widths) > limit:
        cuttable = [i for i, width in widths.items() if width > floor(i, width)]
        if not cuttable:
            break
        widths[max(cuttable, key=lambda i: widths[i])] -= 1
    return widths
