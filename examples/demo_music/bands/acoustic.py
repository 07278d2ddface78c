"""Bands of strings, bars, bows and brushes."""

from __future__ import annotations

from demo_music.drums import KitSound
from demo_music.effects import Chorus, Echo, Room, Tremolo
from demo_music.instruments import FM, Operator, Plucked, Struck, Subtractive
from demo_music.score import Band, DrumPart, Part
from demo_music.synthesis import Envelope

FOLK = Band(
    name="Copper Lanterns",
    album="Letters from the Orchard",
    genre="Folk",
    year=2016,
    titles=(
        "Willow Gate",
        "Honey and Slate",
        "Seven Miles to Harrow",
        "Lamplight on the Weir",
        "The Bramble Reel",
    ),
    tempo_bpm=(96, 124),
    beats=3,
    scales=("major", "mixolydian"),
    progressions=((0, 4, 5, 3), (0, 3, 0, 4), (5, 3, 0, 4), (3, 0, 1, 4)),
    parts=(
        Part(
            "guitar",
            (Plucked(3.2, 3_400, 0.16), Plucked(2.6, 4_200, 0.11)),
            ("135853", "158351", "1-8535", "15-358"),
            register=43,
            pan=-0.35,
            level_db=-1,
            strum_s=0.012,
            tight=1.0,
        ),
        Part(
            "second guitar",
            (Plucked(1.2, 8_000, 0.06),),
            ("c-cccc", "c-c-cc", "cccc-c"),
            register=55,
            pan=0.45,
            level_db=-1,
            strum_s=0.018,
        ),
        Part(
            "bass",
            (Plucked(2.0, 700, 0.35),),
            ("1-----", "1---5-", "1--8--"),
            register=31,
            level_db=0,
            sections="ABO",
            send=0.3,
        ),
        Part(
            "melody",
            (
                Subtractive(
                    "flute",
                    5_000,
                    envelope=Envelope(0.05, 0.5, 0.9, 0.12),
                    vibrato_cents=18,
                    breath=0.05,
                ),
                Plucked(2.0, 6_500, 0.07),
            ),
            ("x--x-x", "x-xx--", "x-x-xx", "x----x", "xxx-x-"),
            register=67,
            level_db=-3,
            pan=0.1,
            sections="ABO",
        ),
    ),
    drums=DrumPart(
        KitSound(kick_hz=60, kick_start_hz=110, kick_click=0.1, snare_s=0.06),
        (
            {"z": "XoxoXo", "k": "x....."},
            {"z": "X.xoxo", "k": "x...o."},
        ),
        {"z": "XoXoXX", "k": "x..x.."},
        level_db=-7,
        send=0.5,
        intro=True,
    ),
    room=Room(1.3, -15, 5_000),
    jitter_s=0.008,
)

