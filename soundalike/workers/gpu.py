"""A model on a GPU, which takes the excerpts of several files at a time.

Files are decoded by threads. Whichever is first at the model takes along what all others have
waiting there, so that runs grow with the load, and nobody waits for a batch to fill.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundalike.analyzer import Analyzer
from soundalike.models import ModelKey
from soundalike.models.contract import INPUT, run

__all__ = ["GpuAnalyzer", "Together"]

FloatArray = NDArray[np.float32]
Inputs = Mapping[str, FloatArray]
Run = Callable[[Inputs, Sequence[str]], tuple[FloatArray, ...]]

# An excerpt is 64 kB: what a small GPU is busy with, and 32 MB.
MOST_EXCERPTS = 512


@dataclass(eq=False)
class _Asked:
    inputs: Inputs
    outputs: tuple[FloatArray, ...] | None = None
    error: Exception | None = None


class Together:
    """Runs in one go what several threads want of a model.

    Parameters
    ----------
    run_model : called with inputs by name, float32 (n_excerpts, ...), and the names of the
        outputs; returns for each output float32 (n_excerpts, size). In one thread at a time.
    most_excerpts : in one go; what a single thread asks for is never cut.
    """

    def __init__(self, run_model: Run, most_excerpts: int = MOST_EXCERPTS) -> None:
        self._run_model = run_model
        self._most_excerpts = most_excerpts
        self._lock = threading.Lock()
        self._model = threading.Lock()
        self._waiting: list[_Asked] = []

    @property
    def n_waiting(self) -> int:
        """Threads whose inputs no run has taken yet."""
        return len(self._waiting)

    def run(self, inputs: Inputs, outputs: Sequence[str]) -> tuple[FloatArray, ...]:
        """The outputs for these inputs; whatever the model raises is raised in each thread."""
        asked = _Asked(inputs)
        with self._lock:
            self._waiting.append(asked)
        while asked.outputs is None and asked.error is None:
            with self._model:
                if asked.outputs is None and asked.error is None:
                    self._run_all(self._taken(), outputs)
        if asked.error is not None:
            raise asked.error
        assert asked.outputs is not None
        return asked.outputs

    def _taken(self) -> list[_Asked]:
        """The first that waits, and those behind it as far as they fit."""
        with self._lock:
            taken = [self._waiting.pop(0)]
            n_excerpts = len(taken[0].inputs[INPUT])
            while self._waiting:
                n_excerpts += len(self._waiting[0].inputs[INPUT])
                if n_excerpts > self._most_excerpts:
                    break
                taken.append(self._waiting.pop(0))
        return taken

    def _run_all(self, taken: Sequence[_Asked], outputs: Sequence[str]) -> None:
        try:
            inputs = {
                name: np.concatenate([asked.inputs[name] for asked in taken])
                for name in taken[0].inputs
            }
            found = self._run_model(inputs, outputs)
        except Exception as error:
            for asked in taken:
                asked.error = error
            return
        ends = np.cumsum([len(asked.inputs[INPUT]) for asked in taken])[:-1]
        parts = [np.split(values, ends) for values in found]
        for number, asked in enumerate(taken):
            asked.outputs = tuple(each[number] for each in parts)


class GpuAnalyzer(Analyzer):
    """An :class:`Analyzer` that runs its model on a GPU, where there is one, for many threads.

    Attributes
    ----------
    device : "cuda", or "cpu" where ONNX Runtime has no use of a GPU.
    """

    def __init__(self, model: ModelKey) -> None:
        super().__init__(model, on_gpu=True)
        self._together = Together(self._run_once)

    def _run_once(self, inputs: Inputs, outputs: Sequence[str]) -> tuple[FloatArray, ...]:
        return run(self._session, inputs, outputs, most_excerpts=MOST_EXCERPTS)

    def _run(self, inputs: Inputs, outputs: Sequence[str]) -> tuple[FloatArray, ...]:
        return self._together.run(inputs, outputs)
