"""``soundalike export`` and ``import``: analyses in files, without the music."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import work_progress
from soundalike.show.amounts import show_bytes, show_count

if TYPE_CHECKING:
    from soundalike.library.exchange.records import ImportReport

__all__ = ["export", "import_command"]

# Records that were not taken over and are listed; --json has all.
_SHOWN = 20


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike export library.npz", "all analyses, for NumPy"),
        ("soundalike export library.parquet", "for pandas, polars or DuckDB"),
        ("soundalike export - | head -2", "as JSON, a line a track"),
        (
            "soundalike export jazz.npz --folder ~/Music/Jazz --relative-to ~/Music",
            "one folder, without saying where it lies",
        ),
    ),
)
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["npz", "parquet", "jsonl"]),
    help="What to write; by default what FILE ends with.",
)
@click.option("--folder", type=PATH, metavar="DIR", help="Only the tracks below this folder.")
@click.option(
    "--relative-to", type=PATH, metavar="DIR", help="Write paths as they are from this folder."
)
@model_option
@library_option
@json_option
def export(
    file: str,
    form: str | None,
    folder: Path | None,
    relative_to: Path | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Write all analyses to a file, for other programs.

    FILE has ids, paths, tags, genres, words, tempo and key, the embeddings of tracks and of their
    excerpts, and the model with its version: what `soundalike import` takes to put them into
    another library, without the music. "-" is standard output.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened, work_progress("tracks") as show:
        report = opened.export_analyses(
            file, format=form, folder=folder, relative_to=relative_to, progress=show
        )
    said = note if file == "-" else echo
    if as_json and file != "-":
        print_json(report)
        return
    size = "" if report.size_bytes is None else f", {show_bytes(report.size_bytes)}"
    where = "" if file == "-" else f" in {os.fspath(file)}"
    said(
        f"{show_count(report.tracks, 'track')} with {show_count(report.excerpts, 'excerpt')} by "
        f"{report.model}{where}{size}."
    )
    if report.left_out:
        what = ", ".join(f"{count:,} {status}" for status, count in report.left_out.items())
        note(f"Without an analysis, so left out of the file: {what}.")


@click.command(
    "import",
    cls=ExampleCommand,
    examples=(
        ("soundalike import library.npz", "analyses of another machine"),
        ("soundalike import jazz.npz --base /mnt/music", "where its paths are below a folder"),
    ),
)
@click.argument("file", type=PATH)
@click.option("--base", type=PATH, metavar="DIR", help="The folder that its paths are below.")
@model_option
@library_option
@json_option
def import_command(
    file: Path, base: Path | None, model: str | None, library: str | None, as_json: bool
) -> None:
    """Take over analyses from a file, without the music.

    FILE is what `soundalike export` wrote. Its tracks are found as all others. Music that the
    library has already gets no second track. When the files come to this machine, a scan tells
    them by their content, and analyses nothing again. Analyses by another model, or another version
    of it, are refused: they cannot be compared.
    """
    from soundalike.library import Library
    from soundalike.library.exchange import formats

    with formats.opened(file):
        pass  # so that no library is made for a file that is none
    with Library(library, model=model) as opened, work_progress("tracks") as show:
        report = opened.import_analyses(file, base=base, progress=show)
    if as_json:
        print_json(report)
    else:
        _print_import(report)
    if report.not_imported:
        raise click.exceptions.Exit(1)


def _print_import(report: ImportReport) -> None:
    echo(
        f"{show_count(report.records, 'track')} by {report.model}: {report.added:,} added, "
        f"{report.analysed:,} of tracks that were not analysed here, {report.known:,} known before."
    )
    if report.not_imported:
        echo("")
        echo(f"{show_count(len(report.not_imported), 'track')} not taken over:")
        print_table(
            [Column("track", min_width=16), Column("why", min_width=16)],
            [[each.path, each.reason] for each in report.not_imported[:_SHOWN]],
        )
        if len(report.not_imported) > _SHOWN:
            note(f"{len(report.not_imported) - _SHOWN:,} more: --json lists them all.")
