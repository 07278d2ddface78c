"""Writing fields into the tags of a file, such that it is the old file or the new one, whole.

A copy beside the file gets the tags. Before it takes the file's place it is compared with it: the
packets of sound with their times (``digest.packet_digest``) and all other tags must be the same.
What is interrupted leaves a hidden file, as ``partial`` tells.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from soundalike.audio.digest import packet_digest
from soundalike.audio.tag_fields import Field, FieldFile, open_fields, raise_of_disk
from soundalike.errors import ReadOnlyFile, UnreadableFile, UnwritableTags
from soundalike.files import Stamp, content_digest, stamp_of, why
from soundalike.partial import partial_file

__all__ = ["Replaced", "joined", "read_fields", "write_fields"]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that took the place of another with other tags.

    Attributes
    ----------
    stamp : of the new file.
    digest : BLAKE2b (32 bytes) of its bytes, as ``files.content_digest``.
    parted : whether the old file has other names (hard links), which keep it as it was.
    """

    stamp: Stamp
    digest: bytes
    parted: bool


def read_fields(
    path: str | os.PathLike[str], names: frozenset[str]
) -> tuple[dict[str, Field | None], bool]:
    """Some fields of a file, and whether one may hold several values.

    Raises
    ------
    UnwritableTags, UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : as
        :func:`write_fields`.
    """
    try:
        found = open_fields(Path(path))
    except OSError as error:
        raise UnreadableFile(path, why(error)) from error
    return {name: found.get(name) for name in sorted(names)}, found.takes_several


def write_fields(
    path: str | os.PathLike[str],
    changes: Mapping[str, Field | None],
    *,
    keep_mtime: bool = False,
    before: Callable[[], None] = lambda: None,
) -> Replaced:
    """Set or remove fields in the tags of a file, and leave all else in it as it is.

    A symbolic link stays one: the file that it leads to is written. Of a file with several names
    (hard links) this one gets the new file, and the others keep the old. Permissions, owner and
    extended attributes stay.

    Parameters
    ----------
    changes : by name, as ``tag_fields`` lists them; None removes a field.
    keep_mtime : the file keeps its time of modification. Players and backups may not notice then
        that it is another.
    before : called when all is ready, and the file is about to be replaced. What it raises goes to
        the caller, and the file is as it was.

    Raises
    ------
    UnwritableTags : the format, or what is odd in the tags, does not allow it; the file or its
        folder is read-only, or the disk is full; or the result differed in something else. The file
        is as it was.
    UnreadableFile : it is missing, or changed or vanished meanwhile.
    UnsupportedAudio, ProtectedAudio, DamagedAudio : as ``probe``.
    """
    target = Path(os.path.realpath(path))
    try:
        return _replace(target, changes, keep_mtime, before)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableFile(path, why(error)) from error
    except OSError as error:
        raise UnwritableTags(path, f"cannot be replaced ({why(error)})") from error


def _replace(
    target: Path, changes: Mapping[str, Field | None], keep_mtime: bool, before: Callable[[], None]
) -> Replaced:
    stamp = stamp_of(os.fspath(target))
    found = target.stat()
    if not found.st_mode & 0o222 or not os.access(target, os.W_OK):
        # The folder may allow to replace it; whoever made it read-only does not want that.
        raise ReadOnlyFile(target, "the file is read-only")
    old = open_fields(target)
    names = frozenset(changes)
    kept = old.rest(names)
    with partial_file(target.parent) as part:
        old.put(changes)
        _write(target, old, part.file)
        part.file.flush()
        digest = _check(target, part.path, changes, kept)
        _dress(target, part.path, found, keep_mtime)
        os.fsync(part.file.fileno())
        if stamp_of(os.fspath(target)) != stamp:
            raise UnreadableFile(target, "changed while its tags were written")
        before()
        part.replace(target)
    _sync_folder(target.parent)
    return Replaced(stamp_of(os.fspath(target)), digest, found.st_nlink > 1)


def _write(target: Path, fields: FieldFile, copy: BinaryIO) -> None:
    import mutagen

    try:
        fields.save(target, copy)
    except mutagen.MutagenError as error:
        raise_of_disk(error)
        raise UnwritableTags(target, f"the new tags cannot be stored ({error})") from error
    except (ValueError, OverflowError) as error:
        raise UnwritableTags(target, f"the new tags do not fit ({error})") from error


def _check(target: Path, part: Path, changes: Mapping[str, Field | None], kept: object) -> bytes:
    """Whether the copy has the changes, and nothing else is new in it; the digest of its bytes.

    Raises
    ------
    UnwritableTags : it has not.
    """
    new = open_fields(part)
    wrong = [
        name
        for name, field in changes.items()
        if (got := new.get(name)) != field and (got and got.values) != (field and field.values)
    ]
    if wrong:
        raise UnwritableTags(target, f"{wrong[0]} did not come back as it was written")
    if new.rest(frozenset(changes)) != kept:
        raise UnwritableTags(target, "other tags, or the sound, would not have stayed as they are")
    if packet_digest(part) != packet_digest(target):
        raise UnwritableTags(target, "the sound would not have stayed as it is")
    return content_digest(os.fspath(part))


def _dress(target: Path, part: Path, found: os.stat_result, keep_mtime: bool) -> None:
    """Give the copy what belongs to the file and is not in it."""
    made = part.stat()
    if hasattr(os, "chown") and (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        try:
            os.chown(part, found.st_uid, found.st_gid)
        except PermissionError as error:
            raise UnwritableTags(
                target, "it belongs to another user or group, which it could not keep"
            ) from error
    times = (made.st_atime_ns, made.st_mtime_ns)
    # Permissions, times, and where there are some, extended attributes.
    shutil.copystat(target, part)
    # The change of owner takes these bits away, where it took place.
    part.chmod(stat.S_IMODE(found.st_mode))
    if not keep_mtime:
        os.utime(part, ns=times)


def _sync_folder(folder: Path) -> None:
    """So that a power cut does not take the new name away again."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def joined(field: Field) -> Field:
    """A field as it is set in a file that holds one value: the texts with ``"; "`` between them."""
    return field if len(field.values) < 2 else Field(("; ".join(field.values),), field.form)
