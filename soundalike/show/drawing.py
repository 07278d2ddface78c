"""What all pictures share: figures without a display, colours, axes with units, any text, PNG."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument, MissingExtra, printable
from soundalike.files import check_writable, replaced_at_once
from soundalike.frontends.dsp import mel_frequencies
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from soundalike.analysis import Analysis

INK, FAINT, EMPTY = "#1f1b2e", "#6b6673", "#d9d7dd"
PURPLE, ORANGE, TEAL = "#51127c", "#e0653a", "#2a8a8a"  # they differ in lightness, too
SOUND_COLOURS = "magma"  # dark to light with loudness
MATCH_COLOURS = "cividis"  # another map for another quantity; made for colour-blind readers

_FORMATS = ("png", "jpg", "jpeg", "webp", "svg", "pdf")
_DPI = 150
_MIN_SIZE_PX = 200
_BADGE_PT = 14.0
_TIME_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MEL_TICKS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 16_000)
# For what the default font lacks, where they are installed.
_MORE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Noto Sans",
    "Arial Unicode MS",
)


def new_figure(width_px: int, height_px: int) -> Figure:
    """A white figure that is saved at exactly this size.

    Raises
    ------
    InvalidArgument : a size under 200 pixels.
    MissingExtra : matplotlib is not installed.
    """
    if min(width_px, height_px) < _MIN_SIZE_PX:
        raise InvalidArgument(
            f"a picture of {width_px} x {height_px} pixels is too small; "
            f"{_MIN_SIZE_PX} is the least"
        )
    return blank_figure(width_px / _DPI, height_px / _DPI, _DPI, facecolor="white")


def check_matplotlib() -> None:
    """Make sure that pictures can be drawn.

    Raises
    ------
    MissingExtra : matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtra("plots", "plots") from error


def blank_figure(width_in: float, height_in: float, dpi: int, **style: Any) -> Figure:
    """A figure that needs no display; ``style`` as for :class:`matplotlib.figure.Figure`.

    Raises
    ------
    MissingExtra : matplotlib is not installed.
    """
    check_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=dpi, layout="constrained", **style)
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """A picture as a PNG of 256 colours: a third of the size, and no difference to be seen."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    content = buffer.getvalue()
    with Image.open(io.BytesIO(content)) as opened:
        reduced = opened.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    smaller = io.BytesIO()
    reduced.save(smaller, format="PNG", optimize=True)
    return min(content, smaller.getvalue(), key=len)


def check_picture(path: str | os.PathLike[str]) -> None:
    """Make sure that a picture can be drawn and written there, before hours of work for it.

    Raises
    ------
    InvalidArgument : an unknown suffix.
    OutputError : the file cannot be written.
    MissingExtra : matplotlib is not installed.
    """
    _format_of(path)
    check_writable(path)
    check_matplotlib()


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a picture; the suffix of the path says in which format.

    Raises
    ------
    InvalidArgument : an unknown suffix.
    OutputError : the file cannot be written.
    """
    picture_format = _format_of(path)
    with replaced_at_once(path) as file:
        figure.savefig(file, format=picture_format)


def _format_of(path: str | os.PathLike[str]) -> str:
    target = Path(path)
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in _FORMATS:
        raise InvalidArgument(
            f"{printable(target)}: cannot write a picture as {target.suffix or 'no suffix'!r}; "
            f"use one of {', '.join('.' + known for known in _FORMATS)}"
        )
    return suffix


def style(axes: Axes) -> None:
    """Thin dark spines, small ticks, no box."""
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=FAINT, linewidth=0.8)
    axes.tick_params(labelsize=8, colors=INK, length=3)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(fontsize=9, color=INK)


def color_bar(figure: Figure, image: Any, label: str, **where: Any) -> None:
    """A colour bar without a box; ``where`` as for ``Figure.colorbar``."""
    bar = figure.colorbar(image, **where)
    bar.set_label(label, color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=INK, length=3)
    bar.outline.set_visible(False)


def power_image(
    figure: Figure,
    axes: Axes,
    decibels: NDArray[np.float32],
    *,
    frame_s: float,
    per_column: int = 1,
    rows: tuple[float, float],
    top_db: float,
    label: str,
) -> None:
    """A spectrogram in decibels with its colour bar.

    Parameters
    ----------
    decibels : (n_rows, n_columns); frame i is centred on i * frame_s.
    per_column : frames in a column.
    rows : lower edge of the first row and upper edge of the last, in units of the y axis.
    top_db : range of the colours under the maximum.
    """
    peak = float(decibels.max())
    image = axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap=SOUND_COLOURS,
        vmin=peak - top_db,
        vmax=peak,
        extent=(-0.5 * frame_s, (decibels.shape[1] * per_column - 0.5) * frame_s, *rows),
    )
    style(axes)
    color_bar(figure, image, label, ax=axes, pad=0.02)


