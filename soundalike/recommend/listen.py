"""The passages of two tracks that match, back to back, to hear whether they do."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import AudioReader, Resampler, probe
from soundalike.audio.loudness import loudness_db
from soundalike.audio.writing import encode, format_of
from soundalike.errors import InvalidArgument
from soundalike.files import check_writable, write_file
from soundalike.similarity.passages import Passage

__all__ = ["PairSound", "check_sound", "pair_mp3", "pair_sound", "save_sound"]

Samples = NDArray[np.float32]

SAMPLE_RATE = 44_100
# Of a longer passage its beginning is heard; five pairs last 3 minutes at most.
LONGEST_S = 15.0
FADE_S = 0.02
# Between the two of a pair; and around the tone between two pairs.
_PAUSE_S, _GAP_S = 0.35, 0.5
_TONE_HZ, _TONE_S, _TONE_LEVEL = 880.0, 0.12, 0.05
# All are made as loud as this, or as the one that can be made least loud without clipping.
_LOUDNESS_DB, _PEAK = -16.0, 0.98


@dataclass(frozen=True, eq=False)
class PairSound:
    """Pairs of passages, one after the other.

    Attributes
    ----------
    samples : float32 (2, n_samples), full scale at 1.
    sample_rate : Hz.
    starts_s : when each pair begins in it, seconds.
    """

    samples: Samples = field(repr=False)
    sample_rate: int
    starts_s: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate)


def pair_sound(
    passages: Sequence[Passage],
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
) -> PairSound:
    """Each passage of A, then that of B, with a tone between two pairs.

    All are equally loud (ITU-R BS.1770-4, ungated), and as long as the other of their pair, 15 s at
    most. They fade in and out within 20 ms.

    Parameters
    ----------
    passages : in the order in which they are to be heard, times in the files.
    a, b : the files.

    Raises
    ------
    AudioError : a file cannot be decoded.
    InvalidArgument : no passages.
    """
    if not passages:
        raise InvalidArgument("there are no passages to hear: the tracks have no excerpts")
    lengths_s = [
        min(LONGEST_S, each.a_end_s - each.a_start_s, each.b_end_s - each.b_start_s)
        for each in passages
    ]
    ones = _stretches(a, [each.a_start_s for each in passages], lengths_s)
    others = _stretches(b, [each.b_start_s for each in passages], lengths_s)
    pieces = list(zip(ones, others, strict=True))
    gains = _gains([piece for pair in pieces for piece in pair])
    tone = _tone()
    parts: list[Samples] = []
    starts_s: list[float] = []
    for number, (one, other) in enumerate(pieces):
        if number:
            parts += [_silence(_GAP_S), tone, _silence(_GAP_S)]
        starts_s.append(sum(part.shape[-1] for part in parts) / SAMPLE_RATE)
        parts += [
            _faded(one * gains[2 * number]),
            _silence(_PAUSE_S),
            _faded(other * gains[2 * number + 1]),
        ]
    return PairSound(np.concatenate(parts, axis=-1), SAMPLE_RATE, tuple(starts_s))


def check_sound(path: str | os.PathLike[str]) -> None:
    """Make sure that sound can be written there, before it is made.

    Raises
    ------
    InvalidArgument : another suffix than .wav, .flac or .mp3.
    OutputError : the file cannot be written.
    """
    format_of(path)
    check_writable(path)


def save_sound(sound: PairSound, path: str | os.PathLike[str]) -> Path:
    """Write it; the suffix says in which format. Raises as :func:`check_sound`."""
    return write_file(path, encode(sound.samples, sound.sample_rate, format_of(path)))


def pair_mp3(a: str, _load: Callable[..., Any], b: str, passages: Sequence[Passage]) -> bytes:
    """:func:`pair_sound` as the bytes of an MP3, as workers call it."""
    sound = pair_sound(passages, a, b)
    return encode(sound.samples, sound.sample_rate, "mp3")


def _stretches(
    path: str | os.PathLike[str], starts_s: Sequence[float], lengths_s: Sequence[float]
) -> list[Samples]:
    """Stretches of a file in two channels; it is decoded once, and only they are kept."""
    ends_s = [start_s + length_s for start_s, length_s in zip(starts_s, lengths_s, strict=True)]
    first_s, last_s = min(starts_s), max(ends_s)
    # Of more channels than two, what they are mixed to.
    is_stereo = probe(path).channels == 2
    kept: list[list[Samples]] = [[] for _ in starts_s]
    with AudioReader(path, start_s=first_s, end_s=last_s, mono=not is_stereo) as reader:
        rate = reader.sample_rate
        spans = [
            (round((start_s - first_s) * rate), round((end_s - first_s) * rate))
            for start_s, end_s in zip(starts_s, ends_s, strict=True)
        ]
        position = 0
        for block in reader:
            for (begin, end), own in zip(spans, kept, strict=True):
                part = block[..., max(begin - position, 0) : max(end - position, 0)]
                if part.shape[-1]:
                    own.append(part)
            position += block.shape[-1]
    return [_at_rate(own, rate) for own in kept]


def _at_rate(parts: Sequence[Samples], rate: int) -> Samples:
    """A stretch in two channels at ``SAMPLE_RATE``."""
    if not parts:
        # The track ends before; what was analysed was longer than what can be decoded now.
        return _silence(0.0)
    samples = np.atleast_2d(np.concatenate(parts, axis=-1))
    if rate != SAMPLE_RATE:
        resampler = Resampler(rate, SAMPLE_RATE)
        samples = np.concatenate([resampler.push(samples), resampler.finish()], axis=-1)
    return samples if len(samples) == 2 else np.concatenate([samples, samples])


def _gains(pieces: Sequence[Samples]) -> list[np.float32]:
    """What makes pieces equally loud, none beyond full scale; 1 for what is silent."""
    loudness = [loudness_db(piece, SAMPLE_RATE) for piece in pieces]
    peaks = [float(np.abs(piece).max(initial=0.0)) for piece in pieces]
    heard = [(level, peak) for level, peak in zip(loudness, peaks, strict=True) if peak > 0]
    target = min([_LOUDNESS_DB, *(level + 20 * np.log10(_PEAK / peak) for level, peak in heard)])
    return [
        np.float32(10 ** ((target - level) / 20)) if np.isfinite(level) else np.float32(1)
        for level in loudness
    ]


def _faded(piece: Samples) -> Samples:
    n = min(round(FADE_S * SAMPLE_RATE), piece.shape[-1] // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, n, dtype=np.float32)) ** 2
    faded = piece.copy()
    faded[:, :n] *= ramp
    faded[:, piece.shape[-1] - n :] *= ramp[::-1]
    return faded


def _silence(seconds: float) -> Samples:
    return np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32)


def _tone() -> Samples:
    time_s = np.arange(round(_TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
    tone = (_TONE_LEVEL * np.sin(2 * np.pi * _TONE_HZ * time_s)).astype(np.float32)
    return _faded(np.stack([tone, tone]))
