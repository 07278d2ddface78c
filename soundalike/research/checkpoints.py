"""What a run leaves on disk to go on from, and to be used: ``checkpoint.pt``.

It is read without running code from it, holds the whole config, and is replaced at once or not at
all, so that a kill or a full disk costs no more than the epoch that was under way.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.research import networks
from soundalike.research.augment import AugmentConfig
from soundalike.research.distill.task import DistillConfig
from soundalike.research.outputs import write_file
from soundalike.research.tasks import ImageAugment

__all__ = [
    "CHECKPOINT",
    "Checkpoint",
    "TrainConfig",
    "build_network",
    "config_from_dict",
    "load_checkpoint",
    "read_checkpoint",
    "read_config",
    "snapshot_name",
    "write_checkpoint",
]

CHECKPOINT: Final = "checkpoint.pt"
FORMAT: Final = 1
OPTIMIZERS: Final = ("adamw", "sgd")
SCHEDULES: Final = ("cosine", "constant")
PRECISIONS: Final = ("bfloat16", "float32")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on besides the data; a config file holds what differs.

    Raises
    ------
    InvalidArgument : a value out of range; the message names it and what is accepted.
    """

    name: str = "gtzan-resnet"
    network: str = "resnet"
    network_options: dict[str, Any] = field(default_factory=dict)
    augment: AugmentConfig = field(default_factory=AugmentConfig)  # of log-mel frames
    image_augment: ImageAugment = field(default_factory=ImageAugment)
    distill: DistillConfig = field(default_factory=DistillConfig)  # of the network listener
    segments: bool = False  # the tracks of the data set are segments, taken whole
    allow_leaks: tuple[str, ...] = ()  # kinds that the split may have: track, repeat, artist
    n_valid_images: int = 5000  # training images held out of CIFAR-10
    seed: int = 0
    epochs: int = 40
    crops_per_track: int = 4  # times that each track, segment or image is seen in an epoch
    steps_per_epoch: int = 0  # batches of an epoch, instead of so many crops; 0: those crops
    batch_size: int = 64
    optimizer: str = "adamw"  # or sgd, with momentum
    learning_rate: float = 2e-3  # at its highest
    schedule: str = "cosine"  # or constant
    momentum: float = 0.9
    weight_decay: float = 0.05
    warmup: float = 0.15  # share of the steps on which the learning rate rises
    label_smoothing: float = 0.1
    ema_decay: float = 0.998  # of the averaged weights, which are the result; 0: the last ones
    valid_every: int = 5  # epochs
    snapshots: tuple[int, ...] = ()  # epochs whose weights are kept and evaluated too
    precision: str = "bfloat16"  # of the convolutions in training, or float32

    def __post_init__(self) -> None:
        for name, accepted in (
            ("network", tuple(sorted(networks.NETWORKS))),
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in accepted:
                raise InvalidArgument(
                    f"no {name} {getattr(self, name)!r}; there are: {', '.join(accepted)}"
                )
        for name in ("epochs", "crops_per_track", "batch_size", "valid_every"):
            if getattr(self, name) < 1:
                raise InvalidArgument(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.steps_per_epoch < 0:
            raise InvalidArgument(f"steps_per_epoch must be 0 or more, not {self.steps_per_epoch}")
        if not self.learning_rate > 0:
            raise InvalidArgument(f"learning_rate must be above 0, not {self.learning_rate}")
        for name in ("momentum", "warmup", "label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise InvalidArgument(f"{name} must be 0 to below 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class Checkpoint:
    """A run so far.

    Attributes
    ----------
    epoch : epochs done.
    curve : a row an epoch.
    elapsed_s : seconds of training.
    weights : of the network that is the result, by name.
    training : what going on needs besides: the weights that are trained, and the optimiser's
        state; None once the run is finished.
    """

    config: TrainConfig
    label_names: tuple[str, ...]
    epoch: int
    curve: list[dict[str, float | None]]
    elapsed_s: float
    weights: dict[str, Any]
    training: dict[str, Any] | None


def config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """A config from what JSON holds.

    Raises
    ------
    InvalidArgument : an unknown setting, or a value of the wrong kind; the message names it.
    """
    config: TrainConfig = _from_dict(TrainConfig(), values, "")
    return config


def read_config(path: Path | None, settings: Sequence[str] = ()) -> TrainConfig:
    """A config file, changed by settings such as ``epochs=10`` or ``augment.mixup=0``.

    Parameters
    ----------
    path : JSON that holds what differs from the defaults; None for the defaults.
    settings : names with dots and values as in JSON; what is no JSON is text.

    Raises
    ------
    InvalidArgument : the file cannot be read, or a setting is unknown or of the wrong kind.
    """
    values: Any = {}
    if path is not None:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidArgument(f"{printable(path)}: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidArgument(f"{printable(path)} is no JSON ({error})") from error
        if not isinstance(values, dict):
            raise InvalidArgument(f"{printable(path)} must hold settings, {{...}}")
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise InvalidArgument(f"{setting!r} is no setting: write NAME=VALUE, such as epochs=10")
        *parents, last = name.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise InvalidArgument(f"{setting!r}: {parent} holds no settings")
        try:
            target[last] = json.loads(text)
        except ValueError:
            target[last] = text
    return config_from_dict(values)


def _from_dict(default: Any, values: Mapping[str, Any], prefix: str) -> Any:
    """The default with those values in place of its own."""
    known = {one.name: one for one in fields(default)}
    unknown = [prefix + name for name in values if name not in known]
    if unknown:
        raise InvalidArgument(
            f"unknown setting {', '.join(unknown)}; there are: "
            f"{', '.join(prefix + name for name in known)}"
        )
    made: dict[str, Any] = {}
    for name, value in values.items():
        wanted = getattr(default, name)
        if isinstance(wanted, (AugmentConfig, DistillConfig, ImageAugment)):
            if not isinstance(value, Mapping):
                raise InvalidArgument(f"{prefix}{name} must hold settings, not {value!r}")
            made[name] = _from_dict(wanted, value, f"{prefix}{name}.")
        else:
            made[name] = _convert(prefix + name, value, wanted)
    return replace(default, **made)


def _convert(name: str, value: Any, like: Any) -> Any:
    """The value as the kind of the default."""
    if isinstance(like, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(like, dict) and isinstance(value, Mapping):
        return dict(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(like, float) and is_number:
        return float(value)
    if type(like) is type(value):
        return value
    raise InvalidArgument(f"{name} must be like {like!r}, not {value!r}")


def build_network(config: TrainConfig, label_names: tuple[str, ...]) -> nn.Module:
    """The network of a config, with a logit for each label."""
    return networks.build(config.network, {"n_labels": len(label_names), **config.network_options})


def snapshot_name(epoch: int) -> str:
    """The file that the weights of an epoch are kept in."""
    return f"checkpoint-{epoch}.pt"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one that stands there stays until the new one is complete.

    Raises
    ------
    InvalidArgument : the disk is full, or the folder cannot be written to.
    """
    buffer = io.BytesIO()
    torch.save(
        {
            "format": FORMAT,
            "config": asdict(checkpoint.config),
            "label_names": list(checkpoint.label_names),
            "epoch": checkpoint.epoch,
            "curve": checkpoint.curve,
            "elapsed_s": checkpoint.elapsed_s,
            "weights": checkpoint.weights,
            "training": checkpoint.training,
        },
        buffer,
    )
    write_file(path, buffer.getvalue())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    DataError : there is none, it is damaged, or of another version.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if stored["format"] != FORMAT:
            raise DataError(
                f"{printable(path)}: a checkpoint of format {stored['format']}, and this version "
                f"reads {FORMAT}: train again, or use the version of soundalike that wrote it"
            )
        return Checkpoint(
            config_from_dict(stored["config"]),
            tuple(stored["label_names"]),
            stored["epoch"],
            stored["curve"],
            stored["elapsed_s"],
            stored["weights"],
            stored["training"],
        )
    except OSError as error:
        raise DataError(f"{printable(path)}: {error.strerror or error}") from error
    except (
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        InvalidArgument,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:
        raise DataError(
            f"{printable(path)}: damaged, or no checkpoint of this version ({error})"
        ) from error


def load_checkpoint(run: Path, *, network: str | None = None) -> tuple[TrainConfig, nn.Module]:
    """The config and the network of a run, or of one of its files, in evaluation mode.

    Parameters
    ----------
    run : the run's folder, or a checkpoint in it.
    network : the kind that is expected, if any.

    Raises
    ------
    DataError : no checkpoint, or one that is damaged, of another version or another network.
    """
    path = run / CHECKPOINT if run.is_dir() else run
    checkpoint = read_checkpoint(path)
    if network is not None and checkpoint.config.network != network:
        raise DataError(
            f"{printable(path)}: a checkpoint of {checkpoint.config.network}, not of {network}"
        )
    built = build_network(checkpoint.config, checkpoint.label_names)
    try:
        built.load_state_dict(checkpoint.weights)
    except RuntimeError as error:
        raise DataError(
            f"{printable(path)}: its weights do not fit {checkpoint.config.network} as it is in "
            f"this version ({str(error).splitlines()[-1].strip()}); train again"
        ) from error
    return checkpoint.config, built.eval()
