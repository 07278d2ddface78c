"""What the commands share: times, options, and commands that carry their examples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "AUDIO_FILE",
    "ExampleCommand",
    "ExampleGroup",
    "PassageRange",
    "json_option",
    "library_option",
    "model_option",
    "parse_time",
    "show_duration",
    "show_time",
    "to_passage",
    "to_time",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# Not checked here: the library reports a missing or unreadable file with a reason, and goes on.
AUDIO_FILE = click.Path(path_type=Path)

_TIME_FORMS = "write seconds (70), minutes (1:10) or hours (1:02:03.5)"
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)


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
        raise ValueError(f"{text!r} is not a time: {_TIME_FORMS}")
    seconds = 0.0
    for field in fields:
        seconds = 60 * seconds + float(field)
    return seconds


def show_time(seconds: float | None) -> str:
    """``1:10``, ``1:02:03``, to the nearest second; ``-`` when unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def show_duration(seconds: float) -> str:
    """How long something took: ``0.8 s``, ``42 s``, then as ``show_time``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else show_time(seconds)


@dataclass(frozen=True)
class PassageRange:
    """A part of a track; ``end_s`` None means to the end."""

    start_s: float = 0.0
    end_s: float | None = None


def to_time(text: str) -> float:
    """``parse_time`` as the type of an option."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def to_passage(text: str) -> PassageRange:
    """The type of an option such as ``--at 1:10-1:40``; either end may be left out."""
    start, dash, end = text.partition("-")
    if not dash:
        raise click.BadParameter(
            f"{text!r} is not a passage: write where it starts and ends, such as 1:10-1:40"
        )
    passage = PassageRange(
        start_s=to_time(start) if start.strip() else 0.0,
        end_s=to_time(end) if end.strip() else None,
    )
    if passage.end_s is not None and passage.end_s <= passage.start_s:
        raise click.BadParameter(f"{text!r} ends before it starts")
    return passage


class _Examples:
    """Prints the examples of a command under its options.

    ``examples`` holds pairs of a command line and what it does.
    """

    examples: tuple[tuple[str, str], ...] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line, purpose in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
                    formatter.write(f"{'':>{formatter.current_indent}}    {purpose}\n")


class ExampleCommand(_Examples, click.Command):
    """A command whose help ends with examples; a test runs them through the parser."""

    def __init__(
        self, *args: Any, examples: tuple[tuple[str, str], ...] = (), **extra: Any
    ) -> None:
        super().__init__(*args, **extra)
        self.examples = examples


class ExampleGroup(_Examples, click.Group):
    """A group of commands whose help ends with examples."""

    def __init__(
        self, *args: Any, examples: tuple[tuple[str, str], ...] = (), **extra: Any
    ) -> None:
        super().__init__(*args, **extra)
        self.examples = examples


def json_option(command: Decorated) -> Decorated:
    """``--json``: the result as one JSON document, alone on standard output."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON instead of text.",
    )(command)


def library_option(command: Decorated) -> Decorated:
    """``--library``: which library to use."""
    return click.option(
        "--library",
        metavar="PATH|URL",
        envvar="SOUNDALIKE_LIBRARY",
        help="The library, a database file or URL. Also set by SOUNDALIKE_LIBRARY. Default: "
        "library.db in your data folder.",
    )(command)


def model_option(command: Decorated) -> Decorated:
    """``--model``: which model analyses, or whose analyses are used."""
    return click.option(
        "--model",
        metavar="NAME",
        envvar="SOUNDALIKE_MODEL",
        help="Use this model instead of the default (see `soundalike models`). Also set by "
        "SOUNDALIKE_MODEL.",
    )(command)
