"""Where one track goes the way of another, in time, in any key and at another tempo.

A frame is the chroma of half a second (:mod:`soundalike.descriptors.fingerprint`), without what the
track has on average, of unit length: so it is not the key that two tracks share, but what happens
in them. Two frames are as alike as their cosine.

*Scores.* A local alignment (Smith and Waterman 1981) over frames of a second: along a path through
the table of all pairs of frames, cosines over a threshold are added up, and the best sum counts.
A step goes on by one frame in both tracks, or by one in one and two in the other, so that tempi may
differ up to twice, and may change on the way; that, and the choice of the transposition by the
mean chroma, are those of Serra, Serra and Andrzejak, "Cross recurrence quantification for cover
song identification" (New J. Phys. 11, 2009). All candidates of a track lie side by side in one
table, so that a row of it is a handful of operations on a long array.

*Stretches.* Where two tracks are in step: at one time difference, frame by frame, for at least ten
seconds. That is so of two encodings or cuts of one recording, and of what a machine played twice.

*The path* of the best alignment of two tracks tells tempo, key and when it begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.descriptors.fingerprint import FRAME_RATE, unpacked

__all__ = [
    "LEAST_FRAMES",
    "Contour",
    "Path",
    "Stretch",
    "best_path",
    "contour",
    "in_step",
    "may_be_in_step",
    "scores",
]

FloatArray = NDArray[np.float32]

# The first half hour of a track counts.
_MOST_FRAMES: Final = round(1800 * FRAME_RATE)
# Cosines above this speak for an alignment, below against it.
_NEUTRAL: Final = 0.3
# What a step costs that is not by one frame in both.
_OFF_PACE: Final = np.float32(0.2)
# Keys that are tried: those in which the mean chroma of both are the most alike.
_KEYS: Final = 3
# By how many semitones something is raised: where each of its pitch classes is taken from.
_RAISED: Final = (np.arange(12) - np.arange(12)[:, None]) % 12
# Between two tracks in a table: no step leads over it.
_APART: Final = 2
_NO_WAY: Final = -1e6
# Cells of the table that are made at once.
_CELLS: Final = 1 << 21

# Stretches: time differences that are tried; frames over which cosines are averaged, and what their
# mean has to reach; frames that a stretch has to last.
_LAGS: Final = 12
_WINDOW: Final = 16
_IN_STEP: Final = 0.75
_LEAST_STRETCH: Final = 20
# Mean cosine of the frames of a second over which it is worth to look for stretches.
_LIKELY: Final = 0.35
LEAST_FRAMES: Final = _LEAST_STRETCH
"""What has fewer frames cannot be told to be in step."""


@dataclass(frozen=True, eq=False)
class Contour:
    """A fingerprint as it is compared.

    Attributes
    ----------
    fingerprint : uint8 (n_frames, 6), ``FRAME_RATE`` frames a second; of half an hour at most.
    coarse : float32 (n_frames / 2, 12), the frames of a second, unit length, or 0 where nothing
        sounds.
    profile : float32 (12,), the mean pitch classes, without their mean.
    """

    fingerprint: NDArray[np.uint8]
    coarse: FloatArray
    profile: FloatArray

    def __len__(self) -> int:
        return len(self.fingerprint)

    def plain(self) -> FloatArray:
        """The frames of half a second with what they have in common: float32 (n_frames, 12)."""
        return _plain(unpacked(self.fingerprint))

    def frames(self) -> FloatArray:
        """The frames of half a second without it: float32 (n_frames, 12)."""
        plain = self.plain()
        return _without(plain, _mean(plain))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of two tracks that are in step.

    Attributes
    ----------
    a, b : the first frame of either.
    length : frames.
    similarity : mean cosine.
    drift : by how many frames b gains on a in a frame: 0.01 where it is one per cent faster.
    """

    a: int
    b: int
    length: int
    similarity: float
    drift: float = 0.0


