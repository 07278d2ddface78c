"""Tracks in the formats that libraries hold: MP3, FLAC, M4A, Ogg Vorbis and Opus."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from soundalike.audio import load_audio, probe
from soundalike.errors import AudioError, InvalidArgument

__all__ = ["FORMATS", "composed_tracks", "encoded_tracks"]

# By suffix: encoder, sample format, bits a second (0: lossless), sample rate (0: as it is).
FORMATS: dict[str, tuple[str, str, int, int]] = {
    ".mp3": ("libmp3lame", "fltp", 256_000, 0),
    ".flac": ("flac", "s16", 0, 0),
    ".m4a": ("aac", "fltp", 192_000, 0),
    # FFmpeg's own encoder, for PyAV's wheels have no other. It calls itself an experiment.
    ".ogg": ("vorbis", "fltp", 160_000, 0),
    ".opus": ("libopus", "flt", 128_000, 48_000),
}
_SHORTEST_S, _LONGEST_S = 180.0, 300.0
_COMPOSED_S = 240


def encoded_tracks(music: Path, folder: Path, n_each: int) -> list[Path]:
    """Tracks of 3 to 5 minutes, every one another piece, as many in each format.

    What is in a format already is taken as it is; the rest is encoded from what is left, so that a
    piece of a lossy format is encoded a second time. Which pieces is drawn with the seed 0.

    Raises
    ------
    InvalidArgument : the folder has too few such pieces.
    """
    pieces: list[Path] = []
    files = sorted(path for path in music.rglob("*") if path.is_file())
    for at in np.random.default_rng(0).permutation(len(files)):
        try:
            info = probe(files[at])
        except AudioError:
            continue
        if _SHORTEST_S <= (info.duration_s or 0.0) <= _LONGEST_S and info.channels == 2:
            pieces.append(files[at])
        if len(pieces) == n_each * len(FORMATS):
            break
    else:
        raise InvalidArgument(
            f"{music} has {len(pieces)} stereo tracks of 3 to 5 minutes; "
            f"{n_each * len(FORMATS)} are needed, or fewer --each"
        )
    tracks = []
    for suffix in FORMATS:
        # Those that need no encoding first.
        chosen = sorted(pieces, key=lambda path: path.suffix.lower() != suffix)[:n_each]
        for number, piece in enumerate(chosen):
            pieces.remove(piece)
            track = folder / f"{suffix[1:]}-{number}{suffix}"
            if piece.suffix.lower() == suffix:
                track.symlink_to(piece.absolute())
            else:
                audio = load_audio(piece, mono=False)
                _encode(audio.samples, audio.sample_rate, track)
            tracks.append(track)
    return tracks


def composed_tracks(folder: Path) -> list[Path]:
    """Four minutes of the demo's music, in each format."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from compose import scores
    from demo_music.render import render
    from demo_music.synthesis import SAMPLE_RATE

    # One piece of each band and more: none is longer than 30 s or shorter than 22 s.
    stereo = np.concatenate([render(score) for score in scores()[::3]], axis=1)
    stereo = stereo[:, : _COMPOSED_S * SAMPLE_RATE]
    tracks = [folder / f"composed{suffix}" for suffix in FORMATS]
    for track in tracks:
        _encode(stereo, SAMPLE_RATE, track, least_rate=44_100)
    return tracks


def _encode(samples: Any, rate: int, track: Path, *, least_rate: int = 0) -> None:
    """Write (2, n_samples), full scale at 1."""
    codec, sample_format, bit_rate, only_rate = FORMATS[track.suffix]
    rate_out = only_rate or max(rate, least_rate)
    with av.open(str(track), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate_out, layout="stereo")
        stream.format = sample_format
        stream.options = {"strict": "experimental"}
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(sample_format, "stereo", rate_out)
        for frame in itertools.chain(_frames(samples, rate), [None]):
            for block in resampler.resample(frame):
                container.mux(stream.encode(block))
        container.mux(stream.encode(None))


def _frames(samples: Any, rate: int, at_once: int = 1 << 16) -> Sequence[av.AudioFrame]:
    frames = []
    for start in range(0, samples.shape[1], at_once):
        block = np.ascontiguousarray(samples[:, start : start + at_once], np.float32)
        frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate = rate
        # Without a time, the Ogg writer counts wrong.
        frame.pts, frame.time_base = start, Fraction(1, rate)
        frames.append(frame)
    return frames
