"""Drum kits: a dictionary from the name of a drum to its samples.

Names used by the patterns: k kick, s snare, r rim, h closed hat, o open hat, d ride, c crash,
p clap, t tom (high), T tom (low), z shaker, b brush sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_music.synthesis import Samples, n_samples, seconds, shaped_noise

Kit = dict[str, Samples]


def _decay(n: int, decay_s: float) -> Samples:
    # The last tenth is faded to zero, so that a cut-off hit doesn't click.
    fade = np.minimum(1.0, np.linspace(10.0, 0.0, n))
    return np.asarray(np.exp(-seconds(n) / decay_s) * fade, dtype=np.float32)


def _drop(
    start_hz: float, end_hz: float, drop_s: float, length_s: float, decay_s: float
) -> Samples:
    """A sine that falls from one frequency to another: kicks and toms."""
    n = n_samples(length_s)
    time_s = seconds(n)
    cycles = end_hz * time_s + (start_hz - end_hz) * drop_s * (1.0 - np.exp(-time_s / drop_s))
    return np.sin(2.0 * np.pi * cycles).astype(np.float32) * _decay(n, decay_s)


def _noise(
    rng: np.random.Generator, low_hz: float, high_hz: float, length_s: float, decay_s: float
) -> Samples:
    n = n_samples(length_s)
    return 0.35 * shaped_noise(rng, n, low_hz, high_hz) * _decay(n, decay_s)


def _metal(rng: np.random.Generator, low_hz: float, length_s: float, decay_s: float) -> Samples:
    """A cymbal: noise with a cluster of inharmonic tones in it."""
    n = n_samples(length_s)
    time_s = seconds(n)
    sound = shaped_noise(rng, n, low_hz, 10_500.0)
    for frequency_hz in rng.uniform(low_hz, 9_500.0, 6):
        sound += 0.35 * np.sin(2.0 * np.pi * frequency_hz * time_s).astype(np.float32)
    return 0.25 * sound * _decay(n, decay_s)


def _mix(*layers: Samples) -> Samples:
    sound = np.zeros(max(len(layer) for layer in layers), dtype=np.float32)
    for layer in layers:
        sound[: len(layer)] += layer
    return sound


@dataclass(frozen=True)
class KitSound:
    """How a kit sounds; times in seconds, frequencies in Hz.

    Parameters
    ----------
    kick_hz, kick_start_hz, kick_s, kick_click : resting and starting pitch, decay, level of the
        beater.
    snare_hz, snare_s, snare_tone : pitch of the drum, decay of the wires, level of the pitch.
    hat_s, cymbal_low_hz, ride_s : decays of hat and ride, lower edge of all cymbals.
    crunch : drive of the whole kit; 0 is clean.
    bits : resolution to which the noise is reduced (chip kits); 0 leaves it alone.
    """

    kick_hz: float = 52.0
    kick_start_hz: float = 160.0
    kick_s: float = 0.14
    kick_click: float = 0.3
    snare_hz: float = 190.0
    snare_s: float = 0.09
    snare_tone: float = 0.5
    hat_s: float = 0.03
    cymbal_low_hz: float = 6_000.0
    ride_s: float = 0.25
    crunch: float = 0.0
    bits: int = 0

    def build(self, rng: np.random.Generator) -> Kit:
        """Make all drums of the kit; the generator tunes them and draws their noise."""
        tune = float(rng.uniform(0.94, 1.06))
        kick = _drop(
            self.kick_start_hz * tune, self.kick_hz * tune, 0.03, 4 * self.kick_s, self.kick_s
        )
        click = self.kick_click * _noise(rng, 1_500.0, 6_000.0, 0.02, 0.005)
        shell = self.snare_tone * _drop(
            1.6 * self.snare_hz * tune, self.snare_hz * tune, 0.015, 0.2, 0.05
        )
        wires = _noise(rng, 900.0, 8_500.0, 5 * self.snare_s, self.snare_s)
        clap = np.zeros(n_samples(0.25), dtype=np.float32)
        for delay_s in (0.0, 0.011, 0.023):
            burst = _noise(rng, 800.0, 3_500.0, 0.2, 0.009 if delay_s < 0.02 else 0.07)
            start = round(delay_s * 22_050)
            clap[start : start + len(burst)] += burst[: len(clap) - start]
        kit = {
            "k": _mix(1.2 * kick, click),
            "s": _mix(shell, 1.5 * wires),
            "r": _mix(
                _drop(1_900.0, 1_650.0 * tune, 0.01, 0.05, 0.01), _noise(rng, 2e3, 6e3, 0.03, 0.006)
            ),
            "h": _metal(rng, self.cymbal_low_hz, 6 * self.hat_s, self.hat_s),
            "o": _metal(rng, self.cymbal_low_hz, 0.35, 0.13),
            "d": _metal(rng, 0.75 * self.cymbal_low_hz, 3 * self.ride_s, self.ride_s),
            "c": _metal(rng, 0.5 * self.cymbal_low_hz, 1.6, 0.5),
            "p": clap,
            "t": _drop(260.0 * tune, 150.0 * tune, 0.05, 0.35, 0.11),
            "T": _drop(180.0 * tune, 92.0 * tune, 0.05, 0.45, 0.14),
            "z": _noise(rng, 4_500.0, 9_500.0, 0.09, 0.025),
            "b": _noise(rng, 1_800.0, 7_000.0, 0.3, 0.11),
        }
        return {name: self._treat(sound) for name, sound in kit.items()}

    def _treat(self, sound: Samples) -> Samples:
        if self.crunch:
            sound = np.tanh(self.crunch * sound) / np.float32(np.tanh(self.crunch))
        if self.bits:
            steps = 2.0 ** (self.bits - 1)
            # Every second sample is held: the coarse clock of a sound chip.
            held = np.repeat(sound[::2], 2)[: len(sound)]
            sound = (np.round(held * steps) / steps).astype(np.float32)
        return sound
