"""How results reach the user: JSON and tables on standard output, all else on standard error.

Nothing else in the command line writes to either. Text is cleaned of control characters here,
whatever it came from; styles are therefore not part of the text, but :func:`bold` and :func:`dim`.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, Literal, TextIO

import click

from soundalike.errors import OutputError
from soundalike.files import why
from soundalike.show.cells import cell_length, cut_to_cells
from soundalike.show.documents import as_text
from soundalike.show.text import clean

__all__ = [
    "Column",
    "Styled",
    "bar",
    "bold",
    "can_show_unicode",
    "dim",
    "discard",
    "echo",
    "flush",
    "json_text",
    "note",
    "one_line",
    "print_fields",
    "print_json",
    "print_table",
    "print_whole",
    "terminal_width",
    "write_raw",
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


@dataclasses.dataclass(frozen=True)
class Styled:
    """A piece of a line that a terminal shows in a style of its own."""

    text: str
    bold: bool = False
    dim: bool = False


def bold(text: str) -> Styled:
    """A heading, for :func:`echo`."""
    return Styled(text, bold=True)


def dim(text: str) -> Styled:
    """What stands back, for :func:`echo`."""
    return Styled(text, dim=True)


def echo(*pieces: str | Styled) -> None:
    """A line of the result, on standard output; the pieces follow each other without a space.

    Raises
    ------
    OutputError : standard output is closed or cannot be written, such as on a full disk.
    BrokenPipeError : its reader has left.
    """
    _write_result(_shown(pieces))


def flush() -> None:
    """Write what is still in standard output's buffer.

    Raises
    ------
    OutputError, BrokenPipeError : as for :func:`echo`.
    """
    if sys.stdout is not None:
        _write_result("", line_end=False)


def note(text: str) -> None:
    """A remark for the human: on standard error, so that pipes get results alone."""
    # Where nobody can be told, there is nobody to tell that either.
    try:
        _write(_shown([text]), sys.stderr)
    except (OSError, ValueError):
        discard(sys.stderr)


def print_whole(data: bytes) -> None:
    """Bytes as they are on standard output; cleaned where that is a terminal.

    Raises
    ------
    OutputError, BrokenPipeError : as for :func:`echo`.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        _write_result(clean(data.decode("utf-8", "backslashreplace")), line_end=False)
    else:
        _write_result(data, line_end=False)


def write_raw(text: str, stream: TextIO) -> None:
    """Codes that move about on a terminal, which an old Windows console is given translated."""
    click.echo(text, file=stream, nl=False, color=True)


def discard(stream: TextIO | None) -> None:
    """Let what is still to be written to a stream go nowhere: Python would complain at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        assert stream is not None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _shown(pieces: Sequence[str | Styled]) -> str:
    return "".join(
        clean(piece)
        if isinstance(piece, str)
        # None leaves a style as it is; False would write a code that switches it off.
        else click.style(clean(piece.text), bold=piece.bold or None, dim=piece.dim or None)
        for piece in pieces
    )


def _write_result(text: str | bytes, *, line_end: bool = True) -> None:
    try:
        if sys.stdout is None or sys.stdout.closed:
            raise OutputError("standard output is closed: there is nowhere to write the result to")
        _write(text, sys.stdout, line_end=line_end)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {why(error)}") from error


def _write(text: str | bytes, stream: TextIO | None, *, line_end: bool = True) -> None:
    if stream is not None:
        # Without the stream, click would send UTF-8 to a terminal that says it is ASCII.
        colour = False if os.environ.get("NO_COLOR") else None
        click.echo(text, file=stream, nl=line_end, color=colour)


def can_show_unicode(stream: TextIO | None = None) -> bool:
    """Whether the stream (standard output by default) takes every character."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    return codecs.lookup(encoding).name.startswith("utf")


def terminal_width() -> int:
    """Characters in a line of the terminal; practically endless when the output is piped."""
    if sys.stdout is None or not sys.stdout.isatty():
        return _NO_LIMIT
    return max(40, shutil.get_terminal_size().columns)


def print_json(value: Any) -> None:
    """One JSON document on standard output; control characters in it are escaped, all of them.

    A file name that is no valid Unicode keeps its bytes as escaped surrogates (``\\udcNN``), as
    ``json.loads`` and ``os.fsencode`` of Python expect them.
    """
    echo(json_text(value, indent=2))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The text of :func:`print_json`, for who prints a document in parts."""
    return as_text(value, indent=indent, ascii_only=not can_show_unicode())


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
    # Before they are measured: what is cut may not come back when the line is cleaned.
    cells = [[one_line(cell) for cell in row] for row in rows]
    kept = [i for i in range(len(columns)) if not cells or any(row[i] for row in cells)]
    natural = {
        i: max(map(cell_length, (columns[i].header, *(row[i] for row in cells)))) for i in kept
    }
    widths = _fit(columns, natural, terminal_width())

    def line(row: Sequence[str]) -> str:
        shown = []
        for i, width in widths.items():
            text = row[i]
            if cell_length(text) > width:
                ending = "…" if can_show_unicode() else "~"
                text = cut_to_cells(text, width - 1).rstrip() + ending
            space = " " * (width - cell_length(text))
            shown.append(space + text if columns[i].justify == "right" else text + space)
        return (" " * _GAP).join(shown).rstrip()

    echo(bold(line([column.header for column in columns])))
    for row in cells:
        echo(line(row))


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and values below each other; a value that is empty is left out with its name."""
    shown = [(name, one_line(value)) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        echo(dim(name.ljust(width)), f"  {value}")


def one_line(text: str) -> str:
    """The text on one line, its spaces single, as it will be shown."""
    return clean(" ".join(text.split()))


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
