"""``checkpoint.pt``: what a run leaves on disk, to resume it and to use its network.

It is read without running code from it, holds the whole config, and is replaced at once or not at
all, so a kill or a full disk costs no more than the current epoch.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.files import why, write_file
from soundalike.research import networks
from soundalike.research.config import TrainConfig, config_from_dict

__all__ = [
    "CHECKPOINT",
    "Checkpoint",
    "build_network",
    "load_checkpoint",
    "read_checkpoint",
    "snapshot_name",
    "write_checkpoint",
]

CHECKPOINT: Final = "checkpoint.pt"
FORMAT: Final = 1


@dataclass(frozen=True)
class Checkpoint:
    """A run so far.

    Attributes
    ----------
    epoch : epochs done.
    curve : a row an epoch.
    elapsed_s : seconds of training.
    weights : of the network that is the result, by name.
    training : what is also needed to resume: the weights in training and the optimiser's state;
        None once the run is finished.
    """

    config: TrainConfig
    label_names: tuple[str, ...]
    epoch: int
    curve: list[dict[str, float | None]]
    elapsed_s: float
    weights: dict[str, Any]
    training: dict[str, Any] | None


def build_network(config: TrainConfig, label_names: tuple[str, ...]) -> nn.Module:
    """The network of a config, with a logit for each label."""
    return networks.build(config.network, {"n_labels": len(label_names), **config.network_options})


def snapshot_name(epoch: int) -> str:
    """The file that the weights of an epoch are kept in."""
    return f"checkpoint-{epoch}.pt"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the old one stays until the new one is complete.

    Raises
    ------
    OutputError : the disk is full, or the folder cannot be written to.
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
        raise DataError(f"{printable(path)}: {why(error)}") from error
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
            f"{printable(path)}: damaged, or not a checkpoint of this version ({error})"
        ) from error


def load_checkpoint(run: Path, *, network: str | None = None) -> tuple[TrainConfig, nn.Module]:
    """The config and the network of a run, or of one of its files, in evaluation mode.

    Parameters
    ----------
    run : the run's folder, or a checkpoint in it.
    network : the expected kind, if any.

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
