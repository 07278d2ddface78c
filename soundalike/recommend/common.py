"""What two tracks have in common besides their similarity: words, genre, tempo and key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from soundalike.frontends.chroma import PITCH_CLASSES
from soundalike.words.rank import verdicts

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["InCommon", "KeyPair", "KeyRelation", "TempoPair", "in_common"]

KeyRelation = Literal["same", "relative", "parallel", "a fifth apart", "other"]
"""How two keys are related: relative ones share their notes (A minor, C major), parallel ones
their root (A minor, A major); a fifth apart (A minor, E minor) they differ in one note."""

# As annotated tempi are compared.
_SAME_TEMPO = 0.04
# Ratios at which listeners may count the same beat.
_RATIOS = (1.0, 2.0, 0.5, 1.5, 2 / 3, 3.0, 1 / 3)


@dataclass(frozen=True, slots=True)
class TempoPair:
    """The tempi of two tracks, where the model is sure of both.

    Attributes
    ----------
    a_bpm, b_bpm : beats a minute.
    a_confidence, b_confidence : the probability that each is right.
    ratio : b_bpm / a_bpm.
    nearest : the simple ratio (1, 2, 1/2, 3/2, 2/3, 3, 1/3) that it is within 4 % of; None for
        none.
    """

    a_bpm: float
    b_bpm: float
    a_confidence: float | None
    b_confidence: float | None
    ratio: float
    nearest: float | None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The keys of two tracks, where the model is sure of both."""

    a: str
    b: str
    a_confidence: float | None
    b_confidence: float | None
    relation: KeyRelation


@dataclass(frozen=True, slots=True)
class InCommon:
    """What two tracks share by what the model is sure of, and what they do not.

    Attributes
    ----------
    words : that hold for both, the surest first.
    only_a, only_b : words that hold for one and are surely gone from the other. Where it is not
        sure of one, a word is in none of the three.
    genre : of both, where it is sure of both and they are the same.
    a_genre, b_genre : where it is sure; None else, and for a model with tags.
    tempo, key : None where it is not sure of both.
    precisions : of each word said here, how often it is right where it is said to hold.
    """

    words: tuple[str, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    genre: str | None
    a_genre: str | None
    b_genre: str | None
    tempo: TempoPair | None
    key: KeyPair | None
    precisions: Mapping[str, float] = field(default_factory=dict, hash=False)


def in_common(a: Analysis, b: Analysis) -> InCommon:
    """What two analyses by one model have in common, and what they have not."""
    both, only_a, only_b = _words(a, b)
    a_genre, b_genre = _genre(a), _genre(b)
    said = {*both, *only_a, *only_b}
    return InCommon(
        words=both,
        only_a=only_a,
        only_b=only_b,
        genre=a_genre if a_genre == b_genre else None,
        a_genre=a_genre,
        b_genre=b_genre,
        tempo=_tempo(a, b),
        key=_key(a, b),
        precisions={
            word.word: word.precision
            for word in a.vocabulary
            if word.word in said and word.precision is not None
        },
    )


def _words(a: Analysis, b: Analysis) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    if a.unfamiliar or b.unfamiliar or len(a.vocabulary) != len(b.vocabulary):
        return (), (), ()
    found: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for column, word in enumerate(a.vocabulary):
        pair = np.array([a.word_probabilities[column], b.word_probabilities[column]])
        one, other = verdicts(pair, word).tolist()
        found.setdefault((one, other), []).append((-float(pair.max()), word.word))
    ordered = {
        key: tuple(name for _, name in sorted(found.get(key, ())))
        for key in (("yes", "yes"), ("yes", "no"), ("no", "yes"))
    }
    return ordered["yes", "yes"], ordered["yes", "no"], ordered["no", "yes"]


def _genre(analysis: Analysis) -> str | None:
    is_sure = analysis.kind == "genres" and not analysis.unsure
    return analysis.genre if is_sure else None


def _tempo(a: Analysis, b: Analysis) -> TempoPair | None:
    if a.tempo_bpm is None or b.tempo_bpm is None:
        return None
    ratio = b.tempo_bpm / a.tempo_bpm
    distance, nearest = min((abs(math.log(ratio / each)), each) for each in _RATIOS)
    return TempoPair(
        a.tempo_bpm,
        b.tempo_bpm,
        a.tempo_confidence,
        b.tempo_confidence,
        ratio,
        nearest if distance <= _SAME_TEMPO else None,
    )


def _key(a: Analysis, b: Analysis) -> KeyPair | None:
    if a.key is None or b.key is None:
        return None
    return KeyPair(a.key, b.key, a.key_confidence, b.key_confidence, _relation(a.key, b.key))


def _relation(a: str, b: str) -> KeyRelation:
    if a == b:
        return "same"
    (a_root, a_mode), (b_root, b_mode) = (each.split() for each in (a, b))
    up = (PITCH_CLASSES.index(b_root) - PITCH_CLASSES.index(a_root)) % 12
    if a_mode == b_mode:
        return "a fifth apart" if up in (5, 7) else "other"
    if up == 0:
        return "parallel"
    # The relative major lies three semitones above its minor.
    return "relative" if up == (3 if a_mode == "minor" else 9) else "other"
