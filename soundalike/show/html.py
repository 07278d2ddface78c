"""HTML pages that stand alone: one file, pictures inside, no network, for phone and desktop.

A page is a tree of elements, so that every text and attribute is escaped where the tree is written
and nowhere else::

    page("Title", section("Part", paragraph("Text & <text>"), table(["a", "b"], [["x", 1]])))
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any
from xml.etree.ElementTree import Element, tostring

import numpy as np
import numpy.typing as npt

__all__ = [
    "Picture",
    "Tile",
    "audio",
    "bullets",
    "code",
    "confusion_table",
    "element",
    "fields",
    "figure",
    "figures",
    "page",
    "paragraph",
    "section",
    "show_number",
    "table",
    "tiles",
]

Child = Element | str

# What XML and HTML cannot hold, whatever the escaping.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


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


def element(tag: str, *children: Child | None, **attributes: str) -> Element:
    """An element; ``class_`` stands for class. Children that are None are left out."""
    made = Element(tag, {name.rstrip("_"): _clean(text) for name, text in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif child is not None:
            text = _clean(child)
            if len(made):
                made[-1].tail = (made[-1].tail or "") + text
            else:
                made.text = (made.text or "") + text
    return made


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def paragraph(*children: Child) -> Element:
    """A paragraph of text and inline elements."""
    return element("p", *children)


def bullets(items: Iterable[Child]) -> Element:
    """A list with bullets."""
    return element("ul", *(element("li", item) for item in items))


def code(text: str) -> Element:
    """A command or other text to copy, as it is."""
    return element("pre", element("code", text))


def section(heading: str, *children: Child | None) -> Element:
    """A part of a page, with its heading; the page lists it at the top."""
    name = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
    return element("section", element("h2", heading), *children, id=name)


def tiles(items: Iterable[Tile]) -> Element:
    """The most important figures, large, side by side."""
    made = element("dl", class_="tiles")
    for tile in items:
        detail = element("dd", tile.detail, class_="detail") if tile.detail else None
        name = element("dt", tile.name)
        made.append(element("div", name, element("dd", tile.value, class_="value"), detail))
    return made


def fields(values: Mapping[str, Any]) -> Element:
    """Names and values, such as a config; what is nested is written with dots."""
    made = element("dl", class_="fields")
    for name, value in _flat(values):
        made.append(element("div", element("dt", name), element("dd", value)))
    return made


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _show(value)


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_show, value)) or "none"
    return "none" if value is None or value == {} else str(value)


def show_number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, without an exponent where one can do without."""
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str = "",
    texts: int = 1,
) -> Element:
    """A table; the first ``texts`` columns hold text, the others figures, which stand right."""
    head = element("tr")
    for number, header in enumerate(headers):
        head.append(element("th", header, scope="col", **_kind(number, texts)))
    body = element("tbody")
    for row in rows:
        line = element("tr")
        for number, cell in enumerate(row):
            content = cell if isinstance(cell, (Element, str)) else _show(cell)
            scope = {"scope": "row"} if number == 0 else {}
            line.append(
                element("th" if number == 0 else "td", content, **scope, **_kind(number, texts))
            )
        body.append(line)
    title = element("caption", caption) if caption else None
    made = element("table", title, element("thead", head), body)
    return element("div", made, class_="scroll", tabindex="0", role="region", **_label(caption))


def _kind(number: int, texts: int) -> dict[str, str]:
    return {} if number < texts else {"class_": "number"}


def _label(caption: str) -> dict[str, str]:
    return {"aria-label": caption or "table"}


def confusion_table(
    counts: npt.NDArray[np.integer], labels: Sequence[str], *, items: str = "tracks"
) -> Element:
    """A confusion matrix: actual label down, predicted label across; counts, shares of the row.

    Parameters
    ----------
    counts : (n_labels, n_labels).
    items : what was counted.
    """
    head = element("tr", element("td"))
    for label in labels:
        head.append(element("th", element("span", label), scope="col"))
    body = element("tbody")
    for row, label in enumerate(labels):
        total = max(int(counts[row].sum()), 1)
        line = element("tr", element("th", label, scope="row"))
        for column, count in enumerate(counts[row].tolist()):
            share = count / total
            classes = "dense" if share >= 0.6 else "" if count else "none"
            classes += " hit" if column == row else ""
            cell = element(
                "td",
                element("b", str(count)),
                element("small", f"{100 * share:.0f}") if count else None,
                class_=classes.strip(),
                style=f"background:rgb(81 18 124 / {share:.2f})",
                title=f"{label} taken for {labels[column]}: {count} of {total}",
            )
            line.append(cell)
        body.append(line)
    caption = element(
        "caption",
        f"Predicted across, actual down: number of {items}, below it per cent of the row.",
    )
    made = element("table", caption, element("thead", head), body, class_="confusion")
    return element(
        "div", made, class_="scroll", tabindex="0", role="region", **_label("confusion matrix")
    )


def figure(picture: Picture, caption: str = "") -> Element:
    """A picture in the page itself, which follows the page into the dark."""
    dark = None
    if picture.dark is not None:
        dark = element("source", srcset=_data(picture.dark), media="(prefers-color-scheme: dark)")
    shown = element(
        "img", src=_data(picture.light), alt=picture.description, width=str(picture.width_px)
    )
    framed = element("picture", dark, shown)
    if picture.wide:
        framed = element("div", framed, class_="scroll wide", tabindex="0")
    return element("figure", framed, element("figcaption", caption) if caption else None)


def figures(*items: Element) -> Element:
    """Pictures side by side where there is room."""
    return element("div", *items, class_="figures")


def audio(name: str, wav: bytes) -> Element:
    """A sound to play, in the page itself."""
    player = element("audio", controls="", preload="none", src=_data(wav, "audio/wav"))
    return element("figure", element("figcaption", name), player, class_="sound")


def _data(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def page(
    title: str, *sections: Element, lead: str = "", warning: str = "", footer: str = ""
) -> str:
    """A whole page.

    Parameters
    ----------
    lead : what the reader should know first.
    warning : shown above everything, such as that the run was a quick one.
    footer : small print at the end.
    """
    styles = resources.files("soundalike.show").joinpath("page.css").read_text("utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", styles),
    )
    header = element("header", element("h1", title), paragraph(lead) if lead else None)
    if warning:
        header.append(element("p", warning, class_="warning", role="note"))
    if len(sections) > 2:
        links = [
            element("a", part[0].text or "", href=f"#{part.get('id')}")
            for part in sections
            if part.tag == "section"
        ]
        header.append(element("nav", bullets(links), **_label("contents")))
    main = element("main", header, *sections)
    small_print = element("footer", paragraph(footer)) if footer else None
    html = element("html", head, element("body", main, small_print), lang="en")
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"
