"""From decoded values to samples: floats of full scale 1, without NaN, mixed to one channel."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.plane import AudioPlane
from numpy.typing import NDArray

from soundalike.threads import one_blas_thread

__all__ = ["CONTEXT_S", "Form", "Mixer", "Run", "to_float"]

FloatArray = NDArray[np.float32]


# Decoder's sample format -> type, value of full scale, value of silence.
_SAMPLE_FORMATS: dict[str, tuple[type[np.generic], float, float]] = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 2.0**15, 0.0),
    "s32": (np.int32, 2.0**31, 0.0),
    "s64": (np.int64, 2.0**63, 0.0),
    "flt": (np.float32, 1.0, 0.0),
    "dbl": (np.float64, 1.0, 0.0),
}

# Float samples above this are not audio at any scale, but other data.
_MAX_LEVEL = 1e10

# Channels are compared over this time. Of 89,000 such windows of game soundtracks (6 hours of 519
# files), four lie below the limit that follows, of four effects whose channels are opposite, and
# none between it and 0.1; in shorter windows music comes nearer.
_WINDOW_S = 0.25
# The mix's energy as a share of what it would be if the channels had nothing to do with each
# other (then it is 1; of equal channels their number; of opposite ones 0): below this, -15 dB,
# what is left is the error of a coder or a converter, not the music.
_CANCELS_BELOW = 0.03
# A channel that is this near to the strongest is as good; the first such is used, so that two
# equal channels do not take turns.
_NEARLY_STRONGEST = 10**-0.05
# Below this, nothing is compared: -80 dBFS.
_MIN_RMS = 1e-4
# How long before and after a sample what is heard decides over it: the fade to the next window,
# the window beyond that, and a part of its own.
CONTEXT_S = 3 * _WINDOW_S
_MIX = -1


class Form(NamedTuple):
    """How the samples of a run are laid out; ``is_planar``: each channel apart."""

    sample_rate: int
    channels: int
    sample_format: str
    is_planar: bool

    @classmethod
    def of(cls, frame: av.AudioFrame) -> Form:
        name, is_planar = frame.format.name, frame.format.is_planar
        return cls(frame.sample_rate, frame.layout.nb_channels, name.removesuffix("p"), is_planar)

    @property
    def full_scale(self) -> float:
        return _SAMPLE_FORMATS[self.sample_format][1]


class Run:
    """Frames of one form, until there are enough of them for a block.

    Parameters
    ----------
    first : a frame of the form; it is not added.

    Attributes
    ----------
    form : of all the frames.
    n_samples : of each channel, that wait to be taken.
    begins_pts : time of the first of them; None where the file does not tell.
    """

    def __init__(self, first: av.AudioFrame) -> None:
        self.form = Form.of(first)
        self._like = _what_fits(first)
        self.n_samples = 0
        self.begins_pts: int | None = None
        # FFmpeg joins frames in a third of the time that NumPy takes. Not those whose channels
        # have an order of their own: that description PyAV 18 would free twice.
        self._joined = AudioFifo() if first.layout.name in ("mono", "stereo") else None
        self._frames: list[av.AudioFrame] = []

    def fits(self, frame: av.AudioFrame) -> bool:
        """Whether a frame has the form; quicker than :meth:`Form.of`, and asked of each."""
        return _what_fits(frame) == self._like

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next frame."""
        if not self.n_samples:
            self.begins_pts = frame.pts
        self.n_samples += frame.samples
        if self._joined is None:
            self._frames.append(frame)
        else:
            # The queue would refuse what does not follow on the last frame.
            frame.pts = None
            self._joined.write(frame)

    def take(self) -> list[av.AudioFrame]:
        """What waits, as one frame or several."""
        frames, self._frames = self._frames, []
        joined = None if self._joined is None else self._joined.read()
        if joined is not None:
            frames = [joined]
        self.n_samples = 0
        return frames


def _what_fits(frame: av.AudioFrame) -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.format.name


