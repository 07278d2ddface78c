"""What writing results into the tags of files returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "FieldChange",
    "SkippedFile",
    "TagReport",
    "TaggedFile",
]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a file that was, or would be, another.

    Attributes
    ----------
    name : such as "SOUNDALIKE_GENRE".
    old, new : its values; None where the file has no such field.
    """

    name: str
    old: tuple[str, ...] | None
    new: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TaggedFile:
    """A file whose tags were, or would be, changed.

    Attributes
    ----------
    track_id : None for a file that the library does not have.
    parted : whether it had other names (hard links): those keep the old file.
    """

    path: Path
    track_id: int | None
    changes: tuple[FieldChange, ...]
    parted: bool = False


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file, or a field of one, that was left as it is.

    Attributes
    ----------
    reason : why, without the path.
    advice : what to do.
    failed : whether something went wrong, rather than that there was nothing to write to or from,
        as with a format whose tags are not written.
    """

    path: Path
    reason: str
    advice: str
    failed: bool


@dataclass(frozen=True, slots=True)
class TagReport:
    """What was, or would be, written into files.

    Attributes
    ----------
    files : that were, or would be, changed.
    unchanged : that have these values already.
    skipped : that were left as they are, and why.
    undo_file : where the old values are; None where nothing was written, or this was an undo.
    dry_run : whether nothing was written because that was asked for.
    interrupted : stopped by Ctrl-C or SIGTERM; what ``files`` lists is done.
    elapsed_s : seconds.
    """

    files: tuple[TaggedFile, ...]
    unchanged: int
    skipped: tuple[SkippedFile, ...]
    undo_file: Path | None
    dry_run: bool
    interrupted: bool
    elapsed_s: float
