"""The page of ``soundalike reproduce paper``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import numpy as np

from soundalike.research.classification import Evaluation
from soundalike.research.report import QUICK_WARNING, show_interval
from soundalike.show import charts
from soundalike.show.html import (
    Tile,
    bullets,
    confusion_table,
    element,
    fields,
    figure,
    page,
    paragraph,
    section,
    table,
    tiles,
)
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from soundalike.research.reproduce.paper import SplitResult

__all__ = ["ASSUMED", "paper_page"]

ASSUMED = (
    "The paper speaks of 10,000 songs. GTZAN has 1,000 tracks of 30 s, of which one cannot be "
    "decoded; ten segments of 3 s each make 10,000, so segments are what we take it to mean.",
    "It says that 30 songs were trained on, and shows a matrix of hundreds. We take the matrix for "
    "one of test segments: with a tenth of all segments held out, ours counts 999.",
    "It gives a sample rate of 48,100 Hz in one place and 22,050 Hz in another. GTZAN is recorded "
    "at 22,050 Hz, which is used here.",
    "Its equation for softmax is not one. Softmax is exp(z_i) / sum_j exp(z_j); it and the "
    "cross-entropy are computed together from the logits z.",
    "It names five convolution + max-pool layers, dropout and five linear layers, but no sizes, "
    "dropout rate, learning rate or batch size. Ours stand in the config below; the learning rate "
    "was chosen on the validation side of the filtered split.",
    "The two networks of 25 and of 80 epochs are one: the weights after 25 of 80 epochs were kept. "
    "With a constant learning rate that is the same as a run that stops there.",
    "The cells of the paper's matrices are not at hand, only the accuracies that it states; none "
    "were made up.",
    "Frames are 77.6 ms apart instead of the usual 23 ms, since the whole collection is at hand "
    "only as frames: a segment is 128 mel bands by 38 frames, 2.95 s.",
)


def paper_page(
    results: Sequence[SplitResult],
    epochs: tuple[int, int],
    paper_accuracy: Mapping[int, float],
    lines: Sequence[str],
    *,
    quick: bool,
    command: str,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    results : splits (a), (b) and (c), each evaluated after both numbers of epochs.
    paper_accuracy : by epochs, as shares.
    """
    a, b, _ = results
    last = epochs[1]
    made = [
        Tile(f"the paper, {n} epochs", f"{100 * value:.2f} %")
        for n, value in paper_accuracy.items()
    ]
    for letter, result in (("a", a), ("b", b)):
        accuracy = result.by_segment[last].track_accuracy
        made.append(
            Tile(
                f"split ({letter}), {last} epochs",
                f"{100 * accuracy.value:.1f} %",
                f"95 %: {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}",
            )
        )
    parts = [
        element("div", tiles(made)),
        section("In short", bullets(lines)),
        section("Accuracy", _accuracies(results, epochs), _explained(results)),
        section("Learning curves", _curves(results)),
    ]
    for n, number in zip(epochs, (7, 8), strict=True):
        stated = list(paper_accuracy.values())[number - 7]
        parts.append(
            section(
                f"Confusion after {n} epochs",
                paragraph(
                    f"Figure {number} of the paper states {100 * stated:.2f} %; its cells are not "
                    f"at hand. Ours, on test segments:"
                ),
                *(
                    element(
                        "div",
                        element("h3", f"{result.name}: {_share(result.by_segment[n])}"),
                        confusion_table(
                            result.by_segment[n].confusion,
                            result.by_segment[n].labels,
                            items="segments",
                        ),
                    )
                    for result in (a, b)
                ),
            )
        )
    parts += [
        section(
            f"What changed between {epochs[0]} and {last} epochs",
            *(_changes(result, epochs) for result in (a, b)),
        ),
        section("What was assumed", bullets(ASSUMED)),
        section("Command", paragraph(element("code", command))),
        section("Config", fields(b.run.config)),
        section("Environment", fields(b.run.environment)),
    ]
    total = show_duration(sum(result.run.duration_s for result in results))
    return page(
        "The CNN of the paper on GTZAN",
        *parts,
        lead=f"Five convolutions, five linear layers, {b.run.n_parameters:,} parameters, SGD with "
        f"momentum. Three runs of {last} epochs, {total} of training.",
        warning=QUICK_WARNING if quick else "",
        footer=f"{a.run.started}. Intervals: 95 %, bootstrap over tracks.",
    )


