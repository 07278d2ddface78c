"""Recordings of which it is known which are versions of each other.

Two kinds of pieces, each as several recordings:

- *Composed* ones of about 80 s, with the players of `examples/demo_music`: sections A B A C, each
  with a progression and a melody of its own. So the same notes can be played once more (live), by
  other instruments in another key and tempo (cover), or without drums (demo).
- *Real* ones, soundtracks of which only the sound can be changed.

A recording is the original, or ``near`` to it: the same performance, encoded again, mastered again
or cut; or another ``version``: of another speed or key, live, covered, remixed, sketched. Two
recordings of a piece are near if each is near to the original, else versions of each other. Pieces
are given to one of two halves by their number: thresholds are chosen on the first, errors counted
on the second.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from soundalike.audio import load_audio
from soundalike.audio.effects import change_gain, change_pitch, change_tempo, through_mp3

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

if TYPE_CHECKING:
    from demo_music.arrangement import Arrangement
    from demo_music.theory import Note

__all__ = ["CHANGES", "NEAR", "Recording", "composed", "real"]

Samples = NDArray[np.float32]
Relation = Literal["original", "near", "version"]

SECTION_S = 20.0
MOST_S = 180.0
"""Of a real piece as much is taken."""

NEAR: Relation = "near"
VERSION: Relation = "version"


@dataclass(frozen=True)
class Recording:
    """One recording of a piece.

    Attributes
    ----------
    piece : its name; recordings with the same are versions of each other.
    half : 0 or 1.
    name : what was done, such as "mp3 64" or "cover".
    relation : to the original of the piece.
    make : the waveform, float32 (n_samples,), and its sample rate in Hz.
    """

    piece: str
    half: int
    name: str
    relation: Relation
    make: Callable[[], tuple[Samples, int]]


CHANGES: dict[str, tuple[Relation, Callable[[Samples, int, np.random.Generator], Samples]]] = {
    "mp3 64": (NEAR, lambda x, rate, _: through_mp3(x, rate, 64_000)),
    "opus 48": (NEAR, lambda x, rate, _: _through_opus(x, rate, 48_000)),
    "louder": (NEAR, lambda x, _, __: change_gain(x, 6.0)),
    "remaster": (NEAR, lambda x, rate, _: _remastered(x, rate)),
    "intro cut": (NEAR, lambda x, rate, _: x[8 * rate :]),
    "faded out": (NEAR, lambda x, rate, _: _faded(x[: round(0.7 * len(x))], 6 * rate)),
    "radio edit": (NEAR, lambda x, rate, _: _edited(x, rate)),
    "semitone up": (VERSION, lambda x, rate, _: change_pitch(x, rate, 5.946)),
    "two down": (VERSION, lambda x, rate, _: change_pitch(x, rate, -10.91)),
    "8 % faster": (VERSION, lambda x, rate, _: change_tempo(x, rate, 8.0)),
    "12 % slower": (VERSION, lambda x, rate, _: change_tempo(x, rate, -12.0)),
    "from tape": (VERSION, lambda x, rate, _: _sped(x, rate, 1.03)),
    "live sound": (VERSION, lambda x, rate, rng: _live(change_tempo(x, rate, 4.0), rate, rng)),
    "remix": (VERSION, lambda x, rate, rng: _remixed(x, rate, rng)),
}
"""What can be done to any waveform, by name: what it is to the original, and how it is made. Every
near one is the same performance at the same speed."""


def real(paths: Sequence[Path], changes: Sequence[str] = tuple(CHANGES)) -> Iterator[Recording]:
    """Recordings made of files, piece by piece."""
    for number, path in enumerate(paths):

        def original(path: Path = path) -> tuple[Samples, int]:
            audio = load_audio(path, mono=True, end_s=None)
            return audio.samples[: round(MOST_S * audio.sample_rate)], audio.sample_rate

        yield from _changed(f"real {number:02d} {path.stem}", number % 2, original, changes, number)


def composed(n: int = 32, changes: Sequence[str] = tuple(CHANGES)) -> Iterator[Recording]:
    """Recordings of composed pieces, piece by piece.

    Parameters
    ----------
    n : pieces. Every eighth has the same instruments. In every sixth, half of the music is over the
        four chords that most music has in common.
    """
    for number in range(n):
        work = _Work.draw(number)
        piece = f"composed {number:02d}"
        half = number // 8 % 2

        def original(work: _Work = work) -> tuple[Samples, int]:
            return work.played()

        yield from _changed(piece, half, original, changes, number)
        for name, made in work.others().items():
            yield Recording(piece, half, name, VERSION, made)


def _changed(
    piece: str,
    half: int,
    original: Callable[[], tuple[Samples, int]],
    changes: Sequence[str],
    seed: int,
) -> Iterator[Recording]:
    original = lru_cache(maxsize=1)(original)
    yield Recording(piece, half, "original", "original", original)
    for place, name in enumerate(changes):
        relation, change = CHANGES[name]

        def made(
            change: Callable[[Samples, int, np.random.Generator], Samples] = change,
            place: int = place,
        ) -> tuple[Samples, int]:
            waveform, rate = original()
            return change(waveform, rate, np.random.default_rng([seed, place])), rate

        yield Recording(piece, half, name, relation, made)


_CHORDS = {
    "major": ["C", "C", "Dm7", "Em", "F", "F", "G", "G7", "Am", "Am7", "Bb", "E7", "D7", "Fm"],
    "minor": ["Cm", "Cm", "Eb", "Fm", "Fm7", "Gm", "G7", "Ab", "Ab", "Bb", "Bb7", "Db", "Eb7", "F"],
}
"""From which progressions are drawn, in C; twice what comes often."""


@dataclass(frozen=True)
class _Section:
    """A part of a piece: chord symbols in C, one a bar, in major or minor, and the seed of what is
    played over them."""

    chords: str
    mode: str
    seed: int


@dataclass(frozen=True)
class _Work:
    """The notes of a composed piece.

    Attributes
    ----------
    written_for : the instruments whose register its melody is in.
    sections : in order.
    """

    number: int
    rhythm: int
    instrumentation: int
    written_for: int
    key: int
    tempo: float
    sections: tuple[_Section, ...]

    @classmethod
    def draw(cls, number: int) -> _Work:
        rng = np.random.default_rng([7, number])
        mode = ("major", "minor")[int(rng.integers(2))]
        a, b, c = (
            _Section(_progression(mode, rng), mode, 1000 * number + place) for place in range(3)
        )
        if number % 6 == 5:
            a = replace(a, chords="C G Am F" if mode == "major" else "Cm Ab Eb Bb")
        return cls(
            number,
            rhythm=int(rng.integers(8)),
            instrumentation=number % 8,
            written_for=number % 8,
            key=int(rng.integers(12)),
            tempo=float(rng.uniform(0.9, 1.1)),
            sections=(a, b, a, c),
        )

    def others(self) -> dict[str, Callable[[], tuple[Samples, int]]]:
        """Other performances of the notes."""
        rng = np.random.default_rng([8, self.number])
        others = rng.permutation([i for i in range(8) if i != self.instrumentation])
        cover = replace(
            self,
            instrumentation=int(others[0]),
            key=(self.key + int(rng.integers(1, 12))) % 12,
            tempo=self.tempo * float(rng.choice([0.85, 0.93, 1.07, 1.15])),
        )
        same_key = replace(self, instrumentation=int(others[1]))
        faster = replace(self, tempo=1.04 * self.tempo)
        slower = replace(self, tempo=0.985 * self.tempo)
        shortened = replace(
            self, instrumentation=int(others[2]), sections=self.sections[:1] + self.sections[3:]
        )

        def live() -> tuple[Samples, int]:
            waveform, rate = faster.played(take=1)
            return _live(waveform, rate, np.random.default_rng([9, self.number])), rate

        return {
            "another take": lambda: slower.played(take=2, jitter_s=0.02),
            "live": live,
            "cover": cover.played,
            "cover, same key": same_key.played,
            "cover, short": shortened.played,
            "demo": lambda: self.played(take=3, is_demo=True),
        }

    def played(
        self, *, take: int = 0, jitter_s: float = 0.004, is_demo: bool = False
    ) -> tuple[Samples, int]:
        """The waveform.

        Parameters
        ----------
        take : another number, another performance of the same notes.
        jitter_s : by how much players miss the beat.
        is_demo : without drums and bass.
        """
        from demo_music.render import render
        from demo_music.synthesis import SAMPLE_RATE

        parts: list[tuple[int, Samples]] = []
        start = 0
        for section in self.sections:
            notes = self._arranged(section, take, jitter_s, is_demo=is_demo)
            parts.append((start, render(notes, n_channels=1)[0]))
            start += round(notes.music_s * SAMPLE_RATE)
        waveform = np.zeros(max(first + len(part) for first, part in parts), np.float32)
        for first, part in parts:
            waveform[first : first + len(part)] += part
        return 0.8 * waveform / np.abs(waveform).max(), SAMPLE_RATE

    def _arranged(
        self, section: _Section, take: int, jitter_s: float, *, is_demo: bool
    ) -> Arrangement:
        from demo_music.arrangement import arrange
        from demo_music.harmonies import Harmony
        from demo_music.instrumentations import INSTRUMENTATIONS
        from demo_music.rhythms import RHYTHMS
        from demo_music.theory import SCALES

        def arranged(instrumentation: int) -> Arrangement:
            return arrange(
                RHYTHMS[self.rhythm],
                Harmony("drawn", section.chords, SCALES[section.mode], section.mode),
                INSTRUMENTATIONS[instrumentation],
                key=self.key,
                tempo=self.tempo,
                seed=section.seed,
                # The same bars at any tempo.
                duration_s=SECTION_S / self.tempo,
            )

        notes = arranged(self.instrumentation)
        bass, chords, lead, *strokes = notes.performances
        # The melody as it was written, by octaves where these instruments are at home.
        written = arranged(self.written_for).performances[2].notes
        octaves = round(_centre(lead.notes) / 12 - _centre(written) / 12)
        moved = tuple(replace(note, midi=note.midi + 12 * octaves) for note in written)
        lead = replace(lead, notes=moved)
        return replace(
            notes,
            performances=(chords, lead) if is_demo else (bass, chords, lead, *strokes),
            hits=() if is_demo else notes.hits,
            seed=(*notes.seed[:2], notes.seed[2] + 100_000 * take),
            jitter_s=jitter_s,
        )


def _progression(mode: str, rng: np.random.Generator) -> str:
    """Four, six or eight bars, none like the one before, from the tonic on."""
    chords = _CHORDS[mode]
    found = [chords[0]]
    for _ in range(int(rng.choice([4, 6, 8])) - 1):
        found.append(str(rng.choice([each for each in chords if each != found[-1]])))
    return " ".join(found)


def _centre(notes: Sequence[Note]) -> float:
    return float(np.mean([note.midi for note in notes]))


def _through_opus(waveform: Samples, rate: int, bit_rate: int) -> Samples:
    """Encoded as Opus, which knows 48 kHz alone, and decoded again, at its own rate."""
    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(waveform[None], "fltp", "mono")
    frame.sample_rate = rate
    with av.open(file, "w", format="ogg") as encoded:
        stream = encoded.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = bit_rate
        to_48k = av.AudioResampler("flt", "mono", 48_000)
        for each in (*to_48k.resample(frame), *to_48k.resample(None)):
            encoded.mux(stream.encode(each))
        encoded.mux(stream.encode(None))
    file.seek(0)
    back = av.AudioResampler("fltp", "mono", rate)
    with av.open(file, "r") as decoded:
        blocks = [each for frame in decoded.decode(audio=0) for each in back.resample(frame)]
    blocks += back.resample(None)
    return np.concatenate([each.to_ndarray()[0] for each in blocks]).astype(np.float32)


def _filtered(waveform: Samples, rate: int, gain_of: Callable[[Any], Any]) -> Samples:
    n = 1 << (len(waveform) - 1).bit_length()
    hz = np.fft.rfftfreq(n, 1 / rate)
    changed = np.fft.irfft(np.fft.rfft(waveform, n) * gain_of(hz), n)[: len(waveform)]
    return changed.astype(np.float32)


def _remastered(waveform: Samples, rate: int) -> Samples:
    """Brighter, and so loud that its peaks are rounded off."""
    tilted = _filtered(
        waveform,
        rate,
        lambda hz: 10 ** (1.5 * np.clip(np.log2((hz + 1.0) / 700.0), -4, 4) / 20),
    )
    loud: Samples = np.float32(0.9) * np.tanh(tilted / np.float32(2.5 * tilted.std() + 1e-9))
    return loud


def _faded(waveform: Samples, length: int) -> Samples:
    faded = waveform.copy()
    length = min(length, len(faded))
    faded[len(faded) - length :] *= np.linspace(1, 0, length, dtype=np.float32) ** 2
    return faded


def _edited(waveform: Samples, rate: int) -> Samples:
    """Without its middle: half as long, with a short fade from one part into the other."""
    quarter, fade = len(waveform) // 4, rate // 5
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    first, last = waveform[: quarter + fade].copy(), waveform[-quarter - fade :].copy()
    first[-fade:] *= 1 - ramp
    last[:fade] *= ramp
    joined = np.concatenate([first, last[fade:]])
    joined[quarter : quarter + fade] += last[:fade]
    return joined


def _sped(waveform: Samples, rate: int, factor: float) -> Samples:
    """Faster and higher, as from a tape that runs too fast."""
    return change_tempo(change_pitch(waveform, rate, 100 * (factor - 1)), rate, 100 * (factor - 1))


def _live(waveform: Samples, rate: int, rng: np.random.Generator) -> Samples:
    """In a hall, with an audience before, behind and under it."""
    n_room = round(1.6 * rate)
    room = rng.normal(size=n_room) * 0.001 ** (np.arange(n_room) / n_room)
    room[0] = 6.0 * np.sqrt(np.square(room).sum()) * 0.3
    n = 1 << (len(waveform) + n_room - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(waveform, n) * np.fft.rfft(room, n), n)[: len(waveform)]
    wet = (0.7 * wet / np.abs(wet).max()).astype(np.float32)
    before, behind = round(6 * rate), round(5 * rate)
    noise = rng.normal(size=before + len(wet) + behind).astype(np.float32)
    crowd = _filtered(noise, rate, lambda hz: 1 / (1 + ((hz - 1500) / 1200) ** 2))
    crowd /= crowd.std()
    level = np.full(len(crowd), 0.06 * float(wet.std()), np.float32)
    level[: before + rate] = 0.5 * float(wet.std())
    level[-behind - rate :] = 0.7 * float(wet.std())
    out: Samples = crowd * level
    out[before : before + len(wet)] += wet
    return np.clip(out, -1, 1)


def _remixed(waveform: Samples, rate: int, rng: np.random.Generator) -> Samples:
    """Six per cent faster, thinner in the bass, over other drums and a bass note, with its second
    half heard twice."""
    faster = change_tempo(waveform, rate, 6.0)
    thin = _filtered(faster, rate, lambda hz: 1 / np.sqrt(1 + (200 / (hz + 1)) ** 4))
    half = len(thin) // 2
    body = np.concatenate([thin[:half], thin[half:], thin[half:]])
    beat = round(60 / 128 * rate)
    time_s = np.arange(beat) / rate
    kick = np.sin(2 * np.pi * (50 * time_s + 8 * (1 - np.exp(-time_s * 30)))) * np.exp(-time_s * 9)
    hat = rng.normal(size=beat) * np.exp(-((time_s - time_s[beat // 2]) % (beat / rate)) * 40)
    loop = np.tile(kick + 0.15 * hat, len(body) // beat + 1)[: len(body)].astype(np.float32)
    drums = loop / loop.std() * 0.6 * body.std()
    mixed = body + drums
    made: Samples = (0.9 * mixed / np.abs(mixed).max()).astype(np.float32)
    return made