def time_axis(axis: Axis, duration_s: float, name: str = "Time", ticks: int = 9) -> None:
    """Round times along an axis: seconds up to ten, m:ss up to an hour, h:mm:ss beyond."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step_s = next((s for s in _TIME_STEPS_S if duration_s / s <= ticks), _TIME_STEPS_S[-1])
    axis.set_major_locator(MultipleLocator(step_s))
    if duration_s <= 10:
        unit = "s"
        axis.set_major_formatter(FuncFormatter(lambda time_s, _: f"{time_s:.2g}"))
    else:
        unit = "m:ss" if duration_s < 3600 else "h:mm:ss"
        axis.set_major_formatter(FuncFormatter(lambda time_s, _: show_time(time_s, step_s)))
    axis.set_label_text(f"{name} ({unit})", fontsize=9, color=INK)


def mel_axis(
    axis: Axis, n_mels: int, fmax_hz: float, ticks_hz: Iterable[float] = _MEL_TICKS_HZ
) -> None:
    """Label mel bands (numbered from 0) by their centre frequencies in Hz."""
    centres_hz = mel_frequencies(n_mels, fmax_hz)[1:-1]
    shown = [hz for hz in ticks_hz if centres_hz[0] <= hz <= centres_hz[-1]]
    axis.set_ticks(
        np.interp(shown, centres_hz, np.arange(n_mels)),
        [f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}" for hz in shown],
    )


Span = tuple[float, float]


def frame_boxes(axes: Axes, boxes: Sequence[tuple[Span, Span]]) -> None:
    """Frames numbered from 1: white with a dark rim, legible on every colour.

    A number stands in a corner of a box that is large enough, else beside it, where it hides as
    little as possible of this and the other boxes. The axes must have their place and limits by
    now.

    Parameters
    ----------
    boxes : the edges of each, (x, x) and (y, y) in data coordinates.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    size = _BADGE_PT / 72 * axes.figure.dpi
    area = _pixels(axes, axes.get_xlim(), axes.get_ylim())
    shown = [_pixels(axes, x, y) for x, y in boxes]
    badges: list[NDArray[np.float64]] = []
    for number, ((x, y), box) in enumerate(zip(boxes, shown, strict=True), start=1):
        frame = Rectangle(
            (x[0], y[0]),
            x[1] - x[0],
            y[1] - y[0],
            fill=False,
            edgecolor="white",
            linewidth=1.6,
            clip_on=False,
        )
        frame.set_path_effects([Stroke(linewidth=3.4, foreground="black"), Normal()])
        axes.add_patch(frame)
        is_roomy = bool((box[1] - box[0]).min() > 2 * size)
        others = [one for one in shown if not (is_roomy and one is box)]
        place = min(
            _places(box, size, inside=is_roomy),
            key=lambda middle: _hidden(middle, size, area, others, badges),
        )
        badges.append(_square(place, size))
        # A thin line leads to the box; inside of one there is none to see.
        ends = np.array([place, np.clip(place, box[0], box[1])])
        across, up = axes.transData.inverted().transform(ends).T
        leader = Line2D(across, up, color="black", linewidth=1.0)
        leader.set_path_effects([Stroke(linewidth=2.4, foreground="white"), Normal()])
        axes.add_line(leader)
        axes.text(
            across[0],
            up[0],
            str(number),
            ha="center",
            va="center",
            fontsize=8,
            fontweight="bold",
            color="black",
            bbox={"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": "black"},
        ).set_in_layout(False)


def _pixels(axes: Axes, x: Span, y: Span) -> NDArray[np.float64]:
    """[[left, bottom], [right, top]] in pixels."""
    corners: NDArray[np.float64] = axes.transData.transform(np.column_stack([x, y]))
    return np.sort(corners, axis=0)


def _places(
    box: NDArray[np.float64], size: float, *, inside: bool
) -> Iterator[NDArray[np.float64]]:
    """Middles for a badge in the corners of a box, or around it."""
    low, high = box
    if inside:
        low, high = low + size, high - size
        for x in (high[0], low[0]):
            for y in (high[1], low[1]):
                yield np.array([x, y])
        return
    along = [low + share * (high - low) for share in (0.85, 0.5, 0.15)]
    # Further rings for those that find no room in the first.
    for reach in (0.75, 1.5, 2.25, 3.0, 3.75):
        (left, bottom), (right, top) = low - reach * size, high + reach * size
        for x, y in along:
            yield from map(np.array, ((right, y), (left, y), (x, top), (x, bottom)))
        yield from map(np.array, ((right, top), (left, top), (right, bottom), (left, bottom)))


