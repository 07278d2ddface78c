"""``soundalike evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.app import INTERRUPTED
from soundalike.cli.output import (
    Column,
    bold,
    echo,
    note,
    print_json,
    print_table,
)
from soundalike.cli.params import (
    ExampleCommand,
    check_output,
    jobs_option,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import evaluation_progress
from soundalike.errors import printable
from soundalike.files import write_file
from soundalike.show.amounts import show_count, show_percent
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from soundalike.evaluate.records import LibraryEvaluation

__all__ = ["evaluate"]

# The defaults of evaluate_library, which is not imported before it is needed; a test compares.
_ROBUSTNESS_TRACKS = 20
_BASELINE_TRACKS = 500
_LISTED = 5


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike evaluate", "the library's figures; it says how long they take"),
        ("soundalike evaluate --html neighbours.html", "also write a page with pictures"),
        ("soundalike evaluate --no-baseline --no-robustness", "from the library alone: seconds"),
        ("soundalike evaluate -k 5 --sample 100 --json", "as JSON"),
    ),
)
@click.option(
    "-k",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many neighbours count.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write one page with pictures.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=_ROBUSTNESS_TRACKS,
    show_default=True,
    metavar="N",
    help="How many tracks to make changed copies of.",
)
@click.option("--no-robustness", is_flag=True, help="Do not test changed copies.")
@click.option(
    "--baseline-sample",
    type=click.IntRange(min=0),
    default=_BASELINE_TRACKS,
    show_default=True,
    metavar="N",
    help="How many tracks to decode for the baseline, at most.",
)
@click.option(
    "--no-baseline", is_flag=True, help="Do not compute the baseline, which has to decode files."
)
@click.option("--seed", default=0, show_default=True, metavar="N", help="Random seed.")
@jobs_option
@model_option
@library_option
@json_option
@click.pass_context
def evaluate(
    ctx: click.Context,
    k: int,
    html: Path | None,
    sample: int,
    no_robustness: bool,
    baseline_sample: int,
    no_baseline: bool,
    seed: int,
    jobs: int | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Measure how good the neighbours in your library are.

    Tags and folders tell what belongs together: are a track's neighbours from the same album, by
    the same artist, of the same genre? Each figure comes with its interval, with chance, and with
    a plain baseline (statistics of MFCCs) on the same tracks. Also: which tracks turn up
    everywhere, and which never? Do changed copies of a track find it?

    The baseline and the changed copies take long, because files are decoded for them; it says how
    long. What is decoded is kept beside the library, so that the next run need not do it again, and
    Ctrl-C prints what is measured by then. Nothing is written to the library itself.

    The exit code is 1 if a file could not be read, 130 after Ctrl-C.
    """
    from soundalike.evaluate.neighbours import evaluate_library
    from soundalike.library import Library

    if html is not None:
        check_output(html, "a page")
    with Library(library, model=model, create=False) as opened, evaluation_progress() as progress:
        evaluation = evaluate_library(
            opened,
            k=k,
            seed=seed,
            baseline_tracks=0 if no_baseline else baseline_sample,
            robustness_tracks=0 if no_robustness else sample,
            jobs=jobs,
            progress=progress,
        )
    if html is not None:
        from soundalike.evaluate.page import evaluation_page

        write_file(html, evaluation_page(evaluation))
    if as_json:
        from soundalike.evaluate.words import evaluation_document

        print_json(evaluation_document(evaluation))
    else:
        _print(evaluation)
    if html is not None:
        note(f"page: {printable(html)}")
    if evaluation.interrupted is not None:
        note("Stopped. Nothing is lost: run the same command again to go on from there.")
        ctx.exit(INTERRUPTED)
    ctx.exit(1 if evaluation.unreadable else 0)


