"""Data sets that are made up and small enough to train on in a second; also for child processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soundalike.research.datasets.cifar10 import Cifar10
from soundalike.research.datasets.frames import (
    SPLIT_FILE,
    STORE_FILE,
    LogMelSet,
    Split,
    Store,
    write_split,
    write_store,
)
from soundalike.research.train import TrainConfig, config_from_dict

LABELS = ("high", "low", "middle")
SIDES = {"train": range(8), "valid": range(8, 10), "test": range(10, 12)}


def small_set(n_frames: int = 140) -> LogMelSet:
    """Twelve tracks a label; which third of the bands is loud tells the label."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 12)
    frames = generator.integers(0, 100, (36, 128, n_frames), dtype=np.uint8)
    for row, label in enumerate(labels):
        frames[row, label * 42 : label * 42 + 42] += 120
    numbers = np.arange(36) % 12
    return LogMelSet(
        frames,
        tuple(
            f"{LABELS[label]}/{number:02d}" for label, number in zip(labels, numbers, strict=True)
        ),
        labels.astype(np.int64),
        np.arange(36, dtype=np.int64),
        {side: np.flatnonzero(np.isin(numbers, list(which))) for side, which in SIDES.items()},
        LABELS,
    )


def write_small_set(folder: Path) -> Path:
    """The same as a data set of one's own, on disk."""
    data = small_set()
    names = np.array([LABELS[label] for label in data.labels])
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(data.log_mel, data.tracks, labels=tuple(names), artists=("",) * 36)
    write_store(folder / STORE_FILE, store)
    sides = {side: tuple(data.tracks[row] for row in rows) for side, rows in data.splits.items()}
    write_split(folder / SPLIT_FILE, Split(sides["train"], sides["valid"], sides["test"]))
    return folder


def small_config(**changes: object) -> TrainConfig:
    """A GRU of some thousand parameters with everything on that draws from chance."""
    values: dict[str, object] = {
        "name": "small",
        "network": "gru",
        "network_options": {"hidden": 16, "layers": 2, "dropout": 0.2},
        "epochs": 4,
        "crops_per_track": 1,
        "batch_size": 8,
        "learning_rate": 0.01,
        "valid_every": 2,
    }
    return config_from_dict(values | changes)


def small_images(n_train: int = 400, n_test: int = 100) -> Cifar10:
    """Images of one colour, which tells their class: the ten lie around a grey, far apart."""
    generator = np.random.default_rng(0)
    angle = np.arange(10) * np.pi / 5
    colours = 120 + 80 * np.stack([np.cos(angle), np.sin(angle), (-1.0) ** np.arange(10)], axis=1)

    def images(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(n) % 10
        noise = generator.integers(0, 12, (n, 3, 32, 32))
        images = noise + colours[labels][:, :, None, None]
        return images.astype(np.uint8), labels.astype(np.int64)

    return Cifar10(*images(n_train), *images(n_test), Path("made-up"))
