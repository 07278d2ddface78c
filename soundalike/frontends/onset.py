"""How strongly notes and strokes begin, in bands: what rhythm and tempo are told from.

The signal, decimated to about 11 kHz, is cut into windows of 23 ms (Hann), six of them to a frame
of the log-mel spectrogram, so that both can be cut at the same times. The power in mel bands is
divided by the band's mean over the track, so that neither loudness nor an equaliser matters, and
compressed (log(1 + gain * power)); what it grew by since the frame before the last is the onset
strength (as in Boeck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx
2013, without the maximum filter: the bands are far wider than a vibrato).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import mel_filterbank, mel_power, power_frames, smooth_length
from soundalike.frontends.log_mel import FRAME_S

__all__ = ["FRAME_RATE", "N_BANDS", "OnsetStream"]

N_BANDS: Final = 12
# Six to a frame of the log-mel spectrogram, so that an excerpt is a whole number of either.
FRAME_RATE: Final = 6 / FRAME_S  # 77.3 frames a second; 768 an excerpt

FloatArray = NDArray[np.float32]

_WINDOW_S: Final = 256 / 11_025
_TOP_HZ: Final = 5_000.0
# A longer or shorter window by this share changes no onset that anybody would notice.
_WINDOW_TOLERANCE: Final = 0.03
_GAIN: Final = 10.0
# A band this far under the loudest one has only noise in it: it is not lifted further.
_EMPTY_BAND: Final = 10 ** (-50 / 10)
_LAG: Final = 2  # frames
# Frames in one transform, always the same, so that block sizes make no difference at all.
_BATCH: Final = 512


class OnsetStream:
    """Band-wise onset strength of a signal that arrives in blocks, in memory that grows by 3.7 kB
    a second.

    Parameters
    ----------
    sample_rate : Hz, of the blocks: 10 to 20 kHz, what :class:`Decimator` makes of any higher rate;
        not always a whole number. Below 10 kHz the highest bands stay empty.

    Attributes
    ----------
    n_samples : that were pushed.
    """

    def __init__(self, sample_rate: float) -> None:
        if not (sample_rate > 0 and math.isfinite(sample_rate)):
            raise InvalidArgument(f"sample_rate must be above 0 Hz, not {sample_rate!r}")
        self.n_samples = 0
        self._hop = sample_rate / FRAME_RATE  # samples; not a whole number
        self._n_fft = smooth_length(_WINDOW_S * sample_rate, _WINDOW_TOLERANCE)
        self._n_bins = min(self._n_fft // 2, math.ceil(_TOP_HZ * self._n_fft / sample_rate)) + 1
        filterbank = mel_filterbank(sample_rate, self._n_fft, N_BANDS, _TOP_HZ)[:, : self._n_bins]
        self._filterbank_t = np.ascontiguousarray(filterbank.T)
        self._power: list[FloatArray] = []
        self._n_frames = 0
        # Zeros stand in for what lies before the first sample.
        self._blocks: list[FloatArray] = [np.zeros(self._n_fft // 2, np.float32)]
        self._start = -(self._n_fft // 2)
        self._stop = 0

    def push(self, block: FloatArray) -> None:
        """Take the next samples: float32 (n,), any length."""
        self.n_samples += block.size
        self._take(block)

    def _take(self, block: FloatArray) -> None:
        self._blocks.append(block)
        self._stop += block.size
        last = self._first_sample(self._n_frames + _BATCH - 1) + self._n_fft
        if last <= self._stop:
            self._transform()

    def _first_sample(self, frame: int) -> int:
        # Frame i is centred on (i + 0.5) hops. Positions are rounded one by one: nothing drifts.
        return round((frame + 0.5) * self._hop) - self._n_fft // 2

    def _transform(self) -> None:
        """Make all whole batches of frames that end within the samples so far."""
        samples = np.concatenate(self._blocks)
        while self._first_sample(self._n_frames + _BATCH - 1) + self._n_fft <= self._stop:
            numbers = np.arange(self._n_frames, self._n_frames + _BATCH)
            centers = np.rint((numbers + 0.5) * self._hop).astype(np.int64)
            starts = centers - (self._n_fft // 2 + self._start)
            power = power_frames(samples, starts, self._n_fft, self._n_bins)
            self._power.append(mel_power(power, self._filterbank_t))
            self._n_frames += _BATCH
        used = self._first_sample(self._n_frames) - self._start
        self._blocks = [samples[used:].copy()]
        self._start += used

    def finish(self) -> FloatArray:
        """The onset strength of all that was pushed: float32 (N_BANDS, n_frames), 0 or more.

        Frame i is centred ``(i + 0.5) / FRAME_RATE`` seconds after the first sample. Silence has
        the onset strength 0.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        if self.n_samples == 0:
            raise InvalidArgument("there are no samples")
        n_frames = max(1, int(self.n_samples / self._hop))
        if n_frames > self._n_frames:
            needed = self._first_sample(self._n_frames + _BATCH - 1) + self._n_fft
            self._take(np.zeros(needed - self._stop, np.float32))
        power = np.concatenate(self._power)[:n_frames]
        return np.ascontiguousarray(_onset_strength(power).T)


def _onset_strength(power: FloatArray) -> FloatArray:
    """Band power to onset strength, (n_frames, N_BANDS) to the same shape."""
    means = power.mean(axis=0, dtype=np.float64)
    references = np.maximum(means, _EMPTY_BAND * means.max()) + 1e-20
    level = np.log1p(power * (_GAIN / references).astype(np.float32))
    onset: FloatArray = np.zeros_like(level)
    np.subtract(level[_LAG:], level[:-_LAG], out=onset[_LAG:])
    return np.maximum(onset, 0.0, out=onset)
