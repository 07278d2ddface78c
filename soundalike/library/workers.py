"""What analyses a library's files, loaded where some are: a question needs none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundalike.models import ModelKey
    from soundalike.workers.jobs import MakePool, Setup

__all__ = ["Workers"]


class Workers:
    """How the workers of a library are made.

    Parameters
    ----------
    analyzer : ``module:callable``, called with the model in every process that analyses.
    make_pool : makes what they run in; None for processes of this machine.
    """

    def __init__(self, analyzer: str, model: ModelKey, make_pool: MakePool | None) -> None:
        self._analyzer = analyzer
        self._model = model
        self._make_pool = make_pool

    @property
    def setup(self) -> Setup:
        """What every worker is told."""
        from soundalike.workers.jobs import MOST_MEMORY, Setup

        return Setup(self._analyzer, self._model, most_memory=MOST_MEMORY)

    @property
    def make_pool(self) -> MakePool:
        """Called with the setup and the number of workers."""
        from soundalike.workers.pool import WorkerPool

        return self._make_pool or WorkerPool
