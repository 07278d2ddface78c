"""Measuring a library's neighbours: from its embeddings, tags and files to the figures."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import LibraryError
from soundalike.evaluate.duplicates import find_duplicates
from soundalike.evaluate.intervals import mean_interval
from soundalike.evaluate.labels import QUESTIONS, Question
from soundalike.evaluate.listen import Heard, listen
from soundalike.evaluate.records import (
    Answer,
    BaselineComparison,
    EvaluationProgress,
    HubFigures,
    LibraryEvaluation,
)
from soundalike.evaluate.retrieval import QueryScores, retrieve, summarise
from soundalike.evaluate.robustness import MAX_DURATION_S, MIN_DURATION_S, find_again
from soundalike.evaluate.timbre import standardised
from soundalike.library import Library, Track
from soundalike.pace import Pace
from soundalike.show.amounts import show_count
from soundalike.similarity.hubness import LocalScaling, MutualProximity, measure_hubness
from soundalike.similarity.matrix import CosineSimilarities, Similarities
from soundalike.similarity.recording import Music

__all__ = [
    "BASELINE_TRACKS",
    "MIN_QUERIES",
    "MIN_TRACKS",
    "MIN_TRACKS_FOR_HUBS",
    "ROBUSTNESS_TRACKS",
    "evaluate_library",
]

BASELINE_TRACKS = 500
"""Tracks that are decoded for the baseline."""
ROBUSTNESS_TRACKS = 20
"""Tracks that copies are made of, which takes about as long as decoding each 18 times."""

MIN_QUERIES = 20
"""With fewer, a share of 1/2 is known to within 0.2 at best."""
MIN_TRACKS = 20
"""Of a library in which finding anything is worth a figure."""
MIN_TRACKS_FOR_HUBS = 50
"""A third moment of fewer counts says nothing."""

Progress = Callable[[EvaluationProgress], None]


def evaluate_library(
    library: Library,
    *,
    k: int = 10,
    seed: int = 0,
    baseline_tracks: int = BASELINE_TRACKS,
    robustness_tracks: int = ROBUSTNESS_TRACKS,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> LibraryEvaluation:
    """Measure how good a library's neighbours are, without a listening test.

    Duplicates are set aside. Then every track's ranking of the others is scored against tags and
    folders, hubs are counted, and changed copies of some tracks look for their own. Nothing is
    written to the library; what was decoded is kept in a file beside it (``library.db.evaluated``,
    a cache), so that the next evaluation need not decode it again. Stopped by Ctrl-C, it returns
    the figures of what was decoded until then: see ``LibraryEvaluation.interrupted``.

    Parameters
    ----------
    library : with analysed tracks; its model is what is measured.
    k : neighbours that count, as in ``library.similar(k=...)``.
    seed : of the samples of tracks and of the bootstrap.
    baseline_tracks : at most this many tracks are decoded for the MFCC baseline; whole folders
        are drawn where there are more. 0 leaves it out.
    robustness_tracks : how many tracks copies are made of; 0 leaves it out.
    jobs : processes that decode; by default one for each core.
    progress : called now and then in this thread.
    stop : set it, in any thread, to stop as Ctrl-C does.

    Raises
    ------
    LibraryError : no analysed track in the library.
    ModelMismatch : all are analysed with another model.
    InvalidArgument : a value out of range.

    Examples
    --------
    >>> evaluation = evaluate_library(Library())               # doctest: +SKIP
    >>> evaluation.answers[0].figures.precision.value          # doctest: +SKIP
    0.41
    """
    _check(k, baseline_tracks, robustness_tracks)
    started, began = datetime.now(UTC), time.monotonic()
    tell = progress or (lambda _: None)
    by_status: dict[str, list[Track]] = defaultdict(list)
    for track in library.tracks():
        by_status[track.status].append(track)
    index = library.index()
    by_id = {track.track_id: track for track in by_status["analysed"]}
    if not len(index.track_ids):
        raise LibraryError(
            f"{library.location}: no track is analysed, so there is nothing to evaluate; "
            "scan a folder with music first: soundalike scan FOLDER"
        )
    tracks = [by_id[int(track_id)] for track_id in index.track_ids]
    duplicates = find_duplicates(
        tracks,
        index.embeddings,
        lambda track: Music.of(library.analysis(track.track_id)),
        library.model.layout if index.model == library.model.id else None,
    )
    aside = {duplicate.track.track_id for duplicate in duplicates}
    kept = np.array([track.track_id not in aside for track in tracks])
    collection = _Collection(
        [track for track, keep in zip(tracks, kept, strict=True) if keep],
        index.embeddings[kept],
        k,
    )
    # While a new model takes over, the library answers with the old one, which may not be there.
    upgrading = index.model != library.model.id
    copied_tracks = 0 if upgrading else robustness_tracks
    enough = len(collection.tracks) >= MIN_TRACKS
    heard = (
        listen(
            *(library, collection.tracks, baseline_tracks, copied_tracks, seed),
            jobs=jobs,
            tell=tell,
            stop=stop,
        )
        if enough
        else Heard()
    )
    robustness, robustness_reason = _robustness(collection, heard, copied_tracks, k)
    if upgrading:
        robustness_reason = (
            f"the answers come from {index.model} until all tracks are re-analysed for "
            f"{library.model.id}: finish that first (soundalike scan --upgrade)"
        )
    interrupted = f"Stopped with {heard.words}." if heard.interrupted else None
    hubness, hubness_reason = _hubness(collection, k, tell)
    answers = tuple(
        _answer(question, collection, heard, baseline_tracks, k, seed, tell)
        for question in QUESTIONS
    )
    return LibraryEvaluation(
        location=library.location,
        model=index.model,
        k=k,
        seed=seed,
        n_tracks=len(collection.tracks),
        n_stand_ins=sum(
            not {"artist", "album"}.isdisjoint(track.stand_ins) for track in collection.tracks
        ),
        duplicates=duplicates,
        answers=answers,
        hubness=hubness,
        hubness_reason=hubness_reason,
        robustness=robustness,
        robustness_reason=robustness_reason,
        failed=tuple(library.failures()),
        missing=tuple(by_status["missing"]),
        n_pending=len(by_status["pending"]),
        unreadable=heard.unreadable,
        started=started,
        elapsed_s=time.monotonic() - began,
        interrupted=interrupted,
    )


@dataclass(frozen=True)
class _Collection:
    """The tracks that are compared, and their embeddings, row by row; k is that of the figures."""

    tracks: list[Track]
    embeddings: NDArray[np.float32]
    k: int

    @cached_property
    def cosines(self) -> CosineSimilarities:
        return CosineSimilarities(self.embeddings)

    @cached_property
    def corrected(self) -> LocalScaling:
        """For all questions: to know every track's neighbours takes a look at all pairs."""
        return LocalScaling(self.cosines, self.k)


