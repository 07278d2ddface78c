"""What processes do that share a training; a module of its own, so that they find it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from small_sets import small_config, small_set

from soundalike.research.checkpoints import build_network
from soundalike.research.ranks import Rank
from soundalike.research.train import TrainConfig, make_task

SMALL: dict[str, dict[str, object]] = {
    "cnn-lstm": {"channels": [4, 4, 4], "hidden": 8},
    "gru": {"hidden": 8, "layers": 2},
    "paper-cnn": {"channels": [4, 4, 8, 8, 8], "hidden": [16, 16, 16, 8]},
    "resnet": {"widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1], "embedding_dim": 8, "se": True},
    "student": {"widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1]},
}
"""A small one of each kind, with dropout (and where it has one, drop path) as it usually is."""


def config_of(network: str, pool: Path) -> TrainConfig:
    return small_config(
        network=network,
        network_options=SMALL[network],
        distill={"pool": str(pool), "recordings": 5},
        # Of seven, which two processes cannot share evenly.
        batch_size=7,
        precision="float32",
    )


def weights_after_steps(rank: Rank, network: str, pool: Path) -> dict[str, torch.Tensor]:
    """What four steps of gradient descent make of a network in double precision.

    With 53 bits instead of 24, rounding cannot be taken for a difference, nor hide one.
    """
    config = config_of(network, pool)
    task = make_task(config, small_set())
    torch.manual_seed(3)
    trained = build_network(config, task.label_names).double().train()
    shared = rank.wrapped(trained)
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.05, momentum=0.9)
    for step in range(4):
        batch = task.batch(torch.randperm(task.n_examples)[:7])
        output = rank.outputs(shared, batch.inputs.double(), (3, 0, step), "float32")
        loss = task.loss(trained, output, batch, config.label_smoothing)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    return trained.state_dict()


def train_all_kinds(rank: Rank, tell: Callable[[object], None], folder: Path, pool: Path) -> None:
    """Each kind of network, and from the first process to a file what became of it."""
    for network in SMALL:
        found = weights_after_steps(rank, network, pool)
        if rank.number == 0:
            torch.save(found, folder / f"{network}.pt")
            tell(network)
