"""Training: one loop that reads from top to bottom, for music and for images.

A run's folder holds ``config.json``, ``environment.json``, ``curve.csv`` (a line an epoch) and
``curve.png``, ``checkpoint.pt``, and at the end ``metrics.json``, ``predictions-<side>.npz`` and
the report (``report.html``, ``report.json``). Started again on the same folder after a kill or
Ctrl-C, a run resumes after the last complete epoch. The result is bit for bit that of a run without
the break, because the randomness of an epoch depends only on the seed and the number of the epoch.

Several devices share each batch, a process on each (:mod:`soundalike.research.ranks`): the result
is that of one but for rounding, and a run may be resumed on other devices.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from soundalike.errors import InvalidArgument, printable
from soundalike.files import output_folder, write_file
from soundalike.pace import Pace
from soundalike.research import classification
from soundalike.research.checkpoints import (
    CHECKPOINT,
    Checkpoint,
    build_network,
    load_checkpoint,
    read_checkpoint,
    snapshot_name,
    write_checkpoint,
)
from soundalike.research.config import TrainConfig, config_from_dict
from soundalike.research.datasets.cifar10 import Cifar10
from soundalike.research.datasets.leaks import refuse_leaks
from soundalike.research.devices import Devices, find_devices
from soundalike.research.distill.pool_file import read_pool
from soundalike.research.distill.task import DistillTask
from soundalike.research.environment import describe_environment
from soundalike.research.launch import in_processes
from soundalike.research.ranks import Rank
from soundalike.research.report import RunSummary
from soundalike.research.runs import finish
from soundalike.research.tasks import (
    DataSet,
    ImageTask,
    LogMelTask,
    Predictions,
    Task,
    predict,
)

__all__ = [
    "Predictions",
    "TrainConfig",
    "TrainProgress",
    "config_from_dict",
    "load_checkpoint",
    "make_task",
    "predict",
    "train",
]


@dataclass(frozen=True)
class TrainProgress:
    """How far a run is.

    Attributes
    ----------
    epoch : the current one, from 1, of ``epochs``.
    step, steps : batches done, and in total.
    loss : mean over the epoch so far, nats.
    valid_accuracy : share, when last measured.
    left_s : about how many seconds it will take from here; None while unknown.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    valid_accuracy: float | None
    left_s: float | None


Progress = Callable[[TrainProgress], None]


def make_task(config: TrainConfig, data: DataSet, device: torch.device | None = None) -> Task:
    """The data set as the loop sees it.

    Raises
    ------
    DataError : the split leaks (the message names the tracks), or there is no pool.
    InvalidArgument : music for an image network, or the other way round; a student without a pool.
    """
    device = device or torch.device("cpu")
    if isinstance(data, Cifar10) != (config.network == "cifar-cnn"):
        kind = "images" if isinstance(data, Cifar10) else "music"
        raise InvalidArgument(f"{config.network} is not a network for {kind}")
    if isinstance(data, Cifar10):
        return ImageTask(data, config.image_augment, device, n_valid=config.n_valid_images)
    refuse_leaks(data, config.allow_leaks)
    if config.network == "student":
        if not config.distill.pool:
            raise InvalidArgument(
                "a student learns from a pool: name it with --pool, or as distill.pool in the "
                "config; `soundalike data pool` makes one"
            )
        pool = read_pool(Path(config.distill.pool))
        return DistillTask(data, config.augment, device, pool, config.distill)
    return LogMelTask(data, config.augment, device, whole=config.segments)


def train(
    config: TrainConfig,
    data: DataSet,
    out: Path,
    *,
    test: bool = False,
    quick: bool = False,
    data_set: str = "",
    command: str = "soundalike train",
    devices: Devices | None = None,
    progress: Progress | None = None,
) -> RunSummary:
    """Train a network, or resume the run in that folder; returns what was reached.

    Parameters
    ----------
    out : the run's folder. If the run in it is finished, nothing is trained.
    test : also evaluate on the test side; only when all tuning is finished.
    quick : the report says that the run was a quick one.
    data_set : what was trained on, in one line, for the report.
    command : what was typed, for the report.
    devices : what trains, a process for each; None for one process, on a GPU if there is one.
    progress : called after every batch.

    Raises
    ------
    InvalidArgument : the folder holds a run with another config, or the loss is no longer a number;
        or a batch has too few examples for so many devices.
    TrainingStopped : a process of several was killed, or failed; the run can be resumed.
    OutputError : the folder cannot be written to, or the disk is full.
    DataError : the split leaks, or the checkpoint there is damaged.
    KeyboardInterrupt : Ctrl-C; the run can be resumed.
    """
    output_folder(out)
    devices = devices or find_devices()
    first = Rank(0, devices)
    alone = len(devices) == 1
    # What several processes learn from each of them has; here it is only evaluated.
    task = make_task(config, data, first.device if alone else None)
    found = _found(config, out)
    _check_share(config, task.n_examples, devices)
    if found is None:
        write_file(out / "config.json", json.dumps(asdict(config), indent=1) + "\n")
        begun = datetime.now().astimezone().isoformat(timespec="seconds")
        stored = {"started": begun, "environment": _environment(devices)}
        text = json.dumps(stored, indent=1, ensure_ascii=False)
        write_file(out / "environment.json", text + "\n")
    tell = progress or _nothing
    if found is None or found.training is not None:
        if alone:
            _fit(first, tell, config, task, out)
        else:
            in_processes(_take_part, (config, data, out), devices, tell)
    return finish(
        task,
        out,
        device=first.device,
        test=test,
        quick=quick,
        data_set=data_set,
        command=command,
    )


