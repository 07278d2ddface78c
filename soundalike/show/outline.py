"""A whole track at a glance, for players: its waveform and its mel spectrogram in columns.

Both come from one pass over the sound, whatever size is drawn later, and take some 100 kB however
long the track is.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import AudioReader
from soundalike.audio.source import StrPath
from soundalike.show.sound import power

__all__ = ["MOST_POINTS", "Outline", "Peaks", "Theme", "draw_mel", "outline", "outline_bytes"]

Theme = Literal["light", "dark"]

MOST_POINTS = 4000
_N_MELS = 128
_MOST_COLUMNS = 2400
_N_FFT = 2048
_LEAST_HOP, _MOST_HOP = 256, 16_384
_COLUMNS_A_S = 200
_FLOOR_DB = 80.0
_FORMAT = 1

# Lightness rises evenly from what the page is made of to what stands out on it, and the hue turns
# with it, so that loud and quiet are told apart without colour vision, too. Red, green, blue of
# equal steps, between which colours are mixed.
_COLOURS: dict[Theme, tuple[str, ...]] = {
    "dark": ("0d1017", "1d2148", "46257a", "83287f", "bf3a6b", "ec6a4c", "fba94b", "fdf0a8"),
    "light": ("ffffff", "e4ecf5", "b9d3e6", "84b4d4", "5a8cc4", "4a5fae", "46308a", "26104f"),
}


@dataclass(frozen=True, slots=True)
class Peaks:
    """A waveform, to be drawn.

    Attributes
    ----------
    duration_s : of the track.
    minima, maxima : the lowest and highest sample of equal stretches, full scale at 1; as many as
        were asked for, fewer of a very short track.
    """

    duration_s: float
    minima: tuple[float, ...]
    maxima: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Outline:
    """What is drawn of a track.

    Attributes
    ----------
    duration_s : of the track.
    edges : int64 (n + 1,), samples: where the columns of the waveform begin and end.
    low, high : int16 (n,), the lowest and highest sample of each, full scale at 32,767.
    mel : uint8 (128, m), 255 for the loudest and 0 for 80 dB below it; low frequencies first.
    """

    duration_s: float
    edges: NDArray[np.int64]
    low: NDArray[np.int16]
    high: NDArray[np.int16]
    mel: NDArray[np.uint8]

    def peaks(self, points: int) -> Peaks:
        """The waveform in so many columns."""
        n = len(self.low)
        points = min(points, n)
        # A column counts for each stretch that it touches.
        wanted = np.linspace(0, self.edges[-1], points + 1)
        first = np.searchsorted(self.edges, wanted[:-1], side="right") - 1
        last = np.maximum(np.searchsorted(self.edges, wanted[1:], side="left"), first + 1)
        spans = list(zip(first.tolist(), np.minimum(last, n).tolist(), strict=True))
        minima = [round(int(self.low[a:b].min()) / 32_767, 4) for a, b in spans]
        maxima = [round(int(self.high[a:b].max()) / 32_767, 4) for a, b in spans]
        return Peaks(round(self.duration_s, 3), tuple(minima), tuple(maxima))

    def to_bytes(self) -> bytes:
        """To be kept; :meth:`from_bytes` reads it."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            format=np.int64(_FORMAT),
            duration_s=np.float64(self.duration_s),
            edges=self.edges,
            low=self.low,
            high=self.high,
            mel=self.mel,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Outline | None:
        """What :meth:`to_bytes` gave; None for what is damaged, or of another version."""
        try:
            with np.load(io.BytesIO(data)) as stored:
                if int(stored["format"]) != _FORMAT:
                    return None
                names = ("edges", "low", "high", "mel")
                return cls(float(stored["duration_s"]), *(stored[name] for name in names))
        except Exception:
            # NumPy and the zip module raise a dozen kinds of errors; it is a cache.
            return None


def outline(path: StrPath) -> Outline:
    """Decode a file once, for its outline.

    Raises
    ------
    AudioError : as ``AudioReader``.
    """
    low: list[NDArray[np.float32]] = []
    high: list[NDArray[np.float32]] = []
    edges: list[NDArray[np.int64]] = []
    with AudioReader(path) as reader:
        rate = reader.sample_rate
        width = max(1, rate // _COLUMNS_A_S)

        def blocks() -> Iterator[NDArray[np.float32]]:
            position = 0
            for block in reader:
                starts = np.arange(0, len(block), width)
                low.append(np.minimum.reduceat(block, starts))
                high.append(np.maximum.reduceat(block, starts))
                edges.append(position + starts)
                position += len(block)
                yield block

        stated_s = reader.info.duration_s or 240.0
        # Two frames a column, and some to spare: one column too many would halve them.
        hop = int(1.02 * stated_s * rate / (2 * _MOST_COLUMNS))
        found = power(
            blocks(),
            rate,
            _N_FFT,
            max(_LEAST_HOP, min(hop, _MOST_HOP)),
            n_mels=_N_MELS,
            most_columns=_MOST_COLUMNS,
        )
    starts = np.concatenate(edges)
    # As many columns as are drawn at most, each of whole ones.
    kept = np.unique(np.linspace(0, len(starts), MOST_POINTS, endpoint=False).astype(np.int64))
    minima = np.minimum.reduceat(np.concatenate(low), kept)
    maxima = np.maximum.reduceat(np.concatenate(high), kept)
    decibels = 10 * np.log10(np.maximum(found.values, 1e-20))
    shown = np.clip(1 + (decibels - decibels.max()) / _FLOOR_DB, 0, 1)
    return Outline(
        duration_s=found.n_samples / rate,
        edges=np.append(starts[kept], found.n_samples),
        low=_as_int16(minima),
        high=_as_int16(maxima),
        mel=np.rint(255 * shown).astype(np.uint8),
    )


def outline_bytes(path: str, _load: Callable[..., Any]) -> bytes:
    """:func:`outline` to be kept, as workers call it."""
    return outline(path).to_bytes()


def draw_mel(found: Outline, width: int, theme: Theme = "light") -> bytes:
    """The mel spectrogram as a PNG of 128 rows: time to the right, high frequencies above.

    Parameters
    ----------
    width : pixels.
    theme : what it is to be seen on.
    """
    mel = found.mel
    edges = np.linspace(0, mel.shape[1], width + 1)
    first = np.minimum(edges[:-1].astype(np.int64), mel.shape[1] - 1)
    if width < mel.shape[1]:
        # The mean of the columns in each pixel; of louder and softer ones neither gets lost.
        sums = np.add.reduceat(mel.astype(np.int64), first, axis=1)
        columns = (sums / np.diff(np.append(first, mel.shape[1]))).astype(np.uint8)
    else:
        columns = mel[:, first]
    return _png(_palette(theme)[columns[::-1]])


@cache
def _palette(theme: Theme) -> NDArray[np.uint8]:
    """(256, 3), the colour of each level."""
    stops = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS[theme]])
    at = np.linspace(0, len(stops) - 1, 256)
    mixed = [np.interp(at, np.arange(len(stops)), channel) for channel in stops.T]
    colours: NDArray[np.uint8] = np.rint(np.stack(mixed, axis=-1)).astype(np.uint8)
    return colours


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An encoded picture of (height, width, 3)."""
    import av

    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt = "rgb24"
    encoder.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def _as_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    whole: NDArray[np.int16] = np.rint(np.clip(samples, -1, 1) * 32_767).astype(np.int16)
    return whole
