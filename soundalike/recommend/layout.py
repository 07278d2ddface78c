"""A map of a library: places in the plane, so that tracks that sound alike lie close.

It is t-SNE (van der Maaten and Hinton 2008): nearness on the map, 1 / (1 + d^2), is brought as
close to the affinities of the tracks as can be, in the sense of Kullback and Leibler. What draws
tracks together comes from the graph of the nearest ones, each of them counting the same (Boehm,
Berens and Kobak 2022). What drives them apart comes from all pairs; that sum is a convolution, and
is taken on a grid with an FFT (Linderman, Rachh, Hoskins, Steinerberger and Kluger 2019), which
makes each step linear in the number of tracks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.recommend.affinity import Affinities, affinities
from soundalike.similarity.neighbours import Progress

__all__ = ["NEAREST", "Repulsion", "attraction", "lay_out", "main_axes", "place"]

Floats = NDArray[np.float32]

NEAREST: Final = 10
"""Neighbours of a track that the map is made to keep."""

_STEP: Final = "drawing the map"
# Fewer tracks are shown along the two directions in which they differ most.
_LEAST: Final = 6
# Nodes of the grid lie no farther apart than this, where nearness falls to a half over 1. Finer
# ones keep no more neighbours.
_SPACING: Final = 0.6
# An odd number, so that points in one place lie amid a cell, where slopes are most exact.
_LEAST_SPACES: Final = 49
_LEAST_SPAN: Final = 2.0
# How far a track goes in a step at most.
_LONGEST: Final = 5.0
# The tracks start this close to each other, and are kept from coming closer.
_SMALLEST: Final = 1e-3
_MEETINGS: Final = 30


@dataclass(frozen=True)
class _Phase:
    """Steps in which affinities count some times as much as they are."""

    steps: int
    exaggeration: float
    momentum: float


# While affinities are exaggerated, the tracks are few clouds that pass through each other and find
# their neighbours: without it, a library of thousands is torn into pieces that never meet.
_PHASES: Final = (_Phase(150, 12.0, 0.8), _Phase(50, 2.0, 0.8), _Phase(250, 1.0, 0.9))


def lay_out(
    embeddings: Floats,
    rows: NDArray[np.integer],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Floats:
    """Places for tracks.

    Parameters
    ----------
    embeddings : (n, D), unit length.
    rows : (n, k), the nearest of each; the first :data:`NEAREST` count.
    seed : of what tells tracks apart that have the same embedding. The same machine makes the same
        map of the same tracks.
    progress : told how far it is.

    Returns
    -------
    float32 (n, 2), the middle at 0, the longer side across; one unit apart, nearness is a half.
    """
    n = len(embeddings)
    axes = main_axes(embeddings)
    if n < _LEAST:
        return _framed(axes)
    tell = progress or (lambda *_: None)
    # From nearly one point: the places are to follow from what draws tracks together alone.
    start = axes / np.float32(max(float(np.abs(axes).max()), 1e-12))
    start += np.float32(0.01) * np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)
    # Where each is joined with all others, there is nothing to tell them apart by.
    graph = affinities(rows[:, : min(NEAREST, n // 3)])
    descent = _Descent(graph, start * np.float32(_SMALLEST))
    total, done = sum(phase.steps for phase in _PHASES), 0
    for phase in _PHASES:
        for _ in range(phase.steps):
            descent.step(phase)
            done += 1
            if done % 10 == 0:
                tell(_STEP, done, total)
    return _framed(descent.places)


def place(places: Floats, rows: NDArray[np.integer]) -> Floats:
    """Places for new tracks amid their nearest on a map that stays as it is: float32 (n_new, 2).

    The place of a new track is the mean of those of its nearest, each of which counts as much as it
    is near on the map: 1 / (1 + d^2). So most of them decide, where they lie in several regions,
    and the track does not end up in between. The search starts from the one that is nearest to the
    others, and moves to the mean until it stays there.

    Parameters
    ----------
    places : (n, 2), as :func:`lay_out` gives them.
    rows : (n_new, k), the nearest of each new track among these, k at least 1.
    """
    found = np.empty((len(rows), 2), np.float32)
    for start in range(0, len(rows), 1024):
        around = places[rows[start : start + 1024]]
        between = ((around[:, :, None] - around[:, None]) ** 2).sum(axis=-1)
        best = (1 / (1 + between)).sum(axis=2).argmax(axis=1)
        middle = around[np.arange(len(around)), best]
        for _ in range(_MEETINGS):
            nearness = 1 / (1 + ((around - middle[:, None]) ** 2).sum(axis=-1, keepdims=True))
            middle = (around * nearness).sum(axis=1) / nearness.sum(axis=1)
        found[start : start + 1024] = middle
    return found


def main_axes(embeddings: Floats) -> Floats:
    """The coordinates along the two directions in which tracks differ most (PCA): (n, 2)."""
    n, size = embeddings.shape
    found = np.zeros((n, 2), np.float32)
    if n == 0:
        return found
    around = embeddings - embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    axes = _directions(around)[:, : min(2, size)]
    found[:, : axes.shape[1]] = around @ axes
    return found


def _directions(around: Floats) -> Floats:
    """The principal directions of points around 0, the widest first, one a column."""
    _, vectors = np.linalg.eigh((around.T @ around).astype(np.float64))
    vectors = vectors[:, ::-1]
    # A direction has no sign of its own: the largest of its numbers is to be positive.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return np.asarray(vectors * np.where(largest < 0, -1.0, 1.0), np.float32)


def _framed(places: Floats) -> Floats:
    """The longer side across, the middle at 0."""
    if not len(places):
        return places
    turned = (places - places.mean(axis=0)) @ _directions(places - places.mean(axis=0))
    return np.asarray(turned - (turned.min(axis=0) + turned.max(axis=0)) / 2, np.float32)


class _Descent:
    """Gradient descent with momentum, and with a rate for each number (gains; Jacobs 1988)."""

    def __init__(self, graph: Affinities, places: Floats) -> None:
        self.places = places
        self._graph = graph
        self._repulsion = Repulsion()
        self._update = np.zeros_like(places)
        self._gains = np.ones_like(places)

    def step(self, phase: _Phase) -> None:
        n = len(self.places)
        apart, total = self._repulsion(self.places)
        gradient = attraction(self._graph, self.places) * np.float32(phase.exaggeration)
        gradient -= apart / np.float32(max(total, 1e-12))
        is_turning = (gradient > 0) == (self._update > 0)
        self._gains = np.where(is_turning, self._gains * 0.8, self._gains + 0.2).astype(np.float32)
        np.maximum(self._gains, 0.01, out=self._gains)
        # The rate of Belkina et al. 2019, which keeps what the exaggeration draws together stable.
        gradient *= self._gains * np.float32(n / phase.exaggeration)
        # Of few tracks, what one of them does the others feel at once: they would swing.
        self._update *= np.float32(min(phase.momentum, 1 - 2 / math.sqrt(n)))
        self._update -= gradient
        lengths = np.hypot(self._update[:, 0], self._update[:, 1])[:, None]
        self._update *= np.float32(_LONGEST) / np.maximum(lengths, np.float32(_LONGEST))
        self.places += self._update
        self.places -= self.places.mean(axis=0)
        # What is exaggerated may draw everything into one point. It does so at the same pace
        # everywhere, and what counts is the shape.
        size = float(np.abs(self.places).max())
        if size < _SMALLEST:
            grown = np.float32(_SMALLEST / max(size, 1e-30))
            self.places *= grown
            self._update *= grown


def attraction(graph: Affinities, places: Floats) -> Floats:
    """sum_j p_ij (y_i - y_j) / (1 + d_ij^2) over the edges of each node: float32 (n, 2)."""
    # As complex numbers, of which one costs no more to look up than a float.
    points = np.ascontiguousarray(places).view(np.complex64)[:, 0]
    apart = np.repeat(points, np.diff(graph.starts))
    apart -= points[graph.targets]
    square = apart.real**2
    square += apart.imag**2
    square += 1
    apart *= graph.weights / square
    return np.add.reduceat(apart, graph.starts[:-1]).view(np.float32).reshape(-1, 2)


class Repulsion:
    """sum_j (y_i - y_j) / (1 + d_ij^2)^2, and sum_ij 1 / (1 + d_ij^2) over all pairs.

    The first is minus half the gradient of the potential sum_j 1 / (1 + d_ij^2). The points are
    spread over the nodes of a grid (cubic Lagrange polynomials), the potential at the nodes is a
    convolution, and between them it is interpolated by the same polynomials. Where points are as
    dense as on a map, the first is right to some 10 %, the second to 1 in 1,000.
    """

    def __init__(self) -> None:
        self._side = 0.0

    def __call__(self, places: Floats) -> tuple[Floats, float]:
        """Of points (n, 2): float32 (n, 2) and a number."""
        # A coordinate at a time, a node of the sixteen around a point at a time: whole rows of
        # numbers are several times as quick as many short ones.
        x, y = np.ascontiguousarray(places.T)
        self._fit(max(float(np.ptp(x)), float(np.ptp(y))))
        column, across, slope_across = self._around(x)
        row, up, slope_up = self._around(y)
        corner = column * self._n_nodes + row
        nodes = [[corner + (a * self._n_nodes + b) for b in range(4)] for a in range(4)]
        mass = np.zeros(self._n_nodes**2)
        for a in range(4):
            for b in range(4):
                mass += np.bincount(nodes[a][b], across[a] * up[b], self._n_nodes**2)
        potentials = self._convolved(mass.astype(np.float32)).ravel()
        total = 0.0
        gradient = np.zeros_like(places)
        for a in range(4):
            along, slope = np.zeros_like(x), np.zeros_like(x)
            for b in range(4):
                potential = potentials[nodes[a][b]]
                along += potential * up[b]
                slope += potential * slope_up[b]
            gradient[:, 0] += along * slope_across[a]
            gradient[:, 1] += slope * across[a]
            total += float((along * across[a]).sum(dtype=np.float64))
        # Each point meets itself in the sum, with a nearness of 1.
        return gradient * np.float32(-0.5 / self._spacing), total - len(places)

    def _around(self, at: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
        """The first of the four nodes around each coordinate, and the polynomials with slopes."""
        middle = (at.min() + at.max()) / 2
        steps = (at - (middle - np.float32(self._side / 2))) / np.float32(self._spacing)
        node = steps.astype(np.int64)
        values, slopes = _cubic(steps - node.astype(np.float32))
        return node, values, slopes

    def _fit(self, span: float) -> None:
        """Have a grid for points that are so far apart."""
        # Between nodes that lie closer, the potential differs by less than a float can tell.
        span = max(span, _LEAST_SPAN)
        # A grid is kept as long as it fits, so that the transform of its kernel can be.
        if not 0.7 * self._side <= span <= self._side:
            self._resize(1.15 * span)

    def _resize(self, side: float) -> None:
        n_spaces = max(_LEAST_SPACES, math.ceil(side / _SPACING))
        self._side, self._spacing = side, side / n_spaces
        self._n_nodes = n_spaces + 5
        self._size = _quick_length(2 * self._n_nodes - 1)
        # Around: what lies beyond the middle is as far away from the other side.
        steps = np.arange(self._size)
        away = np.minimum(steps, self._size - steps) * self._spacing
        kernel = 1 / (1 + away[:, None] ** 2 + away**2)
        self._kernel = np.fft.rfft2(kernel.astype(np.float32))

    def _convolved(self, mass: Floats) -> Floats:
        size = (self._size, self._size)
        nodes = mass.reshape(self._n_nodes, self._n_nodes)
        found = np.fft.irfft2(np.fft.rfft2(nodes, size) * self._kernel, size)
        return np.ascontiguousarray(found[: self._n_nodes, : self._n_nodes])


def _cubic(at: Floats) -> tuple[Floats, Floats]:
    """The cubic Lagrange polynomials of the nodes -1, 0, 1, 2 at places from 0 to 1, and their
    slopes: (4, n) each."""
    square = at * at
    values = (
        -at * (at - 1) * (at - 2) / 6,
        (square - 1) * (at - 2) / 2,
        -at * (at + 1) * (at - 2) / 2,
        at * (square - 1) / 6,
    )
    slopes = (
        -(3 * square - 6 * at + 2) / 6,
        (3 * square - 4 * at - 1) / 2,
        -(3 * square - 2 * at - 2) / 2,
        (3 * square - 1) / 6,
    )
    return np.stack(values), np.stack(slopes)


def _quick_length(least: int) -> int:
    """The next number whose prime factors are 2, 3 and 5: transforms of such a length are quick."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1
