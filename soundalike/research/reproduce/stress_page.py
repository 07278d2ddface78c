"""The page of ``soundalike reproduce stress``: the values for ``stress.html.jinja``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundalike.research.report import QUICK_WARNING
from soundalike.research.reproduce.clips import HELD_OUT
from soundalike.research.reproduce.stress_results import Circumstances, Row, StressResult
from soundalike.show import charts
from soundalike.show.charts import Bar
from soundalike.show.html import Picture, Table, render
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["stress_page"]

_SIDES = {
    "train": "trained on",
    "valid": "validation: not trained on, but looked at when settings were chosen",
    "test": "test: never looked at",
    "none": "left out of the split (a repeat, a wrong label, an artist of the other side)",
}


def stress_page(result: StressResult, circumstances: Circumstances, lines: Sequence[str]) -> str:
    """The page as HTML; ``lines`` are the findings."""
    sides = Counter(clip.side for clip in result.clips)
    held_out = [row for row in result.rows if row.group == "held out"]
    everything = [row for row in result.rows if row.group == "all"]
    genres = Counter(clip.genre for clip in result.clips if clip.side in HELD_OUT)
    return render(
        "stress.html.jinja",
        result=result,
        warning=QUICK_WARNING if circumstances.quick else "",
        started=circumstances.started,
        lines=lines,
        n_held_out=held_out[0].n_clips if held_out else 0,
        genres=", ".join(f"{count} {genre}" for genre, count in sorted(genres.items())),
        missing=", ".join(sorted({clip.genre for clip in result.clips} - set(genres))),
        drops=_drops(held_out or everything),
        held_out_tables=_tables(held_out),
        all_tables=_tables(everything),
        sides=Table(
            ["side of the split", "clips"],
            [[_SIDES[side], sides[side]] for side in _SIDES if sides[side]],
        ),
        command=circumstances.command,
        about={
            "started": circumstances.started,
            "duration": show_duration(circumstances.duration_s),
            "seed": circumstances.seed,
            **circumstances.environment,
        },
    )


def _drops(rows: Sequence[Row]) -> Picture:
    bars = [
        Bar(row.perturbation, row.drop.value, row.drop.low, row.drop.high, row.model)
        for row in rows
        if row.kind != "none"
    ]
    n_lines = len({bar.name for bar in bars})

    def draw(drawing: Figure, theme: charts.Theme) -> None:
        axes = drawing.subplots()
        axes.axvline(0, color=theme.soft, linewidth=1)
        charts.draw_intervals(axes, bars, theme, x_label="accuracy lost, points")

    described = "; ".join(f"{bar.name} {100 * bar.value:.0f}" for bar in bars)
    return charts.picture(
        draw, f"accuracy lost, points: {described}", width_in=5.6, height_in=1 + 0.24 * n_lines
    )


def _tables(rows: Sequence[Row]) -> list[Table]:
    """One a model."""
    made = []
    for model in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == model]
        cells = [
            [
                "as it is" if row.kind == "none" else row.perturbation,
                f"{100 * row.accuracy.value:.1f} %",
                "" if row.kind == "none" else _points(row),
                f"{row.cosine:.3f}",
                f"{row.lowest_cosine:.3f}",
                f"{100 * row.finds_itself:.0f} %",
            ]
            for row in mine
        ]
        made.append(
            Table(
                ["change", "accuracy", "lost, points", "cosine", "lowest", "finds itself"],
                cells,
                caption=f"{model}, {mine[0].n_clips} clips",
            )
        )
    return made


def _points(row: Row) -> str:
    value, low, high = (100 * x + 0.0 for x in (row.drop.value, row.drop.low, row.drop.high))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"
