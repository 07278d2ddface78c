"""Real scores, each played five times: by other instruments, in other keys, at other tempi.

python -m benchmarks.scores DIR

Needs music21 (``pip install music21``), whose corpus the scores are from, and FluidSynth with a
General MIDI sound font (``apt-get install fluidsynth fluid-soundfont-gm``). Writes about 24 seconds
of each of 34 works, from chorales to ragtime, as WAV files, and DIR/manifest.json with the work,
instrumentation, key shift and tempo of each. A facet of harmony should find the other four of the
same work: nothing else is the same in any two of them.

The corpus may be used for study; music21's licence says more about each score.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from soundalike.errors import DataError, OutputError, SoundalikeError
from soundalike.files import why

SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SAMPLE_RATE = 22_050
EXCERPT_S = 24.0
# Scores seldom say how fast they go: so many notes or chords begin in a second.
ONSETS_PER_S = 2.6
_TICKS = 480
_QUARTER_S = 0.5  # what a MIDI file without a tempo means by a quarter

WORKS = (
    "bach/bwv66.6",
    "bach/bwv57.8",
    "bach/bwv277",
    "bach/bwv846",
    "beach/prayer_of_a_tired_child",
    "beethoven/opus18no1/movement1",
    "beethoven/opus18no1/movement2",
    "beethoven/opus18no1/movement3",
    "chopin/mazurka06-2",
    "corelli/opus3no1/1grave",
    "cpebach/h186",
    "handel/rinaldo/Lascia_chio_pianga",
    "haydn/opus1no1/movement1",
    "haydn/opus1no1/movement3",
    "haydn/opus74no1/movement1",
    "haydn/opus74no1/movement2",
    "johnson_j_r/lift_every_voice",
    "joplin/maple_leaf_rag",
    "liliuokalani/aloha_oe",
    "luca/gloria",
    "monteverdi/madrigal.3.1",
    "monteverdi/madrigal.4.2",
    "mozart/k155/movement1",
    "mozart/k155/movement2",
    "mozart/k156/movement1",
    "mozart/k458/movement1",
    "palestrina/Agnus_00",
    "schoenberg/opus19/movement2",
    "schubert/Lindenbaum",
    "schumann_clara/opus17/movement3",
    "schumann_clara/polonaise_op1n1",
    "schumann_robert/opus41no1/movement1",
    "verdi/laDonnaEMobile",
    "weber/concertino_clarinet",
)

INSTRUMENTATIONS: dict[str, tuple[int, ...]] = {
    # General MIDI programs, counted from 0, for the parts from the highest to the lowest.
    "piano": (0,),
    "strings": (40, 40, 41, 42),
    "brass": (56, 60, 57, 58),
    "woodwinds": (73, 68, 71, 70),
    "guitars": (25, 24, 24, 32),
    "organ": (19,),
    "choir": (52, 52, 53, 53),
    "synthesisers": (80, 81, 90, 38),
    "distorted guitars": (30, 29, 29, 34),
    "mallets": (11, 11, 12, 12),
}
TEMPI = (0.8, 0.9, 1.0, 1.12, 1.25)
KEY_SHIFTS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Note:
    """A note of a score; times in quarters from the start."""

    start: float
    length: float
    midi: int
    part: int


@dataclass(frozen=True)
class Rendering:
    """One way to play a work.

    Attributes
    ----------
    key_shift : semitones above the score.
    tempo : factor on the tempo at which `ONSETS_PER_S` notes begin in a second.
    """

    path: str
    work: str
    instrumentation: str
    key_shift: int
    tempo: float


def renderings() -> Iterator[Rendering]:
    """Five of each work, no two by the same instruments, in the same key or at the same tempo."""
    for number, work in enumerate(WORKS):
        drawn = random.Random(number)
        n = len(TEMPI)
        names, shifts = drawn.sample(list(INSTRUMENTATIONS), n), drawn.sample(KEY_SHIFTS, n)
        for take, (name, shift, tempo) in enumerate(
            zip(names, shifts, drawn.sample(TEMPI, n), strict=True), start=1
        ):
            path = f"{work.replace('/', '-')}-{take}.wav"
            yield Rendering(path, work, name, shift, tempo)


def read_score(work: str) -> tuple[list[Note], float]:
    """The first `EXCERPT_S` seconds of a score, and the length of a quarter in seconds.

    Raises
    ------
    DataError : music21 is not installed, or its corpus has no such work.
    """
    try:
        from music21 import chord, corpus, exceptions21, harmony, note
    except ImportError as error:
        raise DataError("music21 is needed for scores: pip install music21") from error
    try:
        score = corpus.parse(work).stripTies()
    except exceptions21.Music21Exception as error:
        raise DataError(f"music21's corpus has no score {work!r}: {error}") from error
    notes = []
    for number, part in enumerate(score.parts):
        for element in part.flatten().notes:
            if isinstance(element, harmony.ChordSymbol) or element.quarterLength == 0:
                continue
            start, length = float(element.offset), float(element.quarterLength)
            if isinstance(element, (note.Note, chord.Chord)):
                notes += [Note(start, length, pitch.midi, number) for pitch in element.pitches]
    notes.sort(key=lambda one: (one.start, one.part, one.midi))
    first = notes[0].start
    onsets = sorted({one.start - first for one in notes})
    n_wanted = round(EXCERPT_S * ONSETS_PER_S)
    quarters = onsets[min(n_wanted, len(onsets) - 1)]
    quarter_s = min(n_wanted, len(onsets) - 1) / ONSETS_PER_S / quarters
    return [
        Note(one.start - first, min(one.length, quarters - one.start + first), one.midi, one.part)
        for one in notes
        if one.start - first < quarters
    ], quarter_s


def _number(value: int) -> bytes:
    """A number as MIDI files write it: seven bits a byte, the highest bit while more follow."""
    written = [value & 0x7F]
    while value := value >> 7:
        written.append(0x80 | value & 0x7F)
    return bytes(reversed(written))


def to_midi(notes: Sequence[Note], quarter_s: float, programs: Sequence[int], shift: int) -> bytes:
    """A MIDI file of one track, a channel for each part.

    Parameters
    ----------
    programs : of the parts from the highest to the lowest; spread over as many as there are.
    shift : semitones.
    """
    parts = sorted({one.part for one in notes})
    # Channel 10, the ninth from 0, is for drums.
    channels = {part: (number + (number >= 9)) % 16 for number, part in enumerate(parts)}
    last = max(1, len(parts) - 1)
    events: list[tuple[int, int, bytes]] = []
    for number, part in enumerate(parts):
        program = programs[round(number * (len(programs) - 1) / last)]
        events.append((0, 0, bytes([0xC0 | channels[part], program])))
    scale = _TICKS * quarter_s / _QUARTER_S
    for one in notes:
        channel, pitch = channels[one.part], min(127, max(0, one.midi + shift))
        start = round(one.start * scale)
        end = max(start + 1, round((one.start + one.length) * scale) - 4)
        events.append((start, 2, bytes([0x90 | channel, pitch, 84])))
        events.append((end, 1, bytes([0x80 | channel, pitch, 0])))
    track, now = bytearray(), 0
    for tick, _, message in sorted(events):
        track += _number(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + _TICKS.to_bytes(2, "big")
    return header + b"MTrk" + len(track).to_bytes(4, "big") + bytes(track)


def play(midi: bytes, path: Path, sound_font: Path) -> None:
    """Render a MIDI file with FluidSynth as WAV, stereo, 16 bits.

    Raises
    ------
    DataError : FluidSynth failed; the message has its words.
    """
    score = path.with_suffix(".mid")
    score.write_bytes(midi)
    command = ["fluidsynth", "-ni", "-g", "0.35", "-r", str(SAMPLE_RATE), "-T", "wav"]
    ran = subprocess.run(
        [*command, "-F", str(path), str(sound_font), str(score)],
        capture_output=True,
        text=True,
        check=False,
    )
    score.unlink()
    if ran.returncode or not path.is_file():
        raise DataError(f"fluidsynth failed: {ran.stderr.strip() or ran.stdout.strip()}")


def make(folder: Path, sound_font: Path) -> list[Rendering]:
    """Render all works into a folder, with a manifest.

    Raises
    ------
    DataError : FluidSynth, the sound font or music21 is not there.
    OutputError : the folder cannot be written.
    """
    if not shutil.which("fluidsynth"):
        raise DataError("FluidSynth is needed to play scores: apt-get install fluidsynth")
    if not sound_font.is_file():
        raise DataError(f"no sound font {sound_font}: apt-get install fluid-soundfont-gm")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {why(error)}") from error
    scores = {}
    for work in WORKS:
        print(f"\r\x1b[Kreading {work}", end="", flush=True)
        scores[work] = read_score(work)

    def render(one: Rendering) -> Rendering:
        notes, quarter_s = scores[one.work]
        programs = INSTRUMENTATIONS[one.instrumentation]
        midi = to_midi(notes, quarter_s / one.tempo, programs, one.key_shift)
        play(midi, folder / one.path, sound_font)
        return one

    made = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for one in pool.map(render, renderings()):
            print(f"\r\x1b[Kplaying {one.path}", end="", flush=True)
            made.append(one)
    print("\r\x1b[K", end="")
    described = json.dumps([asdict(one) for one in made], indent=1)
    (folder / "manifest.json").write_text(described + "\n", encoding="utf-8")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Play scores by several instruments.")
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to put the WAV files")
    parser.add_argument(
        "--sound-font", metavar="FILE", type=Path, default=SOUND_FONT, help="(%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        made = make(options.folder, options.sound_font)
    except SoundalikeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(made)} pieces: {options.folder / 'manifest.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