def to_float(form: Form, frames: list[av.AudioFrame]) -> tuple[list[FloatArray], int]:
    """The samples of some frames, and how many of them are replaced, being no numbers.

    Returns
    -------
    float32 (n_samples,) for each channel, full scale still that of the form, not to be written to;
    and the number.
    """
    dtype, _, silence = _SAMPLE_FORMATS[form.sample_format]
    n_channels = form.channels
    if form.is_planar:
        # Not frame.planes: of eight, PyAV counts one too many, and from 19 on that is an error.
        parts = [
            _joined([_array(AudioPlane(f, c), dtype, f.samples) for f in frames], dtype)
            for c in range(n_channels)
        ]
    else:
        packed = [_array(AudioPlane(f, 0), dtype, f.samples * n_channels) for f in frames]
        parts = [_joined(packed, dtype)]
    n_replaced = 0
    if dtype in (np.float32, np.float64):
        for i, part in enumerate(parts):
            parts[i], n_absurd = _without_absurd(part)
            n_replaced += n_absurd
    if not form.is_planar:
        # Converted first, which is quicker than both at once.
        floats = parts[0].astype(np.float32, copy=False).reshape(-1, n_channels)
        parts = list(np.ascontiguousarray(floats.T))
    channels: list[FloatArray] = [part.astype(np.float32, copy=False) for part in parts]
    if silence:
        channels = [channel - np.float32(silence) for channel in channels]
    return channels, n_replaced


def _joined(parts: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _array(plane: Any, dtype: type[np.generic], n_values: int) -> NDArray[Any]:
    """The values of a plane, which is padded."""
    return np.frombuffer(plane, dtype, n_values)


def _without_absurd(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The values with 0 for NaN, infinite and absurd samples, and how many there were."""
    # One pass tells of nearly all blocks that there are none.
    with np.errstate(over="ignore", invalid="ignore"), one_blas_thread():
        if _energy(values) < _MAX_LEVEL**2:
            return values, 0
        good = np.abs(values) <= _MAX_LEVEL
    return np.where(good, values, 0), int(good.size - np.count_nonzero(good))


class Mixer:
    """The mean of all channels; where they cancel each other out, the strongest of them.

    A recording whose channels are opposite (one is wired the wrong way round) has a mean of nothing
    but errors. Windows of a quarter of a second are compared; around one that cancels, the mean
    fades into a channel and back. What comes out depends on the samples nearby and their places
    in the track alone, so that a passage is the slice of the whole.

    Parameters
    ----------
    sample_rate : Hz.
    full_scale : value of full scale.
    position : of the first sample, counted from the start of the track.
    heard : first and last position between which cancelled samples are counted.

    Attributes
    ----------
    cancelled_s : seconds within ``heard`` in which the channels cancel.
    """

    def __init__(
        self, sample_rate: int, full_scale: float, position: int, heard: tuple[float, float]
    ) -> None:
        self._sample_rate = sample_rate
        self._window = max(1, round(_WINDOW_S * sample_rate))
        self._full_scale = full_scale
        self._heard = heard
        self._first = self._end = position
        # Blocks that wait until what follows them is known: where they begin, mean, channels.
        self._waiting: deque[tuple[int, FloatArray, list[FloatArray]]] = deque()
        # Sums of squares of the mean and of each channel: in the open window, and of the channels
        # in those before it.
        self._energy: list[float] = []
        self._energies: dict[int, list[float]] = {}
        self._cancels: set[int] = set()
        self.cancelled_s = 0.0

    def push(self, channels: list[FloatArray]) -> Iterator[FloatArray]:
        """Take samples, (n,) of each channel, and hand out what is settled: (n,), full scale at 1.

        There are two channels or more.
        """
        mean = channels[0] + channels[1]
        for channel in channels[2:]:
            mean += channel
        mean *= np.float32(1 / (self._full_scale * len(channels)))
        begin, self._end = self._end, self._end + mean.size
        self._waiting.append((begin, mean, channels))
        with one_blas_thread():
            first = -begin % self._window
            energies = [_energies(row, first, self._window) for row in (mean, *channels)]
        for number, energy in enumerate(zip(*energies, strict=True), begin // self._window):
            so_far = self._energy or [0.0] * len(energy)
            self._energy = [a + b for a, b in zip(so_far, energy, strict=True)]
            edge = (number + 1) * self._window
            if edge <= self._end:
                self._close_window(number, edge)
        yield from self._settled((self._end // self._window - 2) * self._window)

    def finish(self) -> Iterator[FloatArray]:
        """Hand out the rest."""
        if self._energy:
            self._close_window(self._end // self._window, self._end)
        yield from self._settled(self._end)

    def _close_window(self, number: int, end: int) -> None:
        """Compare mean and channels over a window that is complete."""
        of_mean, *of_channels = self._energy
        self._energy, self._energies[number] = [], of_channels
        start = max(number * self._window, self._first)
        n_channels = len(of_channels)
        together = sum(of_channels) / self._full_scale**2
        if (
            of_mean < _CANCELS_BELOW * together / n_channels**2
            and together > n_channels * (end - start) * _MIN_RMS**2
        ):
            self._cancels.add(number)
            overlap = min(end, self._heard[1]) - max(start, self._heard[0])
            self.cancelled_s += max(overlap, 0) / self._sample_rate

    def _source(self, number: int) -> int:
        """What is used at the centre of a window: a channel's number, or that of the mean."""
        if number not in self._energies:
            # Before the track's first window, or after its last.
            number = min(max(number, min(self._energies)), max(self._energies))
        if self._cancels.isdisjoint((number - 1, number, number + 1)):
            return _MIX
        energies = self._energies[number]
        least = max(energies) * _NEARLY_STRONGEST
        return next(c for c, energy in enumerate(energies) if energy >= least)

    def _settled(self, until: int) -> Iterator[FloatArray]:
        """The blocks that end before a position, up to which all that decides is known."""
        while self._waiting and self._waiting[0][0] + self._waiting[0][1].size <= until:
            begin, mean, channels = self._waiting.popleft()
            yield self._faded(begin, mean, channels) if self._cancels else mean
        oldest = self._waiting[0][0] if self._waiting else self._end
        for number in [n for n in self._energies if n < oldest // self._window - 2]:
            del self._energies[number]
            self._cancels.discard(number)

    def _faded(self, begin: int, mean: FloatArray, channels: list[FloatArray]) -> FloatArray:
        """The mean, faded from the centre of each window to that of the next."""
        mixed = mean.copy()
        half = self._window // 2
        end = begin + mean.size

        def heard(source: int, part: slice) -> FloatArray:
            if source == _MIX:
                return mean[part]
            return channels[source][part] * np.float32(1 / self._full_scale)

        for number in range((begin - half) // self._window, (end - half) // self._window + 1):
            before, after = self._source(number), self._source(number + 1)
            if before == after == _MIX:
                continue
            center = number * self._window + half
            first, last = max(center, begin), min(center + self._window, end)
            part = slice(first - begin, last - begin)
            mixed[part] = heard(before, part)
            if after != before:
                fade = (np.arange(first - center, last - center) / self._window).astype(np.float32)
                mixed[part] += fade * (heard(after, part) - mixed[part])
        return mixed


def _energies(values: FloatArray, first: int, window: int) -> list[float]:
    """Sums of squares of windows, inside :func:`one_blas_thread`; the first of them ends after
    ``first`` samples, or after a whole window if that is 0, the last where the values end."""
    head, rest = values[:first], values[first:]
    n_whole = rest.size // window
    whole = rest[: n_whole * window].reshape(n_whole, window)
    energies = [_energy(head)] if head.size else []
    # A call for each window would take twice the time of the sums.
    energies += np.vecdot(whole, whole).tolist()
    tail = rest[n_whole * window :]
    if tail.size:
        energies.append(_energy(tail))
    return energies


def _energy(values: FloatArray) -> float:
    """The sum of squares, inside :func:`one_blas_thread`."""
    # Not einsum, whose detour through Python takes as long as the sum.
    return float(np.dot(values, values))
