"""Learning from labels, from a teacher and from pairs of excerpts, all at once.

A batch has three parts, which go through the network together: labelled excerpts, augmented and
mixed as for any other network; segments of a pool, for which it learns the teacher's outputs
(Hinton et al. 2015, as a regression); and pairs of excerpts from one track, which should be more
alike than those of different tracks (NT-Xent, Chen et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.frontends.log_mel import TOP_DB
from soundalike.research import augment
from soundalike.research.augment import AugmentConfig
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.distill.pool_file import Pool
from soundalike.research.networks import Output, Student
from soundalike.research.tasks import Batch, LogMelTask, Loss, label_loss

__all__ = ["DistillBatch", "DistillConfig", "DistillTask", "nt_xent"]

# The two excerpts of a pair lie within this many frames (23 s) of a track.
_WINDOW_FRAMES: Final = 300
_DB_PER_STEP: Final = TOP_DB / 255


@dataclass(frozen=True)
class DistillConfig:
    """What is learned besides the labels; the labelled part of a batch is ``batch_size``.

    Attributes
    ----------
    pool : the pool's file.
    segments : of the pool in a batch.
    pairs : tracks in a batch that two excerpts are cut from, half of them soundtracks.
    teacher_weight, contrast_weight : of the two losses, beside that of the labels.
    temperature : of the contrastive loss.
    augment : of segments and pairs. Gentler than for the labels: the teacher has heard the segment
        as it was, and half of the pairs' differences are to stay.
    """

    pool: str = ""
    segments: int = 64
    pairs: int = 32
    teacher_weight: float = 1.0
    contrast_weight: float = 0.2
    temperature: float = 0.15
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            edge=0.7,
            lowpass=0.1,
            tilt_db=3.0,
            floor=0.3,
            noise=0.1,
            time_masks=1,
            time_mask_frames=12,
            mel_masks=1,
            mel_mask_bands=10,
        )
    )

    def __post_init__(self) -> None:
        for name in ("segments", "pairs"):
            if getattr(self, name) < 1:
                raise InvalidArgument(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("teacher_weight", "contrast_weight"):
            if not getattr(self, name) >= 0:
                raise InvalidArgument(f"{name} must be 0 or more, not {getattr(self, name)}")
        if not self.temperature > 0:
            raise InvalidArgument(f"temperature must be above 0, not {self.temperature}")


@dataclass(frozen=True)
class DistillBatch(Batch):
    """Labelled excerpts, then segments, then the first and the second excerpt of each pair.

    Attributes
    ----------
    lessons : float32 (n_segments, D), what the teacher says of the segments.
    """

    lessons: Tensor


class DistillTask(LogMelTask):
    """Labelled tracks as log-mel frames, and a pool."""

    def __init__(
        self,
        data: LogMelSet,
        config: AugmentConfig,
        device: torch.device,
        pool: Pool,
        distill: DistillConfig,
    ) -> None:
        super().__init__(data, config, device)
        self.distill = distill
        self._segments = torch.from_numpy(pool.log_mel)
        self._lessons = torch.from_numpy(pool.lessons.targets)
        self._weights = torch.from_numpy(pool.lessons.weights).to(device)
        self._soundtracks = [torch.from_numpy(track) for track in pool.tracks]
        self._device = device

    def batch(self, index: Tensor) -> DistillBatch:
        """See :class:`soundalike.research.tasks.Task`; the index is of the labelled part."""
        labelled = super().batch(index)
        changed = self.distill.augment
        chosen = torch.randint(len(self._segments), (self.distill.segments,))
        segments = self._decibels(self._segments[chosen])
        numbers = self._pair_numbers()
        pairs = [
            augment.perturb(augment.crop(self._windows(numbers), changed), changed)
            for _ in range(2)
        ]
        inputs = torch.cat([labelled.inputs, augment.perturb(segments, changed), *pairs])
        return DistillBatch(inputs, labelled.targets, self._lessons[chosen].to(self._device))

    def _decibels(self, frames: Tensor) -> Tensor:
        return frames.to(self._device).float() * _DB_PER_STEP - TOP_DB

    def _pair_numbers(self) -> list[int]:
        """Tracks for the pairs: labelled ones, and after them soundtracks, none of them twice."""
        n_labelled = len(self._tracks)
        labelled = torch.randperm(n_labelled)[: self.distill.pairs // 2]
        rest = self.distill.pairs - len(labelled)
        soundtracks = torch.randperm(len(self._soundtracks))[:rest] + n_labelled
        return [*labelled.tolist(), *soundtracks.tolist()]

    def _windows(self, numbers: list[int]) -> Tensor:
        """Of each track a passage from anywhere in it: float32 (n, 128, 300), dB."""
        windows = []
        for number in numbers:
            beyond = number - len(self._tracks)
            track = self._tracks[number] if beyond < 0 else self._soundtracks[beyond]
            if track.shape[1] < _WINDOW_FRAMES:
                track = track.repeat(1, -(-_WINDOW_FRAMES // track.shape[1]))
            start = int(torch.randint(track.shape[1] - _WINDOW_FRAMES + 1, (1,)))
            window = track[:, start : start + _WINDOW_FRAMES]
            windows.append(window if beyond < 0 else self._decibels(window))
        return torch.stack(windows)

    def loss(self, network: nn.Module, output: Output, batch: Batch, smoothing: float) -> Loss:
        """See :class:`soundalike.research.tasks.Task`."""
        assert isinstance(network, Student)
        assert isinstance(batch, DistillBatch)
        n_labelled, n_segments = len(batch.targets), len(batch.lessons)
        logits = output.logits[:n_labelled]
        features = output.embedding.float()
        told = network.teacher(features[n_labelled : n_labelled + n_segments])
        teacher = ((told - batch.lessons).square() * self._weights).sum(dim=1).mean()
        vectors = network.contrast(features[n_labelled + n_segments :])
        contrast = nt_xent(vectors, self.distill.temperature)
        labels = label_loss(logits, batch.targets, smoothing)
        total = (
            labels.total
            + self.distill.teacher_weight * teacher
            + self.distill.contrast_weight * contrast
        )
        parts = {"labels": labels.total, "teacher": teacher, "contrast": contrast}
        return Loss(total, labels.hits, parts)


def nt_xent(vectors: Tensor, temperature: float) -> Tensor:
    """How badly vectors (2 n, D), the n first of pairs and then the n second, find their partners.

    Cross-entropy of the partner among all others, with cosines over the temperature as logits.
    """
    unit = F.normalize(vectors, dim=1)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-1e4)
    n = len(vectors) // 2
    partners = torch.arange(2 * n, device=vectors.device).roll(n)
    return F.cross_entropy(logits, partners)
