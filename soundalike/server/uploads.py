"""Files that somebody sent to search by: heard once, then deleted."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from soundalike.errors import TrackNotFound
from soundalike.library.similar_records import Heard

__all__ = ["Upload", "Uploads"]

_MOST = 64
_KEPT_S = 3600.0


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
