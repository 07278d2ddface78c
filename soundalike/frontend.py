"""From waveform to log-mel excerpts: what our own models see, in training and in the product.

The format is that of a 22,050 Hz waveform with ``n_fft`` 2048 (93 ms, Hann) and a hop of 1,712
samples (77.6 ms), 128 Slaney mel bands from 0 to 11,025 Hz, in decibels under the maximum of the
track, floor at -80 dB. Audio at other rates is *not* resampled: the frame positions, the length of
the Hann window and the mel filterbank are made for the rate at hand, which gives the same frames
at a fraction of the cost (``docs/architecture.md`` has the figures).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument

__all__ = [
    "EXCERPT_FRAMES",
    "EXCERPT_S",
    "FRAME_S",
    "HOP_LENGTH",
    "N_FFT",
    "N_MELS",
    "SAMPLE_RATE",
    "TOP_DB",
    "Excerpts",
    "LogMelStream",
    "check_waveform",
    "excerpts",
    "log_mel",
    "mel_filterbank",
    "mel_frequencies",
    "mel_spectrogram",
    "power_frames",
    "power_spectrogram",
    "power_to_db",
]

SAMPLE_RATE = 22_050  # Hz; the rate that the constants below refer to
N_FFT = 2048  # samples, 92.9 ms
HOP_LENGTH = 1712  # samples, 77.6 ms
N_MELS = 128
TOP_DB = 80.0
EXCERPT_FRAMES = 128
FRAME_S = HOP_LENGTH / SAMPLE_RATE
EXCERPT_S = EXCERPT_FRAMES * FRAME_S  # 9.94 s

FloatArray = NDArray[np.float32]

# An excerpt that never comes within 65 dB of the loudest moment of its track is a pause.
_PAUSE_DB = -65.0
# What is left of a track after its last whole excerpt is dropped up to this length: 1.2 s.
_SHORT_REST_FRAMES = EXCERPT_FRAMES // 8
# Frames of this many samples in one transform: with more, the memory of every batch comes fresh
# from the system, and page faults cost three times the transform itself.
_BATCH_SAMPLES = 1 << 17


@dataclass(frozen=True)
class Excerpts:
    """Consecutive model inputs cut from one track.

    Attributes
    ----------
    frames : float32 (n_excerpts, n_mels, EXCERPT_FRAMES), decibels; as its model takes it, where
        another frontend made it.
    starts_s : float64 (n_excerpts,), seconds from the start of the track.
    """

    frames: FloatArray
    starts_s: NDArray[np.float64]


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
    sample_rate: int, n_fft: int, n_mels: int = N_MELS, fmax_hz: float = SAMPLE_RATE / 2
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
def _hann(length: int) -> FloatArray:
    """Periodic Hann window divided by its sum, so that power does not depend on its length."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    normalised: FloatArray = (window / window.sum()).astype(np.float32)
    normalised.flags.writeable = False
    return normalised


@lru_cache(maxsize=64)
def _n_fft_at(sample_rate: int) -> int:
    """The transform length nearest to 92.9 ms at this rate that an FFT is quick on.

    A length with a large prime factor (4,458 samples at 48 kHz) takes several times as long as a
    neighbour without, and a window that is padded to a rounder length instead would sample the
    narrow low mel bands at other frequencies. Within 0.15 % of the exact length there is nearly
    always one whose factors are all 11 or less; short transforms are quick enough as they are.
    """
    exact = N_FFT * sample_rate / SAMPLE_RATE
    nearest = round(exact)
    if nearest < N_FFT:
        return max(nearest, 2)
    reach = int(exact * 0.0015)
    candidates = (
        length for step in range(reach + 1) for length in (nearest - step, nearest + step)
    )
    return next((length for length in candidates if _is_smooth(length)), nearest)


def _is_smooth(length: int) -> bool:
    for factor in (2, 3, 5, 7, 11):
        while length % factor == 0:
            length //= factor
    return length == 1


def power_frames(
    waveform: FloatArray, starts: NDArray[np.int64], n_fft: int, n_bins: int
) -> FloatArray:
    """|STFT|^2 of the frames that begin at ``starts``: float32 (n_frames, n_bins)."""
    frames = sliding_window_view(waveform, n_fft)[starts] * _hann(n_fft)
    spectrum = np.fft.rfft(frames, axis=1)[:, :n_bins]
    power: FloatArray = np.square(spectrum.real, dtype=np.float32)
    power += spectrum.imag**2
    return power


