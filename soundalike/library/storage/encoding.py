"""An analysis as the bytes that the database keeps, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.analysis import Analysis
from soundalike.descriptors.fingerprint import FRAME_BYTES
from soundalike.facets import Facets
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.models.contract import NO_WORDS, Words

__all__ = [
    "EncodedAnalysis",
    "decode",
    "decode_embeddings",
    "decode_excerpts",
    "decode_fingerprint",
    "decode_probabilities",
    "decode_starts",
    "decode_words",
    "encode",
]

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
    familiarity: float | None
    excerpt_starts_s: bytes
    excerpt_embeddings: bytes
    excerpt_scales: bytes
    excerpt_probabilities: bytes
    words: bytes | None = None
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    tempo_alternatives: list[float] | None = None
    key: str | None = None
    key_confidence: float | None = None
    fingerprint: bytes | None = None

    @classmethod
    def of_row(cls, row: Any) -> EncodedAnalysis:
        """From the columns of both tables; of ``excerpts.probabilities`` as
        ``excerpt_probabilities``."""
        return cls(
            duration_s=row.duration_s,
            embedding=row.embedding,
            probabilities=row.probabilities,
            genre_set=row.genre_set,
            notes=row.notes,
            familiarity=row.familiarity,
            excerpt_starts_s=row.starts_s,
            excerpt_embeddings=row.embeddings,
            excerpt_scales=row.scales,
            excerpt_probabilities=row.excerpt_probabilities,
            words=row.words,
            tempo_bpm=row.tempo_bpm,
            tempo_confidence=row.tempo_confidence,
            tempo_alternatives=row.tempo_alternatives,
            key=row.key,
            key_confidence=row.key_confidence,
            fingerprint=row.fingerprint,
        )


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
        familiarity=analysis.familiarity,
        excerpt_starts_s=analysis.excerpt_starts_s.astype(_F64).tobytes(),
        excerpt_embeddings=np.rint(excerpts / scales[:, None]).astype(_I8).tobytes(),
        excerpt_scales=scales.tobytes(),
        excerpt_probabilities=analysis.excerpt_probabilities.astype(_F16).tobytes(),
        words=analysis.word_probabilities.astype(_F16).tobytes() if analysis.vocabulary else None,
        tempo_bpm=analysis.tempo_bpm,
        tempo_confidence=analysis.tempo_confidence,
        tempo_alternatives=list(analysis.tempo_alternatives) or None,
        key=analysis.key,
        key_confidence=analysis.key_confidence,
        fingerprint=None if analysis.fingerprint is None else analysis.fingerprint.tobytes(),
    )


def decode(
    encoded: EncodedAnalysis,
    *,
    model: str,
    labels: tuple[str, ...],
    kind: str = "genres",
    excerpt_s: float = EXCERPT_S,
    facets: Facets | None = None,
    vocabulary: Words = NO_WORDS,
) -> Analysis:
    """Unpack what ``encode`` packed.

    Parameters
    ----------
    model : ``name@version`` that made the analysis.
    labels : of that model, in the order of its outputs.
    kind, excerpt_s, facets, vocabulary : of that model, as in ``Analysis``.

    Raises
    ------
    ValueError : the bytes do not fit together, or hold no numbers.
    """
    layout = facets or Facets.one(max(1, len(encoded.embedding) // _F16.itemsize))
    embeddings, whole = decode_embeddings([encoded.embedding], layout)
    if not whole.all():
        raise ValueError(
            "the embedding has another length, or holds NaN, infinite values or only zeros"
        )
    starts_s = decode_starts(encoded.excerpt_starts_s)
    excerpts = decode_excerpts(encoded.excerpt_embeddings, encoded.excerpt_scales, layout)
    if len(excerpts) != len(starts_s):
        raise ValueError(f"there are {len(excerpts)} excerpts, but {len(starts_s)} starts")
    probabilities = np.frombuffer(encoded.excerpt_probabilities, _F16)
    excerpt_probabilities = probabilities.reshape(len(starts_s), len(labels)).astype(np.float32)
    if kind == "genres":
        # What rounding has left of the sum of 1.
        excerpt_probabilities /= excerpt_probabilities.sum(axis=1, keepdims=True)
    if encoded.words is None:
        vocabulary = NO_WORDS
    words = np.frombuffer(encoded.words or b"", _F16)
    if len(words) != len(vocabulary):
        raise ValueError(f"{len(vocabulary)} words have {len(words)} probabilities")
    return Analysis(
        model=model,
        duration_s=encoded.duration_s,
        labels=labels,
        probabilities=np.frombuffer(encoded.probabilities, _F32).astype(np.float32),
        embedding=embeddings[0],
        excerpt_embeddings=excerpts,
        excerpt_probabilities=excerpt_probabilities,
        excerpt_starts_s=starts_s,
        genre_set=tuple(encoded.genre_set),
        notes=tuple(encoded.notes),
        kind=kind,
        excerpt_s=excerpt_s,
        familiarity=encoded.familiarity,
        facets=facets,
        vocabulary=vocabulary,
        word_probabilities=words.astype(np.float32),
        tempo_bpm=encoded.tempo_bpm,
        tempo_confidence=encoded.tempo_confidence,
        tempo_alternatives=tuple(encoded.tempo_alternatives or ()),
        key=encoded.key,
        key_confidence=encoded.key_confidence,
        fingerprint=decode_fingerprint(encoded.fingerprint),
    )


def decode_excerpts(embeddings: bytes, scales: bytes, layout: Facets) -> NDArray[np.float32]:
    """The embeddings of a track's excerpts, (n_excerpts, embedding_dim), of unit length again.

    Raises
    ------
    ValueError : the bytes do not fit together.
    """
    factors = np.frombuffer(scales, _F32)
    found = np.frombuffer(embeddings, _I8)
    if len(found) != len(factors) * layout.size:
        raise ValueError(
            f"{len(factors)} excerpts of {layout.size} numbers are not {len(found)} numbers"
        )
    return layout.normalise(found.reshape(-1, layout.size) * factors[:, None])


def decode_starts(encoded: bytes) -> NDArray[np.float64]:
    """When excerpts begin, (n_excerpts,), seconds. Raises ValueError where it is no numbers."""
    return np.frombuffer(encoded, _F64).astype(np.float64)


def decode_fingerprint(encoded: bytes | None) -> NDArray[np.uint8] | None:
    """A track's fingerprint, (n_frames, 6); None where none is stored. Raises ValueError where it
    has another length."""
    if encoded is None:
        return None
    return np.frombuffer(encoded, np.uint8).reshape(-1, FRAME_BYTES)


def decode_embeddings(
    encoded: Sequence[bytes], layout: Facets
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The embeddings of one model, of unit length again, and which of them are whole.

    Returns
    -------
    float32 (n_whole, embedding_dim), and bool (n,): False where a row has another length than
    it should, or holds NaN, infinite values or only zeros.
    """
    size = layout.size * _F16.itemsize
    whole = np.fromiter((len(row) == size for row in encoded), np.bool_, len(encoded))
    joined = b"".join(row for row in encoded if len(row) == size)
    embeddings = np.frombuffer(joined, _F16).astype(np.float32).reshape(-1, layout.size)
    squares = np.einsum("ij,ij->i", embeddings, embeddings)
    sound = np.isfinite(squares) & (squares > 0)
    whole[whole] = sound
    if not sound.all():
        embeddings = embeddings[sound]
    return layout.normalise(embeddings), whole


def decode_words(encoded: Sequence[bytes | None], n_words: int) -> NDArray[np.float32]:
    """The probabilities of a model's words, float32 (n, n_words); NaN in the rows of which nothing
    is stored, or something else than so many probabilities."""
    return _decode_shares(encoded, n_words, _F16)


def decode_probabilities(encoded: Sequence[bytes | None], n_labels: int) -> NDArray[np.float32]:
    """The same of its labels."""
    return _decode_shares(encoded, n_labels, _F32)


def _decode_shares(
    encoded: Sequence[bytes | None], n_values: int, dtype: np.dtype[Any]
) -> NDArray[np.float32]:
    found = np.full((len(encoded), n_values), np.nan, np.float32)
    size = n_values * dtype.itemsize
    rows = [row for row, values in enumerate(encoded) if values is not None and len(values) == size]
    joined = b"".join(encoded[row] or b"" for row in rows)
    values = np.frombuffer(joined, dtype).astype(np.float32).reshape(len(rows), n_values)
    values[~((values >= 0) & (values <= 1)).all(axis=1)] = np.nan
    found[rows] = values
    return found
