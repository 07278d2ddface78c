"""The picture of an explanation: both tracks, what matches in them, and what each facet adds."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.log_mel import TOP_DB
from soundalike.show.amounts import show_percentile
from soundalike.show.charts import LIGHT
from soundalike.show.drawing import (
    EMPTY,
    FAINT,
    INK,
    MATCH_COLOURS,
    SOUND_COLOURS,
    any_text,
    color_bar,
    excerpt_cells,
    headline,
    new_figure,
    shorten,
    style,
    time_axis,
)
from soundalike.show.sound import fewer_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from soundalike.recommend.explain import Explanation, FacetShare, Side
    from soundalike.similarity.passages import Passage

__all__ = ["plot_explanation"]

LogMel = NDArray[np.floating]

# Characters of a line beside the facets.
_LINE = 58


def plot_explanation(
    explanation: Explanation,
    log_mel_a: LogMel | None = None,
    log_mel_b: LogMel | None = None,
    *,
    title: str = "",
    width_px: int = 1200,
    height_px: int = 1000,
) -> Figure:
    """Two tracks, one above the other, and between them the passages that match.

    A runs along the top, B along the bottom, each over the whole width. The strip beside each says,
    excerpt by excerpt, how alike the nearest of the other is: what is dark there, the other has
    not. Below, what each facet adds to the similarity, and what it would add to that of the track
    that was expected.

    Parameters
    ----------
    log_mel_a, log_mel_b : (n_mels, n_frames), decibels, of what was compared; None for what cannot
        be decoded, of which the strip alone is drawn.
    title, width_px, height_px : see ``plots.plot_waveform``.

    Raises
    ------
    InvalidArgument : a size under 200 pixels.
    MissingExtra : matplotlib is not installed.
    """
    figure = new_figure(width_px, height_px)
    grid = figure.add_gridspec(
        6, 2, height_ratios=(1.0, 0.13, 1.15, 0.13, 1.0, 1.6), width_ratios=(1.0, 0.012)
    )
    sides = (explanation.a, explanation.b)
    sounds = [figure.add_subplot(grid[row, 0]) for row in (0, 4)]
    strips = [figure.add_subplot(grid[row, 0]) for row in (1, 3)]
    between = figure.add_subplot(grid[2, 0])
    matrix = explanation.comparison.excerpt_similarity
    for letter, side, axes, log_mel in zip(
        "AB", sides, sounds, (log_mel_a, log_mel_b), strict=True
    ):
        _draw_sound(axes, letter, side, log_mel)
    nearest = [matrix.max(axis=1, initial=-1.0), matrix.max(axis=0, initial=-1.0)]
    low = min((float(each.min()) for each in nearest if each.size), default=0.0)
    high = max((float(each.max()) for each in nearest if each.size), default=1.0)
    for side, axes, values in zip(sides, strips, nearest, strict=True):
        mesh = _draw_strip(axes, side, values, (low, high))
    color_bar(figure, mesh, "nearest (cosine)", cax=figure.add_subplot(grid[1:4, 1]))
    _draw_passages(between, explanation)
    below = grid[5, :].subgridspec(1, 2, width_ratios=(1.25, 1.0))
    _draw_facets(figure.add_subplot(below[0]), explanation)
    _write_words(figure.add_subplot(below[1]), explanation, 0.2 * figure.get_figheight())
    headline(figure, title or _headline(explanation))
    return figure


def _draw_sound(axes: Axes, letter: str, side: Side, log_mel: LogMel | None) -> None:
    """The spectrogram of a side, its time axis on the far side of the picture's middle."""
    begin_s, end_s = side.start_s, side.end_s
    if log_mel is None:
        axes.set_facecolor(EMPTY)
    else:
        axes.imshow(
            fewer_columns(log_mel),
            origin="lower",
            aspect="auto",
            cmap=SOUND_COLOURS,
            vmin=-TOP_DB,
            vmax=0.0,
            extent=(begin_s, end_s, 0.0, 1.0),
        )
    style(axes)
    axes.set_xlim(begin_s, end_s)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    time_axis(axes.xaxis, end_s - begin_s, ticks=12)
    unit = axes.get_xlabel().removeprefix("Time ")
    any_text(axes.set_xlabel, f"{letter}: {side.name} {unit}", 100, fontsize=9, color=INK)
    if letter == "A":
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.spines["top"].set_visible(True)
        axes.spines["bottom"].set_visible(False)


def _draw_strip(
    axes: Axes, side: Side, values: NDArray[np.floating], limits: tuple[float, float]
) -> Any:
    """How alike the nearest excerpt of the other is, for each of one."""
    cells = excerpt_cells(side.analysis)
    row = np.full(len(cells.index), np.nan)
    row[cells.index >= 0] = values[cells.index[cells.index >= 0]]
    mesh = axes.pcolormesh(
        cells.edges_s + side.start_s,
        [0.0, 1.0],
        row[None],
        cmap=MATCH_COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,
    )
    axes.set_facecolor(EMPTY)
    axes.set_xlim(side.start_s, side.end_s)
    axes.set_axis_off()
    return mesh


