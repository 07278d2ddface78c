"""The network that learns from a teacher: the residual CNN, and two heads for training alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from soundalike.research.networks.base import Output
from soundalike.research.networks.resnet import ResNet

__all__ = ["Student"]


class Student(nn.Module):
    """A :class:`ResNet` whose embedding is to tell what a teacher hears, too.

    What it gives is what the trunk gives; the heads stand on the embedding and are asked for
    explicitly, so that they drop out of what is exported.

    Parameters
    ----------
    n_labels : classes.
    taught : values that the teacher's head predicts.
    contrast_dim : size of the vectors in which two crops of a track are to be alike.
    options : of the trunk.
    """

    def __init__(
        self, n_labels: int = 10, taught: int = 442, contrast_dim: int = 64, **options: Any
    ) -> None:
        super().__init__()
        self.trunk = ResNet(n_labels, **options)
        size = self.trunk.head.in_features
        self.teacher = nn.Linear(size, taught)
        self.contrast = nn.Sequential(
            nn.Linear(size, 2 * contrast_dim), nn.ReLU(), nn.Linear(2 * contrast_dim, contrast_dim)
        )

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, n_mels, n_frames) in dB -> logits (n, n_labels), embedding (n, D)."""
        output: Output = self.trunk(log_mel)
        return output
