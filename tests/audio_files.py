"""Real audio files of every kind, good and bad, made on the spot.

FFmpeg's encoders, through PyAV, make most of them; what they cannot make is put together by hand.
"""

from __future__ import annotations

import io
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}


def chord(sample_rate: int, duration_s: float = 3.0, channels: int = 1) -> FloatArray:
    """Notes that begin every half second, so that no passage is like another.

    Each channel has a root of its own (see :func:`root_hz`). Shape (channels, n_samples), or
    (n_samples,) of one channel; peak 0.5.
    """
    time_s = np.arange(round(sample_rate * duration_s)) / sample_rate
    rng = np.random.default_rng(5)
    steps = rng.permutation(24)
    rows = []
    for channel in range(channels):
        row = 0.4 * np.sin(2 * np.pi * root_hz(channel) * time_s)
        for i, onset_s in enumerate(np.arange(0, duration_s, 0.5)):
            since_s = np.maximum(time_s - onset_s, 0)
            pitch_hz = 700 * 2 ** (steps[i % 24] / 24)
            row += (
                0.3 * (since_s > 0) * np.exp(-since_s * 6) * np.sin(2 * np.pi * pitch_hz * since_s)
            )
        rows.append(row)
    samples = np.array(rows)
    samples *= 0.5 / np.abs(samples).max()
    return (samples if channels > 1 else samples[0]).astype(np.float32)


def root_hz(channel: int) -> float:
    """The loudest frequency of a channel of :func:`chord`."""
    return 200.0 + 50.0 * channel


@dataclass(frozen=True)
class Format:
    """How to write a kind of file, and how close the decoded samples come to the source."""

    suffix: str
    codec: str
    container: str
    sample_format: str | None = None
    bit_rate: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)
    quantum: float | None = None  # largest error of a sample; None where the codec is lossy


