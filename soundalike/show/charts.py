"""Charts of results (curves, intervals, reliability), drawn for light and for dark pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from soundalike.show.drawing import ORANGE, PURPLE, TEAL, blank_figure, check_matplotlib, to_png
from soundalike.show.html import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DARK",
    "LIGHT",
    "Bar",
    "Curve",
    "Theme",
    "draw_intervals",
    "draw_lines",
    "draw_reliability",
    "picture",
    "png",
]

# Two times what a screen shows at 100 %, so that phones have something to show.
_DPI = 160
_CSS_DPI = 96


class ConfidenceBin(Protocol):
    """Tracks whose confidence lies close together: how many, how sure, and how often right."""

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...

    @property
    def n_tracks(self) -> int: ...

    @property
    def confidence(self) -> float: ...

    @property
    def accuracy(self) -> float: ...


@dataclass(frozen=True)
class Theme:
    """Colours of a picture; those of series differ in lightness too, for the colour-blind."""

    ground: str
    ink: str
    soft: str
    line: str
    colours: tuple[str, ...]


LIGHT = Theme(
    ground="#ffffff",
    ink="#1d2327",
    soft="#5b666e",
    line="#dfe3e2",
    colours=(PURPLE, ORANGE, TEAL, "#b5367a", "#9a7b12", "#3b6fb6"),
)
DARK = Theme(
    ground="#1c2226",
    ink="#e7ebec",
    soft="#9fabb2",
    line="#3a444b",
    colours=("#c79bee", "#f5966c", "#6fd0c8", "#f08fbb", "#e0bf62", "#8fb8f0"),
)

Draw = Callable[["Figure", Theme], None]


@dataclass(frozen=True)
class Curve:
    """A line of a chart, such as the accuracy by epoch."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Bar:
    """A value with its interval, in a chart of several."""

    name: str
    value: float
    low: float
    high: float
    series: str = ""


def png(draw: Draw, width_in: float, height_in: float, theme: Theme = LIGHT) -> bytes:
    """Draw one picture.

    Raises
    ------
    MissingExtra : matplotlib is not installed.
    """
    check_matplotlib()
    from matplotlib import style

    # The defaults come first: the user's own settings must not change a report.
    with style.context(["default", _style(theme)]):
        figure = blank_figure(width_in, height_in, _DPI)
        draw(figure, theme)
        return to_png(figure)


def picture(
    draw: Draw, description: str, *, width_in: float = 4.8, height_in: float = 3.4
) -> Picture:
    """Draw a picture for light and for dark pages.

    Parameters
    ----------
    draw : gets a figure and the theme, and draws.
    description : what can be seen, in words, for those who can't.
    """
    return Picture(
        png(draw, width_in, height_in, LIGHT),
        png(draw, width_in, height_in, DARK),
        description,
        round(width_in * _CSS_DPI),
    )


def _style(theme: Theme) -> Any:
    from cycler import cycler

    return {
        "figure.facecolor": theme.ground,
        "axes.facecolor": theme.ground,
        "savefig.facecolor": theme.ground,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.soft,
        "xtick.color": theme.soft,
        "ytick.color": theme.soft,
        "xtick.labelcolor": theme.ink,
        "ytick.labelcolor": theme.ink,
        "grid.color": theme.line,
        "axes.prop_cycle": cycler(color=theme.colours),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "font.size": 9,
        "font.family": "DejaVu Sans",
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.6,
    }


def draw_lines(
    axes: Axes, curves: Sequence[Curve], *, x_label: str, y_label: str, percent: bool = False
) -> None:
    """Lines over a common axis; a single point is shown as one."""
    for curve in curves:
        scale = 100.0 if percent else 1.0
        marker = "o" if len(curve.x) < 16 else None
        axes.plot(curve.x, [scale * y for y in curve.y], label=curve.name, marker=marker, ms=3.5)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(axis="y")
    if all(float(x).is_integer() for curve in curves for x in curve.x):
        axes.locator_params(axis="x", integer=True)  # no epoch 1.2
    if len(curves) > 1:
        axes.legend()


def draw_reliability(
    axes: Axes,
    bins: Sequence[ConfidenceBin],
    theme: Theme,
    ranges: Sequence[tuple[float, float]] = (),
) -> None:
    """Confidence across, accuracy up; on the diagonal the confidence can be believed.

    ``ranges`` : for each bin, between which accuracies chance alone would let it end.
    """
    most = max(item.n_tracks for item in bins)
    axes.plot([0, 100], [0, 100], color=theme.soft, linestyle="--", linewidth=1, zorder=1)
    for item in bins:
        axes.bar(
            100 * item.low,
            100 * item.accuracy,
            width=100 * (item.high - item.low),
            align="edge",
            color=theme.colours[0],
            # Few tracks make a pale bar: its height says little.
            alpha=0.25 + 0.75 * item.n_tracks / most,
            edgecolor=theme.ground,
        )
        axes.annotate(
            str(item.n_tracks),
            # The lines of the ranges would cross the numbers.
            (50 * (item.low + item.high), 104 if ranges else 100 * item.accuracy),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            color=theme.ink,
        )
    for item, (low, high) in zip(bins, ranges, strict=False):
        axes.vlines(
            100 * item.confidence, 100 * low, 100 * high, color=theme.ink, alpha=0.75, linewidth=1.4
        )
    axes.plot(
        [100 * item.confidence for item in bins],
        [100 * item.accuracy for item in bins],
        "o",
        color=theme.colours[1],
        ms=4,
    )
    axes.set(xlim=(0, 100), ylim=(0, 110), xlabel="confidence, %", ylabel="right, %")


def draw_intervals(
    axes: Axes, bars: Sequence[Bar], theme: Theme, *, x_label: str, percent: bool = True
) -> None:
    """Values with their intervals, one a line, the first on top; series by colour and marker."""
    names = list(dict.fromkeys(bar.name for bar in bars))
    series = list(dict.fromkeys(bar.series for bar in bars))
    scale = 100.0 if percent else 1.0
    for number, one in enumerate(series):
        shift = (number - (len(series) - 1) / 2) * 0.7 / max(len(series), 2)
        mine = [bar for bar in bars if bar.series == one]
        colour = theme.colours[number % len(theme.colours)]
        places = [names.index(bar.name) + shift for bar in mine]
        axes.hlines(
            places,
            [scale * bar.low for bar in mine],
            [scale * bar.high for bar in mine],
            color=colour,
            alpha=0.55,
            linewidth=3,
        )
        marker = "osD^vP"[number % 6]
        points = [scale * bar.value for bar in mine]
        axes.plot(points, places, marker, color=colour, label=one, ms=5)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if len(series) > 1:
        axes.figure.legend(loc="outside lower center", ncols=min(3, len(series)))