def _draw_passages(axes: Axes, explanation: Explanation) -> None:
    """A band from each passage of A, above, to that of B, below, with its number at both ends."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_axis_off()
    colours = LIGHT.colours
    # The best lies on top.
    numbered = list(enumerate(explanation.passages))
    for number, passage in reversed(numbered):
        (a_left, a_right), (b_left, b_right) = _shares(explanation, passage)
        points = [
            (a_left, 1.0),
            *((a_left, 0.5), (b_left, 0.5), (b_left, 0.0)),
            (b_right, 0.0),
            *((b_right, 0.5), (a_right, 0.5), (a_right, 1.0)),
            (a_left, 1.0),
        ]
        curve = [Outline.CURVE4] * 3
        codes = [Outline.MOVETO, *curve, Outline.LINETO, *curve, Outline.CLOSEPOLY]
        colour = colours[number % len(colours)]
        axes.add_patch(
            PathPatch(Outline(points, codes), facecolor=colour, alpha=0.55, edgecolor=colour)
        )
    for number, passage in numbered:
        for (left, right), height in zip(_shares(explanation, passage), (0.9, 0.1), strict=True):
            axes.text(
                (left + right) / 2,
                height,
                str(number + 1),
                ha="center",
                va="center",
                fontsize=8,
                fontweight="bold",
                color="black",
                bbox={
                    "boxstyle": "circle,pad=0.22",
                    "facecolor": "white",
                    "edgecolor": colours[number % len(colours)],
                },
            ).set_in_layout(False)


def _shares(
    explanation: Explanation, passage: Passage
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a passage lies in A and in B, as shares of what was compared."""

    def share(side: Side, begin_s: float, end_s: float) -> tuple[float, float]:
        length_s = max(side.end_s - side.start_s, 1e-9)
        found = np.clip(
            [(begin_s - side.start_s) / length_s, (end_s - side.start_s) / length_s], 0, 1
        )
        return float(found[0]), float(found[1])

    return (
        share(explanation.a, passage.a_start_s, passage.a_end_s),
        share(explanation.b, passage.b_start_s, passage.b_end_s),
    )


def _draw_facets(axes: Axes, explanation: Explanation) -> None:
    """A bar for what each facet adds; paler ones for the track that was expected."""
    series: list[tuple[str, tuple[FacetShare, ...], str]] = [("A and B", explanation.facets, INK)]
    if explanation.expected is not None:
        series.append(("A and C", explanation.expected.facets, "#b3aebb"))
    height = 0.8 / len(series)
    n = len(explanation.facets)
    for place, (name, facets, colour) in enumerate(series):
        rows = np.arange(n) + (place - (len(series) - 1) / 2) * height
        shares = [each.share for each in facets]
        axes.barh(rows, shares, height=0.9 * height, color=colour, label=name)
        for row, each in zip(rows, facets, strict=True):
            closer = "" if each.percentile is None else f"  ({show_percentile(each.percentile)})"
            axes.annotate(
                f"{each.share:.3f}{closer}",
                (max(each.share, 0.0), row),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=INK,
            )
    axes.axvline(0.0, color=FAINT, linewidth=0.8)
    axes.set_yticks(
        range(n), [f"{each.name}\nweight {100 * each.weight:.0f} %" for each in explanation.facets]
    )
    axes.set_ylim(n - 0.45, -0.55)
    every = [each.share for _, facets, _ in series for each in facets]
    axes.set_xlim(min(0.0, 1.1 * min(every)), max(0.05, 1.4 * max(every)))
    style(axes)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of the similarity (closer than that many of the library's pairs)")
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8, loc="lower right", labelcolor=INK)


def _headline(explanation: Explanation) -> str:
    standing = explanation.standing
    found = f"Similarity {standing.similarity:.2f}"
    if standing.rank is None:
        return found
    return f"{found}: B is number {standing.rank:,} of {standing.among:,} like A"


def _write_words(axes: Axes, explanation: Explanation, height_in: float) -> None:
    """What both have in common, and why not C; on axes of about this height."""
    axes.set_axis_off()
    common, expected = explanation.common, explanation.expected
    lines: list[str] = []
    for name, text in (
        ("both", ", ".join(common.words)),
        ("only A", ", ".join(common.only_a)),
        ("only B", ", ".join(common.only_b)),
        ("genre", common.genre or ""),
        ("tempo", "" if common.tempo is None else _tempo_words(common.tempo)),
        ("key", "" if common.key is None else f"{common.key.a} | {common.key.b}"),
    ):
        if text:
            lines += wrap(f"{name}: {text}", _LINE, subsequent_indent="      ")[:3]
    if expected is not None:
        lines += ["", f"C: {shorten(expected.side.name, _LINE - 3)}"]
        place = f"similarity {expected.standing.similarity:.2f}"
        if expected.standing.rank is not None:
            place += f", number {expected.standing.rank:,}"
        if expected.pulled_by is not None and len(explanation.facets) > 1:
            place += f"; apart by {expected.pulled_by} most"
        lines.append(place)
    size = 7.5
    # Of a line and the room above it, as a share of the axes.
    step = 1.5 * size / (72 * height_in)
    for number, text in enumerate(lines):

        def write(drawn: str, up: float = 1.0 - number * step, **more: Any) -> None:
            axes.text(0.04, up, drawn, **more)

        any_text(write, text, _LINE, transform=axes.transAxes, va="top", color=INK, fontsize=size)


def _tempo_words(tempo: Any) -> str:
    return f"{tempo.a_bpm:.0f} | {tempo.b_bpm:.0f} BPM"
