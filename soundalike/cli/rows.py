"""Tracks as rows of tables, the same in every command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import Column
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Copy, Track

__all__ = ["PATH_CELL", "copies_cell", "paths_option", "track_cells", "track_columns"]

PATH_CELL = 4
"""The cell of the path, which is there on request."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def paths_option(command: Decorated) -> Decorated:
    """``--paths``: the paths of the files in a table."""
    return click.option("--paths", is_flag=True, help="Also show the paths of the files.")(command)


def track_columns(*, paths: bool) -> list[Column]:
    """The columns for :func:`track_cells`."""
    columns = [
        Column("artist", min_width=8),
        Column("title", min_width=10),
        Column("length", justify="right", drop=2),
        # By which the track can be asked about: it is never left out.
        Column("id", justify="right"),
    ]
    return [*columns, Column("path", min_width=20)] if paths else columns


def track_cells(track: Track) -> list[str]:
    """Artist, title, length, id and path. Without a title its folder and file, since "track8" says
    nothing; then a folder that stands in for the artist is not told twice."""
    from soundalike.library.naming import short_name

    title = track.title or short_name(track.path)
    artist = track.artist or ""
    if "artist" in track.stand_ins and title.startswith(f"{artist}/"):
        artist = ""
    length = show_time(track.duration_s)
    return [artist, title, length, str(track.track_id), printable(track.path)]


def copies_cell(copies: Sequence[Copy]) -> str:
    """``+1 copy``, ``+2 versions``, ``+3 copies, 1 version``, or nothing."""
    n_versions = sum(each.kind == "version" for each in copies)
    n_copies = len(copies) - n_versions
    words = [
        *([show_count(n_copies, "copy", "copies")] if n_copies else []),
        *([show_count(n_versions, "version")] if n_versions else []),
    ]
    return "+" + ", ".join(words) if words else ""
