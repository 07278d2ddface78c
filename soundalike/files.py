"""Files on disk: written whole or not at all, whether they changed, and why they cannot be used."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from soundalike import remote
from soundalike.errors import OutputError, printable
from soundalike.partial import partial_file
from soundalike.urls import url_of

__all__ = [
    "Stamp",
    "cannot_write",
    "check_writable",
    "content_digest",
    "ctime_of",
    "file_is_gone",
    "is_gone",
    "open_regular",
    "output_folder",
    "real",
    "replaced_at_once",
    "stamp_of",
    "why",
    "write_file",
]

_BLOCK_BYTES = 1 << 20


def why(error: BaseException) -> str:
    """An error's own words in lower case, without its number and path."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(words).lower()


def cannot_write(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """The error to raise when a file or folder cannot be written."""
    advice = "make room" if error.errno == errno.ENOSPC else "check its folder and permissions"
    return OutputError(
        f"{printable(path)}: cannot be written ({why(error)}); {advice}, or choose another one"
    )


def check_writable(path: str | os.PathLike[str]) -> None:
    """Try out whether a file can be written, so that no work ends in front of a wall.

    What is there stays as it is.

    Raises
    ------
    OutputError : its folder is not there or is none, it is a folder itself, or nothing can be
        written there.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # A pipe or a device may be tried only by using it.
        if not target.exists() or target.is_file():
            with tempfile.TemporaryFile(dir=target.parent):
                pass
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def replaced_at_once(path: str | os.PathLike[str], *, parents: bool = False) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` when all is written, or not at all.

    A link stays a link: the file that it leads to is replaced. A file keeps its permissions. What
    is no regular file, such as a pipe or ``/dev/stdout``, is written to directly.

    Parameters
    ----------
    parents : make the folders above it, where they are missing.

    Raises
    ------
    OutputError : it cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    try:
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode if target.exists() else None
        if mode is not None and not stat.S_ISREG(mode):
            with target.open("wb") as file:
                yield file
            return
        # Beside the target, since only within one file system a file can be renamed at once.
        with partial_file(target.parent) as partial:
            yield partial.file
            if mode is not None:
                # Some file systems, such as FAT, have no permissions to keep.
                with suppress(OSError):
                    partial.path.chmod(stat.S_IMODE(mode))
            partial.replace(target)
    except OSError as error:
        raise cannot_write(path, error) from error


def write_file(
    path: str | os.PathLike[str], content: str | bytes, *, parents: bool = False
) -> Path:
    """Write a whole file as :func:`replaced_at_once` does, and return its path.

    Text is UTF-8; what UTF-8 cannot carry (a file name with stray bytes) is shown as ``\\\\udcNN``.

    Raises
    ------
    OutputError : it cannot be written, or the disk is full.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with replaced_at_once(path, parents=parents) as file:
        file.write(data)
    return Path(path)


def output_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made if need be, and tried out, so that no hour of work ends in front of a wall.

    Raises
    ------
    OutputError : it is a file, or nothing can be written there.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


class Stamp(NamedTuple):
    """What tells without reading whether a file was changed.

    ``ctime_ns`` is when the file's content, name or permissions changed, which no program can set
    back; None where the system has no such time, or it is not known.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int | None = None

    def is_like(self, other: Stamp) -> bool:
        """Whether nothing tells the two apart; a ctime counts where both have one."""
        return self[:2] == other[:2] and (
            None in (self.ctime_ns, other.ctime_ns) or self.ctime_ns == other.ctime_ns
        )


def stamp_of(path: str | os.DirEntry[str]) -> Stamp:
    """Size and times of a regular file, links followed; or of what is at an address, where a number
    that goes with its content stands in for the ctime.

    Raises
    ------
    OSError : there is none, or it is a folder, a pipe or a device.
    """
    url = url_of(path)
    if url is not None:
        return Stamp(*remote.look(url))
    found = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError("not a regular file")
    return Stamp(found.st_size, found.st_mtime_ns, ctime_of(found))


def ctime_of(found: os.stat_result) -> int | None:
    """The ctime of a file; None on Windows, where the field holds the time of its creation."""
    return None if sys.platform == "win32" else found.st_ctime_ns


def content_digest(path: str, on_read: Callable[[], None] = lambda: None) -> bytes:
    """BLAKE2b (32 bytes) of the file's bytes; ``on_read`` is called after each block of 1 MiB.

    Raises
    ------
    OSError : it cannot be read, or is no regular file.
    """
    digest = hashlib.blake2b(digest_size=32)
    url = url_of(path)
    local = path if url is None else remote.local_copy(url, on_read)
    with open(local, "rb", opener=open_regular) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            on_read()
    return digest.digest()


def real(path: str | os.PathLike[str]) -> str:
    """A path without links, "~" filled in; an address as it is."""
    return url_of(path) or os.path.realpath(os.path.expanduser(path))


def open_regular(path: str, flags: int) -> int:
    """An opener for ``open`` that waits for no writer, should there be a pipe instead of a file.

    Raises
    ------
    OSError : it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return descriptor


def is_gone(path: str) -> bool:
    """Whether nothing is there; False when that cannot be told, such as without permission."""
    url = url_of(path)
    if url is not None:
        return remote.is_gone(url)
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def file_is_gone(path: str) -> bool:
    """Whether no file is there: nothing, or a folder by this name; False as for :func:`is_gone`."""
    return is_gone(path) or os.path.isdir(path)
