"""Audio files that are written: samples in memory to the bytes of a file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from soundalike.audio.source import StrPath
from soundalike.errors import InvalidArgument, printable

__all__ = ["encode", "format_of"]

# By suffix: FFmpeg's names of the container and of the codec, and the sample format of the codec.
_FORMATS = {
    "wav": ("wav", "pcm_s16le", "s16"),
    "flac": ("flac", "flac", "s16"),
    "mp3": ("mp3", "libmp3lame", "fltp"),
}


def format_of(path: StrPath) -> str:
    """The format that the suffix of a path asks for: "wav", "flac" or "mp3".

    Raises
    ------
    InvalidArgument : another suffix.
    """
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in _FORMATS:
        known = ", ".join(f".{each}" for each in _FORMATS)
        raise InvalidArgument(
            f"{printable(path)}: cannot write sound as {Path(path).suffix or 'no suffix'!r}; "
            f"use one of {known}"
        )
    return suffix


def encode(
    samples: NDArray[np.floating], sample_rate: int, file_format: str, bit_rate: int = 192_000
) -> bytes:
    """The bytes of a file; 16 bits a sample where nothing is lost but that.

    Parameters
    ----------
    samples : (n_samples,) or (2, n_samples), full scale at 1.
    sample_rate : Hz.
    file_format : as :func:`format_of` tells.
    bit_rate : of MP3, bits a second.

    Raises
    ------
    InvalidArgument : no samples, more than two channels, or a sample rate that the format lacks.
    """
    planes = np.atleast_2d(samples)
    if planes.ndim != 2 or planes.shape[0] > 2 or planes.shape[1] == 0:
        raise InvalidArgument(
            f"samples have shape {samples.shape}: they must be (n_samples,) or (2, n_samples)"
        )
    container, codec, sample_format = _FORMATS[file_format]
    layout = "mono" if len(planes) == 1 else "stereo"
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=container) as encoded:
            stream: Any = encoded.add_stream(codec, rate=sample_rate, layout=layout)
            if file_format == "mp3":
                stream.bit_rate = bit_rate
            stream.format = sample_format
            for packet in stream.encode(_frame(planes, sample_rate, sample_format, layout)):
                encoded.mux(packet)
            for packet in stream.encode(None):
                encoded.mux(packet)
    except av.error.ArgumentError as error:
        raise InvalidArgument(
            f"{file_format.upper()} cannot hold {sample_rate} Hz at {bit_rate} bit/s"
        ) from error
    return file.getvalue()


def _frame(
    planes: NDArray[np.floating], rate: int, sample_format: str, layout: str
) -> av.AudioFrame:
    values = np.ascontiguousarray(planes, np.float32)
    if sample_format == "s16":
        packed = np.clip(values.T.reshape(1, -1) * 32_767, -32_767, 32_767)
        values = np.rint(packed).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(values, sample_format, layout)
    frame.sample_rate = rate
    return frame
