"""The page on how models hold out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from soundalike.research.report import QUICK_WARNING, show_interval
from soundalike.show import charts
from soundalike.show.charts import Bar
from soundalike.show.html import bullets, code, fields, figure, page, paragraph, section, table
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from soundalike.research.reproduce.stress import Row, StressResult

__all__ = ["Circumstances", "in_short", "stress_page"]

_SIDES = {
    "train": "trained on",
    "valid": "validation: not trained on, but looked at when settings were chosen",
    "test": "test: never looked at",
    "none": "left out of the split (a repeat, a wrong label, an artist of the other side)",
}


@dataclass(frozen=True)
class Circumstances:
    """How an experiment was run.

    Attributes
    ----------
    command : what was typed.
    started : ISO 8601.
    duration_s : seconds.
    environment : versions and machine.
    """

    command: str
    started: str
    duration_s: float
    seed: int
    quick: bool
    environment: Mapping[str, str]


def in_short(result: StressResult) -> tuple[str, ...]:
    """The findings in a few sentences: figures, and which drops are beyond chance."""
    lines = []
    for measured in result.measured:
        rows = [row for row in result.rows if row.model == measured.model]
        group = rows[0].group
        rows = [row for row in rows if row.group == group]
        unchanged, changed = rows[0], rows[1:]
        lines.append(
            f"{measured.model}: accuracy {show_interval(unchanged.accuracy)} on the "
            f"{unchanged.n_clips} clips of the group {group!r} as they are."
        )
        real = sorted((row for row in changed if row.drop.low > 0), key=lambda row: -row.drop.value)
        named = ", ".join(f"{row.perturbation} ({100 * row.drop.value:.0f} points)" for row in real)
        lines.append(
            f"Drops whose interval excludes 0: {named or 'none'} "
            f"({len(real)} of {len(changed)} changes)."
        )
        worst = min(changed, key=lambda row: row.cosine)
        lost = min(changed, key=lambda row: row.finds_itself)
        lines.append(
            f"The embedding moves most under {worst.perturbation} (mean cosine "
            f"{worst.cosine:.2f}); a clip finds its own track least often under "
            f"{lost.perturbation} ({100 * lost.finds_itself:.0f} %)."
        )
    return tuple(lines)


def stress_page(result: StressResult, circumstances: Circumstances) -> str:
    """The whole page."""
    sides = Counter(clip.side for clip in result.clips)
    held_out = [row for row in result.rows if row.group == "held out"]
    everything = [row for row in result.rows if row.group == "all"]
    parts = [section("In short", bullets(in_short(result)))]
    if held_out:
        genres = Counter(clip.genre for clip in result.clips if clip.side in ("valid", "test"))
        missing = sorted({clip.genre for clip in result.clips} - set(genres))
        parts.append(
            section(
                "Clips that were not trained on",
                paragraph(
                    f"{held_out[0].n_clips} clips: "
                    + ", ".join(f"{count} {genre}" for genre, count in sorted(genres.items()))
                    + (f"; none of {', '.join(missing)}" if missing else "")
                    + ". These are the figures that count; with so few clips the intervals are "
                    "wide, and genres are not evenly among them."
                ),
                _drops(held_out),
                *_tables(held_out),
            )
        )
    parts.append(
        section(
            "All clips",
            paragraph(
                "With those that the models were trained on: accuracies are too high here, and "
                "what a change does may look smaller or larger than on music that is new."
            ),
            *([] if held_out else [_drops(everything)]),
            *_tables(everything),
        )
    )
    parts += _about(result, sides, circumstances)
    n_changes = len(result.perturbations)
    return page(
        "Stress: what changed sound does to the models",
        *parts,
        lead=f"{len(result.clips)} real recordings of GTZAN, each changed in {n_changes} ways.",
        warning=QUICK_WARNING if circumstances.quick else "",
        footer=f"{circumstances.started}. Intervals: 95 %, bootstrap over clips.",
    )


def _drops(rows: Sequence[Row]) -> Element:
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
    return figure(
        charts.picture(
            draw, f"accuracy lost, points: {described}", width_in=5.6, height_in=1 + 0.24 * n_lines
        ),
        "Points: accuracy lost by each change, compared clip by clip; lines: 95 % intervals. "
        "Right of 0 is worse. Of so many intervals, about one in twenty misses its truth.",
    )


def _tables(rows: Sequence[Row]) -> list[Element]:
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
            table(
                ["change", "accuracy", "lost, points", "cosine", "lowest", "finds itself"],
                cells,
                caption=f"{model}, {mine[0].n_clips} clips",
            )
        )
    return made


def _points(row: Row) -> str:
    value, low, high = (100 * x + 0.0 for x in (row.drop.value, row.drop.low, row.drop.high))
    return f"{value:.1f} ({low:.1f} to {high:.1f})"


def _about(
    result: StressResult, sides: Counter[str], circumstances: Circumstances
) -> list[Element]:
    notes = [
        "Clips of 15 to 30 s at 22,050 Hz. Where a track is there in full and as a shorter clip, "
        "the full one is used, and each track once.",
        "Gain is followed by clipping at full scale. Tilt turns the spectrum around 1 kHz, from "
        "60 Hz to 10 kHz, at the same RMS. Noise is white. Pitch and tempo are changed by "
        "FFmpeg's atempo, which leaves artefacts of its own. MP3 is mono, by LAME.",
        "Cosine: of the embedding to that of the clip as it is; lowest: of the clip that moved "
        "furthest. Finds itself: the share of the changed clips whose own track is the nearest "
        "of all clips as they are.",
        "The split is the fault-filtered one, which the models here are trained on. A model "
        "that comes from elsewhere may have been trained on any of the clips.",
        "Embeddings of training runs have the mean of the clips taken off; models that are "
        "installed bring their own.",
    ]
    notes += [f"Left out, since it cannot be read: {reason}" for reason in result.left_out]
    about = {
        "started": circumstances.started,
        "duration": show_duration(circumstances.duration_s),
        "seed": circumstances.seed,
        **circumstances.environment,
    }
    return [
        section("What was done", bullets(notes)),
        section(
            "Recordings",
            table(
                ["side of the split", "clips"],
                [[_SIDES[side], sides[side]] for side in _SIDES if sides[side]],
            ),
        ),
        section("How it was run", code(circumstances.command), fields(about)),
    ]
