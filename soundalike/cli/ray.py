"""``--ray`` and ``--gpu``: a cluster in place of this machine's cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.output import note
from soundalike.cli.params import Decorated

if TYPE_CHECKING:
    from soundalike.workers.jobs import MakePool

__all__ = ["pool_at", "ray_option"]


def ray_option(command: Decorated) -> Decorated:
    """``--ray`` and ``--gpu``: where files are analysed."""
    for option in (
        click.option(
            "--gpu",
            is_flag=True,
            help="With --ray: run the model on the GPUs of the cluster, where it has some.",
        ),
        click.option(
            "--ray",
            metavar="ADDRESS",
            help="Analyse on the machines of the Ray cluster with this head (HOST:PORT), or auto "
            "for the one that this machine is part of. All must see the files at the same paths.",
        ),
    ):
        command = option(command)
    return command


def pool_at(address: str | None, *, gpu: bool) -> MakePool:
    """What makes the workers of a command.

    Raises
    ------
    click.UsageError : GPUs without a cluster.
    """
    if address is None:
        from soundalike.workers.pool import WorkerPool

        if gpu:
            raise click.UsageError(
                "--gpu needs --ray: for this machine alone, run `ray start --head`, then add "
                "--ray auto"
            )
        return WorkerPool
    from soundalike.workers.ray_pool import ray_pool

    return ray_pool(address, gpu=gpu, tell=note)
