"""What changes at MPD, as it happens: a thread that waits for MPD to say so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal, cast

from soundalike.integrations.mpd.address import Address
from soundalike.integrations.mpd.connection import Mpd
from soundalike.integrations.mpd.listening import Moment

__all__ = ["DATABASE", "Watcher", "look"]

DATABASE = "database"
"""Told when MPD's database has changed."""

_SUBSYSTEMS = ("player", "playlist", "options", DATABASE)


class Watcher(threading.Thread):
    """Tells what MPD says now, and again whenever player, queue, modes or database have changed.

    It is a thread of its own so that nothing is missed, however long an answer to what it tells
    takes: two songs that are skipped within a second are two.

    Parameters
    ----------
    address : of MPD.
    tell : called in this thread with the watcher and a :class:`.Moment`, :data:`DATABASE`, or the
        error with which it ends.
    """

    def __init__(self, address: Address, tell: Callable[[tuple[Watcher, Any]], None]) -> None:
        super().__init__(name="soundalike-mpd", daemon=True)
        self._mpd = Mpd(address)
        self._tell = tell
        self._closing = threading.Event()

    def run(self) -> None:
        """Watch until it is closed, or MPD is gone."""
        try:
            with self._mpd as mpd:
                while not self._closing.is_set():
                    self._tell((self, look(mpd)))
                    if DATABASE in mpd.wait(*_SUBSYSTEMS):
                        self._tell((self, DATABASE))
        except Exception as error:  # whatever it is, whoever waits for news is to know
            if not self._closing.is_set():
                self._tell((self, error))

    def close(self) -> None:
        """End it."""
        self._closing.set()
        self._mpd.interrupt()
        self.join(self._mpd.address.timeout_s)


def look(mpd: Mpd) -> Moment:
    """What MPD says now."""
    status, song = mpd.ask_all([("status",), ("currentsong",)])
    # Up to 0.19 the length stands behind the elapsed time alone.
    duration = status.get("duration") or status.get("time", ":").partition(":")[2]
    return Moment(
        at_s=time.monotonic(),
        state=cast("Literal['play', 'pause', 'stop']", status["state"]),
        song_id=_whole(status.get("songid")),
        uri=song.get("file"),
        position=_whole(status.get("song")),
        elapsed_s=float(status.get("elapsed") or 0.0),
        duration_s=float(duration) if duration and float(duration) > 0 else None,
        crossfade_s=float(status.get("xfade") or 0.0),
        length=_whole(status.get("playlistlength")) or 0,
        version=_whole(status.get("playlist")) or 0,
        is_random=status.get("random") == "1",
        error=status.get("error"),
    )


def _whole(value: str | None) -> int | None:
    return None if value is None else int(value)
