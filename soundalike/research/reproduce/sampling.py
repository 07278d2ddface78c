"""Sampling at other rates, with and without the filter that keeps aliases out."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import power_spectrogram

__all__ = ["fold_hz", "loudest_hz", "resample"]

Samples = NDArray[np.float32]

# Zero crossings of the interpolating sinc on either side: 60 dB of what should go is gone within
# 4 % above the cut-off.
_CROSSINGS = 32
_CUTOFF = 0.96
# Numbers in the table of weights of one batch: 32 MB.
_BATCH_SIZE = 1 << 22


def fold_hz(frequency_hz: float, sample_rate: float) -> float:
    """Where a tone is heard that was sampled at a rate: its distance to the nearest multiple of it.

    Up to half the rate (the Nyquist frequency) that is the tone's own frequency; above, another.

    Examples
    --------
    >>> fold_hz(3000, 8000), fold_hz(5000, 8000), fold_hz(9000, 8000)
    (3000, 3000, 1000)
    """
    return abs(frequency_hz - sample_rate * round(frequency_hz / sample_rate))


def resample(
    waveform: NDArray[np.floating], rate_in: int, rate_out: int, *, anti_alias: bool
) -> Samples:
    """The waveform between its samples, looked up at another rate (windowed sinc interpolation).

    Parameters
    ----------
    waveform : (n_samples,), mono.
    rate_in, rate_out : Hz.
    anti_alias : first take out what lies above half the new rate. Without it those frequencies
        come back as others, as :func:`fold_hz` says.

    Raises
    ------
    InvalidArgument : no samples, or a rate that is not positive.
    """
    if rate_in <= 0 or rate_out <= 0:
        raise InvalidArgument(f"sample rates must be positive, not {rate_in} and {rate_out} Hz")
    if waveform.ndim != 1 or waveform.size == 0:
        raise InvalidArgument(f"waveform must have the shape (n_samples,), not {waveform.shape}")
    samples = np.asarray(waveform, dtype=np.float32)
    cutoff = min(1.0, _CUTOFF * rate_out / rate_in) if anti_alias else 1.0
    reach = math.ceil(_CROSSINGS / cutoff)
    padded = np.pad(samples, reach + 1)
    offsets = np.arange(-reach, reach + 2)
    n_out = math.ceil(samples.size * rate_out / rate_in)
    batch = max(1, _BATCH_SIZE // len(offsets))
    parts = []
    for first in range(0, n_out, batch):
        position = np.arange(first, min(first + batch, n_out)) * (rate_in / rate_out)
        nearest = np.floor(position).astype(np.int64)
        distance = (position - nearest)[:, None] - offsets
        window = np.cos(np.pi / 2 * np.clip(distance / (reach + 1), -1, 1)) ** 2
        weights = cutoff * np.sinc(cutoff * distance) * window
        taps = padded[nearest[:, None] + offsets + reach + 1]
        parts.append(np.einsum("ij,ij->i", weights, taps).astype(np.float32))
    return np.concatenate(parts)


def loudest_hz(waveform: NDArray[np.floating], sample_rate: int) -> float:
    """The frequency of the strongest tone, between the bins of the transform by interpolation."""
    n_fft = 1 << int(math.log2(max(16, len(waveform))))
    power = power_spectrogram(waveform[:n_fft], sample_rate, n_fft, n_fft)
    # The frames are centred: half of the first and of the last one is padding.
    spectrum = power.sum(axis=1)
    peak = min(max(int(spectrum.argmax()), 1), len(spectrum) - 2)
    below, at, above = np.log(np.maximum(spectrum[peak - 1 : peak + 2], 1e-20))
    shift = 0.5 * (below - above) / min(below - 2 * at + above, -1e-12)
    return float((peak + shift) * sample_rate / n_fft)
