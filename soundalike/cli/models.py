"""``soundalike models``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.output import Column, echo, print_json, print_table
from soundalike.cli.params import ExampleCommand, ExampleGroup, json_option

if TYPE_CHECKING:
    from soundalike.models import ModelInfo

__all__ = ["models"]


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike models", "what is installed"),
        ("soundalike models show gtzan-resnet", "the model card: data, figures, limits"),
    ),
)
@json_option
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List the installed models, or show one's card.

    A model turns audio into genres and an embedding. Results of two models or versions cannot be
    compared, so every library remembers which one it was made with.
    """
    if ctx.invoked_subcommand is not None:
        return
    from soundalike.models import installed_models

    found = installed_models()
    if as_json:
        print_json([_as_json(model) for model in found])
        return
    print_table(
        [
            Column("model"),
            Column("embedding", justify="right", drop=1),
            Column("genres", justify="right", drop=2),
            Column("size", justify="right", drop=3),
            Column("what it is", min_width=20),
        ],
        [
            [
                model.id,
                str(model.embedding_dim),
                str(len(model.labels)),
                f"{model.size_bytes / 1e6:.1f} MB",
                model.description,
            ]
            for model in found
        ],
    )


@models.command(
    cls=ExampleCommand,
    examples=(("soundalike models show gtzan-resnet", "the model card: data, figures, limits"),),
)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print the card of a model: training data, figures, limits, licence."""
    from soundalike.models import find_model

    model = find_model(name)
    if as_json:
        print_json(_as_json(model) | {"card": model.card})
    else:
        echo(model.card.rstrip())


def _as_json(model: ModelInfo) -> dict[str, Any]:
    return {"id": model.id, **dataclasses.asdict(model)}