def _print(evaluation: LibraryEvaluation) -> None:
    from soundalike.evaluate.words import CANNOT_SAY, left_out_words, untagged_words

    echo(
        f"{show_count(evaluation.n_tracks, 'track')}, {evaluation.model}, "
        f"{show_count(evaluation.k, 'neighbour')} each, "
        f"in {show_duration(evaluation.elapsed_s, on_a_clock=True)}"
    )
    if evaluation.interrupted is not None:
        echo(evaluation.interrupted)
    for line in left_out_words(evaluation):
        echo(f"left out: {line}")
    for refused in evaluation.unreadable[:_LISTED]:
        echo(f"  {printable(refused.path)}: {refused.reason}")
    if len(evaluation.unreadable) > _LISTED:
        echo(f"  ... and {len(evaluation.unreadable) - _LISTED:,} more")
    echo()
    untagged = untagged_words(evaluation)
    if untagged:
        echo(untagged)
        echo()
    _print_answers(evaluation)
    _print_hubs(evaluation)
    _print_copies(evaluation)
    note("What these figures cannot say:")
    for words in CANNOT_SAY:
        note(f"  {words}")


def _print_answers(evaluation: LibraryEvaluation) -> None:
    from soundalike.evaluate.words import answer_words, baseline_words

    k = evaluation.k
    _heading("Do neighbours belong together?")
    rows = []
    for answer in evaluation.answers:
        figures, baseline = answer.figures, answer.baseline
        if figures is None:
            continue
        p = figures.precision
        rows.append(
            [
                answer.question,
                f"{p.value:.3f}",
                f"{p.low:.3f} - {p.high:.3f}",
                f"{p.chance:.3f}",
                f"{p.best:.3f}",
                f"{baseline.mfcc.precision.value:.3f}" if baseline else "",
                f"{baseline.gain.value:+.3f}" if baseline else "",
                f"{figures.r_precision.value:.3f}",
                f"{figures.average_precision.value:.3f}",
                f"{figures.ndcg.value:.3f}",
                f"{figures.n_queries:,}",
            ]
        )
    if rows:
        print_table(
            [
                Column("", min_width=14),
                Column(f"P@{k}", "right"),
                Column("95 %", "right", drop=1),
                Column("chance", "right"),
                Column("best", "right", drop=4),
                Column("MFCC", "right"),
                Column("gain", "right", drop=3),
                Column("R-prec", "right", drop=5),
                Column("MAP", "right", drop=2),
                Column(f"nDCG@{k}", "right", drop=5),
                Column("tracks", "right", drop=6),
            ],
            rows,
        )
    for answer in evaluation.answers:
        words = answer_words(answer, k)
        if answer.baseline is not None:
            words += f"; {baseline_words(answer.baseline)}"
        echo(f"  {answer.question}: {words}")
    reasons = {each.baseline_reason for each in evaluation.answers if each.baseline_reason}
    for reason in sorted(reasons):
        echo(f"  baseline: {reason}")
    sizes = {each.baseline.n_tracks for each in evaluation.answers if each.baseline}
    for size in sizes - {evaluation.n_tracks}:
        echo(f"  MFCC and gain: on {size:,} tracks, drawn at random by whole folders")
    echo()


def _print_hubs(evaluation: LibraryEvaluation) -> None:
    _heading("Hubs")
    if not evaluation.hubness:
        echo(f"  not measured: {evaluation.hubness_reason}")
        echo()
        return
    print_table(
        [
            Column("", min_width=12),
            Column("skewness", "right"),
            Column("never listed", "right"),
            Column("in lists of", "right"),
            Column("largest hub", min_width=12),
        ],
        [
            [
                each.method,
                f"{each.skewness:.2f}",
                show_percent(each.antihub_share),
                f"{each.largest_occurrences:,}",
                each.largest_hub.name,
            ]
            for each in evaluation.hubness
        ],
    )
    echo()


def _print_copies(evaluation: LibraryEvaluation) -> None:
    _heading("Does a changed copy find its track?")
    if not evaluation.robustness:
        echo(f"  not measured: {evaluation.robustness_reason}")
        echo()
        return
    print_table(
        [
            Column("", min_width=14),
            Column("comes first", "right"),
            Column("95 %", "right", drop=1),
            Column(f"among {evaluation.k}", "right"),
            Column("similarity", "right", drop=2),
            Column("copies", "right", drop=3),
        ],
        [
            [
                each.meaning,
                show_percent(each.first.value),
                f"{show_percent(each.first.low)} - {show_percent(each.first.high)}",
                show_percent(each.within_k.value),
                f"{each.mean_similarity:.3f}",
                str(each.n_tracks),
            ]
            for each in evaluation.robustness
        ],
    )
    echo()


def _heading(text: str) -> None:
    echo(bold(text))
