"""Oscillators, envelopes and filters: the raw material of the instruments.

All signals are float32 arrays at :data:`SAMPLE_RATE`, shape (n_samples,) unless said otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 22_050
TABLE_SIZE = 2_048  # samples in one cycle of a wavetable

Samples = NDArray[np.float32]


def seconds(n_samples: int) -> NDArray[np.float64]:
    """Time of each of n samples, in seconds."""
    return np.arange(n_samples) / SAMPLE_RATE


def n_samples(duration_s: float) -> int:
    """Number of samples in a duration, at least one."""
    return max(1, round(duration_s * SAMPLE_RATE))


def midi_to_hz(midi: float) -> float:
    """Frequency of a MIDI note number (69 is the A of 440 Hz)."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


def db(level_db: float) -> float:
    """Amplitude factor of a level in decibels."""
    return float(10.0 ** (level_db / 20.0))


@dataclass(frozen=True)
class Envelope:
    """Loudness over the life of a note: rise, fall to the sustained level, release.

    Parameters
    ----------
    attack_s : time of the linear rise.
    decay_s : time constant of the fall to `sustain`.
    sustain : level while the key is held, 0 to 1.
    release_s : time from the release of the key to silence.
    """

    attack_s: float = 0.005
    decay_s: float = 0.2
    sustain: float = 0.7
    release_s: float = 0.1

    def curve(self, held_s: float) -> Samples:
        """The envelope of a note held for `held_s` seconds, release included."""
        n_held, n_release = n_samples(held_s), n_samples(self.release_s)
        time_s = seconds(n_held)
        rise = np.minimum(1.0, time_s / max(self.attack_s, 1e-4))
        fall = np.exp(-np.maximum(0.0, time_s - self.attack_s) / self.decay_s)
        held = rise * (self.sustain + (1.0 - self.sustain) * fall)
        # Squared, so that the release starts steep and still reaches exactly zero.
        release = held[-1] * np.linspace(1.0, 0.0, n_release) ** 2
        return np.concatenate([held, release]).astype(np.float32)


def partials(wave: str, n: int) -> NDArray[np.float64]:
    """Amplitudes of the first n harmonics of a classic waveform.

    Parameters
    ----------
    wave : "saw", "square", "triangle", "sine", "flute", "reed", or "pulse" with its width in
        percent ("pulse25").
    n : how many harmonics, starting with the fundamental.
    """
    k: NDArray[np.float64] = np.arange(1, n + 1, dtype=np.float64)
    odd = k % 2
    amplitudes = {
        "saw": 1.0 / k,
        "square": odd / k,
        "triangle": odd / k**2,
        "sine": np.where(k == 1, 1.0, 0.0),
        "flute": 1.0 / k**2.6,
        "reed": (0.35 + 0.65 * odd) / k**0.9,
    }
    if wave.startswith("pulse"):
        width = float(wave.removeprefix("pulse")) / 100.0
        return np.asarray(np.abs(np.sin(np.pi * k * width)) / k)
    return amplitudes[wave]


