"""From paths at which something happened to the files and folders that a scan has to look at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from soundalike.library.scan.excludes import MARK, Excludes, is_under
from soundalike.library.scan.folders import KnownFolder
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import canonical, is_audio_name

__all__ = ["paths_to_scan"]

_BATCH = 500


def paths_to_scan(session: Transactions, paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """What a scan has to go through, in the order of the names.

    Files that are there, folders with all that is below them, and, of what is gone, the tracks that
    the library has there. What lies in no scanned folder, is hidden or is excluded is left out.
    """
    with session.reading() as store:
        known = store.folders.all()
    excludes = Excludes({path: folder.excludes for path, folder in known.items()})
    found: set[str] = set()
    gone: set[str] = set()
    for each in paths:
        path = canonical(each)
        folder = _innermost(path, known)
        if folder is None:
            continue
        if os.path.basename(path) == MARK:
            # From now on there is music below its folder, or none any more: the one around tells.
            around = os.path.dirname(os.path.dirname(path))
            found.add(around if is_under(around, folder) else folder)
        elif not os.path.lexists(path):
            gone.add(path)
        elif os.path.isdir(path):
            if not _is_hidden(path, folder) and not excludes.has(os.path.join(path, "x")):
                found.add(path)
        elif is_audio_name(path) and not _is_hidden(path, folder) and not excludes.has(path):
            found.add(path)
    with session.reading() as store:
        for path in gone:
            below = store.present_below(path)
            for start in range(0, len(below), _BATCH):
                some = store.paths(below[start : start + _BATCH])
                found.update(map(os.fsdecode, some.values()))
        missing = sorted(gone)
        for start in range(0, len(missing), _BATCH):
            found.update(store.known(missing[start : start + _BATCH]))
    return _outermost(found)


def _innermost(path: str, known: Mapping[str, KnownFolder]) -> str | None:
    """The scanned folder that a path lies in."""
    around = [folder for folder in known if is_under(path, folder)]
    return max(around, key=len, default=None)


def _is_hidden(path: str, folder: str) -> bool:
    if path == folder:
        return False
    return any(name.startswith(".") for name in os.path.relpath(path, folder).split(os.sep))


def _outermost(paths: Iterable[str]) -> list[str]:
    """The paths without those that lie below another of them that is a folder."""
    kept: list[str] = []
    folder: str | None = None
    # With a separator at the end, what lies below a folder follows it at once.
    for path in sorted(paths, key=lambda each: os.path.join(each, "")):
        if folder is not None and is_under(path, folder):
            continue
        kept.append(path)
        folder = path if os.path.isdir(path) else None
    return kept
