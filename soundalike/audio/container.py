"""Opening a file with FFmpeg: what it may read, and what it may be taken for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.stream
from av.container import InputContainer

from soundalike.audio.source import Source

__all__ = ["AudioInfo", "has_film", "is_text", "open_container"]

_PYAV = int(av.__version__.split(".")[0])

# Every demuxer of FFmpeg that reads music. Left out on purpose: playlists and other formats that
# open further files or URLs, pictures, subtitles, text, and raw samples without a header.
_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mlp,mov,"
    "mp3,mp4,mpc,mpc8,mpeg,mpegts,nistsphere,nut,ogg,oma,osq,qoa,rm,shn,tak,truehd,tta,voc,vqf,"
    "w64,wav,webm,wv,xwma"
)
_CONTAINER_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}


@dataclass(frozen=True)
class AudioInfo:
    """What a file holds.

    Attributes
    ----------
    path : the file.
    container : FFmpeg's name of the format, such as "mp3", "mov" (all of MP4) or "ogg".
    codec : FFmpeg's name of the codec, such as "mp3", "aac" or "flac".
    sample_rate : Hz.
    channels : number of channels.
    duration_s : seconds; None if unknown.
    duration_is_stated : whether the duration is stored in the file. If not, it is an estimate
        from size and bit rate, which is wrong for a variable one.
    bit_rate : bits a second; None if unknown.
    """

    path: Path
    container: str
    codec: str
    sample_rate: int
    channels: int
    duration_s: float | None
    duration_is_stated: bool
    bit_rate: int | None


# No byte of a tag that is not UTF-8 may stop the opening. From 19 on PyAV always works like this.
_METADATA_OPTIONS: dict[str, Any] = {} if _PYAV >= 19 else {"metadata_errors": "surrogateescape"}


def open_container(source: Source) -> InputContainer:
    opened: InputContainer = av.open(
        source, "r", container_options=_CONTAINER_OPTIONS, buffer_size=1 << 16, **_METADATA_OPTIONS
    )
    return opened


def has_film(container: InputContainer) -> bool:
    """Whether there are moving pictures; a cover is a stream of one picture."""
    cover = av.stream.Disposition.attached_pic
    return any(not stream.disposition & cover for stream in container.streams.video)


def is_text(head: bytes) -> bool:
    """Whether bytes read as text: UTF-8 without control characters."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut off.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character.isspace() for character in text)
