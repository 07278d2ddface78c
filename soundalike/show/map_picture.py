"""A picture of the map of a library; see ``plots`` for what all pictures have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from soundalike.recommend.clusters import Group
from soundalike.recommend.map import LibraryMap
from soundalike.show.amounts import show_count
from soundalike.show.charts import LIGHT
from soundalike.show.drawing import INK, any_text, headline, new_figure
from soundalike.show.map_marks import MARKERS, mark_of
from soundalike.show.map_words import kept_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot_map"]

# More points would make an SVG that no program opens: they are pixels in it then.
_MOST_SHAPES = 5000


def plot_map(
    found: LibraryMap,
    groups: Sequence[Group],
    *,
    title: str = "",
    width_px: int = 1800,
    height_px: int = 1200,
) -> Figure:
    """All tracks as points, each group with its colour, its shape, and its name amid them.

    A point is pale where few of the track's nearest are near it on the map.

    Parameters
    ----------
    groups : of the map.
    title : over the picture.
    width_px, height_px : of the picture.

    Raises
    ------
    InvalidArgument : a size under 200 pixels.
    MissingExtra : matplotlib is not installed.
    """
    figure = new_figure(width_px, height_px)
    axes = figure.subplots()
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
    size = float(np.clip(9000 / max(len(found), 1), 1.5, 36))
    for group in groups:
        rows = found.groups == group.number - 1
        mark = mark_of(group.number)
        axes.scatter(
            found.places[rows, 0],
            found.places[rows, 1],
            s=size,
            c=LIGHT.colours[mark.colour],
            marker=MARKERS[mark.shape],
            alpha=0.25 + 0.65 * found.trust[rows],
            linewidths=0,
            rasterized=len(found) > _MOST_SHAPES,
        )
    if len(groups) > 1:
        for group in groups:
            # Legible on whatever lies below it; its name stands beside its number in the legend.
            axes.text(
                *group.middle,
                str(group.number),
                ha="center",
                va="center",
                fontsize=9,
                fontweight="bold",
                color=INK,
                bbox={
                    "boxstyle": "circle,pad=0.25",
                    "facecolor": "white",
                    "edgecolor": LIGHT.colours[mark_of(group.number).colour],
                    "linewidth": 1.5,
                },
            )
        legend = figure.legend(
            handles=[_swatch(group) for group in groups],
            loc="outside right upper",
            fontsize=8,
            frameon=False,
        )
        for text, group in zip(legend.get_texts(), groups, strict=True):
            words = f"{group.number}  {group.name} ({group.size:,})"
            any_text(lambda words, text=text, **style: text.set(text=words, **style), words, 46)
    headline(
        figure,
        title or show_count(len(found), "track"),
        f"{kept_words(found)}; a point is pale where few of the track's are  |  {found.model}",
    )
    return figure


def _swatch(group: Group) -> Line2D:
    """What the tracks of a group look like, for the legend."""
    from matplotlib.lines import Line2D

    mark = mark_of(group.number)
    colour = LIGHT.colours[mark.colour]
    # The words are written once the legend is there: they may hold any character.
    return Line2D([], [], linestyle="", marker=MARKERS[mark.shape], color=colour, label="-")
