"""Pictures of an evaluation as elements of a page: they take its colours, and any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element

from soundalike.show.html import element

__all__ = ["Mark", "MarkKind", "Strip", "histogram", "strips", "tallest_bar"]

_MIDDLE_PX = 15
_HEIGHT_PX = 30
_MOST_BARS = 60

MarkKind = Literal["main", "other", "chance", "best"]


@dataclass(frozen=True)
class Mark:
    """A value between 0 and 1 on a strip; an interval is drawn where there is one."""

    kind: MarkKind
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Strip:
    """One line of a chart: a name, its value in words, and its marks."""

    name: str
    value: str
    marks: tuple[Mark, ...]


def strips(
    rows: Sequence[Strip], legend: Sequence[tuple[MarkKind, str]], *, description: str
) -> Element:
    """Strips from 0 to 100 % below each other, with what the marks mean above."""
    keys = element("ul", class_="legend")
    for kind, words in legend:
        swatch = element("svg", *_mark(Mark(kind, 0.5, 0.1, 0.9)), class_="key", height="18")
        swatch.set("viewBox", f"0 {_MIDDLE_PX - 9} 34 18")
        swatch.set("width", "34")
        keys.append(element("li", swatch, words))
    lines = element("div", class_="strips")
    for row in rows:
        picture = element(
            "svg",
            _line(0, 100, "axis"),
            *(_tick(x, "grid") for x in (0, 25, 50, 75, 100)),
            *(shape for mark in row.marks for shape in _mark(mark)),
            class_="strip",
            height=str(_HEIGHT_PX),
            role="img",
            **{"aria-label": f"{row.name}: {row.value}"},
        )
        name = element("div", row.name, class_="name")
        lines.append(
            element("div", name, picture, element("div", row.value, class_="value"), class_="row")
        )
    scale = element("div", *(element("span", f"{x} %") for x in (0, 25, 50, 75, 100)))
    scale.set("class", "scale")
    empty = element("div", class_="name")
    lines.append(
        element("div", empty, scale, element("div", class_="value"), class_="row axis-row")
    )
    return element("figure", keys, lines, element("figcaption", description))


def _mark(mark: Mark) -> list[Element]:
    x = 100 * mark.value
    if mark.kind in ("chance", "best"):
        return [_tick(x, mark.kind)]
    shapes = []
    if mark.low is not None and mark.high is not None:
        shapes.append(_line(100 * mark.low, 100 * mark.high, f"{mark.kind} range"))
    shapes.append(
        element(
            "circle",
            cx=f"{x:.2f}%",
            cy=str(_MIDDLE_PX),
            r="5" if mark.kind == "main" else "4.5",
            class_=mark.kind,
        )
    )
    return shapes


def _line(x1: float, x2: float, kind: str) -> Element:
    y = str(_MIDDLE_PX)
    return element("line", x1=f"{x1:.2f}%", x2=f"{x2:.2f}%", y1=y, y2=y, class_=kind)


def _tick(x: float, kind: str) -> Element:
    reach = 4 if kind == "grid" else 10
    return element(
        "line",
        x1=f"{x:.2f}%",
        x2=f"{x:.2f}%",
        y1=str(_MIDDLE_PX - reach),
        y2=str(_MIDDLE_PX + reach),
        class_=kind,
    )


def histogram(
    name: str, counts: Sequence[int], *, n_values: int, tallest: int, unit: str, caption: str
) -> Element:
    """How many things have the value 0, 1, 2, ...

    Parameters
    ----------
    counts : [i] things have the value i.
    n_values : values on the axis, from 0; the same for histograms that are to be compared.
    tallest : the count at the top of the picture, likewise.
    unit : what the axis counts.
    """
    width = -(-n_values // _MOST_BARS)  # values in one bar
    sums = [sum(counts[start : start + width]) for start in range(0, n_values, width)]
    picture = element(
        "svg",
        *(
            element(
                "rect",
                element("title", f"{_values(i * width, width)}: {count}"),
                x=f"{i + 0.08:.2f}",
                y=f"{tallest - count}",
                width="0.84",
                height=f"{count}",
                class_="bar first" if i == 0 else "bar",
            )
            for i, count in enumerate(sums)
            if count
        ),
        class_="histogram",
        preserveAspectRatio="none",
        viewBox=f"0 0 {len(sums)} {max(tallest, 1)}",
        role="img",
        **{"aria-label": f"{name}: {caption}"},
    )
    ends = element("div", element("span", "0"), element("span", unit), class_="scale")
    ends.append(element("span", str(len(sums) * width - 1)))
    title = element("figcaption", element("b", name), f": {caption}")
    return element("figure", title, picture, ends)


def tallest_bar(all_counts: Sequence[Sequence[int]], n_values: int) -> int:
    """The highest bar of some histograms with this axis."""
    width = -(-n_values // _MOST_BARS)
    return max(
        sum(counts[start : start + width])
        for counts in all_counts
        for start in range(0, n_values, width)
    )


def _values(first: int, width: int) -> str:
    return str(first) if width == 1 else f"{first} to {first + width - 1}"
