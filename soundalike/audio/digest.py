"""Digests of the sound alone, which new tags do not change."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import av.error
import av.stream
from av.container import InputContainer

from soundalike.audio.container import open_container
from soundalike.audio.decoder import Decoder
from soundalike.audio.source import Source, StrPath

__all__ = ["audio_digest", "packet_digest"]

_DIGEST_BYTES = 16
# A demuxer that fails so often in a row does not recover.
_MAX_ERRORS = 16


def audio_digest(path: StrPath) -> bytes:
    """Digest of a file's compressed audio, without decoding it.

    Files that differ only in their tags, cover pictures or padding have the same digest; another
    encoding of the same sound has another.

    Returns
    -------
    16 bytes: BLAKE2b over codec, sample rate, channels and the packets of all audio streams.

    Raises
    ------
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : as ``probe``.
    UnreadableFile : the file changed or vanished while it was read.
    """
    with Decoder(path) as decoder:
        info = decoder.info
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    digest.update(f"{info.codec} {info.sample_rate} {info.channels}\n".encode())
    with Source(path) as source:
        for packet in _packets(source, lambda container: container.streams.audio):
            # Where a packet ends is the demuxer's choice; only what it holds counts.
            digest.update(packet)
        source.check_unchanged()
    return digest.digest()


def packet_digest(path: StrPath) -> bytes:
    """Digest of all packets of a file with their times and ends, but for those of cover pictures.

    Files that are equal by it play the same, to the sample, in whatever reads the file as FFmpeg
    does. It asks for more than :func:`audio_digest`, which has to be the same for a file whose
    container was written anew.

    Returns
    -------
    16 bytes: BLAKE2b over the packets, each with its stream, time, duration and size.

    Raises
    ------
    UnreadableFile : missing, not permitted, or changed or vanished while it was read.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with Source(path) as source:
        for packet in _packets(source, _without_covers):
            times = (packet.stream.id, packet.pts or 0, packet.dts or 0, packet.duration or 0)
            digest.update(struct.pack("<qqqqq", *times, packet.size))
            digest.update(packet)
        source.check_unchanged()
    return digest.digest()


def _without_covers(container: InputContainer) -> list[Any]:
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams if not stream.disposition & cover]


def _packets(source: Source, of: Callable[[InputContainer], Any]) -> Iterator[Any]:
    n_errors = 0
    with open_container(source) as container:
        streams = of(container)
        while n_errors < _MAX_ERRORS:
            try:
                for packet in container.demux(streams):
                    n_errors = 0
                    if packet.size:
                        yield packet
            except av.error.FFmpegError:
                n_errors += 1
            else:
                return
