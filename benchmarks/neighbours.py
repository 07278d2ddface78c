"""What the neighbours of a system are worth on a labelled collection, and the tables of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import skew

from benchmarks.soundtracks import Track
from benchmarks.workers import Analysed, Failure
from soundalike.evaluate.intervals import Interval, bootstrap
from soundalike.evaluate.retrieval import (
    QueryScores,
    RetrievalFigure,
    RetrievalSummary,
    retrieve,
    summarise,
)
from soundalike.similarity.hubness import measure_hubness
from soundalike.similarity.matrix import GivenSimilarities

__all__ = [
    "MIN_QUERIES",
    "Neighbours",
    "analysed_by_all",
    "failures_table",
    "measure",
    "neighbours_table",
    "within_soundtracks",
]

K = 10
MIN_QUERIES = 10
"""Of fewer queries than this no figure is shown: its interval would be as wide as the scale."""


@dataclass(frozen=True)
class Neighbours:
    """What one system's neighbours are worth on one collection.

    Attributes
    ----------
    soundtrack : is a neighbour of the same soundtrack? Every track is a query.
    composer : is it by the same composer? Tracks whose tags name one, among themselves; None
        where fewer than ``MIN_QUERIES`` have another of theirs to be found.
    composer_within : the same among the tracks of the query's own soundtrack, where the sound of
        the production gives nothing away.
    hubness : skewness of how often a track is among the 10 nearest of another.
    hubness_chance : that of neighbours drawn at random.
    antihub_share : share (0 to 1) of the tracks that are nobody's neighbour.
    """

    soundtrack: RetrievalSummary
    composer: RetrievalSummary | None
    composer_within: RetrievalSummary | None
    hubness: Interval
    hubness_chance: float
    antihub_share: float


def analysed_by_all(files: Sequence[str], analysed: Sequence[Analysed]) -> tuple[str, ...]:
    """The files that every analyser has a result of, in the order given."""
    return tuple(name for name in files if all(name in found.results for found in analysed))


def measure(similarities: GivenSimilarities, tracks: Sequence[Track]) -> Neighbours:
    """Score the neighbours of each track against package and composer.

    Raises
    ------
    InvalidArgument : too few tracks for ten neighbours, or none of a soundtrack with two.
    """
    composers = [track.composer for track in tracks]
    occurrences = measure_hubness(similarities, K).occurrences
    return Neighbours(
        soundtrack=summarise(retrieve(similarities, [track.package for track in tracks], k=K)),
        composer=_summary(retrieve(similarities, composers, k=K)),
        composer_within=_summary(within_soundtracks(similarities, tracks)),
        hubness=bootstrap(lambda rows: _skewness(occurrences[rows]), len(tracks)),
        hubness_chance=_skewness_by_chance(len(tracks)),
        antihub_share=float(np.mean(occurrences == 0)),
    )


def within_soundtracks(similarities: GivenSimilarities, tracks: Sequence[Track]) -> QueryScores:
    """Composers told apart inside each soundtrack; those with a single composer are left out."""
    parts = []
    for package in dict.fromkeys(track.package for track in tracks):
        rows = [row for row, track in enumerate(tracks) if track.package == package]
        composers = [tracks[row].composer for row in rows]
        if len({composer for composer in composers if composer is not None}) > 1:
            matrix = np.concatenate([similarities.rows(row, row + 1)[:, rows] for row in rows])
            scores = retrieve(GivenSimilarities(matrix), composers, k=K)
            parts.append((np.array(rows)[scores.queries], scores))
    columns = {
        name: np.concatenate([getattr(scores, name) for _, scores in parts] or [np.zeros(0)])
        for name in (column.name for column in fields(QueryScores))
        if name not in ("k", "queries")
    }
    queries = np.concatenate([rows for rows, _ in parts] or [np.zeros(0, np.int64)])
    return QueryScores(k=K, queries=queries, **columns)


def _skewness(occurrences: npt.NDArray[np.int64]) -> float:
    return float(skew(occurrences)) if np.ptp(occurrences) else 0.0


def _skewness_by_chance(n_tracks: int) -> float:
    """Of a binomial distribution: each of the n - 1 others has a track with p = k / (n - 1)."""
    p = K / (n_tracks - 1)
    return (1 - 2 * p) / math.sqrt((n_tracks - 1) * p * (1 - p))


def _summary(scores: QueryScores) -> RetrievalSummary | None:
    return summarise(scores) if len(scores.queries) >= MIN_QUERIES else None


_COLUMNS = (
    ("same soundtrack, P@10", "soundtrack", "precision"),
    ("R-precision", "soundtrack", "r_precision"),
    ("MAP", "soundtrack", "average_precision"),
    ("composer, P@10", "composer", "precision"),
    ("composer, MAP", "composer", "average_precision"),
    ("composer within the soundtrack, MAP", "composer_within", "average_precision"),
)


def neighbours_table(
    rows: Mapping[str, Neighbours],
    distances: Mapping[str, str],
    cpu_s: Mapping[str, float],
    n_failed: Mapping[str, int],
) -> str:
    """The table of a collection, Markdown, with chance and the best possible below.

    Parameters
    ----------
    rows : system's name -> its figures; all of the same tracks.
    distances, cpu_s, n_failed : by the same names: the distance, mean CPU seconds a track, and how
        many files of the collection the system could not analyse.
    """
    headings = ["system", "distance", *(heading for heading, _, _ in _COLUMNS)]
    headings += ["hubness", "CPU s a track", "failed"]
    lines = [f"| {' | '.join(headings)} |", "|" + " --- |" * len(headings)]
    for name, found in rows.items():
        cells = [name, distances[name]]
        for _, label, figure in _COLUMNS:
            cells.append(_cell(_figure(found, label, figure)))
        cells.append(_interval(found.hubness))
        cells += [f"{cpu_s[name]:.2f}", f"{n_failed[name]}"]
        lines.append(f"| {' | '.join(cells)} |")
    first = next(iter(rows.values()))
    figures = [_figure(first, label, figure) for _, label, figure in _COLUMNS]
    by_chance = ["" if figure is None else f"{figure.chance:.3f}" for figure in figures]
    best = ["" if figure is None else f"{figure.best:.3f}" for figure in figures]
    lines.append(f"| chance | | {' | '.join(by_chance)} | {first.hubness_chance:.3f} | | |")
    lines.append(f"| best possible | | {' | '.join(best)} | | | |")
    return "\n".join(lines)


def _figure(found: Neighbours, label: str, name: str) -> RetrievalFigure | None:
    summary: RetrievalSummary | None = getattr(found, label)
    if summary is None:
        return None
    figure: RetrievalFigure = getattr(summary, name)
    return figure


def _cell(figure: RetrievalFigure | None) -> str:
    return "too few" if figure is None else _interval(figure)


def _interval(figure: RetrievalFigure | Interval) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def failures_table(failures: Sequence[Failure], folder: Path) -> str:
    """Each failure with its reason, Markdown; a line that says so where there is none."""
    if not failures:
        return "No system failed on any file."
    lines = ["| system | file | why |", "| --- | --- | --- |"]
    for failure in failures:
        path = failure.path
        if path is not None and path.is_relative_to(folder):
            path = path.relative_to(folder)
        # A bar or a line break in a message would break the table.
        reason = " ".join(failure.reason.replace("|", "/").split())
        lines.append(f"| {failure.system} | {path or 'all of them'} | {reason} |")
    return "\n".join(lines)
