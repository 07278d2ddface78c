"""What is known to be wrong with GTZAN, by name.

Sturm (2013, arXiv 1306.1461) catalogued the faults of the collection by listening and
fingerprinting: 50 exact repeats, 22 further excerpts of a recording that is there already, 13 other
versions, mislabelled and distorted tracks, and few artists in many tracks. The groups below were
found again in the frames: the correlation of two tracks' spectrograms
(:func:`~soundalike.research.datasets.leaks.find_repeats`), and the same with one shifted against
the other by up to 15 s.
"""

from __future__ import annotations

from typing import Final

__all__ = ["IDENTICAL", "REPEATS", "SAME_RECORDING", "SHIFTED"]


def _name(short: str) -> str:
    genre, number = short.split()
    return f"{genre}/{genre}.{int(number):05d}"


def _groups(*groups: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_name(track) for track in group.split(" = ")) for group in groups)


IDENTICAL: Final = _groups(
    "disco 98 = disco 99",
    "hiphop 39 = hiphop 45",
    "hiphop 76 = hiphop 78",
    "metal 34 = metal 94",
    "metal 40 = metal 61",
    "metal 41 = metal 62",
    "metal 42 = metal 63",
    "metal 43 = metal 64",
    "metal 44 = metal 65",
    "metal 45 = metal 66",
    "metal 58 = rock 16",
    "pop 54 = pop 60",
    "pop 67 = pop 71",
    "reggae 81 = reggae 82",
)
"""Equal in every frame, byte for byte; one pair even under two genres."""

SAME_RECORDING: Final = _groups(
    "disco 60 = disco 89",
    "jazz 33 = jazz 51",
    "jazz 34 = jazz 53",
    "jazz 35 = jazz 55",
    "jazz 36 = jazz 58",
    "jazz 37 = jazz 60",
    "jazz 38 = jazz 62",
    "jazz 39 = jazz 65",
    "jazz 40 = jazz 67",
    "jazz 42 = jazz 68",
    "jazz 43 = jazz 69",
    "jazz 44 = jazz 70",
    "jazz 45 = jazz 71",
    "jazz 46 = jazz 72",
    "pop 15 = pop 22",
    "pop 30 = pop 31",
    "pop 47 = pop 80",
    "pop 52 = pop 57",
    "pop 56 = pop 59",
    "pop 87 = pop 90",
    "reggae 3 = reggae 54",
    "reggae 73 = reggae 74",
    "reggae 91 = reggae 92",
)
"""The same seconds of the same recording, digitised or encoded twice: correlation 0.83 to 0.999."""

SHIFTED: Final = _groups(
    "disco 50 = disco 70",
    "disco 55 = disco 60 = disco 89",
    "metal 4 = metal 13",
    "pop 45 = pop 46",
    "reggae 5 = reggae 56",
    "reggae 8 = reggae 57",
    "reggae 10 = reggae 60",
    "reggae 13 = reggae 58",
    "reggae 75 = reggae 91",
    "reggae 80 = reggae 81 = reggae 82",
)
"""Other moments of the same recording: correlation 0.76 to 0.99 once shifted."""

REPEATS: Final = IDENTICAL + SAME_RECORDING + SHIFTED
"""Groups of tracks that must be on one side of a split."""
