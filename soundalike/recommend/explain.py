"""Why two tracks are alike, and why a third is less so.

*A decomposition that adds up.* A similarity is the weighted mean of the facets' cosines, so

    share of a facet = weight * cosine,    similarity = sum of the shares,

and for a third track, the difference of two similarities is the sum of the differences of their
shares. The facet with the largest difference is what pulls the third one apart. (Cosines of two
facets cannot be compared as such: around 0.3 may be much for one and little for another. That is
what the percentile of each facet tells.)

By a listener's taste the weights and the cosines are those of the taste's metric, which adds up in
the same way; to the similarity comes a bonus for what is liked, and their sum is what is ranked by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.library.checks import checked_taste
from soundalike.library.listener import Listener
from soundalike.library.ranking import Ranking
from soundalike.library.records import Track
from soundalike.library.similar_records import Heard, Seed, TasteUse
from soundalike.library.snapshot import Query
from soundalike.library.view import View
from soundalike.recommend.common import InCommon, in_common
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.passages import (
    Alone,
    Comparison,
    Passage,
    compare_analyses,
    excerpt_spans_s,
    least_matched,
)
from soundalike.similarity.taste import Taste

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.library import Library

__all__ = ["Expected", "Explanation", "FacetShare", "Side", "Standing", "explain"]

# So far a rank is that of ``similar``, where one copy of a recording stands for all. Beyond, copies
# in another encoding count each: to find all of them takes seconds.
_RANKED = 100


@dataclass(frozen=True, eq=False)
class Side:
    """A track, a file, or a passage of either, that is compared.

    Attributes
    ----------
    seed : what it is.
    analysis : what the model says of it; its times count from ``start_s``.
    """

    seed: Seed
    analysis: Analysis = field(repr=False)

    @property
    def name(self) -> str:
        """What to call it."""
        return self.seed.name

    @property
    def track(self) -> Track | None:
        """None for a file that is not in the library."""
        return self.seed.track

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.seed.path

    @property
    def start_s(self) -> float:
        """Where what was heard begins in the file."""
        return self.seed.start_s or 0.0

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.start_s + self.analysis.duration_s

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "track_id": None if self.track is None else self.track.track_id,
            "path": self.path,
            "start_s": self.start_s,
            "end_s": self.end_s,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a track stands among those that are like another.

    Attributes
    ----------
    similarity : weighted mean of the facets' cosines.
    percentile : the share (0-100) of the library's pairs of tracks that are less alike; None while
        the library is too small to say.
    rank : how many recordings of the library are at least as alike, itself included; the place in
        ``similar`` down to the 100th. None for a copy of the other track, which ``similar`` leaves
        out, and in an empty library.
    among : tracks that it stands among.
    is_copy : whether it holds the recording of the other track.
    bonus : what it gains or loses for what the listener likes, beside the similarity; 0 without.
    liking : from -1 (surely disliked) to 1; None where no liking is used, and for what is not in
        the library.
    rank_without_taste : the rank if there were no taste; None where there is none.
    """

    similarity: float
    percentile: float | None
    rank: int | None
    among: int
    is_copy: bool
    bonus: float = 0.0
    liking: float | None = None
    rank_without_taste: int | None = None

    @property
    def score(self) -> float:
        """What is ranked by: the similarity and the bonus."""
        return self.similarity + self.bonus


@dataclass(frozen=True, slots=True)
class FacetShare:
    """What a facet says, and what of it is in the similarity.

    Attributes
    ----------
    similarity : the cosine in this facet.
    percentile : the share of the library's pairs that are less alike in this facet.
    weight : its share of the weights, all 1 together.
    share : weight * similarity; the shares of all facets sum to the similarity.
    """

    name: str
    similarity: float
    percentile: float | None
    weight: float
    share: float


