"""What the drawings of an evaluation show; ``strips.html.jinja`` of the templates draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Histogram", "Mark", "MarkKind", "Strip", "StripChart", "histograms"]

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


@dataclass(frozen=True)
class StripChart:
    """Strips from 0 to 100 % below each other.

    Attributes
    ----------
    meanings : what each kind of mark stands for; kinds that no strip has need no explanation.
    description : what the chart shows.
    """

    strips: tuple[Strip, ...]
    meanings: dict[MarkKind, str]
    description: str

    @property
    def legend(self) -> list[tuple[Mark, str]]:
        """A mark of each kind that there is, to be drawn beside its meaning."""
        kinds = {mark.kind for strip in self.strips for mark in strip.marks}
        return [
            (Mark(kind, 0.5, 0.1, 0.9), words)
            for kind, words in self.meanings.items()
            if kind in kinds
        ]


@dataclass(frozen=True)
class Histogram:
    """How many things have which value, in bars of ``width`` values each.

    Attributes
    ----------
    counts : of each bar, from the value 0 on.
    tallest : the count at the top of the picture.
    unit : what the values count.
    """

    name: str
    caption: str
    unit: str
    counts: tuple[int, ...]
    width: int
    tallest: int

    @property
    def last_value(self) -> int:
        """The highest value of the last bar."""
        return len(self.counts) * self.width - 1

    def values_of(self, bar: int) -> str:
        """The values that a bar counts, such as ``12 to 14``."""
        first = bar * self.width
        return str(first) if self.width == 1 else f"{first} to {first + self.width - 1}"


def histograms(
    counts: Sequence[Sequence[int]], names: Sequence[str], captions: Sequence[str], *, unit: str
) -> list[Histogram]:
    """Histograms to be compared: on the same axes.

    Parameters
    ----------
    counts : of each histogram; [i] things have the value i.
    """
    n_values = max(map(len, counts))
    width = -(-n_values // _MOST_BARS)
    bars = [
        tuple(sum(each[start : start + width]) for start in range(0, n_values, width))
        for each in counts
    ]
    tallest = max(map(max, bars))
    return [
        Histogram(name, caption, unit, each, width, tallest)
        for name, caption, each in zip(names, captions, bars, strict=True)
    ]
