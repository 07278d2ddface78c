"""Segments of real audio for the teacher: at other speeds, and mixed in twos.

A segment is 9.94 s, one excerpt of the product. Played faster or slower (tempo and pitch together,
as on a turntable) and mixed with another, a few hours of music give as many different segments as
needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.log_mel import EXCERPT_FRAMES, HOP_LENGTH, SAMPLE_RATE, log_mel
from soundalike.research.datasets.frames import quantise
from soundalike.research.distill.teacher import Teacher, at_rate

__all__ = ["KINDS", "Segment", "SegmentConfig", "make_segment", "waveform_of"]

KINDS: Final = ("soundtrack", "clip", "mix")

Samples = npt.NDArray[np.int16]
Waveform = npt.NDArray[np.float32]

# A little more than 128 frames, so that the last one is whole.
_N_SAMPLES: Final = EXCERPT_FRAMES * HOP_LENGTH + 200
# Below -60 dBFS there is nothing to be heard; another place is drawn, this often at most.
_SILENT_RMS: Final = 1e-3
_ATTEMPTS: Final = 100
_MIX_RMS: Final = 0.1


@dataclass(frozen=True)
class SegmentConfig:
    """How segments are drawn.

    Attributes
    ----------
    soundtrack, clip : shares of the segments that come from soundtracks and from the clips of
        labelled tracks; the rest are mixes of a soundtrack with either.
    mix_clip : share of mixes whose other part is a clip.
    mix_gain_db : the most that one part of a mix is louder or softer than the other.
    varispeed : share of parts that are played at another speed.
    speed : the most that this speed is higher or lower, natural logarithm.
    """

    soundtrack: float = 0.40
    clip: float = 0.32
    mix_clip: float = 0.6
    mix_gain_db: float = 8.0
    varispeed: float = 0.8
    speed: float = 0.14

    def __post_init__(self) -> None:
        for name in ("soundtrack", "clip", "mix_clip", "varispeed"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidArgument(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.soundtrack + self.clip > 1:
            raise InvalidArgument(
                f"soundtrack {self.soundtrack} and clip {self.clip} must not add up to more than 1"
            )


@dataclass(frozen=True)
class Segment:
    """One lesson.

    Attributes
    ----------
    kind : position in :data:`KINDS`.
    log_mel : uint8 (128, 128), 0 for -80 dB and 255 for 0.
    outputs : float32 (1756,), what the teacher says.
    """

    kind: int
    log_mel: npt.NDArray[np.uint8]
    outputs: npt.NDArray[np.float32]


def make_segment(
    number: int,
    seed: int,
    config: SegmentConfig,
    soundtracks: Sequence[Samples],
    clips: Sequence[Samples],
    teacher: Teacher,
) -> Segment:
    """The segment with this number; the same in every process.

    Parameters
    ----------
    soundtracks, clips : int16 (n_samples,) at 22,050 Hz, at least one of each.

    Raises
    ------
    DataError : it finds nothing but silence.
    """
    generator = np.random.default_rng((seed, number))
    for _ in range(_ATTEMPTS):
        kind, waveform = waveform_of(generator, config, soundtracks, clips)
        if _rms(waveform) >= _SILENT_RMS:
            frames = log_mel(waveform, SAMPLE_RATE)[:, :EXCERPT_FRAMES]
            return Segment(kind, quantise(frames, -80.0), teacher.outputs(waveform))
    raise DataError(f"segment {number}: {_ATTEMPTS} places in the music, all of them silent")


def waveform_of(
    generator: np.random.Generator,
    config: SegmentConfig,
    soundtracks: Sequence[Samples],
    clips: Sequence[Samples],
) -> tuple[int, Waveform]:
    """A kind, and a waveform of it at 22,050 Hz, 9.95 s."""
    drawn = generator.random()
    if drawn < config.soundtrack:
        return 0, _cut(generator, config, _one_of(generator, soundtracks))
    if drawn < config.soundtrack + config.clip:
        return 1, _cut(generator, config, _one_of(generator, clips))
    first = _one_of(generator, soundtracks)
    second = _one_of(generator, clips if generator.random() < config.mix_clip else soundtracks)
    one, other = _cut(generator, config, first), _cut(generator, config, second)
    gain_db = generator.uniform(-config.mix_gain_db, config.mix_gain_db)
    gain = np.float32(10 ** (gain_db / 20))
    # Both equally loud, but for the gain; a silent part must not be blown up.
    quietest = np.float32(_SILENT_RMS)
    mixed = one / max(_rms(one), quietest) * gain + other / max(_rms(other), quietest)
    return 2, (mixed * (np.float32(_MIX_RMS) / max(_rms(mixed), quietest))).astype(np.float32)


def _one_of(generator: np.random.Generator, sources: Sequence[Samples]) -> Samples:
    return sources[int(generator.integers(len(sources)))]


def _cut(generator: np.random.Generator, config: SegmentConfig, source: Samples) -> Waveform:
    """A piece from anywhere in the source; a shorter one is repeated from near its beginning on."""
    speed = 1.0
    if generator.random() < config.varispeed:
        speed = float(np.exp(generator.uniform(-config.speed, config.speed)))
    needed = int(_N_SAMPLES * speed) + 64
    if len(source) < needed:
        start = int(generator.integers(max(1, len(source) // 4)))
        piece = np.asarray(source[start:])
        piece = np.tile(piece, -(-needed // len(piece)))[:needed]
    else:
        start = int(generator.integers(len(source) - needed + 1))
        piece = np.asarray(source[start : start + needed])
    waveform = piece.astype(np.float32) / np.float32(32767)
    waveform = at_rate(waveform, SAMPLE_RATE * speed, SAMPLE_RATE)[:_N_SAMPLES]
    return np.pad(waveform, (0, _N_SAMPLES - len(waveform))).astype(np.float32)


def _rms(waveform: Waveform) -> np.float32:
    return np.float32(np.sqrt(np.mean(np.square(waveform)) + 1e-12))
