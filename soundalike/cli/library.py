"""``soundalike library``: where a library is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    ExampleGroup,
    json_option,
    library_option,
    model_option,
    without_password,
)
from soundalike.cli.progress import work_progress
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library.copying import CopyReport

__all__ = ["library"]


@click.group(
    cls=ExampleGroup,
    examples=(
        ("soundalike library copy library.db postgresql://me@nas/music", "onto a server"),
        ("soundalike library copy postgresql://me@nas/music backup.db", "and back into a file"),
    ),
)
def library() -> None:
    """Copy a library, or index one on a server."""


@library.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike library copy ~/old.db /mnt/nas/library.db", "a file to another place"),
        ("soundalike library copy library.db postgresql://me@nas/music", "onto a server"),
    ),
)
@click.argument("source", callback=without_password)
@click.argument("target", callback=without_password)
@json_option
def copy(source: str, target: str, as_json: bool) -> None:
    """Copy a library, and compare both.

    All that was judged, linked and kept comes along. SOURCE and TARGET are database files or URLs.
    TARGET must be empty, or not be there. Afterwards all of it is read again: for each table the
    number of its rows and a digest of their content are shown, which are the same in both. The
    files of music stay where they are.

    A copy that is interrupted can be run again: it goes on where it stopped, or begins anew where
    SOURCE has changed since in what was copied. Until it is complete nothing opens TARGET. Do not
    scan into SOURCE meanwhile: what comes later is not copied.
    """
    from soundalike.library.copying import copy_library

    with work_progress("rows") as show:
        report = copy_library(source, target, progress=show)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: CopyReport) -> None:
    print_table(
        [Column("table"), Column("rows", justify="right"), Column("digest of the rows")],
        [[each.table, f"{each.rows:,}", each.digest] for each in report.tables],
    )
    if report.kept_rows:
        echo(f"{show_count(report.kept_rows, 'row')} had been copied before, and are the same")
    if report.playlists:
        echo(f"{show_count(report.playlists, 'playlist')} copied")
    if report.sent:
        echo(f"{show_count(report.sent, 'playlist')} on music servers can be made again from there")
    note(f"{report.target}: has what {report.source} has, as read again from both")


@library.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike library index --library postgresql://me@nas/music", "make it"),
        ("soundalike library index --drop", "remove it, if scans are to be quicker"),
    ),
)
@click.option("--drop", is_flag=True, help="Remove the index instead.")
@model_option
@library_option
def index(drop: bool, model: str | None, library: str | None) -> None:
    """Index vectors, for `similar --approximate`.

    The library is one on PostgreSQL. It takes minutes for hundreds of thousands of tracks, while
    scans wait. Scans keep it up to date. Without it, and for every other command, nothing is
    lacking.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        n = opened.index_vectors(drop=drop)
    note("the index is removed" if drop else f"the index has {show_count(n, 'vector')}")
