"""What an audio file's header says: encryption, length, channels.

FFmpeg reads most of it. But it does not say whether a length is stored in the file or guessed from
the bit rate, nor that samples are encrypted, until it has decoded them to noise; and PyAV 18 aborts
the process if a file describes its own channel order. These few facts are read here, directly from
the container: a handful of small reads, never the audio itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from soundalike.audio.wave_format import Correction, container_bits, read_wave_format

__all__ = ["ByteSource", "Header", "read_header"]


class ByteSource(Protocol):
    """What is needed of a file: random reads and its size in bytes."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, n_bytes: int) -> bytes: ...


@dataclass(frozen=True)
class Header:
    """Facts from a container's header; None if unknown.

    Parameters
    ----------
    kind : the container family that the first bytes announce, such as "MP4".
    protection : name of the copy protection.
    unsupported : why FFmpeg would misunderstand the file.
    duration_s : stored length, in seconds; only where FFmpeg does not report the stored one.
    channels : channels of the first audio track.
    has_end : False where the container marks its end and the mark is missing.
    has_index : False where the container cannot be read without an index and it is missing.
    unread_s : how much sound, in seconds, seems to follow behind the stored length.
    corrections : bytes that FFmpeg has to read in place of the file's own, to understand it.
    """

    kind: str | None = None
    protection: str | None = None
    unsupported: str | None = None
    duration_s: float | None = None
    channels: int | None = None
    has_end: bool = True
    has_index: bool = True
    unread_s: float = 0.0
    corrections: tuple[Correction, ...] = ()


def read_header(file: ByteSource) -> Header:
    """Read what FFmpeg does not tell. A damaged structure ends the reading without an error."""
    start, has_id3 = _after_id3(file)
    head = file.read_at(start, 16)
    if head[:4] == b"OggS":
        return Header("Ogg", has_end=_ogg_has_end(file))
    if head[:4] == b"fLaC":
        return Header("FLAC")
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        # FFmpeg reads the header alone in this order, and takes the samples for noise.
        return Header("WAV", unsupported="a WAV in big-endian order (RIFX): convert it")
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return _wav(file, start)
    if head == _W64_HEAD:
        return _w64(file)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(file, start)
    if head[:4] == b"caff":
        return _caf(file)
    if head == _ASF_HEADER:
        return _asf(file)
    if head[4:8] in _MP4_FIRST_BOXES:
        return _mp4(file)
    if has_id3 or head[:1] == b"\xff":
        return Header("MP3" if has_id3 else None, duration_s=_xing_duration_s(file, start))
    # Garbage may stand before the first MPEG frame; the info frame is then found all the same.
    return Header(duration_s=_xing_duration_s(file, start))


# -- MPEG audio --------------------------------------------------------------------------------


