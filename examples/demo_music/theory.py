"""Scales, chords, rhythm patterns and melodies.

A pattern is a string over one bar: its length says into how many steps the bar is divided. A dot
rests, a dash holds the note before it. What the other characters mean:

- ``1`` to ``9``: a step of the scale above the root of the chord (1 the root, 3 the third,
  8 the octave), so that one pattern fits every chord.
- ``c``: the whole chord; ``p``: a power chord (root, fifth, octave).
- ``x``: a note of the melody.

Drum patterns are such strings too: ``x`` a hit, ``X`` an accent, ``o`` a soft one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
}


@dataclass(frozen=True)
class Note:
    """One note of a piece.

    Parameters
    ----------
    start_beats, length_beats : counted from the start of the piece.
    midi : MIDI note number.
    velocity : loudness, 0 to 1.
    """

    start_beats: float
    length_beats: float
    midi: int
    velocity: float = 0.8


@dataclass(frozen=True)
class Hit:
    """One stroke on one drum."""

    start_beats: float
    drum: str
    velocity: float = 0.8


@dataclass(frozen=True)
class Key:
    """A tonic (MIDI pitch class, 0 to 11) and a scale."""

    tonic: int
    scale: str

    def midi(self, degree: int) -> int:
        """MIDI number of a scale degree (0 the tonic in the lowest octave; may exceed 6)."""
        steps = SCALES[self.scale]
        octave, step = divmod(degree, len(steps))
        return self.tonic + 12 * octave + steps[step]


def lift(midi: int, register: int) -> int:
    """The same pitch class in the octave that begins at `register`."""
    return register + (midi - register) % 12


def chord(key: Key, degree: int, register: int, n_tones: int) -> list[int]:
    """Thirds stacked on a degree, voiced within one octave above `register`."""
    return sorted({lift(key.midi(degree + 2 * i), register) for i in range(n_tones)})


def split(pattern: str) -> list[tuple[int, int, str]]:
    """Cut a pattern into (first step, number of steps, character)."""
    events: list[tuple[int, int, str]] = []
    for step, character in enumerate(pattern):
        if character == "-" and events and sum(events[-1][:2]) == step:
            first, length, symbol = events[-1]
            events[-1] = (first, length + 1, symbol)
        elif character not in ".-":
            events.append((step, 1, character))
    return events


def play(
    pattern: str,
    key: Key,
    degree: int,
    *,
    bar: int,
    beats: int,
    register: int,
    n_tones: int,
    swing: float,
) -> list[Note]:
    """The notes of one bar of an accompaniment.

    Parameters
    ----------
    degree : scale degree of the chord of this bar.
    bar, beats : number of the bar, beats in each bar.
    register : MIDI number above which the root of the chord (or its voicing) lies.
    swing : see `swung`.
    """
    notes = []
    step_beats = beats / len(pattern)
    root = lift(key.midi(degree), register)
    for first, length, symbol in split(pattern):
        if symbol == "c":
            pitches = chord(key, degree, register, n_tones)
        elif symbol == "p":
            pitches = [root, root + 7, root + 12]
        else:
            pitches = [root + key.midi(degree + int(symbol) - 1) - key.midi(degree)]
        start = swung(first * step_beats, swing)
        end = swung((first + length) * step_beats, swing)
        accent = 0.9 if first * step_beats % 1.0 < 1e-6 else 0.72
        notes += [Note(bar * beats + start, end - start, pitch, accent) for pitch in pitches]
    return notes


def swung(beat: float, swing: float) -> float:
    """Shift a time within the bar so that the first half of each beat takes the share `swing`."""
    whole, within = divmod(beat, 1.0)
    if within < 0.5:
        return whole + 2.0 * swing * within
    return whole + swing + 2.0 * (1.0 - swing) * (within - 0.5)


@dataclass(frozen=True)
class Motif:
    """A bar of melody without its chord: a rhythm and a contour.

    Parameters
    ----------
    rhythm : pattern of ``x``.
    contour : scale steps from one note to the next, one for each ``x``.
    """

    rhythm: str
    contour: tuple[int, ...]


def invent_motif(rng: np.random.Generator, rhythm: str, leap: float) -> Motif:
    """Draw a contour for a rhythm: mostly steps, a leap with the probability `leap`."""
    contour = [int(rng.choice((0, 2, 4)))]
    for _ in range(rhythm.count("x") - 1):
        if rng.random() < leap:
            contour.append(int(rng.choice((-4, -3, 3, 4, 5))))
        else:
            contour.append(int(rng.choice((-2, -1, -1, 0, 1, 1, 2))))
    return Motif(rhythm, tuple(contour))


def sing(
    motif: Motif,
    key: Key,
    degree: int,
    *,
    bar: int,
    beats: int,
    register: int,
    swing: float,
    last: bool,
) -> list[Note]:
    """Put a motif over a chord.

    Notes on a beat move to the nearest tone of the chord, so the melody agrees with the harmony;
    the others pass through the scale. With `last`, the bar ends on a long chord tone.
    """
    notes: list[Note] = []
    step_beats = beats / len(motif.rhythm)
    home = 0
    while key.midi(home) < register:
        home += 1
    # The degree of the chord's root next to the middle of the register.
    root = home + (degree - home) % 7 - (7 if (degree - home) % 7 > 4 else 0)
    position = root
    events = split(motif.rhythm)
    for index, ((first, length, _), step) in enumerate(zip(events, motif.contour, strict=True)):
        position += step
        position = min(max(position, root - 4), root + 8)
        on_beat = (first * step_beats) % 1.0 < 1e-6
        if on_beat and (position - root) % 7 not in (0, 2, 4):
            position += 1 if (position - root) % 7 in (1, 3, 6) else -1
        start = swung(first * step_beats, swing)
        end = swung((first + length) * step_beats, swing)
        if last and first * step_beats >= beats / 2 - 1e-6:
            notes.append(Note(bar * beats + start, beats - start, key.midi(position)))
            break
        velocity = 0.9 if on_beat else 0.75
        velocity += 0.05 if index == 0 else 0.0
        notes.append(Note(bar * beats + start, end - start, key.midi(position), velocity))
    return notes