FORMATS = {
    "mp3-cbr": Format("mp3", "libmp3lame", "mp3", "fltp", 128_000),
    "mp3-vbr": Format(
        "mp3",
        "libmp3lame",
        "mp3",
        "fltp",
        codec_options={"flags": "+qscale", "global_quality": "590"},
    ),
    # Without the info frame, the duration can only be guessed.
    "mp3-vbr-bare": Format(
        "mp3",
        "libmp3lame",
        "mp3",
        "fltp",
        options={"write_xing": "0"},
        codec_options={"flags": "+qscale", "global_quality": "590"},
    ),
    "aac": Format("m4a", "aac", "ipod", "fltp", 128_000),
    "aac-faststart": Format(
        "m4a", "aac", "ipod", "fltp", 128_000, options={"movflags": "faststart"}
    ),
    "aac-fragmented": Format(
        "mp4", "aac", "mp4", "fltp", 128_000, options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "aac-film": Format("mp4", "aac", "mp4", "fltp", 128_000),
    "aac-adts": Format("aac", "aac", "adts", "fltp", 128_000),
    "alac": Format("m4a", "alac", "ipod", "s16p", quantum=2**-15),
    "flac": Format("flac", "flac", "flac", "s16", quantum=2**-15),
    "flac-24": Format(
        "flac", "flac", "flac", "s32", codec_options={"bits_per_raw_sample": "24"}, quantum=2**-23
    ),
    "flac-ogg": Format("oga", "flac", "ogg", "s16", quantum=2**-15),
    "vorbis": Format("ogg", "vorbis", "ogg", "fltp", codec_options={"strict": "-2"}),
    "opus": Format("opus", "libopus", "opus", "s16", 96_000),
    "wav": Format("wav", "pcm_s16le", "wav", "s16", quantum=2**-15),
    "w64": Format("w64", "pcm_s16le", "w64", "s16", quantum=2**-15),
    "aiff": Format("aiff", "pcm_s16be", "aiff", "s16", quantum=2**-15),
    "aiff-24": Format("aif", "pcm_s24be", "aiff", "s32", quantum=2**-23),
    "caf": Format("caf", "pcm_s16le", "caf", "s16", quantum=2**-15),
    "wma": Format("wma", "wmav2", "asf", "fltp", 128_000),
    "matroska": Format("mka", "flac", "matroska", "s16", quantum=2**-15),
    "webm": Format("webm", "libopus", "webm", "s16", 96_000),
    "wavpack": Format("wv", "wavpack", "wv", "s16p", quantum=2**-15),
    "tta": Format("tta", "tta", "tta", "s16", quantum=2**-15),
    "au": Format("au", "pcm_s16be", "au", "s16", quantum=2**-15),
    "mp2": Format("mp2", "mp2", "mp2", "s16", 192_000),
    "ac3": Format("ac3", "ac3", "ac3", "fltp", 192_000),
}


def write_audio(
    path: Path,
    samples: FloatArray,
    sample_rate: int,
    kind: str | Format,
    *,
    metadata: Mapping[str, str] | None = None,
    film: bool = False,
) -> Path:
    """Encode (n_samples,) or (channels, n_samples); with `film`, moving pictures come first."""
    form = FORMATS[kind] if isinstance(kind, str) else kind
    rows = np.atleast_2d(samples)
    layout = LAYOUTS[len(rows)]
    # The file object keeps FFmpeg away from names that are odd on purpose.
    with (
        open(path, "wb") as file,
        av.open(file, "w", format=form.container, options=dict(form.options)) as container,
    ):
        container.metadata.update(metadata or {})
        pictures = _add_pictures(container) if film else None
        stream = container.add_stream(
            form.codec, rate=sample_rate, layout=layout, options=dict(form.codec_options)
        )
        if form.sample_format is not None:
            stream.format = form.sample_format
        if form.bit_rate is not None:
            stream.bit_rate = form.bit_rate
        if pictures is not None:
            _write_pictures(container, pictures, rows.shape[1] / sample_rate)
        for start in range(0, rows.shape[1], sample_rate):
            packed = rows[:, start : start + sample_rate].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), "flt", layout)
            frame.sample_rate = sample_rate
            frame.pts = start
            frame.time_base = Fraction(1, sample_rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _add_pictures(container: av.container.OutputContainer) -> av.VideoStream:
    stream = container.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    return stream


def _write_pictures(
    container: av.container.OutputContainer, stream: av.VideoStream, duration_s: float
) -> None:
    for i in range(round(10 * duration_s)):
        picture = np.full((48, 64, 3), 20 * (i % 10), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    container.mux(stream.encode(None))


def write_film(path: Path, duration_s: float) -> Path:
    """Moving pictures without sound."""
    with open(path, "wb") as file, av.open(file, "w", format="mp4") as container:
        _write_pictures(container, _add_pictures(container), duration_s)
    return path


def write_wav(
    path: Path,
    samples: NDArray[np.floating],
    sample_rate: int,
    *,
    bits: int = 16,
    is_float: bool = False,
    extensible: bool = False,
    data_size: int | None = None,
) -> Path:
    """A WAV by hand: any width, and any size in its header, true or not."""
    rows = np.atleast_2d(samples)
    n_channels = len(rows)
    interleaved = rows.T.astype(np.float64)
    if is_float:
        data = interleaved.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        data = np.round(interleaved * 128 + 128).clip(0, 255).astype(np.uint8).tobytes()
    else:
        full_scale = 2.0 ** (bits - 1)
        whole = np.round(interleaved * full_scale).clip(-full_scale, full_scale - 1).astype("<i4")
        data = whole.reshape(-1, 1).view(np.uint8)[:, : bits // 8].tobytes()
    block = n_channels * bits // 8
    tag = 3 if is_float else 1
    fmt = struct.pack(
        "<HHIIHH",
        0xFFFE if extensible else tag,
        n_channels,
        sample_rate,
        sample_rate * block,
        block,
        bits,
    )
    if extensible:
        guid = uuid.UUID(f"{tag:08x}-0000-0010-8000-00aa00389b71").bytes_le
        fmt += struct.pack("<HHI", 22, bits, (1 << n_channels) - 1) + guid
    size = len(data) if data_size is None else data_size
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size)
    riff_size = min(len(body) + size, 0xFFFFFFFF)
    path.write_bytes(b"RIFF" + struct.pack("<I", riff_size) + body + data)
    return path


def write_caf(path: Path, samples: FloatArray, sample_rate: int, labels: list[int]) -> Path:
    """A CAF by hand that labels its channels: 1 left, 2 right, 3 centre, in any order."""
    rows = np.atleast_2d(samples)
    block = 2 * len(rows)
    chunks = {
        b"desc": struct.pack(">d4sIIIII", sample_rate, b"lpcm", 0, block, 1, len(rows), 16),
        b"chan": struct.pack(">III", 0, 0, len(rows))
        + b"".join(struct.pack(">II3f", label, 0, 0, 0, 0) for label in labels),
        b"data": bytes(4) + np.round(rows.T * 32767).astype(">i2").tobytes(),
    }
    body = b"".join(name + struct.pack(">q", len(data)) + data for name, data in chunks.items())
    path.write_bytes(b"caff" + struct.pack(">HH", 1, 0) + body)
    return path


def jpeg(size: int = 64) -> bytes:
    """A picture of noise: bytes of every kind."""
    encoder = av.CodecContext.create("mjpeg", "w")
    # The same on any number of cores, by which it would be taken apart.
    encoder.thread_count = 1
    encoder.width = encoder.height = size
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    noise = np.random.default_rng(1).integers(0, 256, (size, size, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(noise).reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in encoder.encode(frame) + encoder.encode(None))


def add_cover(path: Path, picture: bytes) -> Path:
    """Put a cover picture into the tags of an MP3, MP4 or FLAC."""
    if path.suffix == ".mp3":
        tags = mutagen.id3.ID3()
        tags.add(mutagen.id3.APIC(mime="image/jpeg", type=3, data=picture))
        tag = io.BytesIO()
        tags.save(tag)
        prepend(path, tag.getvalue())
    elif path.suffix == ".flac":
        flac = mutagen.flac.FLAC(path)
        cover = mutagen.flac.Picture()
        cover.type, cover.mime, cover.data = 3, "image/jpeg", picture
        flac.add_picture(cover)
        flac.save()
    else:
        mp4 = mutagen.mp4.MP4(path)
        mp4["covr"] = [mutagen.mp4.MP4Cover(picture)]
        mp4.save()
    return path


def prepend(path: Path, data: bytes) -> Path:
    """Put bytes before a file's own."""
    path.write_bytes(data + path.read_bytes())
    return path


def truncate(path: Path, share: float) -> Path:
    """Keep the first share of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damage(path: Path, share_from: float, share_to: float) -> Path:
    """Overwrite a part of a file with noise."""
    data = bytearray(path.read_bytes())
    start, end = int(len(data) * share_from), int(len(data) * share_to)
    data[start:end] = np.random.default_rng(2).bytes(end - start)
    path.write_bytes(data)
    return path


def replace_bytes(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes that occur exactly once, such as the name of an MP4 box."""
    data = path.read_bytes()
    assert data.count(old) == 1, (path, old, data.count(old))
    path.write_bytes(data.replace(old, new))
    return path


def encrypt_asf(path: Path) -> Path:
    """Announce encryption in the header of a WMA."""
    data = path.read_bytes()
    size, n_objects = struct.unpack("<QI", data[16:28])
    guid = uuid.UUID("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E").bytes_le
    entry = guid + struct.pack("<Q", 24 + 16) + bytes(16)
    head = data[:16] + struct.pack("<QI", size + len(entry), n_objects + 1) + data[28:30]
    path.write_bytes(head + entry + data[30:])
    return path
