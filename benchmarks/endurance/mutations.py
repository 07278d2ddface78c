"""Damaged versions of real files: the same ones again from the same seed and number."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["MUTATIONS", "Mutant", "mutant"]

# Where the headers of all formats lie.
_HEAD_BYTES = 600
_SIZES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
# Names of chunks, boxes, pages and frames, behind or before which a size stands.
_CHUNKS = (
    *(b"data", b"fmt ", b"LIST", b"fact", b"id3 ", b"ID3", b"Xing", b"Info", b"LAME"),
    *(b"FORM", b"COMM", b"SSND", b"MARK", b"moov", b"trak", b"mdat", b"stsz", b"stco", b"stsc"),
    *(b"stts", b"stsd", b"esds", b"mvhd", b"mdhd", b"udta", b"meta", b"ilst", b"fLaC", b"OggS"),
    *(b"vorbis", b"OpusHead", b"OpusTags", b"wvpk", b"TIT2", b"TPE1", b"APIC"),
    # ASF: the first bytes of the header, of the properties of file and stream, of the data.
    *(b"\x30\x26\xb2\x75", b"\xa1\xdc\xab\x8c", b"\x91\x07\xdc\xb7", b"\x36\x26\xb2\x75"),
)


@dataclass(frozen=True)
class Mutant:
    """A damaged file. ``name`` says how it came about; ``suffix`` is without a dot."""

    name: str
    suffix: str
    data: bytes


def _flip_bits(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    for _ in range(rng.choice((1, 2, 8, 64, 512))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _damage_header(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(min(len(data), _HEAD_BYTES))] = rng.randrange(256)
    return data


def _truncate(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    return data[: rng.choice((rng.randrange(1, 200), rng.randrange(1, max(2, len(data)))))]


def _lie_about_sizes(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    """Other sizes around the names of chunks, where they are known, else anywhere."""
    places: list[int] = []
    for name in _CHUNKS:
        at = data.find(name)
        while at >= 0 and len(places) < 200:
            places += [at - 4, at + len(name)]
            at = data.find(name, at + 1)
    for _ in range(rng.randint(1, 4)):
        at = rng.choice(places) if places and rng.random() < 0.8 else rng.randrange(len(data))
        size = rng.choice((*_SIZES, rng.getrandbits(32), len(data), len(data) - 1))
        _put(data, at, struct.pack(rng.choice("<>") + "I", size))
    return data


def _repeat_or_drop(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    """A part of the file twice, many times, or not at all: frames and pages out of order."""
    start = rng.randrange(len(data))
    part = data[start : start + rng.choice((1, 4, 64, 1024, 8192))]
    place, times = rng.randrange(len(data)), rng.choice((0, 1, 2, 50))
    if times == 0:
        return data[:start] + data[start + len(part) :] or data
    return data[:place] + part * times + data[place:]


def _overwrite(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    """Noise, zeros or ones over a part, as a bad sector leaves them."""
    start, length = rng.randrange(len(data)), rng.choice((4, 512, 4096, 65_536))
    end = min(len(data), start + length)
    length = end - start
    kind = rng.randrange(3)
    data[start:end] = rng.randbytes(length) if kind == 2 else bytes([255 * kind]) * length
    return data


def _splice(data: bytearray, others: Sequence[bytes], rng: random.Random) -> bytearray:
    """The head of one format with the body of another, or one inside the other."""
    other = rng.choice(others)
    at, from_ = rng.randrange(len(data)), rng.randrange(len(other))
    kind = rng.randrange(3)
    if kind == 0:
        return data[: rng.randrange(1, _HEAD_BYTES)] + other[from_:]
    if kind == 1:
        return data[:at] + other[from_ : from_ + 8192] + data[at:]
    return bytearray(other[: rng.randrange(1, _HEAD_BYTES)]) + data


MUTATIONS: dict[str, Callable[[bytearray, Sequence[bytes], random.Random], bytearray]] = {
    "bits": _flip_bits,
    "header": _damage_header,
    "truncated": _truncate,
    "sizes": _lie_about_sizes,
    "order": _repeat_or_drop,
    "sector": _overwrite,
    "splice": _splice,
}
"""What is done to a file: given its bytes, those of others, and the draws."""


def mutant(files: Sequence[tuple[str, bytes]], seed: int, number: int) -> Mutant:
    """One damaged file.

    Parameters
    ----------
    files : suffix, without a dot, and bytes of real files.
    seed, number : say which; the same two make the same of the same files.
    """
    rng = random.Random(f"{seed} {number}")
    suffix, whole = rng.choice(files)
    others = [data for _, data in files]
    data, done = bytearray(whole), []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(list(MUTATIONS))
        data = MUTATIONS[name](data, others, rng) or bytearray(b"\0")
        done.append(name)
    # Sometimes the name says another format.
    if rng.random() < 0.05:
        suffix = rng.choice(files)[0]
    return Mutant(f"{number:06d} {'+'.join(done)}", suffix, bytes(data))


def _put(data: bytearray, at: int, value: bytes) -> None:
    at = min(max(at, 0), max(0, len(data) - len(value)))
    data[at : at + len(value)] = value