def _share(evaluation: Evaluation) -> str:
    return show_interval(evaluation.track_accuracy)


def _accuracies(results: Sequence[SplitResult], epochs: tuple[int, int]) -> Element:
    rows = [
        [
            f"{result.name}, {n} epochs",
            _share(result.by_segment[n]),
            # By track only where whole tracks are tested.
            "" if result.n_shared else _share(result.by_track[n]),
            f"{100 * result.by_segment[n].macro_f1.value:.1f} %",
        ]
        for result in results
        for n in epochs
    ]
    sizes = [
        [
            result.name,
            f"{result.sizes['train']:,}",
            f"{result.sizes['test']:,}",
            f"{100 * result.n_shared / result.sizes['test']:.0f} %",
        ]
        for result in results
    ]
    return element(
        "div",
        table(["split", "test segments right", "test tracks right", "macro-F1"], rows),
        table(
            ["split", "segments trained on", "tested on", "of a trained track"],
            sizes,
            caption="Of a trained track: test segments whose own track was trained on.",
        ),
    )


def _explained(results: Sequence[SplitResult]) -> Element:
    return bullets(
        [
            "(a) deals 3 s segments out at random, as the paper seems to: other segments of the "
            "same recording are in training, so that recognising the recording is enough.",
            "(b) keeps every track and artist on one side and leaves repeats out: music that the "
            "network has never met.",
            "(c) takes the tracks of (b) and as many segments on each side as (b), dealt out at "
            "random as in (a). What (c) is better by than (b) is what the leak is worth; (a) also "
            "trains on more segments.",
        ]
    )


def _curves(results: Sequence[SplitResult]) -> Element:
    lines = []
    for result in results:
        known = [(one.epoch, one.valid_accuracy) for one in result.run.curve]
        points = [(epoch, value) for epoch, value in known if value is not None]
        lines.append(charts.Curve(result.name, *map(list, zip(*points, strict=True))))

    def draw(drawn: Figure, _theme: charts.Theme) -> None:
        charts.draw_lines(
            drawn.subplots(), lines, x_label="epoch", y_label="segments right, %", percent=True
        )

    ends = "; ".join(f"{line.name} {100 * line.y[-1]:.1f} %" for line in lines)
    return figure(
        charts.picture(draw, f"accuracy on validation segments: {ends}", width_in=6.0),
        "On the validation segments of each split, of which (a) and (c) leak as their test side.",
    )


def _changes(result: SplitResult, epochs: tuple[int, int]) -> Element:
    """Recall by genre and the confusions that moved most."""
    before, after = (result.by_segment[n] for n in epochs)
    rows = [
        [
            old.label,
            old.n_tracks,
            f"{100 * old.recall:.0f} %",
            f"{100 * new.recall:.0f} %",
            f"{100 * (new.recall - old.recall):+.0f}",
        ]
        for old, new in zip(before.scores, after.scores, strict=True)
    ]
    moved = after.confusion - before.confusion
    np.fill_diagonal(moved, 0)
    order = np.argsort(-np.abs(moved), axis=None, kind="stable")[:4]
    pairs = [np.unravel_index(place, moved.shape) for place in order]
    told = [
        f"{after.labels[i]} taken for {after.labels[j]}: {before.confusion[i, j]} to "
        f"{after.confusion[i, j]} segments"
        for i, j in pairs
        if moved[i, j]
    ]
    headers = ["genre", "segments", *(f"recall, {n} epochs" for n in epochs), "points"]
    return element(
        "div", element("h3", result.name), table(headers, rows), bullets(told) if told else None
    )
