"""What an evaluation has decoded, kept in a file beside the library, so that the next goes on.

The file is a cache: whatever is odd about it means that it is made anew, and it may be deleted.
"""

from __future__ import annotations

import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.closing import Closing

__all__ = ["Kept", "kept_beside"]

Arrays = dict[str, NDArray[np.float32]]

_SUFFIX = ".evaluated"
_FORMAT = 1
_NAMED = "array "
# Of about 6 kB each; the oldest go.
_MOST = 20_000


def kept_beside(library: Path) -> Path:
    """Where the results about a library's files are kept."""
    return library.with_name(library.name + _SUFFIX)


class Kept(Closing):
    """Results by key; each is stored at once and whole, so that a kill loses none.

    Parameters
    ----------
    path : of the file; None keeps nothing, as does a file that cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            self._connection = _open(path)
        except sqlite3.OperationalError:
            pass  # a folder that cannot be written to, or a program that holds the file
        except sqlite3.DatabaseError:
            with suppress(OSError, sqlite3.Error):
                path.unlink()
                self._connection = _open(path)

    def close(self) -> None:
        """Close the file; closing again does no harm."""
        if self._connection is not None:
            self._connection.close()

    @staticmethod
    def key(*parts: object) -> bytes:
        """Of all that a result depends on; what is told apart by ``repr`` is another result."""
        return hashlib.blake2b(repr(parts).encode(), digest_size=32).digest()

    def get(self, key: bytes) -> Arrays | None:
        """The arrays by name, as they were put; None where there are none, or damaged ones."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(
                "SELECT value FROM kept WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            with np.load(io.BytesIO(row[0]), allow_pickle=False) as found:
                return {name.removeprefix(_NAMED): found[name] for name in found.files}
        except (sqlite3.Error, zipfile.BadZipFile, ValueError, OSError, KeyError, EOFError):
            return None

    def put(self, key: bytes, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Store a result; where that cannot be done, it is not kept."""
        if self._connection is None:
            return
        file = io.BytesIO()
        # A name of its own may be one of NumPy's parameters, such as "file".
        np.savez(file, allow_pickle=False, **{_NAMED + name: a for name, a in arrays.items()})
        with suppress(sqlite3.Error):
            self._connection.execute(
                "INSERT OR REPLACE INTO kept (key, value) VALUES (?, ?)", (key, file.getvalue())
            )


def _open(path: Path) -> sqlite3.Connection:
    """The file, made where there is none; each statement is a transaction of its own."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise sqlite3.DatabaseError(f"format {found}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS kept "
            "(number INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)"
        )
        connection.execute(
            "DELETE FROM kept WHERE number <= (SELECT max(number) FROM kept) - ?", (_MOST,)
        )
    except BaseException:
        connection.close()
        raise
    return connection
