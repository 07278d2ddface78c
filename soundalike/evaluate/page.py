"""The page of an evaluation: one HTML file that needs nothing beside it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from soundalike.errors import printable
from soundalike.evaluate.pictures import Mark, MarkKind, Strip, histogram, strips, tallest_bar
from soundalike.evaluate.records import Answer, LibraryEvaluation
from soundalike.evaluate.retrieval import FIGURES, RetrievalFigure
from soundalike.evaluate.words import (
    CANNOT_SAY,
    answer_words,
    baseline_words,
    left_out_words,
    untagged_words,
)
from soundalike.show.amounts import show_percent
from soundalike.show.html import Tile, bullets, element, page, paragraph, section, table, tiles

__all__ = ["evaluation_page"]

_LISTED = 50

_NAMES = {
    "precision": "precision",
    "r_precision": "R-precision",
    "average_precision": "MAP",
    "ndcg": "nDCG",
}

_LEGEND: dict[MarkKind, str] = {
    "main": "soundalike, with its 95 % interval",
    "other": "MFCC statistics",
    "chance": "chance",
    "best": "best possible",
}


def evaluation_page(evaluation: LibraryEvaluation) -> str:
    """The whole page as text."""
    return page(
        "How good are the neighbours?",
        _tiles(evaluation),
        _questions(evaluation),
        _baseline(evaluation),
        _hubs(evaluation),
        _copies(evaluation),
        _left_out(evaluation),
        section("What these figures cannot say", bullets(CANNOT_SAY)),
        lead=(
            f"{evaluation.n_tracks:,} tracks of {printable(evaluation.location)}, each compared "
            f"with all others by {evaluation.model}. A neighbour is one of the {evaluation.k} "
            "tracks that sound most alike."
        ),
        warning=untagged_words(evaluation) or "",
        footer=(
            f"soundalike evaluate, {evaluation.started:%d %B %Y %H:%M} UTC, seed "
            f"{evaluation.seed}, {evaluation.elapsed_s:.0f} s. Intervals: 95 %, bootstrap over "
            "queries; of shares of copies, Wilson's."
        ),
    )


def _tiles(evaluation: LibraryEvaluation) -> Element:
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
    return tiles(shown)


def _questions(evaluation: LibraryEvaluation) -> Element:
    k = evaluation.k
    measured = [answer for answer in evaluation.answers if answer.figures is not None]
    parts: list[Element] = [
        paragraph(
            f"Every track is asked for its {k} neighbours, and each neighbour is right or wrong "
            "by the tags and folders. Where an album has fewer than ",
            f"{k + 1} tracks, even a perfect order has wrong ones: the mark “best possible” says "
            "how far one could get.",
        )
    ]
    rows = [_strip(answer) for answer in measured]
    if rows:
        parts.append(
            strips(
                rows,
                [
                    (kind, words)
                    for kind, words in _LEGEND.items()
                    if any(mark.kind == kind for row in rows for mark in row.marks)
                ],
                description=f"Share of the {k} neighbours that are right.",
            )
        )
    parts.append(
        bullets(
            element(
                "span",
                element("b", answer.question),
                f": {answer_words(answer, k)}.",
            )
            for answer in evaluation.answers
        )
    )
    if measured:
        meanings = (
            element("span", element("b", answer.question), f". {answer.meaning}")
            for answer in measured
        )
        parts.append(_folded("What each question means", bullets(meanings)))
        parts.append(_folded("All figures", _figures_table(measured, k)))
    return section("Do neighbours belong together?", *parts)


def _strip(answer: Answer) -> Strip:
    assert answer.figures is not None
    figure = answer.figures.precision
    marks = [Mark("best", figure.best), Mark("chance", figure.chance)]
    # On a sample of the tracks the figures are others, and so are chance and the best possible.
    if answer.baseline is not None and answer.baseline.embedding == answer.figures:
        other = answer.baseline.mfcc.precision
        marks.append(Mark("other", other.value))
    marks.append(Mark("main", figure.value, figure.low, figure.high))
    return Strip(answer.question, show_percent(figure.value), tuple(marks))


def _figures_table(measured: list[Answer], k: int) -> Element:
    rows = []
    for answer in measured:
        assert answer.figures is not None
        for name in FIGURES:
            figure: RetrievalFigure = getattr(answer.figures, name)
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
                    f"{answer.figures.n_queries:,}" if name == FIGURES[0] else "",
                ]
            )
    return table(
        ["", "figure", "value", "95 %", "chance", "best", "corrected", "tracks asked"],
        rows,
        texts=2,
        caption=(
            "All figures, 0 to 1. R-precision looks as deep as there are right ones; MAP looks at "
            "the whole order; nDCG weighs the first places more. Corrected: the same after the "
            "correction for hubs by local scaling."
        ),
    )


def _baseline(evaluation: LibraryEvaluation) -> Element:
    compared = [answer for answer in evaluation.answers if answer.baseline is not None]
    if not compared:
        reasons = {each.baseline_reason for each in evaluation.answers if each.baseline_reason}
        why = "; ".join(sorted(reasons)) or "there is no figure to compare"
        return section("Beside a plain baseline", paragraph(f"Not measured: {why}."))
    rows = []
    for answer in compared:
        assert answer.baseline is not None
        own, mfcc, gain = (
            answer.baseline.embedding,
            answer.baseline.mfcc,
            answer.baseline.gain,
        )
        rows.append(
            [
                answer.question,
                baseline_words(answer.baseline),
                _three(own.precision.value),
                _three(mfcc.precision.value),
                _signed(gain.value),
                f"{_signed(gain.low)} to {_signed(gain.high)}",
                _three(own.average_precision.value),
                _three(mfcc.average_precision.value),
            ]
        )
    n = compared[0].baseline.n_tracks if compared[0].baseline else 0
    whole = " (all of them)" if n == evaluation.n_tracks else ", whole folders drawn at random"
    return section(
        "Beside a plain baseline",
        paragraph(
            "Mean and deviation of 20 MFCCs and of their changes: timbre without any learning, "
            f"the yardstick of this field for twenty years. Both ranked the same {n:,} tracks"
            f"{whole}.",
        ),
        table(
            [
                "",
                "in words",
                f"precision@{evaluation.k}",
                "of MFCCs",
                "gain",
                "95 %",
                "MAP",
                "of MFCCs",
            ],
            rows,
            texts=2,
            caption="Gain: precision of the embedding less that of the baseline, query by query.",
        ),
    )


def _hubs(evaluation: LibraryEvaluation) -> Element:
    name = "Hubs, and tracks that nobody reaches"
    if not evaluation.hubness:
        return section(name, paragraph(f"Not measured: {evaluation.hubness_reason}."))
    k = evaluation.k
    plain = evaluation.hubness[0]
    shown = evaluation.hubness[:2]
    n_values = max(len(each.occurrences) for each in shown)
    tallest = tallest_bar([each.occurrences for each in shown], n_values)
    return section(
        name,
        paragraph(
            f"With {k} neighbours a track, each track is a neighbour of {k} others on average. "
            "Some turn up everywhere without being alike (hubs), some never: no list of "
            f"neighbours ever shows them. Here “{plain.largest_hub.name}” is a neighbour of "
            f"{plain.largest_occurrences:,} tracks, and {show_percent(plain.antihub_share)} of the "
            "tracks are nobody's neighbour.",
        ),
        *(
            histogram(
                each.method,
                each.occurrences,
                n_values=n_values,
                tallest=tallest,
                unit="times somebody's neighbour",
                caption=f"number of tracks; skewness {each.skewness:.2f}",
            )
            for each in shown
        ),
        table(
            ["", "largest hub", "is neighbour of", "nobody reaches", "skewness"],
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
            caption="Skewness 0 is even; above 1, a few tracks crowd out the others. The "
            "corrections make nearness mutual (Schnitzer et al. 2012).",
        ),
    )


def _copies(evaluation: LibraryEvaluation) -> Element:
    name = "Does a changed copy find its track?"
    if not evaluation.robustness:
        return section(name, paragraph(f"Not measured: {evaluation.robustness_reason}."))
    k = evaluation.k
    return section(
        name,
        paragraph(
            f"Of {evaluation.robustness[0].n_tracks} tracks drawn at random, copies were made "
            "and changed, and each was the query. Guessing finds the track "
            f"{show_percent(evaluation.robustness[0].chance_first)} of the time.",
        ),
        strips(
            [
                Strip(
                    each.meaning,
                    show_percent(each.first.value),
                    (
                        Mark("other", each.within_k.value),
                        Mark("main", each.first.value, each.first.low, each.first.high),
                    ),
                )
                for each in evaluation.robustness
            ],
            [
                ("main", "its own track comes first, with the 95 % interval"),
                ("other", f"among the first {k}"),
            ],
            description="Share of the copies.",
        ),
        table(
            ["", "copies", "first", "95 %", f"among {k}", "median place", "similarity"],
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
        ),
    )


def _left_out(evaluation: LibraryEvaluation) -> Element:
    lines = left_out_words(evaluation)
    if not lines:
        return section("What is in no figure", paragraph("Nothing was left out."))
    files = [
        *([printable(each.path), f"{each.kind}: {each.reason}"] for each in evaluation.unreadable),
        *([printable(each.path), f"{each.kind}: {each.reason}"] for each in evaluation.failed),
        *([printable(each.path), "gone since the last scan"] for each in evaluation.missing),
    ]
    return section(
        "What is in no figure",
        bullets(lines),
        _listing(
            "Set aside",
            ["file", "because of", "", "similarity"],
            [
                [
                    printable(each.track.path),
                    printable(each.kept.path),
                    "exact copy" if each.kind == "copy" else "near-duplicate",
                    _three(each.similarity),
                ]
                for each in evaluation.duplicates
            ],
            texts=3,
        ),
        _listing("Not read", ["file", "reason"], files, texts=2),
    )


def _folded(summary: str, content: Element) -> Element:
    return element("details", element("summary", summary), content)


def _listing(name: str, headers: list[str], rows: list[list[str]], *, texts: int) -> Element | None:
    """A table that is folded up, with the first rows of many."""
    if not rows:
        return None
    more = f" (the first {_LISTED})" if len(rows) > _LISTED else ""
    return _folded(f"{name}: {len(rows):,}{more}", table(headers, rows[:_LISTED], texts=texts))


def _three(value: float) -> str:
    return f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"  # no -0.000
