"""Learning from labels, from teachers and from pairs of excerpts, all at once.

A batch has two parts, which go through the network together: labelled excerpts, augmented and mixed
as for any other network; and two excerpts of each of some recordings of a pool. Of those the
network learns what the teachers say (Hinton et al. 2015, as a regression), which of them the
teachers find alike (Park et al. 2019), and that two of one recording are more alike than two of
different ones (NT-Xent, Chen et al. 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundalike.errors import InvalidArgument
from soundalike.frontends.log_mel import EXCERPT_FRAMES, TOP_DB
from soundalike.research import augment
from soundalike.research.augment import AugmentConfig
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.distill.lessons import LESSONS, fit_plan
from soundalike.research.distill.pool_file import Pool
from soundalike.research.networks import Output, Student, wide
from soundalike.research.tasks import Batch, LogMelTask, Loss, label_loss

__all__ = ["DistillBatch", "DistillConfig", "DistillTask", "nt_xent"]

_DB_PER_STEP: Final = TOP_DB / 255
# Long recordings are drawn more often, but not in proportion: they repeat themselves.
_LENGTH_POWER: Final = 0.7


@dataclass(frozen=True)
class DistillConfig:
    """What is learned besides the labels; the labelled part of a batch is ``batch_size``.

    Attributes
    ----------
    pool : the pool's folder.
    recordings : of the pool in a batch, two excerpts of each.
    label_weight, lesson_weight, word_weight, relation_weight, contrast_weight : of the losses.
    temperature : of the contrastive loss.
    mixup, mixup_share : of the pool's excerpts, as in :class:`AugmentConfig`: what the teachers say
        of the two is mixed in the same proportion. They would say something else of the mix, but
        the student remembers recordings less.
    augment : of the excerpts of the pool. Gentler than for the labels: the teachers have heard them
        as they were.
    """

    pool: str = ""
    recordings: int = 48
    label_weight: float = 0.3
    lesson_weight: float = 1.0
    word_weight: float = 1.0
    relation_weight: float = 1.0
    contrast_weight: float = 0.1
    temperature: float = 0.15
    mixup: float = 0.4
    mixup_share: float = 0.5
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            edge=0.3,
            lowpass=0.2,
            lowpass_from=0.5,
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
        if self.recordings < 1:
            raise InvalidArgument(f"recordings must be 1 or more, not {self.recordings}")
        for name in ("label", "lesson", "word", "relation", "contrast"):
            value = getattr(self, f"{name}_weight")
            if not value >= 0:
                raise InvalidArgument(f"{name}_weight must be 0 or more, not {value}")
        if not self.temperature > 0:
            raise InvalidArgument(f"temperature must be above 0, not {self.temperature}")


@dataclass(frozen=True)
class DistillBatch(Batch):
    """Labelled excerpts, then the first and then the second excerpt of each recording.

    Attributes
    ----------
    lessons : by the names of the lessons and "words", float32 (2 n_recordings, size).
    """

    lessons: Mapping[str, Tensor]


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
        plan = fit_plan(pool)
        self._taught = [plan(recording) for recording in pool.recordings]
        self._recordings = [
            torch.from_numpy(_long_enough(each.log_mel)) for each in pool.recordings
        ]
        lengths = torch.tensor([each.log_mel.shape[1] for each in pool.recordings])
        self._shares = lengths.double() ** _LENGTH_POWER
        self._device = device

    def batch(self, index: Tensor) -> DistillBatch:
        """See :class:`soundalike.research.tasks.Task`; the index is of the labelled part."""
        labelled = super().batch(index)
        n = min(self.distill.recordings, len(self._recordings))
        chosen = torch.multinomial(self._shares, n, replacement=False).repeat(2).tolist()
        excerpts, lessons = [], []
        for number in chosen:
            frames = self._recordings[number]
            start = int(torch.randint(frames.shape[1] - EXCERPT_FRAMES + 1, (1,)))
            excerpts.append(frames[:, start : start + EXCERPT_FRAMES])
            lessons.append(self._taught[number].excerpt(start))
        decibels = torch.stack(excerpts).to(self._device).float() * _DB_PER_STEP - TOP_DB
        asked = {
            name: torch.stack([torch.from_numpy(each[name]) for each in lessons]).to(self._device)
            for name in lessons[0]
        }
        heard, asked = self._mixed(augment.perturb(decibels, self.distill.augment), asked)
        return DistillBatch(torch.cat([labelled.inputs, heard]), labelled.targets, asked)

    def _mixed(self, heard: Tensor, asked: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Some excerpts mixed with others; the two of a recording with the two of one other."""
        n = len(heard) // 2
        share, other = augment.mixing(n, self.distill.mixup, self.distill.mixup_share, heard)
        share, other = share.repeat(2), torch.cat([other, other + n])

        def mix(values: Tensor) -> Tensor:
            each = share.reshape(-1, *[1] * (values.ndim - 1))
            return each * values + (1 - each) * values[other]

        return mix(heard), {name: mix(values) for name, values in asked.items()}

    def loss(self, network: nn.Module, output: Output, batch: Batch, smoothing: float) -> Loss:
        """See :class:`soundalike.research.tasks.Task`."""
        assert isinstance(network, Student)
        assert isinstance(batch, DistillBatch)
        n_labelled = len(batch.targets)
        labels = label_loss(output.logits[:n_labelled], batch.targets, smoothing)
        features = wide(output.embedding)[n_labelled:]
        told = network.lessons(features)
        lesson = relation = features.new_zeros(())
        for each in LESSONS:
            is_said, is_right = told[each.name], batch.lessons[each.name]
            error = F.mse_loss(is_said, is_right)
            angle = 1 - F.cosine_similarity(is_said, is_right, dim=1).mean()
            lesson = lesson + each.weight * (error + angle)
            relation = relation + each.weight * F.mse_loss(_cosines(is_said), _cosines(is_right))
        words = F.binary_cross_entropy_with_logits(told["words"], batch.lessons["words"])
        contrast = nt_xent(network.contrast(features), self.distill.temperature)
        parts = {
            "label": labels.total,
            "lesson": lesson,
            "word": words,
            "relation": relation,
            "contrast": contrast,
        }
        total = sum(
            (getattr(self.distill, f"{name}_weight") * value for name, value in parts.items()),
            start=features.new_zeros(()),
        )
        return Loss(total, labels.hits, parts)


def _long_enough(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Repeated until an excerpt is full, as the product does."""
    repeats = -(-EXCERPT_FRAMES // frames.shape[1])
    return np.tile(frames, repeats) if repeats > 1 else frames


def _cosines(values: Tensor) -> Tensor:
    """Of every two rows."""
    unit = F.normalize(values, dim=1)
    return unit @ unit.T


def nt_xent(vectors: Tensor, temperature: float) -> Tensor:
    """How badly vectors (2 n, D), the n first of pairs and then the n second, find their partners.

    Cross-entropy of the partner among all others, with cosines over the temperature as logits.
    """
    unit = F.normalize(vectors, dim=1)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-1e4)
    n = len(vectors) // 2
    partners = torch.arange(2 * n, device=vectors.device).roll(n)
    return F.cross_entropy(logits, partners)