def _after_id3(file: ByteSource) -> tuple[int, bool]:
    """Offset behind all ID3v2 tags, and whether there were any."""
    offset = 0
    while True:
        head = file.read_at(offset, 10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            return offset, offset > 0
        length = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        has_footer = head[5] & 0x10
        offset += 10 + length + (10 if has_footer else 0)


# Sample rates of MPEG 1, by the two bits of the header; halved for MPEG 2, quartered for 2.5.
_MPEG_RATES = (44100, 48000, 32000)


def _xing_duration_s(file: ByteSource, start: int) -> float | None:
    """Length from the Xing/Info frame that encoders write before the first MP3 frame.

    The format is described in "MP3 Info Tag revision 1" (Gabriel Bouvigne, 2005).
    """
    data = file.read_at(start, 1 << 16)
    for mark in (b"Xing", b"Info"):
        at = data.find(mark)
        while at != -1:
            # The side information between frame header and mark is 32, 17 or 9 bytes long.
            for side in (32, 17, 9):
                frame = data[at - side - 4 : at - side] if at >= side + 4 else b""
                if len(frame) == 4 and frame[0] == 0xFF and frame[1] & 0xE6 == 0xE2:
                    return _xing_fields_s(frame, data[at : at + 120])
            at = data.find(mark, at + 1)
    return None


def _xing_fields_s(frame: bytes, info: bytes) -> float | None:
    version, rate_index = frame[1] >> 3 & 3, frame[2] >> 2 & 3
    if version == 1 or rate_index == 3 or len(info) < 12:
        return None
    flags, n_frames = struct.unpack(">II", info[4:12])
    if not flags & 1:
        return None
    is_mpeg1 = version == 3
    rate = _MPEG_RATES[rate_index] // (1 if is_mpeg1 else 2 if version == 2 else 4)
    return float(n_frames * (1152 if is_mpeg1 else 576) / rate)


# -- Ogg ---------------------------------------------------------------------------------------


def _ogg_has_end(file: ByteSource) -> bool:
    """Whether the last page is whole and carries the end-of-stream flag (RFC 3533, section 6)."""
    # A page holds at most 255 * 255 bytes of packets, behind a header of at most 282.
    tail_start = max(0, file.size - 2 * (27 + 255 + 255 * 255))
    tail = file.read_at(tail_start, file.size - tail_start)
    at = tail.rfind(b"OggS\0")
    if at == -1 or len(tail) < at + 27:
        return False
    flags, n_segments = tail[at + 5], tail[at + 26]
    segments = tail[at + 27 : at + 27 + n_segments]
    is_whole = len(segments) == n_segments and len(tail) >= at + 27 + n_segments + sum(segments)
    return is_whole and bool(flags & 4)


# -- IFF and its kin ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    offset: int
    size: int


def _chunks(file: ByteSource, offset: int, size_format: str) -> Iterator[_Chunk]:
    """Chunks of four letters and a size, each padded to an even length (CAF: not padded)."""
    n_head = 4 + struct.calcsize(size_format)
    pads = n_head == 8
    while 0 <= offset < file.size:
        head = file.read_at(offset, n_head)
        if len(head) < n_head:
            return
        (size,) = struct.unpack(size_format, head[4:])
        yield _Chunk(head[:4], offset + n_head, size)
        if size < 0:
            return
        offset += n_head + size + (size & 1 if pads else 0)


# Sizes that programs write when they cannot come back to fill in the true one.
_UNKNOWN_WAV_SIZES = range(0x7FFFF000, 1 << 32)
_UNKNOWN_SIZE = 1 << 62  # in 64 bits
# As much of the samples as is looked at.
_FIRST_SAMPLES = 1 << 14


def _wav(file: ByteSource, start: int) -> Header:
    description: _Chunk | None = None
    long_size: int | None = None
    for chunk in _chunks(file, start + 12, "<I"):
        if chunk.name == b"ds64":
            # Of RF64, whose other sizes are of 32 bits (EBU Tech 3306).
            long_size = int.from_bytes(file.read_at(chunk.offset + 8, 8), "little")
        elif chunk.name == b"fmt ":
            description = description or chunk
        elif chunk.name == b"data":
            size: int | None = chunk.size
            if chunk.size in _UNKNOWN_WAV_SIZES or not chunk.size:
                size = long_size
            data = _Chunk(chunk.name, chunk.offset, size or 0)
            goes_on = bool(size) and not _is_chunk(file, data.offset + data.size)
            return _wave("WAV", file, description, data, goes_on=goes_on)
        elif chunk.offset + chunk.size > file.size:
            # FFmpeg takes samples in it for tags, and makes room for as much as the size allows.
            rest = struct.pack("<I", max(0, file.size - chunk.offset))
            return Header("WAV", corrections=((chunk.offset - 4, rest),))
    return Header("WAV")


def _is_chunk(file: ByteSource, offset: int) -> bool:
    """Whether a chunk begins here, or after the padding to an even offset, or the file ends."""
    for at in {offset, offset + offset % 2}:
        head = file.read_at(at, 8)
        if len(head) < 8 or (head[:4].isascii() and head[:3].isalnum()):
            return True
    return False


# The identifiers of W64: letters as in a WAV, and a tail (Sonic Foundry, 2003).
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_HEAD = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


def _w64(file: ByteSource) -> Header:
    description: _Chunk | None = None
    offset = 40
    while 0 <= offset < file.size:
        head = file.read_at(offset, 24)
        if len(head) < 24:
            break
        size = int.from_bytes(head[16:], "little") - 24
        if size < 0:
            break
        if head[4:16] == _W64_TAIL:
            chunk = _Chunk(head[:4], offset + 24, size)
            if chunk.name == b"fmt ":
                description = description or chunk
            elif chunk.name == b"data":
                return _wave("W64", file, description, chunk, goes_on=False)
        offset += 24 + size + -size % 8
    return Header("W64")


def _wave(
    kind: str,
    file: ByteSource,
    description: _Chunk | None,
    data: _Chunk,
    *,
    goes_on: bool,
) -> Header:
    if description is None:
        return Header(kind)
    body = file.read_at(description.offset, min(description.size, 40))
    if len(body) < 16:
        return Header(kind)
    first_samples = file.read_at(data.offset, _FIRST_SAMPLES)
    form = read_wave_format(body, description.offset, first_samples)
    duration_s = form.duration_s(data.size) if 0 < data.size < _UNKNOWN_SIZE else None
    left_s = form.duration_s(file.size - data.offset - data.size)
    return Header(
        kind,
        duration_s=duration_s,
        unread_s=left_s if goes_on and left_s and left_s > 0 else 0.0,
        corrections=form.corrections,
    )


def _aiff(file: ByteSource, start: int) -> Header:
    for chunk in _chunks(file, start + 12, ">I"):
        if chunk.name == b"COMM":
            body = file.read_at(chunk.offset, 2)
            return Header("AIFF", channels=int.from_bytes(body, "big") or None)
    return Header("AIFF")


def _caf(file: ByteSource) -> Header:
    channels: int | None = None
    byte_rate = 0.0
    corrections: tuple[Correction, ...] = ()
    for chunk in _chunks(file, 8, ">q"):
        if chunk.name == b"desc":
            body = file.read_at(chunk.offset, 32)
            if len(body) == 32:
                rate, codec, _, packet_bytes, packet_frames, channels, bits = struct.unpack(
                    ">d4sIIIII", body
                )
                if codec == b"lpcm" and channels and bits:
                    width = container_bits(bits, channels, packet_bytes)
                    right_fields = (
                        channels * width // 8,
                        1,
                        channels,
                        bits if width - bits < 8 else width,
                    )
                    # Where a flipped bit makes a packet larger than the field can say, nothing can
                    # be corrected: the decoder refuses such a file.
                    if max(right_fields) < 1 << 32:
                        packet_bytes, packet_frames = right_fields[:2]
                        right = struct.pack(">IIII", *right_fields)
                        corrections = ((chunk.offset + 16, right),) if right != body[16:] else ()
                byte_rate = rate * packet_bytes / packet_frames if packet_frames else 0.0
        elif chunk.name == b"data":
            is_known = byte_rate > 0 and chunk.size > 4
            duration_s = (chunk.size - 4) / byte_rate if is_known else None
            return Header(
                "CAF", duration_s=duration_s, channels=channels or None, corrections=corrections
            )
    return Header("CAF", channels=channels or None, corrections=corrections)


# -- ASF (WMA) ---------------------------------------------------------------------------------

_ASF_HEADER = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
_ASF_ENCRYPTION = {
    UUID(guid).bytes_le
    for guid in (
        "2211B3FB-BD23-11D2-B4B7-00A0C955FC6E",  # Content Encryption Object
        "298AE614-2622-4C17-B935-DAE07EE9289C",  # Extended Content Encryption Object
        "43058533-6981-49E6-9B74-AD12CB86D58C",  # Advanced Content Encryption Object
    )
}


_ASF_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le


def _asf(file: ByteSource) -> Header:
    """Objects of the ASF header (Advanced Systems Format specification, sections 3 and 10)."""
    duration_s: float | None = None
    head = file.read_at(0, 30)
    if len(head) < 30:
        return Header("ASF")
    end = min(struct.unpack("<Q", head[16:24])[0], file.size)
    offset = 30
    while offset + 24 <= end:
        guid_and_size = file.read_at(offset, 24)
        (size,) = struct.unpack("<Q", guid_and_size[16:])
        if guid_and_size[:16] in _ASF_ENCRYPTION:
            return Header("ASF", protection="Windows Media DRM")
        if guid_and_size[:16] == _ASF_PROPERTIES:
            duration_s = _asf_duration_s(file.read_at(offset + 24, 68))
        if size < 24:
            break
        offset += size
    return Header("ASF", duration_s=duration_s)


def _asf_duration_s(properties: bytes) -> float | None:
    if len(properties) < 68:
        return None
    play_duration, _, preroll_ms, flags = struct.unpack("<QQQI", properties[40:68])
    is_broadcast = flags & 1
    duration_s = play_duration / 1e7 - preroll_ms / 1e3
    return None if is_broadcast or duration_s <= 0 else float(duration_s)


# -- MP4 ---------------------------------------------------------------------------------------

_MP4_FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot"}
_MP4_FRAGMENT_BOXES = {b"moof", b"sidx"}
_MP4_PROTECTED = {b"drms": "FairPlay", b"enca": "Common Encryption", b"aavd": "Audible"}


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    end: int


def _boxes(file: ByteSource, start: int, end: int) -> Iterator[_Box]:
    """Boxes in a range of bytes (ISO/IEC 14496-12, section 4.2)."""
    while start + 8 <= end:
        head = file.read_at(start, 16)
        if len(head) < 8:
            return
        size, n_head = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, n_head = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - start
        if size < n_head:
            return
        yield _Box(head[4:8], start + n_head, min(start + size, end))
        start += size


def _find(file: ByteSource, box: _Box, *path: bytes) -> _Box | None:
    for kind in path:
        found = next((b for b in _boxes(file, box.start, box.end) if b.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def _mp4(file: ByteSource) -> Header:
    has_index = False
    channels: int | None = None
    for box in _boxes(file, 0, file.size):
        has_index = has_index or box.kind == b"moov" or box.kind in _MP4_FRAGMENT_BOXES
        if box.kind != b"moov":
            continue
        for track in _boxes(file, box.start, box.end):
            handler = _find(file, track, b"mdia", b"hdlr") if track.kind == b"trak" else None
            if handler is None or file.read_at(handler.start + 8, 4) != b"soun":
                continue
            table = _find(file, track, b"mdia", b"minf", b"stbl", b"stsd")
            if table is None:
                continue
            for entry in _boxes(file, table.start + 8, table.end):
                if entry.kind in _MP4_PROTECTED:
                    return Header("MP4", protection=_MP4_PROTECTED[entry.kind])
                channels = channels or _mp4_channels(file.read_at(entry.start, 48))
        break
    return Header("MP4", channels=channels, has_index=has_index)


def _mp4_channels(entry: bytes) -> int | None:
    """Channels of a sound description: version 2 keeps them in a field of its own."""
    if len(entry) < 18:
        return None
    if entry[8:10] == b"\0\2" and len(entry) >= 44:
        return int.from_bytes(entry[40:44], "big") or None
    return int.from_bytes(entry[16:18], "big") or None
