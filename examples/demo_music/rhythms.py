"""Rhythms that are told apart by ear, without a sound: who plays when.

Strokes are what the drums play, named by their part in the rhythm, since each instrumentation has
its own sounds for them: ``low`` (a kick), ``back`` (a snare), ``tick`` (a closed hat), ``ring``
(a ride or an open hat) and ``click`` (a rim). Patterns are those of `theory`, one bar each.
"""

from __future__ import annotations

from dataclasses import dataclass

STROKES = ("low", "back", "tick", "ring", "click")


@dataclass(frozen=True)
class Rhythm:
    """A rhythm for drums, bass, chords and melody.

    Parameters
    ----------
    beats : in a bar.
    tempo_bpm : beats a minute at the tempo 1.
    strokes : stroke -> pattern of ``x``, ``X`` (an accent) and ``o`` (soft).
    bass : pattern of ``1``, ``3``, ``5``, ``7``, ``8``: tones of the chord.
    chords : pattern of ``c``.
    lead : patterns of ``x``; a melody uses two of them.
    swing : see `theory.swung`.
    """

    name: str
    beats: int
    tempo_bpm: float
    strokes: dict[str, str]
    bass: str
    chords: str
    lead: tuple[str, ...]
    swing: float = 0.5


RHYTHMS = (
    Rhythm(
        "rock",
        4,
        118,
        {"low": "X...x.x.", "back": "..X...X.", "tick": "xoxoxoxo"},
        bass="11111111",
        chords="c-c-c-cc",
        lead=("x-x-xxx-", "x-xxx-x-", "xx-xx-x-"),
    ),
    Rhythm(
        "waltz",
        6,  # two bars of three, the second lighter
        152,
        {"low": "X.....x.....", "back": "..x.x...x.x.", "tick": "....o.....o."},
        bass="1-....5-....",
        chords="..c.c...c.c.",
        lead=("x---x-x---x-", "x-x-x-x-----", "x---x-x-x-x-"),
    ),
    Rhythm(
        "bossa nova",
        4,
        126,
        {
            "low": "x..ox..ox..ox..o",
            "click": "x..x..x...x..x..",
            "tick": "o.o.o.o.o.o.o.o.",
        },
        bass="1-----5-5-----1-",
        chords="c-..c-..c-.c--..",
        lead=("x--x--x---x--x--", "x--x----..x--x--", "..x--x--x--x----"),
    ),
    Rhythm(
        "four on the floor",
        4,
        124,
        {
            "low": "X...X...X...X...",
            "back": "....x.......x...",
            "ring": "..x...x...x...x.",
            "tick": "o.o.o.o.o.o.o.o.",
        },
        bass="..1...1...1...8.",
        chords="..c...c...c...c.",
        lead=("x-x-x-x-x-x-x-x-", "x-x-x---x-x-x---"),
    ),
    Rhythm(
        "shuffle",
        4,
        114,
        {"low": "X...x...", "back": "..X...X.", "ring": "x.xxx.xx"},
        bass="1-3-5-7-",
        chords="c-.c..c.",
        lead=("x-.xx-.x", "x--xx--x", "xxx-xxx-"),
        swing=0.667,
    ),
    Rhythm(
        "half time",
        4,
        134,
        {"low": "X....o..........", "back": "........X.......", "tick": "x.......o......."},
        bass="1---------------",
        chords="c---------------",
        lead=("x-------x---x---", "x-----------x---", "x---x---x-------"),
    ),
    Rhythm(
        "breakbeat",
        4,
        122,
        {
            "low": "X.x.......xx....",
            "back": "....X..o.o..X..o",
            "tick": "x.x.x.x.x.x.x.x.",
        },
        bass="1-.1......11..5.",
        chords="c--c......c-....",
        lead=("x..x..x.x..x..x.", "x.xx..x...xx..x.", "x--x--x-xxx-x---"),
    ),
    Rhythm(
        "tresillo",
        4,
        108,
        {"low": "X..x..x.X..x..x.", "back": "....X.......X.o.", "click": "...x..x....x..x."},
        bass="1--1--1-1--1--5-",
        chords="c--c--c-c--c--c-",
        lead=("x--x--x-x--x--x-", "x--x--x-x-------"),
    ),
)
