"""Why two tracks are alike: their genres, and the passages that match best."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument, ModelMismatch, printable

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.similarity.distribution import PairDistribution
    from soundalike.similarity.taste import Metric

__all__ = [
    "Alone",
    "Comparison",
    "Passage",
    "best_passages",
    "compare",
    "compare_analyses",
    "excerpt_spans",
    "excerpt_spans_s",
    "least_matched",
]

# A passage grows along the diagonal while the next pair of excerpts is at most this much less
# alike than the pair it grew from: about the spread of neighbouring excerpts within one track.
_MERGE_TOLERANCE = 0.1

# Two steps count as the same move through both tracks when they differ by less than this. The
# last excerpt of a track is aligned to its end, so its step may be shorter than the others.
_SAME_STEP_S = 0.5


@dataclass(frozen=True)
class Passage:
    """A stretch of one track and the stretch of the other that sounds like it.

    ``similarity`` is the mean cosine of the excerpts that the passage covers.
    """

    a_start_s: float
    a_end_s: float
    b_start_s: float
    b_end_s: float
    similarity: float


@dataclass(frozen=True)
class Alone:
    """A stretch of one track that the other has nothing like.

    ``similarity`` is the mean, over its excerpts, of that to the nearest excerpt of the other.
    """

    start_s: float
    end_s: float
    similarity: float


@dataclass(frozen=True)
class Comparison:
    """How alike two tracks are, and where.

    Attributes
    ----------
    a, b : what to call the two tracks.
    a_path, b_path : their files, None when only an analysis was given.
    similarity : cosine of the two embeddings, -1 to 1.
    facets : the cosine in each facet of the model, by its name.
    shares : what each facet adds to the similarity; they sum to it.
    percentile : share (0-100) of the library's pairs of tracks that are less alike; None without
        a library, or with one too small to say.
    passages : best first, not overlapping in either track.
    excerpt_similarity : float32 (n_excerpts of a, n_excerpts of b), cosines.
    a_analysis, b_analysis : genres, times and embeddings of both.
    """

    a: str
    b: str
    a_path: Path | None
    b_path: Path | None
    similarity: float
    facets: Mapping[str, float] = field(hash=False)
    shares: Mapping[str, float] = field(hash=False)
    percentile: float | None
    passages: tuple[Passage, ...]
    excerpt_similarity: NDArray[np.float32] = field(repr=False)
    a_analysis: Analysis = field(repr=False)
    b_analysis: Analysis = field(repr=False)


def compare(
    a: str | os.PathLike[str] | Analysis,
    b: str | os.PathLike[str] | Analysis,
    *,
    distribution: PairDistribution | None = None,
    analyze: Callable[[str | os.PathLike[str]], Analysis] | None = None,
    passages: int = 5,
) -> Comparison:
    """Compare two tracks, each a path to an audio file or an ``Analysis``.

    Parameters
    ----------
    distribution : of a library's pairs; gives the comparison its percentile.
    analyze : makes the analysis of a path; by default an ``Analyzer`` with the built-in model.
    passages : how many matching passages at most.

    Raises
    ------
    AudioError : a file that cannot be analysed.
    ModelMismatch : two analyses by different models or versions.

    Examples
    --------
    >>> import soundalike
    >>> comparison = soundalike.compare("a.flac", "b.mp3")  # doctest: +SKIP
    >>> comparison.similarity, comparison.passages[0].a_start_s  # doctest: +SKIP
    (0.71, 39.8)
    """
    if analyze is None and not (_is_analysis(a) and _is_analysis(b)):
        from soundalike.analyzer import Analyzer

        analyze = Analyzer().from_file
    found: list[Analysis] = []
    names: list[str] = []
    paths: list[Path | None] = []
    for letter, side in (("a", a), ("b", b)):
        if isinstance(side, (str, os.PathLike)):
            assert analyze is not None  # made above, because this side is no Analysis
            found.append(analyze(side))
            names.append(printable(Path(side).name))
            paths.append(Path(side))
        else:
            found.append(side)
            names.append(letter)
            paths.append(None)
    return compare_analyses(
        found[0],
        found[1],
        a=names[0],
        b=names[1],
        a_path=paths[0],
        b_path=paths[1],
        distribution=distribution,
        passages=passages,
    )


def compare_analyses(
    a_analysis: Analysis,
    b_analysis: Analysis,
    *,
    a: str = "a",
    b: str = "b",
    a_path: Path | None = None,
    b_path: Path | None = None,
    distribution: PairDistribution | None = None,
    passages: int = 5,
    weights: Mapping[str, float] | None = None,
    metric: Metric | None = None,
) -> Comparison:
    """Compare two analyses under the given names; see ``compare``.

    Parameters
    ----------
    distribution : of pairs under the same weights.
    weights : what counts how much, by facet, as ``Facets.weights`` takes it.
    metric : to compare by, in place of the weights.

    Raises
    ------
    ModelMismatch : two analyses by different models or versions; the message names both.
    InvalidArgument : a negative number of passages, or weights that do not fit the model.
    """
    if a_analysis.model != b_analysis.model:
        raise ModelMismatch(
            f"{a} was analysed with {a_analysis.model}, {b} with {b_analysis.model}: "
            "analyse both with the same model"
        )
    layout = a_analysis.layout
    embeddings = a_analysis.embedding, b_analysis.embedding
    cosines = layout.cosines(*embeddings) if metric is None else metric.cosines(*embeddings)
    shares_of = layout.weights(weights) if metric is None else metric.weights
    shares = {name: share * cosines[name] for name, share in shares_of.items()}
    similarity = math.fsum(shares.values())
    excerpts = a_analysis.excerpt_embeddings, b_analysis.excerpt_embeddings.astype(np.float32)
    if metric is None:
        matrix = np.asarray(layout.reweight(excerpts[0], weights) @ excerpts[1].T)
    else:
        matrix = metric.transform(excerpts[0]) @ metric.transform(excerpts[1]).T
    return Comparison(
        a=a,
        b=b,
        a_path=a_path,
        b_path=b_path,
        similarity=similarity,
        facets=cosines,
        shares=shares,
        percentile=distribution.percentile(similarity) if distribution else None,
        passages=best_passages(
            matrix,
            excerpt_spans_s(a_analysis),
            excerpt_spans_s(b_analysis),
            limit=passages,
        ),
        excerpt_similarity=matrix,
        a_analysis=a_analysis,
        b_analysis=b_analysis,
    )


def best_passages(
    similarity: NDArray[np.float32],
    a_spans_s: NDArray[np.float64],
    b_spans_s: NDArray[np.float64],
    *,
    limit: int = 5,
) -> tuple[Passage, ...]:
    """The passages of two tracks that match best, none overlapping another in either track.

    Greedy: the most alike pair of excerpts that is still free, grown along the diagonal in both
    directions while the following excerpts match nearly as well, then the next. After the first,
    only pairs count that are more alike than the average pair of excerpts.

    Parameters
    ----------
    similarity : (n_a, n_b), cosines of the excerpts.
    a_spans_s, b_spans_s : (n_a, 2) and (n_b, 2), start and end of each excerpt in seconds.
    limit : how many at most.

    Returns
    -------
    Passages, most alike first.

    Raises
    ------
    InvalidArgument : a negative limit, or shapes that do not fit together.
    """
    limit = whole_number("passages", limit, least=0)
    if similarity.shape != (len(a_spans_s), len(b_spans_s)):
        raise InvalidArgument(
            f"the similarities have shape {similarity.shape}, but there are "
            f"{len(a_spans_s)} and {len(b_spans_s)} excerpts"
        )
    if similarity.size == 0:
        return ()
    # Repeats of one loop are equal but for the last bits. Among equals the pair that stands at
    # the same time in both tracks is the one a listener expects, so it gets a nudge that is too
    # small to overtake a real difference.
    offset_s = np.abs(a_spans_s[:, :1] - b_spans_s[:, 0])
    preference = np.round(similarity.astype(np.float64), 4) - 1e-9 * offset_s
    floor = float(similarity.mean())
    found: list[Passage] = []
    while len(found) < limit:
        row, column = np.unravel_index(int(np.argmax(preference)), preference.shape)
        i, j = int(row), int(column)
        if preference[i, j] == -np.inf or (found and similarity[i, j] < floor):
            break
        run = _grow(similarity, preference, a_spans_s, b_spans_s, i, j)
        (first_i, first_j), (last_i, last_j) = run[0], run[-1]
        passage = Passage(
            a_start_s=float(a_spans_s[first_i, 0]),
            a_end_s=float(a_spans_s[last_i, 1]),
            b_start_s=float(b_spans_s[first_j, 0]),
            b_end_s=float(b_spans_s[last_j, 1]),
            similarity=float(np.mean([similarity[pair] for pair in run])),
        )
        found.append(passage)
        preference[_overlaps(a_spans_s, passage.a_start_s, passage.a_end_s), :] = -np.inf
        preference[:, _overlaps(b_spans_s, passage.b_start_s, passage.b_end_s)] = -np.inf
    return tuple(sorted(found, key=lambda passage: -passage.similarity))


def least_matched(similarity: NDArray[np.float32], spans_s: NDArray[np.float64]) -> Alone | None:
    """The stretch of a track that the other has least of: the excerpt whose nearest is the least
    alike, grown in both directions while the next one's is nearly as little.

    Parameters
    ----------
    similarity : (n_a, n_b), cosines of the excerpts; transposed for the other track.
    spans_s : (n_a, 2), start and end of each excerpt in seconds.

    Returns
    -------
    None where no stretch stands out: all that the track has is in the other as well.
    """
    if similarity.size == 0:
        return None
    nearest = similarity.max(axis=1)
    enough = float(nearest.min()) + _MERGE_TOLERANCE
    if float(nearest.max()) <= enough:
        return None
    first = last = int(np.argmin(nearest))
    # Over a pause, or what was not heard, it does not grow.
    follows = spans_s[1:, 0] - spans_s[:-1, 1] <= _SAME_STEP_S
    while first > 0 and nearest[first - 1] <= enough and follows[first - 1]:
        first -= 1
    while last + 1 < len(nearest) and nearest[last + 1] <= enough and follows[last]:
        last += 1
    return Alone(
        start_s=float(spans_s[first, 0]),
        end_s=float(spans_s[last, 1]),
        similarity=float(nearest[first : last + 1].mean()),
    )


def _grow(
    similarity: NDArray[np.float32],
    preference: NDArray[np.float64],
    a_spans_s: NDArray[np.float64],
    b_spans_s: NDArray[np.float64],
    i: int,
    j: int,
) -> list[tuple[int, int]]:
    """The run of excerpt pairs along the diagonal through (i, j) that belong together."""
    enough = similarity[i, j] - _MERGE_TOLERANCE
    run = [(i, j)]
    for step in (-1, 1):
        here_i, here_j = i, j
        while True:
            next_i, next_j = here_i + step, here_j + step
            if not (0 <= next_i < len(a_spans_s) and 0 <= next_j < len(b_spans_s)):
                break
            taken = preference[next_i, next_j] == -np.inf
            if taken or similarity[next_i, next_j] < enough:
                break
            a_step_s = abs(a_spans_s[next_i, 0] - a_spans_s[here_i, 0])
            b_step_s = abs(b_spans_s[next_j, 0] - b_spans_s[here_j, 0])
            earlier, later = sorted((here_i, next_i))
            gap_s = a_spans_s[later, 0] - a_spans_s[earlier, 1]
            # A gap means that a pause was left out between the two, or that nothing was heard.
            if abs(a_step_s - b_step_s) > _SAME_STEP_S or gap_s > _SAME_STEP_S:
                break
            here_i, here_j = next_i, next_j
            if step < 0:
                run.insert(0, (here_i, here_j))
            else:
                run.append((here_i, here_j))
    return run


def _overlaps(spans_s: NDArray[np.float64], start_s: float, end_s: float) -> NDArray[np.bool_]:
    # Neighbours share an edge but for rounding, which is no overlap.
    margin_s = 0.05
    mask: NDArray[np.bool_] = (spans_s[:, 0] < end_s - margin_s) & (
        spans_s[:, 1] > start_s + margin_s
    )
    return mask


def excerpt_spans(
    starts_s: NDArray[np.floating], duration_s: float, excerpt_s: float
) -> NDArray[np.float64]:
    """Start and end of each excerpt, (n_excerpts, 2) in seconds, within the track.

    Parameters
    ----------
    starts_s : (n_excerpts,), when the excerpts begin.
    duration_s : of the track.
    excerpt_s : of one excerpt.
    """
    starts_s = np.asarray(starts_s, np.float64)
    # A track (or a passage of one) that is shorter than an excerpt was repeated to fill it.
    first_s = float(starts_s[0]) if len(starts_s) else 0.0
    last_s = max(first_s + min(excerpt_s, duration_s), duration_s)
    ends_s = np.minimum(starts_s + excerpt_s, last_s)
    return np.stack([starts_s, ends_s], axis=1)


def excerpt_spans_s(analysis: Analysis) -> NDArray[np.float64]:
    """The same for an analysis."""
    return excerpt_spans(analysis.excerpt_starts_s, analysis.duration_s, analysis.excerpt_s)


def _is_analysis(side: object) -> bool:
    return not isinstance(side, (str, os.PathLike))
