"""What the format description of a WAV or W64 says of its samples, and what it must mean.

FFmpeg takes the width of a PCM sample from its *valid* bits and a time from the byte rate. Where
these are not what the samples lie in, it decodes noise or seeks to another place. Channels, sample
rate and the size of a block are what every player goes by; the other fields follow from them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

__all__ = ["Correction", "WaveFormat", "container_bits", "read_wave_format"]

# Bytes that take the place of a file's own, from an offset on.
Correction = tuple[int, bytes]

_INTEGER, _MS_ADPCM, _FLOAT, _A_LAW, _MU_LAW, _IMA_ADPCM = 1, 2, 3, 6, 7, 0x11
_EXTENSIBLE = 0xFFFE


@dataclass(frozen=True)
class WaveFormat:
    """What follows from a format description.

    Attributes
    ----------
    sample_rate : Hz.
    bytes_per_sample : of all channels together; a fraction where samples are packed into blocks;
        None where the size of a sample is not constant.
    corrections : what has to be read in place of the description's own bytes.
    """

    sample_rate: int
    bytes_per_sample: Fraction | None
    corrections: tuple[Correction, ...] = ()

    def duration_s(self, n_bytes: int) -> float | None:
        """Seconds that so many bytes of samples last; None if unknown."""
        if not self.bytes_per_sample or not self.sample_rate:
            return None
        return float(n_bytes / self.bytes_per_sample / self.sample_rate)


def container_bits(valid_bits: int, channels: int, block_bytes: int) -> int:
    """Bits that a PCM sample takes up, from those that are valid and the size of all channels'."""
    least = -(-valid_bits // 8)
    width, rest = divmod(block_bytes, channels)
    return 8 * (width if rest == 0 and least <= width <= 8 else least)


def read_wave_format(body: bytes, offset: int, first_samples: bytes) -> WaveFormat:
    """Read a WAVEFORMATEX, which begins at an offset of the file.

    Parameters
    ----------
    body : the description, 16 bytes or more.
    offset : of the description in the file.
    first_samples : some that follow: they show whether 24 bits in 32 are whole numbers.
    """
    tag, channels, rate, byte_rate, block, bits = struct.unpack("<HHIIHH", body[:16])
    corrections: list[Correction] = []
    is_extensible = tag == _EXTENSIBLE and len(body) >= 40
    if is_extensible:
        tag = struct.unpack("<H", body[24:26])[0]
    bytes_per_sample: Fraction | None = None
    if channels == 0:
        pass
    elif tag in (_A_LAW, _MU_LAW):
        bytes_per_sample = Fraction(channels)
    elif tag in (_INTEGER, _FLOAT) and 0 < bits <= 64:
        width = container_bits(bits, channels, block)
        # The block is the odd one out where bits and byte rate agree with one another.
        by_bits = container_bits(bits, channels, 0)
        if width != by_bits and byte_rate == rate * channels * by_bits // 8:
            width = by_bits
        keeps_floats = (
            tag == _INTEGER and not is_extensible and (bits, width) == (24, 32)
        ) and _are_floats(first_samples)
        if width != bits and width != by_bits and not keeps_floats:
            corrections.append((offset + 14, struct.pack("<H", width)))
        if is_extensible and struct.unpack("<H", body[18:20])[0] not in (0, width):
            corrections.append((offset + 18, struct.pack("<H", width)))
        bytes_per_sample = Fraction(channels * width, 8)
        if block != bytes_per_sample < 1 << 16:
            corrections.append((offset + 12, struct.pack("<H", int(bytes_per_sample))))
    elif tag in (_MS_ADPCM, _IMA_ADPCM) and bits:
        n_samples = _samples_in_block(tag, channels, block, bits)
        bytes_per_sample = Fraction(block, n_samples) if n_samples > 0 else None
    if bytes_per_sample and byte_rate != (true_rate := round(rate * bytes_per_sample)):
        corrections.append((offset + 8, struct.pack("<I", min(true_rate, 0xFFFFFFFF))))
    return WaveFormat(rate, bytes_per_sample, tuple(corrections))


def _samples_in_block(tag: int, channels: int, block: int, bits: int) -> int:
    """Samples of each channel in a block of ADPCM: its head holds two or one of them."""
    n_head, n_samples = (7, 2) if tag == _MS_ADPCM else (4, 1)
    return (block - n_head * channels) * 8 // (bits * channels) + n_samples


def _are_floats(samples: bytes) -> bool:
    """Whether 24 valid bits in 32 are the floats of up to 2^24 that Cool Edit wrote so."""
    with np.errstate(invalid="ignore"):
        values = np.abs(np.frombuffer(samples[: len(samples) // 4 * 4], "<f4"))
        # Whole numbers that are left-aligned are either next to nothing or absurd as floats.
        return bool(np.all((values == 0) | ((values > 1e-6) & (values < 2.0**26))))
