"""What training needs from a data set: batches to learn from, and predictions to evaluate.

The loop in :mod:`soundalike.research.train` serves music and images; what differs is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundalike.analysis import unit
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.log_mel import EXCERPT_FRAMES, excerpts
from soundalike.research import augment, classification
from soundalike.research.augment import AugmentConfig
from soundalike.research.datasets.cifar10 import Cifar10
from soundalike.research.datasets.frames import SPLITS, LogMelSet
from soundalike.research.networks import Output, wide

__all__ = [
    "Batch",
    "DataSet",
    "ImageAugment",
    "ImageTask",
    "LogMelTask",
    "Loss",
    "Predictions",
    "Task",
    "label_loss",
    "predict",
    "predict_images",
    "track_embeddings",
]

DataSet = LogMelSet | Cifar10
Rows = npt.NDArray[np.int64]

HELD_OUT_SEED: Final = 1009
"""Of the choice of CIFAR-10's validation images, the same for every run."""


@dataclass(frozen=True)
class Predictions:
    """What a network says about some tracks, excerpt by excerpt (for images, each is both).

    Attributes
    ----------
    probabilities : float32 (n_excerpts, n_labels).
    embeddings : float32 (n_excerpts, D), as the network gives them.
    tracks : int64 (n_excerpts,), position of the excerpt's track among the requested ones.
    labels : int64 (n_tracks,).
    """

    probabilities: npt.NDArray[np.float32]
    embeddings: npt.NDArray[np.float32]
    tracks: Rows
    labels: Rows


@dataclass(frozen=True)
class Batch:
    """Inputs for the network, augmented, and targets float32 (n, n_labels) that sum to 1."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Loss:
    """The loss of one batch.

    Attributes
    ----------
    total : the value that is minimised.
    hits : share of the labelled examples whose label was found.
    parts : the terms of the total, by name; empty if the loss of the labels is the only one.
    """

    total: Tensor
    hits: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


def label_loss(logits: Tensor, targets: Tensor, smoothing: float) -> Loss:
    """Cross-entropy of targets (n, n_labels), smoothed (Szegedy et al. 2016)."""
    total = F.cross_entropy(wide(logits), targets, label_smoothing=smoothing)
    is_hit = logits.argmax(dim=1) == targets.argmax(dim=1)
    return Loss(total, is_hit.float().mean())


@dataclass(frozen=True)
class ImageAugment:
    """How images are changed in training; 0 and False switch a change off."""

    flip: bool = False  # half of them, left to right
    shift: int = 0  # pixels up, down and sideways, what is beyond the edge mirrored
    cutout: int = 0  # side of a grey square somewhere in the image, pixels


class Task(Protocol):
    """A data set as the training loop sees it.

    Attributes
    ----------
    n_examples : to choose from in an epoch: tracks or images.
    sizes : by side, how many tracks or images.
    """

    @property
    def label_names(self) -> tuple[str, ...]: ...

    @property
    def n_examples(self) -> int: ...

    @property
    def sizes(self) -> Mapping[str, int]: ...

    def batch(self, index: Tensor) -> Batch:
        """The training examples of those numbers (n,); chance is drawn from torch's generator."""
        ...

    def loss(self, network: nn.Module, output: Output, batch: Batch, smoothing: float) -> Loss:
        """How wrong the network's output for a batch is.

        Parameters
        ----------
        network : whose output it is; a task may ask more of its parts.
        smoothing : share of each target that goes to all labels alike.
        """
        ...

    def predict(self, network: nn.Module, side: str) -> Predictions:
        """Ask the network about a side of the split: "train", "valid" or "test"."""
        ...


class LogMelTask:
    """Tracks as log-mel frames.

    Parameters
    ----------
    whole : the tracks of the set are segments, taken as they are; otherwise excerpts are cut, at
        random in training and as the product does in prediction.
    """

    def __init__(
        self, data: LogMelSet, config: AugmentConfig, device: torch.device, *, whole: bool = False
    ) -> None:
        self.data = data
        self.config = config
        self.whole = whole
        self.n_frames = data.log_mel.shape[2] if whole else EXCERPT_FRAMES
        rows = data.splits["train"]
        if not len(rows):
            raise DataError("the training side of the split has no tracks")
        self._tracks = torch.from_numpy(data.decibels(rows)).to(device)
        self._labels = torch.from_numpy(data.labels[rows]).to(device)

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.data.label_names

    @property
    def n_examples(self) -> int:
        return len(self._labels)

    @property
    def sizes(self) -> Mapping[str, int]:
        return {side: len(self.data.splits[side]) for side in SPLITS}

    def batch(self, index: Tensor) -> Batch:
        """See :class:`Task`; inputs are (n, 128, n_frames), normalised."""
        index = index.to(self._labels.device)
        excerpts = augment.crop(self._tracks[index], self.config, self.n_frames)
        targets = F.one_hot(self._labels[index], len(self.label_names)).float()
        return Batch(*augment.mix(augment.perturb(excerpts, self.config), targets, self.config))

    def loss(self, network: nn.Module, output: Output, batch: Batch, smoothing: float) -> Loss:
        """See :class:`Task`."""
        return label_loss(output.logits, batch.targets, smoothing)

    def predict(self, network: nn.Module, side: str) -> Predictions:
        """See :class:`Task`."""
        return predict(network, self.data, self.data.splits[side], whole=self.whole)


