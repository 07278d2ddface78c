"""Layers for which it does not matter how many processes share a batch.

Two layers ask more than their own example. Dropout draws numbers: here each example of a batch has
a generator of its own, so a process that has half of the batch draws for that half what one process
draws for it. Batch normalisation asks for the mean of the whole batch: torch has that for several
processes on GPUs alone (``SyncBatchNorm``), and here it is made of two sums over all of them.

Parameters, buffers and what is computed outside training are those of torch's layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from soundalike.research.networks.base import wide

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "each_drawing_from",
    "is_shared",
    "kept",
    "sum_over_processes",
]

_generators: ContextVar[Sequence[torch.Generator] | None] = ContextVar("generators", default=None)


@contextmanager
def each_drawing_from(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Inside, example i of every batch draws from generator i alone, in the order of the layers.

    Outside, as in a network used by hand, all draw from torch's global generator.
    """
    token = _generators.set(generators)
    try:
        yield
    finally:
        _generators.reset(token)


def kept(shape: Sequence[int], share: float, device: torch.device) -> Tensor:
    """What stays of a batch: float32 of that shape, 1 with a probability of ``share``, else 0."""
    # Whatever layout the layer's input has, the numbers come in one order.
    mask = torch.empty(tuple(shape), device=device)
    generators = _generators.get()
    if generators is None:
        return mask.bernoulli_(share)
    for example, generator in zip(mask, generators, strict=True):
        example.bernoulli_(share, generator=generator)
    return mask


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014) that draws for each example (n, ...) by itself."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        return x * (kept(x.shape, 1 - self.p, x.device) / (1 - self.p)).to(x.dtype)


def is_shared() -> bool:
    """Whether several processes share each batch."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class _Sum(torch.autograd.Function):
    """The sum over all processes; a process's value counts in the loss of each of them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def sum_over_processes(value: Tensor) -> Tensor:
    """The sum of what all processes have; all must ask at the same point, with the same shape.

    Its gradient is the sum of the gradients of all processes.
    """
    total: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total


def _normalised(norm: BatchNorm1d | BatchNorm2d, x: Tensor) -> Tensor:
    """Batch normalisation (Ioffe and Szegedy 2015) of x (n, channels, ...) over all processes."""
    values, axes = wide(x), [0, *range(2, x.ndim)]
    shape = [1, -1] + [1] * (x.ndim - 2)
    here = values.new_tensor([x.numel() / x.shape[1]])
    total = sum_over_processes(torch.cat([values.sum(axes), here]))
    count = total[-1].detach()
    mean = total[:-1] / count
    centred = values - mean.view(shape)
    # From the mean, in a second step: a difference of two large sums would lose its digits.
    variance = sum_over_processes(centred.square().sum(axes)) / count
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return (centred * scale.view(shape) + norm.bias.view(shape)).to(x.dtype)


class BatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation of (n, channels) over all processes that share the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return _normalised(self, x) if self.training and is_shared() else super().forward(x)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of (n, channels, height, width), likewise."""

    def forward(self, x: Tensor) -> Tensor:
        return _normalised(self, x) if self.training and is_shared() else super().forward(x)
