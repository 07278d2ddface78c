"""Bands that need a stack of loudspeakers."""

from __future__ import annotations

from demo_music.drums import KitSound
from demo_music.effects import Drive, Echo, Room, Tremolo
from demo_music.instruments import FM, Operator, Organ, Plucked, Subtractive
from demo_music.score import Band, DrumPart, Part
from demo_music.synthesis import Envelope

METAL = Band(
    name="Iron Meridian",
    album="Furnace Atlas",
    genre="Metal",
    year=2008,
    titles=(
        "Anvil Weather",
        "Black Cartography",
        "The Ninth Foundry",
        "Salt and Cinder",
        "March of the Glaciers",
    ),
    tempo_bpm=(148, 184),
    beats=4,
    scales=("phrygian", "minor", "harmonic minor"),
    progressions=((0, 0, 1, 0), (0, 5, 6, 0), (0, 1, 5, 4), (0, 2, 1, 6)),
    parts=(
        Part(
            "chugging guitars",
            (Plucked(1.0, 4_600, 0.08, 0.05), Plucked(1.2, 4_000, 0.1, 0.05)),
            ("11.111.111.111.1", "1.1111.1.1111.11", "111.111.111.1111"),
            register=36,
            level_db=0,
            sections="IAO",
            doubled=True,
            tight=0.95,
            send=0.3,
            effects=(Drive(40, 90, 6_500, presence_db=7),),
        ),
        Part(
            "open guitars",
            (Plucked(4.0, 5_200, 0.12, 0.05),),
            ("p-------p---p---", "p-----p-----p---", "p---p---p-p-p-p-"),
            register=36,
            level_db=0,
            sections="BO",
            doubled=True,
            tight=0.98,
            send=0.4,
            effects=(Drive(40, 90, 6_500, presence_db=7),),
        ),
        Part(
            "accents",
            (Plucked(3.0, 5_200, 0.1, 0.05),),
            ("p-..........p-..", "......p-......p-", "p-....p-........"),
            register=36,
            level_db=-3,
            sections="AO",
            doubled=True,
            effects=(Drive(40, 90, 6_500, presence_db=7),),
        ),
        Part(
            "bass",
            (Plucked(1.8, 2_400, 0.1, 0.05),),
            ("1.1.1.1.1.1.1.1.", "1-1.1-1.1-1.1-1."),
            register=28,
            level_db=-4,
            send=0.05,
            effects=(Drive(18, 40, 4_000),),
        ),
        Part(
            "lead guitar",
            (Plucked(5.0, 6_500, 0.12, 0.06),),
            ("xxxxxxxxxxxxxxxx", "x-xxx-xxx-xxx-x-", "x---x-x-x---x---", "x--x--xxx--x--xx"),
            register=64,
            level_db=-5,
            pan=0.1,
            sections="B",
            leap=0.3,
            effects=(Drive(34, 300, 7_000, presence_db=4), Echo(0.75, 0.3, 0.3)),
        ),
    ),
    drums=DrumPart(
        KitSound(55, 150, 0.08, 1.2, 200, 0.1, 0.5, 0.035, 5_500, 0.3, 1.2),
        (
            {"k": "xxxxxxxxxxxxxxxx", "s": "....X.......X...", "d": "x...x...x...x..."},
            {"k": "x.xx..xxx.xx..xx", "s": "....X.......X...", "o": "x...x...x...x..."},
            {"k": "x.x.x.x.x.x.x.x.", "s": "..x...x...x...x.", "h": "x.x.x.x.x.x.x.x."},
        ),
        {
            "s": "XXXX............",
            "t": "....XXXX........",
            "T": "........XXXXXXXX",
            "k": "x.x.x.x.xxxxxxxx",
        },
        level_db=1,
        send=0.25,
    ),
    room=Room(0.9, -20, 5_000),
    jitter_s=0.003,
)

_STAB = Envelope(0.002, 0.15, 0.2, 0.05)

REGGAE = Band(
    name="Island Telegraph",
    album="Slow Boat Radio",
    genre="Reggae",
    year=1979,
    titles=(
        "Mango Season",
        "Dub for the Lighthouse",
        "One Rope, Two Anchors",
        "The Harbour Master",
        "Breadfruit Avenue",
    ),
    tempo_bpm=(68, 82),
    beats=4,
    scales=("minor", "major", "dorian"),
    progressions=((0, 3, 0, 3), (0, 0, 3, 4), (0, 6, 5, 6), (0, 1, 0, 1)),
    parts=(
        Part(
            "bass",
            (
                Subtractive("triangle", 300, 0.6, 0.1, 0.9, Envelope(0.008, 0.3, 0.7, 0.06)),
                Subtractive("pulse40", 210, 0.6, 0.1, 0.8, Envelope(0.008, 0.3, 0.7, 0.06)),
            ),
            ("1-.1..3.5-..1.5.", "1-....5.8-.5..3.", "..1-3-5...8-5.3."),
            register=29,
            level_db=4,
            send=0.1,
        ),
        Part(
            "organ",
            (Organ("886406005"), Organ("868306006")),
            (".c.c.c.c.c.c.c.c", "..c.c.c...c.c.c.", ".cc..cc..cc..cc."),
            register=57,
            level_db=-4,
            pan=-0.4,
            tight=0.6,
            effects=(Tremolo(6.2, 0.25),),
        ),
        Part(
            "skank piano",
            (
                FM((Operator(1, 1, 3.5, 0.15), Operator(2, 7, 1.0, 0.06, 0.4)), _STAB),
                FM((Operator(1, 1, 3.0, 0.18), Operator(2, 5, 1.2, 0.06, 0.4)), _STAB),
            ),
            ("....c.......c...", "....c.c.....c.c."),
            register=60,
            level_db=-5,
            pan=0.4,
            tight=0.4,
            effects=(Echo(0.75, 0.5, 0.45),),
        ),
        Part(
            "melodica",
            (
                Subtractive(
                    "reed",
                    2_400,
                    envelope=Envelope(0.04, 0.4, 0.9, 0.08),
                    vibrato_cents=14,
                    breath=0.03,
                ),
            ),
            ("x.x-..x.x---....", "..x.x.x-..x-....", "x--.x.x-x-......"),
            register=67,
            level_db=-6,
            sections="ABO",
            effects=(Echo(0.75, 0.55, 0.55),),
        ),
    ),
    drums=DrumPart(
        KitSound(50, 110, 0.12, 0.15, 230, 0.05, 0.5, 0.03, 6_500, 0.3),
        (
            {"k": "........X.......", "r": "........X.......", "h": "x.o.x.o.x.o.x.o."},
            {
                "k": "........X.......",
                "r": "........X.....x.",
                "h": "x.o.x.o.x.o.x.o.",
                "s": "..........o.....",
            },
            {"k": "X...X...X...X...", "r": "....x..x....x...", "h": "x.o.x.o.x.o.x.o."},
        ),
        {
            "s": "X..X..X.X.......",
            "t": "..........xx....",
            "T": "............x.x.",
            "k": "........X.......",
        },
        level_db=1,
        send=0.9,
        intro=True,
    ),
    room=Room(1.6, -14, 3_500),
    swing=0.54,
    jitter_s=0.006,
)
