"""The experiments: those of the paper that this project grew out of, and what goes beyond it.

Each is a function that takes the folder to write to and keyword arguments of its own, and returns
an :class:`Outcome`. Adding one is one such function and one line in :data:`EXPERIMENTS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from soundalike.errors import InvalidArgument
from soundalike.files import output_folder

__all__ = ["EXPERIMENTS", "Experiment", "Outcome", "find_experiment", "run"]


@dataclass(frozen=True)
class Outcome:
    """The result of an experiment.

    Attributes
    ----------
    report : the HTML file to look at.
    lines : the findings, in a few lines for a terminal.
    """

    report: Path
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """An experiment that can be run by name.

    Attributes
    ----------
    function : ``module:function``, imported when the experiment runs.
    summary : one line.
    duration : how long it takes, in words.
    """

    function: str
    summary: str
    duration: str


_HERE: Final = "soundalike.research.reproduce"

EXPERIMENTS: Final[dict[str, Experiment]] = {
    "best": Experiment(
        f"{_HERE}.recurrent:reproduce_best",
        "the best from-scratch recipe, trained with three seeds",
        "40 minutes on one core",
    ),
    "cifar10": Experiment(
        f"{_HERE}.cifar10:reproduce",
        "the paper's demonstration on CIFAR-10, and a better recipe for the same network",
        "12 minutes on one core",
    ),
    "paper": Experiment(
        f"{_HERE}.paper:reproduce",
        "the paper's CNN on GTZAN, split at random as in the paper, and by track and artist",
        "an hour on one core",
    ),
    "recurrent": Experiment(
        f"{_HERE}.recurrent:reproduce",
        "CNN, RNN, LSTM, GRU, CNN-LSTM and resnet under the same conditions, three seeds each",
        "an hour and a half on one core",
    ),
    "signals": Experiment(
        f"{_HERE}.signals:reproduce",
        "sampling, aliasing, waveform, spectrogram and mel spectrogram, as pictures",
        "10 s",
    ),
    "stress": Experiment(
        f"{_HERE}.stress:reproduce",
        "how gain, filters, MP3, noise, pitch and tempo affect each model",
        "under 10 minutes on 2 cores",
    ),
}


def find_experiment(name: str) -> Experiment:
    """The experiment of this name.

    Raises
    ------
    InvalidArgument : unknown; the message lists the available ones.
    """
    if name not in EXPERIMENTS:
        known = ", ".join(sorted(EXPERIMENTS))
        raise InvalidArgument(f"unknown experiment {name!r}; available: {known}")
    return EXPERIMENTS[name]


def run(name: str, out: Path, **options: Any) -> Outcome:
    """Run an experiment.

    Parameters
    ----------
    out : folder for the report; made if necessary.
    options : as the experiment's function takes them; all take ``quick``.

    Raises
    ------
    InvalidArgument : unknown experiment.
    OutputError : the folder cannot be written to.
    SoundalikeError : whatever stops the experiment, such as data that are missing.
    """
    module, function = find_experiment(name).function.split(":")
    folder = output_folder(out)
    reproduce = cast("Callable[..., Outcome]", getattr(importlib.import_module(module), function))
    return reproduce(folder, **options)
