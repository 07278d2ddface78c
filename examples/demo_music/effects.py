"""What happens to a part, or to the whole mix: distortion, chorus, echo, reverb.

A part's effect is a frozen dataclass called with stereo samples (2, n_samples) and the length of
a beat in seconds; it returns samples of the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from demo_music.synthesis import SAMPLE_RATE, Samples, db, n_samples, seconds, shaped_noise

MIX_FFT_SIZE = 32 * SAMPLE_RATE  # holds the longest piece and its reverb; a product of 2, 3, 5, 7


class Effect(Protocol):
    """Anything that changes a part."""

    def __call__(self, stereo: Samples, beat_s: float) -> Samples: ...


@dataclass(frozen=True)
class Drive:
    """Overdrive into a loudspeaker.

    Parameters
    ----------
    gain_db : how far the peaks are driven beyond where they clip.
    low_hz, high_hz : what the loudspeaker lets through.
    presence_db : how much it lifts the octaves around 3 kHz.
    """

    gain_db: float = 24.0
    low_hz: float = 90.0
    high_hz: float = 4_200.0
    presence_db: float = 0.0

    def __call__(self, stereo: Samples, beat_s: float) -> Samples:
        peak = np.abs(stereo).max() + 1e-9
        driven = np.tanh(stereo * np.float32(db(self.gain_db) / peak))
        spectrum = np.fft.rfft(driven, MIX_FFT_SIZE, axis=1)
        hz = np.fft.rfftfreq(MIX_FFT_SIZE, 1 / SAMPLE_RATE).astype(np.float32) + np.float32(1e-3)
        passed = 1.0 / np.sqrt((1.0 + (self.low_hz / hz) ** 4) * (1.0 + (hz / self.high_hz) ** 6))
        lift = np.float32(self.presence_db) * np.exp(-(np.log2(hz / np.float32(3_000.0)) ** 2))
        spectrum *= passed * 10.0 ** (lift / np.float32(20.0))
        sound = np.fft.irfft(spectrum, MIX_FFT_SIZE, axis=1)[:, : stereo.shape[1]]
        return np.asarray(sound, dtype=np.float32)


@dataclass(frozen=True)
class Chorus:
    """A copy on each side, delayed by a slowly changing time."""

    depth_ms: float = 3.0
    rate_hz: float = 0.6
    wet: float = 0.8

    def __call__(self, stereo: Samples, beat_s: float) -> Samples:
        n = stereo.shape[1]
        index = np.arange(n, dtype=np.float32)
        out = stereo.copy()
        for side, phase in enumerate((0.0, 0.5 * np.pi)):
            turn = np.sin(2.0 * np.pi * self.rate_hz * index / SAMPLE_RATE + phase)
            delay = np.float32(SAMPLE_RATE / 1000) * (7.0 + self.depth_ms * turn)
            position = np.maximum(index - delay, 0.0)
            below = position.astype(np.int32)
            share = (position - below).astype(np.float32)
            late = (
                stereo[side][below] * (1 - share)
                + stereo[side][np.minimum(below + 1, n - 1)] * share
            )
            out[side] += self.wet * late
        return out


@dataclass(frozen=True)
class Tremolo:
    """Loudness that swings from side to side: a rotating speaker, a suitcase piano."""

    rate_hz: float = 5.5
    depth: float = 0.4

    def __call__(self, stereo: Samples, beat_s: float) -> Samples:
        swing = np.sin(2.0 * np.pi * self.rate_hz * seconds(stereo.shape[1]))
        return stereo * (1.0 + self.depth * np.stack([swing, -swing])).astype(np.float32)


@dataclass(frozen=True)
class Echo:
    """Repeats that jump from side to side."""

    beats: float = 0.75
    feedback: float = 0.45
    wet: float = 0.5

    def __call__(self, stereo: Samples, beat_s: float) -> Samples:
        delay = n_samples(self.beats * beat_s)
        mono = stereo.mean(axis=0)
        out = stereo.copy()
        for repeat in range(1, 6):
            start = repeat * delay
            if start >= len(mono):
                break
            level = np.float32(self.wet * self.feedback ** (repeat - 1))
            out[repeat % 2, start:] += 1.4 * level * mono[: len(mono) - start]
            out[1 - repeat % 2, start:] += 0.4 * level * mono[: len(mono) - start]
        return out


@dataclass(frozen=True)
class Pump:
    """Loudness that ducks on every beat, as if the kick pushed the part aside."""

    depth: float = 0.6

    def __call__(self, stereo: Samples, beat_s: float) -> Samples:
        within = (seconds(stereo.shape[1]) / beat_s) % 1.0
        duck = 1.0 - self.depth * np.exp(-within / 0.25)
        return stereo * duck.astype(np.float32)


@dataclass(frozen=True)
class Room:
    """The reverb of a band.

    Parameters
    ----------
    decay_s : time in which the reverb falls by 60 dB.
    wet_db : level of the reverb against the send.
    dark_hz : the reverb is low-passed here.
    """

    decay_s: float = 1.2
    wet_db: float = -14.0
    dark_hz: float = 4_000.0

    @lru_cache(maxsize=16)  # noqa: B019 - a handful of frozen rooms, one for each band
    def response(self) -> NDArray[np.complex64]:
        """Frequency response, (2, MIX_FFT_SIZE // 2 + 1), of unit energy on each side."""
        rng = np.random.default_rng(round(1_000 * self.decay_s))
        n = n_samples(self.decay_s)
        tail = np.stack([shaped_noise(rng, n, 150.0, self.dark_hz, 1.0) for _ in range(2)])
        tail *= (0.001 ** (seconds(n) / self.decay_s)).astype(np.float32)
        tail[:, : n_samples(0.012)] = 0.0
        tail /= np.sqrt((tail**2).sum(axis=1, keepdims=True))
        return np.asarray(np.fft.rfft(tail, MIX_FFT_SIZE, axis=1), dtype=np.complex64)


def mix_down(dry: Samples, send: Samples, room: Room, wet: float, tilt_db: float) -> Samples:
    """Add the reverb, tilt the balance of low and high, even out the loudness.

    Parameters
    ----------
    dry : (2, n_samples), or (1, n_samples). send : (n_samples,), what goes into the reverb.
    wet : factor on the room's own level.
    tilt_db : by how many decibels an octave above 700 Hz is louder than one below it.

    Returns
    -------
    The shape of `dry`, peak just below 1.
    """
    n = dry.shape[1]
    hz = np.fft.rfftfreq(MIX_FFT_SIZE, 1 / SAMPLE_RATE).astype(np.float32)
    octaves = np.clip(np.log2((hz + 1.0) / 700.0), -4.0, 4.0)
    spectrum = np.fft.rfft(dry, MIX_FFT_SIZE, axis=1)
    spectrum += (
        np.float32(wet * db(room.wet_db))
        * room.response()[: len(dry)]
        * np.fft.rfft(send, MIX_FFT_SIZE)
    )
    # Nothing below 30 Hz, where it would only eat headroom, and little above 9.5 kHz, where some
    # encoders cut and others don't: a piece should sound the same in every format.
    band = (hz > 30.0) / (1.0 + (hz / 9_500.0) ** 40)
    spectrum *= band * 10.0 ** (tilt_db * octaves / 20.0)
    mix = np.fft.irfft(spectrum, MIX_FFT_SIZE, axis=1)[:, :n].astype(np.float32)
    # A gentle limiter: peaks four times above the mean level are rounded off.
    mix = np.tanh(mix / np.float32(4.5 * mix.std() + 1e-9))
    return np.asarray(0.89 * mix / (np.abs(mix).max() + 1e-9), dtype=np.float32)
