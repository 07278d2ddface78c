"""``soundalike list``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from soundalike.cli.output import json_text, note, one_line, print_whole
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.errors import InvalidArgument, printable
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from soundalike.library import Track
    from soundalike.library.records import TrackStatus

__all__ = ["list_tracks"]

_STATUSES: tuple[TrackStatus, ...] = ("analysed", "failed", "missing", "pending")

_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\0": "\0", "\\\\": "\\", "{{": "{", "}}": "}"}
_PIECES = re.compile(r"\\[tn0\\]|\{\{|\}\}|\{[^{}]*\}|[^\\{}]+|.", re.DOTALL)
_LINES_AT_ONCE = 500
# A path as its own bytes, and all else as text, in which no control character can be taken for the
# end of a field.
_FIELDS: dict[str, Callable[[Track], object]] = {
    "id": lambda track: track.track_id,
    "path": lambda track: os.fspath(track.path),
    "folder": lambda track: os.fspath(track.path.parent),
    "file": lambda track: track.path.name,
    "name": lambda track: one_line(track.name or ""),
    "artist": lambda track: one_line(track.artist or ""),
    "title": lambda track: one_line(track.title or ""),
    "album": lambda track: one_line(track.album or ""),
    "album_artist": lambda track: one_line(track.album_artist or ""),
    "genre": lambda track: one_line(track.genre or ""),
    "year": lambda track: track.year,
    "track": lambda track: track.track_number,
    "length": lambda track: "" if track.duration_s is None else show_time(track.duration_s),
    "seconds": lambda track: "" if track.duration_s is None else f"{track.duration_s:.3f}",
    "codec": lambda track: one_line(track.codec or ""),
    "sample_rate": lambda track: track.sample_rate,
    "channels": lambda track: track.channels,
    "bytes": lambda track: track.size_bytes,
    "status": lambda track: track.status,
}


@click.command(
    "list",
    cls=ExampleCommand,
    examples=(
        ("soundalike list", "every track of the library"),
        ("soundalike list miles davis", "the tracks that have these words"),
        ("soundalike list ~/Music/Jazz --paths0 | xargs -0 mpv", "play what lies below a folder"),
        (r"soundalike list --format '{id}\t{artist}\t{title}' | fzf", "fields of your own"),
    ),
)
@click.argument("what", nargs=-1, metavar="[WORDS|FOLDER]")
@click.option(
    "--format",
    "template",
    metavar="FORMAT",
    help=r"What to print of each track, with fields such as {path}, {artist} or {id}, and \t, \n "
    r"and \0. A line break follows unless it ends with \n or \0.",
)
@click.option(
    "--paths0", is_flag=True, help=r"Print the paths, each ended by a NUL character: '{path}\0'."
)
@click.option("--paths", is_flag=True, help="Print the paths alone: '{path}'.")
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    help="Only tracks of this status. Default: all but the missing ones.",
)
@model_option
@library_option
@json_option
def list_tracks(
    what: tuple[str, ...],
    template: str | None,
    paths0: bool,
    paths: bool,
    status: TrackStatus | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    r"""List the tracks of the library, by path.

    WORDS are words from artist, title, album, folder or file name. FOLDER lists what lies below
    it.

    The fields of --format are id, path, folder, file, name, artist, title, album, album_artist,
    genre, year, track, length, seconds, codec, sample_rate, channels, bytes and status. Where tags
    are missing, folders stand in for artist and album. {{ and }} are braces.
    """
    if sum((template is not None, paths0, paths, as_json)) > 1:
        raise click.UsageError("give one of --format, --paths, --paths0 and --json")
    if paths or paths0:
        template = r"{path}\0" if paths0 else "{path}"
    shown = _line if template is None else _formatted(template)
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        text = " ".join(what)
        is_folder = bool(text) and (os.path.isdir(os.path.expanduser(text)) or os.sep in text)
        found = opened.each_track(
            text if text and not is_folder else None,
            folder=text if is_folder else None,
            status=status,
        )
        if status is None:
            found = (track for track in found if track.status != "missing")
        count = _write_json(found) if as_json else _write(map(shown, found))
    if not count:
        note(f"No tracks below {printable(text)}." if is_folder else "No tracks.")


def _write(lines: Iterable[bytes]) -> int:
    """Lines as they come, many at a time; how many there were."""
    count = 0
    left = iter(lines)
    while some := list(islice(left, _LINES_AT_ONCE)):
        print_whole(b"".join(some))
        count += len(some)
    return count


def _write_json(found: Iterable[Track]) -> int:
    """One array, a track a line, as they come."""

    def lines() -> Iterator[bytes]:
        for number, track in enumerate(found):
            yield b",\n" * bool(number) + json_text(track).encode("utf-8")

    print_whole(b"[")
    count = _write(lines())
    print_whole(b"]\n")
    return count


def _line(track: Track) -> bytes:
    length = "" if track.duration_s is None else show_time(track.duration_s)
    state = "" if track.status == "analysed" else f"  [{track.status}]"
    return _encoded(f"{track.track_id:>6}  {length:>7}  {one_line(track.name)}{state}\n")


def _formatted(template: str) -> Callable[[Track], bytes]:
    """What makes the output of a track.

    Raises
    ------
    InvalidArgument : a field that is not known, or a brace that is not closed.
    """
    pieces: list[str | Callable[[Track], object]] = []
    for piece in _PIECES.findall(template):
        if piece in _ESCAPES:
            pieces.append(_ESCAPES[piece])
        elif piece in "{}":
            raise InvalidArgument(
                f"format {template!r}: a brace is not closed, or not opened; {{{{ and }}}} stand "
                f"for braces"
            )
        elif piece.startswith("{"):
            if piece[1:-1] not in _FIELDS:
                raise InvalidArgument(
                    f"format {template!r}: there is no field {piece}; the fields are "
                    f"{', '.join(_FIELDS)}"
                )
            pieces.append(_FIELDS[piece[1:-1]])
        else:
            pieces.append(piece)
    if not pieces or not isinstance(pieces[-1], str) or not pieces[-1].endswith(("\n", "\0")):
        pieces.append("\n")

    def shown(track: Track) -> bytes:
        values = (piece if isinstance(piece, str) else piece(track) for piece in pieces)
        return _encoded("".join("" if value is None else str(value) for value in values))

    return shown


def _encoded(text: str) -> bytes:
    """UTF-8, and the bytes of names that are in no encoding as they are."""
    return text.encode("utf-8", "surrogateescape")
