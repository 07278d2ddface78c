"""What soundalike knows of a track once a model has heard it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facets
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.models.contract import DEFAULT_KIND, NO_WORDS, Words

__all__ = [
    "FAST",
    "UNFAMILIAR_BELOW",
    "Analysis",
    "Stretch",
    "genre_sets",
    "is_unfamiliar",
    "runs",
    "sigmoid",
    "softmax",
    "temper",
    "unit",
]

FloatArray = NDArray[np.float32]

FAST = "fast: "
"""How the first note begins where only some passages of a track were heard."""

# What fewer than one in fifty tracks of held-out music is as far from all known music as.
UNFAMILIAR_BELOW = 0.02
# A genre set of more labels than this tells a listener little.
_UNSURE_ABOVE = 3


# Excerpts that begin so much later than the one before ends do not follow it.
_GAP_S = 0.5
# Excerpts that a moment of the timeline is the median of: 50 s.
_SMOOTHED = 5


@dataclass(frozen=True)
class Stretch:
    """A part of a track with one strongest label.

    Attributes
    ----------
    start_s, end_s : seconds.
    label : the strongest of the smoothed probabilities.
    probability : its mean over the stretch, 0 to 1; of a tag, its activation.
    """

    start_s: float
    end_s: float
    label: str
    probability: float


@dataclass(frozen=True)
class Analysis:
    """What a model says of one track.

    Attributes
    ----------
    model : ``name@version``; embeddings of different models cannot be compared.
    duration_s : seconds that were analysed; of a fast analysis those of the whole track.
    labels : the genres, or the tags, that the model knows.
    probabilities : float32 (n_labels,), calibrated, sum 1. Of tags: activations, each 0 to 1 by
        itself, the mean over the excerpts; several tags may hold, so they sum to anything.
    embedding : float32 (embedding_dim,), unit length; the mean direction of the excerpts, in each
        facet by itself. A facet that is not known is a block of zeros (:mod:`soundalike.facets`).
    excerpt_embeddings : float32 (n_excerpts, embedding_dim), of unit length in the same way.
    excerpt_probabilities : float32 (n_excerpts, n_labels), sum 1 but for tags.
    excerpt_starts_s : float64 (n_excerpts,), seconds.
    genre_set : the labels that hold the right one for 90 % of tracks like those of the
        calibration set (split conformal prediction), the most probable first. Empty for tags.
    notes : what the user should know, such as that the file is truncated.
    kind : ``genres``, of which one is right, or ``tags``, of which any number may be.
    excerpt_s : seconds that an excerpt lasts.
    familiarity : share (0 to 1) of held-out music that is at least as far from the music that the
        model knows; None for a model that does not tell.
    facets : what the embedding is made of; None for a model that does not tell. :attr:`layout` is
        one facet then, the sound.
    vocabulary : the words that the model gives, with what they are worth; empty for most models.
    word_probabilities : float32 (n_words,), the mean over the excerpts, 0 to 1 each.
    tempo_bpm : beats a minute; None where the model does not tell, or is not sure enough.
    tempo_confidence : the probability that the tempo it found is right, also where it is not sure
        enough; None where it does not tell.
    tempo_alternatives : other tempi at which the beat may be counted, such as half and double.
    key : such as "A minor"; None as for the tempo.
    key_confidence : as of the tempo.
    fingerprint : uint8 (n_frames, 6), by which tracks are aligned in time
        (:mod:`soundalike.descriptors.fingerprint`); None for a model whose frontend makes no
        chroma, where it was not kept, and for a fast analysis.
    """

    model: str
    duration_s: float
    labels: tuple[str, ...]
    probabilities: FloatArray
    embedding: FloatArray
    excerpt_embeddings: FloatArray
    excerpt_probabilities: FloatArray
    excerpt_starts_s: NDArray[np.float64]
    genre_set: tuple[str, ...]
    notes: tuple[str, ...] = ()
    kind: str = DEFAULT_KIND
    excerpt_s: float = EXCERPT_S
    familiarity: float | None = None
    facets: Facets | None = None
    vocabulary: Words = NO_WORDS
    word_probabilities: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    tempo_alternatives: tuple[float, ...] = ()
    key: str | None = None
    key_confidence: float | None = None
    fingerprint: NDArray[np.uint8] | None = None

    @property
    def is_fast(self) -> bool:
        """Whether only some passages were heard, where the excerpts are; the notes tell more."""
        return bool(self.notes) and self.notes[0].startswith(FAST)

    @property
    def layout(self) -> Facets:
        """The blocks of an embedding; one, the sound, for a model without facets."""
        return self.facets or Facets.one(self.embedding.shape[-1])

    @property
    def words(self) -> dict[str, float]:
        """The mean probability of each word, the highest first."""
        order = np.argsort(-self.word_probabilities, kind="stable")
        names = [each.word for each in self.vocabulary]
        return {names[i]: float(self.word_probabilities[i]) for i in order}

    @property
    def words_that_hold(self) -> tuple[str, ...]:
        """The words that reach their threshold, the most probable first.

        Each is right for the share of music that its ``precision`` in :attr:`vocabulary` states;
        of what is unlike all music that the model knows, none is said.
        """
        if self.unfamiliar:
            return ()
        probabilities = self.words
        holding = {each.word for each in self.vocabulary if each.holds(probabilities[each.word])}
        return tuple(word for word in probabilities if word in holding)

    @property
    def genre(self) -> str:
        """The most probable label; of tags, the one with the highest activation."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The calibrated probability of :attr:`genre`, 0 to 1; of a tag, its activation."""
        return float(self.probabilities.max())

    @property
    def genres(self) -> dict[str, float]:
        """Probability (of tags: activation) by label, the highest first."""
        order = np.argsort(-self.probabilities, kind="stable")
        return {self.labels[i]: float(self.probabilities[i]) for i in order}

    @property
    def unfamiliar(self) -> bool:
        """Whether it is unlike all music that the model knows: noise, speech, or rare music.

        By design so of 2 % of music, too. Genres and similarities mean little then.
        """
        return is_unfamiliar(self.familiarity)

    @property
    def unsure(self) -> bool:
        """Whether the model cannot tell: no label has half the probability, many are left, or it
        knows no such music.

        Never of tags: they do not compete, and nothing calibrates them.
        """
        if self.kind == "tags":
            return False
        return is_unsure(self.confidence, len(self.genre_set), self.familiarity)

    def timeline(self) -> tuple[Stretch, ...]:
        """How the strongest label changes along the track, without what passes in a moment.

        The probabilities of each label are replaced by their median over five excerpts (fewer at
        the ends), so that a label has to hold for most of 50 s to show. A pause belongs to what
        comes before it. Of a fast analysis, each passage that was heard is a stretch, or several;
        what lies between is in none.
        """
        if self.is_fast:
            return self._heard_stretches()
        probabilities = _running_median(self.excerpt_probabilities, _SMOOTHED)
        best = probabilities.argmax(axis=1)
        begins = np.flatnonzero(np.diff(best, prepend=-1))
        ends = [*begins[1:].tolist(), len(best)]
        times = self.excerpt_starts_s
        return tuple(
            Stretch(
                start_s=float(times[begin]) if begin else 0.0,
                end_s=float(times[end]) if end < len(best) else self.duration_s,
                label=self.labels[int(best[begin])],
                probability=float(probabilities[begin:end, best[begin]].mean()),
            )
            for begin, end in zip(begins.tolist(), ends, strict=True)
        )

    def _heard_stretches(self) -> tuple[Stretch, ...]:
        """The stretches of a fast analysis."""
        found: list[Stretch] = []
        for run in runs(self.excerpt_starts_s, self.excerpt_s):
            probabilities = _running_median(self.excerpt_probabilities[run], _SMOOTHED)
            best = probabilities.argmax(axis=1)
            begins = np.flatnonzero(np.diff(best, prepend=-1)).tolist()
            times = self.excerpt_starts_s[run]
            for begin, end in zip(begins, [*begins[1:], len(best)], strict=True):
                found.append(
                    Stretch(
                        start_s=float(times[begin]),
                        end_s=min(float(times[end - 1]) + self.excerpt_s, self.duration_s),
                        label=self.labels[int(best[begin])],
                        probability=float(probabilities[begin:end, best[begin]].mean()),
                    )
                )
        return tuple(found)


