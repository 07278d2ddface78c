"""Playlists as files: M3U8, which nearly every player reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import printable
from soundalike.files import write_file

__all__ = ["Playlist", "PlaylistEntry", "m3u8", "write_m3u8"]


@dataclass(frozen=True)
class Playlist:
    """What :func:`m3u8` makes.

    Attributes
    ----------
    content : the bytes of the file.
    left_out : of the entries, those whose path has a line break in it: the format has one path a
        line, and no way to write such a one.
    """

    content: bytes
    left_out: tuple[PlaylistEntry, ...]


@dataclass(frozen=True)
class PlaylistEntry:
    """One line of a playlist.

    ``title`` falls back to the file's name, ``artist`` may be missing, ``duration_s`` None means
    unknown.
    """

    path: Path
    title: str | None = None
    artist: str | None = None
    duration_s: float | None = None


def m3u8(entries: Iterable[PlaylistEntry], *, relative_to: Path | None = None) -> Playlist:
    r"""The playlist as an M3U8 file: UTF-8, ``\n`` line ends, extended form.

    Each entry is ``#EXTINF:<whole seconds>,<artist> - <title>`` and the path on the next line;
    -1 seconds mean that the length is unknown. A file
    name that is no valid UTF-8 keeps its own bytes, because a player has to open exactly those.

    Parameters
    ----------
    relative_to : write paths relative to this folder, so that the playlist can move with the
        music; absolute otherwise. A path on another drive stays absolute.
    """
    lines = [b"#EXTM3U"]
    left_out = []
    for entry in entries:
        path = _located(entry.path, relative_to)
        if "\n" in path or "\r" in path:
            left_out.append(entry)
            continue
        if path.startswith("#"):
            path = os.path.join(os.curdir, path)  # a bare leading # would make it a comment
        seconds = -1 if entry.duration_s is None else round(entry.duration_s)
        title = entry.title or printable(entry.path.stem)
        label = f"{entry.artist} - {title}" if entry.artist else title
        one_line = " ".join(label.split())
        lines.append(f"#EXTINF:{seconds},{one_line}".encode("utf-8", "backslashreplace"))
        lines.append(os.fsencode(path))
    return Playlist(b"\n".join(lines) + b"\n", tuple(left_out))


def write_m3u8(
    file: str | os.PathLike[str],
    entries: Iterable[PlaylistEntry],
    *,
    relative: bool = False,
) -> tuple[PlaylistEntry, ...]:
    """Write an M3U8 playlist, whole or not at all.

    Parameters
    ----------
    relative : paths relative to the playlist's own folder instead of absolute ones.

    Returns
    -------
    The entries that are left out, because the format cannot hold their path: see
    :class:`Playlist`.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    # A player may watch the file: it sees the old playlist or the new one, never half of one.
    playlist = m3u8(entries, relative_to=Path(file).absolute().parent if relative else None)
    write_file(file, playlist.content)
    return playlist.left_out


def _located(path: Path, relative_to: Path | None) -> str:
    absolute = os.path.abspath(path)
    if relative_to is None:
        return absolute
    try:
        return os.path.relpath(absolute, os.path.abspath(relative_to))
    except ValueError:  # Windows: another drive has no relative path
        return absolute
