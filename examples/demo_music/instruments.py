"""Pitched instruments: a note (frequency, time held) becomes samples.

Each instrument is a frozen dataclass that is called with the frequency in Hz, the time for which
the key is held in seconds, and a random generator, and returns mono samples (n_samples,) with the
release included. Loudness of the note is applied by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from demo_music.synthesis import (
    Envelope,
    Samples,
    n_harmonics,
    n_samples,
    partials,
    plucked_string,
    read_table,
    seconds,
    shaped_noise,
    wavetables,
)


class Instrument(Protocol):
    """Anything that turns a note into samples."""

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples: ...


_ENVELOPE = Envelope()
_KEY = Envelope(0.006, 1.0, 1.0, 0.05)


def _cycles(
    frequency_hz: float, time_s: NDArray[np.float64], cents: float, rate_hz: float
) -> NDArray[np.float64]:
    """Phase in cycles of a tone with vibrato that sets in over the first third of a second."""
    cycles = frequency_hz * time_s
    if cents:
        # Depth of the phase swing: frequency deviation divided by the vibrato rate.
        swing = frequency_hz * (2.0 ** (cents / 1200.0) - 1.0) / (2.0 * np.pi * rate_hz)
        cycles -= swing * np.cos(2.0 * np.pi * rate_hz * time_s) * np.minimum(1.0, 3.0 * time_s)
    return cycles


@dataclass(frozen=True)
class Subtractive:
    """Detuned oscillators through a resonant low-pass filter with its own envelope.

    Parameters
    ----------
    wave : see `synthesis.partials`.
    cutoff_hz, sweep_octaves, sweep_s : the filter rests at `cutoff_hz`; each note starts
        `sweep_octaves` above it and falls back with the time constant `sweep_s`. A negative
        sweep opens the filter instead.
    resonance : quality factor of the filter; 0.7 has no peak.
    voices, detune_cents : number of oscillators and how far they are spread.
    vibrato_cents, vibrato_hz : depth and rate.
    breath : level of the noise that is blown along.
    """

    wave: str = "saw"
    cutoff_hz: float = 2_000.0
    sweep_octaves: float = 0.0
    sweep_s: float = 0.2
    resonance: float = 0.7
    envelope: Envelope = _ENVELOPE
    voices: int = 1
    detune_cents: float = 8.0
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.2
    breath: float = 0.0

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples:
        loudness = self.envelope.curve(held_s)
        time_s = seconds(len(loudness))
        # Rows of the table are cutoffs, an eighth of an octave apart, that the sweep passes.
        low = np.log2(self.cutoff_hz) + min(0.0, self.sweep_octaves)
        n_rows = 1 + int(np.ceil(8 * abs(self.sweep_octaves)))
        cutoffs_hz = 2.0 ** (low + np.arange(n_rows) / 8.0)
        harmonic = np.arange(1, n_harmonics(frequency_hz) + 1)
        ratio = harmonic * frequency_hz / cutoffs_hz[:, None]
        gain = 1.0 / np.sqrt((1.0 - ratio**2) ** 2 + (ratio / self.resonance) ** 2)
        tables = wavetables(partials(self.wave, len(harmonic)) * gain)
        row = 8.0 * (
            self.sweep_octaves * np.exp(-time_s / self.sweep_s) + max(0.0, -self.sweep_octaves)
        )
        sound = np.zeros(len(loudness), dtype=np.float32)
        for voice in range(self.voices):
            spread = 2.0 * voice / (self.voices - 1) - 1.0 if self.voices > 1 else 0.0
            tuned_hz = frequency_hz * 2.0 ** (spread * self.detune_cents / 1200.0)
            start = rng.random() if self.voices > 1 else 0.0
            cycles = _cycles(tuned_hz, time_s, self.vibrato_cents, self.vibrato_hz)
            sound += read_table(tables, row, cycles + start)
        if self.breath:
            noise = shaped_noise(rng, len(sound), frequency_hz, min(9_000.0, 6 * frequency_hz), 1.0)
            sound += self.breath * noise
        return sound * loudness


@dataclass(frozen=True)
class Operator:
    """A carrier and the modulator that bends its phase.

    Parameters
    ----------
    carrier, modulator : frequencies as multiples of the note's.
    index : depth of the modulation at the start of the note, in radians.
    index_decay_s : time constant with which the modulation dies away.
    level : amplitude of the carrier.
    """

    carrier: float = 1.0
    modulator: float = 1.0
    index: float = 1.0
    index_decay_s: float = 0.5
    level: float = 1.0


@dataclass(frozen=True)
class FM:
    """Frequency modulation: pairs of carrier and modulator (Chowning 1973)."""

    operators: tuple[Operator, ...]
    envelope: Envelope = _ENVELOPE

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples:
        loudness = self.envelope.curve(held_s)
        time_s = seconds(len(loudness))
        turn = 2.0 * np.pi * frequency_hz * time_s
        sound = np.zeros(len(loudness), dtype=np.float32)
        for operator in self.operators:
            # High notes get less modulation: the side bands would fold back at the Nyquist.
            depth = operator.index * min(1.0, 600.0 / frequency_hz)
            index = depth * np.exp(-time_s / operator.index_decay_s)
            angle = operator.carrier * turn + index * np.sin(
                (operator.modulator * turn) % (2 * np.pi)
            )
            sound += operator.level * np.sin(angle).astype(np.float32)
        return sound * loudness


@dataclass(frozen=True)
class Plucked:
    """A plucked string; see `synthesis.plucked_string`.

    Parameters
    ----------
    ring_s : time for which the string sounds on after the note's written end.
    """

    decay_s: float = 3.0
    brightness_hz: float = 3_000.0
    pluck_position: float = 0.2
    ring_s: float = 0.15

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples:
        string = plucked_string(
            rng,
            frequency_hz,
            held_s + self.ring_s,
            # Thin strings die away sooner than thick ones.
            decay_s=self.decay_s * min(1.5, (220.0 / frequency_hz) ** 0.5),
            brightness_hz=self.brightness_hz,
            pluck_position=self.pluck_position,
        )
        n_fade = min(len(string), n_samples(self.ring_s))
        string[-n_fade:] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32)
        return string


@dataclass(frozen=True)
class Organ:
    """Tonewheels under drawbars, with a key click.

    Parameters
    ----------
    drawbars : levels of 16', 5 1/3', 8', 4', 2 2/3', 2', 1 3/5', 1 1/3', 1', as 0 to 8.
    click : level of the key click.
    """

    drawbars: str = "888000000"
    click: float = 0.3
    envelope: Envelope = _KEY

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples:
        loudness = self.envelope.curve(held_s)
        # Footages as harmonics of the octave below the note.
        harmonics = (1, 3, 2, 4, 6, 8, 10, 12, 16)
        amplitudes = np.zeros(n_harmonics(frequency_hz / 2))
        for harmonic, level in zip(harmonics, self.drawbars, strict=True):
            if harmonic <= len(amplitudes):
                amplitudes[harmonic - 1] = int(level) / 8.0
        time_s = seconds(len(loudness))
        sound = read_table(wavetables(amplitudes[None]), 0.0 * time_s, 0.5 * frequency_hz * time_s)
        n_click = min(len(sound), n_samples(0.012))
        fade = np.linspace(1.0, 0.0, n_click, dtype=np.float32)
        sound[:n_click] += self.click * fade * shaped_noise(rng, n_click, 1_500.0, 6_000.0)
        return sound * loudness


@dataclass(frozen=True)
class Struck:
    """Bars, bells and tines: a few modes, each dying away at its own rate.

    Parameters
    ----------
    ratios, levels, decays_s : frequency as a multiple of the note's, amplitude, and time constant
        of each mode.
    tremolo_hz, tremolo : rate and depth (0 to 1) of the vibraphone's fans.
    ring_s : time for which the bar sounds on after the note's written end.
    """

    ratios: tuple[float, ...] = (1.0, 4.0, 9.2)
    levels: tuple[float, ...] = (1.0, 0.3, 0.1)
    decays_s: tuple[float, ...] = (1.2, 0.5, 0.1)
    tremolo_hz: float = 0.0
    tremolo: float = 0.0
    ring_s: float = 0.5

    def __call__(self, frequency_hz: float, held_s: float, rng: np.random.Generator) -> Samples:
        time_s = seconds(n_samples(held_s + self.ring_s))
        sound = np.zeros(len(time_s), dtype=np.float32)
        for ratio, level, decay_s in zip(self.ratios, self.levels, self.decays_s, strict=True):
            if ratio * frequency_hz < 10_000.0:
                turn = (2.0 * np.pi * ratio * frequency_hz * time_s).astype(np.float64)
                mode = np.sin(turn) * np.exp(-time_s / decay_s)
                sound += level * mode.astype(np.float32)
        if self.tremolo:
            fan = 0.5 - 0.5 * np.cos(2.0 * np.pi * self.tremolo_hz * time_s)
            sound *= (1.0 - self.tremolo * fan).astype(np.float32)
        n_fade = min(len(sound), n_samples(0.5 * self.ring_s))
        sound[-n_fade:] *= np.linspace(1.0, 0.0, n_fade, dtype=np.float32)
        n_rise = min(len(sound), n_samples(0.002))
        sound[:n_rise] *= np.linspace(0.0, 1.0, n_rise, dtype=np.float32)
        return sound
