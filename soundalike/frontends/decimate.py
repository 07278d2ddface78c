"""Fewer samples a second, for what needs no high frequencies: halved as often as needed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from soundalike.threads import one_blas_thread

__all__ = ["Decimator"]

FloatArray = NDArray[np.float32]

# Six taps, nearly the least squares fit of an ideal low-pass filter: 0.4 dB down at 0.2 of the new
# rate, 3 dB at 0.4; what lies above 0.7 of it folds back 20 dB down, above 0.8 28 dB. That is
# coarse, but a longer filter would cost more than all that is made of the samples.
_TAPS: Final = (-0.0456, 0.1183, 0.4273, 0.4273, 0.1183, -0.0456)
# Samples that a row of the matrix product makes. Nearly all that a row is multiplied with is 0, but
# a product is so quick that it takes a third of the time of adding up shifted samples.
_ROW: Final = 16
# Samples that are taken at once, if they are not fewer than a row: as many as stay in the
# processor's cache. The rows lie at the same places of a track however it is cut into blocks.
_BATCH: Final = 1 << 15
# Samples at the beginning that a joint filter makes otherwise than filters one after the other.
_N_FIRST: Final = 2


class Decimator:
    """Halves the rate of audio that arrives in blocks as often as needed.

    Parameters
    ----------
    sample_rate : Hz, of the blocks.
    lowest : Hz; the rate is halved while it stays at this or above.

    Attributes
    ----------
    factor : samples in for a sample out: a power of 2.
    sample_rate : Hz, of what comes out; not always a whole number.
    """

    def __init__(self, sample_rate: float, lowest: float) -> None:
        self.factor = 1
        while sample_rate / (2 * self.factor) >= lowest:
            self.factor *= 2
        self.sample_rate = sample_rate / self.factor
        taps = _taps(self.factor)
        step = _ROW * self.factor
        self._reach = taps.size - self.factor
        self._batch = max(_BATCH, step)
        self._products = np.zeros((step + self._reach, _ROW), np.float32)
        for column in range(_ROW):
            self._products[column * self.factor :, column][: taps.size] = taps
        self._rows = np.empty((self._batch // step, step + self._reach), np.float32)
        self._is_begun = False
        # Zeros stand in for what lies before the first sample.
        self._rest: FloatArray = np.zeros(self._reach // 2, np.float32)

    def push(self, block: FloatArray) -> FloatArray:
        """What can be told with the next samples: (n,) in, about (n / factor,) out, some of it
        with later blocks only.

        Sample i of all that comes out is centred on sample ``(i + 0.5) * factor - 0.5`` of all that
        went in.
        """
        if self.factor == 1:
            return block
        samples = np.concatenate([self._rest, block])
        n_batches = max(0, (samples.size - self._reach) // self._batch)
        self._rest = samples[n_batches * self._batch :].copy()
        if not n_batches:
            return np.zeros(0, np.float32)
        made = [self._decimated(samples[i * self._batch :]) for i in range(n_batches)]
        if not self._is_begun:
            self._is_begun = True
            made[0][:_N_FIRST] = self._first(samples)
        return np.concatenate(made)

    def finish(self) -> FloatArray:
        """The last samples, for which zeros stand in for what would follow."""
        n_out = (self._rest.size - self._reach + len(_TAPS) // 2 * self.factor) // self.factor
        if self.factor == 1 or n_out <= 0:
            return np.zeros(0, np.float32)
        missing = -(-n_out * self.factor // self._batch) * self._batch + self._reach
        return self.push(np.zeros(missing - self._rest.size, np.float32))[:n_out]

    def _decimated(self, samples: FloatArray) -> FloatArray:
        """The first batch: (_batch + _reach,) or more to (_batch / factor,)."""
        step = self._rows.shape[1] - self._reach
        size = samples.itemsize
        # Copied, because BLAS takes no rows that overlap.
        self._rows[:] = as_strided(samples, self._rows.shape, (step * size, size), writeable=False)
        with one_blas_thread():
            made: FloatArray = np.matmul(self._rows, self._products)
        return made.reshape(-1)

    def _first(self, samples: FloatArray) -> FloatArray:
        """The first samples, by one filter after the other, each of which begins with zeros: the
        next one is not given what a filter, reaching ahead, makes before the first sample."""
        made = samples[self._reach // 2 : self._reach + _N_FIRST * self.factor]
        for _ in range(self.factor.bit_length() - 1):
            padded = np.concatenate([np.zeros(len(_TAPS) // 2 - 1, np.float32), made])
            made = np.correlate(padded, np.array(_TAPS, np.float32))[::2]
        return made[:_N_FIRST]


def _taps(factor: int) -> FloatArray:
    """Filters that each halve the rate, one after the other, as one: float32, symmetric."""
    taps = np.ones(1)
    spread = 1
    while spread < factor:
        one = np.zeros((len(_TAPS) - 1) * spread + 1)
        one[::spread] = _TAPS
        taps = np.convolve(taps, one)
        spread *= 2
    return taps.astype(np.float32)
