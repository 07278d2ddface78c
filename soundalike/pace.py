"""How fast work goes, and how long it still takes."""

from __future__ import annotations

import time
from collections import deque

__all__ = ["Pace"]

_MARKS = 30


class Pace:
    """The speed over the last half minute, or longer where nothing was done in that time.

    The clock starts when it is made.

    Parameters
    ----------
    done : what is there already and was not done now, such as by an earlier run.
    window_s : another length of time; ``math.inf`` for all of it, where some parts of the work go
        faster than others and come again and again.
    """

    def __init__(self, done: float = 0, *, window_s: float = 30.0) -> None:
        self._window_s = window_s
        # When how much was done.
        self._marks = deque([(time.monotonic(), done)])

    def at(self, done: float, total: float) -> tuple[float, float | None]:
        """What is done in a second, 0 until something is, and the seconds left, None until then.

        ``done`` and ``total`` are in any unit: tracks, bytes, batches.
        """
        now = time.monotonic()
        marks = self._marks
        if done > marks[-1][1] and now - marks[-1][0] >= self._window_s / _MARKS:
            marks.append((now, done))
        while len(marks) > 1 and now - marks[1][0] >= self._window_s and marks[1][1] < done:
            marks.popleft()
        since, before = marks[0]
        if now <= since or done <= before:
            return 0.0, None
        per_s = (done - before) / (now - since)
        return per_s, (total - done) / per_s
