"""What the paper's CNN reached on each split: for the page, the JSON and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from soundalike.research.classification import Evaluation
from soundalike.research.report import RunSummary

__all__ = ["SplitResult"]


@dataclass(frozen=True)
class SplitResult:
    """What the network reached on the test side of one split.

    Attributes
    ----------
    name : letter and words, such as "(b) fault-filtered".
    sizes : segments of each side.
    n_shared : test segments whose own track is in training too.
    by_segment : by epochs; the bootstrap draws tracks.
    by_track : by epochs, probabilities averaged over a track's segments on the test side.
    """

    name: str
    sizes: Mapping[str, int]
    n_shared: int
    by_segment: Mapping[int, Evaluation]
    by_track: Mapping[int, Evaluation]
    run: RunSummary