def _running_median(values: FloatArray, length: int) -> FloatArray:
    """The median of each column over the rows around each row: (n, D) to (n, D)."""
    half = length // 2
    rows = range(len(values))
    return np.stack([np.median(values[max(0, i - half) : i + half + 1], axis=0) for i in rows])


def runs(starts_s: NDArray[np.floating], excerpt_s: float) -> list[slice]:
    """Excerpts that follow each other without a gap, (n_excerpts,) seconds, as slices in order.

    A gap is a pause that was left out, or what was not heard.
    """
    breaks = (np.flatnonzero(np.diff(starts_s) > excerpt_s + _GAP_S) + 1).tolist()
    return [slice(*ends) for ends in pairwise([0, *breaks, len(starts_s)])]


def is_unsure(confidence: float, n_likely: int, familiarity: float | None) -> bool:
    """See ``Analysis.unsure``; ``n_likely`` genres are left in its ``genre_set``."""
    return is_unfamiliar(familiarity) or confidence < 0.5 or n_likely > _UNSURE_ABOVE


def is_unfamiliar(familiarity: float | None) -> bool:
    """Whether an :attr:`Analysis.familiarity` is that of no music; False where it is not known."""
    return familiarity is not None and familiarity < UNFAMILIAR_BELOW


def softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[np.floating]) -> FloatArray:
    """Probabilities of logits, float32 of the same shape."""
    # As a tangent it cannot overflow.
    probabilities: FloatArray = (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(np.float32)
    return probabilities


def temper(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    """softmax(ln p / temperature): above 1 less sure, below 1 more; the order stays.

    Parameters
    ----------
    probabilities : (..., n_labels); the result has the same shape and type.
    """
    return softmax(np.log(np.maximum(probabilities, 1e-12)) / temperature)


def genre_sets(probabilities: NDArray[np.floating], quantile: float) -> NDArray[np.bool_]:
    """Which labels are in each track's set, bool (..., n_labels); the likeliest always is.

    An empty set would say nothing.
    """
    members: NDArray[np.bool_] = probabilities >= 1.0 - quantile
    best = probabilities.argmax(axis=-1)[..., None]
    np.put_along_axis(members, best, True, axis=-1)
    return members


def unit(embeddings: FloatArray) -> FloatArray:
    """Embeddings (..., D) scaled to length 1; one of zeros stays."""
    lengths = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    scaled: FloatArray = (embeddings / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled
