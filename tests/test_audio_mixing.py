"""Channels that cancel each other out are heard all the same, and others are mixed as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import FORMATS, FloatArray, chord, root_hz, write_audio
from test_audio import peak_hz

from soundalike.audio import AudioReader, load_audio

RATE = 44_100
WHOLLY = "the channels cancel each other out: the strongest alone is used"


def opposite(duration_s: float, rate: int = RATE) -> FloatArray:
    music = chord(rate, duration_s)
    return np.stack([music, -music])


@pytest.mark.parametrize("kind", ["wav", "flac", "aac", "vorbis", "opus", "mp3-cbr"])
def test_opposite_channels_are_heard(tmp_path: Path, kind: str) -> None:
    rate = 48_000 if kind == "opus" else RATE
    source = opposite(4.0, rate)
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", source, rate, kind)
    audio = load_audio(path)
    assert audio.notes == (WHOLLY,)
    left = load_audio(path, mono=False).samples[0]
    if FORMATS[kind].quantum is None:
        assert peak_hz(audio.samples, rate) == pytest.approx(root_hz(0), abs=1)
        assert audio.samples.std() == pytest.approx(left.std(), rel=0.05)
    else:
        np.testing.assert_array_equal(audio.samples, left)


def test_the_stronger_channel_is_taken(tmp_path: Path) -> None:
    source = opposite(3.0)
    source[0] *= 0.8
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    assert np.abs(load_audio(path).samples - source[1]).max() <= 2**-15


@pytest.mark.parametrize("channels", [4, 6])
def test_opposite_channels_among_silent_ones(tmp_path: Path, channels: int) -> None:
    source = np.zeros((channels, 3 * RATE), np.float32)
    source[1:3] = opposite(3.0)
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    audio = load_audio(path)
    assert audio.notes == (WHOLLY,)
    assert np.abs(audio.samples - source[1]).max() <= 2**-15


def test_where_a_part_cancels_nothing_clicks_and_the_note_says_how_much(tmp_path: Path) -> None:
    source = opposite(12.0)
    source[1, : 6 * RATE] *= -1
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    audio = load_audio(path)
    assert np.abs(audio.samples - source[0]).max() <= 2**-15
    assert audio.notes == (
        "the channels cancel each other out in 6.0 s of 12.0 s: the strongest alone is used there",
    )
    # A passage has its own share.
    for (start_s, end_s), note in {
        (0.5, 5.0): (),
        (5.0, 8.0): (audio.notes[0].replace("6.0 s of 12.0", "2.0 s of 3.0"),),
        (9.0, 11.0): (WHOLLY,),
    }.items():
        assert load_audio(path, start_s=start_s, end_s=end_s).notes == note


@pytest.mark.parametrize(
    "kind",
    [
        "wav",
        "flac",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("alac", "aiff-24", "wavpack")),
    ],
)
def test_a_passage_is_the_slice_where_channels_come_and_go(tmp_path: Path, kind: str) -> None:
    source = np.stack([chord(RATE, 16.0, 2)[0], chord(RATE, 16.0, 2)[1]])
    for start_s, end_s in ((2.1, 4.7), (7.33, 7.9), (8.2, 8.21), (9.0, 11.05), (13.0, 16.0)):
        part = slice(round(start_s * RATE), round(end_s * RATE))
        source[1, part] = -source[0, part]
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", source, RATE, kind)
    whole = load_audio(path).samples
    assert np.abs(np.diff(whole)).max() < 1.5 * np.abs(np.diff(source)).max()
    for start_s in np.arange(0.05, 15.9, 1.37):
        for length_s in (0.1, 2.5):
            part = load_audio(path, start_s=start_s, end_s=start_s + length_s).samples
            start = round(start_s * RATE)
            np.testing.assert_array_equal(part, whole[start : start + len(part)])


@pytest.mark.parametrize("side", [0.0, 0.7, 1.0, 2.0])
def test_wide_stereo_is_mixed_as_ever(tmp_path: Path, side: float) -> None:
    middle, wide = chord(RATE, 4.0, 2)
    source = np.stack([middle + side * wide, middle - side * wide]) / (1 + side)
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    audio = load_audio(path)
    assert audio.notes == ()
    every = load_audio(path, mono=False).samples
    assert np.abs(audio.samples - every.mean(axis=0)).max() < 1e-7


@pytest.mark.parametrize("silent", [0, 1])
def test_one_silent_channel_is_nothing_odd(tmp_path: Path, silent: int) -> None:
    source = chord(RATE, 2.0, 2)
    source[silent] = 0
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    audio = load_audio(path)
    assert audio.notes == ()
    assert np.abs(audio.samples - source.mean(axis=0)).max() <= 2**-15


def test_the_blocks_stay_bounded(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.flac", opposite(20.0), RATE, "flac")
    with AudioReader(path) as reader:
        assert max(map(len, reader)) < 200_000
