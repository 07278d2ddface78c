"""What a finished run writes besides its checkpoint: figures, predictions, pictures, a report."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from soundalike.errors import DataError, printable
from soundalike.evaluate.retrieval import neighbour_precision
from soundalike.files import why, write_file
from soundalike.research import classification, networks
from soundalike.research.checkpoints import (
    CHECKPOINT,
    load_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from soundalike.research.classification import Evaluation
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.report import Epoch, RunSummary, write_report
from soundalike.research.tasks import LogMelTask, Predictions, Task, predict, track_embeddings
from soundalike.show import charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "evaluate",
    "figures_of",
    "finish",
    "read_predictions",
    "write_predictions",
]


def finish(
    task: Task,
    out: Path,
    *,
    device: torch.device,
    test: bool,
    quick: bool,
    data_set: str,
    command: str,
) -> RunSummary:
    """Evaluate, write the report, and drop from the checkpoint what only training needs.

    The other arguments are those of :func:`soundalike.research.train.train`.

    Parameters
    ----------
    device : what evaluates.
    """
    found = read_checkpoint(out / CHECKPOINT)
    config, network = load_checkpoint(out)
    network.to(device)
    evaluations: dict[str, Evaluation] = {}
    extra: dict[str, Any] = {}
    for side in ("test", "valid") if test else ("valid",):
        if task.sizes[side]:
            predictions = task.predict(network, side)
            write_predictions(out / f"predictions-{side}.npz", predictions)
            evaluations[side] = evaluate(predictions, task.label_names)
            if isinstance(task, LogMelTask) and not config.segments:
                extra[f"precision_at_10_{side}"] = _precision_at_10(
                    task.data, network, predictions, side
                )
    stored = json.loads((out / "environment.json").read_text(encoding="utf-8"))
    summary = RunSummary(
        name=f"{config.name}, seed {config.seed}",
        network=config.network,
        n_parameters=networks.parameter_count(network),
        data_set=data_set,
        split=dict(task.sizes),
        evaluations=evaluations,
        config=asdict(config),
        environment=stored["environment"],
        command=command,
        started=stored["started"],
        duration_s=found.elapsed_s,
        curve=tuple(_epoch(row) for row in found.curve),
        quick=quick,
        extra=extra,
    )
    figures = {side: figures_of(one) for side, one in evaluations.items()}
    write_file(out / "metrics.json", json.dumps({**figures, **extra}, indent=1) + "\n")
    write_file(out / "curve.png", _draw(summary.curve))
    if evaluations:
        write_report(out, summary)
    write_checkpoint(out / CHECKPOINT, replace(found, training=None))
    return summary


def evaluate(predictions: Predictions, label_names: tuple[str, ...]) -> Evaluation:
    """All figures with their intervals, from predictions."""
    labels = predictions.labels[predictions.tracks]
    return classification.evaluate(
        predictions.probabilities, labels, predictions.tracks, label_names
    )


def figures_of(evaluation: Evaluation) -> dict[str, float]:
    """The figures of an evaluation without intervals; accuracies are shares, nll in nats."""
    return {
        "track_accuracy": evaluation.track_accuracy.value,
        "excerpt_accuracy": evaluation.excerpt_accuracy.value,
        "macro_f1": evaluation.macro_f1.value,
        "nll": evaluation.nll.value,
        "ece": evaluation.ece,
    }


def _precision_at_10(
    data: LogMelSet, network: nn.Module, predictions: Predictions, side: str
) -> float:
    """Of the tracks whose artist is known, among each other, other artists' alone."""
    # A quarter of the training tracks says well enough where the middle of the embeddings lies.
    centre = predict(network, data, data.splits["train"][::4]).embeddings.mean(axis=0)
    artists = data.artists[data.splits[side]]
    known = artists >= 0
    if known.sum() < 2:
        known[:] = True
        artists = np.arange(len(artists))
    embeddings = track_embeddings(predictions, centre)[known]
    labels = predictions.labels[known]
    return float(neighbour_precision(embeddings, labels, artists[known]).mean())


def _epoch(row: Mapping[str, float | None]) -> Epoch:
    names = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy")
    return Epoch(int(row["epoch"] or 0), **{name: row[name] for name in names})


def _draw(curve: tuple[Epoch, ...]) -> bytes:
    """Loss and accuracy by epoch, as a PNG."""

    def draw(figure: Figure, _theme: charts.Theme) -> None:
        for axes, kind, unit in zip(
            figure.subplots(1, 2), ("loss", "accuracy"), ("nats", "%"), strict=True
        ):
            lines = []
            for side in ("train", "valid"):
                values = [(epoch.epoch, getattr(epoch, f"{side}_{kind}")) for epoch in curve]
                known = [(x, y) for x, y in values if y is not None]
                if known:
                    lines.append(charts.Curve(side, *map(list, zip(*known, strict=True))))
            charts.draw_lines(
                axes,
                lines,
                x_label="epoch",
                y_label=f"{kind}, {unit}",
                percent=kind == "accuracy",
            )

    return charts.png(draw, 8.0, 3.2)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Keep predictions, less the embeddings, as npz."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        probabilities=predictions.probabilities,
        tracks=predictions.tracks,
        labels=predictions.labels,
    )
    write_file(path, buffer.getvalue())


def read_predictions(path: Path) -> Predictions:
    """What :func:`train` left in ``predictions-<side>.npz``; the embeddings are empty.

    Raises
    ------
    DataError : the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            probabilities = stored["probabilities"]
            nothing: npt.NDArray[np.float32] = np.empty((len(probabilities), 0), dtype=np.float32)
            return Predictions(probabilities, nothing, stored["tracks"], stored["labels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{printable(path)}: missing or damaged ({why(error)})") from error