@dataclass(frozen=True, eq=False)
class Path:
    """The best alignment of two tracks.

    Attributes
    ----------
    a, b : int (n,), the frames of either that lie at the same place of the music, both ascending.
    similarity : mean cosine along the path.
    """

    a: NDArray[np.intp]
    b: NDArray[np.intp]
    similarity: float

    @property
    def tempo_ratio(self) -> float:
        """The tempo of b as a factor on that of a: above 1, b is faster."""
        spread = self.b - self.b.mean()
        return float(((self.a - self.a.mean()) @ spread) / (spread @ spread))


def contour(fingerprint: NDArray[np.uint8]) -> Contour:
    """Make a fingerprint ready to be compared.

    Parameters
    ----------
    fingerprint : uint8 (n_frames, 6) of :func:`soundalike.descriptors.fingerprint.fingerprint`.
    """
    packed = fingerprint[:_MOST_FRAMES]
    classes = unpacked(packed)
    even = len(classes) // 2 * 2
    plain = _plain((classes[0:even:2] + classes[1:even:2]) / np.float32(2))
    profile = classes.mean(axis=0) if len(classes) else np.zeros(12, np.float32)
    return Contour(packed, _without(plain, _mean(plain)), profile - profile.mean())


def _plain(classes: FloatArray) -> FloatArray:
    """Frames of unit length, each without its mean; what does not sound is 0."""
    return _unit(classes - classes.mean(axis=1, keepdims=True))


def _mean(plain: FloatArray) -> FloatArray:
    """The mean of what sounds: (12,)."""
    sounding = plain[plain.any(axis=1)]
    mean: FloatArray = sounding.mean(axis=0) if len(sounding) else np.zeros(12, np.float32)
    return mean


def _without(plain: FloatArray, mean: FloatArray) -> FloatArray:
    """Frames without something in common, of unit length again."""
    return _unit(np.where(plain.any(axis=1, keepdims=True), plain - mean, np.float32(0.0)))


