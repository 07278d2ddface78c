"""Waveforms for YAMNet: each 15,600 samples at 16 kHz, what its TensorFlow Lite file takes."""

from __future__ import annotations

import numpy as np

RATE = 16_000
N_SAMPLES = 15_600


def waveforms() -> dict[str, np.ndarray]:
    """Name -> float32 (15600,), the same on every machine."""
    draw = np.random.default_rng(0)
    time_s = np.arange(N_SAMPLES) / RATE
    pulse = np.exp(-8 * (time_s % 0.25))
    noise = draw.standard_normal((3, N_SAMPLES))
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (220.0, 277.2, 329.6, 440.0))
    made = {
        "noise": 0.1 * noise[0],
        "soft noise that comes and goes": 0.003 * noise[1] * (1 + np.sin(40 * time_s)),
        "beat": 0.3 * noise[2] * pulse,
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time_s),
        "chirp": 0.5 * np.sin(2 * np.pi * (100 * time_s + 3000 * time_s**2)),
        "chords in noise": 0.1 * chord * pulse + 0.01 * noise[1],
    }
    return {name: np.asarray(values, np.float32) for name, values in made.items()}
