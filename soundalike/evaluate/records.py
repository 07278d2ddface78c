"""What the evaluation of a library returns; shares are 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from soundalike.evaluate.duplicates import Duplicate
from soundalike.evaluate.intervals import Interval
from soundalike.evaluate.retrieval import RetrievalSummary
from soundalike.evaluate.robustness import Robustness
from soundalike.library.records import Track
from soundalike.library.scan_records import Failure
from soundalike.workers.calls import Refused

__all__ = [
    "Answer",
    "BaselineComparison",
    "EvaluationProgress",
    "HubFigures",
    "LibraryEvaluation",
]


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """How far an evaluation is.

    Attributes
    ----------
    step : what is being done, in a few words.
    done, total : of this step, in files or tracks.
    left_s : seconds of this step; None while unknown.
    """

    step: str
    done: int
    total: int
    left_s: float | None = None


@dataclass(frozen=True)
class BaselineComparison:
    """Embedding and MFCC statistics on the same tracks, queries and candidates.

    Attributes
    ----------
    n_tracks : that both ranked.
    embedding, mfcc : the figures of each.
    gain : embedding minus MFCC, precision@k, with its 95 % bootstrap interval over the queries.
    """

    n_tracks: int
    embedding: RetrievalSummary
    mfcc: RetrievalSummary
    gain: Interval


@dataclass(frozen=True)
class Answer:
    """Whether the neighbours have one thing in common.

    Attributes
    ----------
    question, meaning : what was asked, and what that means.
    n_labels : different albums, artists, ... with at least two tracks.
    n_unlabelled : tracks that could not be asked about, because they have no such tag.
    figures : None where there is no sense in a figure; ``reason`` says why.
    corrected : the same figures after the correction for hubs (local scaling).
    baseline : beside MFCC statistics; None without, ``baseline_reason`` says why.
    """

    question: str
    meaning: str
    n_labels: int
    n_unlabelled: int
    figures: RetrievalSummary | None
    corrected: RetrievalSummary | None
    reason: str | None
    baseline: BaselineComparison | None
    baseline_reason: str | None


@dataclass(frozen=True)
class HubFigures:
    """How evenly the places among the k neighbours are shared out.

    Attributes
    ----------
    method : "as it is", "local scaling" or "mutual proximity".
    skewness : of how often a track is a neighbour; 0 is even.
    largest_hub, largest_occurrences : the track that is a neighbour most often, and of how many.
    antihub_share : share of the tracks that are in no track's list of neighbours.
    occurrences : histogram: [i] tracks are a neighbour of i others.
    """

    method: str
    skewness: float
    largest_hub: Track
    largest_occurrences: int
    antihub_share: float
    occurrences: tuple[int, ...]


@dataclass(frozen=True)
class LibraryEvaluation:
    """How good the neighbours in a library are; see ``evaluate_library``.

    Attributes
    ----------
    location, model, k, seed : what was asked; ``model`` is ``name@version``.
    n_tracks : tracks that were compared, without the duplicates.
    n_stand_ins : those of them of which artist or album is what their folders say, for want of
        tags.
    duplicates : that were set aside.
    answers : one a question; each has figures, or a reason why it has none.
    hubness : as it is, then after the corrections; empty where ``hubness_reason`` says why.
    robustness : one a kind of change; empty where ``robustness_reason`` says why.
    failed : files and folders that the library could not analyse: in no figure.
    missing : tracks whose files are gone since the last scan: in no figure.
    n_pending : tracks that are not analysed with this model: in no figure.
    unreadable : files that could not be read for this evaluation, gone since the scan or damaged.
    started : UTC.
    elapsed_s : seconds.
    interrupted : None where the evaluation ran to its end; else how much of what was to be decoded
        its figures rest on, in words.
    """

    location: str
    model: str
    k: int
    seed: int
    n_tracks: int
    n_stand_ins: int
    duplicates: tuple[Duplicate, ...]
    answers: tuple[Answer, ...]
    hubness: tuple[HubFigures, ...]
    hubness_reason: str | None
    robustness: tuple[Robustness, ...]
    robustness_reason: str | None
    failed: tuple[Failure, ...]
    missing: tuple[Track, ...]
    n_pending: int
    unreadable: tuple[Refused, ...]
    started: datetime
    elapsed_s: float
    interrupted: str | None = None