@dataclass(frozen=True, eq=False)
class Expected:
    """Why not this one.

    Attributes
    ----------
    side : the track that was expected.
    standing, facets : of it beside A.
    differences : by facet, the share between A and B minus that between A and this one: above 0
        where B is closer. They sum to the difference of the similarities.
    pulled_by : the facet with the largest difference; None where this one is as close as B.
    common : what it has in common with A.
    """

    side: Side
    standing: Standing
    facets: tuple[FacetShare, ...]
    differences: Mapping[str, float]
    pulled_by: str | None
    common: InCommon


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why A and B are alike.

    Attributes
    ----------
    a, b : what was compared.
    model : ``name@version``.
    standing : where B stands among what is like A.
    facets : what each says; their shares sum to the similarity.
    passages : that match best, with times in the files, best first.
    alone_a, alone_b : the stretch of each that the other has least of; None where none stands out.
    common : words, genre, tempo and key.
    expected : why not another one; None where none was named.
    comparison : the same as arrays; its times count from the beginnings of what was heard.
    taste : what of a listener's taste had a say; None for nothing.
    """

    a: Side
    b: Side
    model: str
    standing: Standing
    facets: tuple[FacetShare, ...]
    passages: tuple[Passage, ...]
    alone_a: Alone | None
    alone_b: Alone | None
    common: InCommon
    expected: Expected | None
    comparison: Comparison = field(repr=False)
    taste: TasteUse | None = None

    @property
    def similarity(self) -> float:
        """Weighted mean of the facets' cosines."""
        return self.standing.similarity

    @property
    def weights(self) -> dict[str, float]:
        """The share of each facet, sum 1."""
        return {each.name: each.weight for each in self.facets}

    def to_json(self) -> dict[str, Any]:
        """All but the arrays."""
        names = ("a", "b", "model", "standing", "facets", "passages", "alone_a", "alone_b")
        return {name: getattr(self, name) for name in (*names, "common", "expected", "taste")}


def explain(
    library: Library,
    a: Query,
    b: Query,
    *,
    expected: Query | None = None,
    weights: Mapping[str, float] | None = None,
    taste: Taste | None = None,
    passages: int = 5,
) -> Explanation:
    """Why two tracks are alike, and why not a third.

    Parameters
    ----------
    a, b : each a track or a file, as for ``Library.similar``, or a passage (``so what@1:10-1:40``).
    expected : the third: what somebody would have expected in place of B.
    weights : what counts how much, by facet, as for ``Library.similar``.
    taste : of a listener, as for ``Library.similar``, where the rank is.
    passages : how many matching passages at most.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch : as ``Library.similar``.
    InvalidArgument : a facet that the model does not have, a value out of range, or a track that is
        to be explained by itself.
    """
    taste = checked_taste(taste)
    queries = [a, b] if expected is None else [a, b, expected]
    heard = [library.hear(query, with_analysis=True) for query in queries]
    if len({each.seed.key for each in heard}) < len(heard):
        names = ", ".join(each.name for each in heard)
        raise InvalidArgument(f"{names}: two of these are the same; name different ones")
    with library.view() as view:
        view.check(*heard)
        listener = Listener(view, weights, taste)
        return _Explainer(view, heard[0], listener).explanation(heard[1:], passages)


