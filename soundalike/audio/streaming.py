"""Sound for players: what browsers play as it is, and everything else encoded while it is read.

Run as a process (``python -m soundalike.audio.streaming``): what a damaged file does to a decoder
stays there, and killing it ends all work on the file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from soundalike.audio.reader import AudioReader, probe
from soundalike.audio.source import StrPath
from soundalike.errors import SoundalikeError

__all__ = ["stream_audio"]


class _Format(NamedTuple):
    container: str
    codec: str
    sample_format: str
    bit_rate: int | None
    rates: tuple[int, ...]
    options: dict[str, str]


_RATES = (44_100, 48_000, 32_000, 24_000, 22_050, 16_000)
_FORMATS = {
    # Neither length nor tags go before the sound, as nothing is known of its end.
    "mp3": _Format(
        "mp3", "libmp3lame", "fltp", 192_000, _RATES, {"write_xing": "0", "id3v2_version": "0"}
    ),
    "opus": _Format("ogg", "libopus", "flt", 128_000, (48_000,), {"page_duration": "200000"}),
    "flac": _Format("flac", "flac", "s16", None, (*_RATES, 88_200, 96_000), {}),
}


class _Sink:
    """A file that is only ever written to its end, as FFmpeg writes it."""

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write

    def write(self, data: bytes) -> int:
        self._write(bytes(data))
        return len(data)


def stream_audio(
    path: StrPath, write: Callable[[bytes], Any], file_format: str, start_s: float = 0.0
) -> None:
    """Decode a file and encode it anew, in bounded memory however long it is.

    Parameters
    ----------
    path : any audio file that can be decoded; more channels than two are mixed to one.
    write : called with one part of the encoded file after the other.
    file_format : "mp3" (192 kbit/s), "opus" (in Ogg, 128 kbit/s) or "flac" (16 bits).
    start_s : seconds; what is before is left out.

    Raises
    ------
    AudioError : as ``AudioReader``; what was written until then stands.
    InvalidArgument : ``start_s`` is no time in the track.
    """
    form = _FORMATS[file_format]
    is_stereo = probe(path).channels == 2
    layout = "stereo" if is_stereo else "mono"
    with AudioReader(path, start_s=start_s, mono=not is_stereo) as reader:
        blocks = iter(reader)
        # Where there is nothing to be heard no file is begun.
        first = next(blocks)
        rate = _rate(reader.sample_rate, form.rates)
        sink: Any = _Sink(write)
        with av.open(sink, "w", format=form.container, options=form.options) as encoded:
            stream: Any = encoded.add_stream(form.codec, rate=rate, layout=layout)
            stream.format = form.sample_format
            if form.bit_rate is not None:
                stream.bit_rate = form.bit_rate
            position = 0
            for block in _chain(first, blocks):
                samples = np.ascontiguousarray(np.atleast_2d(block), np.float32)
                frame = av.AudioFrame.from_ndarray(samples, "fltp", layout)
                frame.sample_rate = reader.sample_rate
                frame.pts, frame.time_base = position, Fraction(1, reader.sample_rate)
                position += samples.shape[1]
                encoded.mux(stream.encode(frame))
            encoded.mux(stream.encode(None))


def _rate(own: int, rates: tuple[int, ...]) -> int:
    """The file's own sample rate, or one that the format has: a multiple or a part if there is."""
    if own in rates:
        return own
    return next((rate for rate in rates if own % rate == 0 or rate % own == 0), 48_000)


def _chain(first: Any, others: Iterable[Any]) -> Iterable[Any]:
    yield first
    yield from others


def main(arguments: list[str]) -> int:
    """Write a file to standard output; what is wrong goes to standard error, as JSON.

    Parameters
    ----------
    arguments : path, format, seconds to start at, and bytes of memory that this process may have.
    """
    path, file_format, start_s, most_memory = arguments
    output = os.dup(sys.stdout.fileno())
    # Whatever a library prints must not end up in the sound.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(most_memory),) * 2)

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(output, data) :]

    try:
        stream_audio(Path(path), write, file_format, float(start_s))
    except BrokenPipeError:
        return 1
    except SoundalikeError as error:
        reason = getattr(error, "reason", None) or str(error)
        print(json.dumps({"kind": type(error).__name__, "reason": reason}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
