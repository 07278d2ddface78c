"""Several training runs one after the other, as one experiment with one progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundalike.research.config import TrainConfig
from soundalike.research.report import RunSummary
from soundalike.research.tasks import DataSet
from soundalike.research.train import TrainProgress, train

__all__ = ["PlannedRun", "Progress", "run_all"]

Progress = Callable[[int, int], None]

_PARTS = 1000


@dataclass(frozen=True)
class PlannedRun:
    """A run to be made, in a folder of its own.

    Attributes
    ----------
    folder : below that of the experiment.
    words : the data, in one line.
    cost : relative duration of an epoch, to estimate the time left.
    """

    folder: str
    config: TrainConfig
    data: DataSet
    words: str
    cost: float = 1.0


def run_all(
    out: Path,
    planned: Sequence[PlannedRun],
    *,
    quick: bool,
    command: str,
    progress: Progress | None = None,
) -> list[RunSummary]:
    """Train them all, evaluated on test too; those that are finished in ``out`` are not repeated.

    Parameters
    ----------
    progress : called with the thousandths done, and 1000.

    Raises
    ------
    InvalidArgument, DataError : as :func:`soundalike.research.train.train`.
    """
    weights = [run.cost * run.config.epochs for run in planned]
    done = 0.0
    summaries = []
    for run, weight in zip(planned, weights, strict=True):

        def show(inner: TrainProgress, before: float = done, weight: float = weight) -> None:
            if progress is not None:
                share = (before + weight * inner.step / inner.steps) / sum(weights)
                progress(max(1, int(_PARTS * share)), _PARTS)

        summaries.append(
            train(
                run.config,
                run.data,
                out / run.folder,
                test=True,
                quick=quick,
                data_set=run.words,
                command=command,
                progress=show,
            )
        )
        done += weight
    return summaries
