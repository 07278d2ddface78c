"""What a scan leaves out: recycle bins, folders marked as no music, and what the user excludes."""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from soundalike.errors import InvalidArgument, printable

__all__ = ["MARK", "Excludes", "checked_patterns", "is_hidden", "is_under"]

_BINS = frozenset(
    {
        "$recycle.bin",
        "recycler",
        "#recycle",
        "@recycle",
        "#snapshot",
        "~snapshot",
        "@recently-snapshot",
        "@eadir",
        ".@__thumb",
        ".appledouble",
        ".stversions",
        ".snapshot",
        ".snapshots",
        "lost+found",
        "system volume information",
    }
)
"""What file servers, synchronisers and systems put beside the music, in lower case."""

MARK = ".nomedia"
"""A file that says: no music in this folder, nor below."""


def is_under(path: str, folder: str) -> bool:
    """Whether the path is the folder itself or lies below it; both absolute."""
    return path == folder or path.startswith(os.path.join(folder, ""))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not looked at."""
    return name.startswith(".") or _is_bin(name)


def _is_bin(name: str) -> bool:
    name = name.lower()
    return name in _BINS or name.startswith(".trash")


def checked_patterns(patterns: Iterable[str], folder: str) -> list[str]:
    """Patterns as they are remembered with a folder.

    Parameters
    ----------
    patterns : globs (``*``, ``?``, ``[abc]``), case does not matter. One without a slash is
        compared with each name, one with a slash with the path below the folder; ``*`` stands
        for slashes as well. A path in full counts from the folder.

    Raises
    ------
    InvalidArgument : one is empty, or leaves out everything, or a path elsewhere.
    """
    checked = []
    for given in patterns:
        pattern = os.path.expanduser(given)
        if os.path.isabs(pattern) and pattern.strip("/" + os.sep):
            within = is_under(pattern, folder) and pattern != folder
            # "/Live" is meant from the folder on; what exists is a path in full.
            if not within and os.path.lexists(pattern):
                raise InvalidArgument(
                    f"exclude {given!r}: it does not lie below {printable(folder)}"
                )
            if within:
                pattern = "/" + os.path.relpath(pattern, folder)
        pattern = pattern.replace(os.sep, "/").rstrip("/")
        if not pattern.strip("*/. "):
            raise InvalidArgument(
                f"exclude {given!r}: it names nothing; write a name, such as 'Podcasts', a "
                f"pattern, such as '*.wma', or a path below the folder, such as 'Spoken/Drafts'"
            )
        checked.append(pattern)
    return list(dict.fromkeys(checked))


class Excludes:
    """Which files and folders a scan leaves out.

    Recycle bins, folders with a file ``.nomedia``, and what the patterns of the folders around
    match; never a folder that was itself asked for, now or in an earlier scan.

    Parameters
    ----------
    remembered : patterns by folder, as :func:`checked_patterns` leaves them.
    """

    def __init__(self, remembered: Mapping[str, Sequence[str]]) -> None:
        self._patterns = {folder: tuple(patterns) for folder, patterns in remembered.items()}
        self._marked: dict[str, bool] = {}

    def is_asked_for(self, folder: str) -> bool:
        return folder in self._patterns

    def ask_for(self, folder: str, found_in: str | None = None) -> None:
        """Take in a folder of this walk; one that a link in ``found_in`` led to is as excluded."""
        inherited: tuple[str, ...] = ()
        if found_in is not None:
            around = (each for base, each in self._patterns.items() if is_under(found_in, base))
            inherited = tuple(pattern for patterns in around for pattern in patterns)
        self._patterns.setdefault(folder, inherited)

    def inside(self, folder: str) -> Callable[[str], bool] | None:
        """Tells by its name whether an entry of a folder is excluded; None where none is."""
        tests = [
            (expression, os.path.relpath(folder, base).replace(os.sep, "/") + "/")
            for base, patterns in self._patterns.items()
            if patterns and is_under(folder, base) and (expression := _compiled(patterns))
        ]
        if not tests:
            return None
        prefixes = [
            (names, paths, "" if below == "./" else _folded(below))
            for (names, paths), below in tests
        ]

        def is_excluded(name: str) -> bool:
            name = _folded(name)
            return any(
                names.match(name) is not None or paths.match(prefix + name) is not None
                for names, paths, prefix in prefixes
            )

        return is_excluded

    def has(self, path: str) -> bool:
        """Whether a file is left out, by its own name or that of a folder around it.

        Looks at the disk for folders that are marked. Only the names below the innermost folder
        that was asked for count; a path below none of them is not left out.
        """
        around = [base for base in self._patterns if is_under(path, base)]
        if not around:
            return False
        folder = max(around, key=len)
        *folders, file = os.path.relpath(path, folder).split(os.sep)
        for name in folders:
            excluded = self.inside(folder)
            if _is_bin(name) or (excluded is not None and excluded(name)):
                return True
            folder = os.path.join(folder, name)
            if self.is_marked(folder):
                return True
        excluded = self.inside(folder)
        return excluded is not None and excluded(file)

    def mark(self, folder: str) -> None:
        """Take in that a folder of this walk holds the file that says: no music."""
        self._marked[folder] = True

    def is_marked(self, folder: str) -> bool:
        """Whether a folder holds the file that says: no music."""
        if folder in self._patterns:
            return False
        known = self._marked.get(folder)
        if known is None:
            known = self._marked[folder] = os.path.lexists(os.path.join(folder, MARK))
        return known


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What matches names, and what matches paths below the folder."""
    names = [pattern for pattern in patterns if "/" not in pattern]
    paths = [pattern.lstrip("/") for pattern in patterns if "/" in pattern]
    return _any_of(names), _any_of(paths)


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    # Without a pattern: what matches nothing.
    return re.compile("|".join(fnmatch.translate(_folded(each)) for each in patterns) or r"(?!)")


def _folded(text: str) -> str:
    """Without case, and accents written in the one way: file systems differ in both."""
    return unicodedata.normalize("NFC", text.casefold())
