"""Several processes that train one network: what each does of a batch, and what all must know.

Every process makes the same batch, from the same seed, and takes its own examples through the
network. The outputs are put together again, so the loss is that of the whole batch, whatever it
compares; the gradients are averaged by torch's ``DistributedDataParallel``. Layers that ask more
than their own example are those of :mod:`soundalike.research.networks.shared`. So the number of
processes changes nothing but the order in which sums are made.

To make the whole batch in each process costs a twentieth of a step of one process; mixup and
contrastive losses need examples of all of it anyway.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from soundalike.research.devices import Devices
from soundalike.research.networks import Output, wide
from soundalike.research.networks.shared import each_drawing_from, sum_over_processes

__all__ = ["Rank", "joined"]

# A process that waits for another does so until that is done or dead, which the launcher sees.
_PATIENCE: Final = timedelta(days=7)


@dataclass(frozen=True)
class Rank:
    """One of the processes that train.

    Attributes
    ----------
    number : from 0; that one writes and tells.
    devices : of all processes.
    """

    number: int
    devices: Devices

    @property
    def device(self) -> torch.device:
        return torch.device(self.devices.names[self.number])

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network, with gradients that are the means over all processes."""
        if len(self.devices) == 1:
            return network
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids)

    def outputs(
        self, network: nn.Module, inputs: Tensor, place: tuple[int, int, int], precision: str
    ) -> Output:
        """What the network gives for a batch (n, ...), of which this process does its part.

        Parameters
        ----------
        network : from :meth:`wrapped`.
        place : the run's seed, the epoch and the batch's number, from which dropout draws.
        precision : "bfloat16" or "float32".
        """
        mine = np.array_split(np.arange(len(inputs)), len(self.devices))[self.number]
        seeds = (np.random.SeedSequence((*_positive(place), int(row))) for row in mine)
        generators = [
            torch.Generator(self.device).manual_seed(int(seed.generate_state(1)[0]))
            for seed in seeds
        ]
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bfloat16"),
            each_drawing_from(generators),
        ):
            output: Output = network(inputs[int(mine[0]) : int(mine[-1]) + 1])
        if len(self.devices) == 1:
            return output
        return Output(*(_of_all(values, int(mine[0]), len(inputs)) for values in output))


def _positive(place: tuple[int, int, int]) -> tuple[int, ...]:
    """A seed may be below 0 for torch, but not for NumPy."""
    return tuple(number % 2**64 for number in place)


def _of_all(values: Tensor, begin: int, n: int) -> Tensor:
    """The rows (n, size) of all processes, of which these are the ones from ``begin`` on."""
    values = wide(values)
    whole = values.new_zeros((n, *values.shape[1:]))
    whole[begin : begin + len(values)] = values
    return sum_over_processes(whole)


@contextmanager
def joined(rank: Rank, meeting: Path) -> Iterator[None]:
    """Inside, the processes can reach each other: on this machine alone, by its loopback.

    Parameters
    ----------
    meeting : a file, the same for all and not there yet, in a folder that only we may read.
    """
    threads = torch.get_num_threads()
    if rank.device.type == "cuda":
        torch.cuda.set_device(rank.device)
    else:
        torch.set_num_threads(max(1, threads // len(rank.devices)))
    loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    if loopback:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    store = dist.FileStore(str(meeting), len(rank.devices))  # type: ignore[attr-defined]
    dist.init_process_group(
        "nccl" if rank.device.type == "cuda" else "gloo",
        store=store,
        rank=rank.number,
        world_size=len(rank.devices),
        timeout=_PATIENCE,
    )
    try:
        yield
    finally:
        dist.destroy_process_group()
