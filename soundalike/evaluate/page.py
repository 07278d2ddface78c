"""The page of an evaluation: the values for ``evaluation.html.jinja``."""

from __future__ import annotations

from collections.abc import Sequence

from soundalike.errors import printable
from soundalike.evaluate.pictures import Histogram, Mark, MarkKind, Strip, StripChart, histograms
from soundalike.evaluate.records import Answer, BaselineComparison, LibraryEvaluation
from soundalike.evaluate.retrieval import FIGURES, RetrievalFigure, RetrievalSummary
from soundalike.evaluate.words import (
    CANNOT_SAY,
    answer_words,
    baseline_words,
    left_out_words,
    untagged_words,
)
from soundalike.show.amounts import COPY_WORDS, show_percent
from soundalike.show.html import Table, Tile, render

__all__ = ["evaluation_page"]

_LISTED = 50

_NAMES = {
    "precision": "precision",
    "r_precision": "R-precision",
    "average_precision": "MAP",
    "ndcg": "nDCG",
}

_MARKS: dict[MarkKind, str] = {
    "main": "soundalike, with its 95 % interval",
    "other": "MFCC statistics",
    "chance": "chance",
    "best": "best possible",
}


def evaluation_page(evaluation: LibraryEvaluation) -> str:
    """The whole page as text."""
    measured = [
        (answer, answer.figures) for answer in evaluation.answers if answer.figures is not None
    ]
    compared = [
        (answer.question, answer.baseline)
        for answer in evaluation.answers
        if answer.baseline is not None
    ]
    reasons = {each.baseline_reason for each in evaluation.answers if each.baseline_reason}
    return render(
        "evaluation.html.jinja",
        evaluation=evaluation,
        location=printable(evaluation.location),
        warning=untagged_words(evaluation) or "",
        tiles=_tiles(evaluation),
        measured=[answer for answer, _ in measured],
        precisions=_precisions(measured, evaluation.k) if measured else None,
        answers=[(each.question, answer_words(each, evaluation.k)) for each in evaluation.answers],
        figures=_figures(measured, evaluation.k),
        baseline=_baseline(compared, evaluation.k) if compared else None,
        n_compared=compared[0][1].n_tracks if compared else 0,
        baseline_reason="; ".join(sorted(reasons)) or "there is no figure to compare",
        hub_pictures=_hub_pictures(evaluation) if evaluation.hubness else [],
        hubs=_hubs(evaluation),
        copies_picture=_copies_picture(evaluation),
        copies=_copies(evaluation),
        left_out=left_out_words(evaluation),
        listings=_listings(evaluation),
        cannot_say=CANNOT_SAY,
    )


def _tiles(evaluation: LibraryEvaluation) -> list[Tile]:
    shown = []
    for answer in evaluation.answers:
        if answer.figures is not None:
            figure = answer.figures.precision
            times = figure.value / figure.chance if figure.chance else 0.0
            shown.append(Tile(answer.question, show_percent(figure.value), f"{times:.1f} x chance"))
    if evaluation.hubness:
        share = evaluation.hubness[0].antihub_share
        shown.append(Tile("never recommended", show_percent(share), "of the tracks"))
    for each in evaluation.robustness:
        if each.name in ("excerpt", "mp3"):
            name = "10 s find their track" if each.name == "excerpt" else "MP3 finds its track"
            shown.append(Tile(name, show_percent(each.first.value), f"{each.n_tracks} tried"))
    return shown


def _precisions(measured: Sequence[tuple[Answer, RetrievalSummary]], k: int) -> StripChart:
    strips = []
    for answer, figures in measured:
        figure = figures.precision
        marks = [Mark("best", figure.best), Mark("chance", figure.chance)]
        # On a sample of the tracks the figures are others, and so are chance and the best possible.
        if answer.baseline is not None and answer.baseline.embedding == figures:
            marks.append(Mark("other", answer.baseline.mfcc.precision.value))
        marks.append(Mark("main", figure.value, figure.low, figure.high))
        strips.append(Strip(answer.question, show_percent(figure.value), tuple(marks)))
    return StripChart(tuple(strips), _MARKS, f"Share of the {k} neighbours that are right.")


