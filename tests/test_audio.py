"""The decoder on real files of every kind: the content comes out, or a clear error does."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from audio_files import (
    FORMATS,
    FloatArray,
    add_cover,
    chord,
    damage,
    encrypt_asf,
    jpeg,
    prepend,
    replace_bytes,
    root_hz,
    truncate,
    write_audio,
    write_caf,
    write_film,
    write_wav,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory import PEAK_CODE, needs_peaks

from soundalike.audio import Audio, AudioReader, load_audio, mixing, probe, read_tags
from soundalike.audio import source as source_module
from soundalike.audio.decoder import Decoder
from soundalike.errors import (
    AudioError,
    DamagedAudio,
    InvalidArgument,
    ProtectedAudio,
    UnreadableFile,
    UnsupportedAudio,
)

RATE = 44_100
needs_posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file kinds and names")


def match(decoded: FloatArray, source: FloatArray) -> tuple[float, int]:
    """Correlation of the middle of `decoded` with the source, and how far it comes late."""
    length = min(len(decoded), len(source))
    start, stop = length // 4, length - length // 4
    part = decoded[start:stop].astype(np.float64)
    size = len(source) + len(part)
    spectrum = np.fft.rfft(source, size) * np.conj(np.fft.rfft(part, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(source) - len(part) + 1]))
    return float(np.corrcoef(part, source[at : at + len(part)])[0, 1]), start - at


def peak_hz(samples: FloatArray, sample_rate: int) -> float:
    """The loudest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * sample_rate / len(samples))


def error_of(path: object) -> AudioError:
    """The error that decoding raises, which must name the file."""
    with pytest.raises(AudioError) as caught:
        load_audio(path)  # type: ignore[arg-type]
    assert caught.value.reason
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value


# -- what people have ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_back_what_was_encoded(tmp_path: Path, kind: str) -> None:
    form = FORMATS[kind]
    rate = 48_000 if form.codec == "libopus" else RATE
    source = chord(rate, 3.0, channels=2)
    path = write_audio(tmp_path / f"piece.{form.suffix}", source, rate, kind)
    audio, info = load_audio(path), probe(path)
    mixed = source.mean(axis=0)
    assert audio.samples.dtype == np.float32
    assert (audio.sample_rate, audio.notes) == (rate, ())
    assert (info.path, info.sample_rate, info.channels) == (path, rate, 2)
    assert info.codec == form.codec.removeprefix("lib").replace("mp3lame", "mp3")
    if form.quantum is None:
        correlation, late = match(audio.samples, mixed)
        assert correlation > 0.96
        assert abs(late) <= 2048
        assert audio.duration_s == pytest.approx(3.0, abs=0.05)
    else:
        assert len(audio.samples) == len(mixed)
        assert np.abs(audio.samples - mixed).max() <= form.quantum
    if kind not in ("mp3-vbr-bare", "aac-adts"):
        assert info.duration_s == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("kind", ["flac", "flac-24"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 88_200, 96_000, 192_000])
