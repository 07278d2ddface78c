"""How strong each pitch class sounds, in treble and bass: what harmony and key are told from.

The signal, decimated to about 5.5 kHz, is cut into windows of 0.37 s (Hann), 40 to an excerpt of
the log-mel spectrogram, so that both can be cut at the same times. Each bin of the magnitude
spectrum is divided by the mean of its neighbourhood (about 50 Hz to either side), and its logarithm
taken: what stands out counts, however loud it is and whatever the instrument's spectrum (to the end
that Mueller and Ewert have in "Towards timbre-invariant audio features for harmony-based music",
IEEE TASLP 18(3), 2010). Bins go to 36 pitch classes a third of a semitone apart, with a weight that
is highest in the middle of the keyboard. How far the track is from A = 440 Hz follows from how they
lie within the semitone over the whole track; the 36 then become 12.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.dsp import magnitude_frames, smooth_length
from soundalike.frontends.framed import FramedStream, check_rate
from soundalike.frontends.gathered import Gathered
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.threads import one_blas_thread

__all__ = ["FRAME_RATE", "N_BINS", "PITCH_CLASSES", "ChromaStream"]

PITCH_CLASSES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
N_BINS: Final = 24  # twelve pitch classes of the treble, twelve of the bass
FRAME_RATE: Final = 40 / EXCERPT_S  # 4.02 frames a second

FloatArray = NDArray[np.float32]

_WINDOW_S: Final = 2048 / 5512.5
_WINDOW_TOLERANCE: Final = 0.01
# Hz. Semitones lower than this are closer than the window tells apart; above, there is little but
# overtones, and what the decimation folds back.
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 1_700.0
# MIDI numbers: the weight of a pitch is a Gaussian around the first, with the second as standard
# deviation; bass goes over into treble within an octave around the last.
_CENTRE, _WIDTH, _CROSSOVER = 62.0, 14.0, 58.0
# How far a bin reaches, semitones: the standard deviation of a Gaussian.
_REACH: Final = 0.25
_NEIGHBOURS: Final = 12  # bins to either side, 2.7 Hz each
_STEPS: Final = 3  # to a semitone
_N_FINE: Final = 12 * _STEPS
# A frame this far under the loudest one of its track counts nothing, and wholly 20 dB above that.
_PAUSE_DB, _PAUSE_RAMP_DB = -60.0, 20.0
_SILENCE: Final = 1e-10  # magnitude
# Frames in one transform.
_BATCH: Final = 64


class ChromaStream(FramedStream):
    """Chroma of a signal that arrives in blocks, in memory that grows by 1.4 kB a second.

    Parameters
    ----------
    sample_rate : Hz, of the blocks: 5 to 10 kHz, what :class:`Decimator` makes of any higher rate;
        not always a whole number. Of a lower rate only the lower pitches are heard.

    Attributes
    ----------
    n_samples : that were pushed.
    """

    def __init__(self, sample_rate: float) -> None:
        n_fft = max(2, smooth_length(_WINDOW_S * check_rate(sample_rate), _WINDOW_TOLERANCE))
        super().__init__(sample_rate, n_fft, FRAME_RATE, _BATCH)
        self._pitches = _pitch_filters(sample_rate / n_fft, n_fft // 2 + 1)
        self._fine, self._levels = Gathered(), Gathered()

    def _make(self, samples: FloatArray, starts: NDArray[np.int64]) -> None:
        magnitudes = magnitude_frames(samples, starts, self._n_fft, len(self._pitches))
        self._levels.add(magnitudes.mean(axis=1))
        with one_blas_thread():
            self._fine.add(_standing_out(magnitudes) @ self._pitches)

    def finish(self) -> FloatArray:
        """The chroma of all that was pushed: float32 (N_BINS, n_frames), 0 or more.

        Rows 0 to 11 are C, C sharp ... B of the treble, rows 12 to 23 those of the bass, in the
        track's own tuning. Frame i is centred ``(i + 0.5) / FRAME_RATE`` seconds after the first
        sample. Silence and pauses are 0.

        Raises
        ------
        InvalidArgument : nothing was pushed.
        """
        n_frames = self._finished()
        levels = self._levels.take()[:n_frames]
        fine = self._fine.take()[:n_frames] * _sounding(levels)[:, None]
        fine = fine.reshape(n_frames, 2, _N_FINE)
        return np.ascontiguousarray(_tuned(fine).reshape(n_frames, N_BINS).T)


@lru_cache(maxsize=16)
def _pitch_filters(bin_hz: float, n_bins: int) -> FloatArray:
    """From bins to pitch classes of treble and bass: float32 (n_used, 2 * _N_FINE), read-only."""
    used = min(n_bins, math.ceil(_HIGHEST_HZ / bin_hz) + _NEIGHBOURS)
    hz = np.maximum(np.arange(used), 0.5) * bin_hz
    midi = 69.0 + 12.0 * np.log2(hz / 440.0)
    # The bins lie closer the higher they are.
    weight = np.minimum(12.0 * np.log2(1.0 + bin_hz / hz), 1.0)
    weight *= np.exp(-0.5 * ((midi - _CENTRE) / _WIDTH) ** 2)
    weight[(hz < _LOWEST_HZ) | (hz > _HIGHEST_HZ)] = 0.0
    away = (midi[:, None] - np.arange(_N_FINE) / _STEPS + 6.0) % 12.0 - 6.0
    near = weight[:, None] * np.exp(-0.5 * (away / _REACH) ** 2)
    # Products with the tiny numbers of float32 would take twenty times as long.
    near[near < 1e-6] = 0.0
    bass = np.clip((_CROSSOVER - midi) / 12.0 + 0.5, 0.0, 1.0)[:, None]
    filters: FloatArray = np.concatenate([near * (1 - bass), near * bass], axis=1, dtype=np.float32)
    filters.flags.writeable = False
    return filters


@lru_cache(maxsize=16)
def _neighbourhoods(n_bins: int) -> tuple[FloatArray, FloatArray]:
    """From bins to local means, one every _NEIGHBOURS bins, and back by linear interpolation.

    Returns
    -------
    float32 (n_bins, n_means) and (n_means, n_bins), read-only.
    """
    centres = np.arange(0, n_bins - 1 + _NEIGHBOURS, _NEIGHBOURS)
    distance = np.abs(np.arange(n_bins)[:, None] - centres) / _NEIGHBOURS
    triangles = np.maximum(1.0 - distance, 0.0)
    means = np.maximum(1.0 - 0.5 * distance, 0.0)
    means /= means.sum(axis=0)
    pair = (means.astype(np.float32), np.ascontiguousarray(triangles.T, dtype=np.float32))
    for matrix in pair:
        matrix.flags.writeable = False
    return pair


def _standing_out(magnitudes: FloatArray) -> FloatArray:
    """log(magnitude / local mean) where that is above 0: (n_frames, n_bins) to the same shape."""
    means, interpolation = _neighbourhoods(magnitudes.shape[1])
    floor = magnitudes @ means @ interpolation
    floor += np.float32(_SILENCE)
    ratio = np.divide(magnitudes, floor, out=floor)
    np.maximum(ratio, np.float32(1.0), out=ratio)
    logarithm: FloatArray = np.log(ratio, out=ratio)
    return logarithm


def _sounding(levels: FloatArray) -> FloatArray:
    """0 for the pauses, 1 for the rest: (n_frames,) to the same shape."""
    loudest = max(float(levels.max()), _SILENCE)
    decibels = 20.0 * np.log10(np.maximum(levels / np.float32(loudest), np.float32(1e-9)))
    gate: FloatArray = np.clip((decibels - _PAUSE_DB) / _PAUSE_RAMP_DB, 0.0, 1.0)
    return gate.astype(np.float32)


def _tuned(fine: FloatArray) -> FloatArray:
    """Thirds of a semitone to semitones, in the track's tuning: (..., _N_FINE) to (..., 12)."""
    within = fine.mean(axis=(0, 1), dtype=np.float64).reshape(12, _STEPS).sum(axis=0)
    turn = np.angle(within @ np.exp(2j * np.pi * np.arange(_STEPS) / _STEPS)) / (2 * np.pi)
    shift = _STEPS * turn  # in thirds of a semitone: the spectrum between its samples
    whole = math.floor(shift)
    share = np.float32(shift - whole)
    at = np.arange(_N_FINE)
    moved = fine[..., (at + whole) % _N_FINE] * (1 - share)
    moved += fine[..., (at + whole + 1) % _N_FINE] * share
    thirds = moved.reshape(*fine.shape[:-1], 12, _STEPS)
    semitones: FloatArray = thirds[..., 0] + 0.5 * thirds[..., 1]
    semitones += 0.5 * np.roll(thirds[..., 2], 1, axis=-1)
    return semitones
