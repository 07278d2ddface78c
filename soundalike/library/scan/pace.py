"""How fast a scan is, and how long it still takes."""

from __future__ import annotations

import time
from collections import deque

__all__ = ["Pace"]

_WINDOW_S = 30.0


class Pace:
    """The speed over the last half minute; begins when it is made."""

    def __init__(self) -> None:
        # When how much was done.
        self._marks = deque([(time.monotonic(), 0)])

    def at(self, done: int, total: int) -> tuple[float, float | None]:
        """Tracks a second, 0 until something is done, and the seconds left, None until then."""
        now = time.monotonic()
        self._marks.append((now, done))
        while now - self._marks[0][0] > _WINDOW_S and len(self._marks) > 2:
            self._marks.popleft()
        since, before = self._marks[0]
        if now <= since or done <= before:
            return 0.0, None
        tracks_per_s = (done - before) / (now - since)
        return tracks_per_s, (total - done) / tracks_per_s