def test_flac_at_every_width_and_rate(tmp_path: Path, kind: str, rate: int) -> None:
    source = chord(rate, 1.0)
    audio = load_audio(write_audio(tmp_path / "piece.flac", source, rate, kind))
    assert audio.sample_rate == rate
    assert np.abs(audio.samples - source).max() <= (FORMATS[kind].quantum or 0)


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    ("bits", "is_float"),
    [(8, False), (16, False), (24, False), (32, False), (32, True), (64, True)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_of_every_width(
    tmp_path: Path, bits: int, is_float: bool, extensible: bool, channels: int
) -> None:
    source = chord(RATE, 1.0, channels)
    path = write_wav(
        tmp_path / "piece.wav", source, RATE, bits=bits, is_float=is_float, extensible=extensible
    )
    audio = load_audio(path)
    assert audio.notes == ()
    error = np.abs(audio.samples - np.atleast_2d(source).mean(axis=0)).max()
    assert error <= (1e-7 if is_float or bits == 32 else 2.0 ** (1 - bits))


@pytest.mark.parametrize(
    ("kind", "channels"), [("wav", 6), ("flac", 6), ("aac", 6), ("aac", 1), ("aac", 8), ("flac", 8)]
)
def test_all_channels_come_out_and_mono_is_their_mean(
    tmp_path: Path, kind: str, channels: int
) -> None:
    source = chord(RATE, 2.0, channels)
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", source, RATE, kind)
    every = load_audio(path, mono=False)
    assert every.samples.shape[0] == probe(path).channels == channels
    heard = [peak_hz(row, RATE) for row in every.samples]
    expected = [root_hz(c) for c in range(channels)]
    if kind == "aac" and channels > 2:
        del heard[3], expected[3]  # of the low-frequency channel, AAC keeps the lowest only
    assert heard == pytest.approx(expected, abs=1)
    mono = load_audio(path).samples
    assert np.abs(mono - every.samples.mean(axis=0)).max() < 1e-6


@pytest.mark.parametrize("labels", [[2, 1], [1, 1], [3, 1, 2]])
def test_an_order_of_channels_of_its_own_is_survived(tmp_path: Path, labels: list[int]) -> None:
    source = chord(RATE, 1.0, channels=3)[: len(labels)]
    path = write_caf(tmp_path / "piece.caf", source, RATE, labels)
    assert np.abs(load_audio(path).samples - source.mean(axis=0)).max() < 1e-4
    assert np.abs(load_audio(path, mono=False).samples - source).max() < 1e-4


@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr", "mp3-vbr-bare"])
@pytest.mark.parametrize("size", [300, 2100])
def test_mp3_with_a_picture_before_the_sound(tmp_path: Path, kind: str, size: int) -> None:
    source = chord(RATE, 3.0)
    path = write_audio(tmp_path / "piece.mp3", source, RATE, kind)
    plain = load_audio(path)
    picture = jpeg(size)
    if size > 1000:
        assert len(picture) > 1 << 20  # no sound within what FFmpeg probes
    add_cover(path, picture)
    audio = load_audio(path)
    assert audio.notes == ()
    np.testing.assert_array_equal(audio.samples, plain.samples)


@pytest.mark.parametrize(
    "garbage",
    [bytes(5000), b"<html>not found</html>\n" * 100, np.random.default_rng(3).bytes(20_000)],
    ids=["zeros", "text", "noise"],
)
@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr"])
def test_mp3_with_garbage_before_the_first_frame(tmp_path: Path, kind: str, garbage: bytes) -> None:
    source = chord(RATE, 3.0)
    path = write_audio(tmp_path / "piece.mp3", source, RATE, kind)
    audio = load_audio(prepend(path, garbage))
    correlation, _ = match(audio.samples, source)
    assert correlation > 0.99
    assert audio.duration_s == pytest.approx(3.0, abs=0.1)
    assert not any("truncated" in note for note in audio.notes)


@pytest.mark.parametrize("kind", ["aac", "alac", "flac", "mp3-cbr"])
def test_a_cover_does_not_disturb(tmp_path: Path, kind: str) -> None:
    source = chord(RATE, 2.0)
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", source, RATE, kind)
    add_cover(path, jpeg())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert match(load_audio(path).samples, source)[0] > 0.999


@pytest.mark.parametrize("kind", ["aac-film", "matroska"])
def test_pictures_as_the_first_stream(tmp_path: Path, kind: str) -> None:
    source = chord(RATE, 2.0)
    path = write_audio(tmp_path / f"film.{FORMATS[kind].suffix}", source, RATE, kind, film=True)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    audio = load_audio(path)
    assert match(audio.samples, source)[0] > 0.999
    assert audio.notes == ()


def test_a_file_whose_rate_and_channels_change_midway(tmp_path: Path) -> None:
    first, second = chord(44_100, 2.0, 2), chord(22_050, 2.0)
    a = write_audio(tmp_path / "a.mp3", first, 44_100, "mp3-vbr-bare")
    b = write_audio(tmp_path / "b.mp3", second, 22_050, "mp3-vbr-bare")
    path = tmp_path / "both.mp3"
    path.write_bytes(a.read_bytes() + b.read_bytes())
    with Decoder(path) as decoder:
        decoded = [(rate, len(block)) for rate, block in decoder.blocks(mono=True)]
    assert {rate for rate, _ in decoded} == {44_100, 22_050}
    n_expected = sum(n_samples * 44_100 // rate for rate, n_samples in decoded)
    for audio in (load_audio(path), load_audio(path, mono=False)):
        assert audio.sample_rate == 44_100
        assert audio.duration_s == pytest.approx(4.0, abs=0.2)
        assert audio.samples.shape[-1] == pytest.approx(n_expected, abs=4)
        half = audio.samples.shape[-1] // 2
        for row in np.atleast_2d(audio.samples):
            assert peak_hz(row[half + 8000 :], 44_100) == pytest.approx(root_hz(0), abs=2)
    assert load_audio(path, mono=False).samples.shape[0] == 2


def test_ogg_files_one_after_the_other_are_one_track(tmp_path: Path) -> None:
    first, second = chord(RATE, 2.0, 2), chord(RATE, 2.0, 2)[::-1, ::-1].copy()
    a = write_audio(tmp_path / "a.ogg", first, RATE, "vorbis")
    b = write_audio(tmp_path / "b.ogg", second, RATE, "vorbis")
    path = tmp_path / "both.ogg"
    path.write_bytes(a.read_bytes() + b.read_bytes())
    audio = load_audio(path)
    assert audio.duration_s == pytest.approx(4.0, abs=0.1)
    assert match(audio.samples[2 * RATE + 5000 :], second.mean(axis=0))[0] > 0.96
    assert audio.notes == ()


def test_a_second_ogg_that_ffmpeg_cannot_follow_is_noted(tmp_path: Path) -> None:
    a = write_audio(tmp_path / "a.ogg", chord(44_100, 2.0, 2), 44_100, "vorbis")
    b = write_audio(tmp_path / "b.ogg", chord(48_000, 2.0, 2), 48_000, "vorbis")
    path = tmp_path / "both.ogg"
    path.write_bytes(a.read_bytes() + b.read_bytes())
    audio = load_audio(path)
    assert audio.duration_s == pytest.approx(2.0, abs=0.1)
    assert len(audio.notes) == 1
    assert audio.notes[0].startswith("breaks off after 2.0 s: ")


# -- blocks, rates, passages -----------------------------------------------------------------------


def test_the_reader_hands_out_bounded_blocks_that_make_up_the_track(tmp_path: Path) -> None:
    source = chord(RATE, 6.0)
    path = write_audio(tmp_path / "piece.flac", source, RATE, "flac")
    with AudioReader(path) as reader:
        assert reader.sample_rate == RATE
        blocks = []
        for block in reader:
            blocks.append(block)
            assert reader.duration_s == pytest.approx(sum(map(len, blocks)) / RATE)
        assert reader.notes == []
        with pytest.raises(RuntimeError, match="once"):
            next(iter(reader))
    assert len(blocks) > 1
    assert max(map(len, blocks)) < 100_000
    np.testing.assert_array_equal(np.concatenate(blocks), load_audio(path).samples)


@pytest.mark.parametrize("mono", [True, False])
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_resampling_keeps_pitch_length_and_content(tmp_path: Path, rate: int, mono: bool) -> None:
    path = write_audio(tmp_path / "piece.flac", chord(RATE, 3.0, 2), RATE, "flac")
    audio = load_audio(path, sample_rate=rate, mono=mono)
    assert audio.sample_rate == rate
    assert audio.samples.shape[-1] == pytest.approx(3 * rate, abs=4)
    expected = chord(rate, 3.0, 2)
    rows = [expected.mean(axis=0)] if mono else list(expected)
    for row, source in zip(np.atleast_2d(audio.samples), rows, strict=True):
        correlation, late = match(row, source)
        assert correlation > 0.999
        assert abs(late) <= 2


@pytest.mark.parametrize("rate", [0, -1, 999, 22_050.5, 10_000_000])
def test_a_rate_that_is_none(tmp_path: Path, rate: int) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 1.0), RATE, "wav")
    with pytest.raises(InvalidArgument, match=str(rate)):
        load_audio(path, sample_rate=rate)


