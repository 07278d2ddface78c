"""Spectra and mel bands at any resolution: what every frontend is made of, and the plots."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from soundalike.errors import InvalidArgument
from soundalike.threads import one_blas_thread

__all__ = [
    "BATCH_SAMPLES",
    "N_FFT",
    "N_MELS",
    "TOP_DB",
    "Band",
    "banded",
    "check_numbers",
    "check_sample_rate",
    "check_waveform",
    "magnitude_frames",
    "mel_filterbank",
    "mel_frequencies",
    "mel_power",
    "mel_spectrogram",
    "power_frames",
    "power_spectrogram",
    "power_to_db",
    "real_signal",
    "real_spectrum",
    "smooth_length",
]

N_FFT = 2048  # samples
N_MELS = 128
TOP_DB = 80.0

FloatArray = NDArray[np.float32]

# Frames of this many samples in one transform: with more, the memory of every batch comes fresh
# from the system, and page faults cost three times the transform itself.
BATCH_SAMPLES = 1 << 17
# Mel filters in a matrix product: fewer have less to do with 0, more are fewer products.
_BAND_FILTERS = 32
# Above this, the power of a sample is beyond float32.
_MAX_LEVEL = 1e15


def mel_frequencies(n_mels: int, fmax_hz: float) -> NDArray[np.float64]:
    """Edges and centres of ``n_mels`` bands that are equally wide on Slaney's mel scale.

    Linear below 1 kHz, logarithmic above (Slaney, Auditory Toolbox, 1998).

    Returns
    -------
    float64 (n_mels + 2,), Hz; band i rises from [i] to [i + 1] and falls to [i + 2].
    """
    linear_hz, log_start_hz, log_step = 200.0 / 3, 1000.0, math.log(6.4) / 27.0
    log_start_mel = log_start_hz / linear_hz
    top = (
        fmax_hz / linear_hz
        if fmax_hz < log_start_hz
        else log_start_mel + math.log(fmax_hz / log_start_hz) / log_step
    )
    mels = np.linspace(0.0, top, n_mels + 2)
    return np.where(
        mels < log_start_mel,
        mels * linear_hz,
        log_start_hz * np.exp(log_step * (mels - log_start_mel)),
    )


@lru_cache(maxsize=16)
def mel_filterbank(
    sample_rate: float, n_fft: int, n_mels: int = N_MELS, fmax_hz: float = 11_025.0
) -> FloatArray:
    """Triangular mel filters of unit area (Slaney normalisation).

    Parameters
    ----------
    sample_rate : Hz, of the waveform.
    n_fft : length of the transform, samples.
    n_mels : number of bands.
    fmax_hz : upper edge of the highest band; bands above half the sample rate stay empty.

    Returns
    -------
    float32 (n_mels, n_fft // 2 + 1), read-only.
    """
    if n_mels < 1:
        raise InvalidArgument(f"n_mels must be at least 1, not {n_mels}")
    bins_hz = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    edges_hz = mel_frequencies(n_mels, fmax_hz)
    widths_hz = np.diff(edges_hz)
    slopes = edges_hz[:, None] - bins_hz[None, :]
    rising = -slopes[:-2] / widths_hz[:-1, None]
    falling = slopes[2:] / widths_hz[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    filterbank: FloatArray = triangles.astype(np.float32)
    filterbank.flags.writeable = False
    return filterbank


@lru_cache(maxsize=16)
def _scaled_hann(length: int, n_fft: int) -> FloatArray:
    """Periodic Hann window divided by its sum, so that power does not depend on its length, times
    what :func:`_mean_spectrum` divides by."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    scaled: FloatArray = (window * (n_fft / window.sum())).astype(np.float32)
    scaled.flags.writeable = False
    return scaled


def smooth_length(exact: float, tolerance: float) -> int:
    """The whole number nearest to ``exact`` that an FFT is quick on.

    A length with a large prime factor (4,458 samples) takes several times as long as a neighbour
    without.

    Parameters
    ----------
    exact : samples.
    tolerance : share of it by which the length may differ. If no length within it has only prime
        factors of 11 or less, the nearest of all is returned.
    """
    nearest = round(exact)
    reach = int(exact * tolerance)
    candidates = (
        length for step in range(reach + 1) for length in (nearest - step, nearest + step)
    )
    return next((length for length in candidates if _is_smooth(length)), nearest)


def _is_smooth(length: int) -> bool:
    for factor in (2, 3, 5, 7, 11):
        while length % factor == 0 and length > 0:
            length //= factor
    return length == 1


def power_frames(
    waveform: FloatArray,
    starts: NDArray[np.int64],
    n_fft: int,
    n_bins: int,
    window: int | None = None,
    *,
    is_exact: bool = False,
) -> FloatArray:
    """|STFT|^2 of the frames that begin at ``starts``, see :func:`magnitude_frames`."""
    power = magnitude_frames(waveform, starts, n_fft, n_bins, window, is_exact=is_exact)
    power *= power
    return power


def magnitude_frames(
    waveform: FloatArray,
    starts: NDArray[np.int64],
    n_fft: int,
    n_bins: int,
    window: int | None = None,
    *,
    is_exact: bool = False,
) -> FloatArray:
    """|STFT| of the frames that begin at ``starts``: float32 (n_frames, n_bins).

    A window that is shorter than ``n_fft`` is followed by zeros. The transform is one of single
    precision, whose errors lie 130 dB and more under the loudest bin of a frame; ``is_exact`` is
    for what hears even those, at four times the cost.
    """
    window = window or n_fft
    frames = sliding_window_view(waveform, window)[starts]
    # Every array less is memory less that comes fresh from the system.
    frames *= _scaled_hann(window, n_fft)
    spectrum = _mean_spectrum(frames.astype(np.float64) if is_exact else frames, n_fft)
    # Quicker than the squares of both parts, whose values lie apart.
    magnitudes: FloatArray = np.abs(spectrum[:, :n_bins]).astype(np.float32, copy=False)
    return magnitudes


def real_spectrum(signal: FloatArray, n_fft: int, axis: int = -1) -> NDArray[np.complex64]:
    """The Fourier transform along an axis: float32 to complex64, the same at half the cost or less
    as ``numpy.fft.rfft`` in its place.

    Parameters
    ----------
    signal : cut off at ``n_fft`` samples, or followed by zeros.

    Returns
    -------
    n_fft // 2 + 1 bins along the axis.
    """
    spectrum: NDArray[np.complex64] = _mean_spectrum(signal, n_fft, axis)
    spectrum *= np.float32(n_fft)
    return spectrum


def real_signal(spectrum: NDArray[np.floating], n_fft: int) -> FloatArray:
    """The inverse transform along the last axis of a spectrum without imaginary parts, such as the
    autocorrelation of a power spectrum: (..., n_fft // 2 + 1) to float32 (..., n_fft)."""
    # NumPy transforms real numbers in double precision, complex ones in their own.
    signal = np.fft.irfft(spectrum.astype(np.complex64), n_fft)
    return signal.astype(np.float32, copy=False)


def _mean_spectrum(
    signal: NDArray[np.floating], n_fft: int, axis: int = -1
) -> NDArray[np.complexfloating]:
    """The Fourier transform divided by its length.

    NumPy transforms float32 in double precision, four times as slowly, and rounds what comes out;
    only where it is to divide, by a number of single precision, does it stay in that.
    """
    spectrum: NDArray[np.complexfloating] = np.fft.rfft(signal, n_fft, axis, norm="forward")
    return spectrum


class Band(NamedTuple):
    """Neighbouring filters of a filterbank, without the bins in which all of them are 0.

    Attributes
    ----------
    bins, filters : where they lie in a spectrum, and in the filterbank.
    weights : float32 (n_bins, n_filters).
    """

    bins: slice
    filters: slice
    weights: FloatArray


def banded(filterbank: FloatArray) -> tuple[Band, ...]:
    """A filterbank in parts, nine tenths of whose products with 0 are left out.

    Parameters
    ----------
    filterbank : float32 (n_filters, n_bins), of filters that lie one after the other.
    """
    n_filters = len(filterbank)
    n_parts = max(1, n_filters // _BAND_FILTERS)
    edges = [n_filters * part // n_parts for part in range(n_parts + 1)]
    parts = []
    for first, end in itertools.pairwise(edges):
        used = np.flatnonzero(filterbank[first:end].any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 0)
        weights = np.ascontiguousarray(filterbank[first:end, bins].T)
        parts.append(Band(bins, slice(first, end), weights))
    return tuple(parts)


def mel_power(power: FloatArray, bands: Sequence[Band]) -> FloatArray:
    """Power in mel bands: (n_frames, n_bins) to (n_frames, n_filters).

    The one matrix product between a file and the network; see ``threads`` for why it has one.

    Parameters
    ----------
    bands : the filterbank, as :func:`banded` takes it apart.
    """
    made = np.empty((len(power), bands[-1].filters.stop), np.float32)
    with one_blas_thread():
        for bins, filters, weights in bands:
            np.matmul(power[:, bins], weights, out=made[:, filters])
    return made


def check_sample_rate(sample_rate: object) -> int:
    """The sample rate as an int.

    Raises
    ------
    InvalidArgument : it is no whole number of Hz above 0.
    """
    if (
        not isinstance(sample_rate, numbers.Integral)
        or isinstance(sample_rate, bool)
        or sample_rate <= 0
    ):
        raise InvalidArgument(
            f"sample_rate must be a positive whole number of Hz, not {sample_rate!r}"
        )
    return int(sample_rate)


def check_numbers(values: ArrayLike, name: str) -> NDArray[np.floating]:
    """Values as an array of floats: float32 stays as it is, so does float64.

    Raises
    ------
    InvalidArgument : they are not real numbers in rows of equal length, or not all finite, or one
        is so large that its power is beyond float32.
    """
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InvalidArgument(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "iuf" and array.size:
        raise InvalidArgument(f"{name} must be an array of real numbers, not of {array.dtype}")
    floats: NDArray[np.floating] = array
    if array.dtype not in (np.float32, np.float64):
        floats = array.astype(np.float64)
    # NaN is neither.
    if floats.size and not (floats.max() <= _MAX_LEVEL and floats.min() >= -_MAX_LEVEL):
        raise InvalidArgument(f"{name} holds NaN, infinite or absurd values")
    return floats


def check_waveform(waveform: ArrayLike, sample_rate: int) -> FloatArray:
    """The waveform as contiguous float32 (n_samples,).

    Raises
    ------
    InvalidArgument : it is empty, not mono or not of finite numbers, or the sample rate is none.
    """
    check_sample_rate(sample_rate)
    samples = check_numbers(waveform, "waveform")
    if samples.ndim != 1 or samples.size == 0:
        raise InvalidArgument(
            f"waveform must have the shape (n_samples,) with at least one sample, "
            f"not {samples.shape}: average the channels first"
        )
    return np.ascontiguousarray(samples, dtype=np.float32)


def power_spectrogram(
    waveform: NDArray[np.floating], sample_rate: int, n_fft: int = N_FFT, hop_length: int = 512
) -> FloatArray:
    """Power of the short-time Fourier transform, frames centred on multiples of the hop.

    Parameters
    ----------
    waveform : (n_samples,).
    sample_rate : Hz.
    n_fft, hop_length : samples. The ends are padded with zeros.

    Returns
    -------
    float32 (n_fft // 2 + 1, 1 + n_samples // hop_length). A full-scale sine at the centre of a bin
    has the power 0.25, whatever n_fft is: the Hann window is divided by its sum.
    """
    if n_fft < 2 or hop_length < 1:
        raise InvalidArgument(
            f"n_fft must be 2 or more and hop_length 1 or more, not {n_fft}, {hop_length}"
        )
    samples = check_waveform(waveform, sample_rate)
    padded = np.pad(samples, n_fft // 2)
    if padded.size < n_fft:
        padded = np.pad(padded, (0, n_fft - padded.size))
    starts = np.arange(1 + samples.size // hop_length, dtype=np.int64) * hop_length
    starts = starts[starts + n_fft <= padded.size]
    n_bins = n_fft // 2 + 1
    batch = max(1, BATCH_SAMPLES // n_fft)
    parts = [
        power_frames(padded, starts[i : i + batch], n_fft, n_bins)
        for i in range(0, starts.size, batch)
    ]
    return np.concatenate(parts).T


def mel_spectrogram(
    waveform: NDArray[np.floating],
    sample_rate: int,
    n_fft: int = N_FFT,
    hop_length: int = 512,
    n_mels: int = N_MELS,
    fmax_hz: float | None = None,
) -> FloatArray:
    """Mel power spectrogram at any resolution, for looking at; models use ``frontends.log_mel``.

    Returns
    -------
    float32 (n_mels, n_frames), power; bands up to ``fmax_hz``, by default half the sample rate.
    """
    filterbank = mel_filterbank(sample_rate, n_fft, n_mels, fmax_hz or sample_rate / 2)
    power = power_spectrogram(waveform, sample_rate, n_fft, hop_length)
    return mel_power(power.T, banded(filterbank)).T


def power_to_db(
    power: NDArray[np.floating], *, reference: float | None = None, top_db: float | None = TOP_DB
) -> FloatArray:
    """10 log10(power / reference), cut off ``top_db`` under its own maximum.

    Parameters
    ----------
    power : any shape.
    reference : the power that is 0 dB; by default the maximum.
    top_db : range that is kept, dB; None keeps everything above 1e-20.
    """
    if top_db is not None and not top_db > 0:
        raise InvalidArgument(f"top_db must be positive, not {top_db}")
    if reference is not None and not reference > 0:
        raise InvalidArgument(f"the reference power must be positive, not {reference}")
    peak = max(float(power.max(initial=0.0)), 1e-20)
    floor = 1e-20 if top_db is None else max(peak * 10.0 ** (-top_db / 10.0), 1e-30)
    decibels: FloatArray = np.maximum(power, np.float32(floor)).astype(np.float32, copy=False)
    np.log10(decibels, out=decibels)
    decibels *= 10.0
    decibels -= np.float32(10.0 * math.log10(reference if reference is not None else peak))
    return decibels