class _Explainer:
    """All that is said about one track, A, in one state of a library."""

    def __init__(self, view: View, a: Heard, listener: Listener) -> None:
        self._view, self._a, self._listener = view, a, listener
        # The same to the last bit as in `similar`: it decides whether a pair is below itself.
        self._ranking = Ranking(view, a.embedding[None], None, listener)
        self._own = _rows(view, a)

    def explanation(self, others: Sequence[Heard], passages: int) -> Explanation:
        b = others[0]
        a_side, b_side = _side(self._a), _side(b)
        comparison = compare_analyses(
            a_side.analysis,
            b_side.analysis,
            a=a_side.name,
            b=b_side.name,
            a_path=a_side.path,
            b_path=b_side.path,
            distribution=self._listener.distribution,
            passages=passages,
            weights=self._listener.asked,
            metric=self._listener.metric,
        )
        matrix = comparison.excerpt_similarity
        facets = self._facets(b)
        return Explanation(
            a=a_side,
            b=b_side,
            model=self._view.model,
            standing=self._standing(b, comparison.similarity),
            facets=facets,
            passages=tuple(_in_files(each, a_side, b_side) for each in comparison.passages),
            alone_a=_alone(matrix, a_side),
            alone_b=_alone(matrix.T, b_side),
            common=in_common(a_side.analysis, b_side.analysis),
            expected=self._expected(others[1], facets) if others[1:] else None,
            comparison=comparison,
            taste=self._listener.use,
        )

    def _expected(self, c: Heard, b_facets: tuple[FacetShare, ...]) -> Expected:
        facets, side = self._facets(c), _side(c)
        differences = {
            near.name: near.share - far.share for near, far in zip(b_facets, facets, strict=True)
        }
        most = max(differences, key=lambda name: differences[name])
        is_farther = sum(differences.values()) > 10.0**-DECIMALS
        return Expected(
            side=side,
            standing=self._standing(c, sum(each.share for each in facets)),
            facets=facets,
            differences=differences,
            pulled_by=most if is_farther else None,
            common=in_common(_side(self._a).analysis, side.analysis),
        )

    def _facets(self, other: Heard) -> tuple[FacetShare, ...]:
        listener = self._listener
        found = []
        for name, cosine in listener.cosines(self._a.embedding, other.embedding).items():
            percentile = listener.distribution_of(name).percentile(cosine)
            weight = listener.weights[name]
            found.append(FacetShare(name, cosine, percentile, weight, weight * cosine))
        return tuple(found)

    def _standing(self, other: Heard, similarity: float) -> Standing:
        view = self._view
        others_own = _rows(view, other)
        is_copy = bool(set(self._own) & set(others_own))
        row = view.row_of(other) if other.seed.is_whole else None
        listener, ranking = self._listener, self._ranking
        alike = similarity if row is None else float(ranking.scored.similarities[row])
        bonus = 0.0 if row is None or listener.bonus is None else float(listener.bonus[row])
        is_ranked = not is_copy and len(view) > 0
        rank = without = None
        if is_ranked:
            score = alike if row is None else float(ranking.scores[row])
            rank = self._rank(ranking.scores, score, others_own)
        if is_ranked and listener.use is not None:
            scores = ranking.scores_without_taste()
            plain = Listener(view, listener.asked).similarity(self._a.embedding, other.embedding)
            without = self._rank(scores, plain if row is None else float(scores[row]), others_own)
        return Standing(
            similarity=similarity,
            percentile=listener.distribution.percentile(alike),
            rank=rank,
            among=len(view) - len(self._own) + (not others_own),
            is_copy=is_copy,
            bonus=bonus,
            liking=None if row is None else listener.liking_of(row),
            rank_without_taste=without,
        )

    def _rank(self, scores: NDArray[np.float32], score: float, others_own: Sequence[int]) -> int:
        """1 and the recordings that rank higher than what has a score."""
        view = self._view
        left_out = sorted({*self._own, *others_own})
        least = round(score, DECIMALS)
        ahead = view.select(scores, _RANKED, exclude=left_out).chosen
        n = sum(round(float(scores[each.row]), DECIMALS) > least for each in ahead)
        if n < _RANKED:
            return 1 + n
        is_ahead = np.round(scores.astype(np.float64), DECIMALS) > least
        is_ahead[left_out] = False
        return 1 + len(np.unique(view.index.audio_ids[is_ahead]))


def _rows(view: View, heard: Heard) -> list[int]:
    """The rows of a track and its copies; of a passage, those of its track."""
    row, copies = view.own_rows(heard)
    return copies if row is None else [row, *copies]


def _side(heard: Heard) -> Side:
    assert heard.analysis is not None  # it was asked for
    return Side(heard.seed, heard.analysis)


def _in_files(passage: Passage, a: Side, b: Side) -> Passage:
    """A passage with times from the beginnings of the files."""
    return replace(
        passage,
        a_start_s=passage.a_start_s + a.start_s,
        a_end_s=passage.a_end_s + a.start_s,
        b_start_s=passage.b_start_s + b.start_s,
        b_end_s=passage.b_end_s + b.start_s,
    )


def _alone(matrix: Any, side: Side) -> Alone | None:
    found = least_matched(matrix, excerpt_spans_s(side.analysis))
    if found is None:
        return None
    return replace(found, start_s=found.start_s + side.start_s, end_s=found.end_s + side.start_s)