LOSSLESS = ["wav", "flac", "flac-ogg", "alac", "aiff", "caf", "w64", "matroska", "wavpack", "tta"]
PASSAGES = [(0.0, 1.0), (0.3, 0.9), (1.234, 1.235), (2.5, 3.25), (4.9, 5.5), (5.999, None)]


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_passage_is_the_exact_slice_of_the_track(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(RATE, 6.0, 2), RATE, kind)
    whole = load_audio(path).samples
    for start_s, end_s in PASSAGES:
        part = load_audio(path, start_s=start_s, end_s=end_s)
        end = len(whole) if end_s is None else round(end_s * RATE)
        np.testing.assert_array_equal(part.samples, whole[round(start_s * RATE) : end])
        assert part.notes == ()


@pytest.mark.parametrize("kind", [k for k, form in FORMATS.items() if form.quantum is None])
def test_a_passage_of_a_lossy_track_is_nearly_the_slice(tmp_path: Path, kind: str) -> None:
    rate = 48_000 if FORMATS[kind].codec == "libopus" else RATE
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(rate, 6.0, 2), rate, kind)
    whole = load_audio(path).samples
    for start_s, end_s in [(0.3, 0.9), (2.5, 3.25), (4.9, 5.5)]:
        part = load_audio(path, start_s=start_s, end_s=end_s)
        expected = whole[round(start_s * rate) : round(end_s * rate)]
        assert part.samples.shape == expected.shape
        assert np.abs(part.samples - expected).max() < 1e-4
        assert part.notes == ()


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(start=st.integers(0, 264_599), length=st.integers(1, 264_600))
@pytest.mark.parametrize("kind", ["flac", "mp3-cbr", "alac"])
def test_any_passage_is_the_slice(
    tmp_path_factory: pytest.TempPathFactory, kind: str, start: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-passage.{kind}.{FORMATS[kind].suffix}"
    if not path.exists():
        write_audio(path, chord(RATE, 6.0), RATE, kind)
    whole = load_audio(path).samples
    part = load_audio(path, start_s=start / RATE, end_s=(start + length) / RATE).samples
    assert part.shape == whole[start : start + length].shape
    assert np.abs(part - whole[start : start + length]).max() < 1e-4


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-1.0, None), (float("nan"), None), (float("inf"), None), (2.0, 2.0), (2.0, 1.0), (0.0, -3.0)],
)
def test_times_that_are_no_passage(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 3.0), RATE, "wav")
    with pytest.raises(InvalidArgument, match=r"lasts 3\.0 s") as caught:
        AudioReader(path, start_s=start_s, end_s=end_s)
    assert str(start_s if end_s is None else end_s) in str(caught.value)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3-cbr", "mp3-vbr-bare", "vorbis", "aac", "wma"])
