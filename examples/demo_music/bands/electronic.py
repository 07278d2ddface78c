"""Bands of machines."""

from __future__ import annotations

from demo_music.drums import KitSound
from demo_music.effects import Chorus, Drive, Echo, Pump, Room
from demo_music.instruments import FM, Operator, Subtractive
from demo_music.score import Band, DrumPart, Part
from demo_music.synthesis import Envelope

SYNTHWAVE = Band(
    name="Neon Harbour",
    album="After the Last Ferry",
    genre="Synthwave",
    year=2019,
    titles=(
        "Chrome Tide",
        "Midnight Pier",
        "Signal Lights",
        "Rain on the Flyover",
        "Tomorrow's Skyline",
    ),
    tempo_bpm=(98, 116),
    beats=4,
    scales=("minor",),
    progressions=((0, 5, 2, 6), (0, 3, 5, 4), (5, 6, 0, 0), (0, 2, 6, 3)),
    parts=(
        Part(
            "bass",
            (
                Subtractive("saw", 420, 1.6, 0.08, 1.4, Envelope(0.003, 0.1, 0.7, 0.04), 2, 9),
                Subtractive("pulse30", 380, 1.8, 0.1, 1.6, Envelope(0.003, 0.1, 0.7, 0.04), 2, 7),
            ),
            ("1.1.1.1.1.1.1.1.", "1.1.8.1.1.1.8.1.", "1.111.111.111.18"),
            register=31,
            level_db=-2,
            send=0.1,
        ),
        Part(
            "pad",
            (
                Subtractive("saw", 1_500, -1.0, 0.8, 0.8, Envelope(0.25, 1, 0.9, 0.5), 3, 14),
                Subtractive("pulse40", 1_200, -1.0, 0.8, 0.9, Envelope(0.2, 1, 0.9, 0.5), 3, 12),
            ),
            ("c---------------",),
            register=55,
            level_db=-5,
            tight=1.0,
            effects=(Chorus(), Pump(0.45)),
        ),
        Part(
            "arpeggio",
            (Subtractive("saw", 1_400, 1.8, 0.09, 1.8, Envelope(0.002, 0.12, 0.15, 0.08), 2, 6),),
            ("1358135813581358", "1535853515358535", "8.53.1358.53.135"),
            register=60,
            level_db=-8,
            pan=0.25,
            effects=(Echo(0.75, 0.45, 0.5),),
        ),
        Part(
            "lead",
            (
                FM(
                    (Operator(1, 1, 2.2, 0.5), Operator(2, 3, 0.8, 0.2, 0.3)),
                    Envelope(0.01, 0.8, 0.6, 0.25),
                ),
                Subtractive("saw", 2_600, 0.8, 0.2, 1.1, Envelope(0.02, 0.5, 0.8, 0.2), 2, 10, 22),
            ),
            ("x---..x-x---x---", "x-----x-----x---", "x--x--x-..x-x-x-"),
            register=70,
            level_db=-4,
            sections="ABO",
            effects=(Echo(0.75, 0.4, 0.4),),
        ),
    ),
    drums=DrumPart(
        KitSound(48, 190, 0.16, 0.5, 170, 0.16, 0.6, 0.03, 6_500, crunch=1.5),
        (
            {"k": "X...x...X.x.x...", "s": "....X.......X...", "h": "x.x.x.x.x.x.x.x."},
            {"k": "X.....x.X...x...", "s": "....X.......X..o", "h": "xxxxxxxxxxxxxxxx"},
        ),
        {
            "k": "X...X...X...X...",
            "s": "....X...X.X.XXXX",
            "t": "........x.x.....",
            "T": "............x.x.",
        },
        level_db=0,
        send=0.5,
    ),
    room=Room(1.8, -15, 6_000),
)

