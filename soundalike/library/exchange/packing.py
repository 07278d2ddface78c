"""Between what the database keeps of an analysis and what a file of analyses has of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.library.exchange.records import AnalysedTrack
from soundalike.library.storage.encoding import EncodedAnalysis

__all__ = ["packed", "unpacked"]


def unpacked(encoded: EncodedAnalysis, n_labels: int, known: Mapping[str, Any]) -> AnalysedTrack:
    """A record of an analysis and of what else is known of the track, number for number.

    Raises
    ------
    ValueError : the bytes do not fit together.
    """
    scales = np.frombuffer(encoded.excerpt_scales, "<f4").astype(np.float32)
    n = len(scales)
    starts_s = np.frombuffer(encoded.excerpt_starts_s, "<f8").astype(np.float64)
    if len(starts_s) != n:
        raise ValueError(f"there are {n} excerpts, but {len(starts_s)} starts")
    embedding = _float16(encoded.embedding)
    return AnalysedTrack(
        **known,
        analysed_s=encoded.duration_s,
        genre_set=encoded.genre_set,
        notes=encoded.notes,
        familiarity=encoded.familiarity,
        tempo_bpm=encoded.tempo_bpm,
        tempo_confidence=encoded.tempo_confidence,
        tempo_alternatives=encoded.tempo_alternatives,
        key=encoded.key,
        key_confidence=encoded.key_confidence,
        embedding=embedding,
        probabilities=np.frombuffer(encoded.probabilities, "<f4").astype(np.float32),
        words=None if encoded.words is None else _float16(encoded.words),
        excerpt_starts_s=starts_s,
        excerpt_embeddings=np.frombuffer(encoded.excerpt_embeddings, np.int8).reshape(
            n, len(embedding)
        ),
        excerpt_scales=scales,
        excerpt_probabilities=_float16(encoded.excerpt_probabilities).reshape(n, n_labels),
        fingerprint=encoded.fingerprint,
    )


def packed(track: AnalysedTrack) -> EncodedAnalysis:
    """What the database keeps of a record; of one that :func:`unpacked` made, the same bytes."""
    with np.errstate(over="ignore"):  # what 16 bits cannot hold is infinite, and found to be so
        embedding = track.embedding.astype("<f2")
        words = None if track.words is None else track.words.astype("<f2").tobytes()
        probabilities = track.excerpt_probabilities.astype("<f2")
    return EncodedAnalysis(
        duration_s=track.analysed_s,
        embedding=embedding.tobytes(),
        probabilities=track.probabilities.astype("<f4").tobytes(),
        genre_set=track.genre_set,
        notes=track.notes,
        familiarity=track.familiarity,
        excerpt_starts_s=track.excerpt_starts_s.astype("<f8").tobytes(),
        excerpt_embeddings=track.excerpt_embeddings.tobytes(),
        excerpt_scales=track.excerpt_scales.astype("<f4").tobytes(),
        excerpt_probabilities=probabilities.tobytes(),
        words=words,
        tempo_bpm=track.tempo_bpm,
        tempo_confidence=track.tempo_confidence,
        tempo_alternatives=track.tempo_alternatives,
        key=track.key,
        key_confidence=track.key_confidence,
        fingerprint=track.fingerprint,
    )


def _float16(encoded: bytes) -> NDArray[np.float32]:
    return np.frombuffer(encoded, "<f2").astype(np.float32)
