"""``soundalike reproduce cifar10``: the paper's demonstration, and what the same network can do."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.files import write_file
from soundalike.research.config import TrainConfig
from soundalike.research.datasets.cifar10 import CLASSES, Cifar10
from soundalike.research.datasets.training import load_for
from soundalike.research.report import QUICK_WARNING, RunSummary, show_interval
from soundalike.research.reproduce import Outcome
from soundalike.research.reproduce.series import PlannedRun, Progress, run_all
from soundalike.research.runs import read_predictions
from soundalike.research.tasks import ImageAugment
from soundalike.show import charts
from soundalike.show.html import (
    Picture,
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

__all__ = ["PAPER_ACCURACY", "PLAIN", "TUNED", "reproduce"]

PAPER_ACCURACY: Final = 0.62
"""After 10 epochs, as the paper has it."""

PLAIN: Final = TrainConfig(
    name="cifar-cnn, plain",
    network="cifar-cnn",
    epochs=10,
    crops_per_track=1,
    batch_size=64,
    optimizer="sgd",
    learning_rate=0.01,
    schedule="constant",
    momentum=0.9,
    weight_decay=0.0,
    warmup=0.0,
    label_smoothing=0.0,
    ema_decay=0.0,
    valid_every=1,
)
"""SGD with momentum and nothing else, as in the paper; the learning rate is ours."""

TUNED: Final = replace(
    PLAIN,
    name="cifar-cnn, tuned",
    epochs=30,
    learning_rate=0.05,
    batch_size=128,
    schedule="cosine",
    weight_decay=5e-4,
    warmup=0.1,
    label_smoothing=0.05,
    ema_decay=0.998,
    valid_every=2,
    image_augment=ImageAugment(flip=True, shift=3),
)
"""The same network, and a recipe tuned on validation images alone."""

QUICK_IMAGES: Final = (4000, 1000)
GRID: Final = 6


def reproduce(
    out: Path,
    *,
    data: str | os.PathLike[str] | None = None,
    quick: bool = False,
    seed: int = 0,
    command: str = "soundalike reproduce cifar10",
    progress: Progress | None = None,
) -> Outcome:
    """Train twice, and write ``report.html``, ``report.json`` and a folder for each run.

    Parameters
    ----------
    out : folder that is there; runs that are finished in it are not repeated.
    data : where CIFAR-10 lies; by default ``SOUNDALIKE_DATA``.
    quick : a tenth of the images, two epochs.
    command : what was typed, for the report.

    Raises
    ------
    DataError : no data, or damaged data.
    """
    found = load_for("cifar-cnn", data)
    assert isinstance(found.data, Cifar10)
    images = found.data
    configs = {"plain": replace(PLAIN, seed=seed), "tuned": replace(TUNED, seed=seed)}
    if quick:
        images = _fewer(images)
        configs = {
            name: replace(config, epochs=2, n_valid_images=500) for name, config in configs.items()
        }
    planned = [PlannedRun(name, config, images, found.words) for name, config in configs.items()]
    plain, tuned = run_all(out, planned, quick=quick, command=command, progress=progress)
    lines = _in_short(plain, tuned)
    report = write_file(
        out / "report.html", _page(out, images, plain, tuned, lines, quick, command)
    )
    values = {
        "paper_accuracy": PAPER_ACCURACY,
        "quick": quick,
        "command": command,
        "conclusion": list(lines),
        "runs": [run.to_json() for run in (plain, tuned)],
    }
    write_file(out / "report.json", json.dumps(values, indent=1, default=str) + "\n")
    return Outcome(report, lines)


def _fewer(data: Cifar10) -> Cifar10:
    """The same share of each class."""
    n_train, n_test = QUICK_IMAGES
    train = _first_of_each(data.train_labels, n_train)
    test = _first_of_each(data.test_labels, n_test)
    return replace(
        data,
        train_images=data.train_images[train],
        train_labels=data.train_labels[train],
        test_images=data.test_images[test],
        test_labels=data.test_labels[test],
    )


def _first_of_each(labels: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    each = n // len(CLASSES)
    rows = [np.flatnonzero(labels == label)[:each] for label in range(len(CLASSES))]
    return np.concatenate(rows).astype(np.int64)


def _in_short(plain: RunSummary, tuned: RunSummary) -> tuple[str, ...]:
    first, second = (run.evaluations["test"].track_accuracy for run in (plain, tuned))
    epochs = plain.config["epochs"], tuned.config["epochs"]
    return (
        f"After {epochs[0]} epochs as in the paper: {show_interval(first)} of the test images; "
        f"the paper: {100 * PAPER_ACCURACY:.0f} %.",
        f"The same network after {epochs[1]} epochs with the tuned recipe: "
        f"{show_interval(second)}.",
        f"{plain.n_parameters:,} parameters; {show_duration(plain.duration_s)} and "
        f"{show_duration(tuned.duration_s)} of training.",
    )


def _page(
    out: Path,
    images: Cifar10,
    plain: RunSummary,
    tuned: RunSummary,
    lines: tuple[str, ...],
    quick: bool,
    command: str,
) -> str:
    runs = {"plain": plain, "tuned": tuned}
    made = [
        Tile("the paper, 10 epochs", f"{100 * PAPER_ACCURACY:.0f} %"),
        *(
            Tile(
                f"{name}, {run.config['epochs']} epochs",
                f"{100 * accuracy.value:.1f} %",
                f"95 %: {100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}",
            )
            for name, run in runs.items()
            for accuracy in [run.evaluations["test"].track_accuracy]
        ),
    ]
    differing = [
        [name, _words(plain.config[name]), _words(tuned.config[name])]
        for name in plain.config
        if plain.config[name] != tuned.config[name] and name != "name"
    ]
    parts = [
        element("div", tiles(made)),
        section("In short", bullets(lines)),
        section("Test images", figure(_grid(out / "tuned", images), _GRID_CAPTION)),
        section("Learning curves", figure(_curves(runs))),
        section(
            "What the recipes differ in",
            table(["setting", "plain", "tuned"], differing, texts=3),
        ),
    ]
    for name, run in runs.items():
        evaluation = run.evaluations["test"]
        parts.append(
            section(
                f"Confusion, {name}",
                confusion_table(evaluation.confusion, evaluation.labels, items="images"),
            )
        )
    parts += [section("What was assumed", bullets(_assumed(images, plain)))]
    parts += [
        section("Command", paragraph(element("code", command))),
        section("Environment", fields(plain.environment)),
    ]
    return page(
        "CIFAR-10: the demonstration of the paper",
        *parts,
        lead="Two convolution + pooling layers and four linear layers on 60,000 small pictures.",
        warning=QUICK_WARNING if quick else "",
        footer=f"{plain.started}. Intervals: 95 %, bootstrap over test images.",
    )


_GRID_CAPTION = (
    "Test images drawn at random before training. Above each: what the tuned network takes it for "
    "and how sure it is; where that is wrong, what it is."
)


def _assumed(images: Cifar10, plain: RunSummary) -> list[str]:
    sizes = plain.split
    return [
        "The paper gives neither widths of the layers nor a learning rate: "
        f"{plain.n_parameters:,} parameters and a learning rate of "
        f"{plain.config['learning_rate']} are ours.",
        f"{sizes['valid']:,} of the training images are held out to tune on, so that "
        f"{sizes['train']:,} are trained on; each recipe met the {sizes['test']:,} test images "
        "once, when nothing was changed any more.",
        *(
            ["The images are a JPEG copy (27 to 33 dB PSNR), in training and in test alike."]
            if images.source.suffix == ".zip"
            else []
        ),
        *images.notes,
    ]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def _grid(run: Path, images: Cifar10) -> Picture:
    """A square of test images with predicted and true class."""
    predictions = read_predictions(run / "predictions-test.npz")
    generator = np.random.default_rng(0)
    rows = generator.permutation(len(predictions.labels))[: GRID * GRID]
    predicted = predictions.probabilities.argmax(axis=1)

    def draw(drawn: Figure, theme: charts.Theme) -> None:
        for axes, row in zip(drawn.subplots(GRID, GRID).flat, rows.tolist(), strict=False):
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


def _curves(runs: dict[str, RunSummary]) -> Picture:
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
        axes.axhline(100 * PAPER_ACCURACY, color=theme.soft, linestyle="--", linewidth=1)
        axes.annotate(
            "the paper",
            (0.99, 100 * PAPER_ACCURACY),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=theme.soft,
            fontsize=8,
        )

    ends = "; ".join(f"{line.name} {100 * line.y[-1]:.1f} %" for line in lines)
    return charts.picture(draw, f"accuracy by epoch: {ends}", width_in=5.6)
