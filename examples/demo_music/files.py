"""From samples to a tagged audio file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import mutagen
import numpy as np

from demo_music.score import Score
from demo_music.synthesis import SAMPLE_RATE, Samples


@dataclass(frozen=True)
class Format:
    """A way to store audio.

    Parameters
    ----------
    suffix : of the file name, with the dot.
    codec : FFmpeg's name of the encoder.
    sample_format : that the encoder takes.
    sample_rate : of the file, in Hz; Opus knows only a few rates.
    bit_rate : in bits a second; 0 for lossless.
    options : of the encoder, chosen for speed.
    """

    suffix: str
    codec: str
    sample_format: str
    sample_rate: int = SAMPLE_RATE
    bit_rate: int = 0
    options: tuple[tuple[str, str], ...] = ()


FORMATS = (
    Format(".mp3", "libmp3lame", "fltp", bit_rate=128_000, options=(("compression_level", "9"),)),
    Format(".flac", "flac", "s16"),
    # FFmpeg's own Vorbis encoder calls itself experimental and wants that acknowledged. It cuts
    # the highest tenth of the band, so it gets the double rate, where there is nothing to cut.
    Format(
        ".ogg",
        "vorbis",
        "fltp",
        sample_rate=44_100,
        bit_rate=128_000,
        options=(("strict", "experimental"),),
    ),
    Format(".m4a", "aac", "fltp", bit_rate=160_000, options=(("aac_coder", "fast"),)),
    Format(
        ".opus",
        "libopus",
        "flt",
        sample_rate=24_000,
        bit_rate=128_000,
        options=(("compression_level", "3"),),
    ),
)

WAVE = Format(".wav", "pcm_s16le", "s16")


def write_audio(path: Path, samples: Samples, audio_format: Format) -> None:
    """Encode (n_channels, n_samples), one or two channels at `SAMPLE_RATE`, into a file."""
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            audio_format.codec, rate=audio_format.sample_rate, options=dict(audio_format.options)
        )
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        stream.codec_context.format = audio_format.sample_format
        if audio_format.bit_rate:
            stream.codec_context.bit_rate = audio_format.bit_rate
        resampler = av.AudioResampler(audio_format.sample_format, layout, audio_format.sample_rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = SAMPLE_RATE
        # Without a time, the Ogg writer counts wrong and the file claims to last two seconds.
        frame.pts, frame.time_base = 0, Fraction(1, SAMPLE_RATE)
        for block in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(block))
        container.mux(stream.encode(None))


def write_tags(path: Path, score: Score) -> None:
    """Write artist, album, title, genre, year and track number."""
    tagged = mutagen.File(path, easy=True)
    tagged["artist"] = score.band.name
    tagged["album"] = score.band.album
    tagged["title"] = score.title
    tagged["genre"] = score.band.genre
    tagged["date"] = str(score.band.year)
    tagged["tracknumber"] = str(score.track_number)
    tagged.save()
