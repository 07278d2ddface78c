"""The page of ``soundalike reproduce cifar10``: the values for ``cifar10.html.jinja``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.research.datasets.cifar10 import CLASSES, Cifar10
from soundalike.research.report import QUICK_WARNING, RunSummary, accuracy_tile
from soundalike.research.tasks import Predictions
from soundalike.show import charts
from soundalike.show.html import Picture, Table, Tile, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cifar10_page"]

_GRID = 6


def cifar10_page(
    images: Cifar10,
    plain: RunSummary,
    tuned: RunSummary,
    predictions: Predictions,
    lines: Sequence[str],
    paper_accuracy: float,
    *,
    quick: bool,
    command: str,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    predictions : of the tuned network, on the test images.
    lines : the findings.
    paper_accuracy : as a share.
    """
    runs = {"plain": plain, "tuned": tuned}
    tests = {name: run.evaluations["test"] for name, run in runs.items()}
    return render(
        "cifar10.html.jinja",
        warning=QUICK_WARNING if quick else "",
        plain=plain,
        tests=tests,
        tiles=[
            Tile("the paper, 10 epochs", f"{100 * paper_accuracy:.0f} %"),
            *(
                accuracy_tile(f"{name}, {run.config['epochs']} epochs", tests[name].track_accuracy)
                for name, run in runs.items()
            ),
        ],
        lines=lines,
        grid=_grid(images, predictions),
        curves=_curves(runs, paper_accuracy),
        differing=_differing(plain.config, tuned.config),
        is_jpeg=images.source.suffix == ".zip",
        notes=images.notes,
        command=command,
    )


def _differing(plain: Mapping[str, Any], tuned: Mapping[str, Any]) -> Table:
    """The settings in which the recipes differ."""
    return Table(
        ["setting", "plain", "tuned"],
        [
            [name, _words(plain[name]), _words(tuned[name])]
            for name in plain
            if plain[name] != tuned[name] and name != "name"
        ],
        texts=3,
    )


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _grid(images: Cifar10, predictions: Predictions) -> Picture:
    """A square of test images with predicted and true class."""
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(predictions.labels))[: _GRID * _GRID]
    predicted = predictions.probabilities.argmax(axis=1)

    def draw(drawn: Figure, theme: charts.Theme) -> None:
        for axes, row in zip(drawn.subplots(_GRID, _GRID).flat, rows.tolist(), strict=False):
            axes.imshow(images.test_images[row].transpose(1, 2, 0), interpolation="nearest")
            guess, truth = int(predicted[row]), int(predictions.labels[row])
            title = f"{CLASSES[guess]} {100 * predictions.probabilities[row, guess]:.0f} %"
            if guess != truth:
                title += f"\nis {CLASSES[truth]}"
            axes.set_title(
                title,
                fontsize=7.5,
                loc="center",
                fontweight="normal" if guess == truth else "bold",
                color=theme.ink if guess == truth else theme.colours[1],
            )
            axes.axis("off")

    right = int((predicted[rows] == predictions.labels[rows]).sum())
    return charts.picture(
        draw,
        f"{len(rows)} test images with predicted and true class; {right} are right",
        width_in=6.4,
        height_in=7.2,
    )


def _curves(runs: Mapping[str, RunSummary], paper_accuracy: float) -> Picture:
    lines = [
        charts.Curve(
            f"{name}, validation",
            [epoch.epoch for epoch in run.curve if epoch.valid_accuracy is not None],
            [epoch.valid_accuracy for epoch in run.curve if epoch.valid_accuracy is not None],
        )
        for name, run in runs.items()
    ]

    def draw(drawn: Figure, theme: charts.Theme) -> None:
        axes = drawn.subplots()
        charts.draw_lines(axes, lines, x_label="epoch", y_label="accuracy, %", percent=True)
        axes.axhline(100 * paper_accuracy, color=theme.soft, linestyle="--", linewidth=1)
        axes.annotate(
            "the paper",
            (0.99, 100 * paper_accuracy),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=theme.soft,
            fontsize=8,
        )

    ends = "; ".join(f"{line.name} {100 * line.y[-1]:.1f} %" for line in lines)
    return charts.picture(draw, f"accuracy by epoch: {ends}", width_in=5.6)
