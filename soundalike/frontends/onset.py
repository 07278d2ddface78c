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

from soundalike.frontends.dsp import banded, mel_filterbank, mel_power, power_frames, smooth_length
from soundalike.frontends.framed import FramedStream, check_rate
from soundalike.frontends.gathered import Gathered
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
# Frames in one transform.
_BATCH: Final = 512


class OnsetStream(FramedStream):
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
        n_fft = smooth_length(_WINDOW_S * check_rate(sample_rate), _WINDOW_TOLERANCE)
        super().__init__(sample_rate, n_fft, FRAME_RATE, _BATCH)
        self._n_bins = min(n_fft // 2, math.ceil(_TOP_HZ * n_fft / sample_rate)) + 1
        filterbank = mel_filterbank(sample_rate, n_fft, N_BANDS, _TOP_HZ)[:, : self._n_bins]
        self._bands = banded(filterbank)
        self._power = Gathered()

    def _make(self, samples: FloatArray, starts: NDArray[np.int64]) -> None:
        power = power_frames(samples, starts, self._n_fft, self._n_bins)
        self._power.add(mel_power(power, self._bands))

    def finish(self) -> FloatArray:
        """The onset strength of all that was pushed: float32 (N_BANDS, n_frames), 0 or more.

        Frame i is centred ``(i + 0.5) / FRAME_RATE`` seconds after the first sample. Silence has
        the onset strength 0.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        n_frames = self._finished()
        power = self._power.take()[:n_frames]
        return np.ascontiguousarray(_onset_strength(power).T)


def _onset_strength(power: FloatArray) -> FloatArray:
    """Band power to onset strength, (n_frames, N_BANDS) to the same shape."""
    means = power.mean(axis=0, dtype=np.float64)
    references = np.maximum(means, _EMPTY_BAND * means.max()) + 1e-20
    level = np.log1p(power * (_GAIN / references).astype(np.float32))
    onset: FloatArray = np.zeros_like(level)
    np.subtract(level[_LAG:], level[:-_LAG], out=onset[_LAG:])
    return np.maximum(onset, 0.0, out=onset)