def _unit(frames: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(frames, axis=1, keepdims=True)
    found: FloatArray = np.divide(
        frames, lengths, out=np.zeros_like(frames), where=lengths > 1e-4, dtype=np.float32
    )
    return found


def transpositions(a: Contour, b: Contour) -> list[int]:
    """By how many semitones b may have to be raised to be in the key of a, the likeliest first."""
    order: list[int] = np.argsort(-(b.profile[_RAISED] @ a.profile), kind="stable")[:_KEYS].tolist()
    return order


def scores(
    query: Contour, others: Sequence[Contour]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """How well others can be aligned to a track, in the key that suits best.

    Returns
    -------
    float64 (n,): the sum of cosines over a threshold along the best path, which is at most 0.7 of
    its seconds; int (n,): by how many semitones (0 to 11) each has to be raised for it.
    """
    best = np.zeros(len(others))
    keys = np.zeros(len(others), np.intp)
    n_rows = len(query.coarse)
    if n_rows == 0 or not len(others):
        return best, keys
    at_once = max(1, _CELLS // n_rows)
    start = 0
    while start < len(others):
        width, stop = 0, start
        while stop < len(others) and (stop == start or width < at_once):
            width += _KEYS * (len(others[stop].coarse) + _APART)
            stop += 1
        some = others[start:stop]
        tried = [transpositions(query, other) for other in some]
        found = _table_scores(query.coarse, [other.coarse for other in some], tried)
        picked = found.argmax(axis=1)
        best[start:stop] = found.max(axis=1)
        keys[start:stop] = [each[place] for each, place in zip(tried, picked, strict=True)]
        start = stop
    return best, keys


def _table_scores(
    query: FloatArray, others: Sequence[FloatArray], tried: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """The best sum for each of some tracks in each of some keys: (n, n_keys)."""
    blocks = [
        frames.T[_RAISED[semitones]]
        for frames, some in zip(others, tried, strict=True)
        for semitones in some
    ]
    starts = np.cumsum([_APART, *(block.shape[1] + _APART for block in blocks)])
    width = int(starts[-1])
    columns = np.zeros((12, width), np.float32)
    offset = np.full(width, _NO_WAY, np.float32)
    for start, block in zip(starts, blocks, strict=False):
        columns[:, start : start + block.shape[1]] = block
        offset[start : start + block.shape[1]] = -_NEUTRAL
    best = np.zeros(width, np.float32)
    last, before, new = (np.zeros(width, np.float32) for _ in range(3))
    rows = max(1, _CELLS // width)
    for first in range(0, len(query), rows):
        for row in query[first : first + rows] @ columns + offset:
            # In new: the best way to each cell, then the sum on it.
            np.maximum(last[:-2], before[1:-1], out=new[2:])
            new -= _OFF_PACE
            np.maximum(new[2:], last[1:-1], out=new[2:])
            new += row
            np.maximum(new, 0.0, out=new)
            np.maximum(best, new, out=best)
            before, last, new = last, new, before
    tops = np.maximum.reduceat(best, starts[:-1])
    return tops.astype(np.float64).reshape(len(others), -1)


def best_path(a: Contour, b: Contour, semitones: int) -> Path | None:
    """The best alignment of two tracks, frame by frame.

    Parameters
    ----------
    semitones : by which b is raised.

    Returns
    -------
    None where no two frames are alike.
    """
    frames, other = a.frames(), np.roll(b.frames(), semitones, axis=1).T
    n_rows, n_columns = len(frames), other.shape[1]
    if n_rows == 0 or n_columns == 0:
        return None
    # From where each cell was reached: 0 from nowhere, else the step.
    steps = np.zeros((n_rows, n_columns), np.int8)
    last, before = (
        np.zeros(n_columns + _APART, np.float32),
        np.zeros(n_columns + _APART, np.float32),
    )
    best, end = 0.0, (-1, -1)
    for number, frame in enumerate(frames):
        ways = np.stack([last[1:-1], last[:-2] - _OFF_PACE, before[1:-1] - _OFF_PACE])
        step = ways.argmax(axis=0)
        reached = np.take_along_axis(ways, step[None], axis=0)[0]
        sums = np.maximum(reached + (frame @ other - _NEUTRAL), 0.0)
        steps[number] = np.where(sums > 0, np.where(reached > 0, step + 1, 4), 0)
        column = int(sums.argmax())
        if sums[column] > best:
            best, end = float(sums[column]), (number, column)
        new = np.zeros_like(last)
        new[_APART:] = sums
        last, before = new, last
    if best <= 0:
        return None
    rows, columns = [], []
    row, column = end
    while True:
        rows.append(row)
        columns.append(column)
        step_here = steps[row, column]
        if step_here == 4:
            break
        down, right = ((1, 1), (1, 2), (2, 1))[step_here - 1]
        row, column = row - down, column - right
    path_a, path_b = np.array(rows[::-1]), np.array(columns[::-1])
    cosines = np.einsum("ij,ji->i", frames[path_a], other[:, path_b])
    return Path(path_a, path_b, float(cosines.mean()))


def in_step(a: Contour, b: Contour, most_apart_s: float | None = None) -> list[Stretch]:
    """Where two tracks in one key and at one tempo are in step, the longest and closest first.

    What one time difference has taken of the shorter track, others do not take again, so that the
    lengths add up to what is in step in all.

    Parameters
    ----------
    most_apart_s : only time differences up to this are tried, which is quicker; None for any.
    """
    if len(a) > len(b):
        turned = in_step(b, a, most_apart_s)
        return [replace(each, a=each.b, b=each.a, drift=-each.drift) for each in turned]
    n_a = len(a)
    if n_a < _LEAST_STRETCH:
        return []
    # Of a cut the mean is another: without that of both, equal frames stay equal.
    plain_a, plain_b = a.plain(), b.plain()
    mean = (_mean(plain_a) + _mean(plain_b)) / np.float32(2)
    frames, whole = _without(plain_a, mean), _without(plain_b, mean)
    # A cut need not be at the edge of a frame: b as it is, and half a frame later.
    ways = (whole, _unit(whole[:-1] + whole[1:]))
    if most_apart_s is None:
        lags = _lags(frames, ways)
    else:
        most = math.ceil(most_apart_s * FRAME_RATE)
        lags = sorted(range(-most, most + 1), key=abs)
    tried = []
    for lag in lags:
        for other in ways:
            first, stop = max(0, lag), min(n_a, len(other) + lag)
            if stop - first < _LEAST_STRETCH:
                continue
            cosines = np.einsum("ij,ij->i", frames[first:stop], other[first - lag : stop - lag])
            for begin, end in _runs(_alike(cosines)):
                gain = float((cosines[begin:end] - _IN_STEP / 2).sum())
                tried.append((gain, lag, first + begin, cosines[begin:end], other))
    taken = np.zeros(n_a, bool)
    found: list[Stretch] = []
    for _, lag, start, cosines, other in sorted(tried, key=lambda each: -each[0]):
        for begin, end in _runs(~taken[start : start + len(cosines)]):
            at, length = start + begin, end - begin
            similarity = float(cosines[begin:end].mean())
            drift = _drift(frames[at : at + length], other, at - lag)
            found.append(Stretch(at, at - lag, length, similarity, drift))
            taken[at : at + length] = True
    return found


def _drift(frames: FloatArray, other: FloatArray, start: int) -> float:
    """By how much another track, whose frames from one on are in step with these, gains on them in
    a frame: from where the cosines are highest, a frame to either side, in both halves."""
    places = np.arange(start, start + len(frames))
    beside = np.stack(
        [
            np.einsum("ij,ij->i", frames, other[np.clip(places + step, 0, len(other) - 1)])
            for step in (-1, 0, 1)
        ]
    )
    middle = len(frames) // 2
    ends = []
    for before, here, behind in (beside[:, :middle].mean(axis=1), beside[:, middle:].mean(axis=1)):
        bend = before - 2 * here + behind
        ends.append(float(np.clip((before - behind) / (2 * bend), -1, 1)) if bend < -1e-6 else 0.0)
    return (ends[1] - ends[0]) / max(1, middle)


def may_be_in_step(a: Contour, b: Contour) -> bool:
    """Whether a closer look is worth it: at some time difference the frames of a second agree well
    enough. Ten times as quick as :func:`in_step`, and no cut of one recording fails it."""
    n_a, n_b = len(a.coarse), len(b.coarse)
    if min(n_a, n_b) == 0:
        return False
    size = 1 << (n_a + n_b - 1).bit_length()
    sums = _likeness(a.coarse, [b.coarse], size)
    lags = np.arange(size)
    lags[n_a:] -= size
    overlap = np.minimum(n_a, n_b + lags) - np.maximum(lags, 0)
    enough = overlap >= max(1, min(n_a, n_b) // 4)
    return bool((sums[enough] / overlap[enough]).max(initial=0.0) >= _LIKELY)


def _likeness(frames: FloatArray, ways: Sequence[FloatArray], size: int) -> FloatArray:
    """At place d the highest sum of cosines where another is d frames earlier, modulo the size."""
    spectrum = np.fft.rfft(frames, size, axis=0)
    return np.asarray(
        np.max(
            [
                np.fft.irfft((spectrum * np.fft.rfft(way, size, axis=0).conj()).sum(axis=1), size)
                for way in ways
            ],
            axis=0,
        )
    )


def _lags(frames: FloatArray, ways: Sequence[FloatArray]) -> list[int]:
    """By how many frames a track may be later than another, the likeliest first."""
    n_a, n_b = len(frames), max(map(len, ways))
    size = 1 << (n_a + n_b - 1).bit_length()
    likeness = _likeness(frames, ways, size)
    likeness[n_a - _LEAST_STRETCH + 1 : size - n_b + _LEAST_STRETCH + 1] = -np.inf
    found = []
    for _ in range(_LAGS):
        place = int(likeness.argmax())
        if likeness[place] <= 0:
            break
        found.append(place - size if place >= n_a else place)
        likeness[(place + np.arange(-1, 2)) % size] = -np.inf
    return found


def _alike(cosines: FloatArray) -> NDArray[np.bool_]:
    """The frames that lie in a window whose mean cosine is high enough."""
    sums = np.concatenate([[0.0], np.cumsum(cosines, dtype=np.float64)])
    high = (sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW >= _IN_STEP
    spread = np.convolve(high, np.ones(_WINDOW))
    return spread > 0.5


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of the runs of True that last long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    pairs = edges.reshape(-1, 2).tolist()
    return [(begin, end) for begin, end in pairs if end - begin >= _LEAST_STRETCH]
