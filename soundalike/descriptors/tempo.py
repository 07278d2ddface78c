"""The tempo of a track, from its onset strength, and how sure that is.

Each tempo of a fine grid gets a score, a weighted sum of what speaks for it: the autocorrelation of
the onset strength after one beat and after simple parts and multiples of one, for all bands and for
the lowest; the spectrum of the onset strength at the rate of the beat and at parts and multiples of
it (together they tell the octave better than either alone: Peeters, "Template-based estimation of
time-varying tempo", EURASIP Journal on Advances in Signal Processing, 2007); and how usual the
tempo is. The softmax of the scores is the probability of each tempo: a conditional logit model
(McFadden 1974). ``soundalike.research.tempo`` fits its weights to annotated music.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.frontends.dsp import real_signal, real_spectrum
from soundalike.frontends.onset import FRAME_RATE

__all__ = [
    "BPM_GRID",
    "CALIBRATION",
    "MIN_DURATION_S",
    "N_EVIDENCE",
    "N_FEATURES",
    "Tempo",
    "TempoCalibration",
    "estimate_tempo",
    "evidence",
    "tempo_features",
]

MIN_DURATION_S: Final = 6.0
"""A shorter track has too few beats to tell their tempo."""

FloatArray = NDArray[np.float32]
Floats = NDArray[np.float64]

BPM_GRID: Final[Floats] = np.exp(np.arange(math.log(40.0), math.log(250.0), 0.01))
"""float64 (n_tempi,): the tempi that are compared, one percent from one to the next."""
BPM_GRID.flags.writeable = False

_WINDOW_S: Final = 12.0
_LOW_BANDS: Final = 2
# Windows that are looked at at once: more would take memory in which a track of hours shows.
_BATCH: Final = 64
# The autocorrelation is taken after these shares of a beat, the spectrum at these of its rate.
_BEATS: Final = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3, 4, 6, 8)
_RATES: Final = (1 / 4, 1 / 2, 1, 3 / 2, 2, 3, 4)
_USUAL_BPM: Final = 110.0
N_FEATURES: Final = 2 * len(_BEATS) + len(_RATES) + 2
N_EVIDENCE: Final = 2
# Standard deviation, frames, by which the autocorrelation is smoothed: strokes are not exact.
_SMOOTHING: Final = 2.5
# A window with less than this share of the track's onsets is a pause.
_PAUSE: Final = 0.1
# Onsets whose strength varies by no more than this are those of a held tone: no pulse.
_FAINT: Final = 0.01
# Tempi so near each other are one: within 4 %, as annotations are compared.
_SAME: Final = 0.04
_MOST_ALTERNATIVES, _LEAST_WEIGHT = 3, 0.05


@dataclass(frozen=True)
class TempoCalibration:
    """What is fitted to annotated music.

    Attributes
    ----------
    weights : (N_FEATURES,), of what speaks for a tempo.
    confidence : (1 + N_EVIDENCE,), offset and slopes of a logistic regression from
        :func:`evidence` to whether the tempo is right within 4 %.
    least : below this confidence the answer is that nobody can tell.

    Raises
    ------
    InvalidArgument : other numbers of values.
    """

    weights: tuple[float, ...]
    confidence: tuple[float, ...]
    least: float = 0.5

    def __post_init__(self) -> None:
        if len(self.weights) != N_FEATURES or len(self.confidence) != 1 + N_EVIDENCE:
            raise InvalidArgument(
                f"a tempo calibration has {N_FEATURES} weights and {1 + N_EVIDENCE} values for the "
                f"confidence, not {len(self.weights)} and {len(self.confidence)}"
            )


@dataclass(frozen=True)
class Tempo:
    """The tempo of a track.

    Attributes
    ----------
    bpm : beats a minute, 40 to 250.
    confidence : the probability, 0 to 1, that a listener would tap this tempo within 4 %.
    alternatives : other tempi that the track may have, beats a minute, the likeliest first; mostly
        half or double.
    alternative_weights : how likely each of them is beside ``bpm``; all with that of ``bpm`` are at
        most 1.
    unsure : whether the confidence is below what the calibration asks for.
    """

    bpm: float
    confidence: float
    alternatives: tuple[float, ...]
    alternative_weights: tuple[float, ...]
    unsure: bool


def estimate_tempo(
    onset: FloatArray, calibration: TempoCalibration | None = None, *, n_passages: int = 1
) -> Tempo | None:
    """The tempo of a whole track.

    Parameters
    ----------
    onset : float32 (N_BANDS, n_frames) of :class:`soundalike.frontends.onset.OnsetStream`.
    calibration : by default :data:`CALIBRATION`.
    n_passages : of one length and of one track, that were laid end to end: no beat goes over from
        one to the next.

    Returns
    -------
    None where there is nothing to tell a tempo from: less than 6 s, or no onsets.
    """
    calibration = calibration or CALIBRATION
    parts = np.array_split(onset, n_passages, axis=1)
    found_in = [each for part in parts if (each := tempo_features(part)) is not None]
    if not found_in:
        return None
    features = np.concatenate(found_in)
    weights = np.asarray(calibration.weights)
    batches = range(0, len(features), _BATCH)
    scores = np.concatenate([features[i : i + _BATCH] @ weights for i in batches])
    near = _mass_nearby(_softmax(scores.mean(axis=0)))
    best = int(near.argmax())
    found = _others(near, best)
    offset, *slopes = calibration.confidence
    odds = offset + float(np.dot(slopes, evidence(scores)))
    confidence = 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, odds))))
    return Tempo(
        bpm=_refined(features, best),
        confidence=confidence,
        alternatives=tuple(float(BPM_GRID[i]) for i in found),
        alternative_weights=tuple(float(near[i]) for i in found),
        unsure=confidence < calibration.least,
    )


def tempo_features(onset: FloatArray) -> FloatArray | None:
    """What speaks for each tempo in each window of 12 s, pauses left out.

    Returns
    -------
    float32 (n_windows, n_tempi, N_FEATURES), or None where there is nothing to tell from.
    """
    if onset.shape[1] < MIN_DURATION_S * FRAME_RATE:
        return None
    windows = _windows(np.stack([onset.mean(axis=0), onset[:_LOW_BANDS].mean(axis=0)]))
    strength = windows[0].sum(axis=-1)
    windows = windows[:, strength > _PAUSE * np.median(strength)]
    if not windows.shape[1]:
        return None
    n_windows = windows.shape[1]
    parts = [_features(windows[:, i : i + _BATCH]) for i in range(0, n_windows, _BATCH)]
    return np.concatenate(parts)


def _features(windows: FloatArray) -> FloatArray:
    """Of all bands and of the lowest, (2, n_windows, length): see :func:`tempo_features`."""
    correlation = _autocorrelation(windows)
    beat_s = 60.0 / BPM_GRID
    after = np.stack([_at(correlation, share * beat_s * FRAME_RATE) for share in _BEATS], axis=-1)
    spectrum, frames = _spectrum(windows[0])
    at_rates = np.stack([_at(spectrum, share * frames / beat_s) for share in _RATES], axis=-1)
    unusual = np.log(BPM_GRID / _USUAL_BPM)
    usual = np.broadcast_to(
        np.stack([unusual, unusual**2], axis=-1), (windows.shape[1], BPM_GRID.size, 2)
    )
    features = np.concatenate([after[0], after[1], at_rates, usual], axis=-1)
    return np.ascontiguousarray(features, dtype=np.float32)


def evidence(scores: Floats) -> Floats:
    """What speaks for the likeliest tempo being right: float64 (N_EVIDENCE,).

    The log odds of its probability, and the share of the windows whose own likeliest tempo it is.

    Parameters
    ----------
    scores : (n_windows, n_tempi), the features times the weights.
    """
    near = _mass_nearby(_softmax(scores.mean(axis=0)))
    best = int(near.argmax())
    mass = min(max(float(near[best]), 1e-4), 1.0 - 1e-4)
    own = BPM_GRID[scores.argmax(axis=1)]
    agree = float((np.abs(np.log(own / BPM_GRID[best])) <= _SAME).mean())
    return np.array([math.log(mass / (1.0 - mass)), agree])


def _windows(onsets: FloatArray) -> FloatArray:
    """Windows of 12 s that overlap by half: (n, n_frames) to (n, n_windows, length)."""
    length = min(onsets.shape[1], round(_WINDOW_S * FRAME_RATE))
    starts = range(0, onsets.shape[1] - length + 1, max(1, length // 2))
    return np.stack([onsets[:, start : start + length] for start in starts], axis=1)


def _autocorrelation(windows: FloatArray) -> FloatArray:
    """Unbiased, smoothed, a clear pulse about 1: (..., length) to the same shape."""
    length = windows.shape[-1]
    n_fft = 1 << (2 * length - 1).bit_length()
    varying = windows - windows.mean(axis=-1, keepdims=True)
    spectrum = real_spectrum(varying, n_fft)
    power = spectrum.real**2 + spectrum.imag**2
    cycles = np.arange(power.shape[-1], dtype=np.float32) / np.float32(n_fft)
    power *= np.exp(-2.0 * np.square(np.pi * _SMOOTHING * cycles))
    correlation = np.ascontiguousarray(real_signal(power, n_fft)[..., :length])
    start = correlation[..., :1] + np.float32(_FAINT**2 * length)
    correlation *= length / (length - np.arange(length, dtype=np.float32))
    correlation /= start
    return correlation


def _spectrum(windows: FloatArray) -> tuple[FloatArray, float]:
    """log(1 + magnitude), of which 1 is what noise has: (n, length) to (n, n_bins), and the bins
    that 1 Hz has."""
    n_fft = 1 << (4 * windows.shape[-1] - 1).bit_length()
    varying = windows - windows.mean(axis=-1, keepdims=True)
    fade = np.hanning(windows.shape[-1]).astype(np.float32)
    magnitude = np.abs(real_spectrum(varying * fade, n_fft))
    faint = np.float32(_FAINT * np.linalg.norm(fade))
    magnitude /= np.sqrt(np.square(magnitude).mean(axis=-1, keepdims=True)) + faint
    spectrum: FloatArray = np.log1p(magnitude)
    return spectrum, n_fft / FRAME_RATE


def _at(values: FloatArray, places: Floats) -> FloatArray:
    """Values between their places, 0 behind the last: (..., n) at (n_tempi,) to (..., n_tempi)."""
    last = values.shape[-1] - 2
    before = np.minimum(places.astype(np.int64), last)
    share = (places - before).astype(np.float32)
    inside = (places <= last + 1).astype(np.float32)
    # Quicker than an index of the last axis.
    between: FloatArray = np.take(values, before, axis=-1)
    between *= (1 - share) * inside
    between += np.take(values, before + 1, axis=-1) * (share * inside)
    return between


def _softmax(scores: Floats) -> Floats:
    shifted = np.exp(scores - scores.max())
    return np.asarray(shifted / shifted.sum())


@cache
def _neighbours() -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(np.log(BPM_GRID[:, None] / BPM_GRID)) <= _SAME
    return near


def _mass_nearby(probabilities: Floats) -> Floats:
    """The probability that the tempo is the same as each of the grid."""
    return np.asarray(_neighbours() @ probabilities)


def _others(near: Floats, best: int) -> list[int]:
    """Where the next likeliest tempi are, none the same as one before it."""
    left = near.copy()
    found: list[int] = []
    while len(found) <= _MOST_ALTERNATIVES:
        at = int(left.argmax()) if found else best
        if found and left[at] < _LEAST_WEIGHT:
            break
        found.append(at)
        left[np.abs(np.log(BPM_GRID / BPM_GRID[at])) <= 2 * _SAME] = 0.0
    return found[1:]


def _refined(features: FloatArray, best: int) -> float:
    """A tempo between those of the grid: where the autocorrelation after some beats is highest."""
    # Longer times tell a tempo more exactly, unless it drifts.
    wanted = [_BEATS.index(beats) for beats in (1, 2, 4)]
    near = slice(max(0, best - 2), best + 3)
    strength = features[:, near][:, :, wanted].mean(axis=(0, 2), dtype=np.float64)
    top = int(strength.argmax())
    shift = 0.0
    if 0 < top < len(strength) - 1:
        left, middle, right = strength[top - 1 : top + 2]
        if 2 * middle > left + right:
            shift = 0.5 * (right - left) / (2 * middle - left - right)
    return float(np.exp(np.log(BPM_GRID[near][top]) + 0.01 * shift))


# Fitted to GTZAN's clips of 15 to 30 s, those of training and validation tracks
# (``python -m benchmarks.tempo DIR --fit``).
CALIBRATION: Final = TempoCalibration(
    weights=(
        -1.207,
        -2.161,
        0.464,
        -0.625,
        3.408,
        0.7,
        2.822,
        -0.05,
        -1.353,
        -0.542,
        -0.541,
        -1.418,
        0.043,
        -0.609,
        -0.166,
        3.053,
        -0.834,
        0.562,
        -0.137,
        1.337,
        0.268,
        -0.235,
        0.366,
        0.602,
        1.773,
        0.257,
        0.834,
        -0.122,
        0.092,
        -1.628,
        -3.639,
    ),
    confidence=(0.283, 1.087, 0.564),
)
"""What :func:`estimate_tempo` takes where a model says nothing else."""
