"""From a training run to a model: ``soundalike models export``, ``familiarity`` and ``card``."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import click

from soundalike.cli.output import echo, note, print_json
from soundalike.cli.params import ExampleCommand, json_option
from soundalike.cli.progress import work_progress
from soundalike.errors import InvalidArgument, MissingExtra, printable
from soundalike.show.amounts import show_bytes

__all__ = ["card", "export", "familiarity"]

_PATH = click.Path(path_type=Path)
_data_option = click.option(
    "--data",
    type=_PATH,
    metavar="DIR",
    help="The prepared GTZAN, or a folder of data sets. Default: SOUNDALIKE_DATA.",
)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike models export runs/resnet-0 --out mine", "mine/resnet.onnx and its entry"),
        (
            "soundalike models export runs/mine --block yamnet --block musicnn=0.5 --half",
            "an embedding of two blocks, stored in half the size",
        ),
        (
            "soundalike models export runs/mine --block yamnet --unheard new-pool",
            "a model that tells words, with thresholds from music that is new to it",
        ),
    ),
)
@click.argument("run", type=_PATH)
@_data_option
@click.option(
    "--out",
    type=_PATH,
    metavar="DIR",
    default=".",
    show_default=True,
    help="Folder for the .onnx file and its entry in registry.json.",
)
@click.option("--version", default="1", show_default=True, help="Version of the model.")
@click.option(
    "--description",
    default="ten genres and a 128-d embedding, trained on GTZAN",
    show_default=True,
    help="What it is, in one line.",
)
@click.option(
    "--block",
    "blocks",
    multiple=True,
    metavar="NAME[=WEIGHT]",
    help="What the embedding, or its facet sound, is made of: trunk, a lesson (yamnet, "
    "yamnet-middle, musicnn-pools, musicnn, words), mel-mean, mel-std, mel-range, "
    "mfcc-covariance or fluctuation; "
    "repeatable. A weight is 1 unless given.  [default: the layer under the network's own head]",
)
@click.option(
    "--dims",
    type=int,
    default=0,
    help="Principal axes of the blocks, where there is no --facet.  [default: all]",
)
@click.option(
    "--genre-block",
    "genre_blocks",
    multiple=True,
    metavar="NAME",
    help="Input of a logistic regression that predicts the genres; repeatable.  [default: the "
    "network's own head]",
)
@click.option(
    "--genre-strength",
    type=float,
    default=0.003,
    show_default=True,
    help="Of that regression, the inverse of its penalty.",
)
@click.option(
    "--genre-copies",
    type=int,
    default=0,
    show_default=True,
    help="How often that regression sees each track besides, through other equalisers, band limits "
    "and noise.",
)
@click.option(
    "--pool",
    type=_PATH,
    metavar="DIR",
    help="A pool whose recordings the blocks are standardised on as well.",
)
@click.option(
    "--facet",
    "facets",
    multiple=True,
    metavar="NAME=WEIGHT:SIZE[:EVENING]",
    help="A facet of the embedding: sound, rhythm or harmony, with its share of a similarity, how "
    "many values it has, and how far their sizes are made even, 0 to 1; repeatable.  [default: an "
    "embedding without facets]",
)
@click.option(
    "--music",
    type=_PATH,
    multiple=True,
    metavar="DIR",
    help="Music that the facets rhythm and harmony are fitted on; repeatable.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="PACKAGE",
    help="A package of that music that is left out; repeatable.",
)
@click.option(
    "--unheard",
    type=_PATH,
    metavar="DIR",
    help="A pool of recordings that were not trained on: the model tells words, with thresholds "
    "from these.",
)
@click.option("--half", is_flag=True, help="Store large weights as float16.")
@click.option(
    "--eight-bits",
    is_flag=True,
    help="Store the weights of the largest convolutions as 8 bits, with a scale for each channel.",
)
@json_option
def export(
    run: Path,
    data: Path | None,
    out: Path,
    version: str,
    description: str,
    blocks: tuple[str, ...],
    dims: int,
    genre_blocks: tuple[str, ...],
    genre_strength: float,
    genre_copies: int,
    pool: Path | None,
    facets: tuple[str, ...],
    music: tuple[Path, ...],
    without: tuple[str, ...],
    unheard: Path | None,
    half: bool,
    eight_bits: bool,
    as_json: bool,
) -> None:
    """Export a training run as a model that soundalike runs.

    RUN is the folder that `soundalike train` left. Temperature and genre set are fitted on the
    validation tracks of the data set that it was trained on. Needs soundalike[research].
    """
    weights = dict(map(_weighted, blocks))
    needing = {
        "--dims": dims,
        "--genre-block": genre_blocks,
        "--pool": pool,
        "--facet": facets,
        "--unheard": unheard,
    }
    if not weights and any(needing.values()):
        raise click.UsageError(f"{', '.join(needing)} need a --block")
    if music and not facets:
        raise click.UsageError("--music is for the facets rhythm and harmony: name them (--facet)")
    try:
        from soundalike.research import music as reference
        from soundalike.research.datasets import gtzan
        from soundalike.research.distill.pool_file import read_pool
        from soundalike.research.distill.projection import ProjectionConfig
        from soundalike.research.export import References
        from soundalike.research.export import export as export_run
    except ModuleNotFoundError as error:
        raise MissingExtra("exporting a model", "research") from error

    projection = (
        ProjectionConfig(
            tuple(weights),
            tuple(weights.values()),
            dims,
            genre_blocks,
            genre_strength,
            genre_copies,
            tuple(map(_facet, facets)),
        )
        if weights
        else None
    )
    with work_progress("files") as show:
        model = export_run(
            run,
            gtzan.load(data),
            out,
            version=version,
            description=description,
            projection=projection,
            references=References(
                pool=read_pool(pool) if pool is not None else None,
                descriptors=reference.descriptors(music, without, partial(show, "music")),
                unheard=read_pool(unheard) if unheard is not None else None,
            ),
            half=half,
            eight_bits=eight_bits,
        )
    if as_json:
        print_json({"id": model.id, "path": model.path, "size_bytes": model.size_bytes})
    else:
        echo(f"{model.id}: {printable(model.path)}, {show_bytes(model.size_bytes)}")


def _weighted(block: str) -> tuple[str, float]:
    name, equals, weight = block.partition("=")
    try:
        return name, float(weight) if equals else 1.0
    except ValueError:
        raise click.BadParameter(f"--block {block}: the weight must be a number") from None


def _facet(text: str) -> tuple[str, float, int, float]:
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    try:
        weight, size, evening = (*parts, "0") if len(parts) == 2 else parts
        return name, float(weight), int(size), float(evening)
    except ValueError:
        raise click.BadParameter(
            f"--facet {text}: write NAME=WEIGHT:SIZE or NAME=WEIGHT:SIZE:EVENING, such as "
            "rhythm=0.2:48:0.5"
        ) from None


@click.command(
    cls=ExampleCommand,
    examples=(
        (
            "soundalike models familiarity my.onnx --music DIR --held-out DIR2",
            "teach a model which music it knows",
        ),
    ),
)
@click.argument("file", type=_PATH)
@_data_option
@click.option(
    "--music",
    type=_PATH,
    multiple=True,
    metavar="DIR",
    help="Music that the model is to know, besides GTZAN's training tracks; repeatable.",
)
@click.option(
    "--held-out",
    type=_PATH,
    multiple=True,
    metavar="DIR",
    help="Music that it does not know, besides GTZAN's validation tracks; repeatable.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="PACKAGE",
    help="A package of either that is left out; repeatable.",
)
@click.option(
    "--layer",
    metavar="NAME",
    help="The value in its graph to compare; of maps, the means.  [default: the last pooled]",
)
def familiarity(
    file: Path,
    data: Path | None,
    music: tuple[Path, ...],
    held_out: tuple[Path, ...],
    without: tuple[str, ...],
    layer: str | None,
) -> None:
    """Teach a model which music it knows, and what is unlike it.

    FILE is an ONNX file that `soundalike models export` made; it gets one more output, and its
    genres and embeddings stay as they are. What counts as unlike is set by the held-out music: 2 %
    of it. Of a folder with a manifest.json the files that it lists are taken, else all audio files.
    Files shorter than 30 s are left out. Needs soundalike[research].
    """
    try:
        from soundalike.research.datasets import gtzan
        from soundalike.research.familiarity import update_model
        from soundalike.research.music import spectrograms
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a model", "research") from error
    frames = gtzan.load(data)
    with work_progress("files") as show:
        known = spectrograms(music, without, partial(show, "known music"))
        other = spectrograms(held_out, without, partial(show, "held-out music"))
        model = update_model(
            file,
            itertools.chain(frames.decibels(frames.splits["train"]), known),
            itertools.chain(frames.decibels(frames.splits["valid"]), other),
            layer=layer,
        )
    echo(f"{model.id}: {printable(model.path)}, {show_bytes(model.size_bytes)}")


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike models card soundalike --split valid --split test", "the card's table"),
        (
            "soundalike models card soundalike --split test --reliability confidence.png",
            "and a picture of how far its confidence can be believed",
        ),
    ),
)
@click.argument("name")
@_data_option
@click.option(
    "--split",
    "splits",
    type=click.Choice(["train", "valid", "test"]),
    multiple=True,
    default=("valid",),
    show_default=True,
    help="The split to measure; repeatable.",
)
@click.option(
    "--reliability",
    "picture",
    type=_PATH,
    metavar="FILE.png",
    help="Draw confidence against accuracy, before and after calibration (a single split).",
)
@json_option
def card(
    name: str, data: Path | None, splits: tuple[str, ...], picture: Path | None, as_json: bool
) -> None:
    """Measure a model of genres on GTZAN, as its card states it.

    Prints the figures with 95 % intervals, as Markdown. NAME is a model that `soundalike models`
    lists; `soundalike models show NAME` prints the card itself. Needs soundalike[research].
    """
    splits = tuple(dict.fromkeys(splits))
    _check_picture(picture, splits)
    try:
        from soundalike.research.card import card_table, draw, measure
        from soundalike.research.datasets import gtzan
    except ModuleNotFoundError as error:
        raise MissingExtra("measuring a model", "research") from error
    from soundalike.analyzer import Analyzer
    from soundalike.files import write_file

    analyzer, data_set = Analyzer(name), gtzan.load(data)
    found = {split: measure(analyzer, data_set, split) for split in splits}
    if as_json:
        print_json({split: result.to_json() for split, result in found.items()})
    else:
        echo(card_table(list(found.values()), list(found)))
    if picture is not None:
        write_file(picture, draw(found[splits[0]], splits[0]))
        note(f"picture: {printable(picture)}")


def _check_picture(picture: Path | None, splits: tuple[str, ...]) -> None:
    if picture is None:
        return
    if picture.suffix.lower() != ".png":
        raise InvalidArgument(f"{printable(picture)}: the picture is a PNG; name it FILE.png")
    if len(splits) != 1:
        raise InvalidArgument(
            f"--reliability draws one split, not {len(splits)} ({', '.join(splits)}): name one"
        )
