"""Sounds of known rhythm and tempo, for the tests of what is told from onsets."""

from __future__ import annotations

import numpy as np

from soundalike.frontends.decimate import Decimator
from soundalike.frontends.onset import OnsetStream

RATE = 22_050
Floats = np.ndarray


def onset_of(waveform: Floats, sample_rate: int = RATE) -> Floats:
    decimator = Decimator(sample_rate, 10_000)
    stream = OnsetStream(decimator.sample_rate)
    stream.push(decimator.push(waveform.astype(np.float32)))
    stream.push(decimator.finish())
    return stream.finish()


def stroke(low_hz: float, high_hz: float, sample_rate: int = RATE, decay_s: float = 0.04) -> Floats:
    """Noise in a band that rises within 5 ms and dies away."""
    n = round(6 * decay_s * sample_rate)
    spectrum = np.fft.rfft(np.random.default_rng(round(low_hz)).normal(size=n))
    hz = np.fft.rfftfreq(n, 1 / sample_rate)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    seconds = np.arange(n) / sample_rate
    sound = np.fft.irfft(spectrum, n) * np.minimum(seconds / 0.005, 1) * np.exp(-seconds / decay_s)
    return sound / np.abs(sound).max()


def played(times_s: Floats, sound: Floats, duration_s: float, sample_rate: int = RATE) -> Floats:
    """A sound at each of some times."""
    waveform = np.zeros(round(duration_s * sample_rate) + sound.size)
    for time_s in times_s[times_s < duration_s]:
        start = round(time_s * sample_rate)
        waveform[start : start + sound.size] += sound
    return waveform[: round(duration_s * sample_rate)]


def band(low_hz: float, high_hz: float) -> Floats:
    """Two strokes a second in one band, over soft noise."""
    noise = np.random.default_rng(1).normal(0, 0.03, 4 * RATE)
    return played(np.arange(0.2, 4, 0.5), stroke(low_hz, high_hz), 4.0) + noise


def clicks(
    bpm: float, duration_s: float, sample_rate: int = RATE, *, tones: bool = False
) -> Floats:
    """A stroke a beat; with tones, a chord of another pitch on each."""
    times = np.arange(0.1, duration_s, 60 / bpm)
    waveform = played(times, stroke(200, 5_000, sample_rate), duration_s, sample_rate)
    if tones:
        seconds = np.arange(waveform.size) / sample_rate
        rng = np.random.default_rng(0)
        for start in times:
            held = (seconds >= start) * np.exp(-np.maximum(seconds - start, 0) / 0.3)
            for hz in rng.choice([110, 165, 220, 277, 330, 660], 2, replace=False):
                waveform += 0.2 * held * np.sin(2 * np.pi * hz * seconds)
    return waveform


# Sixteen steps a bar: low, middle and high strokes.
PATTERNS = {
    "even": ("x...x...x...x...", "....x.......x...", "..x...x...x...x."),
    "tresillo": ("x..x..x.x..x..x.", "....x.......x...", "x.x.x.x.x.x.x.x."),
    "gallop": ("x.xxx.xxx.xxx.xx", "....x.......x...", "x...x...x...x..."),
    "waltz": ("x.....x.....", "..x.x...x.x.", "....x.....x."),
}
KITS = (
    ((50, 120), (300, 2_500), (3_500, 5_000)),
    ((80, 300), (800, 3_000), (4_000, 5_000)),
    ((40, 180), (500, 1_500), (2_500, 4_500)),
)


def groove(pattern: str, kit: int, bpm: float, duration_s: float = 10.0) -> Floats:
    """A pattern of :data:`PATTERNS` on a kit of :data:`KITS`, four steps a beat."""
    step_s = 60 / bpm / 4
    waveform = np.random.default_rng(kit).normal(0, 1e-3, round(duration_s * RATE))
    for steps, (low_hz, high_hz) in zip(PATTERNS[pattern], KITS[kit], strict=True):
        on = np.array([i for i, symbol in enumerate(steps) if symbol == "x"])
        bars = np.arange(0, duration_s / step_s, len(steps))
        times = ((bars[:, None] + on) * step_s + 0.05).ravel()
        waveform += played(times, stroke(low_hz, high_hz), duration_s)
    return waveform
