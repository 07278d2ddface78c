"""``--m3u``: the tracks that were found as a playlist, for every command that lists tracks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note, print_whole
from soundalike.cli.params import check_output
from soundalike.errors import printable
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library import Track
    from soundalike.playlists import LeftOut, Playlist

__all__ = ["PlaylistTarget", "note_left_out", "playlist_options", "with_query_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_STANDARD_OUTPUT = "-"
# So many tracks that are not in the file as they are get a line each.
_TOLD = 10


def playlist_options(command: Decorated) -> Decorated:
    """``--m3u``, ``--relative`` and ``--base``; see :class:`PlaylistTarget`."""
    for decorate in (
        click.option(
            "--base",
            nargs=2,
            metavar="FOLDER THERE",
            help="Paths in the playlist for another computer: what lies below FOLDER here as below "
            r"THERE, such as /mnt/music or M:\Music.",
        ),
        click.option(
            "--relative",
            is_flag=True,
            help="Paths in the playlist relative to its folder, so that both can move together; "
            "with -, relative to the current folder.",
        ),
        click.option(
            "--m3u",
            "--out",
            "m3u",
            type=click.Path(dir_okay=False, allow_dash=True),
            metavar="FILE|-",
            help="Also write the tracks as a playlist: M3U8, or XSPF, JSPF or JSON where FILE ends "
            "in .xspf, .jspf or .json; - writes an M3U8 to standard output, instead of the table.",
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
    relative, as_json, with_query, base : as they were given.

    Raises
    ------
    click.UsageError : options that contradict each other.
    OutputError : the file cannot be written.
    InvalidArgument : a base that is none, or a file that is named as music is.
    """

    file: str | None
    relative: bool
    as_json: bool
    with_query: bool = False
    base: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if self.file is None:
            options = {
                "--relative": self.relative,
                "--with-query": self.with_query,
                "--base": self.base is not None,
            }
            for option in (option for option, is_given in options.items() if is_given):
                raise click.UsageError(f"{option} needs --out FILE")
            return
        if self.relative and self.base is not None:
            raise click.UsageError("--relative and --base contradict each other: give one of them")
        if self.base is not None:
            from soundalike.playlists import Playlist, render_playlist

            render_playlist(Playlist(), "m3u8", base=self.base)  # whether the base is one
        if not self.is_standard_output:
            check_output(self.file, "a playlist")
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
        from soundalike.library.playlist_records import entry_of
        from soundalike.playlists import Playlist, PlaylistEntry

        entries = [entry_of(track) for track in tracks]
        if self.with_query:
            entries[:0] = [
                PlaylistEntry(query) if isinstance(query, Path) else entry_of(query)
                for query in queries
            ]
        self.put(Playlist(entries=tuple(entries)))

    def put(self, playlist: Playlist, *, goes_on: bool = False) -> None:
        """Write a playlist, if one is wanted, and say so.

        Parameters
        ----------
        goes_on : whether it follows another on standard output, which has the first line already.

        Raises
        ------
        OutputError : it cannot be written.
        """
        if self.file is None:
            return
        from soundalike.playlists import FORMATS, render_playlist, write_playlist

        # None keeps what was read from a file as it was written there.
        relative = self.relative or None
        if self.is_standard_output:
            rendered = render_playlist(
                playlist, "m3u8", relative=relative, base=self.base, encoding="utf-8"
            )
            lines = rendered.content.split(b"\n", 1)
            print_whole(lines[1] if goes_on else rendered.content)
            left_out = rendered.left_out
        else:
            is_known = os.path.splitext(self.file)[1][1:].lower() in FORMATS
            left_out = write_playlist(
                self.file,
                playlist,
                format=None if is_known else "m3u8",
                relative=relative,
                base=self.base,
            )
            note(f"playlist: {printable(self.file)}")
        note_left_out(left_out)


def note_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say what the file of a playlist does not hold as it is."""
    for each in left_out:
        if each.entry is None:
            note(f"the {each.field} of the playlist: {each.reason}")
    of_tracks = [each for each in left_out if each.entry is not None]
    _tell([each for each in of_tracks if each.field is None], "left out of the playlist")
    _tell([each for each in of_tracks if each.field is not None], "not whole in the playlist")


def _tell(left_out: Sequence[LeftOut], how: str) -> None:
    if left_out:
        note(f"{show_count(len(left_out), 'track')} {how}:")
    for each in left_out[:_TOLD]:
        path = each.entry.path if each.entry else None
        what = f"its {each.field}: " if each.field else ""
        note(f"  {printable(path or '')!r}: {what}{each.reason}")
    if len(left_out) > _TOLD:
        note(f"  and {len(left_out) - _TOLD:,} more")
