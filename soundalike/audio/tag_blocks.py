"""Where tags lie in FLAC and Ogg, byte by byte: to tell that nothing else was changed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from soundalike.errors import UnwritableTags

__all__ = ["flac_blocks", "ogg_header_packets", "ogg_pages_digest"]

# Of a page: the stream begins, or ends, with it.
_FIRST, _LAST = 2, 4


def flac_blocks(path: Path) -> tuple[list[tuple[int, bytes]], bytes]:
    """The metadata blocks of a FLAC file as (type, content), and a digest of all else.

    Raises
    ------
    UnwritableTags : the blocks do not end, or there is no FLAC where it should begin.
    OSError : it cannot be read.
    """
    rest = hashlib.blake2b(digest_size=16)
    blocks: list[tuple[int, bytes]] = []
    with path.open("rb") as file:
        head = file.read(10)
        before = 0
        if head[:3] == b"ID3" and len(head) == 10:
            size = 0
            for byte in head[6:]:
                size = size << 7 | byte & 0x7F
            before = 10 + size
        file.seek(0)
        rest.update(file.read(before))
        if file.read(4) != b"fLaC":
            raise UnwritableTags(path, "something lies before the beginning of the FLAC stream")
        is_last = False
        while not is_last:
            header = file.read(4)
            if len(header) < 4:
                raise UnwritableTags(path, "the file ends in the middle of its metadata")
            is_last = bool(header[0] & 0x80)
            length = int.from_bytes(header[1:], "big")
            content = file.read(length)
            if len(content) < length:
                raise UnwritableTags(path, "the file ends in the middle of its metadata")
            blocks.append((header[0] & 0x7F, content))
        while data := file.read(1 << 20):
            rest.update(data)
    return blocks, rest.digest()


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    number: int
    lacing: bytes
    payload: bytes


def ogg_header_packets(path: Path, marker: bytes, count: int) -> tuple[list[bytes], int]:
    """The first packets of the stream that begins with some bytes, and its serial number.

    Raises
    ------
    UnwritableTags : there is no such stream, or it ends before.
    OSError : it cannot be read.
    """
    serial: int | None = None
    packets: list[bytes] = [b""]
    with path.open("rb") as file:
        for page in _pages(path, file):
            if serial is None and page.flags & _FIRST and page.payload.startswith(marker):
                serial = page.serial
            if page.serial != serial:
                continue
            at = 0
            for length in page.lacing:
                packets[-1] += page.payload[at : at + length]
                at += length
                if length < 255:
                    packets.append(b"")
                    if len(packets) > count:
                        return packets[:count], page.serial
    raise UnwritableTags(path, "the file ends in the middle of its tags")


def ogg_pages_digest(path: Path, serial: int, headers: int) -> bytes:
    """A digest of all packets behind the header packets of a stream, with their times.

    How packets are laid over pages does not matter, but for what each page with the end of one says
    of the time and of the end of the stream.

    Raises
    ------
    UnwritableTags : several streams one after the other, of which only the first would be tagged,
        pages that do not follow each other, or bytes between them.
    OSError : it cannot be read.
    """
    lengths, contents, times = (hashlib.blake2b(digest_size=16) for _ in range(3))
    numbers: dict[int, int] = {}
    begun = False
    left = headers
    with path.open("rb") as file:
        for page in _pages(path, file):
            if page.flags & _FIRST:
                if begun:
                    raise UnwritableTags(
                        path, "it holds several recordings one after the other (a chained stream)"
                    )
            else:
                begun = True
            expected = numbers.get(page.serial, page.number)
            if page.number != expected:
                raise UnwritableTags(path, "pages of the Ogg stream are missing, or out of order")
            numbers[page.serial] = page.number + 1
            lacing, payload = page.lacing, page.payload
            if page.serial == serial and left > 0:
                # Some encoders begin with the sound on the page on which the headers end.
                lacing, payload, left = _behind(lacing, payload, left)
            lengths.update(lacing)
            contents.update(payload)
            if any(length < 255 for length in lacing):
                times.update(struct.pack("<qIB", page.granule, page.serial, page.flags & _LAST))
    return hashlib.blake2b(
        lengths.digest() + contents.digest() + times.digest(), digest_size=16
    ).digest()


def _behind(lacing: bytes, payload: bytes, packets: int) -> tuple[bytes, bytes, int]:
    """What lies on a page behind the ends of some packets, and how many have not ended."""
    at = 0
    for number, length in enumerate(lacing, start=1):
        at += length
        packets -= length < 255
        if not packets:
            return lacing[number:], payload[at:], 0
    return b"", b"", packets


def _pages(path: Path, file: BinaryIO) -> Iterator[_Page]:
    while header := file.read(27):
        if header[:4] != b"OggS" or len(header) < 27:
            raise UnwritableTags(path, "something that is no Ogg lies between its pages")
        flags, granule, serial, number, _, segments = struct.unpack("<BqIIIB", header[5:])
        lacing = file.read(segments)
        payload = file.read(sum(lacing))
        if len(payload) < sum(lacing):
            raise UnwritableTags(path, "the file ends in the middle of a page")
        yield _Page(flags, granule, serial, number, lacing, payload)