class ImageTask:
    """CIFAR-10, with some of its training images held out for validation.

    Parameters
    ----------
    n_valid : how many are held out, an equal number of each class.
    """

    def __init__(
        self, data: Cifar10, config: ImageAugment, device: torch.device, *, n_valid: int
    ) -> None:
        self.config = config
        self.data = data
        self.valid_rows = _held_out(data.train_labels, n_valid)
        kept = np.setdiff1d(np.arange(len(data.train_labels)), self.valid_rows)
        self._images = torch.from_numpy(data.train_images[kept]).to(device)
        self._labels = torch.from_numpy(data.train_labels[kept]).to(device)

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.data.label_names

    @property
    def n_examples(self) -> int:
        return len(self._labels)

    @property
    def sizes(self) -> Mapping[str, int]:
        counts = (len(self._labels), len(self.valid_rows), len(self.data.test_labels))
        return dict(zip(SPLITS, counts, strict=True))

    def batch(self, index: Tensor) -> Batch:
        """See :class:`Task`; inputs are (n, 3, 32, 32) from 0 to 1."""
        index = index.to(self._labels.device)
        images = _change(self._images[index].float() / 255, self.config)
        return Batch(images, F.one_hot(self._labels[index], len(self.label_names)).float())

    def loss(self, network: nn.Module, output: Output, batch: Batch, smoothing: float) -> Loss:
        """See :class:`Task`."""
        return label_loss(output.logits, batch.targets, smoothing)

    def predict(self, network: nn.Module, side: str) -> Predictions:
        """See :class:`Task`."""
        if side == "test":
            return predict_images(network, self.data.test_images, self.data.test_labels)
        if side == "valid":
            rows = self.valid_rows
            return predict_images(
                network, self.data.train_images[rows], self.data.train_labels[rows]
            )
        images = np.asarray(self._images.cpu())
        return predict_images(network, images, np.asarray(self._labels.cpu()))


def _held_out(labels: Rows, n_valid: int) -> Rows:
    """Rows of an equal number of images of each class, in ascending order."""
    classes = np.unique(labels)
    each = n_valid // len(classes)
    generator = np.random.default_rng(HELD_OUT_SEED)
    chosen = []
    for label in classes:
        mine = np.flatnonzero(labels == label)
        if len(mine) <= each:
            raise InvalidArgument(
                f"{n_valid} validation images are {each} of each class, and of class {label} "
                f"there are only {len(mine)}"
            )
        chosen.append(generator.permutation(mine)[:each])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _change(images: Tensor, config: ImageAugment) -> Tensor:
    """Flipped, shifted and cut out, each image by its own chance; (n, 3, 32, 32)."""
    n, _, height, width = images.shape
    device = images.device
    if config.flip:
        turned = torch.rand(n, 1, 1, 1, device=device) < 0.5
        images = torch.where(turned, images.flip(3), images)
    if config.shift:
        wide = F.pad(images, (config.shift,) * 4, mode="reflect")
        start = torch.randint(0, 2 * config.shift + 1, (2, n, 1), device=device)
        rows = start[0] + torch.arange(height, device=device)  # (n, height)
        columns = start[1] + torch.arange(width, device=device)
        which = torch.arange(n, device=device)[:, None, None]
        # Indexing puts the channels last.
        images = wide[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if config.cutout:
        centre = torch.randint(0, height, (2, n, 1), device=device)
        near_row = (torch.arange(height, device=device) - centre[0]).abs() < config.cutout / 2
        near_column = (torch.arange(width, device=device) - centre[1]).abs() < config.cutout / 2
        hidden = near_row[:, None, :, None] & near_column[:, None, None, :]
        images = images.masked_fill(hidden, 0.473)
    return images


def predict(network: nn.Module, data: LogMelSet, rows: Rows, *, whole: bool = False) -> Predictions:
    """Run the network over the excerpts that the product would cut from those tracks.

    Parameters
    ----------
    whole : take the tracks as they are, since they are segments already.
    """
    if not len(rows):
        raise DataError("no tracks to predict")
    decibels = data.decibels(rows)
    if whole:
        frames, tracks = decibels, np.arange(len(rows))
    else:
        cut = [excerpts(track).frames for track in decibels]
        tracks = np.repeat(np.arange(len(rows)), [len(one) for one in cut])
        frames = np.concatenate(cut)
    return _ask(network, torch.from_numpy(frames), tracks, data.labels[rows])


def predict_images(network: nn.Module, images: npt.NDArray[np.uint8], labels: Rows) -> Predictions:
    """Run the network over images uint8 (n, 3, 32, 32); each counts as a track of one excerpt."""
    return _ask(network, torch.from_numpy(images), np.arange(len(labels)), labels)


def _ask(network: nn.Module, inputs: Tensor, tracks: Rows, labels: Rows) -> Predictions:
    device = next(network.parameters()).device
    network.eval()
    probabilities, embeddings = [], []
    with torch.inference_mode():
        for batch in torch.split(inputs, 64 if inputs.ndim == 3 else 512):
            given = batch.to(device)
            if given.dtype == torch.uint8:
                given = given.float() / 255
            output = network(given)
            probabilities.append(output.logits.softmax(dim=1).cpu().numpy())
            embeddings.append(output.embedding.cpu().numpy())
    return Predictions(np.concatenate(probabilities), np.concatenate(embeddings), tracks, labels)


def track_embeddings(
    predictions: Predictions, centre: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """(n_tracks, D): mean of the excerpts' centred embeddings, each of unit length."""
    return classification.mean_by_track(unit(predictions.embeddings - centre), predictions.tracks)
