"""A listener's taste: what is fitted to judgements and plays, and whether it is used.

Three things are fitted, each only used where it predicts judgements that it has not seen better
than what it would replace, by more than chance (:mod:`.trials`):

1. weights of the facets, to what is alike, unlike and the odd one, in place of the model's;
2. a finer metric, of low rank, in place of the model's or of these weights alone;
3. a liking, to likes, dislikes and plays, in place of none.

How answers are weighed is in :mod:`.answers`, likes in :mod:`.likes`, and what it does to a ranking
in ``similarity.taste``.

*Plays.* A play speaks for a track by the share of it that was heard, one that was skipped, or of
which less than a quarter was heard, against it by the share that was not. Each counts half as much
for every half year that has passed, and several add up, each to half of what is left: so a piece
that was played for years is at most as liked as one that is said to be. Where it is said to be
liked or disliked, plays do not count.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from soundalike.library.taste_stamp import NOTHING
from soundalike.recommend.answers import Answers, Problem, principal_axes
from soundalike.recommend.likes import Likes, fit_liking, held_out_places
from soundalike.recommend.trials import chance_of, folds_of
from soundalike.similarity.taste import Liking, Metric, Taste

if TYPE_CHECKING:
    from soundalike.library import Library
    from soundalike.library.taste_records import Evidence, Plays

__all__ = [
    "BY_CHANCE",
    "FEWEST",
    "HALF_LIFE_DAYS",
    "TasteReport",
    "Trial",
    "fit_taste",
    "play_weights",
    "taste_of",
]

Floats = NDArray[np.float64]
Level = Literal["weights", "metric", "liking"]

FEWEST: Final[Mapping[str, int]] = {"weights": 8, "metric": 50, "liking": 5}
"""Judgements, and of likes artists, below which nothing is fitted: it could not be better by more
than chance."""

BY_CHANCE: Final[Mapping[str, float]] = {"weights": 0.05, "metric": 0.05, "liking": 0.01}
"""What comes about no more often than this, if there is nothing to gain, is used. Weights that are
fitted to somebody who agrees with the model predict worse than the model's, so that they are in use
more rarely than the bound says. Random likes pass more often, 4 or 5 times in 100 at this one:
tracks that are held out together are compared with the same others (docs/results.md)."""

HALF_LIFE_DAYS: Final = 182.0

# Of a track that is heard to less than this, not all was wanted.
_SKIPPED_SHARE = 0.25
# What stands for the library: pairs for what a similarity is measured from, and tracks.
_PAIRS, _BACKGROUND = 400, 500
# The most tracks that a liking is fitted to: those that say most.
_MOST_LIKES = 2000
# A fit is made anew when so many tracks are others, or after so long.
_STALE_SHARE, _STALE_S = 0.02, 14 * 86_400
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """How well something predicts judgements that it has not seen.

    Attributes
    ----------
    level : "weights", "metric" or "liking".
    n : judgements that were held out, each once.
    before, after : of these, how many what it would replace predicts, and how many it does. Of a
        liking, the mean share of random tracks that what is liked goes before, times n: by chance a
        half.
    chance : how often so much better comes about if there is nothing to gain; None where there
        were too few to try.
    is_used : whether it is in use.
    """

    level: Level
    n: int
    before: float
    after: float
    chance: float | None
    is_used: bool


@dataclass(frozen=True, eq=False)
class TasteReport:
    """What is known of a listener's taste.

    Attributes
    ----------
    model : whose embeddings it is about.
    judgements : by kind.
    not_counted : of these, how many are of music that is not in the library, or not analysed.
    plays, played : how often something was played that the library has, and how many pieces.
    default_weights, weights : the share of each facet, of the model and as fitted; the latter are
        in use only where the trial of "weights" or "metric" says so.
    trials : in the order of the levels; those of which there is nothing to say are left out.
    taste : what is in use.
    fitted_at : seconds since 1970.
    """

    model: str
    judgements: Mapping[str, int]
    not_counted: int
    plays: int
    played: int
    default_weights: Mapping[str, float]
    weights: Mapping[str, float]
    trials: tuple[Trial, ...]
    taste: Taste = field(repr=False)
    fitted_at: float

    def trial(self, level: Level) -> Trial | None:
        """Of one level."""
        return next((each for each in self.trials if each.level == level), None)

    def to_json(self) -> dict[str, Any]:
        """As it is kept and printed, the taste with its numbers."""
        return {
            "version": _VERSION,
            "model": self.model,
            "judgements": dict(self.judgements),
            "not_counted": self.not_counted,
            "plays": self.plays,
            "played": self.played,
            "default_weights": dict(self.default_weights),
            "weights": dict(self.weights),
            "trials": [asdict(trial) for trial in self.trials],
            "taste": self.taste.to_json(),
            "fitted_at": self.fitted_at,
        }

    @classmethod
    def from_json(cls, found: Any) -> TasteReport:
        """What :meth:`to_json` made.

        Raises
        ------
        ValueError : it has another form.
        """
        try:
            if found["version"] != _VERSION:
                raise ValueError(f"a taste of version {found['version']}")
            values = {key: value for key, value in found.items() if key != "version"}
            values["trials"] = tuple(Trial(**each) for each in found["trials"])
            values["taste"] = Taste.from_json(found["taste"])
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no taste: {error}") from error


def taste_of(library: Library, *, now: float | None = None) -> TasteReport:
    """A listener's taste, fitted anew only where there is something new.

    What is fitted is kept in the library; one that cannot be written answers all the same.

    Parameters
    ----------
    now : seconds since 1970; the time of the machine by default.

    Raises
    ------
    ModelMismatch : the whole library is analysed with another model only.
    """
    now = time.time() if now is None else now
    kept = library.kept_taste()
    if kept is not None:
        changed = abs(kept.n_tracks_now - kept.n_tracks)
        is_stale = changed > _STALE_SHARE * kept.n_tracks or now - kept.fitted_at > _STALE_S
        # What another version wrote is fitted anew.
        with suppress(ValueError):
            if not is_stale:
                return TasteReport.from_json(kept.fitted)
    evidence = library.taste_evidence()
    # As it is kept, so that it is the same to the last bit now and when it is read.
    report = TasteReport.from_json(fit_taste(evidence, now=now).to_json())
    if evidence.stamp != NOTHING:
        library.keep_taste(evidence, report.to_json())
    return report


def fit_taste(evidence: Evidence, *, now: float) -> TasteReport:
    """Fit a taste, and decide what of it is used. The same evidence gives the same answer.

    Parameters
    ----------
    now : seconds since 1970, from which the age of plays counts.
    """
    layout = evidence.layout
    defaults = layout.weights()
    trials: list[Trial] = []
    metric, weights = _fit_metric(evidence, trials)
    liking = _fit_liking(evidence, trials, now)
    return TasteReport(
        model=evidence.model,
        judgements=evidence.judgements,
        not_counted=evidence.not_counted,
        plays=len(evidence.plays.rows),
        played=len(np.unique(evidence.plays.rows)),
        default_weights=defaults,
        weights=weights,
        trials=tuple(trials),
        taste=Taste(evidence.model, metric, liking),
        fitted_at=now,
    )


def play_weights(plays: Plays, n: int, *, now: float) -> Floats:
    """How much plays speak for each of n tracks: from -1 (always skipped) to 1, 0 for none.

    Parameters
    ----------
    now : seconds since 1970.
    """
    shares = np.where(np.isnan(plays.shares), np.where(plays.is_skipped, 0.0, 1.0), plays.shares)
    is_against = plays.is_skipped | (shares < _SKIPPED_SHARE)
    ages_days = np.maximum(now - plays.played_at, 0.0) / 86_400
    counts = np.where(is_against, 1 - shares, shares) * 0.5 ** (ages_days / HALF_LIFE_DAYS)
    speaks_for = np.bincount(plays.rows[~is_against], counts[~is_against], minlength=n)
    against = np.bincount(plays.rows[is_against], counts[is_against], minlength=n)
    return np.asarray(0.5**against - 0.5**speaks_for)


def _fit_metric(evidence: Evidence, trials: list[Trial]) -> tuple[Metric | None, dict[str, float]]:
    """What is used of the metric, and the weights as fitted."""
    layout = evidence.layout
    answers = Answers(evidence.triplets, evidence.pairs, evidence.alike)
    embeddings = evidence.index.embeddings
    if not len(answers) or len(embeddings) < 2:
        return None, layout.weights()
    generator = np.random.default_rng(0)
    pairs = generator.integers(0, len(embeddings), (_PAIRS, 2))
    background = embeddings[pairs[pairs[:, 0] != pairs[:, 1]]]
    judged = np.unique(np.concatenate([answers.triplets.ravel(), answers.pairs.ravel()]))
    axes = principal_axes(evidence.embeddings[judged], layout)
    problem = Problem(evidence.embeddings, layout, background, axes)
    groups = answers.groups()
    held_out = _HeldOut(problem, answers, groups)
    best: Metric | None = None
    base = held_out.losses(weights=False)
    weights = layout.weights()
    if len(layout) > 1:
        values = problem.fit(answers)
        weights = problem.weights(values)
        tried = held_out.losses() if held_out.can("weights") else None
        trial = _compared("weights", base, tried, groups)
        trials.append(trial)
        if trial.is_used and tried is not None:
            best, base = problem.metric(values), tried
    if held_out.can("metric"):
        tried = held_out.losses(matrix=True)
        trial = _compared("metric", base, tried, groups)
        trials.append(trial)
        if trial.is_used:
            values = problem.fit(answers, matrix=True)
            best, weights = problem.metric(values), problem.weights(values)
    return best, weights


class _HeldOut:
    """The losses of answers when they are held out, and whether they are predicted."""

    def __init__(self, problem: Problem, answers: Answers, groups: NDArray[np.intp]) -> None:
        self._problem, self._answers = problem, answers
        self._groups = groups
        self._folds = folds_of(groups)

    def can(self, level: Level) -> bool:
        """Whether there are enough of them."""
        return len(np.unique(self._groups)) >= FEWEST[level]

    def losses(
        self, *, weights: bool = True, matrix: bool = False
    ) -> tuple[Floats, NDArray[np.bool_]]:
        n = len(self._answers)
        losses, right = np.zeros(n), np.zeros(n, np.bool_)
        for fold in np.unique(self._folds):
            out = self._folds == fold
            values = self._problem.fit(self._answers.take(~out), weights=weights, matrix=matrix)
            losses[out], right[out] = self._problem.losses(self._answers.take(out), values)
        return losses, right


def _compared(
    level: Level,
    base: tuple[Floats, NDArray[np.bool_]],
    tried: tuple[Floats, NDArray[np.bool_]] | None,
    groups: NDArray[np.intp],
) -> Trial:
    """Used is what predicts more answers, by more than chance, and is no surer of wrong ones."""
    before = float(base[1].sum())
    if tried is None:
        return Trial(level, len(groups), before, before, None, False)
    chance = chance_of(tried[1].astype(np.float64) - base[1], groups)
    is_used = chance <= BY_CHANCE[level] and float(tried[0].sum()) <= float(base[0].sum())
    return Trial(level, len(groups), before, float(tried[1].sum()), chance, is_used)


def _fit_liking(evidence: Evidence, trials: list[Trial], now: float) -> Liking | None:
    likes = _likes(evidence, now)
    n = len(likes)
    if not n or not len(likes.background):
        return None
    groups, counts = np.unique(likes.groups, return_inverse=True)
    if len(groups) < FEWEST["liking"]:
        trials.append(Trial("liking", n, n / 2, n / 2, None, False))
        return None
    places = held_out_places(likes)
    known = ~np.isnan(places)
    strengths = np.abs(likes.weights[known])
    chance = chance_of((places[known] - 0.5) * strengths, counts[known])
    n = int(known.sum())
    mean = float(np.average(places[known], weights=strengths)) if n else 0.5
    is_used = chance <= BY_CHANCE["liking"] and mean > 0.5
    trials.append(Trial("liking", n, n / 2, mean * n, chance, is_used))
    return fit_liking(likes) if is_used else None


def _likes(evidence: Evidence, now: float) -> Likes:
    """What speaks for tracks and against them: what is said goes before what is played."""
    n = len(evidence.embeddings)
    weights = play_weights(evidence.plays, n, now=now)
    weights[evidence.opinions] = np.where(evidence.liked, 1.0, -1.0)
    rows = np.flatnonzero(weights)
    if len(rows) > _MOST_LIKES:
        rows = np.sort(rows[np.argsort(-np.abs(weights[rows]), kind="stable")[:_MOST_LIKES]])
    index = evidence.index
    own = evidence.index_rows[rows]
    others = np.setdiff1d(np.arange(len(index)), own[own >= 0])
    if len(others) > _BACKGROUND:
        others = np.sort(np.random.default_rng(0).choice(others, _BACKGROUND, replace=False))
    return Likes(
        embeddings=evidence.embeddings[rows],
        weights=weights[rows],
        groups=_known_or_own(evidence.artists[rows], 1),
        background=index.embeddings[others],
        background_groups=_known_or_own(index.artist_codes[others], 1 + len(rows)),
    )


def _known_or_own(artists: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Artists by number, each unknown one by a number of its own, from one on that is none."""
    own = np.iinfo(np.int64).min + first + np.arange(len(artists))
    return np.where(artists == 0, own, artists)