@pytest.mark.parametrize("start_s", [3.5, 70.0])
def test_a_start_beyond_the_end(tmp_path: Path, kind: str, start_s: float) -> None:
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(RATE, 3.0, 2), RATE, kind)
    with pytest.raises(InvalidArgument, match=rf"start_s {start_s} is beyond .* lasts 3\.0 s"):
        load_audio(path, start_s=start_s)


def test_an_end_beyond_the_end_is_said(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.flac", chord(RATE, 3.0), RATE, "flac")
    audio = load_audio(path, start_s=2.0, end_s=9.0)
    assert len(audio.samples) == RATE
    assert audio.notes == ("the track ends at 3.0 s, before end_s",)


# -- long and short --------------------------------------------------------------------------------


LONG = (
    PEAK_CODE
    + """
import sys
from soundalike.audio import AudioReader
with AudioReader(sys.argv[1]) as reader:
    next(iter(reader))
before = peak_bytes()
with AudioReader(sys.argv[1]) as reader:
    n_samples = sum(len(block) for block in reader)
    assert reader.notes == [], reader.notes
print(n_samples, peak_bytes() - before)
"""
)


@needs_peaks
@pytest.mark.slow
def test_three_hours_take_bounded_memory(tmp_path: Path) -> None:
    rate, n_seconds = 8_000, 3 * 3600
    path = tmp_path / "long.flac"
    # A chirp of a second, over and over.
    samples = np.tile(chord(rate, 1.0), n_seconds)
    write_audio(path, samples, rate, "flac")
    del samples
    result = subprocess.run(
        [sys.executable, "-c", LONG, str(path)], capture_output=True, text=True, check=True
    )
    n_samples, grown = map(int, result.stdout.split())
    assert n_samples == rate * n_seconds
    assert grown < 16_000_000  # decoded, it is 346 MB
    part = load_audio(path, start_s=n_seconds - 1.0)
    assert np.abs(part.samples - chord(rate, 1.0)).max() < 2**-15


@pytest.mark.parametrize("kind", ["wav", "mp3-cbr", "vorbis", "aac", "opus"])
@pytest.mark.parametrize("duration_s", [0.1, 1.0])
def test_short_tracks(tmp_path: Path, kind: str, duration_s: float) -> None:
    rate = 48_000 if kind == "opus" else RATE
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(rate, duration_s, 2), rate, kind)
    audio = load_audio(path)
    assert audio.duration_s == pytest.approx(duration_s, abs=0.05)
    assert audio.notes == ()


