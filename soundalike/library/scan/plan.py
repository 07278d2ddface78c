"""Before a scan: which folders, and how, by what is remembered of them and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from soundalike.library.scan.excludes import Excludes
from soundalike.library.scan.folders import FolderSettings, KnownFolder, settled_on
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import Walk, is_folder, resolved

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """What a scan does.

    Attributes
    ----------
    walk : over its folders and files.
    named : its folders, by path, with the settings that hold from now on.
    remembered : all folders that are remembered, these among them.
    reread : folders in which tags are to be read anew, though the files are as they were.
    """

    walk: Walk = field(default_factory=lambda: Walk([]))
    named: Mapping[str, KnownFolder] = field(default_factory=dict)
    remembered: Mapping[str, KnownFolder] = field(default_factory=dict)
    reread: Sequence[str] = ()


def make_plan(
    session: Transactions, paths: Sequence[str], settings: FolderSettings | None, *, full: bool
) -> Plan:
    """Store what is new of the folders, and say what to do.

    Parameters
    ----------
    settings : to be remembered with the folders; None to remember nothing.
    full : tags are to be read anew everywhere.

    Raises
    ------
    InvalidArgument : settings that do not fit the folders.
    """
    with session.reading() as store:
        known = store.folders.all()
    named: dict[str, KnownFolder] = {}
    forgotten: list[str] = []
    if settings is not None:
        named, forgotten = settled_on(known, resolved(paths), settings)
    remembered = {path: each for path, each in known.items() if path not in forgotten} | named
    reread = _store(session, known, named, forgotten)
    excludes = Excludes({path: folder.excludes for path, folder in remembered.items()})
    walk = Walk(paths, excludes)
    if full:
        reread = [root for root in walk.roots if is_folder(root)]
    return Plan(walk, named, remembered, reread)


def _store(
    session: Transactions,
    known: Mapping[str, KnownFolder],
    named: Mapping[str, KnownFolder],
    forgotten: Sequence[str],
) -> list[str]:
    """Store what is new of the folders but for the encoding; the folders that have another."""
    # That waits for the end, when the last of the tags was read in it: a scan that is stopped
    # before begins with it again.
    old = {path: known.get(path, KnownFolder(path)) for path in named}
    now = [replace(each, tag_encoding=old[path].tag_encoding) for path, each in named.items()]
    changed = [folder for folder in now if folder != known.get(folder.path)]
    if changed or forgotten:
        with session.writing() as store:
            store.folders.drop(forgotten)
            for folder in changed:
                store.folders.put(folder)
            for folder in changed:
                if folder.path not in known or folder.pattern != old[folder.path].pattern:
                    store.names_changed(folder.path)
    return [path for path in named if named[path].tag_encoding != old[path].tag_encoding]
