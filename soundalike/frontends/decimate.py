"""Fewer samples a second, for what needs no high frequencies: halved, and halved again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decimator"]

FloatArray = NDArray[np.float32]

# Six taps, nearly the least squares fit of an ideal low-pass filter: 0.4 dB down at 0.2 of the new
# rate, 3 dB at 0.4; what lies above 0.7 of it folds back 20 dB down, above 0.8 28 dB. That is
# coarse, but a longer filter would cost more than all that is made of the samples.
_TAPS: Final = (0.4273, 0.1183, -0.0456)
_REACH: Final = len(_TAPS)
# Samples that are halved at once: as many as stay in the processor's cache.
_BATCH: Final = 1 << 15


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
        # Zeros stand in for what lies before the first sample.
        self._tails = [np.zeros(_REACH - 1, np.float32)] * (self.factor.bit_length() - 1)

    def push(self, block: FloatArray) -> FloatArray:
        """What can be told with the next samples: (n,) in, about (n / factor,) out.

        Sample i of all that comes out is centred on sample ``(i + 0.5) * factor - 0.5`` of all that
        went in.
        """
        if self.factor == 1:
            return block
        parts = [self._halved(block[at : at + _BATCH]) for at in range(0, block.size, _BATCH)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def finish(self) -> FloatArray:
        """The last samples, for which zeros stand in for what would follow."""
        if self.factor == 1:
            return np.zeros(0, np.float32)
        return self.push(np.zeros(_REACH * self.factor, np.float32))

    def _halved(self, samples: FloatArray) -> FloatArray:
        for stage, tail in enumerate(self._tails):
            samples = np.concatenate([tail, samples])
            n_out = max(0, (samples.size - 2 * _REACH) // 2 + 1)
            self._tails[stage] = samples[2 * n_out :].copy()
            samples = _halve(samples, n_out)
        return samples


def _halve(samples: FloatArray, n_out: int) -> FloatArray:
    """Output i is the taps over samples 2 i to 2 i + 5, symmetric: (n,) to (n_out,)."""
    n_pairs = n_out + _REACH - 1
    even = np.ascontiguousarray(samples[0 : 2 * n_pairs : 2])
    odd = np.ascontiguousarray(samples[1 : 2 * n_pairs : 2])
    # The six are even[i], odd[i], even[i + 1], odd[i + 1], even[i + 2], odd[i + 2].
    made = even[1 : 1 + n_out] + odd[1 : 1 + n_out]
    made *= np.float32(_TAPS[0])
    ring = odd[:n_out] + even[2 : 2 + n_out]
    ring *= np.float32(_TAPS[1])
    made += ring
    np.add(even[:n_out], odd[2 : 2 + n_out], out=ring)
    ring *= np.float32(_TAPS[2])
    made += ring
    halved: FloatArray = made
    return halved
