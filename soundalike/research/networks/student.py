"""The network that learns from teachers: the residual CNN, and heads for what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from soundalike.research.distill.lessons import TAUGHT
from soundalike.research.networks.base import Output
from soundalike.research.networks.resnet import ResNet

__all__ = ["Student"]


class Student(nn.Module):
    """A :class:`ResNet` whose embedding is to tell what teachers hear, too.

    What it gives is what the trunk gives; the heads stand on the embedding and are asked for
    explicitly, so that what is not needed drops out of what is exported.

    Parameters
    ----------
    n_labels : classes.
    taught : name -> values that are predicted of it, by a head of its own.
    contrast_dim : size of the vectors in which two excerpts of a track are to be alike.
    options : of the trunk.
    """

    def __init__(
        self,
        n_labels: int = 10,
        taught: Mapping[str, int] = TAUGHT,
        contrast_dim: int = 64,
        **options: Any,
    ) -> None:
        super().__init__()
        self.trunk = ResNet(n_labels, **options)
        size = self.trunk.head.in_features
        self.heads = nn.ModuleDict(
            {name: nn.Linear(size, values) for name, values in taught.items()}
        )
        self.contrast = nn.Sequential(
            nn.Linear(size, 2 * contrast_dim), nn.ReLU(), nn.Linear(2 * contrast_dim, contrast_dim)
        )

    def forward(self, log_mel: Tensor) -> Output:
        """log_mel (n, 128, 128) in dB -> logits (n, n_labels), embedding (n, D)."""
        output: Output = self.trunk(log_mel)
        return output

    def lessons(self, embedding: Tensor) -> dict[str, Tensor]:
        """What the teachers would say, by name: (n, D) -> (n, values)."""
        return {name: head(embedding) for name, head in self.heads.items()}
