"""Folders that were scanned, and how: what is remembered of them for the next scan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update

from soundalike.audio.codepages import check_encoding
from soundalike.errors import InvalidArgument, printable
from soundalike.files import why
from soundalike.library.naming import check_pattern
from soundalike.library.scan.excludes import Excludes, checked_patterns, is_under
from soundalike.library.scan.walk import check_listed, checked_folders, is_folder
from soundalike.library.storage.database import Database
from soundalike.library.storage.schema import folders

__all__ = [
    "AUTO",
    "FolderRows",
    "FolderSettings",
    "KnownFolder",
    "encoding_of",
    "folders_to_scan",
    "settled_on",
]

AUTO = "auto"
"""A pattern or an encoding of this name: back to the default."""


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """What a scan is told of its folders; None leaves a setting as it is remembered.

    Attributes
    ----------
    excludes : see ``excludes.checked_patterns``; they take the place of those before.
    pattern : of paths, see ``naming.check_pattern``; or "auto".
    tag_encoding : of 8-bit text in tags, a name that Python knows; or "auto".
    """

    excludes: Sequence[str] | None = None
    pattern: str | None = None
    tag_encoding: str | None = None

    def check(self) -> None:
        """Whether they can be used.

        Raises
        ------
        InvalidArgument : they cannot; the message says why.
        """
        if isinstance(self.excludes, str):
            raise InvalidArgument(f"exclude must be a list, such as [{self.excludes!r}]")
        if self.pattern is not None and self.pattern != AUTO:
            check_pattern(self.pattern)
        if self.tag_encoding != AUTO:
            check_encoding(self.tag_encoding)


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """A folder and its settings; ``pattern`` and ``tag_encoding`` None are the defaults."""

    path: str
    excludes: tuple[str, ...] = ()
    pattern: str | None = None
    tag_encoding: str | None = None


def settled_on(
    known: Mapping[str, KnownFolder], roots: Sequence[str], settings: FolderSettings
) -> tuple[dict[str, KnownFolder], list[str]]:
    """The folders of a scan with the settings that hold from now on, and those to be forgotten.

    Parameters
    ----------
    known : the folders that are remembered, by path.
    roots : folders and files to scan, without links.

    Raises
    ------
    InvalidArgument : a setting that does not fit, or settings without a folder.
    """
    named = [root for root in roots if is_folder(root)]
    if roots and not named and settings != FolderSettings():
        raise InvalidArgument(
            f"{printable(roots[0])}: a file; exclude, pattern and tag_encoding are remembered "
            f"with folders: name one"
        )
    found: dict[str, KnownFolder] = {}
    for path in named:
        folder = known.get(path, KnownFolder(path))
        if settings.excludes is not None:
            folder = replace(folder, excludes=tuple(checked_patterns(settings.excludes, path)))
        if settings.pattern is not None:
            folder = replace(folder, pattern=_or_default(settings.pattern))
        if settings.tag_encoding is not None:
            folder = replace(folder, tag_encoding=_or_default(settings.tag_encoding))
        found[path] = folder
    forgotten = []
    if settings.excludes is not None:
        # What is excluded by name from now on holds against what was asked for before.
        excluded = Excludes({path: folder.excludes for path, folder in found.items()})
        forgotten = [path for path in known if path not in found and excluded.has(path)]
    return found, forgotten


def folders_to_scan(
    database: Database,
    named: Sequence[str | os.PathLike[str]] | None,
    settings: FolderSettings,
) -> tuple[list[str], list[str]]:
    """The folders and files that a scan is to go through, and what to tell of others.

    Parameters
    ----------
    named : by somebody; None for those that were scanned before.

    Raises
    ------
    InvalidArgument : one that is not there or cannot be read, none at all, or a setting that
        cannot be used.
    """
    if isinstance(named, (str, bytes, os.PathLike)):
        raise InvalidArgument(f"folders is {named!r}: give a list of them, such as [{named!r}]")
    settings.check()
    return _remembered(database, settings) if named is None else (checked_folders(named), [])


def _remembered(database: Database, settings: FolderSettings) -> tuple[list[str], list[str]]:
    """The folders that were scanned before and are there now, and what to tell of the others.

    Raises
    ------
    InvalidArgument : there is none, or there are settings, which need a folder.
    """
    if settings != FolderSettings():
        raise InvalidArgument(
            "exclude, pattern and tag_encoding are remembered with a folder: name one"
        )
    with database.read() as connection:
        known = list(FolderRows(connection, 0.0).all())
    if not known:
        raise InvalidArgument("no folder was scanned yet: name at least one, such as ~/Music")
    there, notes = [], []
    for path in sorted(known):
        try:
            check_listed(path)
        except OSError as error:
            notes.append(f"{printable(path)}: {why(error)}; not scanned. Is its disk mounted?")
        else:
            there.append(path)
    if not there:
        raise InvalidArgument(" ".join(notes))
    return there, notes


def _or_default(value: str) -> str | None:
    return None if value == AUTO else value


def encoding_of(path: str, known: Mapping[str, KnownFolder]) -> str | None:
    """How 8-bit text in the tags of a file is to be read: as the innermost folder says it."""
    around = [each for each in known.values() if each.tag_encoding and is_under(path, each.path)]
    return max(around, key=lambda each: len(each.path)).tag_encoding if around else None


class FolderRows:
    """The table of scanned folders, within one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def all(self) -> dict[str, KnownFolder]:
        rows = self._connection.execute(select(folders))
        known = (
            KnownFolder(os.fsdecode(row.path), tuple(row.excludes), row.pattern, row.tag_encoding)
            for row in rows
        )
        return {each.path: each for each in known}

    def put(self, folder: KnownFolder) -> None:
        """Note that a folder is scanned now, with these settings."""
        path = os.fsencode(folder.path)
        values = {
            "excludes": list(folder.excludes),
            "pattern": folder.pattern,
            "tag_encoding": folder.tag_encoding,
            "scanned_at": self._now,
        }
        where = folders.c.path == path
        if not self._connection.execute(update(folders).where(where).values(values)).rowcount:
            self._connection.execute(insert(folders), {"path": path, **values})

    def drop(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._connection.execute(delete(folders).where(folders.c.path == os.fsencode(path)))
