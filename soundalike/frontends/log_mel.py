"""From waveform to log-mel excerpts: what our own models see, in training and in the product.

The format is that of a 22,050 Hz waveform with ``n_fft`` 2048 (93 ms, Hann) and a hop of 1,712
samples (77.6 ms), 128 Slaney mel bands from 0 to 11,025 Hz, in decibels under the maximum of the
track, floor at -80 dB. Audio at other rates is *not* resampled: the frame positions, the length of
the Hann window and the mel filterbank are made for the rate at hand, which gives the same frames
at a fraction of the cost (``docs/architecture.md`` has the figures).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import (
    BATCH_SAMPLES,
    N_FFT,
    N_MELS,
    TOP_DB,
    banded,
    check_sample_rate,
    check_waveform,
    mel_filterbank,
    mel_power,
    power_frames,
    power_to_db,
    smooth_length,
)
from soundalike.frontends.gathered import Gathered
from soundalike.frontends.silence import SoundFinder

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
    "excerpts",
    "log_mel",
]

SAMPLE_RATE = 22_050  # Hz; the rate that the constants below refer to
HOP_LENGTH = 1712  # samples, 77.6 ms
EXCERPT_FRAMES = 128
FRAME_S = HOP_LENGTH / SAMPLE_RATE
EXCERPT_S = EXCERPT_FRAMES * FRAME_S  # 9.94 s

FloatArray = NDArray[np.float32]

# An excerpt that never comes within 65 dB of the loudest moment of its track is a pause.
_PAUSE_DB = -65.0
# What is left of a track after its last whole excerpt is dropped up to this length: 1.2 s.
_SHORT_REST_FRAMES = EXCERPT_FRAMES // 8


@dataclass(frozen=True)
class Excerpts:
    """Consecutive model inputs cut from one track.

    Attributes
    ----------
    frames : float32 (n_excerpts, n_mels, EXCERPT_FRAMES), decibels; as its model takes it, where
        another frontend made it.
    starts_s : float64 (n_excerpts,), seconds from the start of the track.
    descriptors : the model's other inputs by their names, float32 (n_excerpts, size); none where
        the frontend has no others.
    """

    frames: FloatArray
    starts_s: NDArray[np.float64]
    descriptors: Mapping[str, FloatArray] = field(default_factory=dict)


@lru_cache(maxsize=64)
def _n_fft_at(sample_rate: int) -> int:
    """The transform length nearest to 92.9 ms at this rate that an FFT is quick on.

    A window that is padded to a rounder length instead would sample the narrow low mel bands at
    other frequencies. Within 0.15 % of the exact length there is nearly always one whose factors
    are all 11 or less; short transforms are quick enough as they are.
    """
    exact = N_FFT * sample_rate / SAMPLE_RATE
    return max(round(exact), 2) if round(exact) < N_FFT else smooth_length(exact, 0.0015)


class LogMelStream:
    """:func:`log_mel` for audio that arrives in blocks, in memory that grows by 6.6 kB a second.

    Parameters
    ----------
    sample_rate : Hz, of the blocks.
    n_mels : number of mel bands.
    """

    def __init__(self, sample_rate: int, *, n_mels: int = N_MELS) -> None:
        self.sample_rate = sample_rate = check_sample_rate(sample_rate)
        self.n_samples = 0
        self._sound = SoundFinder(sample_rate)
        self._n_fft = _n_fft_at(sample_rate)
        self._hop = HOP_LENGTH * sample_rate / SAMPLE_RATE  # samples; not always a whole number
        bin_hz = sample_rate / self._n_fft
        self._n_bins = min(self._n_fft // 2, math.ceil(SAMPLE_RATE / 2 / bin_hz)) + 1
        filterbank = mel_filterbank(sample_rate, self._n_fft, n_mels)[:, : self._n_bins]
        self._bands = banded(filterbank)
        self._mel_power = Gathered()
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

    @property
    def is_silent(self) -> bool:
        """Whether nothing that was pushed so far is sound, see :class:`SoundFinder`."""
        return self._sound.is_silent

    def push(self, block: NDArray[np.floating]) -> None:
        """Take the next samples: (n_samples,), any length, all finite, as readers yield them."""
        if block.size == 0:
            return
        samples = np.ascontiguousarray(block, np.float32)
        self.n_samples += samples.size
        self._sound.push(samples)
        self._transform(np.concatenate([self._tail, samples]))

    def _transform(self, buffer: FloatArray) -> None:
        starts = self._starts(self._n_frames, self._tail_start + buffer.size) - self._tail_start
        batch = max(1, BATCH_SAMPLES // self._n_fft)
        for i in range(0, starts.size, batch):
            power = power_frames(buffer, starts[i : i + batch], self._n_fft, self._n_bins)
            self._mel_power.add(mel_power(power, self._bands))
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
            raise InvalidArgument("there are no samples")
        n_frames = max(1, int(self.n_samples / self._hop))
        self._transform(np.pad(self._tail, (0, self._n_fft)))
        power = self._mel_power.take()[:n_frames]
        return np.ascontiguousarray(power_to_db(power, top_db=top_db).T)


def log_mel(
    waveform: ArrayLike,
    sample_rate: int,
    *,
    n_mels: int = N_MELS,
    top_db: float = TOP_DB,
) -> FloatArray:
    """Log-mel spectrogram as the models take it.

    Parameters
    ----------
    waveform : (n_samples,), mono: an array, or what becomes one.
    sample_rate : Hz; any. Nothing is resampled.
    n_mels : number of bands between 0 and 11,025 Hz.
    top_db : range under the maximum that is kept, dB.

    Returns
    -------
    float32 (n_mels, n_frames), decibels from -top_db to 0, the maximum of the track.

    Raises
    ------
    InvalidArgument : a waveform that is empty, of several channels or not of finite numbers; a
        sample rate that is no whole number above zero.

    Examples
    --------
    >>> import numpy as np
    >>> time_s = np.arange(22050) / 22050
    >>> spectrogram = log_mel(np.sin(2 * np.pi * 440 * time_s), 22050)
    >>> spectrogram.shape
    (128, 12)
    """
    stream = LogMelStream(sample_rate, n_mels=n_mels)
    samples = check_waveform(waveform, sample_rate)
    stream.push(samples)
    return stream.finish(top_db=top_db)


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
    starts_s = np.asarray(starts, dtype=np.float64) * FRAME_S
    if sounding.all():
        return Excerpts(cut, starts_s)
    return Excerpts(cut[sounding], starts_s[sounding])