def _figures(measured: Sequence[tuple[Answer, RetrievalSummary]], k: int) -> Table:
    rows = []
    for answer, figures in measured:
        for name in FIGURES:
            figure: RetrievalFigure = getattr(figures, name)
            corrected: RetrievalFigure = getattr(answer.corrected, name)
            at_k = f"@{k}" if name in ("precision", "ndcg") else ""
            rows.append(
                [
                    answer.question if name == FIGURES[0] else "",
                    _NAMES[name] + at_k,
                    _three(figure.value),
                    f"{_three(figure.low)} to {_three(figure.high)}",
                    _three(figure.chance),
                    _three(figure.best),
                    _three(corrected.value),
                    f"{figures.n_queries:,}" if name == FIGURES[0] else "",
                ]
            )
    return Table(
        ["", "figure", "value", "95 %", "chance", "best", "corrected", "tracks asked"],
        rows,
        texts=2,
        caption=(
            "All figures, 0 to 1. R-precision looks as deep as there are right ones; MAP looks at "
            "the whole order; nDCG weighs the first places more. Corrected: the same after the "
            "correction for hubs by local scaling."
        ),
    )


def _baseline(compared: Sequence[tuple[str, BaselineComparison]], k: int) -> Table:
    return Table(
        ["", "in words", f"precision@{k}", "of MFCCs", "gain", "95 %", "MAP", "of MFCCs"],
        [
            [
                question,
                baseline_words(baseline),
                _three(baseline.embedding.precision.value),
                _three(baseline.mfcc.precision.value),
                _signed(baseline.gain.value),
                f"{_signed(baseline.gain.low)} to {_signed(baseline.gain.high)}",
                _three(baseline.embedding.average_precision.value),
                _three(baseline.mfcc.average_precision.value),
            ]
            for question, baseline in compared
        ],
        texts=2,
        caption="Gain: precision of the embedding less that of the baseline, query by query.",
    )


def _hub_pictures(evaluation: LibraryEvaluation) -> list[Histogram]:
    shown = evaluation.hubness[:2]
    return histograms(
        [each.occurrences for each in shown],
        [each.method for each in shown],
        [f"number of tracks; skewness {each.skewness:.2f}" for each in shown],
        unit="times somebody's neighbour",
    )


def _hubs(evaluation: LibraryEvaluation) -> Table:
    return Table(
        ["", "largest hub", "in lists of", "never listed", "skewness"],
        [
            [
                each.method,
                each.largest_hub.name,
                f"{each.largest_occurrences:,}",
                show_percent(each.antihub_share),
                f"{each.skewness:.2f}",
            ]
            for each in evaluation.hubness
        ],
        texts=2,
        caption="Skewness 0 is even; above 1, a few tracks crowd out the others. The corrections "
        "make nearness mutual (Schnitzer et al. 2012).",
    )


def _copies_picture(evaluation: LibraryEvaluation) -> StripChart:
    strips = tuple(
        Strip(
            each.meaning,
            show_percent(each.first.value),
            (
                Mark("other", each.within_k.value),
                Mark("main", each.first.value, each.first.low, each.first.high),
            ),
        )
        for each in evaluation.robustness
    )
    meanings: dict[MarkKind, str] = {
        "main": "its own track comes first, with the 95 % interval",
        "other": f"among the first {evaluation.k}",
    }
    return StripChart(strips, meanings, "Share of the copies.")


def _copies(evaluation: LibraryEvaluation) -> Table:
    return Table(
        ["", "copies", "first", "95 %", f"among {evaluation.k}", "median place", "similarity"],
        [
            [
                each.meaning,
                str(each.n_tracks),
                show_percent(each.first.value),
                f"{show_percent(each.first.low)} to {show_percent(each.first.high)}",
                show_percent(each.within_k.value),
                f"{each.median_rank:g}",
                _three(each.mean_similarity),
            ]
            for each in evaluation.robustness
        ],
        caption="Similarity: mean cosine of a copy with its own track.",
    )


def _listings(evaluation: LibraryEvaluation) -> list[tuple[str, Table]]:
    """What is left out, file by file; the first of many."""
    set_aside = [
        [
            printable(each.track.path),
            printable(each.kept.path),
            COPY_WORDS[each.kind],
            _three(each.similarity),
        ]
        for each in evaluation.duplicates
    ]
    not_read = [
        *([printable(each.path), f"{each.kind}: {each.reason}"] for each in evaluation.unreadable),
        *([printable(each.path), f"{each.kind}: {each.reason}"] for each in evaluation.failed),
        *([printable(each.path), "gone since the last scan"] for each in evaluation.missing),
    ]
    tables = {
        "Set aside": Table(["file", "because of", "", "similarity"], set_aside, texts=3),
        "Not read": Table(["file", "reason"], not_read, texts=2),
    }
    listings = []
    for name, table in tables.items():
        n_rows = len(table.rows)
        if n_rows:
            more = f" (the first {_LISTED})" if n_rows > _LISTED else ""
            first = Table(table.headers, table.rows[:_LISTED], texts=table.texts)
            listings.append((f"{name}: {n_rows:,}{more}", first))
    return listings


def _three(value: float) -> str:
    return f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"  # no -0.000
