"""``--m3u``: the tracks that were found as a playlist, for every command that lists tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note, print_whole
from soundalike.errors import printable
from soundalike.files import check_writable
from soundalike.playlists import PlaylistEntry, m3u8, write_m3u8
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library import Track

__all__ = ["PlaylistTarget", "playlist_options", "with_query_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_STANDARD_OUTPUT = "-"


def playlist_options(command: Decorated) -> Decorated:
    """``--m3u`` and ``--relative``; see :class:`PlaylistTarget`."""
    for decorate in (
        click.option(
            "--relative",
            is_flag=True,
            help="Paths in the playlist relative to its folder, so that both can move together; "
            "with -, relative to the current folder.",
        ),
        click.option(
            "--m3u",
            type=click.Path(dir_okay=False, allow_dash=True),
            metavar="FILE|-",
            help="Also write the tracks as an M3U8 playlist; - writes it to standard output, "
            "instead of the table.",
        ),
    ):
        command = decorate(command)
    return command


def with_query_option(command: Decorated) -> Decorated:
    """``--with-query``, for a command whose query is a track."""
    return click.option(
        "--with-query",
        is_flag=True,
        help="Put TRACK itself first in the playlist.",
    )(command)


@dataclass(frozen=True)
class PlaylistTarget:
    """Where the playlist goes, made before the work is done.

    Attributes
    ----------
    file : as it was given; None where there is to be no playlist.
    relative, as_json, with_query : as they were given.

    Raises
    ------
    click.UsageError : options that contradict each other.
    OutputError : the file cannot be written.
    """

    file: str | None
    relative: bool
    as_json: bool
    with_query: bool = False

    def __post_init__(self) -> None:
        if self.file is None:
            if self.relative or self.with_query:
                option = "--relative" if self.relative else "--with-query"
                raise click.UsageError(f"{option} needs --m3u FILE")
        elif not self.is_standard_output:
            check_writable(self.file)
        elif self.as_json:
            raise click.UsageError(
                "--m3u - and --json both write to standard output: name a file for the playlist"
            )

    @property
    def is_standard_output(self) -> bool:
        """Whether standard output is taken, so that nothing else may be printed there."""
        return self.file == _STANDARD_OUTPUT

    def write(self, tracks: Sequence[Track], queries: Sequence[Track | Path] = ()) -> None:
        """Write the playlist, if one is wanted, and say so.

        Parameters
        ----------
        tracks : in this order.
        queries : what was asked about: tracks, and files that are in no library.

        Raises
        ------
        OutputError : it cannot be written.
        """
        if self.file is None:
            return
        entries = [_entry(track) for track in tracks]
        if self.with_query:
            entries[:0] = [
                PlaylistEntry(query) if isinstance(query, Path) else _entry(query)
                for query in queries
            ]
        if self.is_standard_output:
            playlist = m3u8(entries, relative_to=Path() if self.relative else None)
            print_whole(playlist.content)
            left_out = playlist.left_out
        else:
            left_out = write_m3u8(self.file, entries, relative=self.relative)
            note(f"playlist: {printable(self.file)}")
        if left_out:
            note(
                f"{show_count(len(left_out), 'track')} left out of the playlist, which cannot "
                "hold a line break in a file's name; rename:"
            )
            for entry in left_out:
                note(f"  {printable(entry.path)!r}")


def _entry(track: Track) -> PlaylistEntry:
    return PlaylistEntry(
        path=track.path,
        title=track.title,
        artist=track.artist,
        duration_s=track.duration_s,
    )
