"""Times as people read them; how they write them is in ``soundalike.times``.

A place in a track, its length, and what is left of a piece of work stand on a clock: ``1:10``. How
long work took is in units, ``8 min 05 s``, and so is how much music there is: ``5.9 hours``.
"""

from __future__ import annotations

import math
from datetime import datetime

from soundalike.show.amounts import show_count

__all__ = ["show_duration", "show_hours", "show_moment", "show_time"]


def show_time(seconds: float | None, step_s: float = 1.0) -> str:
    """``1:10``, ``1:02:03``, with a tenth where steps are below a second; ``-`` when unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    tenths = 10 * round(seconds) if step_s >= 1 else round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest // 10:02d}" if step_s >= 1 else f"{rest / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{shown}" if hours else f"{minutes}:{shown}"


def show_duration(seconds: float, *, on_a_clock: bool = False) -> str:
    """How long something took: ``0.8 s``, ``42 s``, ``8 min 05 s``, ``2 h 10 min``.

    Parameters
    ----------
    on_a_clock : from a minute on as :func:`show_time`, as the commands say it.
    """
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    if on_a_clock:
        return show_time(seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def show_hours(seconds: float) -> str:
    """How much music there is: ``12 minutes``, ``1 minute``, ``1,234.5 hours``."""
    hours = seconds / 3600
    if hours >= 1:
        text = f"{hours:,.1f}"
        return "1.0 hour" if text == "1.0" else f"{text} hours"
    return show_count(round(seconds / 60), "minute")


def show_moment(moment: datetime) -> str:
    """``2026-11-26 18:05``, by the clock here."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