def _nothing(_progress: TrainProgress) -> None:
    """Nobody asks how far the run is."""


def _check_share(config: TrainConfig, n_examples: int, devices: Devices) -> None:
    """Every process must have an example of each batch."""
    _, rounds = _epoch(config, n_examples)
    size = min(config.batch_size, rounds * n_examples)
    if len(devices) > size:
        raise InvalidArgument(
            f"{len(devices)} devices cannot share batches of {size}: take {size} or fewer, or a "
            "larger batch_size"
        )


def _take_part(rank: Rank, tell: Progress, config: TrainConfig, data: DataSet, out: Path) -> None:
    """What each of several processes does."""
    task = make_task(config, data, rank.device)
    _fit(rank, tell if rank.number == 0 else _nothing, config, task, out)


class _State:
    """What changes in training: the network, its average, the optimiser, and the curve."""

    def __init__(self, config: TrainConfig, task: Task, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.network = build_network(config, task.label_names).to(device)
        self.average = build_network(config, task.label_names).to(device)
        for network in (self.network, self.average):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average.load_state_dict(self.network.state_dict())
        parameters = list(self.network.parameters())
        # Biases and batch normalisation are not decayed.
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
            if config.optimizer == "sgd"
            else torch.optim.AdamW(groups, lr=config.learning_rate)
        )
        self.epoch = 0
        self.elapsed_s = 0.0
        self.curve: list[dict[str, float | None]] = []

    def restore(self, found: Checkpoint) -> None:
        assert found.training is not None
        self.network.load_state_dict(found.training["network"])
        self.average.load_state_dict(found.weights)
        self.optimizer.load_state_dict(found.training["optimizer"])
        self.epoch = found.epoch
        self.elapsed_s = found.elapsed_s
        self.curve = found.curve

    def follow(self, decay: float) -> None:
        """Draw the averaged weights after those of the network."""
        mine, others = self.average.state_dict(), self.network.state_dict()
        with torch.no_grad():
            for name, value in mine.items():
                if value.dtype.is_floating_point:
                    value.lerp_(others[name], 1 - decay)
                else:
                    value.copy_(others[name])


def _fit(rank: Rank, tell: Progress, config: TrainConfig, task: Task, out: Path) -> None:
    """Train, from where the run in the folder is."""
    state = _State(config, task, rank.device)
    found = _found(config, out)
    if found is not None:
        state.restore(found)
    # On a GPU the quickest convolution is chosen by the clock, and some add up in any order.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        _loop(rank, tell, config, task, state, out)


