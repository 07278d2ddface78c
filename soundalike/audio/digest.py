"""A digest of the sound alone, which new tags do not change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import av.error

from soundalike.audio.decoder import Decoder, open_container
from soundalike.audio.source import Source, StrPath

__all__ = ["audio_digest"]

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
        for packet in _packets(source):
            # Where a packet ends is the demuxer's choice; only what it holds counts.
            digest.update(packet)
        source.check_unchanged()
    return digest.digest()


def _packets(source: Source) -> Iterator[Any]:
    n_errors = 0
    with open_container(source) as container:
        streams = container.streams.audio
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
