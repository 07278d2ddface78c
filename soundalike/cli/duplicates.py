"""``soundalike duplicates``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, note, print_json, print_table, print_whole
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.views import note_upgrade
from soundalike.errors import printable
from soundalike.show.amounts import COPY_WORDS, show_bytes, show_count
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import DuplicateGroup, Track

__all__ = ["duplicates"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike duplicates", "the pieces that are there several times"),
        ("soundalike duplicates --json", "the same for programs"),
        ("soundalike duplicates --paths0 | xargs -0 ls -l", "all files but the best of each piece"),
    ),
)
@click.option(
    "--paths0",
    is_flag=True,
    help="Print the paths of all copies but the best of each piece, each ended by a NUL character, "
    "for xargs -0.",
)
@model_option
@library_option
@json_option
def duplicates(paths0: bool, model: str | None, library: str | None, as_json: bool) -> None:
    """List the pieces that the library has several times.

    Copies are files with the same bytes, files with the same audio and other tags, and
    near-duplicates: the same recording in another encoding. A near-duplicate is a judgement by
    ear of a machine; listen before you delete one.

    The best copy of each piece comes first: a lossless file before others, then the one with the
    higher bit rate, then with more tags, then with the shorter path.

    Nothing is ever deleted. --paths0 leaves out the best copy of each piece and prints the others.
    """
    from soundalike.library import Library

    if paths0 and as_json:
        raise click.UsageError("--paths0 and --json cannot be used together")
    with Library(library, model=model, create=False) as opened:
        groups = opened.duplicates()
        note_upgrade(opened.upgrade())
    if as_json:
        print_json(
            [
                {"best": each.best, "others": each.others, "size_bytes": each.size_bytes}
                for each in groups
            ]
        )
    elif paths0:
        others = (copy.track.path for group in groups for copy in group.others)
        print_whole(b"".join(os.fsencode(path) + b"\0" for path in others))
    else:
        _print(groups)


def _print(groups: Sequence[DuplicateGroup]) -> None:
    if not groups:
        note("No piece is there more than once.")
        return
    rows = []
    for group in groups:
        rows.append(["best", *_facts(group.best)])
        rows += [[COPY_WORDS[copy.kind], *_facts(copy.track)] for copy in group.others]
    print_table(
        [
            Column(""),
            Column("format", drop=2),
            Column("size", justify="right", drop=1),
            Column("length", justify="right", drop=3),
            # By which the track can be asked about: it is never left out.
            Column("id", justify="right"),
            Column("path", min_width=20),
        ],
        rows,
    )
    n_others = sum(len(group.others) for group in groups)
    size = show_bytes(sum(group.size_bytes for group in groups))
    note(
        f"{show_count(len(groups), 'piece')} with {n_others:,} "
        f"{'copy' if n_others == 1 else 'copies'} beside the best: {size}"
    )


def _facts(track: Track) -> list[str]:
    size = "" if track.size_bytes is None else show_bytes(track.size_bytes)
    length = show_time(track.duration_s)
    return [track.codec or "", size, length, str(track.track_id), printable(track.path)]
