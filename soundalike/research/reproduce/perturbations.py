"""Things that happen to music on its way to a listener, each a function of the waveform.

All are deterministic; noise is drawn from the given generator. Gain, MP3, pitch and
tempo are those of ``soundalike.audio.effects``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.effects import change_gain, change_pitch, change_tempo, through_mp3

__all__ = [
    "PERTURBATIONS",
    "QUICK_PERTURBATIONS",
    "Perturbation",
    "add_noise",
    "low_pass",
    "tilt",
]

Samples = NDArray[np.float32]
Change = Callable[[Samples, int, np.random.Generator], Samples]


@dataclass(frozen=True)
class Perturbation:
    """A change of a waveform.

    Attributes
    ----------
    name : what is done and how much, for tables.
    kind : what is done.
    change : from (waveform (n_samples,), sample rate in Hz, generator) to the changed waveform
        at the same rate.
    """

    name: str
    kind: str
    change: Change


def _shape(
    waveform: Samples, rate: int, gain_at: Callable[[NDArray[np.floating]], NDArray[np.floating]]
) -> Samples:
    """Multiply the spectrum by a gain over Hz, without a change of phase."""
    # A second of silence at the end takes up what would wrap around to the start; the length is a
    # multiple of a power of two, on which the transform is quick.
    length = -(-(len(waveform) + rate) // 4096) * 4096
    spectrum = np.fft.rfft(waveform, length)
    spectrum *= gain_at(np.arange(len(spectrum)) * (rate / length)).astype(np.float32)
    return np.fft.irfft(spectrum, length)[: len(waveform)].astype(np.float32)


def tilt(waveform: Samples, rate: int, db_per_octave: float) -> Samples:
    """Brighter (above 0) or duller (below): so many dB more an octave, 0 dB at 1 kHz.

    The slope ends at 60 Hz and at 10 kHz. The level is set so that the RMS stays.
    """

    def gain(hz: NDArray[np.floating]) -> NDArray[np.floating]:
        octaves = np.log2(np.clip(hz, 60.0, 10_000.0) / 1000.0)
        return np.asarray(10.0 ** (db_per_octave * octaves / 20.0))

    changed = _shape(waveform, rate, gain)
    return changed * np.float32(_rms(waveform) / max(_rms(changed), 1e-12))


def low_pass(waveform: Samples, rate: int, cutoff_hz: float) -> Samples:
    """Remove everything above a frequency; the slope is half a cosine over a tenth of it."""

    def gain(hz: NDArray[np.floating]) -> NDArray[np.floating]:
        way = np.clip((hz / cutoff_hz - 0.95) / 0.1, 0.0, 1.0)
        return np.asarray(0.5 + 0.5 * np.cos(np.pi * way))

    return _shape(waveform, rate, gain)


def add_noise(waveform: Samples, snr_db: float, generator: np.random.Generator) -> Samples:
    """Add white noise with its power so many dB below that of the music."""
    noise = generator.standard_normal(len(waveform), dtype=np.float32)
    return waveform + noise * np.float32(_rms(waveform) / _rms(noise) * 10 ** (-snr_db / 20))


def _rms(waveform: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def _at_any_rate(change: Callable[[Samples, float], Samples], amount: float) -> Change:
    return lambda waveform, _rate, _generator: change(waveform, amount)


def _at_its_rate(change: Callable[[Samples, int, float], Samples], amount: float) -> Change:
    return lambda waveform, rate, _generator: change(waveform, rate, amount)


def _noise(snr_db: float) -> Change:
    return lambda waveform, _rate, generator: add_noise(waveform, snr_db, generator)


def _mp3(kbit: int) -> Change:
    return lambda waveform, rate, _generator: through_mp3(waveform, rate, 1000 * kbit)


PERTURBATIONS: Final[tuple[Perturbation, ...]] = (
    *(
        Perturbation(f"gain {db:+d} dB", "gain", _at_any_rate(change_gain, db))
        for db in (6, -6, -20)
    ),
    *(
        Perturbation(f"tilt {slope:+d} dB/octave", "tilt", _at_its_rate(tilt, slope))
        for slope in (1, -1, 3, -3, 6, -6)
    ),
    *(
        Perturbation(f"low-pass {khz} kHz", "low-pass", _at_its_rate(low_pass, 1000 * khz))
        for khz in (8, 4, 2)
    ),
    *(Perturbation(f"MP3 {kbit} kbit/s", "MP3", _mp3(kbit)) for kbit in (64, 32)),
    *(Perturbation(f"noise {snr} dB under", "noise", _noise(snr)) for snr in (30, 20, 10)),
    *(
        Perturbation(f"pitch {percent:+d} %", "pitch", _at_its_rate(change_pitch, percent))
        for percent in (1, -1, 3, -3, 6, -6)
    ),
    *(
        Perturbation(f"tempo {percent:+d} %", "tempo", _at_its_rate(change_tempo, percent))
        for percent in (3, -3, 6, -6)
    ),
)
QUICK_PERTURBATIONS: Final = tuple({each.kind: each for each in PERTURBATIONS}.values())
"""The last, and so the harshest, of each kind."""
