"""Where pure tones come back that were sampled too slowly: measured, beside what theory says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundalike.research.reproduce.sampling import fold_hz, loudest_hz, resample

__all__ = ["TONES_HZ", "Fold", "measure_folds"]

TONES_HZ = (1_000.0, 3_000.0, 5_000.0, 9_000.0, 15_000.0)


@dataclass(frozen=True)
class Fold:
    """A tone that was sampled at a rate.

    Attributes
    ----------
    tone_hz : its frequency.
    sample_rate : Hz.
    expected_hz : where theory says that it is heard.
    measured_hz : where the spectrum of the samples has its peak.
    filtered_db : what is left of its level when a filter has gone before, dB.
    """

    tone_hz: float
    sample_rate: int
    expected_hz: float
    measured_hz: float
    filtered_db: float

    @property
    def is_kept(self) -> bool:
        """Whether the tone lies below half the rate."""
        return self.tone_hz < self.sample_rate / 2


def measure_folds(
    rates: tuple[int, ...], tones_hz: tuple[float, ...] = TONES_HZ
) -> tuple[Fold, ...]:
    """Sample pure tones at each rate and measure what comes back."""
    fine_rate, duration_s = 2 * max(rates), 0.5
    fine_s = np.arange(round(duration_s * fine_rate)) / fine_rate
    folds = []
    for tone_hz in tones_hz:
        tone = np.sin(2 * np.pi * tone_hz * fine_s)
        for rate in rates:
            taken = np.sin(2 * np.pi * tone_hz * np.arange(round(duration_s * rate)) / rate)
            filtered = resample(tone, fine_rate, rate, anti_alias=True)
            # The ends are where the filter meets the silence around the tone.
            middle = filtered[len(filtered) // 4 : 3 * len(filtered) // 4]
            level_db = 10 * np.log10(max(2 * float(np.mean(np.square(middle))), 1e-10))
            folds.append(
                Fold(tone_hz, rate, fold_hz(tone_hz, rate), loudest_hz(taken, rate), level_db)
            )
    return tuple(folds)
