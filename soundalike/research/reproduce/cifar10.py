"""``soundalike reproduce cifar10``: the paper's demonstration, and what the same network can do."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.files import write_file
from soundalike.research.config import TrainConfig
from soundalike.research.datasets.cifar10 import CLASSES, Cifar10
from soundalike.research.datasets.training import load_for
from soundalike.research.report import RunSummary, show_interval
from soundalike.research.reproduce import Outcome
from soundalike.research.reproduce.cifar10_page import cifar10_page
from soundalike.research.reproduce.series import PlannedRun, Progress, run_all
from soundalike.research.runs import read_predictions
from soundalike.research.tasks import ImageAugment
from soundalike.show.times import show_duration

__all__ = ["PAPER_ACCURACY", "PLAIN", "TUNED", "reproduce"]

PAPER_ACCURACY: Final = 0.62
"""After 10 epochs, as in the paper."""

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
    html = cifar10_page(
        images,
        plain,
        tuned,
        read_predictions(out / "tuned" / "predictions-test.npz"),
        lines,
        PAPER_ACCURACY,
        quick=quick,
        command=command,
    )
    report = write_file(out / "report.html", html)
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