def check_waveform(waveform: NDArray[np.floating], sample_rate: int) -> FloatArray:
    """The waveform as contiguous float32 (n_samples,).

    Raises
    ------
    InvalidArgument : it is empty or not mono, or the sample rate is none.
    """
    if sample_rate <= 0:
        raise InvalidArgument(f"sample_rate must be positive, not {sample_rate} Hz")
    if waveform.ndim != 1 or waveform.size == 0:
        raise InvalidArgument(
            f"waveform must have the shape (n_samples,) with at least one sample, "
            f"not {waveform.shape}: average the channels first"
        )
    return np.ascontiguousarray(waveform, dtype=np.float32)


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
    batch = max(1, _BATCH_SAMPLES // n_fft)
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
    """Mel power spectrogram at any resolution, for looking at; models use :func:`log_mel`.

    Returns
    -------
    float32 (n_mels, n_frames), power; bands up to ``fmax_hz``, by default half the sample rate.
    """
    filterbank = mel_filterbank(sample_rate, n_fft, n_mels, fmax_hz or sample_rate / 2)
    return filterbank @ power_spectrogram(waveform, sample_rate, n_fft, hop_length)


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


class LogMelStream:
    """:func:`log_mel` for audio that arrives in blocks, in memory that grows by 6.6 kB a second.

    Parameters
    ----------
    sample_rate : Hz, of the blocks.
    n_mels : number of mel bands.
    """

    def __init__(self, sample_rate: int, *, n_mels: int = N_MELS) -> None:
        if sample_rate <= 0:
            raise InvalidArgument(f"sample_rate must be positive, not {sample_rate} Hz")
        self.sample_rate = sample_rate
        self.n_samples = 0
        self.peak = 0.0  # half the largest peak-to-peak swing of a block: blind to a DC offset
        self._n_fft = _n_fft_at(sample_rate)
        self._hop = HOP_LENGTH * sample_rate / SAMPLE_RATE  # samples; not always a whole number
        bin_hz = sample_rate / self._n_fft
        self._n_bins = min(self._n_fft // 2, math.ceil(SAMPLE_RATE / 2 / bin_hz)) + 1
        filterbank = mel_filterbank(sample_rate, self._n_fft, n_mels)[:, : self._n_bins]
        self._filterbank_t = np.ascontiguousarray(filterbank.T)
        self._mel_power: list[FloatArray] = []
        self._n_frames = 0
        # Zeros stand in for what lies before the first sample.
        self._tail: FloatArray = np.zeros(self._n_fft // 2, np.float32)
        self._tail_start = -(self._n_fft // 2)

    def _starts(self, first: int, stop_sample: int) -> NDArray[np.int64]:
        """First samples of the frames from number ``first`` on that end before ``stop_sample``."""
        room = stop_sample - (self._n_fft - self._n_fft // 2)
        last = int(room / self._hop + 1.0)
        # Positions are rounded one by one, so that nothing drifts where the hop is no whole number.
        numbers = np.arange(first, max(first, last) + 1)
        centers: NDArray[np.int64] = np.rint((numbers + 0.5) * self._hop).astype(np.int64)
        starts: NDArray[np.int64] = centers[centers <= room] - self._n_fft // 2
        return starts

    def push(self, block: NDArray[np.floating]) -> None:
        """Take the next samples: (n_samples,), any length."""
        if block.size == 0:
            return
        samples = check_waveform(block, self.sample_rate)
        self.n_samples += samples.size
        self.peak = max(self.peak, float(samples.max() - samples.min()) / 2)
        self._transform(np.concatenate([self._tail, samples]))

    def _transform(self, buffer: FloatArray) -> None:
        starts = self._starts(self._n_frames, self._tail_start + buffer.size) - self._tail_start
        batch = max(1, _BATCH_SAMPLES // self._n_fft)
        for i in range(0, starts.size, batch):
            power = power_frames(buffer, starts[i : i + batch], self._n_fft, self._n_bins)
            self._mel_power.append(power @ self._filterbank_t)
        self._n_frames += starts.size
        next_start = round((self._n_frames + 0.5) * self._hop) - self._n_fft // 2
        keep = min(max(next_start - self._tail_start, 0), buffer.size)
        self._tail = buffer[keep:].copy()
        self._tail_start += keep

    def finish(self, *, top_db: float = TOP_DB) -> FloatArray:
        """The log-mel spectrogram of all that was pushed: float32 (n_mels, n_frames), dB.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        if self.n_samples == 0:
            raise InvalidArgument("no samples: there is nothing to make a spectrogram of")
        n_frames = max(1, int(self.n_samples / self._hop))
        self._transform(np.pad(self._tail, (0, self._n_fft)))
        mel_power = np.concatenate(self._mel_power)[:n_frames]
        return np.ascontiguousarray(power_to_db(mel_power, top_db=top_db).T)


def log_mel(
    waveform: NDArray[np.floating],
    sample_rate: int,
    *,
    n_mels: int = N_MELS,
    top_db: float = TOP_DB,
    frame_centers: NDArray[np.integer] | None = None,
) -> FloatArray:
    """Log-mel spectrogram as the models take it.

    Parameters
    ----------
    waveform : float (n_samples,), mono.
    sample_rate : Hz; any. Nothing is resampled.
    n_mels : number of bands between 0 and 11,025 Hz.
    top_db : range under the maximum that is kept, dB.
    frame_centers : int (n_frames,), samples; where the frames lie, if not every 77.6 ms.

    Returns
    -------
    float32 (n_mels, n_frames), decibels from -top_db to 0, the maximum of the track.

    Raises
    ------
    InvalidArgument : an empty or a multi-channel waveform, a sample rate of zero or less.

    Examples
    --------
    >>> import numpy as np
    >>> time_s = np.arange(22050) / 22050
    >>> spectrogram = log_mel(np.sin(2 * np.pi * 440 * time_s), 22050)
    >>> spectrogram.shape
    (128, 12)
    """
    samples = check_waveform(waveform, sample_rate)
    stream = LogMelStream(sample_rate, n_mels=n_mels)
    if frame_centers is None:
        stream.push(samples)
        return stream.finish(top_db=top_db)
    n_fft = stream._n_fft
    padded = np.pad(samples, (n_fft // 2, n_fft))
    centers = np.asarray(frame_centers, dtype=np.int64)
    if centers.size == 0 or centers.min() < 0 or centers.max() > samples.size:
        raise InvalidArgument(f"frame_centers must lie between 0 and {samples.size} samples")
    power = power_frames(padded, centers, n_fft, stream._n_bins)
    return np.ascontiguousarray(power_to_db(power @ stream._filterbank_t, top_db=top_db).T)


def excerpts(log_mel_db: NDArray[np.floating]) -> Excerpts:
    """Cut a log-mel spectrogram into model inputs of 9.94 s that do not overlap.

    What is left at the end gets an excerpt of its own, aligned to the end, if it is longer than
    1.2 s; one that repeats the excerpt before it all but for a moment would only count it twice. A
    track that is shorter than one excerpt is repeated until it fills it. Pauses (nothing within
    65 dB of the loudest moment) are left out: normalised, they would be noise.

    Parameters
    ----------
    log_mel_db : (n_mels, n_frames), decibels with the track's maximum at 0.
    """
    if log_mel_db.ndim != 2 or log_mel_db.shape[1] == 0:
        raise InvalidArgument(
            f"log_mel must have the shape (n_mels, n_frames), not {log_mel_db.shape}"
        )
    frames = np.asarray(log_mel_db, dtype=np.float32)
    n_frames = frames.shape[1]
    if n_frames < EXCERPT_FRAMES:
        repeats = -(-EXCERPT_FRAMES // n_frames)
        return Excerpts(np.tile(frames, repeats)[None, :, :EXCERPT_FRAMES], np.zeros(1))
    starts = list(range(0, n_frames - EXCERPT_FRAMES + 1, EXCERPT_FRAMES))
    if starts[-1] + EXCERPT_FRAMES + _SHORT_REST_FRAMES < n_frames:
        starts.append(n_frames - EXCERPT_FRAMES)
    cut = np.stack([frames[:, start : start + EXCERPT_FRAMES] for start in starts])
    sounding = cut.max(axis=(1, 2)) > cut.max() + _PAUSE_DB
    return Excerpts(cut[sounding], np.asarray(starts, dtype=np.float64)[sounding] * FRAME_S)
