"""A folder of what is quick to read and slow to make, of a bounded size."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from soundalike.errors import OutputError
from soundalike.files import write_file

__all__ = ["Kept"]

# So much is left when it was too full, that not every new file has the folder looked through.
_LEFT = 0.9


class Kept:
    """Bytes by name, in files; what was used longest ago goes first.

    Nothing depends on it: a folder that cannot be written keeps nothing.

    Parameters
    ----------
    folder : made when something is kept.
    most_bytes : of all files together.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        # What other processes add is seen when it is looked through the next time.
        self._bytes: int | None = None

    def get(self, name: str) -> bytes | None:
        """What is kept under a name; None where nothing is."""
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(path)
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep it, if that is possible."""
        with suppress(OutputError, OSError), self._lock:
            write_file(self.folder / name, data, parents=True)
            if self._bytes is not None:
                self._bytes += len(data)
            if self._bytes is None or self._bytes > self._most_bytes:
                self._bytes = self._tidied()

    def _tidied(self) -> int:
        """Delete what is too much; the bytes that are left."""
        with os.scandir(self.folder) as entries:
            files = [(entry.stat(), entry.path) for entry in entries if entry.is_file()]
        total = sum(stat.st_size for stat, _ in files)
        if total > self._most_bytes:
            files.sort(key=lambda each: each[0].st_mtime_ns)
            for stat, path in files:
                if total <= _LEFT * self._most_bytes:
                    break
                with suppress(OSError):
                    os.unlink(path)
                total -= stat.st_size
        return total
