"""One rhythm, one harmony and one instrumentation -> the notes of a piece."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from demo_music.effects import Room
from demo_music.harmonies import Harmony, melody
from demo_music.instrumentations import INSTRUMENTATIONS, Instrumentation, PitchedStroke
from demo_music.rhythms import Rhythm
from demo_music.score import DrumPart, Part, Performance
from demo_music.theory import Hit, Note, lift, split, swung

_LOUDNESS = {"o": 0.45, "x": 0.75, "X": 1.0}
# A soft stroke is left out now and then, as drummers do.
_LEFT_OUT = 0.15


@dataclass(frozen=True)
class Arrangement:
    """A piece of known rhythm, harmony and instrumentation, not yet rendered."""

    performances: tuple[Performance, ...]
    hits: tuple[Hit, ...]
    drums: DrumPart | None
    room: Room
    beat_s: float
    n_beats: int
    wet: float
    tilt_db: float
    seed: tuple[int, int, int]
    jitter_s: float = 0.004

    @property
    def music_s(self) -> float:
        """Length of all bars in seconds, without what rings on after them."""
        return self.n_beats * self.beat_s


def arrange(
    rhythm: Rhythm,
    harmony: Harmony,
    instrumentation: Instrumentation,
    *,
    key: int,
    tempo: float,
    seed: int,
    duration_s: float,
) -> Arrangement:
    """Write the notes of a piece.

    Parameters
    ----------
    key : semitones above C, 0 to 11; from 7 on the piece is moved down instead of up.
    tempo : factor on the rhythm's own tempo.
    seed : of what the three do not settle: the melody, the balance of the mix, how it is played.
    duration_s : the piece has as many whole bars as come nearest to this.
    """
    rng = np.random.default_rng([seed, 0])
    beat_s = 60.0 / (rhythm.tempo_bpm * tempo)
    n_bars = max(2, round(duration_s / (rhythm.beats * beat_s)))
    moved = key - 12 if key > 6 else key
    takes = [
        (instrumentation.bass, _bars(rhythm, harmony, rhythm.bass, n_bars, instrumentation.bass)),
        (
            instrumentation.chords,
            _bars(rhythm, harmony, rhythm.chords, n_bars, instrumentation.chords),
        ),
        (
            instrumentation.lead,
            melody(
                harmony,
                rhythm.lead,
                beats=rhythm.beats,
                n_bars=n_bars,
                register=instrumentation.lead.register,
                swing=rhythm.swing,
                rng=rng,
            ),
        ),
    ]
    hits: list[Hit] = []
    for stroke, pattern in rhythm.strokes.items():
        beaten = list(_strokes(rhythm, pattern, n_bars, rng))
        if stroke in instrumentation.pitched:
            pitched = instrumentation.pitched[stroke]
            takes.append((pitched.part, _pitched(pitched, rhythm, harmony, beaten)))
        else:
            drum, gain = instrumentation.drums[stroke]
            hits += [Hit(beat, drum, gain * loudness) for beat, loudness in beaten]
    return Arrangement(
        performances=tuple(
            Performance(
                part,
                part.instruments[0],
                tuple(_moved(notes, moved)),
                part.level_db + float(rng.normal(0.0, 1.0)),
            )
            for part, notes in takes
        ),
        hits=tuple(hits),
        drums=instrumentation.kit,
        room=instrumentation.room,
        beat_s=beat_s,
        n_beats=n_bars * rhythm.beats,
        wet=float(rng.uniform(0.8, 1.25)),
        tilt_db=float(rng.uniform(-0.5, 0.5)),
        # The kit belongs to the instrumentation: it is drawn from the first two.
        seed=(0, 100 + INSTRUMENTATIONS.index(instrumentation), seed),
    )


def _moved(notes: Iterable[Note], semitones: int) -> Iterable[Note]:
    for note in notes:
        yield Note(note.start_beats, note.length_beats, note.midi + semitones, note.velocity)


def _pitches(harmony: Harmony, bar: int, symbol: str, register: int) -> list[int]:
    """MIDI numbers of a tone of the bar's chord, or of the whole chord within an octave."""
    chord = harmony.chord(bar)
    if symbol == "c":
        return sorted({lift(chord.root + tone, register) for tone in chord.tones})
    return [lift(chord.root, register) + chord.degree(symbol)]


def _bars(rhythm: Rhythm, harmony: Harmony, pattern: str, n_bars: int, part: Part) -> list[Note]:
    """A pattern of bass or chords, bar by bar over the progression."""
    step_beats = rhythm.beats / len(pattern)
    notes = []
    for bar in range(n_bars):
        for first, length, symbol in split(pattern):
            start = swung(first * step_beats, rhythm.swing)
            end = swung((first + length) * step_beats, rhythm.swing)
            accent = 0.9 if first * step_beats % 1.0 < 1e-6 else 0.75
            notes += [
                Note(bar * rhythm.beats + start, end - start, midi, accent)
                for midi in _pitches(harmony, bar, symbol, part.register)
            ]
    return notes


def _strokes(
    rhythm: Rhythm, pattern: str, n_bars: int, rng: np.random.Generator
) -> Iterable[tuple[float, float]]:
    """Beats and loudness of all strokes of one kind."""
    step_beats = rhythm.beats / len(pattern)
    for bar in range(n_bars):
        for first, _, symbol in split(pattern):
            if symbol == "o" and rng.random() < _LEFT_OUT:
                continue
            yield bar * rhythm.beats + swung(first * step_beats, rhythm.swing), _LOUDNESS[symbol]


def _pitched(
    stroke: PitchedStroke,
    rhythm: Rhythm,
    harmony: Harmony,
    beaten: Iterable[tuple[float, float]],
) -> list[Note]:
    """Strokes as notes of the chord of their bar."""
    return [
        Note(beat, stroke.length_beats, midi, loudness)
        for beat, loudness in beaten
        for midi in _pitches(
            harmony, int(beat // rhythm.beats), stroke.symbol, stroke.part.register
        )
    ]
