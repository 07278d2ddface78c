"""Whether there is any sound: the same rule for files, waveforms and data sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["SILENCE_DBFS", "SoundFinder"]

# The loudest second of a silent track: dither lies at -90 dBFS, the softest music above -70.
SILENCE_DBFS = -80.0

_LEAST_POWER = 10 ** (SILENCE_DBFS / 10)
_CELLS_A_SECOND = 20
# The loudest cells of a second are left out: a click, and what a coder made of it, is no sound.
_CLICK_CELLS = 2
# A click comes alone. So many of them, anywhere in a track, are a rhythm.
_MOST_CLICKS = 10

FloatArray = NDArray[np.float32]


class SoundFinder:
    """Looks for a second of sound in audio that arrives in blocks.

    A second sounds if its root mean square is -80 dBFS or more, cells of a twentieth of a second
    being measured without their mean (an offset is no sound) and the two loudest left out (nor is
    a click). One such second is enough: a track with long pauses is music. So are more than ten
    cells, wherever they are, each of which would do for a second: a metronome. What is shorter than
    a second is measured as it is.

    Parameters
    ----------
    sample_rate : Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._cell = max(1, round(sample_rate / _CELLS_A_SECOND))
        self._rest: FloatArray = np.empty(0, np.float32)
        self._powers: NDArray[np.float64] = np.empty(0)  # of the last second
        self._n_loud = 0
        self._is_found = False

    def push(self, samples: FloatArray) -> None:
        """Take the next samples: float32 (n_samples,), any length."""
        # Sound is mostly found soon, so that the rest need not be measured.
        step = _CELLS_A_SECOND * self._cell
        for start in range(0, samples.size, step):
            if self._is_found:
                return
            self._measure(samples[start : start + step])

    def _measure(self, samples: FloatArray) -> None:
        samples = np.concatenate([self._rest, samples])
        n_cells = samples.size // self._cell
        self._rest = samples[n_cells * self._cell :].copy()
        cells = samples[: n_cells * self._cell].reshape(n_cells, self._cell)
        new = cells.var(axis=1, dtype=np.float64)
        self._n_loud += int((new >= _CELLS_A_SECOND * _LEAST_POWER).sum())
        if self._n_loud > _MOST_CLICKS:
            self._is_found = True
            return
        powers = np.concatenate([self._powers, new])
        for end in range(_CELLS_A_SECOND, powers.size + 1):
            if _sounds(powers[end - _CELLS_A_SECOND : end]):
                self._is_found = True
                return
        self._powers = powers[-_CELLS_A_SECOND:]

    @property
    def is_silent(self) -> bool:
        """Whether no second of what was pushed so far sounds."""
        if self._is_found:
            return False
        powers = self._powers
        if self._rest.size > self._cell // 2:
            powers = np.append(powers, self._rest.var(dtype=np.float64))[-_CELLS_A_SECOND:]
        return not _sounds(powers)


def _sounds(powers: NDArray[np.float64]) -> bool:
    if powers.size <= 2 * _CLICK_CELLS:
        return bool(powers.size) and bool(powers.mean() >= _LEAST_POWER)
    quiet = np.sort(powers)[:-_CLICK_CELLS]
    return bool(quiet.sum() >= _LEAST_POWER * powers.size)
