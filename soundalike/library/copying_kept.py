"""What is kept beside a library, copied to lie beside another."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path

from soundalike.errors import OutputError, printable
from soundalike.files import replaced_at_once, why
from soundalike.library.location import KEPT_KINDS, KeptKind, kept_of
from soundalike.partial import remove_leftovers

__all__ = ["check_nothing_kept", "copy_kept"]


def check_nothing_kept(keeping: Path | None) -> None:
    """Refuse a place where something is kept of a library that was there before.

    Raises
    ------
    OutputError : so it is.
    """
    for kind in KEPT_KINDS:
        place = kept_of(keeping, kind)
        if place is not None and _files(place):
            raise OutputError(
                f"{printable(place)}: is of another library, and that of the source has to come "
                f"here; move it away, and run the copy again"
            )


def copy_kept(source: Path | None, target: Path | None) -> dict[KeptKind, int]:
    """Make it the same in both; how many files there are of each kind, hidden ones left out.

    When the copy began, the target had none: what it has is what an interrupted copy brought.

    Raises
    ------
    OutputError : something cannot be copied.
    """
    return {kind: _copy(kept_of(source, kind), kept_of(target, kind)) for kind in KEPT_KINDS}


def _copy(source: Path | None, target: Path | None) -> int:
    if source is None or target is None or source == target:
        return 0
    try:
        wanted = _files(source)
        for path in _files(target) - wanted:
            (target / path).unlink()
        for path in wanted:
            read_from, written = source / path, target / path
            if written.exists() and filecmp.cmp(read_from, written, shallow=False):
                continue
            with read_from.open("rb") as file, replaced_at_once(written, parents=True) as copy:
                shutil.copyfileobj(file, copy)
            # When a playlist was changed is what players show.
            shutil.copystat(read_from, written)
    except OSError as error:
        raise OutputError(
            f"{printable(source)}: cannot be copied to {printable(target)}: {why(error)}; run the "
            f"copy again when that is mended"
        ) from error
    return sum(not path.name.startswith(".") for path in wanted)


def _files(place: Path) -> set[Path]:
    """A file, or those in a folder, without locks and what is being written.

    Raises
    ------
    OutputError : a folder cannot be read: what is in it must not count as gone.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise OutputError(
                f"{printable(place)}: cannot be read ({why(error)}); check its permissions, and "
                f"run the copy again"
            ) from error

    if place.is_file():
        return {Path()}
    found = set()
    for folder, _, names in os.walk(place, onerror=refuse):
        remove_leftovers(folder)
        found |= {Path(folder, name).relative_to(place) for name in names if name != ".lock"}
    return found