# -- damage ----------------------------------------------------------------------------------------


TRUNCATED = [
    "mp3-cbr",
    "mp3-vbr",
    "aac-faststart",
    "flac",
    "flac-24",
    "flac-ogg",
    "vorbis",
    "opus",
    "wav",
    "aiff",
    "caf",
    "wma",
    "matroska",
    "wavpack",
    "tta",
]


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[FloatArray, Path]]:
    """Twelve seconds and the file of a kind that holds them, encoded once."""

    @functools.cache
    def encoded(kind: str) -> tuple[FloatArray, Path]:
        rate = 48_000 if kind == "opus" else RATE
        source = chord(rate, 12.0, 2)
        path = tmp_path_factory.mktemp("long") / f"piece.{FORMATS[kind].suffix}"
        return source.mean(axis=0), write_audio(path, source, rate, kind)

    return encoded


@pytest.mark.parametrize("share", [pytest.param(0.3, marks=pytest.mark.slow), 0.72])
@pytest.mark.parametrize("kind", TRUNCATED)
def test_a_truncated_file_is_decoded_as_far_as_it_goes(
    long_file: Callable[[str], tuple[FloatArray, Path]], tmp_path: Path, kind: str, share: float
) -> None:
    source, whole = long_file(kind)
    audio = load_audio(truncate(Path(shutil.copy(whole, tmp_path)), share))
    assert 12 * share - 2.2 < audio.duration_s < 12 * share + 1
    assert match(audio.samples, source)[0] > 0.96
    assert len(audio.notes) == 1
    note = audio.notes[0]
    assert note.startswith("truncated: ")
    assert f"{audio.duration_s:.1f} s" in note
    if FORMATS[kind].container not in ("ogg", "opus"):
        assert " of 12." in note


@pytest.mark.parametrize("kind", ["vorbis", "flac-ogg"])
def test_an_ogg_that_ends_between_two_pages(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "piece.ogg", chord(RATE, 12.0, 2), RATE, kind)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS")])
    audio = load_audio(path)
    assert audio.notes == (f"truncated: it breaks off after {audio.duration_s:.1f} s",)


def test_an_mp4_that_ends_before_its_index(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.m4a", chord(RATE, 3.0), RATE, "aac")
    error = error_of(truncate(path, 0.6))
    assert isinstance(error, DamagedAudio)
    assert "truncated: the index" in error.reason


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0])
def test_a_wav_from_a_pipe_states_no_length(tmp_path: Path, size: int) -> None:
    source = chord(RATE, 3.0)
    path = write_wav(tmp_path / "piece.wav", source, RATE, data_size=size)
    audio = load_audio(path)
    assert audio.notes == ()
    assert np.abs(audio.samples - source).max() <= 2**-15


@pytest.mark.parametrize("kind", ["mp3-cbr", "flac", "aac", "vorbis", "alac", "wma"])
def test_damage_in_the_middle_is_skipped_and_noted(tmp_path: Path, kind: str) -> None:
    source = chord(RATE, 6.0, 2)
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", source, RATE, kind)
    audio = load_audio(damage(path, 0.45, 0.55))
    assert np.isfinite(audio.samples).all()
    assert any("damaged" in note for note in audio.notes), audio.notes
    mixed = source.mean(axis=0)
    assert match(audio.samples[: 2 * RATE], mixed)[0] > 0.96
    # What is left out moves the rest forward.
    assert match(audio.samples[-2 * RATE :], mixed)[0] > 0.96


def test_nothing_is_printed_about_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_audio(tmp_path / "piece.mp3", chord(RATE, 3.0), RATE, "mp3-cbr")
    load_audio(damage(path, 0.4, 0.6))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["mp3-cbr", "flac", "aac-faststart", "vorbis", "wma", "wavpack"])