JAZZ = Band(
    name="The Velvet Ledger",
    album="Late Fees",
    genre="Jazz",
    year=1998,
    titles=(
        "Blue Receipt",
        "Two Cents at Closing Time",
        "Walking the Balance",
        "Café Overdraft",
        "Carry the One",
    ),
    tempo_bpm=(112, 144),
    beats=4,
    scales=("major", "dorian"),
    progressions=((1, 4, 0, 5), (0, 5, 1, 4), (2, 5, 1, 4), (3, 3, 0, 5)),
    parts=(
        Part(
            "electric piano",
            (
                FM(
                    (Operator(1, 1, 1.1, 0.6), Operator(1, 14, 0.35, 0.08, 0.35)),
                    Envelope(0.003, 0.7, 0.25, 0.18),
                ),
                FM(
                    (Operator(1, 1, 0.8, 0.9), Operator(1, 10, 0.3, 0.06, 0.3)),
                    Envelope(0.003, 0.9, 0.3, 0.18),
                ),
            ),
            ("..c-..c-", "c..c-...", ".c-..c..", "c-...c-."),
            register=54,
            level_db=-3,
            pan=-0.3,
            effects=(Tremolo(4.8, 0.3),),
        ),
        Part(
            "upright bass",
            (Plucked(1.6, 500, 0.35, 0.08), Plucked(1.9, 600, 0.3, 0.08)),
            ("1-3-5-6-", "1-5-8-7-", "8-7-6-5-", "1-2-3-5-"),
            register=29,
            level_db=2,
            send=0.3,
        ),
        Part(
            "vibraphone",
            (
                Struck((1, 4, 9.8), (1, 0.25, 0.06), (1.1, 0.35, 0.06), 5.0, 0.35, 0.6),
                Struck((1, 4, 9.8), (1, 0.35, 0.08), (0.8, 0.25, 0.06), 6.0, 0.25, 0.5),
            ),
            ("x.xx.xx-", ".xxx.x-.", "xxx.x--.", "x-.xxxx-", "..xxx-x-"),
            register=65,
            level_db=-3,
            pan=0.3,
            sections="ABO",
            leap=0.3,
        ),
    ),
    drums=DrumPart(
        KitSound(64, 120, 0.1, 0.12, 210, 0.07, 0.35, 0.035, 3_600, 0.3),
        (
            {"d": "x.xxx.xx", "h": "..x...x.", "b": "..x...x."},
            {"d": "x.xxx.xx", "h": "..x...x.", "k": "o...o...", "s": "...o...."},
        ),
        {"d": "x.x.x.x.", "s": ".o.xo.xX", "k": "x...x..."},
        level_db=-6,
        send=0.5,
        intro=True,
    ),
    room=Room(1.0, -15, 4_500),
    swing=0.64,
    n_tones=4,
    jitter_s=0.007,
)

AMBIENT = Band(
    name="Cathedral of Moss",
    album="Slow Weather",
    genre="Ambient",
    year=2021,
    titles=(
        "Lichen",
        "A Field Under Snow",
        "Tidal Memory",
        "The Quiet Between Bells",
        "Fog Liturgy",
    ),
    tempo_bpm=(52, 66),
    beats=4,
    scales=("lydian", "major", "dorian"),
    progressions=((0, 3), (0, 5), (3, 4), (5, 3)),
    phrase_bars=2,
    parts=(
        Part(
            "bowed pad",
            (
                Subtractive("saw", 900, -0.8, 1.5, 0.8, Envelope(0.9, 2, 0.9, 1.6), 4, 11, 9, 4.6),
                Subtractive("saw", 700, -1.2, 1.8, 0.9, Envelope(1.1, 2, 0.9, 1.6), 4, 14, 7, 4.2),
            ),
            ("c---------------",),
            register=50,
            level_db=-1,
            tight=1.0,
            effects=(Chorus(4.0, 0.3),),
        ),
        Part(
            "high strings",
            (
                Subtractive(
                    "saw", 1_600, -0.6, 1.5, 0.8, Envelope(1.4, 2, 0.9, 1.5), 3, 9, 14, 5.0
                ),
                Subtractive(
                    "flute", 3_000, envelope=Envelope(0.9, 2, 0.9, 1.4), voices=2, breath=0.08
                ),
            ),
            ("5-------8-------", "3-------5-------", "8---------------"),
            register=67,
            level_db=-8,
            pan=-0.3,
            sections="ABO",
            tight=1.0,
        ),
        Part(
            "low drone",
            (
                Subtractive(
                    "triangle", 500, envelope=Envelope(0.8, 1, 1, 1.2), voices=2, detune_cents=5
                ),
            ),
            ("1---------------",),
            register=32,
            level_db=-5,
            tight=1.0,
        ),
        Part(
            "bells",
            (
                Struck((1, 2.76, 5.4, 8.9), (1, 0.5, 0.25, 0.1), (2.2, 1.2, 0.5, 0.2), ring_s=2.5),
                FM((Operator(1, 3.5, 1.6, 1.0),), Envelope(0.002, 1.2, 0.0, 1.5)),
            ),
            ("x...x.....x.....", "..x.....x...x...", "x.....x...x....."),
            register=74,
            level_db=-9,
            pan=0.35,
            leap=0.5,
            send=2.0,
            effects=(Echo(1.5, 0.5, 0.5),),
        ),
    ),
    drums=None,
    room=Room(3.0, -7, 3_500),
    jitter_s=0.02,
)
