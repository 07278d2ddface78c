"""A few seconds of composed music, and tones: what to look at where no file is at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PHRASE_RATE", "Sound", "chirp", "phrase", "pluck"]

Samples = NDArray[np.float32]

PHRASE_RATE = 44_100
_BEAT_S = 0.5


@dataclass(frozen=True)
class Sound:
    """Some audio to make pictures of.

    Attributes
    ----------
    name : what it is, for titles.
    channels : float32 (n_channels, n_samples), full scale at 1.
    sample_rate : Hz.
    """

    name: str
    channels: Samples
    sample_rate: int

    @property
    def mono(self) -> Samples:
        """The mean of the channels, (n_samples,)."""
        mixed: Samples = self.channels.mean(axis=0, dtype=np.float32)
        return mixed

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return int(self.channels.shape[1]) / self.sample_rate


def chirp(times_s: NDArray[np.floating], end_hz: float, end_s: float) -> Samples:
    """A tone that rises evenly from 0 Hz, at any points in time, which is what sampling means.

    Parameters
    ----------
    times_s : (n,), when to look at the tone.
    end_hz : its frequency at ``end_s``.
    """
    phase = np.pi * end_hz / end_s * np.square(times_s, dtype=np.float64)
    tone: Samples = (0.8 * np.sin(phase)).astype(np.float32)
    return tone


def pluck(frequency_hz: float, duration_s: float, sample_rate: int = PHRASE_RATE) -> Samples:
    """A plucked string: harmonics at whole multiples, the higher the softer and shorter.

    Returns
    -------
    float32 (n_samples,), peak about 1.
    """
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    sound = np.zeros(len(time_s))
    for number in range(1, int(0.45 * sample_rate / frequency_hz) + 1):
        decay_s = 0.9 / (1 + 0.25 * number)
        # A string plucked at a seventh of its length lacks the seventh harmonic.
        level = np.sin(np.pi * number / 7) / number**1.15
        sound += (
            level * np.exp(-time_s / decay_s) * np.sin(2 * np.pi * number * frequency_hz * time_s)
        )
    sound *= np.minimum(1.0, time_s / 0.002)
    scaled: Samples = (sound / max(np.abs(sound).max(), 1e-9)).astype(np.float32)
    return scaled


def _shaker(generator: np.random.Generator, sample_rate: int) -> Samples:
    """A tenth of a second of noise, mostly above 6 kHz."""
    time_s = np.arange(round(0.12 * sample_rate)) / sample_rate
    noise = np.diff(generator.normal(size=len(time_s) + 2), n=2)
    shaken: Samples = (0.25 * noise * np.exp(-time_s / 0.03)).astype(np.float32)
    return shaken


def phrase(n_bars: int = 3) -> Sound:
    """Plucked chords on the left, a bass in the middle, a shaker on the right; always the same.

    Two seconds a bar, 44,100 Hz, with sound up to the top of that rate, so that there is something
    to be seen when it is sampled at a lower one.
    """
    rate = PHRASE_RATE
    generator = np.random.default_rng(1)
    n_samples = round((n_bars * 4 * _BEAT_S + 0.5) * rate)
    left, right = np.zeros(n_samples, np.float32), np.zeros(n_samples, np.float32)

    def add(start_s: float, sound: Samples, to_left: float, to_right: float) -> None:
        start = round(start_s * rate)
        cut = sound[: n_samples - start]
        left[start : start + len(cut)] += np.float32(to_left) * cut
        right[start : start + len(cut)] += np.float32(to_right) * cut

    # A minor, F, C: the notes of each chord as MIDI numbers, the bass first.
    chords = ((45, 69, 72, 76), (41, 65, 69, 72), (48, 67, 72, 76))
    for bar in range(n_bars):
        bass, *notes = (440.0 * 2 ** ((midi - 69) / 12) for midi in chords[bar % len(chords)])
        for eighth in range(8):
            start_s = (bar * 4 + eighth / 2) * _BEAT_S
            note = notes[(0, 1, 2, 1)[eighth % 4]]
            add(start_s, pluck(note, 1.2, rate), 0.30, 0.10)
            add(start_s, _shaker(generator, rate), 0.08, 0.3 if eighth % 2 else 0.15)
        for beat in (0, 2):
            add((bar * 4 + beat) * _BEAT_S, pluck(bass, 1.4, rate), 0.25, 0.25)
    channels = np.stack([left, right])
    fade = np.minimum(1.0, np.arange(n_samples)[::-1] / (0.4 * rate)).astype(np.float32)
    channels *= fade * np.float32(0.8 / np.abs(channels).max())
    return Sound("composed phrase", channels, rate)