def wavetables(amplitudes: NDArray[np.float64]) -> Samples:
    """One cycle of each of several harmonic sounds.

    Parameters
    ----------
    amplitudes : (n_tables, n_harmonics), fundamental first.

    Returns
    -------
    (n_tables, TABLE_SIZE).
    """
    spectrum = np.zeros((len(amplitudes), TABLE_SIZE // 2 + 1), dtype=np.complex64)
    spectrum[:, 1 : amplitudes.shape[1] + 1] = -0.5j * TABLE_SIZE * amplitudes
    return np.fft.irfft(spectrum, TABLE_SIZE, axis=1).astype(np.float32)


def n_harmonics(frequency_hz: float) -> int:
    """How many harmonics fit below the Nyquist frequency, so that nothing aliases."""
    return max(1, min(TABLE_SIZE // 2 - 1, int(0.47 * SAMPLE_RATE / frequency_hz)))


def read_table(tables: Samples, row: NDArray[np.float64], cycles: NDArray[np.float64]) -> Samples:
    """Read wavetables along time, moving smoothly from row to row.

    Parameters
    ----------
    tables : (n_tables, TABLE_SIZE).
    row : (n_samples,), fractional row for each sample.
    cycles : (n_samples,), phase in cycles.
    """
    column = ((cycles % 1.0) * TABLE_SIZE).astype(np.int32) % TABLE_SIZE
    below = np.clip(row.astype(np.int32), 0, len(tables) - 1)
    above = np.minimum(below + 1, len(tables) - 1)
    share = (row - below).astype(np.float32)
    flat = tables.ravel()
    low = flat[below * TABLE_SIZE + column]
    return np.asarray(low + share * (flat[above * TABLE_SIZE + column] - low), dtype=np.float32)


def shaped_noise(
    rng: np.random.Generator, n: int, low_hz: float, high_hz: float, slope: float = 2.0
) -> Samples:
    """Noise between two frequencies, of unit RMS.

    Parameters
    ----------
    slope : steepness of the edges: 1 is 6 dB an octave, 2 is 12 dB, and so on.
    """
    size = 1 << max(8, (n - 1).bit_length())
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE) + 1e-3
    gain = 1.0 / np.sqrt(
        (1.0 + (low_hz / hz) ** (2 * slope)) * (1.0 + (hz / high_hz) ** (2 * slope))
    )
    spectrum = np.fft.rfft(rng.standard_normal(size, dtype=np.float32)) * gain
    noise = np.fft.irfft(spectrum, size)[:n]
    return np.asarray(noise / (np.std(noise) + 1e-9), dtype=np.float32)


def plucked_string(
    rng: np.random.Generator,
    frequency_hz: float,
    duration_s: float,
    *,
    decay_s: float,
    brightness_hz: float,
    pluck_position: float,
) -> Samples:
    """A plucked string after Karplus and Strong (1983), of unit peak.

    The feedback loop (delay of one period, two-point average, loss) is evaluated in the frequency
    domain, where it is one division: no sample-by-sample loop, and the period need not be a whole
    number of samples, so the string is in tune.

    Parameters
    ----------
    decay_s : time in which the fundamental falls by 60 dB.
    brightness_hz : the pluck itself is low-passed here.
    pluck_position : where the string is plucked, 0 (bridge) to 0.5 (middle).
    """
    n = n_samples(duration_s)
    size = 1 << (n + n_samples(0.02)).bit_length()
    period = SAMPLE_RATE / frequency_hz
    omega = 2.0 * np.pi * np.fft.rfftfreq(size)
    # The response is taken on a circle outside the unit circle, where it has died away within
    # `size` samples, and the growth is put back afterwards: no wrap-around, however long it rings.
    growth = math.exp(math.log(1000.0) / size)
    delay = np.exp(-1j * omega * (period - 0.5)) * growth ** -(period - 0.5)
    average = (1.0 + np.exp(-1j * omega) / growth) / 2.0
    loss = 0.001 ** (period / SAMPLE_RATE / decay_s) / math.cos(math.pi / period)
    pluck = np.zeros(size)
    burst = min(n, round(period))
    pluck[:burst] = rng.uniform(-1.0, 1.0, burst) * growth ** -np.arange(burst)
    spectrum = np.fft.rfft(pluck) / (1.0 + (omega * SAMPLE_RATE / 2 / np.pi / brightness_hz) ** 2)
    spectrum *= 1.0 - 0.9 * np.exp(-1j * omega * period * pluck_position)
    string = np.fft.irfft(spectrum / (1.0 - min(loss, 0.99995) * delay * average), size)[:n]
    string *= growth ** np.arange(n)
    string -= string.mean()
    return np.asarray(string / (np.abs(string).max() + 1e-9), dtype=np.float32)