def _check(k: int, baseline_tracks: int, robustness_tracks: int) -> None:
    whole_number("k", k, least=1)
    whole_number("baseline_tracks", baseline_tracks, least=0)
    whole_number("robustness_tracks", robustness_tracks, least=0)


def _robustness(
    collection: _Collection, heard: Heard, asked: int, k: int
) -> tuple[tuple[Any, ...], str | None]:
    if asked == 0:
        return (), "left out on request"
    if len(collection.tracks) < MIN_TRACKS:
        return (), (
            f"finding one of {show_count(len(collection.tracks), 'track')} is trivial: it takes at "
            f"least {MIN_TRACKS}"
        )
    if not heard.asked["copies"]:
        return (), (
            f"no track lasts between {MIN_DURATION_S:.0f} seconds and "
            f"{MAX_DURATION_S / 60:.0f} minutes"
        )
    if not heard.copies:
        sample = show_count(heard.asked["copies"], "file")
        if heard.interrupted:
            return (), f"stopped before the first of the {sample} of the sample was done"
        return (), f"none of the {sample} of the sample could be read"
    return find_again(heard.copies, collection.embeddings, k), None


def _hubness(
    collection: _Collection, k: int, tell: Progress
) -> tuple[tuple[HubFigures, ...], str | None]:
    n = len(collection.tracks)
    least = max(MIN_TRACKS_FOR_HUBS, 2 * k + 1)
    if n < least:
        return (), f"counting hubs at k = {k} needs at least {least} tracks, there are {n}"
    found = []
    for method in ("as it is", "local scaling", "mutual proximity"):
        tell(EvaluationProgress(f"counting hubs, {method}", 0, n, None))
        similarities: Similarities = collection.cosines
        if method == "local scaling":
            similarities = collection.corrected
        elif method == "mutual proximity":
            similarities = MutualProximity(collection.cosines)
        hubness = measure_hubness(similarities, k)
        found.append(
            HubFigures(
                method=method,
                skewness=hubness.skewness,
                largest_hub=collection.tracks[hubness.largest_hub],
                largest_occurrences=hubness.largest_occurrences,
                antihub_share=hubness.antihub_share,
                occurrences=tuple(np.bincount(hubness.occurrences).tolist()),
            )
        )
    return tuple(found), None


