"""The rhythm of an excerpt: which patterns of strokes come back after which times.

* *Pattern.* The autocorrelation of the onset strength in four groups of bands, low to high: where
  in its bar an excerpt begins does not matter. Over the logarithm of the time lag, a faster piece
  has the same autocorrelation, shifted; the magnitudes of its Fourier transform over that axis do
  not change with a shift. So a pattern is the same at any tempo: the scale transform of the
  autocorrelation (Holzapfel and Stylianou, "Scale transform in rhythmic similarity of music", IEEE
  TASLP 19(1), 2011).
* *Rates.* How strongly the onsets of all bands fluctuate in 8 ranges from 0.4 to 12 Hz: roughly the
  tempo with its octaves, and how dense the strokes are (cf. Pampalk, Rauber and Merkl,
  "Content-based organization and visualization of music archives", ACM Multimedia 2002).

There are sixty times as many values of the pattern as of the rates. Where all are standardised,
that is how they are weighted, and a pattern at another tempo remains nearer than another pattern at
the same tempo (``docs/experiments.md`` has the figures).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.dsp import real_signal, real_spectrum
from soundalike.frontends.onset import FRAME_RATE, N_BANDS

__all__ = ["RHYTHM_SIZE", "rhythm_values"]

FloatArray = NDArray[np.float32]

_N_GROUPS: Final = 4
# Time lags, s: from a twelfth of a second, a fast tremolo, to two bars or so.
_SHORTEST_S, _LONGEST_S, _N_LAGS = 0.08, 5.0, 256
_N_SCALES: Final = 120
_SLOWEST_HZ, _FASTEST_HZ, _N_RANGES = 0.4, 12.0, 8
_RATES_PER_RANGE: Final = 4
RHYTHM_SIZE: Final = _N_GROUPS * _N_SCALES + _N_RANGES
# Standard deviation, frames, by which the autocorrelation is smoothed: strokes are not exact.
_SMOOTHING: Final = 0.9
# Onsets whose strength varies by no more than this are those of a held tone: no rhythm.
_FAINT: Final = 0.01


def rhythm_values(onset_excerpts: FloatArray) -> FloatArray:
    """The raw rhythm descriptor of each excerpt; a model's graph scales and projects it.

    Parameters
    ----------
    onset_excerpts : float32 (n_excerpts, N_BANDS, n_frames) of
        :class:`soundalike.frontends.onset.OnsetStream`; excerpts of more than 5 s, all as long.

    Returns
    -------
    float32 (n_excerpts, RHYTHM_SIZE). Finite whatever the onsets are; without onsets the same for
    every excerpt.
    """
    n_excerpts, _, n_frames = onset_excerpts.shape
    grouped = onset_excerpts.reshape(n_excerpts, _N_GROUPS, N_BANDS // _N_GROUPS, n_frames)
    onsets = grouped.mean(axis=2)
    varying = onsets - onsets.mean(axis=-1, keepdims=True)
    pattern = _scales(_at_log_lags(_autocorrelation(varying)))
    rates = _rates(varying.mean(axis=1))
    values = np.concatenate([pattern.reshape(n_excerpts, -1), rates], axis=1)
    return np.ascontiguousarray(values, dtype=np.float32)


def _autocorrelation(varying: FloatArray) -> FloatArray:
    """Unbiased, smoothed, a clear pulse about 1: (..., n_frames) to the same shape."""
    n_frames = varying.shape[-1]
    n_fft = 1 << (2 * n_frames - 1).bit_length()
    spectrum = real_spectrum(varying, n_fft)
    power = spectrum.real**2 + spectrum.imag**2
    cycles = np.arange(power.shape[-1], dtype=np.float32) / np.float32(n_fft)
    power *= np.exp(-2.0 * np.square(np.pi * _SMOOTHING * cycles))
    correlation = real_signal(power, n_fft)[..., :n_frames]
    total = np.square(varying).sum(axis=-1, keepdims=True)
    # Of the frames, so many have another one at this lag.
    correlation *= n_frames / (n_frames - np.arange(n_frames, dtype=np.float32))
    # Without onsets there is no correlation, rather than one of rounding errors.
    correlation /= total + np.float32(_FAINT**2 * n_frames)
    return correlation


@cache
def _log_lags() -> tuple[NDArray[np.int64], FloatArray]:
    """Where the lags lie between frames: the frame before and the share of the frame after."""
    lags = np.geomspace(_SHORTEST_S, _LONGEST_S, _N_LAGS) * FRAME_RATE
    before = lags.astype(np.int64)
    return before, (lags - before).astype(np.float32)


def _at_log_lags(correlation: FloatArray) -> FloatArray:
    before, share = _log_lags()
    at: FloatArray = correlation[..., before] * (1 - share)
    at += correlation[..., before + 1] * share
    return at


def _scales(correlation: FloatArray) -> FloatArray:
    """Magnitudes over the axis of logarithmic lags, compressed by a square root."""
    centred = correlation - correlation.mean(axis=-1, keepdims=True)
    centred *= np.hanning(_N_LAGS).astype(np.float32)
    magnitudes: FloatArray = np.sqrt(np.abs(real_spectrum(centred, 2 * _N_LAGS)[..., :_N_SCALES]))
    return magnitudes


def _rates(varying: FloatArray) -> FloatArray:
    """Log magnitude in each range beside the mean of all: (n, n_frames) to (n, _N_RANGES)."""
    n_fft = 4096
    fade = np.hanning(varying.shape[-1]).astype(np.float32)
    magnitude = np.abs(real_spectrum(varying * fade, n_fft))
    n_rates = _N_RANGES * _RATES_PER_RANGE
    edges = np.geomspace(_SLOWEST_HZ, _FASTEST_HZ, n_rates + 1) * (n_fft / FRAME_RATE)
    bins = np.rint(edges).astype(np.int64)
    at_rates = np.add.reduceat(magnitude, bins, axis=-1)[:, :n_rates] / np.diff(bins)
    faint = np.float32(_FAINT * np.linalg.norm(fade))
    mean = at_rates.mean(axis=-1, keepdims=True) + faint
    logs = np.log(at_rates / mean + 0.02)
    rates: FloatArray = logs.reshape(-1, _N_RANGES, _RATES_PER_RANGE).mean(axis=-1)
    return rates
