"""The file that remembers what stood in tags before they were written.

A line of JSON for each file, on the disk before that file is replaced; so whatever happens, the old
values are there. The first line says what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from soundalike.audio.tag_fields import Field
from soundalike.errors import InvalidArgument, OutputError, printable
from soundalike.files import cannot_write, why

__all__ = ["UndoEntry", "UndoLog", "default_undo_file", "read_undo"]

Fields = Mapping[str, Field | None]

_HEAD = {"soundalike": "old values of tags", "version": 1}


@dataclass(frozen=True, slots=True)
class UndoEntry:
    """The fields of a file before and after it was written; None where it had none.

    ``track_id`` is that of the library that was used, by which a file is found that has moved.
    """

    path: str
    track_id: int | None
    before: Fields
    after: Fields


def default_undo_file(keeping: Path) -> Path:
    """A new file by the time of day, in a folder beside the library, or beside what else is kept
    of one on a server (``Library.keeping``)."""
    folder = keeping.with_name("tag-undo")
    now = f"{datetime.now():%Y-%m-%d %H-%M-%S}"
    names = (f"{now}{'' if number == 1 else f' ({number})'}.jsonl" for number in count(1))
    return next(folder / name for name in names if not os.path.lexists(folder / name))


class UndoLog:
    """Writes entries; the file is made with the first.

    Raises
    ------
    InvalidArgument : something is there already.
    """

    def __init__(self, path: Path) -> None:
        if os.path.lexists(path):
            raise InvalidArgument(
                f"{printable(path)}: there is a file already, and old values must not get lost "
                f"among others; choose another one"
            )
        self.path = path
        self._file: BinaryIO | None = None

    @property
    def is_used(self) -> bool:
        """Whether something was written."""
        return self._file is not None

    def add(self, entry: UndoEntry) -> None:
        """Write an entry, down to the disk.

        Raises
        ------
        OutputError : it cannot be written.
        """
        line = {
            "path": entry.path,
            "track": entry.track_id,
            "before": {name: _to_json(field) for name, field in entry.before.items()},
            "after": {name: _to_json(field) for name, field in entry.after.items()},
        }
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("xb", buffering=0)
                self._file.write(json.dumps(_HEAD).encode() + b"\n")
            data = json.dumps(line).encode() + b"\n"
            if self._file.write(data) != len(data):
                raise OutputError(f"{printable(self.path)}: the disk is full; make room")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def read_undo(path: Path) -> list[UndoEntry]:
    """The entries of a file, the last first.

    A last line without its end was never acted upon: it is left out.

    Raises
    ------
    InvalidArgument : it cannot be read, or is no such file; the message names the line.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InvalidArgument(f"{printable(path)}: cannot be read ({why(error)})") from error
    entries = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            found = json.loads(line)
            if number == 1:
                if found != _HEAD:
                    raise ValueError("not the first line of an undo file")
                continue
            entries.append(_entry(found))
        except (ValueError, TypeError, KeyError, AttributeError, InvalidArgument) as error:
            raise InvalidArgument(
                f"{printable(path)}: line {number} cannot be read ({error}); nothing was changed. "
                f"Give a file that `soundalike tag` has written"
            ) from error
    if len(lines) < 2:
        raise InvalidArgument(
            f"{printable(path)}: not an undo file; give one that `soundalike tag` has written"
        )
    return entries[::-1]


def _entry(found: Any) -> UndoEntry:
    before = {str(name): _from_json(field) for name, field in found["before"].items()}
    after = {str(name): _from_json(field) for name, field in found["after"].items()}
    if before.keys() != after.keys() or not isinstance(found["path"], str):
        raise ValueError("it does not say what there was before each field")
    track_id = found["track"]
    return UndoEntry(found["path"], track_id if isinstance(track_id, int) else None, before, after)


def _to_json(field: Field | None) -> Any:
    return None if field is None else {"values": list(field.values), "form": field.form}


def _from_json(found: Any) -> Field | None:
    if found is None:
        return None
    values = [str(value) for value in found["values"]]
    return Field(tuple(values), str(found["form"]))