def _hidden(
    middle: NDArray[np.float64],
    size: float,
    area: NDArray[np.float64],
    boxes: Sequence[NDArray[np.float64]],
    badges: Sequence[NDArray[np.float64]],
) -> int:
    """How bad a place is: what a badge there hides, and how much of it is outside the axes."""
    badge = _square(middle, size)
    outside = size**2 - _overlap(badge, area)
    hidden = sum(_overlap(badge, box) for box in boxes)
    touched = sum(_overlap(badge, other) for other in badges)
    # Whole pixels: rounding errors must not decide between places that are equally good.
    return round(10 * outside + hidden + 20 * touched)


def _square(middle: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    return np.array([middle - size / 2, middle + size / 2])


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    sides = np.minimum(a[1], b[1]) - np.maximum(a[0], b[0])
    return float(np.prod(np.maximum(sides, 0.0)))


@dataclass(frozen=True)
class Cells:
    """Excerpts as cells that cover a track without overlap.

    Attributes
    ----------
    edges_s : float64 (n_cells + 1,), seconds.
    index : int64 (n_cells,), the excerpt of each cell; -1 where there is none (a pause).
    """

    edges_s: NDArray[np.float64]
    index: NDArray[np.int64]

    def around(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Outer edges of the cells whose middle lies in a passage, in seconds."""
        middles_s = (self.edges_s[:-1] + self.edges_s[1:]) / 2
        inside = np.flatnonzero((middles_s > start_s) & (middles_s < end_s))
        if inside.size == 0:
            return start_s, end_s
        return float(self.edges_s[inside[0]]), float(self.edges_s[inside[-1] + 1])


def excerpt_cells(analysis: Analysis) -> Cells:
    """Lay the excerpts of a track side by side.

    The last excerpt is aligned to the end of the track and overlaps the one before it: its cell
    is what it adds. Pauses that were left out become empty cells.
    """
    edges_s, index = [0.0], []
    for excerpt, start_s in enumerate(analysis.excerpt_starts_s):
        end_s = min(float(start_s) + analysis.excerpt_s, analysis.duration_s)
        if start_s > edges_s[-1] + 0.05:
            edges_s.append(float(start_s))
            index.append(-1)
        if end_s > edges_s[-1]:
            edges_s.append(end_s)
            index.append(excerpt)
    # What is left at the end is a pause, unless it is the rounding of the last frame.
    if analysis.duration_s > edges_s[-1] + 0.5:
        edges_s.append(analysis.duration_s)
        index.append(-1)
    else:
        edges_s[-1] = max(edges_s[-1], analysis.duration_s)
    return Cells(np.array(edges_s), np.array(index, dtype=np.int64))


def shorten(text: str, n_characters: int) -> str:
    """The text, its middle left out where it is too long: both ends of a file name tell."""
    text = " ".join(text.split())
    if len(text) <= n_characters:
        return text
    head = (n_characters - 1) * 2 // 3
    return f"{text[:head].rstrip()}…{text[len(text) - (n_characters - 1 - head) :].lstrip()}"


@lru_cache(maxsize=1)
def _fonts() -> tuple[tuple[str, ...], frozenset[int]]:
    """Font families for text from files, and every character that one of them can draw."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    installed = set(fontManager.get_font_names())
    families = ("DejaVu Sans", *(name for name in _MORE_FONTS if name in installed))
    known: set[int] = set()
    for family in families:
        known.update(get_font(findfont(FontProperties(family=[family]))).get_charmap())
    return families, frozenset(known)


def any_text(write: Callable[..., Any], text: str, n_characters: int, **style: Any) -> None:
    """Write text that comes from outside: a file name, a title in any script.

    Characters that no installed font has are drawn as a white square, dollar signs are no
    formulas, and long text loses its middle.

    Parameters
    ----------
    write : such as ``axes.set_title``.
    n_characters : how many fit.
    style : as for :class:`matplotlib.text.Text`.
    """
    families, known = _fonts()
    drawn = "".join(c if ord(c) in known else "\u25a1" for c in shorten(text, n_characters))
    write(drawn, fontfamily=list(families), parse_math=False, **style)


def headline(figure: Figure, title: str, note: str = "") -> None:
    """The title over a picture and, small, under it what was measured and how."""
    n_characters = int(figure.get_figwidth() * 8.5)
    if title:
        any_text(figure.suptitle, title, n_characters, fontsize=12, color=INK, fontweight="bold")
    if note:
        figure.supxlabel(note, fontsize=7.5, color=FAINT, x=0.5, ha="center")
