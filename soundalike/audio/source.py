"""A file as the decoder needs it: regular, readable, and unchanged while it is read.

Files are opened here, never by FFmpeg, so that no name is taken for a URL or refused for its
encoding, and no pipe waits for a writer.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

from soundalike.closing import Closing
from soundalike.errors import UnreadableFile, printable
from soundalike.files import why
from soundalike.remote import local_copy
from soundalike.urls import url_of

__all__ = ["Source", "StrPath", "on_progress", "tell_progress"]

StrPath = str | os.PathLike[str]

# Called after each read that brought bytes, and each block of sound: a process that reads can tell
# another that it is not stuck. It has to be quick, since a track takes hundreds of reads.
on_progress: Callable[[], None] | None = None


def tell_progress() -> None:
    """Call the hook, if there is one."""
    if on_progress is not None:
        on_progress()


class Source(Closing):
    """A regular file that notices when it changes, as PyAV and the header reader read it.

    Of an address, a copy of what is there is read, as PyAV seeks back and forth.

    Attributes
    ----------
    local : the file that is read.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = path
        self.local: StrPath = path
        url = url_of(path)
        try:
            if url is not None:
                self.local = local_copy(url, tell_progress)
            self._before = os.stat(self.local)
            self._check_regular(self._before.st_mode)
            # Not to wait for a writer, should a pipe have taken the file's place by now.
            flags = getattr(os, "O_NONBLOCK", 0)
            self._file = io.FileIO(
                os.fspath(self.local), opener=lambda name, mode: os.open(name, mode | flags)
            )
        # ValueError: a NUL in the name.
        except (OSError, ValueError) as error:
            raise UnreadableFile(path, self._why_unreadable(error)) from error
        self.size = self._before.st_size
        # Bytes that are read in place of the file's own, by their offsets.
        self.corrections: tuple[tuple[int, bytes], ...] = ()
        # FFmpeg takes the ending for a hint. The rest of the name is none of its business.
        suffix = Path(path).suffix
        self.name = "audio" + (suffix if suffix.isascii() and suffix[1:].isalnum() else "")

    def _check_regular(self, mode: int) -> None:
        if stat.S_ISDIR(mode):
            raise UnreadableFile(self.path, "is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise UnreadableFile(self.path, "is a pipe, socket or device, not a regular file")

    def _why_unreadable(self, error: OSError | ValueError) -> str:
        if isinstance(error, FileNotFoundError) and os.path.islink(self.path):
            target = printable(os.readlink(self.path))
            return f"is a broken link: it points to {target}, which does not exist"
        return why(error)

    def read(self, n_bytes: int) -> bytes:
        try:
            start = self._file.tell() if self.corrections else 0
            data = self._file.read(n_bytes) or b""
        except OSError as error:
            raise UnreadableFile(
                self.path, f"could not be read to the end: {why(error)}"
            ) from error
        if data:
            tell_progress()
        for offset, right in self.corrections:
            at = offset - start
            if -len(right) < at < len(data):
                end = min(at + len(right), len(data))
                data = data[: max(at, 0)] + right[max(-at, 0) : end - at] + data[end:]
        return data

    def read_at(self, offset: int, n_bytes: int) -> bytes:
        return self.read(n_bytes) if self.seek(offset) == offset else b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position and return it, or a negative number if there is no such position.

        FFmpeg asks for such a position if a damaged header says so, and expects no exception.
        """
        try:
            return self._file.seek(offset, whence)
        except (OSError, OverflowError):
            return -1

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def check_unchanged(self) -> None:
        """Raise UnreadableFile if the file has changed or vanished since it was opened."""
        if self.local is not self.path:
            # A copy never changes; it goes when others need its place.
            return
        try:
            now = os.stat(self.path)
        except OSError as error:
            raise UnreadableFile(self.path, "vanished while it was read") from error
        names = ("st_dev", "st_ino", "st_size", "st_mtime_ns")
        if any(getattr(now, name) != getattr(self._before, name) for name in names):
            raise UnreadableFile(self.path, "changed while it was read")