CHIPTUNE = Band(
    name="Pixel Parade",
    album="Continue in Nine Seconds",
    genre="Chiptune",
    year=2012,
    titles=(
        "Bonus Stage Bakery",
        "Turbo Snail",
        "Castle of Crumbs",
        "Jump, Mustard, Jump",
        "The Final Boss Has a Cold",
    ),
    tempo_bpm=(140, 172),
    beats=4,
    scales=("major", "mixolydian", "lydian"),
    progressions=((0, 3, 4, 0), (0, 5, 3, 4), (3, 4, 2, 5), (0, 4, 5, 3)),
    parts=(
        Part(
            "square bass",
            (Subtractive("triangle", 9_000, envelope=Envelope(0.002, 1, 1, 0.01)),),
            ("1.1.8.1.1.1.8.5.", "1.8.1.8.1.8.1.8.", "1.11..8.5.55..8."),
            register=36,
            level_db=-2,
            send=0.0,
            tight=0.8,
        ),
        Part(
            "arpeggio",
            (
                Subtractive("pulse25", 9_000, envelope=Envelope(0.002, 0.4, 0.7, 0.01)),
                Subtractive("pulse12.5", 9_000, envelope=Envelope(0.002, 0.4, 0.7, 0.01)),
            ),
            ("13581358135813581358135813581358", "15381538153815381538153815381538"),
            register=60,
            level_db=-7,
            pan=-0.35,
            tight=0.95,
            send=0.2,
        ),
        Part(
            "lead",
            (
                Subtractive(
                    "pulse50", 9_000, envelope=Envelope(0.002, 0.3, 0.7, 0.02), vibrato_cents=25
                ),
                Subtractive(
                    "pulse25", 9_000, envelope=Envelope(0.002, 0.3, 0.7, 0.02), vibrato_cents=25
                ),
            ),
            ("x.x.x-x.x.x-x-x-", "x-.x..x.x-x-x-..", "xxx.x-x.xxx.x-..", "x--x--x-x--x--x-"),
            register=74,
            level_db=-2,
            pan=0.15,
            sections="ABO",
            leap=0.35,
            effects=(Echo(0.5, 0.25, 0.3),),
            send=0.2,
        ),
        Part(
            "second voice",
            (Subtractive("pulse12.5", 9_000, envelope=Envelope(0.002, 0.2, 0.5, 0.02)),),
            ("..c...c...c...c.", "c..c..c.c..c..c."),
            register=64,
            level_db=-9,
            pan=0.45,
            chance=0.6,
            sections="BO",
            tight=0.5,
        ),
    ),
    drums=DrumPart(
        KitSound(60, 260, 0.06, 0.2, 240, 0.07, 0.2, 0.018, 5_000, 0.1, bits=4),
        (
            {"k": "X...X...X...X...", "s": "....X.......X...", "h": "x.xxx.xxx.xxx.xx"},
            {"k": "X..x..x.X..x..x.", "s": "....X.......X.x.", "h": "x.x.x.x.x.x.x.x."},
        ),
        {"k": "X...X...X...X...", "s": "X.X.X.X.XXXXXXXX"},
        level_db=-5,
        send=0.05,
        intro=True,
    ),
    room=Room(0.4, -26, 5_000),
)

TECHNO = Band(
    name="Basement Division",
    album="Concrete Hours",
    genre="Techno",
    year=2014,
    titles=(
        "Strobe Theory",
        "Sublevel Four",
        "Voltage Drift",
        "Warehouse Arithmetic",
        "Pressure Valve",
    ),
    tempo_bpm=(126, 136),
    beats=4,
    scales=("minor", "phrygian", "dorian"),
    progressions=((0, 0, 0, 0), (0, 0, 3, 0), (0, 0, 0, 6), (0, 0, 5, 5)),
    parts=(
        Part(
            "acid bass",
            (
                Subtractive("saw", 330, 2.4, 0.09, 5.0, Envelope(0.002, 0.2, 0.6, 0.02)),
                Subtractive("square", 300, 2.6, 0.11, 4.5, Envelope(0.002, 0.2, 0.6, 0.02)),
            ),
            ("1.11.81.1.31.871", "11.81.1.71.11.38", "1.1811.3.11.8117"),
            register=33,
            level_db=-3,
            send=0.15,
            tight=0.8,
            effects=(Drive(8, 40, 6_000),),
        ),
        Part(
            "sub",
            (Subtractive("sine", 400, envelope=Envelope(0.005, 0.3, 0.8, 0.03)),),
            ("..1-..1-..1-..1-",),
            register=28,
            level_db=-5,
            sections="AB",
            send=0.0,
        ),
        Part(
            "stab",
            (
                Subtractive("saw", 1_100, 2.0, 0.06, 1.5, Envelope(0.002, 0.1, 0.1, 0.12), 3, 16),
                Subtractive(
                    "pulse35", 1_300, 1.8, 0.05, 1.8, Envelope(0.002, 0.1, 0.1, 0.12), 2, 12
                ),
            ),
            ("...c..c.....c...", "..c..c....c.....", "...c......c..c.."),
            register=57,
            level_db=-8,
            pan=-0.2,
            sections="ABO",
            tight=0.6,
            send=1.5,
            effects=(Echo(0.75, 0.5, 0.6),),
        ),
        Part(
            "bleep",
            (FM((Operator(1, 2, 3.0, 0.06),), Envelope(0.002, 0.08, 0.0, 0.05)),),
            ("5.......8.......", "..8...5...8..5..", "1..5..8..5..1..8"),
            register=72,
            level_db=-13,
            pan=0.4,
            chance=0.6,
            sections="BO",
            effects=(Echo(0.75, 0.5, 0.6),),
        ),
    ),
    drums=DrumPart(
        KitSound(46, 230, 0.2, 0.5, 180, 0.09, 0.3, 0.025, 7_000, 0.2, 2.2),
        (
            {
                "k": "X...X...X...X...",
                "p": "....x.......x...",
                "o": "..x...x...x...x.",
                "h": "xxxxxxxxxxxxxxxx",
            },
            {
                "k": "X...X...X...X...",
                "o": "..x...x...x...x.",
                "h": "x.oxx.oxx.oxx.ox",
                "r": "...x..x....x..x.",
            },
        ),
        {"k": "X...X...X.X.X.XX", "p": "....x...x.x.xxxx", "o": "..x...x...x...x."},
        level_db=1,
        send=0.2,
        intro=True,
    ),
    room=Room(1.1, -17, 5_500),
)
