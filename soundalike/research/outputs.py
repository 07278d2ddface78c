"""Folders and files that experiments leave behind, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from soundalike.errors import InvalidArgument, printable

__all__ = ["output_folder", "write_file"]


def output_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made if necessary, and tested, so that hours of work are not lost at the end.

    Raises
    ------
    InvalidArgument : it is a file, or nothing can be written there.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidArgument(
            f"cannot write to the folder {printable(folder)}: {error.strerror or error}; "
            f"choose another one"
        ) from error
    return folder


def write_file(path: Path, content: str | bytes) -> Path:
    """Write a file; the old content stays until the new content is complete.

    Text is UTF-8; what UTF-8 cannot carry (a file name with stray bytes) is shown as ``\\\\udcNN``.

    Raises
    ------
    InvalidArgument : the disk is full, or the place cannot be written to.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidArgument(
            f"cannot write {printable(path)} ({len(data) / 1e6:.1f} MB): {error.strerror or error}"
        ) from error
    return path
