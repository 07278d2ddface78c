"""Where data sets lie when nobody says, and how their files are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from platformdirs import user_cache_path, user_data_path

from soundalike.errors import DataError, printable

__all__ = ["cache_folder", "data_root", "replaced_at_once"]


def data_root() -> Path:
    """The folder that holds ``gtzan``, ``cifar10`` and so on: ``SOUNDALIKE_DATA``, if it is set."""
    named = os.environ.get("SOUNDALIKE_DATA")
    return Path(named) if named else user_data_path("soundalike", appauthor=False) / "datasets"


def cache_folder() -> Path:
    """For what can be made again."""
    return user_cache_path("soundalike", appauthor=False) / "datasets"


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
