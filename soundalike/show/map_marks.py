"""How groups are told apart on a map: by colour, by shape, and by their number and name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["MARKERS", "SHAPES", "Mark", "mark_of"]

Shape = Literal["circle", "square", "triangle", "diamond", "cross"]

SHAPES: Final[tuple[Shape, ...]] = ("circle", "square", "triangle", "diamond", "cross")
MARKERS: Final[dict[Shape, str]] = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "cross": "X",
}
"""What matplotlib calls them."""

N_COLOURS: Final = 6
"""Those of ``charts.LIGHT`` and ``charts.DARK``: with five shapes, thirty groups look different."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the tracks of a group are drawn as.

    Attributes
    ----------
    colour : its number among the colours of a theme.
    """

    shape: Shape
    colour: int


def mark_of(number: int) -> Mark:
    """Of a group, by its number from 1 on."""
    return Mark(SHAPES[(number - 1) % len(SHAPES)], (number - 1) % N_COLOURS)