def test_a_header_without_sound_is_damaged(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(RATE, 3.0, 2), RATE, kind)
    if kind == "mp3-cbr":
        path.write_bytes(path.read_bytes()[:40])
        add_cover(path, jpeg())
    else:
        damage(path, 0.25, 1.0)
        truncate(path, 0.28)
    with contextlib.suppress(DamagedAudio):
        audio = load_audio(path)
        assert audio.duration_s < 1.5
        assert audio.notes


def test_a_wav_without_samples_is_damaged(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "piece.wav", np.zeros(0), RATE)
    assert isinstance(error_of(path), DamagedAudio)


def test_nan_infinite_and_absurd_samples_become_silence(tmp_path: Path) -> None:
    source = chord(RATE, 2.0, 2).astype(np.float64)
    spoilt = source.copy()
    spoilt[0, 1000], spoilt[1, 50_000], spoilt[0, 50_001] = np.nan, np.inf, -np.inf
    spoilt[1, 70_000:70_003] = 1e30, -1e300, 3e38
    path = write_wav(tmp_path / "piece.wav", spoilt, RATE, bits=64, is_float=True)
    audio = load_audio(path)
    expected = np.where(np.abs(np.nan_to_num(spoilt)) < 1, np.nan_to_num(spoilt), 0).mean(axis=0)
    assert np.abs(audio.samples - expected).max() < 1e-6
    assert audio.notes == ("6 non-finite samples replaced by silence",)


@pytest.mark.parametrize("peak", [4.0, 32_768.0])
def test_floats_above_full_scale_are_kept(tmp_path: Path, peak: float) -> None:
    source = chord(RATE, 1.0) * np.float32(2 * peak)
    path = write_wav(tmp_path / "piece.wav", source, RATE, bits=32, is_float=True)
    audio = load_audio(path)
    assert audio.notes == ()
    np.testing.assert_array_equal(audio.samples, source)


def test_silence_decodes_to_silence(tmp_path: Path) -> None:
    audio = load_audio(write_audio(tmp_path / "s.flac", np.zeros(RATE, np.float32), RATE, "flac"))
    assert not audio.samples.any()
    assert (len(audio.samples), audio.notes) == (RATE, ())


# -- what is no audio ------------------------------------------------------------------------------


def test_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp3"
    path.touch()
    error = error_of(path)
    assert isinstance(error, UnsupportedAudio)
    assert error.reason == "the file is empty"


SUBTITLES = "1\n00:00:01,000 --> 00:00:04,000\nA line that is spoken.\n\n" * 40
TEXTS = {
    "words": "All work and no play makes Jack a dull boy.\n" * 500,
    "unicode": "Weiße Rößlein äsen für Überraschungen\n" * 100,
    "html": "<!DOCTYPE html><html><body>404</body></html>\n" * 20,
    "subtitles": SUBTITLES,
    "webvtt": "WEBVTT\n\n00:01.000 --> 00:04.000\nA line.\n",
    "lyrics": "[00:12.00]A line that is sung\n[00:17.20]And another\n" * 20,
    "ansi": "\x1b[31mred\x1b[0m and \x1b[32mgreen\x1b[0m\n" * 50,
    "cue": 'FILE "piece.wav" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "ffmetadata": ";FFMETADATA1\ntitle=Piece\n",
}


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "ogg", "wav", "aac", "txt"])
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_no_audio(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"text.{suffix}"
    path.write_text(TEXTS[text], encoding="utf-8")
    error = error_of(path)
    assert isinstance(error, UnsupportedAudio)
    if text != "ansi":
        assert error.reason == "text, not audio"


@pytest.mark.parametrize("suffix", ["mp3", "jpg", "m4a"])
def test_a_picture_is_no_audio(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    path.write_bytes(jpeg(300))
    assert isinstance(error_of(path), UnsupportedAudio)


def test_a_film_without_sound(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 1.0)
    error = error_of(path)
    assert isinstance(error, UnsupportedAudio)
    assert error.reason == "holds no audio stream"


SUFFIXES = ["mp3", "aac", "flac", "ogg", "wav", "m4a", "wma", "aiff", "ac3", "mpc", "dts", "bin"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_never_taken_for_music(tmp_path: Path, suffix: str, seed: int) -> None:
    path = tmp_path / f"noise.{suffix}"
    path.write_bytes(np.random.default_rng(seed).bytes(300_000))
    assert isinstance(error_of(path), UnsupportedAudio | DamagedAudio)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("kind", ["mp3-vbr", "aac", "flac", "vorbis", "wav", "wma", "aiff", "caf"])
def test_files_with_flipped_bytes_never_crash(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    base = tmp_path_factory.getbasetemp() / f"flip.{kind}"
    if not base.exists():
        write_audio(base, chord(RATE, 0.5, 2), RATE, kind)
    content = bytearray(base.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content), 700) - 1))] = data.draw(
            st.integers(0, 255)
        )
    path = base.with_name(f"flipped.{FORMATS[kind].suffix}")
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    with contextlib.suppress(AudioError):
        assert np.isfinite(load_audio(path).samples).all()


