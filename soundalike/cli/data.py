"""``soundalike data``: data sets for the research kit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    ExampleGroup,
    json_option,
    library_option,
)
from soundalike.cli.pool import pool
from soundalike.cli.progress import bytes_progress, work_progress
from soundalike.show.amounts import show_count
from soundalike.show.documents import to_json

if TYPE_CHECKING:
    from soundalike.research.datasets.prepare import PrepareReport

__all__ = ["data"]

_NAMES = click.Choice(["gtzan", "cifar10", "folder", "library"])


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike data", "list the data sets"),
        ("soundalike data info gtzan", "what you have of GTZAN, what is missing, whom to cite"),
    ),
)
@click.pass_context
def data(ctx: click.Context) -> None:
    """Get, prepare and check data sets.

    Networks are trained on them. They are in your data folder, or in the folder that
    SOUNDALIKE_DATA names.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_data)


@data.command(
    "list",
    cls=ExampleCommand,
    examples=(("soundalike data list --json", "names, licences and citations, as JSON"),),
)
@json_option
def list_data(as_json: bool) -> None:
    """List the data sets, and where soundalike looks for them."""
    from soundalike.research.datasets.catalog import DATA_SETS, home

    if as_json:
        print_json([_as_json(data_set) for data_set in DATA_SETS])
        return
    print_table(
        [
            Column("name"),
            Column("what it is", min_width=20),
            Column("can get", drop=2),
            Column("place", drop=1, min_width=20),
        ],
        [
            [
                data_set.name,
                data_set.description,
                ", ".join(data_set.parts) or "-",
                str(home(data_set.name)) + ("" if home(data_set.name).is_dir() else " (not there)"),
            ]
            for data_set in DATA_SETS
        ],
    )


@data.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike data get cifar10", "170 MB; checked and ready to use"),
        ("soundalike data get gtzan --part splits", "only the split lists, no audio"),
    ),
)
@click.argument("name", type=_NAMES)
@click.option("--to", "folder", type=PATH, help="Where to put it. Default: your data folder.")
@click.option("--part", "parts", multiple=True, help="Only this part; repeatable.")
@json_option
def get(name: str, folder: Path | None, parts: tuple[str, ...], as_json: bool) -> None:
    """Download a data set from where it is published.

    Its checksum is verified. An interrupted download resumes.
    """
    from soundalike.research.datasets.catalog import find_data_set
    from soundalike.research.datasets.catalog import get as get_data

    note(f"Licence: {find_data_set(name).licence}")
    with bytes_progress() as progress:
        got = get_data(name, folder, parts=parts, progress=progress)
    if as_json:
        print_json(got)
        return
    for file in got.files:
        echo(f"{file}  (checksum right)")
    if got.unpacked:
        echo(
            f"{show_count(got.unpacked, 'track')} in {got.folder}; "
            f"next: soundalike data prepare {name}"
        )


@data.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike data prepare gtzan ~/Data/genres_original", "from GTZAN's audio"),
        (
            "soundalike data prepare folder ~/Music/by-genre --out mine",
            "your own music, a folder per genre; no artist on two sides of the split",
        ),
        (
            "soundalike data prepare library --label Jazz --label Rock --out mine",
            "tracks of your library with these genre tags",
        ),
    ),
)
@click.argument("name", type=_NAMES)
@click.argument("source", type=PATH, required=False)
@click.option("--out", type=PATH, help="Folder to write to. Default: your data folder.")
@click.option("--skip-broken", is_flag=True, help="Skip missing or broken files.")
@click.option("--label", "labels", multiple=True, help="Only this label; repeatable.")
@click.option(
    "--drop-rare", is_flag=True, help="Leave out labels with too few tracks or artists to split."
)
@click.option(
    "--seconds",
    "passage_s",
    type=float,
    default=30.0,
    show_default=True,
    help="Length to keep of each track, from its middle (folder and library).",
)
@click.option("--validation", type=float, default=0.15, show_default=True, help="Share to tune on.")
@click.option("--test", type=float, default=0.15, show_default=True, help="Share to test on.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the split.")
@library_option
@json_option
def prepare(
    name: str,
    source: Path | None,
    out: Path | None,
    skip_broken: bool,
    labels: tuple[str, ...],
    drop_rare: bool,
    passage_s: float,
    validation: float,
    test: float,
    seed: int,
    library: str | None,
    as_json: bool,
) -> None:
    """Turn a data set into the file that training reads.

    That is a store of log-mel spectrograms or, for cifar10, of decoded pictures. SOURCE is the
    folder with the audio; for gtzan and cifar10, the default is where `get` put it.
    """
    from soundalike.research.datasets import own
    from soundalike.research.datasets.catalog import home
    from soundalike.research.datasets.prepare import prepare_gtzan
    from soundalike.research.datasets.splitting import SplitSizes

    if name == "cifar10":
        _prepare_cifar10(source or home(name), out or home(name), skip_broken, as_json)
        return
    with work_progress("tracks") as show:

        def progress(done: int, total: int, _name: str) -> None:
            show("decoding", done, total)

        if name == "gtzan":
            report = prepare_gtzan(
                source or home(name), out or home(name), skip_broken=skip_broken, progress=progress
            )
        else:
            sizes = SplitSizes(1.0 - validation - test, validation, test)
            report = own.prepare(
                _own_tracks(name, source, library),
                out or home(name),
                labels=labels,
                passage_s=passage_s,
                sizes=sizes,
                seed=seed,
                skip_broken=skip_broken,
                drop_rare=drop_rare,
                progress=progress,
            )
    _show(report, as_json)


