"""``soundalike genre``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.output import (
    Column,
    bar,
    bold,
    echo,
    note,
    print_fields,
    print_json,
    print_table,
)
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import decoding
from soundalike.cli.tracks import known_or_file
from soundalike.cli.views import genre_words, music_words, set_words
from soundalike.errors import AudioError, printable
from soundalike.show.amounts import show_count, show_percent
from soundalike.show.documents import analysis_document
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.analyzer import Analyzer

__all__ = ["genre"]

_TAGS_SHOWN = 10


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike genre piece.flac", "every genre with its probability"),
        ("soundalike genre --timeline piece.flac", "and how it changes along the track"),
        ("soundalike genre 17", "a track of the library, by its id; nothing is decoded"),
        ("soundalike genre --json *.mp3", "many files, as JSON"),
        ("soundalike genre --model musicnn piece.flac", "the tags of another model"),
    ),
)
@click.argument("tracks", nargs=-1, required=True, metavar="TRACK...")
@click.option("--timeline", is_flag=True, help="Also show how the genre changes along the track.")
@click.option("-v", "--verbose", is_flag=True, help="Also show the genre set, and each excerpt.")
@model_option
@library_option
@json_option
@click.pass_context
def genre(
    ctx: click.Context,
    tracks: tuple[str, ...],
    timeline: bool,
    verbose: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Tell the genre of audio files, and how sure that is.

    TRACK is an audio file, or a track of the library: its id, or words from artist and title. What
    the library knows is not decoded again.

    The probabilities are calibrated: of the tracks that get 80 % metal, about 80 % are metal, if
    they resemble the tracks that the model was trained on. The answer is "probably" if more than
    three genres are possible, and "unsure" if none has half of the probability, or if the sound is
    unlike any music that the model knows: noise, speech, or rare music.

    The genre set (--verbose, --json) contains the right genre for 9 of 10 tracks. The timeline
    shows what lasts: a genre has to hold for most of 50 s.

    A model with tags (musicnn) gives each tag an activation from 0 to 1. Several tags can apply,
    and activations are not probabilities.

    A file that cannot be analysed does not stop the others; the exit code is then 1.
    """
    meant = known_or_file(tracks, library, model)
    results: list[dict[str, Any]] = []
    failures: list[AudioError] = []
    load = cache(lambda: _analyzer(model))
    with decoding() as progress:
        for number, each in enumerate(meant):
            analysis = each.analysis
            if analysis is None:
                progress.at(f"decoding {printable(each.path.name)}", number, len(meant))
                try:
                    analysis = load().from_file(each.path)
                except AudioError as error:
                    failures.append(error)
                    reason = {"error": type(error).__name__, "reason": error.reason}
                    results.append({"path": each.path, **reason})
                    continue
                finally:
                    progress.hide()
            if as_json:
                known = {"path": each.path, "track_id": each.track_id}
                results.append(known | analysis_document(analysis, timeline=timeline))
            else:
                _print(each.path, analysis, timeline=timeline, verbose=verbose)
    if as_json:
        print_json(results)
    for failure in failures:
        note(f"{type(failure).__name__}: {failure}\n  {failure.advice}")
    if failures:
        if len(meant) > 1:
            note(f"{len(failures):,} of {show_count(len(meant), 'file')} could not be analysed.")
        ctx.exit(1)


def _analyzer(model: str | None) -> Analyzer:
    from soundalike.analyzer import Analyzer
    from soundalike.models import DEFAULT_MODEL

    return Analyzer(model or DEFAULT_MODEL)


def _print(path: Path, analysis: Analysis, *, timeline: bool, verbose: bool) -> None:
    echo(bold(printable(path)))
    echo(f"{genre_words(analysis)}  ({show_time(analysis.duration_s)}, {analysis.model})")
    are_tags = analysis.kind == "tags"
    if verbose and not are_tags:
        echo(set_words(analysis))
    print_fields(music_words(analysis))
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
        if verbose:
            echo()
            _print_excerpts(analysis)
    echo()


def _columns(analysis: Analysis) -> list[Column]:
    kind, value = ("tag", "activation") if analysis.kind == "tags" else ("genre", "probability")
    return [Column(kind), Column(value, justify="right")]


def _share(analysis: Analysis, value: float) -> str:
    return f"{value:.2f}" if analysis.kind == "tags" else show_percent(value)


def _print_timeline(analysis: Analysis) -> None:
    stretches = analysis.timeline()
    print_table(
        [Column("from", justify="right"), Column("to", justify="right"), *_columns(analysis)],
        [
            [
                show_time(each.start_s),
                show_time(each.end_s),
                each.label,
                _share(analysis, each.probability),
            ]
            for each in stretches
        ],
    )
    if len(stretches) == 1 and analysis.kind == "genres":
        note("One genre is ahead all along.")


def _print_excerpts(analysis: Analysis) -> None:
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
