"""Files that somebody sent to search by: heard once, then deleted."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from soundalike.errors import AudioError, OutputError, TrackNotFound
from soundalike.files import why
from soundalike.library import Library
from soundalike.library.similar_records import Heard

__all__ = ["Upload", "Uploads", "clean_name", "heard_in"]

_MOST = 64
_KEPT_S = 3600.0
_LONGEST_NAME = 200
_LONGEST_SUFFIX = 10


@dataclass(frozen=True, slots=True)
class Upload:
    """What was heard in an uploaded file, which is gone.

    Attributes
    ----------
    upload_id : to ask about it with.
    name : of the file, as it was sent.
    heard : what the model hears in it.
    sent_at : on the clock that was given.
    """

    upload_id: str
    name: str
    heard: Heard
    sent_at: float


class Uploads:
    """The last of them, for an hour.

    Parameters
    ----------
    clock : seconds, that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Upload] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, name: str, heard: Heard) -> Upload:
        """Keep what was heard."""
        upload = Upload(secrets.token_urlsafe(12), name, heard, self._clock())
        with self._lock:
            self._kept[upload.upload_id] = upload
            while len(self._kept) > _MOST or self._is_old(next(iter(self._kept.values()))):
                self._kept.popitem(last=False)
        return upload

    def get(self, upload_id: str) -> Upload:
        """
        Raises
        ------
        TrackNotFound : there is none, or not any more.
        """
        with self._lock:
            found = self._kept.get(upload_id)
        if found is None or self._is_old(found):
            raise TrackNotFound(f"there is no upload {upload_id!r} (any more): send the file again")
        return found

    def _is_old(self, upload: Upload) -> bool:
        return self._clock() - upload.sent_at > _KEPT_S


def heard_in(
    library: Library,
    folder: Path,
    sent: IO[bytes],
    name: str,
    start_s: float | None,
    end_s: float | None,
) -> Heard:
    """What is heard in a file that was sent, with its analysis; nothing is left of the file.

    Parameters
    ----------
    library : whose model hears it; a file that it knows by its hash is not decoded again.
    folder : where the file lies meanwhile.
    sent : the file, to be read from its beginning.
    name : by which who sent it knows it: it is called so in answers and errors.
    start_s, end_s : the passage, in seconds; None where there is no bound.

    Raises
    ------
    AudioError, InvalidArgument, Busy : as ``Library.hear``.
    OutputError : there is no room for it.
    """
    shown = clean_name(name)
    suffix = Path(shown).suffix
    # The suffix helps to tell what it is; the rest of the name is none of the disk's business.
    is_plain = suffix.isascii() and suffix[1:].isalnum() and len(suffix) <= _LONGEST_SUFFIX
    path = folder / (secrets.token_hex(8) + (suffix if is_plain else ""))
    # Two that are called alike are two.
    named = Path(f"upload {path.stem}") / shown
    try:
        _copy(sent, path)
        heard = library.hear(path, start_s, end_s, with_analysis=True)
    except AudioError as error:
        raise type(error)(shown, error.reason) from None
    finally:
        path.unlink(missing_ok=True)
    return replace(heard, seed=replace(heard.seed, path=named))


def _copy(sent: IO[bytes], path: Path) -> None:
    try:
        with path.open("xb") as file:
            shutil.copyfileobj(sent, file, 1 << 20)
    except OSError as error:
        raise OutputError(
            f"what was sent cannot be kept: {why(error)}; make room, then send it again"
        ) from error


def clean_name(name: str) -> str:
    """The name of a file as somebody sent it, without folders and what cannot be shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = " ".join("".join(each if each.isprintable() else " " for each in last).split())
    if len(shown) > _LONGEST_NAME:
        suffix = Path(shown).suffix[:10]
        shown = shown[: _LONGEST_NAME - len(suffix)] + suffix
    return shown if shown.strip(". ") else "upload"
