"""Passages that are reached by seeking: where they are in the track, and when there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import damage, truncate, write_audio
from numpy.typing import NDArray

from soundalike.audio import AudioReader, read_spread
from soundalike.audio.source import Source

RATE, DURATION_S = 24_000, 30.0
N, PASSAGE_S = 4, 2.5
LOWEST_HZ, HZ_A_SECOND = 400.0, 100.0


def sweep(duration_s: float = DURATION_S) -> NDArray[np.float32]:
    """A tone whose pitch tells the time."""
    time_s = np.arange(round(RATE * duration_s)) / RATE
    phase = 2 * np.pi * (LOWEST_HZ * time_s + HZ_A_SECOND * time_s**2 / 2)
    return (0.5 * np.sin(phase)).astype(np.float32)


def write(folder: Path, samples: NDArray[np.float32], kind: str, rate: int = RATE) -> Path:
    # FFmpeg's own Vorbis encoder knows two channels only.
    rows = np.stack([samples, samples]) if kind == "vorbis" else samples
    return write_audio(folder / "a", rows, rate, kind)


def time_of(samples: NDArray[np.float32], rate: int) -> float:
    """When in the sweep some samples are, by the pitch in their middle."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16 * len(samples)))
    # The spectrum of a sweep is flat around the middle: its centre of mass.
    frequencies = np.fft.rfftfreq(16 * len(samples), 1 / rate)
    strong = spectrum > spectrum.max() / 2
    middle_hz = float(np.average(frequencies[strong], weights=spectrum[strong]))
    return (middle_hz - LOWEST_HZ) / HZ_A_SECOND


FORMATS = "mp3-cbr mp3-vbr aac flac vorbis opus wav aiff matroska wavpack wma ac3"


@pytest.mark.parametrize("kind", FORMATS.split())
def test_passages_are_where_they_say(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, sweep(), kind, RATE if kind != "ac3" else 32_000)
    scale = 1.0 if kind != "ac3" else 32_000 / RATE  # it knows few rates: the sweep is quicker
    spread = read_spread(path, N, PASSAGE_S, most_share=0.6)
    assert spread is not None
    with AudioReader(path) as reader:
        length_s = sum(block.size for block in reader) / reader.sample_rate
    assert spread.duration_s == pytest.approx(length_s, abs=0.06)
    rate, part = spread.sample_rate, round(0.2 * spread.sample_rate)
    assert sum(map(len, spread.passages)) == np.ceil(N * PASSAGE_S * rate)
    for i, (start_s, passage) in enumerate(zip(spread.starts_s, spread.passages, strict=True)):
        middle_s = (i + 0.5) / N * spread.duration_s
        assert start_s + PASSAGE_S / 2 == pytest.approx(middle_s, abs=0.01)
        for first in (0, len(passage) // 2, len(passage) - part):
            heard_s = time_of(passage[first : first + part], round(rate / scale)) / scale
            assert heard_s == pytest.approx(start_s + (first + part / 2) / rate, abs=0.1)


@pytest.mark.parametrize("kind", ["mp3-vbr-bare", "aac-adts"])
def test_a_length_that_is_guessed_is_not_believed(tmp_path: Path, kind: str) -> None:
    # The first half is far easier to encode than the second.
    samples = sweep()
    samples[: len(samples) // 2] *= 1e-4
    samples[len(samples) // 2 :] += np.random.default_rng(0).normal(
        0, 0.2, len(samples) - len(samples) // 2
    )
    path = write(tmp_path, samples, kind)
    assert read_spread(path, N, PASSAGE_S, most_share=0.6) is None


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_what_lies_between_is_not_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, round(8 * DURATION_S * RATE))
    path = write(tmp_path, noise.astype(np.float32), kind)
    n_read, read = 0, Source.read

    def counted(source: Source, n_bytes: int) -> bytes:
        nonlocal n_read
        data = read(source, n_bytes)
        n_read += len(data)
        return data

    monkeypatch.setattr(Source, "read", counted)
    assert read_spread(path, 2, PASSAGE_S, most_share=0.6) is not None
    assert n_read < path.stat().st_size / 2


def test_a_short_track_has_none(tmp_path: Path) -> None:
    path = write(tmp_path, sweep(), "flac")
    assert read_spread(path, N, PASSAGE_S, most_share=0.3) is None
    assert read_spread(path, N, PASSAGE_S, most_share=0.4) is not None


@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr", "flac", "vorbis", "opus", "wav"])
def test_a_file_that_breaks_off_has_none(tmp_path: Path, kind: str) -> None:
    path = truncate(write(tmp_path, sweep(), kind), 0.8)
    assert read_spread(path, N, PASSAGE_S, most_share=0.6) is None


@pytest.mark.parametrize("kind", ["mp3-cbr", "flac", "vorbis"])
def test_a_file_that_goes_on_behind_its_end_has_none(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, sweep(), kind)
    path.write_bytes(path.read_bytes() * 2)
    assert read_spread(path, N, PASSAGE_S, most_share=0.6) is None


@pytest.mark.parametrize("kind", ["mp3-cbr", "flac", "vorbis", "opus"])
def test_damage_in_a_passage_is_noticed(tmp_path: Path, kind: str) -> None:
    path = damage(write(tmp_path, sweep(), kind), 0.55, 0.7)
    assert read_spread(path, N, PASSAGE_S, most_share=0.6) is None


def test_times_that_jump_have_none(tmp_path: Path) -> None:
    """As in a recording of a stream that was cut: packets in between are gone, their times left."""
    path = write(tmp_path, sweep(), "vorbis")
    pages = path.read_bytes().split(b"OggS")
    kept = [page for n, page in enumerate(pages) if n < 8 or n % 3]
    path.write_bytes(b"OggS".join(kept))
    assert read_spread(path, N, PASSAGE_S, most_share=0.6) is None
