"""How files are written so that nobody ever finds half of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from soundalike.errors import DataError, printable

__all__ = ["replaced_at_once"]


@contextmanager
def replaced_at_once(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of ``path`` when all is written, or not at all.

    Raises
    ------
    DataError : it cannot be written, or the disk is full.
    """
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            partial.unlink()
