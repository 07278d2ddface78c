"""What the networks share."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Output", "normalise", "wide"]


class Output(NamedTuple):
    """What a network gives: logits (n, n_labels) and the embedding (n, D) that they stand on."""

    logits: Tensor
    embedding: Tensor


def wide(x: Tensor) -> Tensor:
    """In float32, or as it is if it is wider: sums of bfloat16 would lose what is small."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def normalise(log_mel: Tensor) -> Tensor:
    """Each excerpt (n, n_mels, n_frames) to zero mean and unit variance over both axes."""
    centred = log_mel - log_mel.mean(dim=(1, 2), keepdim=True)
    # The constant keeps a silent excerpt at zero instead of blowing up its rounding noise.
    return centred * torch.rsqrt(centred.square().mean(dim=(1, 2), keepdim=True) + 1e-3)
