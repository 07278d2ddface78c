"""``soundalike genre``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.output import Column, bar, bold, echo, note, print_json, print_table
from soundalike.cli.params import PATH, ExampleCommand, json_option, model_option
from soundalike.cli.views import analysis_json, genre_words, set_words
from soundalike.errors import AudioError, printable
from soundalike.models import DEFAULT_MODEL
from soundalike.show.amounts import show_count, show_percent
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["genre"]

_TAGS_SHOWN = 10


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike genre piece.flac", "every genre with its probability"),
        ("soundalike genre --timeline piece.flac", "and how it changes along the track"),
        ("soundalike genre --json *.mp3", "many files, as JSON"),
        ("soundalike genre --model musicnn piece.flac", "the tags of another model"),
    ),
)
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option("--timeline", is_flag=True, help="Also show how the genre changes along the track.")
@model_option
@json_option
@click.pass_context
def genre(
    ctx: click.Context, files: tuple[Path, ...], timeline: bool, model: str | None, as_json: bool
) -> None:
    """Tell the genre of audio files, and how sure that is.

    The probabilities are calibrated: of the tracks that get 80 % metal, about 80 % are metal, if
    they resemble the tracks that the model was trained on.

    The genre set contains the right genre for 9 of 10 such tracks. If it has more than three
    genres, or no genre has half of the probability, the answer is "unsure".

    A model with tags (musicnn) gives each tag an activation from 0 to 1. Several tags can apply,
    and activations are not probabilities.

    A file that cannot be analysed does not stop the others; the exit code is then 1.
    """
    from soundalike.analyzer import Analyzer

    analyzer = Analyzer(model or DEFAULT_MODEL)
    results: list[dict[str, Any]] = []
    failures: list[AudioError] = []
    for path in files:
        try:
            analysis = analyzer.from_file(path)
        except AudioError as error:
            failures.append(error)
            results.append({"path": path, "error": type(error).__name__, "reason": error.reason})
            continue
        if as_json:
            results.append({"path": path, **analysis_json(analysis, timeline=timeline)})
        else:
            _print(path, analysis, timeline=timeline)
    if as_json:
        print_json(results)
    for failure in failures:
        note(f"{type(failure).__name__}: {failure}\n  {failure.advice}")
    if failures:
        if len(files) > 1:
            note(f"{len(failures):,} of {show_count(len(files), 'file')} could not be analysed.")
        ctx.exit(1)


def _print(path: Path, analysis: Analysis, *, timeline: bool) -> None:
    echo(bold(printable(path)))
    echo(f"{genre_words(analysis)}  ({show_time(analysis.duration_s)}, {analysis.model})")
    are_tags = analysis.kind == "tags"
    if not are_tags:
        echo(set_words(analysis))
    for remark in analysis.notes:
        echo(f"note: {remark}")
    shown = list(analysis.genres.items())[: _TAGS_SHOWN if are_tags else None]
    print_table(
        [*_columns(analysis), Column("", drop=1)],
        [[label, _share(analysis, value), bar(value)] for label, value in shown],
    )
    if are_tags:
        note(
            f"The strongest of {len(analysis.labels)} tags. Activations are not probabilities: "
            "several tags can apply, and they do not add up to one."
        )
    if timeline:
        echo()
        _print_timeline(analysis)
    echo()


def _columns(analysis: Analysis) -> list[Column]:
    kind, value = ("tag", "activation") if analysis.kind == "tags" else ("genre", "probability")
    return [Column(kind), Column(value, justify="right")]


def _share(analysis: Analysis, value: float) -> str:
    return f"{value:.2f}" if analysis.kind == "tags" else show_percent(value)


def _print_timeline(analysis: Analysis) -> None:
    rows = []
    for start_s, probabilities in zip(
        analysis.excerpt_starts_s, analysis.excerpt_probabilities, strict=True
    ):
        first, second = (-probabilities).argsort(kind="stable")[:2]
        rows.append(
            [
                show_time(float(start_s)),
                analysis.labels[first],
                _share(analysis, float(probabilities[first])),
                bar(float(probabilities[first]), width=10),
                f"{analysis.labels[second]} {_share(analysis, float(probabilities[second]))}",
            ]
        )
    print_table(
        [
            Column("from", justify="right"),
            *_columns(analysis),
            Column("", drop=2),
            Column("or", drop=1),
        ],
        rows,
    )
