"""What browsers play as it is, and by which name they know it. Loads nothing."""

from __future__ import annotations

import os

from soundalike.errors import printable

__all__ = ["STREAMED", "browser_type"]

STREAMED = {"mp3": "audio/mpeg", "opus": "audio/ogg", "flac": "audio/flac"}
"""What a file can be encoded to while it is read (``streaming.stream_audio``): names of formats,
and their media types."""

_OGG = {".ogg": "audio/ogg", ".oga": "audio/ogg"}
_MP4 = dict.fromkeys((".m4a", ".m4b", ".mp4"), "audio/mp4")
_WAV = {".wav": "audio/wav"}
# By FFmpeg's name of the codec, and the suffix of the file.
_TYPES = {
    "mp3": {".mp3": "audio/mpeg"},
    "flac": {".flac": "audio/flac", **_OGG},
    "vorbis": {**_OGG, ".webm": "audio/webm"},
    "opus": {**_OGG, ".opus": "audio/ogg", ".webm": "audio/webm"},
    "aac": {**_MP4, ".aac": "audio/aac"},
    "pcm_u8": _WAV,
    "pcm_s16le": _WAV,
    "pcm_s24le": _WAV,
    "pcm_f32le": _WAV,
}


def browser_type(path: str | os.PathLike[str], codec: str | None) -> str | None:
    """The media type of a file that browsers play; None for another, or where it is unknown.

    >>> browser_type("piece.flac", "flac"), browser_type("piece.m4a", "alac")
    ('audio/flac', None)
    """
    suffix = os.path.splitext(printable(path))[1].lower()
    return _TYPES.get(codec or "", {}).get(suffix)
