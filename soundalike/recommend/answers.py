"""How probable a listener's answers are under a metric: "these two are alike", "this is the odd
one"; and the metric under which they are most probable.

*Odd one out.* That C is the odd one of A, B and C is as probable as the similarity of A and B
stands out among those of the three pairs: a softmax (van der Maaten and Weinberger 2012,
"Stochastic triplet embedding"; Hebart et al. 2020, "Revealing the multidimensional mental
representations of natural objects"). Wolff and Weyde (2014, "Learning music similarity from
relative user ratings") learn weights of facets from such answers in MagnaTagATune.

*Alike, unlike.* Logistic in the similarity of the pair, above the mean of the library's pairs.

*The metric* is that of ``similarity.taste``: weights of the facets, then in each facet a symmetric
matrix over its first principal axes, added to the identity. Both are drawn towards what the model
has: logarithms of the weights by a normal prior, matrices by their Frobenius norm (Schultz and
Joachims 2003, "Learning a distance metric from relative comparisons", penalise the norm, too). The
most probable one is found by Newton steps with the expected curvature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.taste import Metric, Stretch

if TYPE_CHECKING:
    from soundalike.facets import Facets

__all__ = ["FIRST_SURENESS", "LAPSES", "WEIGHT_SPREAD", "Answers", "Problem", "principal_axes"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

AXES: Final = (12, 6)
"""Principal axes of the facet with the highest weight, and of each other facet."""

# Standard deviations of the priors: how sure answers are (a logarithm), from which similarity on a
# pair is alike (in units of that), logarithms of the weights, entries of the matrix.
_SURENESS, _OFFSET, _ENTRY = 1.0, 2.0, 0.4
WEIGHT_SPREAD: Final = 1.0
# How sure answers are before any: two units between similarities a standard deviation apart.
FIRST_SURENESS: Final = 2.0
# The share of answers that are given at random.
LAPSES: Final = 0.1
# No direction counts for less than this share of what it did.
_LEAST_GAIN = -0.95
_MOST_STEPS, _TOLERANCE = 40, 1e-6


@dataclass(frozen=True, eq=False)
class Answers:
    """What a listener said, as rows of embeddings.

    Attributes
    ----------
    triplets : (n, 3), the last is the odd one.
    pairs : (m, 2).
    alike : bool (m,), whether the pair is called alike.
    """

    triplets: Rows
    pairs: Rows
    alike: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.triplets) + len(self.pairs)

    def take(self, chosen: NDArray[np.bool_]) -> Answers:
        """Some of them; bool (n + m,), triplets first."""
        n = len(self.triplets)
        pairs = chosen[n:]
        return Answers(self.triplets[chosen[:n]], self.pairs[pairs], self.alike[pairs])

    def groups(self) -> Rows:
        """Numbers (n + m,), equal for answers that share a pair of tracks, if by way of others."""
        first: dict[tuple[int, int], int] = {}
        parent = list(range(len(self)))

        def root(place: int) -> int:
            while parent[place] != place:
                parent[place] = parent[parent[place]]
                place = parent[place]
            return place

        several = [((a, b), (a, c), (b, c)) for a, b, c in self.triplets.tolist()]
        for place, pairs in enumerate([*several, *(((a, b),) for a, b in self.pairs.tolist())]):
            for a, b in pairs:
                other = first.setdefault((min(a, b), max(a, b)), place)
                parent[root(place)] = root(other)
        return np.array([root(place) for place in range(len(self))], np.intp)


def principal_axes(embeddings: NDArray[np.floating], layout: Facets) -> list[Floats]:
    """The first principal axes of each facet, (r, size), about the origin.

    Parameters
    ----------
    embeddings : (n, D), of the tracks that are judged.
    """
    heaviest = max(layout, key=lambda facet: facet.weight)
    found = []
    for facet in layout:
        block = embeddings[:, layout.slices[facet.name]].astype(np.float64)
        wanted = min(AXES[facet is not heaviest], facet.size, max(len(block) - 1, 0))
        _, vectors = np.linalg.eigh(block.T @ block)
        found.append(vectors[:, ::-1][:, :wanted].T)
    return found


class _Pairs:
    """Pairs of tracks: their cosines (n, n_facets), and both along the axes, (n, r) a facet."""

    def __init__(self, cosines: Floats, ones: list[Floats], others: list[Floats]) -> None:
        self.cosines, self.ones, self.others = cosines, ones, others


class Problem:
    """Tracks, and how probable answers about them are.

    A metric is told by values, float64: how sure answers are (a logarithm) and from where on pairs
    are alike, the logarithms of what the weights of the facets are multiplied by, and then, where
    they are fitted, the upper triangles of the matrices.

    Parameters
    ----------
    embeddings : (n, D), of the tracks that answers are about.
    layout : what an embedding is made of.
    background : (n, 2, D), pairs of the library at random: what a similarity is measured from.
    axes : of each facet, (r, size); none to fit weights alone.
    """

    def __init__(
        self,
        embeddings: NDArray[np.floating],
        layout: Facets,
        background: NDArray[np.floating],
        axes: Sequence[Floats] = (),
    ) -> None:
        self.layout = layout
        self._axes = list(axes) or [np.zeros((0, facet.size)) for facet in layout]
        self._units = self._split(embeddings)
        self._defaults = np.array([facet.weight for facet in layout])
        self._triangles = [np.triu_indices(len(each)) for each in self._axes]
        self.n_weights = len(layout)
        self.n_entries = sum(len(rows) for rows, _ in self._triangles)
        self._background = self._of(self._split(background[:, 0]), self._split(background[:, 1]))
        spread = float(np.std(self._background.cosines @ self._defaults)) or 1.0
        self._first_sureness = np.log(FIRST_SURENESS / max(spread, 1e-3))

    def _split(self, embeddings: NDArray[np.floating]) -> list[tuple[Floats, Floats]]:
        """Blocks of unit length, and along the axes."""
        found = []
        for facet, axes in zip(self.layout, self._axes, strict=True):
            block = embeddings[:, self.layout.slices[facet.name]].astype(np.float64)
            block = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
            found.append((block, block @ axes.T))
        return found

    def _of(self, ones: list[tuple[Floats, Floats]], others: list[tuple[Floats, Floats]]) -> _Pairs:
        cosines = [_rowwise(a, b) for (a, _), (b, _) in zip(ones, others, strict=True)]
        return _Pairs(np.stack(cosines, axis=1), [a for _, a in ones], [b for _, b in others])

    def _pairs(self, rows: Rows) -> _Pairs:
        """Rows (n, 2)."""
        ones, others = (
            [(block[rows[:, n]], along[rows[:, n]]) for block, along in self._units] for n in (0, 1)
        )
        return self._of(ones, others)

    # The metric that values stand for

    def weights(self, values: Floats) -> dict[str, float]:
        """The share of each facet."""
        found = self._weights(values)
        return dict(zip(self.layout.names, found.tolist(), strict=True))

    def metric(self, values: Floats) -> Metric:
        """What is applied to embeddings."""
        stretches = {}
        for facet, axes, matrix in zip(
            self.layout, self._axes, self._matrices(values), strict=True
        ):
            gains, vectors = np.linalg.eigh(matrix)
            if len(gains) and np.abs(gains).max() > 0:
                stretches[facet.name] = Stretch(
                    (vectors.T @ axes).astype(np.float32), gains.astype(np.float32)
                )
        return Metric(self.layout, self.weights(values), stretches)

    def _weights(self, values: Floats) -> Floats:
        logs = np.log(self._defaults) + values[2 : 2 + self.n_weights]
        found = np.exp(logs - logs.max())
        return np.asarray(found / found.sum())

    def _matrices(self, values: Floats) -> list[Floats]:
        found, start = [], 2 + self.n_weights
        for rows, columns in self._triangles:
            size = len(rows)
            n = int(rows[-1]) + 1 if size else 0
            matrix = np.zeros((n, n))
            # Values of a fit without the matrix end before it.
            entries = values[start : start + size]
            if len(entries):
                matrix[rows, columns] = matrix[columns, rows] = entries
            found.append(matrix)
            start += size
        return found

    def _similarities(self, pairs: _Pairs, values: Floats) -> tuple[Floats, Floats]:
        """Of pairs, (n,), and how they change with the values from the weights on, (n, ...)."""
        weights, cosines = self._weights(values), pairs.cosines
        changes: list[Floats] = []
        if len(values) > 2 + self.n_weights:
            cosines = cosines.copy()
            for n, matrix in enumerate(self._matrices(values)):
                a, b = pairs.ones[n], pairs.others[n]
                rows, columns = self._triangles[n]
                # An entry off the diagonal stands there twice.
                times = np.where(rows == columns, 0.5, 1.0)
                across = (a[:, rows] * b[:, columns] + a[:, columns] * b[:, rows]) * times
                squares = [2 * each[:, rows] * each[:, columns] * times for each in (a, b)]
                over = [1 / (1 + _rowwise(each @ matrix, each)) for each in (a, b)]
                dots = pairs.cosines[:, n] + _rowwise(a @ matrix, b)
                lengths = np.sqrt(over[0] * over[1])
                cosines[:, n] = dots * lengths
                change = across * lengths[:, None]
                for square, one in zip(squares, over, strict=True):
                    change -= square * (cosines[:, n] * one / 2)[:, None]
                changes.append(weights[n] * change)
        found = cosines @ weights
        return found, np.hstack([weights * (cosines - found[:, None]), *changes])

    # Answers

    def _asked(self, answers: Answers) -> _Pairs:
        """The pairs of all triplets that leave the odd one, then those with it, then the pairs."""
        a, b, c = answers.triplets.T
        three = [np.stack(pair, axis=1) for pair in ((a, b), (a, c), (b, c))]
        return self._pairs(np.concatenate([*three, answers.pairs]))

    def _odds(
        self, answers: Answers, asked: _Pairs, values: Floats
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Log odds of the three pairs of each triplet (n, 3), the pair without the odd one first,
        and of each pair (m,), with how they change with the values."""
        sure = np.exp(self._first_sureness + values[0])
        n = len(answers.triplets)
        found, change = self._similarities(asked, values)
        ground, its_change = self._similarities(self._background, values)
        three = sure * found[: 3 * n].reshape(3, n).T
        size = change.shape[1]
        three_change = np.zeros((n, 3, 2 + size))
        three_change[:, :, 0] = three
        three_change[:, :, 2:] = sure * change[: 3 * n].reshape(3, n, size).transpose(1, 0, 2)
        above = sure * (found[3 * n :] - ground.mean())
        pair_change = np.zeros((len(answers.pairs), 2 + size))
        pair_change[:, 0], pair_change[:, 1] = above, -1.0
        pair_change[:, 2:] = sure * (change[3 * n :] - its_change.mean(axis=0))
        return three, three_change, above - values[1], pair_change

    def losses(self, answers: Answers, values: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The negative log probability of each answer (n + m,), and whether it is the likeliest."""
        three, _, pairs, _ = self._odds(answers, self._asked(answers), values)
        signed = np.where(answers.alike, pairs, -pairs)
        losses = np.concatenate(
            [_lapsed(-_log_shares(three)[:, 0], 3)[0], _lapsed(np.logaddexp(0, -signed), 2)[0]]
        )
        first = three[:, 0] > three[:, 1:].max(axis=1, initial=-np.inf)
        return losses, np.concatenate([first, signed > 0])

    def fit(self, answers: Answers, *, weights: bool = True, matrix: bool = False) -> Floats:
        """The most probable values.

        Parameters
        ----------
        weights : False to leave the metric as the model has it: only how sure answers are is
            fitted then.
        matrix : fit the matrices over the axes as well.
        """
        precision = [1 / _SURENESS**2, 1 / _OFFSET**2]
        precision += [1 / WEIGHT_SPREAD**2] * self.n_weights
        for rows, columns in self._triangles:
            precision += np.where(rows == columns, 1.0, 2.0).tolist()
        prior = np.array(precision)
        prior[2 + self.n_weights :] /= _ENTRY**2
        size = 2 + self.n_weights + (self.n_entries if matrix else 0)
        free = np.ones(size, np.bool_)
        free[2:] = weights
        return self._newton(answers, prior[:size], free)

    def _newton(self, answers: Answers, prior: Floats, free: NDArray[np.bool_]) -> Floats:
        values, asked = np.zeros(len(prior)), self._asked(answers)
        loss, slope, curvature = self._loss(answers, asked, values, prior)
        for _ in range(_MOST_STEPS):
            step = np.zeros(len(values))
            step[free] = -np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
            before, share = loss, 1.0
            while True:
                moved = values + share * step
                if self._is_possible(moved):
                    loss, new_slope, new_curvature = self._loss(answers, asked, moved, prior)
                    if loss <= before + 1e-4 * share * float(slope @ step):
                        break
                share /= 2
                if share < 1e-6:
                    return values
            values, slope, curvature = moved, new_slope, new_curvature
            if before - loss < _TOLERANCE * max(1.0, abs(loss)):
                break
        return values

    def _is_possible(self, values: Floats) -> bool:
        """Whether all lengths stay above 0."""
        if len(values) == 2 + self.n_weights:
            return True
        return all(
            np.linalg.eigvalsh(matrix).min(initial=0.0) > _LEAST_GAIN
            for matrix in self._matrices(values)
        )

    def _loss(
        self, answers: Answers, asked: _Pairs, values: Floats, prior: Floats
    ) -> tuple[float, Floats, Floats]:
        """The penalised loss, its slope, and its expected curvature."""
        three, three_change, pairs, pair_change = self._odds(answers, asked, values)
        logs = _log_shares(three)
        losses, counts = _lapsed(-logs[:, 0], 3)
        shares = np.exp(logs)
        mean = np.einsum("nk,nkv->nv", shares, three_change)
        slope = prior * values + counts @ (mean - three_change[:, 0])
        apart = (three_change - mean[:, None]) * np.sqrt(shares * counts[:, None])[:, :, None]
        flat = apart.reshape(-1, len(values))
        curvature = np.diag(prior) + flat.T @ flat
        signs = np.where(answers.alike, 1.0, -1.0)
        pair_losses, pair_counts = _lapsed(np.logaddexp(0, -signs * pairs), 2)
        wrong = 1 / (1 + np.exp(np.clip(signs * pairs, -500, 500)))
        slope -= (signs * wrong * pair_counts) @ pair_change
        curvature += (pair_change * (wrong * (1 - wrong) * pair_counts)[:, None]).T @ pair_change
        loss = losses.sum() + pair_losses.sum() + 0.5 * prior @ values**2
        return float(loss), slope, curvature


def _lapsed(losses: Floats, n_answers: int) -> tuple[Floats, Floats]:
    """Losses where one answer in ten is given at random, and how much each still counts."""
    given = (1 - LAPSES) * np.exp(-losses)
    any_way = given + LAPSES / n_answers
    return -np.log(any_way), given / any_way


def _rowwise(a: Floats, b: Floats) -> Floats:
    """The dot products of rows, (n,)."""
    return np.asarray(np.einsum("ij,ij->i", a, b))


def _log_shares(odds: Floats) -> Floats:
    """Logarithms of the softmax over the last axis."""
    if not len(odds):
        return odds
    above = odds - odds.max(axis=1, keepdims=True)
    return np.asarray(above - np.log(np.exp(above).sum(axis=1, keepdims=True)))
