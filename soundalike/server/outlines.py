"""The outlines of tracks: made once each at the desk, and kept."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from soundalike.errors import Busy, DamagedAudio
from soundalike.library import Library
from soundalike.server.kept import Kept
from soundalike.show.outline import Outline
from soundalike.workers.calls import Call
from soundalike.workers.desk import Desk

__all__ = ["Outlines"]

# Who asks for what is being made waits for it; a page asks for waveform and spectrogram at once.
_MOST_WAITING = 8


class Outlines:
    """What is drawn of tracks.

    Parameters
    ----------
    library : whose tracks.
    desk : where files are decoded.
    kept : where outlines stay, by the hash of the file that they are of.
    """

    def __init__(self, library: Library, desk: Desk, kept: Kept) -> None:
        self._library, self._desk, self._kept = library, desk, kept
        self._lock = threading.Lock()
        self._being_made: dict[int, Future[Outline]] = {}
        self._waiting = 0

    def of(self, track_id: int) -> Outline:
        """
        Raises
        ------
        TrackNotFound, AudioError, Busy : as ``Library.file_to_play`` and ``Desk.call``.
        """
        digest = self._library.track(track_id).content_hash
        name = None if digest is None else f"{digest}.npz"
        stored = None if name is None else self._kept.get(name)
        found = None if stored is None else Outline.from_bytes(stored)
        return found or self._shared(track_id, name)

    def _shared(self, track_id: int, name: str | None) -> Outline:
        """Made now, by whoever asks first."""
        with self._lock:
            making = self._being_made.get(track_id)
            is_first = making is None
            if making is None:
                making = self._being_made[track_id] = Future()
            elif self._waiting >= _MOST_WAITING:
                raise Busy(f"{self._waiting} requests wait for pictures of tracks", 2.0)
            else:
                self._waiting += 1
        if not is_first:
            try:
                return making.result()
            finally:
                with self._lock:
                    self._waiting -= 1
        try:
            found = self._made(track_id, name)
            making.set_result(found)
            return found
        except BaseException as error:
            making.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._being_made[track_id]

    def _made(self, track_id: int, name: str | None) -> Outline:
        _, path = self._library.file_to_play(track_id)
        data = self._desk.call(Call(path, "soundalike.show.outline:outline_bytes"))
        found = Outline.from_bytes(data)
        if found is None:
            raise DamagedAudio(path, "its outline cannot be read")
        if name is not None:
            self._kept.put(name, data)
        return found
