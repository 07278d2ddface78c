"""Locks that keep two programs from changing the same file at the same time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from soundalike.errors import printable

__all__ = ["lock_file", "locked", "try_lock"]

_POLL_S = 0.02
_IS_WINDOWS = sys.platform == "win32"

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file, until it is closed; False where another program holds the lock."""
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(file: IO[bytes]) -> bool:
        """Lock an open file, until it is closed; False where another program holds the lock."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def locked(path: Path, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the lock of a file, which need not exist; whoever else wants it waits.

    The lock is a file ``NAME.lock`` beside it, which goes with the lock. Threads exclude each other
    as programs do.

    Raises
    ------
    OSError : the folder cannot be written to.
    TimeoutError : another program has held the lock for that long.
    """
    with lock_file(path.with_name(path.name + ".lock"), timeout_s=timeout_s):
        yield


@contextmanager
def lock_file(lock_path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold a lock that is a file of this name, which is made for it and goes with it.

    One that a killed program left behind is no lock any more.

    Raises
    ------
    OSError, TimeoutError : as for :func:`locked`.
    """
    file = _wait_for(lock_path, time.monotonic() + timeout_s)
    try:
        yield
    finally:
        if _IS_WINDOWS:
            # Windows deletes no open file, so not one either that another program waits for.
            file.close()
            with suppress(OSError):
                lock_path.unlink()
        else:
            # While it is locked: whoever waits for it sees then that it is gone.
            with suppress(OSError):
                lock_path.unlink()
            file.close()


def _wait_for(lock_path: Path, deadline: float) -> IO[bytes]:
    """The lock file, open and locked."""
    while True:
        try:
            file = lock_path.open("a+b")
        except PermissionError:
            # On Windows also a file that is just being deleted.
            if not _IS_WINDOWS or time.monotonic() >= deadline:
                raise
        else:
            if try_lock(file):
                if _is_still(lock_path, file):
                    return file
                # The program that held the lock has deleted it meanwhile, so that nobody holds
                # the lock of this name: no reason to wait, or to give up.
                file.close()
                continue
            file.close()
        if time.monotonic() >= deadline:
            raise TimeoutError(f"another program holds {printable(lock_path)}: wait for it to end")
        time.sleep(_POLL_S)


def _is_still(path: Path, file: IO[bytes]) -> bool:
    """Whether the open file is the one at the path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
