"""What the stress test measures, and how it was run: for the page, the JSON and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundalike.evaluate.intervals import Interval
from soundalike.research.reproduce.clips import Clip
from soundalike.research.reproduce.perturbations import Perturbation

__all__ = ["Circumstances", "Measured", "Row", "StressResult"]


@dataclass(frozen=True)
class Measured:
    """What one model made of the clips.

    Attributes
    ----------
    model : its name.
    hits : bool (1 + n_perturbations, n_clips), genre right; row 0 is the clips as they are.
    p_true : float64, same shape: probability of the true genre.
    cosines : float64, same shape: of the embedding to that of the clip as it is.
    ranks : int64, same shape: place of the clip's own track among all clips as they are, from 1.
    predicted : int64, same shape: the most probable label.
    """

    model: str
    labels: tuple[str, ...]
    hits: npt.NDArray[np.bool_]
    p_true: npt.NDArray[np.float64]
    cosines: npt.NDArray[np.float64]
    ranks: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """What one change does to one model on one group of clips.

    Attributes
    ----------
    group : "held out" (the model was not trained on them) or "all".
    perturbation, kind : what was changed; "none" for the clips as they are.
    n_clips : how many.
    accuracy : after the change, with its interval.
    drop : accuracy lost by the change, clip by clip (paired), with its interval; above 0 is worse.
    cosine : mean, of the embedding to that of the clip as it is.
    lowest_cosine : that of the clip that moved furthest.
    finds_itself : share of the clips whose own track is the nearest of all.
    """

    model: str
    group: str
    perturbation: str
    kind: str
    n_clips: int
    accuracy: Interval
    drop: Interval
    cosine: float
    lowest_cosine: float
    finds_itself: float


@dataclass(frozen=True)
class StressResult:
    """All that was measured.

    Attributes
    ----------
    clips : those that could be read.
    left_out : file and reason of those that could not.
    perturbations : in the order of the rows of ``measured``, from the second on.
    """

    clips: tuple[Clip, ...]
    left_out: tuple[str, ...]
    perturbations: tuple[Perturbation, ...]
    measured: tuple[Measured, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Circumstances:
    """How an experiment was run.

    Attributes
    ----------
    command : what was typed.
    started : ISO 8601.
    duration_s : seconds.
    environment : versions and machine.
    """

    command: str
    started: str
    duration_s: float
    seed: int
    quick: bool
    environment: Mapping[str, str]