@data.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike data info gtzan", "what you have, what is missing, whom to cite"),
        ("soundalike data info folder ~/Music/by-genre", "which labels can be used"),
    ),
)
@click.argument("name", type=_NAMES)
@click.argument("folder", type=PATH, required=False)
@json_option
@click.pass_context
def info(ctx: click.Context, name: str, folder: Path | None, as_json: bool) -> None:
    """Check your copy of a data set, and show whom to cite.

    The exit code is 1 if something is missing or broken.
    """
    from soundalike.research.datasets.catalog import check, find_data_set

    data_set = find_data_set(name)
    result = check(name, folder)
    if as_json:
        print_json(_as_json(data_set) | {"check": result})
    else:
        echo(f"{data_set.title}: {data_set.description}")
        echo(f"Cite: {data_set.citation}")
        echo(f"Licence: {data_set.licence}")
        echo("Layouts: " + "; ".join(data_set.layouts))
        echo(f"Checked: {result.folder}")
        for title, lines in (
            ("Found", result.found),
            ("Known", result.notes),
            ("Missing or broken", result.problems),
        ):
            for line in lines:
                echo(f"{title}: {line}")
    if result.problems:
        ctx.exit(1)


data.add_command(pool)


def _own_tracks(name: str, source: Path | None, library: str | None) -> Any:
    from soundalike.research.datasets import own

    if name == "library":
        if source is not None:
            raise click.UsageError("name the library with --library, not as SOURCE")
        from soundalike.library import Library

        with Library(library) as opened:
            return own.tracks_of_library(opened)
    if source is None:
        raise click.UsageError("name the folder that has a subfolder for each label")
    return own.tracks_of_folder(source)


def _prepare_cifar10(source: Path, out: Path, skip_broken: bool, as_json: bool) -> None:
    from soundalike.research.datasets import cifar10

    with work_progress("pictures") as show:
        images = cifar10.load(
            source,
            skip_broken=skip_broken,
            progress=lambda done, total, _name: show("decoding", done, total),
        )
    path = out / "cifar10.npz"
    cifar10.write_npz(path, images)
    result = {
        "store": path,
        "source": images.source,
        "train": len(images.train_labels),
        "test": len(images.test_labels),
        "notes": images.notes,
    }
    if as_json:
        print_json(result)
        return
    for line in images.notes:
        note(line)
    echo(f"{path}: {result['train']} training and {result['test']} test images")


def _show(report: PrepareReport, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    for item in report.left_out:
        note(f"left out: {item}")
    for line in report.notes:
        note(line)
    echo(f"{report.store}: {show_count(report.tracks, 'track')}")
    print_table(
        [Column("label"), Column("tracks", justify="right")],
        [[label, str(count)] for label, count in report.labels.items()],
    )


def _as_json(data_set: Any) -> dict[str, Any]:
    from soundalike.research.datasets.catalog import home

    return {**to_json(data_set), "place": home(data_set.name)}
