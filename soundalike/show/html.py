"""HTML pages that stand alone: one file, pictures inside, no network, for phone and desktop.

The HTML itself stands in ``templates``: ``page.html.jinja`` is the frame of every page,
``parts.html.jinja`` the tables, tiles and figures that pages are made of, and each page has a
template of its own. This module has what they show, and fills them in::

    html = render("stress.html.jinja", lines=lines, table=Table(["change", "accuracy"], rows))

Whatever a template shows is escaped there, always: no value is ever marked as safe.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from soundalike.show.amounts import show_number, show_percent
from soundalike.show.text import without_controls

__all__ = ["Picture", "Table", "Tile", "render"]


@dataclass(frozen=True)
class Picture:
    """A PNG for light pages, perhaps one for dark pages, and what they show in words.

    A ``wide`` picture keeps a legible width on a phone, and is moved sideways there.
    """

    light: bytes
    dark: bytes | None
    description: str
    width_px: int
    wide: bool = False


@dataclass(frozen=True)
class Tile:
    """A figure that is shown large: what, how much, and the small print."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row is its heading.

    Attributes
    ----------
    headers : of the columns.
    rows : cells, as many as there are headers; text or numbers.
    caption : what the table shows.
    texts : the first so many columns hold text; the others hold figures, which stand right.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    texts: int = 1


def render(template: str, **values: Any) -> str:
    """A whole page.

    Parameters
    ----------
    template : its file in ``templates``, such as "stress.html.jinja".
    values : what the template shows; text may hold anything. What HTML cannot hold, and what would
        turn a line round, becomes U+FFFD, and a stray byte of a file name ``\\udcNN``, so that the
        page can be written as UTF-8.
    """
    html = _environment().get_template(template).render(contents=_Contents(), **values)
    return without_controls(html).encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("soundalike.show"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        data_uri=_data_uri,
        flat=_flat,
        percent=show_percent,
        shown=_show,
        thousands="{:,}".format,
    )
    return environment


class _Contents:
    """The headings of a page, gathered while it is filled in, for the list at its top."""

    def __init__(self) -> None:
        self.headings: dict[str, str] = {}

    def add(self, heading: str) -> str:
        """The id that the heading's section gets, which no other section of the page has."""
        name = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") or "section"
        number = 1
        unique = name
        while unique in self.headings:
            number += 1
            unique = f"{name}-{number}"
        self.headings[unique] = heading
        return unique


def _data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values; what is nested is named with dots."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_show, value)) or "none"
    return "none" if value is None or value == {} else str(value)
