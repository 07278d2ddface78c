"""Sound for players: encoded while it is read, in a process that ends with whoever listens."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord, root_hz, write_audio, write_wav

from soundalike.audio import load_audio, probe
from soundalike.audio.playable import STREAMED, browser_type
from soundalike.audio.streaming import stream_audio
from soundalike.errors import (
    AudioError,
    Busy,
    DecoderCrashed,
    InvalidArgument,
    UnreadableFile,
    UnsupportedAudio,
)
from soundalike.workers.transcoders import Transcoders

RATE = 44_100
CODECS = {"mp3": "mp3", "opus": "opus", "flac": "flac"}


def loudest_hz(samples: np.ndarray, sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * sample_rate / len(samples))


@pytest.mark.parametrize("file_format", STREAMED)
@pytest.mark.parametrize(
    ("rate", "channels", "kind"),
    [
        (44_100, 2, "aiff"),
        (8000, 1, "wav"),
        (96_000, 2, "flac"),
        (11_025, 2, "wav"),
        (48_000, 6, "wav"),
        (22_050, 1, "wma"),
    ],
)
def test_what_comes_out_is_the_same_music(
    tmp_path: Path, file_format: str, rate: int, channels: int, kind: str
) -> None:
    path = write_audio(tmp_path / f"in.{kind}", chord(rate, 2.0, channels), rate, kind)
    parts: list[bytes] = []
    stream_audio(path, parts.append, file_format, 0.5)
    out = tmp_path / f"out.{file_format}"
    out.write_bytes(b"".join(parts))
    info = probe(out)
    assert info.codec == CODECS[file_format]
    assert info.channels == (2 if channels == 2 else 1)
    heard = load_audio(out)
    before = load_audio(path, start_s=0.5)
    assert heard.notes == ()
    # MP3 pads its beginning and end by a frame or two.
    assert heard.duration_s == pytest.approx(before.duration_s, abs=0.12)
    assert heard.samples.std() == pytest.approx(before.samples.std(), rel=0.1)
    if channels == 1:
        assert loudest_hz(heard.samples, heard.sample_rate) == pytest.approx(
            loudest_hz(before.samples, before.sample_rate), abs=2
        )


def test_flac_loses_nothing(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "in.aiff", chord(RATE, 1.0, 2), RATE, "aiff")
    parts: list[bytes] = []
    stream_audio(path, parts.append, "flac")
    (tmp_path / "out.flac").write_bytes(b"".join(parts))
    before, after = (load_audio(each, mono=False) for each in (path, tmp_path / "out.flac"))
    assert np.abs(before.samples - after.samples).max() <= 2**-15


def test_each_channel_stays_where_it_is(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "in.aiff", chord(RATE, 1.0, 2), RATE, "aiff")
    parts: list[bytes] = []
    stream_audio(path, parts.append, "mp3")
    (tmp_path / "out.mp3").write_bytes(b"".join(parts))
    left, right = load_audio(tmp_path / "out.mp3", mono=False).samples
    assert loudest_hz(left, RATE) == pytest.approx(root_hz(0), abs=2)
    assert loudest_hz(right, RATE) == pytest.approx(root_hz(1), abs=2)


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.MP3", "mp3", "audio/mpeg"),
        ("a.m4a", "aac", "audio/mp4"),
        ("a.m4a", "alac", None),
        ("a.mp3", "flac", None),  # a name that lies
        ("a.oga", "opus", "audio/ogg"),
        ("a.wav", "pcm_s24le", "audio/wav"),
        ("a.wav", "adpcm_ms", None),
        ("a.wma", "wmav2", None),
        ("a", "mp3", None),
        ("a.mp3", None, None),
    ],
)
def test_what_browsers_play(name: str, codec: str | None, expected: str | None) -> None:
    assert browser_type(name, codec) == expected


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """A file with more sound than a pipe holds."""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 40 * RATE).astype(np.float32)
    return write_wav(tmp_path / "hours.wav", noise, RATE)


def test_a_process_ends_with_whoever_listens(hours: Path) -> None:
    transcoders = Transcoders(1)
    with transcoders.start(hours, "flac") as transcoding:
        assert transcoding.read().startswith(b"fLaC")
        assert transcoders.running == 1
        with pytest.raises(Busy, match="1 files are being converted"):
            transcoders.start(hours, "flac")
        process = transcoding._process
    assert process.returncode is not None
    assert transcoders.running == 0
    with transcoders.start(hours, "mp3", 39.0) as transcoding:
        parts = list(iter(transcoding.read, b""))
    assert process.returncode is not None
    assert 15_000 < sum(map(len, parts)) < 40_000  # a second, and what is around it


def test_what_goes_wrong_is_told_by_its_name(tmp_path: Path, hours: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("no sound")
    transcoders = Transcoders()
    for path, start_s, kind, words in (
        (tmp_path / "none.mp3", 0.0, UnreadableFile, "no such file"),
        (text, 0.0, UnsupportedAudio, "text, not audio"),
        (hours, 77.0, InvalidArgument, "beyond the end"),
    ):
        with transcoders.start(path, "mp3", start_s) as transcoding:
            with pytest.raises((AudioError, InvalidArgument), match=words) as caught:
                transcoding.read()
            assert type(caught.value) is kind
    assert transcoders.running == 0


def test_closing_ends_what_runs_and_starts_nothing_more(hours: Path) -> None:
    transcoders = Transcoders()
    with transcoders.start(hours, "flac") as transcoding:
        transcoding.read()
        failures: list[Exception] = []

        def listen() -> None:
            try:
                while transcoding.read():
                    time.sleep(0.05)
            except DecoderCrashed as error:
                failures.append(error)

        listener = threading.Thread(target=listen)
        listener.start()
        transcoders.close()
        listener.join(20)
        assert len(failures) == 1
    with pytest.raises(Busy, match="the program ends"):
        transcoders.start(hours, "flac")


def test_a_disk_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, hours: Path
) -> None:
    """As for a process that waits for it."""
    monkeypatch.setattr("soundalike.workers.transcoders._BOOT", "import time; time.sleep(600)")
    transcoders = Transcoders(1, most_wait_s=0.5)
    with (
        transcoders.start(hours, "flac") as transcoding,
        pytest.raises(DecoderCrashed, match=r"nothing came of it for 0\.5 s"),
    ):
        transcoding.read()
    assert transcoders.running == 0


@pytest.mark.skipif(os.name != "posix", reason="needs limits of the system")
def test_a_process_has_only_so_much_memory(hours: Path) -> None:
    transcoders = Transcoders(most_memory=1_000_000)
    with (
        transcoders.start(hours, "flac") as transcoding,
        pytest.raises((DecoderCrashed, MemoryError)),
    ):
        transcoding.read()
