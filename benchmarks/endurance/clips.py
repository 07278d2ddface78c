"""Short files in many formats, cut from real music: small enough for thousands of scans."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from soundalike.audio import load_audio, probe
from soundalike.errors import AudioError, DataError, printable
from soundalike.library.scan.walk import Walk

__all__ = ["FORMATS", "cut", "encode", "music_below", "write_clips"]

_RATE = 44_100
_HEARD_S = 90.0


@dataclass(frozen=True)
class _Format:
    suffix: str
    codec: str
    container: str
    sample_format: str
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    sample_rate: int = _RATE


FORMATS = {
    "mp3": _Format("mp3", "libmp3lame", "mp3", "fltp", 128_000),
    "flac": _Format("flac", "flac", "flac", "s16"),
    # FFmpeg's own encoder of Vorbis, which it calls an experiment.
    "vorbis": _Format("ogg", "vorbis", "ogg", "fltp", None, {"strict": "-2"}),
    "opus": _Format("opus", "libopus", "opus", "s16", 96_000, sample_rate=48_000),
    "aac": _Format("m4a", "aac", "ipod", "fltp", 128_000),
    "wav": _Format("wav", "pcm_s16le", "wav", "s16"),
    "aiff": _Format("aiff", "pcm_s16be", "aiff", "s16"),
    "wavpack": _Format("wv", "wavpack", "wv", "s16p"),
    "wma": _Format("wma", "wmav2", "asf", "fltp", 128_000),
}
"""Kinds of file that :func:`encode` writes, and most libraries hold."""


def music_below(folder: Path, least_s: float) -> list[Path]:
    """Audio files of some length below a folder, in the order of their names.

    Raises
    ------
    DataError : there are none.
    """
    found = []
    for file in Walk([os.fspath(folder)]):
        try:
            duration_s = probe(file.path).duration_s
        except AudioError:
            continue
        if duration_s is not None and duration_s >= least_s:
            found.append(Path(file.path))
    if not found:
        raise DataError(f"{printable(folder)}: holds no music of {least_s:g} s or more")
    return found


def cut(path: Path, start_s: float, duration_s: float) -> NDArray[np.float32]:
    """A passage at 44,100 Hz, float32 (2, n_samples): the first two channels, or one twice."""
    audio = load_audio(
        path, sample_rate=_RATE, mono=False, start_s=start_s, end_s=start_s + duration_s
    )
    return audio.samples[[0, min(1, len(audio.samples) - 1)]]


def encode(path: Path, samples: NDArray[np.float32], kind: str, **tags: str) -> Path:
    """Write samples at 44,100 Hz, (2, n_samples), as one of :data:`FORMATS`."""
    form = FORMATS[kind]
    with path.open("wb") as file, av.open(file, "w", format=form.container) as container:
        container.metadata.update(tags)
        stream: Any = container.add_stream(
            form.codec, rate=form.sample_rate, layout="stereo", options=dict(form.options)
        )
        stream.format = form.sample_format
        if form.bit_rate is not None:
            stream.bit_rate = form.bit_rate
        resampler = av.AudioResampler(form.sample_format, "stereo", form.sample_rate)
        for start in range(0, samples.shape[1], _RATE):
            packed = samples[:, start : start + _RATE].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), "flt", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        for each in resampler.resample(None):
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return path


def write_clips(
    music: Sequence[Path],
    folder: Path,
    count: int,
    duration_s: float,
    rng: random.Random,
    kinds: Sequence[str] = tuple(FORMATS),
) -> Iterator[Path]:
    """Cut passages out of music, in one format after the other, ten in a folder.

    Parameters
    ----------
    music : of which each file is as long as a clip, or longer; each gives as many clips.
    rng : where in the first minute and a half a clip begins.
    """
    each = max(1, count // len(music))
    heard = np.empty((2, 0), np.float32)
    for number in range(count):
        if number % each == 0:
            heard = cut(music[number // each % len(music)], 0.0, _HEARD_S)
        n_samples = round(duration_s * _RATE)
        start = rng.randrange(max(1, heard.shape[1] - n_samples))
        kind = kinds[number % len(kinds)]
        album = folder / f"album {number // 10:03d}"
        album.mkdir(parents=True, exist_ok=True)
        path = album / f"{number:05d}.{FORMATS[kind].suffix}"
        tags = {"title": f"Clip {number}", "artist": f"Artist {number % 7}", "album": album.name}
        yield encode(path, heard[:, start : start + n_samples], kind, **tags)
