"""The settings of a training run: defaults in code, what differs in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from soundalike.errors import InvalidArgument, printable
from soundalike.files import why
from soundalike.research import networks
from soundalike.research.augment import AugmentConfig
from soundalike.research.distill.task import DistillConfig
from soundalike.research.tasks import ImageAugment

__all__ = ["TrainConfig", "config_from_dict", "read_config"]

OPTIMIZERS: Final = ("adamw", "sgd")
SCHEDULES: Final = ("cosine", "constant")
PRECISIONS: Final = ("bfloat16", "float32")

# Networks that were called otherwise when a config or a checkpoint was written.
_FORMER_NETWORKS: Final = {"listener": "student"}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on, except the data; a config file has what differs.

    Raises
    ------
    InvalidArgument : a value out of range; the message names it and what is accepted.
    """

    name: str = "gtzan-resnet"
    network: str = "resnet"
    network_options: dict[str, Any] = field(default_factory=dict)
    augment: AugmentConfig = field(default_factory=AugmentConfig)  # of log-mel frames
    image_augment: ImageAugment = field(default_factory=ImageAugment)
    distill: DistillConfig = field(default_factory=DistillConfig)  # of the network student
    segments: bool = False  # the tracks of the data set are segments, taken whole
    allow_leaks: tuple[str, ...] = ()  # leaks that the split may have: track, repeat, artist
    n_valid_images: int = 5000  # training images of CIFAR-10 held out
    seed: int = 0
    epochs: int = 40
    crops_per_track: int = 4  # how often each track, segment or image is used in an epoch
    steps_per_epoch: int = 0  # batches in an epoch; 0: as many as crops_per_track needs
    batch_size: int = 64
    optimizer: str = "adamw"  # or sgd, with momentum
    learning_rate: float = 2e-3  # peak
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
                    f"unknown {name} {getattr(self, name)!r}; available: {', '.join(accepted)}"
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
                raise InvalidArgument(
                    f"{name} must be at least 0 and below 1, not {getattr(self, name)}"
                )


def config_from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """A config from what JSON holds; the former name of a network stands for its present one.

    Raises
    ------
    InvalidArgument : an unknown setting, or a value of the wrong kind; the message names it.
    """
    network = values.get("network")
    if network in _FORMER_NETWORKS:
        values = {**values, "network": _FORMER_NETWORKS[network]}
    config: TrainConfig = _from_dict(TrainConfig(), values, "")
    return config


def read_config(path: Path | None, settings: Sequence[str] = ()) -> TrainConfig:
    """A config file, changed by settings such as ``epochs=10`` or ``augment.mixup=0``.

    Parameters
    ----------
    path : JSON with what differs from the defaults; None for the defaults.
    settings : names with dots, values as in JSON; anything that is not JSON is text.

    Raises
    ------
    InvalidArgument : the file cannot be read, or a setting is unknown or of the wrong kind.
    """
    values: Any = {}
    if path is not None:
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidArgument(f"{printable(path)}: {why(error)}") from error
        except ValueError as error:
            raise InvalidArgument(f"{printable(path)} is not JSON ({error})") from error
        if not isinstance(values, dict):
            raise InvalidArgument(f"{printable(path)} must be a JSON object of settings, {{...}}")
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise InvalidArgument(
                f"{setting!r} is not a setting: write NAME=VALUE, such as epochs=10"
            )
        *parents, last = name.split(".")
        target = values
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise InvalidArgument(f"{setting!r}: {parent} has no settings below it")
        try:
            target[last] = json.loads(text)
        except ValueError:
            target[last] = text
    return config_from_dict(values)


def _from_dict(default: Any, values: Mapping[str, Any], prefix: str) -> Any:
    """The default, with these values instead of its own."""
    known = {one.name: one for one in fields(default)}
    unknown = [prefix + name for name in values if name not in known]
    if unknown:
        raise InvalidArgument(
            f"unknown setting {', '.join(unknown)}; available: "
            f"{', '.join(prefix + name for name in known)}"
        )
    made: dict[str, Any] = {}
    for name, value in values.items():
        wanted = getattr(default, name)
        if isinstance(wanted, (AugmentConfig, DistillConfig, ImageAugment)):
            if not isinstance(value, Mapping):
                raise InvalidArgument(
                    f"{prefix}{name} must be an object of settings, not {value!r}"
                )
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
