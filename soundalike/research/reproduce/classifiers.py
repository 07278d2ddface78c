"""Models to experiment on: those that are installed, and networks of training runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from soundalike.analyzer import Analyzer
from soundalike.errors import DataError, ModelError, printable
from soundalike.frontends.log_mel import excerpts
from soundalike.models import installed_models
from soundalike.research.datasets.gtzan import GENRES

__all__ = ["Classifier", "Prediction", "find_classifiers"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What a model says of a track: probabilities (n_labels,), embedding (D,)."""

    probabilities: Floats
    embedding: Floats


class Classifier(Protocol):
    """A model, whatever it runs on. ``is_centred``: whether its embeddings have mean zero."""

    name: str
    labels: tuple[str, ...]
    is_centred: bool

    def predict(self, log_mel_db: Floats) -> Prediction: ...


class _Installed:
    """A model of soundalike's, as the product runs it."""

    def __init__(self, model: str) -> None:
        self._analyzer = Analyzer(model)
        self.name = self._analyzer.model.id
        self.labels = self._analyzer.model.labels
        self.is_centred = True

    def predict(self, log_mel_db: Floats) -> Prediction:
        analysis = self._analyzer.from_log_mel(log_mel_db)
        return Prediction(analysis.probabilities, analysis.embedding)


class _Run:
    """The network of a training run."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "checkpoint.pt").is_file():
            raise DataError(f"{printable(folder)}: no training run (no checkpoint.pt)")
        from soundalike.research.checkpoints import load_checkpoint

        config, self._network = load_checkpoint(folder)
        self.name = f"{config.name} (seed {config.seed})"
        self.labels: tuple[str, ...] = GENRES
        self.is_centred = False

    def predict(self, log_mel_db: Floats) -> Prediction:
        import torch

        with torch.inference_mode():
            output = self._network(torch.from_numpy(excerpts(log_mel_db).frames))
            probabilities = output.logits.softmax(dim=1).mean(dim=0)
            embedding = output.embedding.mean(dim=0)
        return Prediction(probabilities.numpy(), embedding.numpy())


def find_classifiers(
    models: tuple[str, ...] = (), runs: tuple[Path, ...] = ()
) -> tuple[Classifier, ...]:
    """Load models by name and runs by folder; without either, all models of genres there are.

    Raises
    ------
    ModelError : an unknown model, or one that does not know GTZAN's genres.
    DataError : a run without a checkpoint.
    """
    if not models and not runs:
        models = tuple(model.id for model in installed_models() if model.kind == "genres")
    loaded: list[Classifier] = [*map(_Installed, models), *map(_Run, runs)]
    for classifier in loaded:
        missing = sorted(set(GENRES) - set(classifier.labels))
        if missing:
            raise ModelError(
                f"{classifier.name} does not know {', '.join(missing)}: its accuracy on GTZAN "
                f"cannot be measured"
            )
    return tuple(loaded)