def _answer(
    question: Question,
    collection: _Collection,
    heard: Heard,
    baseline_tracks: int,
    k: int,
    seed: int,
    tell: Progress,
) -> Answer:
    tracks = collection.tracks
    labels = question.labels(tracks)
    sizes = Counter(label for label in labels if label is not None)
    n_unlabelled = sum(label is None for label in labels)

    def answer(reason: str | None, **found: Any) -> Answer:
        none = {"figures": None, "corrected": None, "baseline": None, "baseline_reason": None}
        return Answer(
            question=question.name,
            meaning=question.meaning,
            n_labels=sum(size >= 2 for size in sizes.values()),
            n_unlabelled=n_unlabelled,
            reason=reason,
            **(none | found),
        )

    reason = _why_not(question, len(tracks), n_unlabelled, sizes, k)
    if reason is not None:
        return answer(reason)

    def scores(similarities: Similarities, rows: Sequence[int] | None = None) -> QueryScores:
        some = tracks if rows is None else [tracks[row] for row in rows]
        pace = Pace()

        def show(done: int) -> None:
            _, left_s = pace.at(done, len(some))
            tell(EvaluationProgress(question.name, done, len(some), left_s))

        return retrieve(
            similarities,
            question.labels(some),
            groups=question.groups(some),
            k=k,
            progress=show,
        )

    plain = scores(collection.cosines)
    reason = _why_no_queries(question, plain)
    if reason is not None:
        return answer(reason)
    corrected = scores(collection.corrected)
    baseline, baseline_reason = None, "left out on request"
    if baseline_tracks:
        rows = sorted(heard.mfcc)
        baseline, baseline_reason = _baseline(collection, heard, rows, scores, seed)
    return answer(
        None,
        figures=summarise(plain, seed=seed),
        corrected=summarise(corrected, seed=seed),
        baseline=baseline,
        baseline_reason=None if baseline else baseline_reason,
    )


def _baseline(
    collection: _Collection,
    heard: Heard,
    rows: list[int],
    scores: Callable[[Similarities, Sequence[int]], QueryScores],
    seed: int,
) -> tuple[BaselineComparison | None, str]:
    if not rows:
        return None, "stopped before that" if heard.interrupted else "no file could be read"
    statistics = standardised(np.stack([heard.mfcc[row] for row in rows]))
    mfcc = scores(CosineSimilarities(statistics), rows)
    if len(mfcc.queries) < MIN_QUERIES:
        return None, (
            f"only {show_count(len(mfcc.queries), 'track')} of the {len(rows)} that were decoded "
            f"could be queries: at least {MIN_QUERIES} are needed"
        )
    own = scores(CosineSimilarities(collection.embeddings[rows]), rows)
    comparison = BaselineComparison(
        n_tracks=len(rows),
        embedding=summarise(own, seed=seed),
        mfcc=summarise(mfcc, seed=seed),
        gain=mean_interval(own.precision - mfcc.precision, seed=seed),
    )
    return comparison, ""


def _why_not(
    question: Question, n_tracks: int, n_unlabelled: int, sizes: Counter[Any], k: int
) -> str | None:
    """Why there is no figure, before anything is ranked."""
    if n_tracks < MIN_TRACKS:
        return f"too few tracks: {n_tracks}, at least {MIN_TRACKS} are needed"
    if n_tracks <= 2 * k:
        return f"too few tracks for k = {k}: {n_tracks}, at least {2 * k + 1} are needed"
    if n_unlabelled == n_tracks:
        return f"no track has {question.missing}"
    what = question.name.removeprefix("same ").split(",")[0]
    if len(sizes) == 1:
        return f"all tracks that have {question.missing} are of one {what}: nothing to distinguish"
    if max(sizes.values()) == 1:
        return f"no {what} has more than one track"
    return None


def _why_no_queries(question: Question, scores: QueryScores) -> str | None:
    """Why there is no figure, from what could be asked."""
    n_queries = len(scores.queries)
    if n_queries < MIN_QUERIES:
        share = question.name.removeprefix("same ").replace(",", " among")
        return (
            f"only {show_count(n_queries, 'track')} with another of the "
            f"same {share}: at least {MIN_QUERIES} are needed"
        )
    if (scores.n_relevant == scores.n_candidates).all():
        return "every neighbour that could come would be right: nothing to distinguish"
    return None