def test_a_decoder_that_does_not_open(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.caf", chord(RATE, 1.0, 2), RATE, "caf")
    content = bytearray(path.read_bytes())
    content[44] = 1  # so many channels that no decoder takes them
    path.write_bytes(content)
    assert isinstance(error_of(path), DamagedAudio)


# -- faults of the decoder's library ---------------------------------------------------------------


class Moved:
    """A container whose ``demux`` wants other arguments than ours."""

    def __init__(self, container: object) -> None:
        self._container = container

    def demux(self) -> None:
        raise AssertionError("never called as it wants to be")

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)


@pytest.mark.parametrize("kind", ["matroska", "mp3-cbr", "aac"])
@pytest.mark.parametrize(
    ("read", "moved"),
    [
        (probe, "open"),
        (load_audio, "open"),
        (read_tags, "open"),
        (probe, "demux"),
        (load_audio, "demux"),
        (load_audio, "plane"),
    ],
)
def test_a_fault_of_the_library_is_not_blamed_on_the_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    read: Callable[[Path], object],
    moved: str,
) -> None:
    path = write_audio(tmp_path / f"piece.{FORMATS[kind].suffix}", chord(RATE, 1.0), RATE, kind)
    av_open = av.open
    if moved == "open":
        monkeypatch.setattr(av, "open", lambda source: None)
    elif moved == "demux":
        monkeypatch.setattr(av, "open", lambda *given, **named: Moved(av_open(*given, **named)))
    else:
        monkeypatch.setattr(mixing, "_array", lambda plane: None)
    with pytest.raises(TypeError, match="argument"):
        read(path)


# -- what may not be read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{target}'\n",
        "{target}\n",
    ],
    ids=["hls", "concat", "bare"],
)
@pytest.mark.parametrize("suffix", ["m3u8", "mp3", "txt"])
def test_a_playlist_opens_neither_files_nor_addresses(
    tmp_path: Path, playlist: str, suffix: str
) -> None:
    wav = write_audio(tmp_path / "piece.wav", chord(RATE, 1.0), RATE, "wav")
    path = tmp_path / f"list.{suffix}"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/piece.wav"
        for target in (str(wav), "piece.wav", address):
            path.write_text(playlist.format(target=target))
            assert isinstance(error_of(path), UnsupportedAudio)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "name", ["http:piece.wav", "concat:a|b.wav", "-", "pipe:0", "%03d.wav", "a b"]
)
@needs_posix
def test_names_are_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = chord(RATE, 1.0)
    write_audio(Path(name), source, RATE, "wav")
    assert np.abs(load_audio(name).samples - source).max() <= 2**-15


@pytest.mark.skipif(sys.platform != "linux", reason="a file system that takes any bytes as a name")
@pytest.mark.parametrize(
    "name", [b"\xe4\xf6\xfc.flac", b"\xff\xfe\xed\xa0\x80.flac", b"new\nline.flac"]
)
def test_names_in_any_encoding(tmp_path: Path, name: bytes) -> None:
    source = chord(RATE, 1.0)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    write_audio(path, source, RATE, "flac")
    assert np.abs(load_audio(path).samples - source).max() <= 2**-15
    truncate(path, 0.0)
    str(error_of(path)).encode("utf-8")


