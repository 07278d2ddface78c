"""Chord progressions that are told apart by ear, and melodies over them.

Everything is written in C; a piece in another key is moved as a whole. A progression is a line of
chord symbols, one a bar, that is repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demo_music.theory import SCALES, Note, invent_motif, split, swung

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "aug": (0, 4, 8),
    "dim7": (0, 3, 6, 9),
    "7": (0, 4, 7, 10),
    "7b9": (0, 4, 7, 10, 13),
    "9": (0, 4, 7, 10, 14),
    "m7": (0, 3, 7, 10),
    "m9": (0, 3, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "sus": (0, 5, 7, 10),
}
_SYMBOL = re.compile(r"([A-G])([#b]?)(.*)")


@dataclass(frozen=True)
class Chord:
    """A root (pitch class) and tones in semitones above it, the root first."""

    root: int
    tones: tuple[int, ...]

    @property
    def pitch_classes(self) -> frozenset[int]:
        """Pitch classes of all tones."""
        return frozenset((self.root + tone) % 12 for tone in self.tones)

    def degree(self, symbol: str) -> int:
        """Semitones above the root of a pattern's digit: the chord's own third, fifth, seventh.

        A chord without a third or a seventh has its fifth or its octave there.
        """
        octave, step = divmod(int(symbol) - 1, 7)
        near = {0: (0,), 2: (3, 4, 5, 7), 4: (7, 6, 8), 6: (10, 11, 9)}[step]
        return 12 * octave + next((tone for tone in near if tone in self.tones), 12)


def parse_chord(symbol: str) -> Chord:
    """Read a chord symbol such as ``C``, ``Bb7`` or ``F#m9``."""
    match = _SYMBOL.fullmatch(symbol)
    assert match, symbol
    letter, accidental, quality = match.groups()
    root = _LETTERS[letter] + {"": 0, "#": 1, "b": -1}[accidental]
    return Chord(root % 12, _QUALITIES[quality])


@dataclass(frozen=True)
class Harmony:
    """A chord progression and the scale of the melodies over it.

    Parameters
    ----------
    progression : chord symbols in C, one a bar.
    scale : pitch classes from which melodies take what lies between the tones of a chord.
    mode : "major" or "minor" where listeners would agree on the key of C, else "".
    """

    name: str
    progression: str
    scale: tuple[int, ...]
    mode: str = ""

    @cached_property
    def chords(self) -> tuple[Chord, ...]:
        """The chords of the progression."""
        return tuple(parse_chord(symbol) for symbol in self.progression.split())

    def chord(self, bar: int) -> Chord:
        """The chord of a bar, counted from 0."""
        return self.chords[bar % len(self.chords)]


HARMONIES = (
    Harmony("four chords", "C G Am F", SCALES["major"], "major"),
    Harmony("blues", "C7 C7 C7 C7 F7 F7 C7 C7 G7 F7 C7 G7", (0, 3, 5, 6, 7, 10), "major"),
    Harmony("Andalusian", "Cm Bb Ab G", SCALES["minor"], "minor"),
    Harmony("whole tones", "Caug Daug", (0, 2, 4, 6, 8, 10)),
    Harmony("jazz", "Dm9 G9 Cmaj9 A7b9", SCALES["major"], "major"),
    Harmony("drone", "C5", (0, 1, 4, 5, 7, 8, 10)),
    Harmony("mediants", "C Ab E Ab", ()),
    Harmony("diminished", "Cdim7 Dbdim7 Ddim7 Dbdim7", (0, 2, 3, 5, 6, 8, 9, 11)),
)


def _ladder(harmony: Harmony, chord: Chord, register: int) -> list[int]:
    """MIDI numbers over which a melody walks: the chord, and what of the scale agrees with it."""
    own = chord.pitch_classes
    strange = own - set(harmony.scale)
    agrees = {
        tone
        for tone in harmony.scale
        if not any((tone - other) % 12 in (1, 11) for other in strange)
    }
    return [midi for midi in range(register, register + 20) if midi % 12 in own | agrees]


def melody(
    harmony: Harmony,
    rhythms: tuple[str, ...],
    *,
    beats: int,
    n_bars: int,
    register: int,
    swing: float,
    rng: np.random.Generator,
) -> list[Note]:
    """A melody in phrases of four bars: a, a, b, and a again with a long ending.

    Parameters
    ----------
    rhythms : patterns of ``x`` over a bar; two are drawn.
    register : MIDI number of the lowest note.

    Notes on a beat move to the nearest tone of the chord; the others pass through the scale.
    """
    motifs = [invent_motif(rng, rhythms[int(rng.integers(len(rhythms)))], 0.2) for _ in range(2)]
    notes: list[Note] = []
    at = register + 9
    for bar in range(n_bars):
        chord = harmony.chord(bar)
        ladder = _ladder(harmony, chord, register)
        # Two tones are too few for a melody: over a drone, the whole scale is at home.
        home = [midi for midi in ladder if midi % 12 in chord.pitch_classes]
        home = home if len(chord.tones) > 2 else ladder
        motif = motifs[1 if bar % 4 == 2 else 0]
        step_beats = beats / len(motif.rhythm)
        for (first, length, _), step in zip(split(motif.rhythm), motif.contour, strict=True):
            nearest = min(range(len(ladder)), key=lambda index: abs(ladder[index] - at))
            # At either end of the register a melody turns round.
            up = nearest + step
            at = ladder[up if 0 <= up < len(ladder) else max(0, nearest - step) % len(ladder)]
            on_beat = (first * step_beats) % 1.0 < 1e-6
            if on_beat:
                at = min(home, key=lambda midi: (abs(midi - at), midi))
            start = swung(first * step_beats, swing)
            end = swung((first + length) * step_beats, swing)
            last = bar % 4 == 3 and first * step_beats >= beats / 2 - 1e-6
            end = float(beats) if last else end
            notes.append(Note(bar * beats + start, end - start, at, 0.9 if on_beat else 0.75))
            if last:
                break
    return notes
