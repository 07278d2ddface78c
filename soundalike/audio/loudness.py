"""How loud something sounds: the mean power under the K curve of ITU-R BS.1770-4.

The curve raises what is above 1.5 kHz by 4 dB, as a head does, and lowers what is below 60 Hz. Its
two filters are given for 48 kHz; here their gain at each frequency weighs the spectrum, so that any
rate will do. Nothing is gated: what is measured lasts some seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["loudness_db"]

# Tables 1 and 2 of BS.1770-4: numerators and denominators in z^-1.
_FILTERS = (
    (
        (1.53512485958697, -2.69169618940638, 1.19839281085285),
        (-1.69065929318241, 0.73248077421585),
    ),
    ((1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621)),
)
_RATE = 48_000
# Samples that are transformed at a time.
_BLOCK = 1 << 16


def loudness_db(samples: NDArray[np.floating], sample_rate: int) -> float:
    """Loudness in LUFS, ungated; minus infinity for silence.

    Parameters
    ----------
    samples : (n_samples,), or (n_channels, n_samples) whose powers are added.
    sample_rate : Hz.
    """
    channels = np.atleast_2d(samples)
    n = channels.shape[-1]
    power, weights = 0.0, np.zeros(0)
    for start in range(0, n, _BLOCK):
        block = channels[:, start : start + _BLOCK]
        spectrum = np.abs(np.fft.rfft(block)) ** 2
        if len(weights) != spectrum.shape[-1]:
            weights = _weights(block.shape[-1], sample_rate)
        power += float((spectrum * weights).sum())
    return float(-0.691 + 10 * np.log10(power / n)) if power > 0 else -np.inf


def _weights(n: int, sample_rate: int) -> NDArray[np.float64]:
    """What makes powers of the transform of n samples a sum of squares under the K curve."""
    weights = _gain(np.fft.rfftfreq(n, 1 / sample_rate)) / n
    # All but the first and, of an even number, the last stand for a negative frequency as well.
    weights[1 : (n + 1) // 2] *= 2
    return weights


def _gain(frequencies_hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """The power gain of the K curve; what lies above 24 kHz does not count."""
    z = np.exp(-2j * np.pi * frequencies_hz / _RATE)
    gain = np.ones(len(z))
    for (b0, b1, b2), (a1, a2) in _FILTERS:
        gain *= np.abs((b0 + b1 * z + b2 * z**2) / (1 + a1 * z + a2 * z**2)) ** 2
    gain[frequencies_hz > _RATE / 2] = 0.0
    return gain
