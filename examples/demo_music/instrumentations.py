"""Instrumentations that are told apart by ear: the sounds of bass, chords, melody and strokes.

Some have no drums; there, pitched instruments play the strokes of a rhythm on tones of the chord.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from demo_music.drums import KitSound
from demo_music.effects import Drive, Room
from demo_music.instruments import FM, Instrument, Operator, Organ, Plucked, Struck, Subtractive
from demo_music.score import DrumPart, Part
from demo_music.synthesis import Envelope


@dataclass(frozen=True)
class PitchedStroke:
    """A stroke that a pitched instrument plays.

    Parameters
    ----------
    symbol : what of the chord it plays: a digit or ``c``, as in the patterns of `theory`.
    length_beats : how long the key is held.
    """

    part: Part
    symbol: str
    length_beats: float = 0.25


@dataclass(frozen=True)
class Instrumentation:
    """Sounds for everything that a rhythm and a harmony ask for.

    Parameters
    ----------
    kit : drums, where there are any.
    drums : stroke -> the drum of the kit that plays it, and how loud.
    pitched : stroke -> the instrument that plays it instead.
    """

    name: str
    bass: Part
    chords: Part
    lead: Part
    room: Room
    kit: DrumPart | None = None
    drums: dict[str, tuple[str, float]] = field(default_factory=dict)
    pitched: dict[str, PitchedStroke] = field(default_factory=dict)


def _part(
    name: str,
    instrument: Instrument,
    register: int,
    level_db: float,
    *,
    tight: float = 0.92,
    strum_s: float = 0.0,
    effects: tuple[Drive, ...] = (),
    send: float = 1.0,
) -> Part:
    return Part(
        name,
        (instrument,),
        (),
        register,
        level_db,
        tight=tight,
        strum_s=strum_s,
        effects=effects,
        send=send,
    )


def _kit(sound: KitSound, level_db: float, send: float = 0.3) -> DrumPart:
    return DrumPart(sound, (), {}, level_db, send)


_FULL_KIT = {
    "low": ("k", 1.0),
    "back": ("s", 1.0),
    "tick": ("h", 0.9),
    "ring": ("d", 0.9),
    "click": ("r", 0.9),
}

_PIANO = Struck(
    (1.0, 2.002, 3.006, 4.014, 5.03, 6.05),
    (1.0, 0.65, 0.4, 0.25, 0.18, 0.1),
    (1.1, 0.8, 0.5, 0.35, 0.25, 0.15),
    ring_s=0.15,
)
PIANO_TRIO = Instrumentation(
    "piano trio",
    bass=_part("double bass", Plucked(1.6, 700, 0.3, 0.08), 31, -5, send=0.3),
    chords=_part("left hand", _PIANO, 53, 0),
    lead=_part("right hand", _PIANO, 67, 0),
    kit=_kit(KitSound(64, 120, 0.1, 0.12, 210, 0.07, 0.35, 0.035, 3_600, 0.3), -4),
    # Brushes.
    drums={**_FULL_KIT, "back": ("b", 1.0), "tick": ("h", 0.6)},
    room=Room(0.9, -17, 5_000),
)

_STRING = Plucked(3.5, 5_000, 0.12, 0.05)
GUITARS = Instrumentation(
    "distorted guitars",
    bass=_part("bass", Plucked(1.8, 2_400, 0.1, 0.05), 28, -5, effects=(Drive(16, 40, 4_000),)),
    chords=_part(
        "rhythm guitar", _STRING, 48, 3, strum_s=0.004, effects=(Drive(26, 90, 6_500, 6),), send=0.4
    ),
    lead=_part(
        "lead guitar", Plucked(5.0, 6_500, 0.12, 0.06), 64, -2, effects=(Drive(32, 300, 7_000, 4),)
    ),
    kit=_kit(KitSound(55, 150, 0.08, 1.2, 200, 0.1, 0.5, 0.035, 5_500, 0.3, 1.2), -1),
    drums={**_FULL_KIT, "ring": ("o", 0.8)},
    room=Room(0.9, -20, 5_000),
)

_BOW = Subtractive("saw", 1_500, -0.5, 0.3, 0.8, Envelope(0.05, 1.0, 0.9, 0.12), 2, 9, 12, 5.4)
_PIZZICATO = Plucked(0.5, 2_200, 0.3, 0.08)
_SPICCATO = Subtractive("saw", 3_500, envelope=Envelope(0.006, 0.05, 0.0, 0.03))
STRINGS = Instrumentation(
    "strings",
    bass=_part(
        "cellos",
        Subtractive("saw", 700, -0.4, 0.3, 0.8, Envelope(0.04, 1.0, 0.9, 0.1), 1, 0, 8, 5.0),
        36,
        -5,
    ),
    chords=_part("violas", _BOW, 55, 0),
    lead=_part(
        "violins",
        Subtractive("saw", 2_600, -0.4, 0.2, 0.9, Envelope(0.05, 1.0, 0.9, 0.12), 2, 7, 20, 5.8),
        67,
        -1,
    ),
    pitched={
        "low": PitchedStroke(_part("plucked basses", Plucked(0.7, 900, 0.35, 0.1), 36, 1), "1"),
        "back": PitchedStroke(_part("plucked violas", _PIZZICATO, 60, -1), "c"),
        "tick": PitchedStroke(_part("bounced bows", _SPICCATO, 72, -9), "5", 0.15),
        "ring": PitchedStroke(_part("high bounced bows", _SPICCATO, 79, -7), "1", 0.2),
        "click": PitchedStroke(_part("plucked violins", _PIZZICATO, 74, -3), "5", 0.15),
    },
    room=Room(1.8, -13, 4_500),
)

CHIPTUNE = Instrumentation(
    "chiptune",
    bass=_part(
        "triangle", Subtractive("triangle", 9_000, envelope=Envelope(0.002, 1, 1, 0.01)), 36, -4
    ),
    chords=_part(
        "pulses", Subtractive("pulse25", 9_000, envelope=Envelope(0.002, 0.4, 0.7, 0.01)), 57, -3
    ),
    lead=_part(
        "square",
        Subtractive("pulse50", 9_000, envelope=Envelope(0.002, 0.3, 0.7, 0.02), vibrato_cents=20),
        69,
        -2,
    ),
    kit=_kit(KitSound(60, 260, 0.06, 0.2, 240, 0.07, 0.2, 0.018, 5_000, 0.1, bits=4), -3, 0.05),
    drums={**_FULL_KIT, "ring": ("o", 0.7)},
    room=Room(0.4, -26, 5_000),
)

_WOOD = Struck((1.0, 2.9, 5.1), (1.0, 0.5, 0.3), (0.05, 0.03, 0.015), ring_s=0.08)
_MARIMBA = Struck((1.0, 4.0, 9.2), (1.0, 0.25, 0.06), (0.35, 0.12, 0.04), ring_s=0.2)
MALLETS = Instrumentation(
    "bells and bars",
    bass=_part("bass marimba", _MARIMBA, 36, -3),
    chords=_part(
        "vibraphone",
        Struck((1.0, 4.0, 9.8), (1.0, 0.2, 0.05), (1.0, 0.3, 0.06), 5.0, 0.3, 0.25),
        57,
        -1,
    ),
    lead=_part(
        "glockenspiel",
        Struck((1.0, 2.76, 5.4), (1.0, 0.4, 0.15), (0.7, 0.35, 0.15), ring_s=0.4),
        72,
        -3,
    ),
    pitched={
        "low": PitchedStroke(_part("low marimba", _MARIMBA, 43, 1), "1"),
        "back": PitchedStroke(_part("xylophone", _WOOD, 72, 0), "c"),
        "tick": PitchedStroke(_part("high bar", _WOOD, 91, -9), "1", 0.1),
        "ring": PitchedStroke(
            _part("triangle", Struck((1.0, 2.1, 3.4), (1, 0.8, 0.5), (0.15,) * 3), 96, -10), "5"
        ),
        "click": PitchedStroke(_part("wood block", _WOOD, 84, -4), "5", 0.1),
    },
    room=Room(1.4, -15, 6_000),
)

_HORN = Subtractive("saw", 900, -1.2, 0.06, 0.9, Envelope(0.03, 0.4, 0.85, 0.07), 2, 6, 6, 5.0)
BRASS = Instrumentation(
    "brass band",
    bass=_part(
        "tuba", Subtractive("saw", 420, -0.8, 0.08, 0.9, Envelope(0.03, 0.5, 0.8, 0.06)), 31, -4
    ),
    chords=_part("trombones", _HORN, 52, 0),
    lead=_part(
        "trumpet",
        Subtractive("saw", 2_600, -1.0, 0.05, 1.2, Envelope(0.02, 0.4, 0.85, 0.06), 1, 0, 14, 5.5),
        65,
        0,
    ),
    kit=_kit(KitSound(48, 80, 0.14, 0.1, 260, 0.13, 0.6, 0.02, 3_000, 0.5), -2, 0.6),
    drums={
        "low": ("k", 1.0),
        "back": ("s", 0.9),
        "tick": ("s", 0.22),
        "ring": ("o", 0.7),
        "click": ("r", 0.9),
    },
    room=Room(1.5, -14, 4_500),
)

ACOUSTIC = Instrumentation(
    "plucked strings",
    bass=_part("guitarron", Plucked(2.0, 900, 0.3), 33, -7, send=0.3),
    chords=_part("guitar", Plucked(1.6, 5_000, 0.1), 52, 1, strum_s=0.015),
    lead=_part("mandolin", Plucked(1.8, 7_500, 0.07), 67, 3),
    kit=_kit(KitSound(90, 130, 0.07, 0.2, 230, 0.04, 0.3, 0.03, 6_000, 0.1), -3, 0.4),
    drums={
        "low": ("T", 1.0),
        "back": ("p", 0.8),
        "tick": ("z", 0.7),
        "ring": ("z", 0.9),
        "click": ("r", 0.9),
    },
    room=Room(1.2, -15, 5_000),
)

SYNTHESISERS = Instrumentation(
    "organ and machines",
    bass=_part(
        "saw bass",
        Subtractive("saw", 420, 1.6, 0.08, 1.4, Envelope(0.003, 0.1, 0.7, 0.04), 2, 9),
        31,
        -5,
        send=0.1,
    ),
    chords=_part("organ", Organ("886406005"), 55, -2),
    lead=_part(
        "FM lead",
        FM(
            (Operator(1, 1, 2.2, 0.5), Operator(2, 3, 0.8, 0.2, 0.3)),
            Envelope(0.01, 0.8, 0.6, 0.15),
        ),
        67,
        -2,
    ),
    kit=_kit(KitSound(46, 230, 0.12, 0.5, 180, 0.09, 0.3, 0.025, 7_000, 0.2, 2.2), 0),
    drums={**_FULL_KIT, "back": ("p", 1.0), "ring": ("o", 0.8)},
    room=Room(1.1, -17, 5_500),
)

INSTRUMENTATIONS = (
    PIANO_TRIO,
    GUITARS,
    STRINGS,
    CHIPTUNE,
    MALLETS,
    BRASS,
    ACOUSTIC,
    SYNTHESISERS,
)
