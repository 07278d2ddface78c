"""The data set that a network is trained on, found by the kind of network and a folder."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import DataError
from soundalike.research.datasets import cifar10, gtzan, own
from soundalike.research.datasets.frames import SPLIT_FILE, LogMelSet
from soundalike.research.datasets.places import cache_folder, data_root

__all__ = ["TrainingData", "load_cifar10", "load_for"]


@dataclass(frozen=True)
class TrainingData:
    """A data set, and what it is in one line for a report."""

    data: LogMelSet | cifar10.Cifar10
    words: str


def load_for(
    network: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    skip_missing: bool = False,
    allow_leaks: Collection[str] = (),
) -> TrainingData:
    """CIFAR-10 for ``cifar-cnn``; otherwise your own music where the folder holds it, or GTZAN.

    Parameters
    ----------
    folder : of a data set, or of several; by default ``SOUNDALIKE_DATA`` or your data folder.
    skip_missing : skip missing or broken tracks and images.
    allow_leaks : kinds of leak that are wanted, as ``refuse_leaks`` takes them.

    Raises
    ------
    DataError : nothing is there, or it is damaged (the message says how to get it), or it leaks.
    """
    if network == "cifar-cnn":
        images = load_cifar10(folder, skip_missing=skip_missing)
        return TrainingData(images, _images_in_words(images))
    if folder is not None and (Path(folder) / SPLIT_FILE).is_file():
        tracks = own.load(folder, allow_leaks=allow_leaks)
        return TrainingData(
            tracks, f"{len(tracks.tracks)} of your own tracks with {len(tracks.label_names)} labels"
        )
    return TrainingData(
        gtzan.load(folder, skip_missing=skip_missing, allow_leaks=allow_leaks),
        "GTZAN, fault-filtered split",
    )


def load_cifar10(
    folder: str | os.PathLike[str] | None = None, *, skip_missing: bool = False
) -> cifar10.Cifar10:
    """CIFAR-10, in any of its forms; decoded JPEGs are cached.

    Raises
    ------
    DataError : the data are missing or damaged; the message says how to get them.
    """
    root = Path(folder) if folder is not None else data_root()
    if not root.exists():
        raise DataError(f"{root}: no such folder; `soundalike data get cifar10` fetches the set")
    return cifar10.load(
        root, allow_partial=skip_missing, skip_broken=skip_missing, cache=cache_folder()
    )


def _images_in_words(images: cifar10.Cifar10) -> str:
    kind = "JPEG copy" if images.source.suffix == ".zip" else "as published"
    return f"CIFAR-10, {kind}"
