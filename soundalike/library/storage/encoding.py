"""An analysis as the bytes that the database keeps, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.frontends.log_mel import EXCERPT_S

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["EncodedAnalysis", "decode", "decode_embeddings", "encode"]

# Byte order and width are part of the file format.
_F16, _F32, _F64, _I8 = (np.dtype(name) for name in ("<f2", "<f4", "<f8", "i1"))


@dataclass(frozen=True, slots=True)
class EncodedAnalysis:
    """An analysis as the tables ``analyses`` and ``excerpts`` keep it; see ``schema``."""

    duration_s: float
    embedding: bytes
    probabilities: bytes
    genre_set: list[str]
    notes: list[str]
    excerpt_starts_s: bytes
    excerpt_embeddings: bytes
    excerpt_scales: bytes
    excerpt_probabilities: bytes


def encode(analysis: Analysis) -> EncodedAnalysis:
    """Pack an analysis.

    The embedding loses what float16 cannot hold (cosines change by less than 0.0001), the
    excerpts' what 8 bits cannot: each has a scale that makes its largest value 127.
    """
    excerpts = analysis.excerpt_embeddings
    peaks = np.abs(excerpts).max(axis=1, initial=0.0)
    scales = np.where(peaks > 0, peaks / 127, 1.0).astype(_F32)
    return EncodedAnalysis(
        duration_s=float(analysis.duration_s),
        embedding=analysis.embedding.astype(_F16).tobytes(),
        probabilities=analysis.probabilities.astype(_F32).tobytes(),
        genre_set=list(analysis.genre_set),
        notes=list(analysis.notes),
        excerpt_starts_s=analysis.excerpt_starts_s.astype(_F64).tobytes(),
        excerpt_embeddings=np.rint(excerpts / scales[:, None]).astype(_I8).tobytes(),
        excerpt_scales=scales.tobytes(),
        excerpt_probabilities=analysis.excerpt_probabilities.astype(_F16).tobytes(),
    )


def decode(
    encoded: EncodedAnalysis,
    *,
    model: str,
    labels: tuple[str, ...],
    kind: str = "genres",
    excerpt_s: float = EXCERPT_S,
) -> Analysis:
    """Unpack what ``encode`` packed.

    Parameters
    ----------
    model : ``name@version`` that made the analysis.
    labels : of that model, in the order of its outputs.
    kind, excerpt_s : of that model, as in ``Analysis``.
    """
    from soundalike.analysis import Analysis

    starts_s = np.frombuffer(encoded.excerpt_starts_s, _F64).astype(np.float64)
    scales = np.frombuffer(encoded.excerpt_scales, _F32)
    excerpts = np.frombuffer(encoded.excerpt_embeddings, _I8).reshape(len(starts_s), -1)
    probabilities = np.frombuffer(encoded.excerpt_probabilities, _F16)
    excerpt_probabilities = probabilities.reshape(len(starts_s), len(labels)).astype(np.float32)
    if kind == "genres":
        # What rounding has left of the sum of 1.
        excerpt_probabilities /= excerpt_probabilities.sum(axis=1, keepdims=True)
    return Analysis(
        model=model,
        duration_s=encoded.duration_s,
        labels=labels,
        probabilities=np.frombuffer(encoded.probabilities, _F32).astype(np.float32),
        embedding=decode_embeddings([encoded.embedding])[0],
        excerpt_embeddings=_unit(excerpts * scales[:, None]),
        excerpt_probabilities=excerpt_probabilities,
        excerpt_starts_s=starts_s,
        genre_set=tuple(encoded.genre_set),
        notes=tuple(encoded.notes),
        kind=kind,
        excerpt_s=excerpt_s,
    )


def decode_embeddings(encoded: list[bytes]) -> NDArray[np.float32]:
    """Embeddings of one model, float32 (n, embedding_dim), of unit length again."""
    joined = np.frombuffer(b"".join(encoded), _F16).astype(np.float32)
    return _unit(joined.reshape(len(encoded), -1))


def _unit(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings))
    scaled: NDArray[np.float32] = embeddings / np.maximum(lengths, 1e-12)[:, None]
    return scaled.astype(np.float32, copy=False)
