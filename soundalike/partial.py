"""Files that are written beside others, to take their place once they are whole.

Each is locked while somebody writes it. One that is not was left by a program that was killed, and
is removed when the next is written in its folder.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from soundalike.locks import try_lock

__all__ = ["PartialFile", "partial_file", "remove_leftovers"]

_NAME = re.compile(r"\.soundalike-[0-9a-f]{16}\.part")
_IS_WINDOWS = sys.platform == "win32"
_TIDIED_S = 60.0
"""For so long a folder counts as tidied: writing 10,000 files need not list it 10,000 times."""


class PartialFile:
    """A file that is being written.

    Attributes
    ----------
    path : where it is, as long as it has not taken the place of another.
    file : the open file, to write and to read.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file

    def replace(self, target: Path) -> None:
        """Take the place of a file, or of none, at once.

        Raises
        ------
        OSError : the disk is full, or nothing can be replaced there.
        """
        self.file.flush()
        if _IS_WINDOWS:
            # Windows renames no open file; elsewhere the lock is kept to the end.
            self.file.close()
        os.replace(self.path, target)


@contextmanager
def partial_file(folder: Path) -> Iterator[PartialFile]:
    """A new file in a folder, which is gone at the end unless it took another's place.

    Its name is its own, since two programs may write the same file, and short, since the name of
    the file that it is to replace may be as long as names can be.

    Raises
    ------
    OSError : none can be made there.
    """
    _tidy(folder)
    path, file = _made(folder)
    try:
        with file:
            yield PartialFile(path, file)
    finally:
        with suppress(OSError):
            path.unlink()


_tidied: tuple[Path, float] | None = None


def _tidy(folder: Path) -> None:
    global _tidied
    now = time.monotonic()
    if _tidied is None or _tidied[0] != folder or now - _tidied[1] > _TIDIED_S:
        remove_leftovers(folder)
        _tidied = folder, now


def _made(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / f".soundalike-{os.urandom(8).hex()}.part"
        file = path.open("x+b")
        try:
            if not try_lock(file):
                # Another program takes it for a leftover, and removes it just now.
                file.close()
                continue
        except OSError:
            # A file system without locks: there leftovers stay.
            return path, file
        if path.exists():
            return path, file
        file.close()


def remove_leftovers(folder: str | os.PathLike[str]) -> int:
    """Remove what writers that were killed have left in a folder; how many files that were.

    What is still written stays. So does all on Windows, and where files cannot be locked.
    """
    removed = 0
    if _IS_WINDOWS:
        return removed
    with suppress(OSError), os.scandir(folder) as listing:
        for name in [each.path for each in listing if _NAME.fullmatch(each.name)]:
            with suppress(OSError), open(name, "r+b") as file:
                if try_lock(file):
                    os.unlink(name)
                    removed += 1
    return removed
