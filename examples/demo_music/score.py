"""From a band and a seed to the notes of a piece."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demo_music.drums import KitSound
from demo_music.effects import Effect, Room
from demo_music.instruments import Instrument
from demo_music.theory import Hit, Key, Motif, Note, invent_motif, lift, play, sing, split, swung

MIN_DURATION_S = 22.0
MAX_DURATION_S = 30.0


@dataclass(frozen=True)
class Part:
    """A player: what it can play, on what, how loud and where.

    Parameters
    ----------
    instruments : one is drawn for each piece.
    patterns : for each section one is drawn; see `theory`. Patterns of ``x`` are melodies.
    register : MIDI number of the lowest note, roughly.
    level_db : loudness in the mix while it plays.
    pan : -1 (left) to 1 (right).
    sections : where it plays: I intro, A, B, O the closing bar.
    chance : how likely it is to be in the arrangement of a piece at all.
    send : how much of it goes into the reverb.
    doubled : played twice, left and right, as rhythm guitars are.
    tight : share of a note's written length for which it is held.
    strum_s : time from one note of a chord to the next.
    effects : in the order in which they apply.
    leap : for melodies, how often the motif leaps.
    """

    name: str
    instruments: tuple[Instrument, ...]
    patterns: tuple[str, ...]
    register: int
    level_db: float = 0.0
    pan: float = 0.0
    sections: str = "IABO"
    chance: float = 1.0
    send: float = 1.0
    doubled: bool = False
    tight: float = 0.92
    strum_s: float = 0.0
    effects: tuple[Effect, ...] = ()
    leap: float = 0.2

    @property
    def melodic(self) -> bool:
        """Whether the part plays melodies rather than patterns over chords."""
        return "x" in self.patterns[0]


@dataclass(frozen=True)
class DrumPart:
    """The drummer of a band.

    Parameters
    ----------
    kit : the sound.
    grooves : one is drawn for each section: drum -> pattern.
    fill : played in the last bar before a new section.
    """

    kit: KitSound
    grooves: tuple[dict[str, str], ...]
    fill: dict[str, str]
    level_db: float = 0.0
    send: float = 0.3
    intro: bool = False


@dataclass(frozen=True)
class Band:
    """All that the pieces of a band have in common."""

    name: str
    album: str
    genre: str
    year: int
    titles: tuple[str, ...]
    tempo_bpm: tuple[float, float]
    beats: int
    scales: tuple[str, ...]
    progressions: tuple[tuple[int, ...], ...]
    parts: tuple[Part, ...]
    drums: DrumPart | None
    room: Room
    swing: float = 0.5
    n_tones: int = 3
    phrase_bars: int = 4
    jitter_s: float = 0.0


@dataclass(frozen=True)
class Performance:
    """A part of a finished piece: its notes and how they are to be played."""

    part: Part
    instrument: Instrument
    notes: tuple[Note, ...]
    level_db: float


@dataclass(frozen=True)
class Score:
    """A composed piece, not yet rendered."""

    band: Band
    title: str
    track_number: int
    tempo_bpm: float
    key: Key
    n_bars: int
    performances: tuple[Performance, ...]
    hits: tuple[Hit, ...]
    wet: float
    tilt_db: float
    seed: tuple[int, int, int]

    @property
    def drums(self) -> DrumPart | None:
        """The drummer of the band."""
        return self.band.drums

    @property
    def room(self) -> Room:
        """Where the band plays."""
        return self.band.room

    @property
    def jitter_s(self) -> float:
        """By how much the players of the band miss the beat."""
        return self.band.jitter_s

    @property
    def beat_s(self) -> float:
        """Length of a beat in seconds."""
        return 60.0 / self.tempo_bpm

    @property
    def music_s(self) -> float:
        """Length of all bars in seconds, without what rings on after them."""
        return self.n_bars * self.band.beats * self.beat_s


@dataclass
class _Form:
    """The plan of a piece: for each bar its section, chord and place in the phrase."""

    sections: list[str] = field(default_factory=list)
    degrees: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def _plan(band: Band, rng: np.random.Generator, n_bars: int) -> _Form:
    """Intro, then phrases A A B A ... as far as they go, then one closing bar on the tonic."""
    order = rng.permutation(len(band.progressions))
    chords = {"A": band.progressions[order[0]], "B": band.progressions[order[1 % len(order)]]}
    form = _Form()
    n_intro = max(1, min(band.phrase_bars, n_bars // 7))
    for bar in range(n_intro):
        form.sections.append("I")
        form.degrees.append(chords["A"][bar % len(chords["A"])])
        form.places.append(bar)
    plan = "AABAABA" if n_bars > 5 * band.phrase_bars else "ABABAB"
    while len(form.sections) < n_bars - 1:
        bar = len(form.sections) - n_intro
        section = plan[bar // band.phrase_bars]
        place = bar % band.phrase_bars
        form.sections.append(section)
        form.degrees.append(chords[section][place % len(chords[section])])
        form.places.append(place)
    form.sections.append("O")
    form.degrees.append(0)
    form.places.append(0)
    return form


def _melody(part: Part, band: Band, key: Key, form: _Form, rng: np.random.Generator) -> list[Note]:
    """Two motifs for each section, in phrases of a, a, b, a-with-a-long-ending."""
    motifs: dict[str, list[Motif]] = {
        section: [
            invent_motif(rng, part.patterns[rng.integers(len(part.patterns))], part.leap)
            for _ in range(2)
        ]
        for section in "AB"
    }
    notes: list[Note] = []
    for bar, (section, degree, place) in enumerate(
        zip(form.sections, form.degrees, form.places, strict=True)
    ):
        if section not in part.sections:
            continue
        if section == "O":
            notes.append(Note(bar * band.beats, band.beats, lift(key.midi(0), part.register), 0.8))
            continue
        last = place == band.phrase_bars - 1
        motif = motifs["B" if section == "B" else "A"][1 if place == 2 else 0]
        notes += sing(
            motif,
            key,
            degree,
            bar=bar,
            beats=band.beats,
            register=part.register,
            swing=band.swing,
            last=last,
        )
    return notes


def _accompaniment(
    part: Part, band: Band, key: Key, form: _Form, rng: np.random.Generator
) -> list[Note]:
    pattern = {section: part.patterns[rng.integers(len(part.patterns))] for section in "AB"}
    pattern["I"] = pattern["A"]
    notes: list[Note] = []
    for bar, (section, degree) in enumerate(zip(form.sections, form.degrees, strict=True)):
        if section not in part.sections:
            continue
        if section == "O":
            # The closing bar: whatever the part plays, once, held.
            first = next((symbol for _, _, symbol in split(pattern["A"])), "c")
            chosen = (first if first in "cp" else "1") + "-" * 15
        else:
            chosen = pattern[section]
        notes += play(
            chosen,
            key,
            degree,
            bar=bar,
            beats=band.beats,
            register=part.register,
            n_tones=band.n_tones,
            swing=band.swing,
        )
    return notes


def _drumming(drums: DrumPart, band: Band, form: _Form, rng: np.random.Generator) -> list[Hit]:
    groove = {section: drums.grooves[rng.integers(len(drums.grooves))] for section in "AB"}
    loudness = {"o": 0.4, "x": 0.75, "X": 1.0}
    hits: list[Hit] = []
    for bar, section in enumerate(form.sections):
        start = bar * band.beats
        if section == "I" and not drums.intro and form.sections[bar + 1] == "I":
            continue
        if section == "O":
            hits += [Hit(start, drum, 1.0) for drum in ("k", "c")]
            continue
        fill = form.sections[bar + 1] != section
        patterns = drums.fill if fill else groove["A" if section == "I" else section]
        for drum, pattern in patterns.items():
            step_beats = band.beats / len(pattern)
            hits += [
                Hit(start + swung(first * step_beats, band.swing), drum, loudness[symbol])
                for first, _, symbol in split(pattern)
            ]
        if bar and form.sections[bar - 1] != section:
            hits.append(Hit(start, "c", 0.6))
    return hits


def compose(band: Band, band_number: int, track_number: int, seed: int = 0) -> Score:
    """Compose one piece: the same arguments give the same notes.

    Parameters
    ----------
    band_number : number of the band, part of the seed.
    track_number : 1 for the first title of the album.
    """
    rng = np.random.default_rng([seed, band_number, track_number])
    # Tempos and keys are spread over the album: no two pieces of a band share either.
    low, high = band.tempo_bpm
    slots = np.random.default_rng([seed, band_number]).permutation(len(band.titles))
    slot = (float(slots[track_number - 1]) + float(rng.random())) / len(band.titles)
    tempo_bpm = low + (high - low) * slot
    key = Key((7 * track_number + 2 * band_number + seed) % 12, str(rng.choice(band.scales)))
    bar_s = band.beats * 60.0 / tempo_bpm
    wanted_s = float(rng.uniform(MIN_DURATION_S + 2.0, MAX_DURATION_S - 2.5))
    n_bars = max(3, round(wanted_s / bar_s))
    form = _plan(band, rng, n_bars)
    performances = []
    for part in band.parts:
        present = rng.random() < part.chance
        instrument = part.instruments[int(rng.integers(len(part.instruments)))]
        level_db = part.level_db + float(rng.normal(0.0, 1.2))
        write = _melody if part.melodic else _accompaniment
        notes = write(part, band, key, form, rng)
        if present and notes:
            performances.append(Performance(part, instrument, tuple(notes), level_db))
    hits = tuple(_drumming(band.drums, band, form, rng)) if band.drums else ()
    return Score(
        band=band,
        title=band.titles[track_number - 1],
        track_number=track_number,
        tempo_bpm=tempo_bpm,
        key=key,
        n_bars=n_bars,
        performances=tuple(performances),
        hits=hits,
        wet=float(rng.uniform(0.8, 1.25)),
        tilt_db=float(rng.uniform(-0.8, 0.8)),
        seed=(seed, band_number, track_number),
    )
