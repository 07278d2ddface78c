"""The page of ``soundalike reproduce paper``: the values for ``paper.html.jinja``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from soundalike.research.classification import Evaluation
from soundalike.research.report import QUICK_WARNING, accuracy_tile, show_interval
from soundalike.research.reproduce.paper_results import SplitResult
from soundalike.show import charts
from soundalike.show.html import Picture, Table, Tile, render
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["paper_page"]


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
    return render(
        "paper.html.jinja",
        warning=QUICK_WARNING if quick else "",
        run=b.run,
        started=a.run.started,
        epochs=epochs,
        training_time=show_duration(sum(result.run.duration_s for result in results)),
        tiles=[
            *(
                Tile(f"the paper, {n} epochs", f"{100 * value:.2f} %")
                for n, value in paper_accuracy.items()
            ),
            *(
                accuracy_tile(
                    f"split ({letter}), {last} epochs", result.by_segment[last].track_accuracy
                )
                for letter, result in (("a", a), ("b", b))
            ),
        ],
        lines=lines,
        accuracies=_accuracies(results, epochs),
        sizes=_sizes(results),
        curves=_curves(results),
        confusions=[
            (
                n,
                f"{100 * stated:.2f} %",
                [
                    (f"{result.name}: {_share(result.by_segment[n])}", result.by_segment[n])
                    for result in (a, b)
                ],
            )
            for n, stated in zip(epochs, paper_accuracy.values(), strict=True)
        ],
        changes=[
            (result.name, _recalls(result, epochs), _moved(result, epochs)) for result in (a, b)
        ],
        command=command,
    )


def _share(evaluation: Evaluation) -> str:
    return show_interval(evaluation.track_accuracy)


def _accuracies(results: Sequence[SplitResult], epochs: tuple[int, int]) -> Table:
    return Table(
        ["split", "test segments right", "test tracks right", "macro-F1"],
        [
            [
                f"{result.name}, {n} epochs",
                _share(result.by_segment[n]),
                # By track only where whole tracks are tested.
                "" if result.n_shared else _share(result.by_track[n]),
                f"{100 * result.by_segment[n].macro_f1.value:.1f} %",
            ]
            for result in results
            for n in epochs
        ],
    )


def _sizes(results: Sequence[SplitResult]) -> Table:
    return Table(
        ["split", "segments trained on", "tested on", "of a trained track"],
        [
            [
                result.name,
                f"{result.sizes['train']:,}",
                f"{result.sizes['test']:,}",
                f"{100 * result.n_shared / result.sizes['test']:.0f} %",
            ]
            for result in results
        ],
        caption="Of a trained track: test segments whose own track was trained on.",
    )


def _curves(results: Sequence[SplitResult]) -> Picture:
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
    return charts.picture(draw, f"accuracy on validation segments: {ends}", width_in=6.0)


def _recalls(result: SplitResult, epochs: tuple[int, int]) -> Table:
    """Recall by genre, before and after."""
    before, after = (result.by_segment[n] for n in epochs)
    return Table(
        ["genre", "segments", *(f"recall, {n} epochs" for n in epochs), "points"],
        [
            [
                old.label,
                old.n_tracks,
                f"{100 * old.recall:.0f} %",
                f"{100 * new.recall:.0f} %",
                f"{100 * (new.recall - old.recall):+.0f}",
            ]
            for old, new in zip(before.scores, after.scores, strict=True)
        ],
    )


def _moved(result: SplitResult, epochs: tuple[int, int]) -> list[str]:
    """The confusions that changed most."""
    before, after = (result.by_segment[n] for n in epochs)
    moved = after.confusion - before.confusion
    np.fill_diagonal(moved, 0)
    order = np.argsort(-np.abs(moved), axis=None, kind="stable")[:4]
    pairs = [np.unravel_index(place, moved.shape) for place in order]
    return [
        f"{after.labels[i]} taken for {after.labels[j]}: {before.confusion[i, j]} to "
        f"{after.confusion[i, j]} segments"
        for i, j in pairs
        if moved[i, j]
    ]
