"""Embeddings in 8 bits a number: what all of them say of a query, nearly exactly, in less time.

Each row is scaled by its largest number to 255 steps. A query is the sum of two vectors of small
whole numbers, 14 bits in all, so that products of whole numbers do, of which processors do many at
a time: a million rows of 272 numbers are read in 272 MB instead of 1.1 GB. What is lost is known:
by Cauchy and Schwarz a product is off by no more than the length of what the codes lack, times that
of the query. :class:`Estimates` then looks at the few rows that may be among the best.

The products are left to ONNX Runtime, which the analysis needs anyway (``products.onnx``, made by
``soundalike.research.products_graph``). The query's numbers stay below 64, so that no pair of
products overflows 16 bits on processors that add them up so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.best import bound_of_best

__all__ = ["LEAST_ENCODED", "Codes", "Estimates", "Pick", "encode", "estimate"]

Pick = Callable[[NDArray[np.intp]], NDArray[np.float32]]
"""The embeddings of some rows, (m, D)."""

LEAST_ENCODED = 50_000
"""Rows from which on estimates are worth it: ONNX Runtime has to be loaded for them first."""

_BLOCK_ROWS = 131_072
# A share of all rows, one in so many, that is quicker read with all others.
_PICKED = 5
_ZERO = 128
_MOST = 127
# Of a query.
_MOST_ASKED = 63
# Below all scores but minus infinity.
_LOWEST = float(np.finfo(np.float32).min)
# Of sums in single precision.
_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Codes:
    """
    Attributes
    ----------
    codes : uint8 (n, D); 128 stands for 0.
    scales : float32 (n,), what a step is.
    residuals : float32 (n,), the length of what the codes lack.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    residuals: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.codes)

    def most(self, rows: NDArray[np.integer], queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the products of some rows with queries are at most: (m,) with one of (D,), (m, q)
        with several of (q, D). To see that few rows come near takes a quarter of what reading all
        of their embeddings does."""
        steps = self.codes[rows].astype(np.float32)
        steps -= _ZERO
        found = np.asarray(steps @ queries.T)
        lengths = np.sqrt(np.einsum("...i,...i", queries, queries))
        if queries.ndim == 1:
            found *= self.scales[rows]
            found += self.residuals[rows] * lengths
        else:
            found *= self.scales[rows, None]
            found += np.multiply.outer(self.residuals[rows], lengths)
        found += _ROUNDING * np.maximum(1.0, lengths)
        return found


class Estimates:
    """Scores of which each is off by no more than ``error``, until it is asked for exactly.

    Parameters
    ----------
    scores : float32 (n,); what is looked at is written into it.
    error : the most that one can be off by.
    exact : the scores of some rows, float32 (m,).
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        error: float,
        exact: Callable[[NDArray[np.intp]], NDArray[np.float32]],
    ) -> None:
        self.scores = scores
        self.error = error
        self._exact = exact
        self._is_exact = np.zeros(len(scores), np.bool_)

    def settle(self, rows: Sequence[int] | NDArray[np.intp]) -> NDArray[np.intp]:
        """Have the exact scores of some rows; those that were not exact before."""
        some = np.asarray(rows, np.intp)
        new = some[~self._is_exact[some]]
        if len(new):
            self.scores[new] = self._exact(new)
            self._is_exact[new] = True
        return new

    def settle_best(self, depth: int, among: NDArray[np.float32] | None = None) -> NDArray[np.intp]:
        """Have the exact scores of all rows that may be among the ``depth`` best.

        Parameters
        ----------
        among : the scores with minus infinity for what does not count, (n,); the caller writes the
            exact ones of the rows that are returned into it.
        """
        among = self.scores if among is None else among
        # So many rows reach the bound, at least, and may all be overestimated; another may be
        # underestimated by as much.
        bound = bound_of_best(among, depth) - 2 * self.error
        return self.settle(np.flatnonzero(among >= max(bound, _LOWEST)))


def encode(embeddings: NDArray[np.float32]) -> Codes:
    """
    Parameters
    ----------
    embeddings : (n, D).
    """
    largest = np.abs(embeddings).max(axis=1, initial=0.0)
    scales = (np.where(largest > 0, largest, 1.0) / _MOST).astype(np.float32)
    steps = np.rint(embeddings / scales[:, None])
    residuals = np.linalg.norm(embeddings - steps * scales[:, None], axis=1)
    return Codes((steps + _ZERO).astype(np.uint8), scales, residuals.astype(np.float32))


def estimate(
    query: NDArray[np.float32],
    codes: Codes,
    embeddings: NDArray[np.float32],
    pick: Pick | None = None,
) -> Estimates:
    """The products of all rows with a query.

    Parameters
    ----------
    query : (D,), of any length.
    embeddings : (n, D), what the codes were made of.
    pick : a better way than an index to have few rows of it.
    """
    coarse, fine, parts = _parts(query)
    whole = np.stack([coarse, fine], axis=1)
    asked = {
        "query": whole.astype(np.int8),
        "parts": parts[:, None],
        "shift": np.array([-_ZERO * float(whole.sum(axis=0) @ parts)], np.float32),
    }
    scores, session = np.empty(len(codes), np.float32), _session()
    # Some at a time, so that what lies between the steps stays in the processor's cache.
    for start in range(0, len(codes), _BLOCK_ROWS):
        some = slice(start, start + _BLOCK_ROWS)
        rows = {"codes": codes.codes[some], "scales": codes.scales[some, None]}
        scores[some] = session.run(None, asked | rows)[0][:, 0]
    missing = float(np.linalg.norm(query - whole @ parts))
    longest = float(codes.residuals.max(initial=0.0))
    length = float(np.linalg.norm(query))
    error = longest * length + missing * (1 + longest) + _ROUNDING * max(1.0, length)

    def exact(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        # To pick rows takes several times as long as to read them in order.
        if len(rows) > len(embeddings) / _PICKED:
            return np.asarray((embeddings @ query)[rows])
        return np.asarray((embeddings[rows] if pick is None else pick(rows)) @ query)

    return Estimates(scores, error, exact)


def _parts(
    query: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Two vectors of whole numbers, and what each has to be multiplied by: together the query."""
    step = max(float(np.abs(query).max(initial=0.0)), 1e-12) / _MOST_ASKED
    coarse = np.rint(query / step).astype(np.float32)
    fine_step = step / (2 * _MOST_ASKED)
    fine = np.rint((query - coarse * np.float32(step)) / fine_step)
    fine = np.clip(fine, -_MOST_ASKED, _MOST_ASKED).astype(np.float32)
    return coarse, fine, np.array([step, fine_step], np.float32)


@cache
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A server has threads of its own that wait for nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    graph = files("soundalike.similarity").joinpath("products.onnx").read_bytes()
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
