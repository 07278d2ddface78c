"""Headers that state something else than what the file holds: the music comes out all the same."""

from __future__ import annotations

import struct
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest
from audio_files import FORMATS, FloatArray, Format, chord, write_audio, write_caf, write_wav
from memory import PEAK_CODE, needs_peaks

from soundalike.audio import load_audio, probe
from soundalike.errors import AudioError, DamagedAudio, InvalidArgument, UnsupportedAudio

RATE = 44_100


def integer_wav(
    path: Path,
    samples: FloatArray,
    width: int,
    valid: int,
    *,
    order: str = "<",
    plain: bool = False,
) -> Path:
    """PCM of some valid bits, left-aligned in wider ones; ``plain`` without the extension."""
    rows = np.atleast_2d(samples)
    n_channels, block = len(rows), len(rows) * width // 8
    whole = np.round(rows.T * (2.0 ** (valid - 1) - 1)).astype("<i8") << (64 - valid)
    data = whole.reshape(-1, 1).view(np.uint8)[:, 8 - width // 8 :]
    fmt = struct.pack(
        "<HHIIHH",
        1 if plain else 0xFFFE,
        n_channels,
        RATE,
        RATE * block,
        block,
        valid if plain else width,
    )
    if not plain:
        guid = uuid.UUID("00000001-0000-0010-8000-00aa00389b71").bytes_le
        fmt += struct.pack("<HHI", 22, valid, (1 << n_channels) - 1) + guid
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", data.size) + data.tobytes()
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def as_w64(wav: Path, path: Path) -> Path:
    """The same format and samples in a W64."""
    data = wav.read_bytes()
    size = struct.unpack("<I", data[16:20])[0]
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    chunks = b""
    for name, body in ((b"fmt ", data[20 : 20 + size]), (b"data", data[28 + size :])):
        chunks += name + tail + struct.pack("<Q", 24 + len(body)) + body + bytes(-len(body) % 8)
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    path.write_bytes(head + struct.pack("<Q", 40 + len(chunks)) + b"wave" + tail + chunks)
    return path


def patch(path: Path, offset: int, data: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)
    return path


# -- fewer bits than their container ---------------------------------------------------------------

WIDTHS = [(32, 24), (32, 20), (32, 16), (24, 20), (24, 16), (16, 14), (16, 12), (16, 8), (24, 8)]


@pytest.mark.parametrize("kind", ["wav", "plain", "w64"])
@pytest.mark.parametrize(("width", "valid"), WIDTHS)
def test_valid_bits_lie_in_a_wider_container(
    tmp_path: Path, width: int, valid: int, kind: str
) -> None:
    source = chord(RATE, 3.0, 2)
    path = integer_wav(
        tmp_path / "piece.wav",
        source,
        width,
        valid,
        plain=kind == "plain",
    )
    if kind == "w64":
        path = as_w64(path, tmp_path / "piece.w64")
    audio = load_audio(path, mono=False)
    assert audio.notes == ()
    assert audio.samples.shape == source.shape
    assert np.abs(audio.samples - source).max() <= 2.0 ** (2 - valid)
    info = probe(path)
    assert (info.duration_s, info.duration_is_stated) == (3.0, True)


def test_a_wav_of_the_other_byte_order_is_not_stored_as_noise(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "piece.wav", chord(RATE, 1.0), RATE)
    patch(path, 0, b"RIFX")
    with pytest.raises(UnsupportedAudio, match="big-endian"):
        load_audio(path)


@pytest.mark.parametrize("packet_bytes", [8, 6, 5])
def test_valid_bits_in_a_caf(tmp_path: Path, packet_bytes: int) -> None:
    source = chord(RATE, 3.0, 2)
    path = write_caf(tmp_path / "piece.caf", source, RATE, [1, 2])
    content = path.read_bytes()
    at = content.index(b"data")
    width = 4 if packet_bytes == 8 else 3
    whole = np.round(source.T * (2.0**23 - 1)).astype(">i4") << (8 * (width - 3))
    data = whole.astype(">i4").reshape(-1, 1).view(np.uint8)[:, 4 - width :].tobytes()
    chunk = b"data" + struct.pack(">q", 4 + len(data)) + bytes(4) + data
    path.write_bytes(content[:at] + chunk)
    # Behind the head of the file and of the chunk, the rate, the codec and its flags.
    patch(path, 8 + 12 + 16, struct.pack(">IIII", packet_bytes, 1, 2, 24))
    audio = load_audio(path, mono=False)
    assert audio.notes == ()
    assert np.abs(audio.samples - source).max() <= 2.0**-22
    assert probe(path).duration_s == 3.0


def test_floats_of_24_bits_in_32_are_still_floats(tmp_path: Path) -> None:
    source = chord(RATE, 1.0)
    path = write_wav(tmp_path / "p.wav", source * 2.0**23, RATE, bits=32, is_float=True)
    # As Cool Edit wrote them: said to be whole numbers of 24 bits, four bytes each.
    patch(path, 20, struct.pack("<H", 1))
    patch(path, 34, struct.pack("<H", 24))
    np.testing.assert_allclose(load_audio(path).samples, source, atol=1e-6)


@pytest.mark.parametrize(("share", "is_damaged"), [(0.05, False), (0.15, True)])
def test_a_file_that_is_largely_no_numbers_is_damaged(
    tmp_path: Path, share: float, is_damaged: bool
) -> None:
    source = chord(RATE, 2.0, 2).astype(np.float64)
    spoilt = np.random.default_rng(0).random(source.shape) < share
    source[spoilt] = np.nan
    path = write_wav(tmp_path / "piece.wav", source, RATE, bits=32, is_float=True)
    if is_damaged:
        with pytest.raises(DamagedAudio, match=f"{spoilt.sum()} of {source.size} samples are NaN"):
            load_audio(path)
    else:
        assert load_audio(path).notes == (f"{spoilt.sum()} non-finite samples replaced by silence",)


# -- more than is stated ---------------------------------------------------------------------------


def test_an_mp3_that_is_longer_than_its_header_states(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.mp3", chord(RATE, 4.0), RATE, "mp3-vbr")
    path.write_bytes(2 * path.read_bytes())
    audio = load_audio(path)
    assert audio.duration_s == pytest.approx(8.0, abs=0.2)
    assert audio.notes[0].startswith("longer than its header states: 8.")


def test_a_wav_that_goes_on_after_what_its_header_states(tmp_path: Path) -> None:
    source = chord(RATE, 6.0)
    path = write_wav(tmp_path / "piece.wav", source, RATE, data_size=2 * 2 * RATE)
    audio = load_audio(path)
    assert len(audio.samples) == 2 * RATE
    assert audio.notes == (
        "the file goes on for about 4.0 s after the 2.0 s that its header states; "
        "they are left out",
    )


def test_chunks_after_the_samples_are_not_taken_for_more(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "piece.wav", chord(RATE, 2.0), RATE)
    path.write_bytes(path.read_bytes() + b"junk" + struct.pack("<I", 1 << 20) + bytes(1 << 20))
    assert load_audio(path).notes == ()


# -- wrong times -----------------------------------------------------------------------------------

PASSAGES = [(5.0, 6.0), (8.25, 8.75), (11.5, None)]
ADPCM = {
    f"{codec}-{container}": Format(container, codec, container, sample_format)
    for codec, sample_format in (("adpcm_ms", "s16"), ("adpcm_ima_wav", "s16p"))
    for container in ("wav", "w64")
}
MP3_IN_WAV = Format("wav", "libmp3lame", "wav", "s16p", 128_000)


def assert_passages_are_slices(path: Path, *, within: float = 0.0) -> None:
    whole = load_audio(path).samples
    rate = probe(path).sample_rate
    for start_s, end_s in PASSAGES:
        part = load_audio(path, start_s=start_s, end_s=end_s).samples
        end = len(whole) if end_s is None else round(end_s * rate)
        expected = whole[round(start_s * rate) : end]
        assert part.shape == expected.shape
        assert np.abs(part - expected).max() <= within


@pytest.mark.parametrize(
    "factor",
    [0.5, 0, pytest.param(2, marks=pytest.mark.slow), pytest.param(0.013, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("kind", ["wav", "w64", *ADPCM])
def test_a_wrong_byte_rate_moves_nothing(tmp_path: Path, kind: str, factor: float) -> None:
    source = chord(RATE, 12.0, 2)
    form = FORMATS.get(kind) or ADPCM[kind]
    path = write_audio(tmp_path / f"piece.{form.suffix}", source, RATE, form)
    content = path.read_bytes()
    offset = content.index(struct.pack("<HI", 2, RATE)) + 6
    byte_rate = struct.unpack("<I", content[offset : offset + 4])[0]
    patch(path, offset, struct.pack("<I", int(byte_rate * factor)))
    audio = load_audio(path, mono=False)
    assert np.corrcoef(audio.samples[0][: source.shape[1]], source[0])[0, 1] > 0.99
    assert audio.notes == ()
    info = probe(path)
    assert info.duration_s == pytest.approx(12.0, abs=0.1)
    assert info.duration_is_stated
    assert_passages_are_slices(path)


@pytest.mark.parametrize("kind", ADPCM)
def test_a_passage_of_adpcm_is_the_exact_slice(tmp_path: Path, kind: str) -> None:
    form = ADPCM[kind]
    # A rate whose bytes a second are no whole number.
    path = write_audio(tmp_path / f"piece.{form.suffix}", chord(11_025, 12.0), 11_025, form)
    assert_passages_are_slices(path)


def test_a_passage_of_mp3_in_a_wav(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.wav", chord(RATE, 12.0), RATE, MP3_IN_WAV)
    assert_passages_are_slices(path, within=1e-4)


def test_a_passage_beyond_the_end_of_a_wav_with_a_wrong_byte_rate(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "piece.wav", chord(RATE, 12.0), RATE)
    patch(path, 28, struct.pack("<I", RATE // 2))
    with pytest.raises(InvalidArgument, match=r"beyond .* lasts 12\.0 s"):
        load_audio(path, start_s=20.0)


@pytest.mark.parametrize("kind", ["alac", "aac-faststart"])
def test_an_mp4_whose_table_of_times_is_wrong(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "piece.m4a", chord(RATE, 12.0, 2), RATE, kind)
    content = path.read_bytes()
    # Entries: how many packets, and how long each of them lasts.
    at = content.index(b"stts") + 16
    duration = struct.unpack(">I", content[at : at + 4])[0]
    patch(path, at, struct.pack(">I", duration // 2))
    assert_passages_are_slices(path, within=1e-4)


def test_a_passage_of_two_files_put_together(tmp_path: Path) -> None:
    first, second = chord(RATE, 4.0), chord(RATE, 9.0)[::-1].copy()
    a = write_audio(tmp_path / "a.flac", first, RATE, "flac")
    b = write_audio(tmp_path / "b.flac", second, RATE, "flac")
    path = tmp_path / "both.flac"
    path.write_bytes(a.read_bytes() + b.read_bytes())
    audio = load_audio(path)
    assert np.abs(audio.samples - np.concatenate([first, second])).max() <= 2**-15
    assert audio.notes == ("longer than its header states: 13.0 s instead of 4.0 s",)
    assert_passages_are_slices(path)


def test_a_caf_whose_packets_are_said_to_last_longer(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "piece.caf", chord(RATE, 12.0, 2), RATE, "caf")
    patch(path, 8 + 12 + 16, struct.pack(">II", 4, 2))
    audio = load_audio(path)
    assert (audio.duration_s, audio.notes) == (12.0, ())
    assert_passages_are_slices(path)


@pytest.mark.parametrize(
    ("channels", "bits"), [(2**32 - 1, 16), (2**31, 24), (2, 2**32 - 1), (2**32 - 1, 2**32 - 1)]
)
def test_a_caf_of_impossible_size_is_refused(tmp_path: Path, channels: int, bits: int) -> None:
    path = write_caf(tmp_path / "piece.caf", chord(RATE, 1.0, 2), RATE, [1, 2])
    patch(path, 8 + 12 + 24, struct.pack(">II", channels, bits))
    with pytest.raises(AudioError):
        load_audio(path)


@pytest.mark.parametrize("bits", [65_535, 65_528, 65_529])
def test_a_wav_of_impossible_width_is_refused(tmp_path: Path, bits: int) -> None:
    path = write_wav(tmp_path / "piece.wav", chord(RATE, 1.0), RATE)
    patch(path, 34, struct.pack("<H", bits))
    with pytest.raises(AudioError):
        load_audio(path)


# Megabytes that opening a file, and reading its tags, added to what the process had.
PEAK = (
    PEAK_CODE
    + """
import sys
from soundalike.audio import probe, read_tags
from soundalike.errors import AudioError
before = peak_bytes()
try: probe(sys.argv[1])
except AudioError: pass
read_tags(sys.argv[1])
print((peak_bytes() - before) // 1_000_000)
"""
)


@needs_peaks
def test_a_tag_in_a_wav_of_absurd_size_takes_no_memory(tmp_path: Path) -> None:
    """In a list that seems to reach far behind the end of the file."""
    path = write_wav(tmp_path / "lie.wav", chord(RATE, 1.0), RATE)
    data = path.read_bytes()
    lie = b"LIST" + struct.pack("<I", 0x80000000) + b"INFOIART" + struct.pack("<I", 0x7F000000)
    path.write_bytes(data[:36] + lie + data[36:])
    found = subprocess.run(
        [sys.executable, "-c", PEAK, path], check=True, capture_output=True, text=True
    )
    assert int(found.stdout) < 200
