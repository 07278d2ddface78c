"""A folder of playlists that somebody keeps: files that players read, each with a name and an id.

Whoever keeps one may call it anything, so the name of its file is made of its name: it lies in the
folder, whatever the name is, and every system can have such a file. What others put into the folder
is among the playlists as well.
"""

from __future__ import annotations

import json
import os
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from soundalike.errors import InvalidArgument, PlaylistError, PlaylistNotFound, printable
from soundalike.files import Stamp, cannot_write, stamp_of, why, write_file
from soundalike.plain import plain
from soundalike.playlists.playlist_files import (
    FORMATS,
    format_of,
    read_playlist,
    render_playlist,
    write_playlist,
)
from soundalike.playlists.records import Playlist

__all__ = ["KeptPlaylist", "PlaylistFolder", "file_name_for"]

# Where the ids are that do not follow from the names of the files.
_IDS: Final = ".ids.json"
# Bytes of a name in UTF-8: with a number and a suffix it is less than the 255 that a name may have.
_MOST_BYTES: Final = 200
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff\u2028\u2029]')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Devices of Windows, whatever the suffix.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeptPlaylist:
    """A playlist in a folder.

    Attributes
    ----------
    playlist_id : its own, which it keeps under another name.
    name : what players call it.
    path : of its file.
    format : of the file, such as "m3u8".
    n_entries : how many it has.
    duration_s : of all entries whose length it says.
    changed_at : when the file was written last.
    can_refresh : whether it says how it was made, so that it can be made again.
    problem : why the file cannot be read; None where it can.
    """

    playlist_id: str
    name: str
    path: Path
    format: str
    n_entries: int
    duration_s: float
    changed_at: datetime
    can_refresh: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a file in a certain state of it."""

    stamp: Stamp
    name: str | None
    n_entries: int
    duration_s: float
    can_refresh: bool
    problem: str | None


class PlaylistFolder:
    """The playlists of a folder; may be asked from any thread.

    Parameters
    ----------
    folder : need not be there before something is put into it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.abspath(os.path.expanduser(folder)))
        self._lock = threading.RLock()
        self._known: dict[str, _Read] = {}

    def all(self) -> tuple[KeptPlaylist, ...]:
        """All of them, by name.

        Raises
        ------
        PlaylistError : the folder cannot be read.
        """
        with self._lock:
            files = self._files()
            ids = self._ids(list(files))
            self._known = {name: self._read(name, stamp) for name, stamp in files.items()}
            found = [self._kept(name, ids[name]) for name in files]
        return tuple(sorted(found, key=lambda each: (plain(each.name), each.path.name)))

    def get(self, wanted: str) -> KeptPlaylist | None:
        """The one with this id, or else this name; None where there is none."""
        kept = self.all()
        for attribute in ("playlist_id", "name"):
            for each in kept:
                if getattr(each, attribute) == wanted:
                    return each
        return None

    def find(self, wanted: str) -> KeptPlaylist:
        """The one with this id, or else this name.

        Raises
        ------
        PlaylistNotFound : there is none.
        PlaylistError : the folder cannot be read.
        """
        found = self.get(wanted)
        if found is None:
            raise PlaylistNotFound(f"there is no playlist {wanted!r}")
        return found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else changes them by way of this for so long."""
        with self._lock:
            yield

    def read(self, wanted: str) -> Playlist:
        """What is in one; it has a name.

        Raises
        ------
        PlaylistNotFound : there is none.
        PlaylistError : it cannot be read.
        """
        found = self.find(wanted)
        return replace(read_playlist(found.path), name=found.name)

    def put(self, playlist: Playlist, wanted: str | None = None) -> KeptPlaylist:
        """Keep a playlist: in the place of the one with its name, or as a new file.

        A new one is an M3U8, which most players read; a JSPF where an M3U8 cannot hold an entry.

        Parameters
        ----------
        playlist : with a name.
        wanted : the id or name of the one in whose place it comes, which is then called as the
            playlist says; by default the name.

        Raises
        ------
        InvalidArgument : it has no name.
        PlaylistNotFound : there is none that is ``wanted``.
        OutputError : it cannot be written.
        """
        # On one line, as every format can hold it.
        name = " ".join(_CONTROL.sub(" ", playlist.name or "").split())
        if not name:
            raise InvalidArgument(
                f"name is {playlist.name!r}: a playlist that is kept must have one"
            )
        playlist = replace(playlist, name=name)
        with self._lock:
            before = self.get(name) if wanted is None else self.find(wanted)
            if before is not None and before.name != name and wanted is not None:
                before = self._moved(before, name)
            file = None if before is None else before.path
            if file is None:
                file = self._new_file(name, _best_format(playlist))
            self._make_folder()
            write_playlist(file, playlist)
            return self._found(file)

    def delete(self, wanted: str) -> KeptPlaylist:
        """Delete one; what it was.

        Raises
        ------
        PlaylistNotFound : there is none.
        OutputError : it cannot be deleted.
        """
        with self._lock:
            found = self.find(wanted)
            ids = self._ids(list(self._files()))
            try:
                found.path.unlink()
            except OSError as error:
                raise cannot_write(found.path, error) from error
            # Those of others stay as they are, though one that they could not have is free now.
            self._write_ids({each: own for each, own in ids.items() if each != found.path.name})
        return found

    def _found(self, file: Path) -> KeptPlaylist:
        return next(each for each in self.all() if each.path.name == file.name)

    def _files(self) -> dict[str, Stamp]:
        """The playlists by the names of their files, in the order of these."""
        found = {}
        try:
            with os.scandir(self.folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    is_one = os.path.splitext(entry.name)[1][1:].lower() in FORMATS
                    if is_one and not entry.name.startswith("."):
                        with suppress(OSError):  # gone meanwhile, or no file
                            found[entry.name] = stamp_of(entry)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise PlaylistError(
                f"{printable(self.folder)}: cannot be read ({why(error)}); check its permissions"
            ) from error
        return found

    def _read(self, name: str, stamp: Stamp) -> _Read:
        known = self._known.get(name)
        if known is not None and known.stamp == stamp:
            return known
        try:
            found = read_playlist(self.folder / name)
        except PlaylistError as error:
            return _Read(stamp, None, 0, 0.0, False, str(error))
        length_s = sum(each.duration_s or 0.0 for each in found.entries)
        return _Read(stamp, found.name, len(found.entries), length_s, bool(found.recipe), None)

    def _kept(self, name: str, playlist_id: str) -> KeptPlaylist:
        read = self._known[name]
        path = self.folder / name
        return KeptPlaylist(
            playlist_id=playlist_id,
            name=read.name or printable(path.stem),
            path=path,
            format=format_of(path),
            n_entries=read.n_entries,
            duration_s=read.duration_s,
            changed_at=_moment(read.stamp),
            can_refresh=read.can_refresh,
            problem=read.problem,
        )

    def _new_file(self, name: str, format: str) -> Path:
        """A file that is not there, under this name or one like it."""
        # Some systems take no notice of case.
        taken = {os.path.splitext(each)[0].casefold() for each in self._files()}
        stem = file_name_for(name)
        found, number = stem, 1
        while found.casefold() in taken:
            number += 1
            found = f"{stem} ({number})"
        return self.folder / f"{found}.{format}"

    def _moved(self, kept: KeptPlaylist, name: str) -> KeptPlaylist:
        """One whose file is called after another name; it keeps its id."""
        if file_name_for(name) == kept.path.stem:
            return kept
        file = self._new_file(name, kept.format)
        ids = self._ids(list(self._files()))
        try:
            kept.path.rename(file)
        except OSError as error:
            raise cannot_write(file, error) from error
        del ids[kept.path.name]
        self._write_ids({**ids, file.name: kept.playlist_id})
        return replace(kept, path=file)

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    # Ids follow from the names of the files. Others, as of files that were renamed, are written.

    def _ids(self, names: list[str]) -> dict[str, str]:
        found = {name: own for name, own in self._written_ids().items() if name in names}
        taken = set(found.values())
        for name in names:
            salt = 0
            while name not in found:
                own = _id_of(name, salt)
                if own not in taken:
                    taken.add(own)
                    found[name] = own
                salt += 1
        return found

    def _written_ids(self) -> dict[str, str]:
        try:
            with open(self.folder / _IDS, encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {name: own for name, own in found.items() if isinstance(own, str)}

    def _write_ids(self, ids: Mapping[str, str]) -> None:
        others = {name: own for name, own in ids.items() if own != _id_of(name)}
        if others != self._written_ids():
            write_file(self.folder / _IDS, json.dumps(others))


def file_name_for(name: str) -> str:
    """What the file of a playlist is called, without its suffix.

    It has no separator in it, begins with no dot, and every system can have such a file.

    >>> file_name_for("../AC/DC: live")
    '_AC_DC_ live'
    """
    text = _NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", name))
    text = " ".join(text.split()).lstrip(". ")
    text = text.encode("utf-8")[:_MOST_BYTES].decode("utf-8", "ignore").rstrip(". ")
    if _DEVICES.match(text):
        text = f"_{text}"
    return text or "playlist"


def _moment(stamp: Stamp) -> datetime:
    """When a file was written; a day that no calendar has, as 1970."""
    try:
        return datetime.fromtimestamp(stamp.mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _id_of(name: str, salt: int = 0) -> str:
    return sha256(os.fsencode(name) + b"\0%d" % salt).hexdigest()[:16]


def _best_format(playlist: Playlist) -> str:
    rendered = render_playlist(playlist, "m3u8")
    is_whole = all(each.field is not None for each in rendered.left_out)
    return "m3u8" if is_whole else "jspf"