@pytest.mark.parametrize("kind", ["drms", "enca", "aavd"])
def test_an_encrypted_mp4(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "piece.m4a", chord(RATE, 2.0), RATE, "aac")
    error = error_of(replace_bytes(path, b"mp4a\0\0\0\0\0\0", kind.encode() + bytes(6)))
    assert isinstance(error, ProtectedAudio)
    assert "encrypted" in error.reason


def test_an_encrypted_wma(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.wma", chord(RATE, 2.0), RATE, "wma")
    assert isinstance(error_of(encrypt_asf(path)), ProtectedAudio)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    missing = error_of(tmp_path / "none.mp3")
    assert isinstance(missing, UnreadableFile)
    assert missing.reason == os.strerror(errno.ENOENT).lower()
    folder = error_of(tmp_path)
    assert isinstance(folder, UnreadableFile)
    assert "folder" in folder.reason
    assert isinstance(error_of("nul\0.mp3"), UnreadableFile)


@needs_posix
def test_a_broken_link_names_its_target(tmp_path: Path) -> None:
    path = tmp_path / "link.mp3"
    path.symlink_to(tmp_path / "gone.mp3")
    error = error_of(path)
    assert isinstance(error, UnreadableFile)
    assert "broken link" in error.reason
    assert "gone.mp3" in error.reason


@needs_posix
def test_pipes_and_devices_do_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp3"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero", "/dev/null"):
        error = error_of(path)
        assert isinstance(error, UnreadableFile)
        assert "not a regular file" in error.reason


@contextlib.contextmanager
def no_longer_root() -> Iterator[None]:
    """Root reads everything: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@needs_posix
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 1.0), RATE, "wav")
    load_audio(path)
    path.chmod(0)
    with no_longer_root():
        error = error_of(path)
    assert isinstance(error, UnreadableFile)
    assert error.reason == os.strerror(errno.EACCES).lower()


# -- files that do not stay ------------------------------------------------------------------------


def _shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(bytes(1000))


def _overwrite(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))


def _replace(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    other.replace(path)


@pytest.mark.skipif(os.name != "posix", reason="Windows locks files that are being read")
@pytest.mark.parametrize("kind", ["wav", "mp3-cbr", "flac"])
@pytest.mark.parametrize("change", [_shorten, _grow, _overwrite, _replace, Path.unlink])
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, kind: str, change: Callable[[Path], None]
) -> None:
    path = tmp_path / f"piece.{FORMATS[kind].suffix}"
    write_audio(path, chord(RATE, 6.0), RATE, kind)
    word = "vanished" if change is Path.unlink else "changed"
    with AudioReader(path) as reader:
        blocks = iter(reader)
        next(blocks)
        change(path)
        with pytest.raises(UnreadableFile, match=word):
            list(blocks)


@needs_posix
def test_a_disk_that_fails_midway(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 30.0), RATE, "wav")
    with AudioReader(path) as reader:
        blocks = iter(reader)
        next(blocks)
        # From now on, reading from the file's descriptor is an error.
        with open(tmp_path / "other", "wb") as other:
            os.dup2(other.fileno(), reader._decoder._source._file.fileno())
        with pytest.raises(UnreadableFile, match="could not be read to the end"):
            list(blocks)


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    good = write_audio(tmp_path / "piece.mp3", chord(RATE, 1.0), RATE, "mp3-cbr")
    bad = tmp_path / "text.mp3"
    bad.write_text(TEXTS["words"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        load_audio(good)
        probe(good)
        error_of(bad)
        with contextlib.suppress(InvalidArgument):
            load_audio(good, start_s=-1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_whoever_reads_can_tell_that_bytes_still_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 20.0), RATE, "wav")
    called: list[int] = []
    monkeypatch.setattr(source_module, "on_progress", lambda: called.append(len(called)))
    with AudioReader(path) as reader:
        blocks = iter(reader)
        next(blocks)
        n_before = len(called)
        list(blocks)
    assert 0 < n_before < len(called)
    with source_module.Source(path) as opened:
        opened.seek(0, os.SEEK_END)
        n_before = len(called)
        assert opened.read(10) == b""
        assert len(called) == n_before


def test_results_are_values(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 1.0), RATE, "wav")
    assert probe(path) == probe(path)
    assert pickle.loads(pickle.dumps(probe(path))) == probe(path)
    assert isinstance(load_audio(path), Audio)
