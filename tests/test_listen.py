"""Sound that is written: formats, loudness, and pairs of passages back to back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.audio import load_audio
from soundalike.audio.loudness import loudness_db
from soundalike.audio.writing import encode, format_of
from soundalike.errors import InvalidArgument, OutputError, UnreadableFile
from soundalike.recommend.listen import (
    FADE_S,
    LONGEST_S,
    SAMPLE_RATE,
    check_sound,
    pair_sound,
    save_sound,
)
from soundalike.similarity.passages import Passage

RATE = 44_100


def sine(hz: float, seconds: float, level: float = 1.0, rate: int = RATE) -> NDArray[np.float32]:
    time_s = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def loudest_hz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)[int(spectrum.argmax())])


# Formats


@pytest.mark.parametrize("file_format", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_written_is_read_again(tmp_path: Path, file_format: str, channels: int) -> None:
    samples = np.stack([sine(440, 1.0, 0.5), sine(1000, 1.0, 0.25)])[:channels]
    path = tmp_path / f"sound.{file_format.upper()}"
    path.write_bytes(encode(samples, RATE, format_of(path)))
    found = load_audio(path, mono=False)
    assert found.sample_rate == RATE
    assert len(found.samples) == channels
    error = np.abs(found.samples[:, : samples.shape[1]] - samples).max()
    assert error < (0.03 if file_format == "mp3" else 4e-5)


def test_sixteen_bits_are_clipped_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(encode(np.array([[0, 1.0], [-1.5, 2.0]]), 8_000, "wav"))
    found = load_audio(path, mono=False).samples
    np.testing.assert_allclose(found, [[0, 1], [-1, 1]], atol=4e-5)


@pytest.mark.parametrize("name", ["pairs.ogg", "pairs", "pairs.png"])
def test_another_suffix_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"use one of \.wav, \.flac, \.mp3"):
        format_of(name)


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    for samples in (np.zeros((3, 9)), np.zeros(0), np.zeros((2, 0))):
        with pytest.raises(InvalidArgument, match="samples have shape"):
            encode(samples, RATE, "wav")
    with pytest.raises(InvalidArgument, match="MP3 cannot hold 12345 Hz"):
        encode(sine(440, 0.5), 12_345, "mp3")
    with pytest.raises(OutputError, match="cannot be written"):
        check_sound(tmp_path / "nowhere" / "pairs.mp3")


# Loudness


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
def test_loudness_is_that_of_the_standard(rate: int) -> None:
    # BS.1770-4: a sine of 997 Hz at full scale in one channel is -3.01.
    assert loudness_db(sine(997, 5.0, rate=rate), rate) == pytest.approx(-3.01, abs=0.01)


@given(st.floats(0.01, 1.0), st.sampled_from([80.0, 997.0, 5000.0]), st.floats(0.2, 0.8))
def test_loudness_follows_the_level(level: float, hz: float, seconds: float) -> None:
    whole = sine(hz, seconds)
    softer = loudness_db(whole, RATE) + 20 * np.log10(level)
    assert loudness_db(level * whole, RATE) == pytest.approx(softer, abs=0.01)
    both = loudness_db(np.stack([whole, whole]), RATE)
    assert both == pytest.approx(loudness_db(whole, RATE) + 3.01, abs=0.01)


def test_bass_is_less_loud_and_silence_not_at_all() -> None:
    assert loudness_db(sine(30, 4.0), RATE) < loudness_db(sine(997, 4.0), RATE) - 5
    assert loudness_db(sine(4000, 4.0), RATE) > loudness_db(sine(997, 4.0), RATE) + 2
    assert loudness_db(np.zeros((2, 500)), RATE) == -np.inf


# Pairs


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A of 40 s that goes up an octave every 10 s, loud and stereo; B of 30 s, soft and mono."""
    a = np.concatenate([sine(220 * 2**n, 10.0, 0.9) for n in range(4)])
    b = np.concatenate([sine(330 * 2**n, 10.0, 0.02, 22_050) for n in range(3)])
    return (
        write_audio(tmp_path / "a.flac", np.stack([a, 0.5 * a]), RATE, "flac"),
        write_audio(tmp_path / "b.flac", b, 22_050, "flac"),
    )


def test_pairs_are_heard_in_their_order(files: tuple[Path, Path]) -> None:
    passages = [Passage(21.0, 25.0, 1.0, 5.0, 0.9), Passage(1.0, 8.0, 12.0, 15.0, 0.8)]
    sound = pair_sound(passages, *files)
    assert sound.samples.shape[0] == 2
    heard = []
    for start_s, length_s in zip(sound.starts_s, (4.0, 3.0), strict=True):
        for begin_s in (start_s, start_s + length_s + 0.35):
            begin = round(begin_s * SAMPLE_RATE)
            piece = sound.samples[:, begin : begin + round(length_s * SAMPLE_RATE)]
            heard.append((round(loudest_hz(piece[0])), loudness_db(piece, SAMPLE_RATE)))
            # It begins and ends softly.
            edge = round(0.1 * FADE_S * SAMPLE_RATE)
            for end in (piece[:, :edge], piece[:, -edge:]):
                assert np.abs(end).max() < 0.05 * np.abs(piece).max()
    assert [hz for hz, _ in heard] == [880, 330, 220, 660]
    levels = [level for _, level in heard]
    assert max(levels) - min(levels) < 0.2
    assert np.abs(sound.samples).max() <= 1.0
    # Between two pairs stand silence, a tone and silence.
    before = round((sound.starts_s[1] - 0.3) * SAMPLE_RATE)
    assert not sound.samples[:, before : before + 100].any()


def test_a_long_passage_is_heard_in_part(files: tuple[Path, Path]) -> None:
    sound = pair_sound([Passage(0.0, 40.0, 0.0, 30.0, 0.9)], *files)
    assert sound.duration_s == pytest.approx(2 * LONGEST_S + 0.35, abs=0.01)


def test_pairs_are_written_as_the_suffix_says(files: tuple[Path, Path], tmp_path: Path) -> None:
    sound = pair_sound([Passage(1.0, 3.0, 1.0, 3.0, 0.9)], *files)
    for name in ("pairs.wav", "pairs.mp3"):
        check_sound(tmp_path / name)
        saved = load_audio(save_sound(sound, tmp_path / name))
        assert saved.duration_s == pytest.approx(sound.duration_s, abs=0.1)


def test_silence_stays_silent(files: tuple[Path, Path], tmp_path: Path) -> None:
    still = write_audio(tmp_path / "still.flac", np.zeros(RATE * 5, np.float32), RATE, "flac")
    sound = pair_sound([Passage(1.0, 3.0, 1.0, 3.0, 0.9)], files[0], still)
    assert np.isfinite(sound.samples).all()
    assert not sound.samples[:, round(2.4 * SAMPLE_RATE) :].any()


def test_pairs_that_cannot_be_heard(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no passages to hear"):
        pair_sound([], *files)
    with pytest.raises(UnreadableFile, match=r"gone\.flac"):
        pair_sound([Passage(0, 5, 0, 5, 0.9)], tmp_path / "gone.flac", files[1])