def _loop(
    rank: Rank, tell: Progress, config: TrainConfig, task: Task, state: _State, out: Path
) -> None:
    shared = rank.wrapped(state.network)
    steps_per_epoch, rounds = _epoch(config, task.n_examples)
    steps = steps_per_epoch * config.epochs
    step = state.epoch * steps_per_epoch
    begun_s, before_s = time.perf_counter(), state.elapsed_s
    # Over all of the time, since each epoch ends with something slow.
    pace = Pace(step, window_s=math.inf)
    for epoch in range(state.epoch, config.epochs):
        torch.manual_seed(config.seed * 100_003 + epoch + 1)
        shared.train()
        order = torch.cat([torch.randperm(task.n_examples) for _ in range(rounds)])
        losses = hits = 0.0
        parts: dict[str, float] = {}
        for number in range(steps_per_epoch):
            index = order[number * config.batch_size : (number + 1) * config.batch_size]
            rate = config.learning_rate * _schedule(config, step / steps)
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            batch = task.batch(index)
            place = (config.seed, epoch, number)
            output = rank.outputs(shared, batch.inputs, place, config.precision)
            loss = task.loss(state.network, output, batch, config.label_smoothing)
            state.optimizer.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            state.optimizer.step()
            step += 1
            # Early on the average follows faster, or it would be of the untrained network.
            state.follow(min(config.ema_decay, (1 + step) / (10 + step)))
            losses += loss.total.item()
            hits += loss.hits.item()
            for name, value in loss.parts.items():
                parts[name] = parts.get(name, 0.0) + value.item()
            _, left_s = pace.at(step, steps)
            tell(
                TrainProgress(
                    epoch + 1,
                    config.epochs,
                    step,
                    steps,
                    losses / (number + 1),
                    _last(state.curve, "valid_accuracy"),
                    left_s,
                )
            )
        if not math.isfinite(losses):
            raise InvalidArgument(
                f"the loss is not finite in epoch {epoch + 1}: try a learning_rate below "
                f"{config.learning_rate}, in another folder"
            )
        if rank.number:
            # The first writes; the others meet it again in the next batch.
            continue
        row: dict[str, float | None] = {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "train_loss": losses / steps_per_epoch,
            "train_accuracy": hits / steps_per_epoch,
            "valid_loss": None,
            "valid_accuracy": None,
        }
        row |= {f"{name}_loss": value / steps_per_epoch for name, value in parts.items()}
        if (epoch + 1) % config.valid_every == 0 or epoch + 1 in (*config.snapshots, config.epochs):
            row |= _validate(task, state.average)
        state.curve.append(row)
        state.epoch = epoch + 1
        state.elapsed_s = before_s + time.perf_counter() - begun_s
        _save(config, task, state, out)


def _epoch(config: TrainConfig, n_examples: int) -> tuple[int, int]:
    """Batches of an epoch, and how often all examples are gone through for as many."""
    if config.steps_per_epoch:
        needed = config.steps_per_epoch * config.batch_size
        return config.steps_per_epoch, math.ceil(needed / n_examples)
    return (
        max(1, n_examples * config.crops_per_track // config.batch_size),
        config.crops_per_track,
    )


def _last(curve: list[dict[str, float | None]], name: str) -> float | None:
    return next((row[name] for row in reversed(curve) if row[name] is not None), None)


def _schedule(config: TrainConfig, progress: float) -> float:
    """Learning rate as a share of its highest: a linear rise, then half a cosine down to 0."""
    if progress < config.warmup:
        return 0.04 + 0.96 * progress / config.warmup
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - config.warmup) / (1 - config.warmup)))


def _validate(task: Task, network: nn.Module) -> dict[str, float | None]:
    """Loss and accuracy by track; nothing where the split has no validation side."""
    if not task.sizes["valid"]:
        return {}
    predictions = task.predict(network, "valid")
    by_track = classification.mean_by_track(predictions.probabilities, predictions.tracks)
    return {
        "valid_loss": classification.negative_log_likelihood(by_track, predictions.labels),
        "valid_accuracy": classification.accuracy(by_track, predictions.labels),
    }


def _save(config: TrainConfig, task: Task, state: _State, out: Path) -> None:
    """After an epoch: the curve, the checkpoint, and a snapshot where one is wanted."""
    write_file(out / "curve.csv", _table(state.curve))
    checkpoint = Checkpoint(
        config,
        task.label_names,
        state.epoch,
        state.curve,
        state.elapsed_s,
        state.average.state_dict(),
        {"network": state.network.state_dict(), "optimizer": state.optimizer.state_dict()},
    )
    if state.epoch in config.snapshots:
        write_checkpoint(out / snapshot_name(state.epoch), replace(checkpoint, training=None))
    write_checkpoint(out / CHECKPOINT, checkpoint)


def _table(curve: list[dict[str, float | None]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(curve[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    return text.getvalue()


def _found(config: TrainConfig, out: Path) -> Checkpoint | None:
    """The checkpoint in the folder, if there is one, which must be of the same config."""
    path = out / CHECKPOINT
    if not path.exists():
        return None
    found = read_checkpoint(path)
    # Through JSON, since tuples in network_options come back as lists.
    mine, theirs = (json.loads(json.dumps(asdict(one))) for one in (config, found.config))
    differing = [
        f"{name} {theirs[name]!r} there, {mine[name]!r} here"
        for name in mine
        if mine[name] != theirs[name]
    ]
    if differing:
        raise InvalidArgument(
            f"{printable(out)} holds a run with another config ({'; '.join(differing)}): choose "
            f"another folder, or remove that one"
        )
    return found


def _environment(devices: Devices) -> dict[str, Any]:
    device = torch.device(devices.names[0])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {
        **describe_environment(),
        "device": f"{len(devices)} x {name}" if len(devices) > 1 else name,
        "threads": torch.get_num_threads(),
    }
