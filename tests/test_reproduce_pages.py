"""No text of a run, a clip or a data set can break the page of an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from html_pages import HOSTILE, assert_harmless
from small_sets import small_images

pytest.importorskip("sklearn", reason="needs soundalike[research]")
pytest.importorskip("matplotlib", reason="needs soundalike[research]")

from soundalike.evaluate.intervals import Interval
from soundalike.research import report
from soundalike.research.classification import Evaluation, evaluate
from soundalike.research.report import Epoch, RunSummary
from soundalike.research.reproduce.cifar10_page import cifar10_page
from soundalike.research.reproduce.clips import Clip
from soundalike.research.reproduce.differences import Difference
from soundalike.research.reproduce.folds import Fold
from soundalike.research.reproduce.paper_page import paper_page
from soundalike.research.reproduce.paper_results import SplitResult
from soundalike.research.reproduce.perturbations import Perturbation
from soundalike.research.reproduce.phrase import Sound
from soundalike.research.reproduce.recurrent_page import recurrent_page
from soundalike.research.reproduce.signals_page import signals_page
from soundalike.research.reproduce.stress_page import stress_page
from soundalike.research.reproduce.stress_results import Circumstances, Row, StressResult
from soundalike.research.tasks import Predictions
from soundalike.show.html import Picture


def evaluated(text: str, predicted: tuple[int, ...] = (0, 0, 1, 0)) -> Evaluation:
    probabilities = np.full((4, 2), 0.2)
    probabilities[np.arange(4), predicted] = 0.8
    labels = (text, "rock")
    return evaluate(probabilities, np.array([0, 0, 1, 1]), np.arange(4), labels, draws=50)


def run(text: str) -> RunSummary:
    return RunSummary(
        name=text,
        network=text,
        n_parameters=1000,
        data_set=text,
        split={"train": 400, "valid": 40, "test": 50, text: text},
        evaluations={"test": evaluated(text), text: evaluated(text)},
        config={
            "epochs": 2,
            "crops_per_track": 1,
            "learning_rate": 0.1,
            "batch_size": 8,
            "options": {text: [text]},
        },
        environment={text: text},
        command=text,
        started=text,
        duration_s=60.0,
        curve=(Epoch(1, 2.0, 2.0, 0.1, 0.2), Epoch(2, 1.0, 1.0, 0.2, 0.3)),
        notes=(text,),
        quick=True,
        extra={text: text},
    )


def report_page(text: str, folder: Path) -> str:
    return report.write_report(folder, run(text)).read_text(encoding="utf-8")


def comparison_page(text: str, folder: Path) -> str:
    # Pictures are for the tests of charts: their text is drawn, not written.
    runs = [replace(run(text), name="one"), replace(run(text), name="two")]
    path = report.write_comparison(
        folder, runs, title=text, lead=text, on=text, conclusion=[text, text]
    )
    return path.read_text(encoding="utf-8")


def paper(text: str, _folder: Path) -> str:
    before, after = evaluated(text), evaluated(text, (0, 1, 1, 1))
    results = [
        SplitResult(
            f"({letter})",
            {"train": 30, "test": 10},
            shared,
            {1: before, 2: after},
            {1: before, 2: after},
            run(text),
        )
        for letter, shared in (("a", 10), ("b", 0), ("c", 9))
    ]
    return paper_page(results, (1, 2), {25: 0.4, 80: 0.6}, [text], quick=True, command=text)


def stress(text: str, _folder: Path) -> str:
    interval = Interval(0.1, 0.0, 0.2)
    rows = tuple(
        Row("model@1", group, name, kind, 2, interval, interval, 0.9, 0.8, 0.5)
        for group in ("held out", "all")
        for name, kind in (("none", "none"), ("noise", "noise"))
    )
    result = StressResult(
        (Clip("blues.0", text, Path("0.wav"), "valid"), Clip("b", "rock", Path("1.wav"), "train")),
        (text,),
        (Perturbation("noise", "noise", lambda waveform, rate, generator: waveform),),
        (),
        rows,
    )
    return stress_page(result, Circumstances(text, text, 9.0, 0, True, {text: text}), [text])


def recurrent(text: str, _folder: Path) -> str:
    interval = Interval(0.6, 0.5, 0.7)
    return recurrent_page(
        {"rnn": [run(text)], "lstm": [run(text)]},
        {"rnn": interval, "lstm": interval},
        [Difference(text, text, interval, True)],
        [text],
        {"rnn": {text: text}},
        quick=True,
        command=text,
    )


def cifar10(text: str, _folder: Path) -> str:
    images = replace(small_images(100, 40), notes=(text,))
    probabilities = np.full((40, 10), 0.1, np.float32)
    predictions = Predictions(
        probabilities, np.empty((40, 0), np.float32), np.arange(40), images.test_labels
    )
    tuned = replace(run(text), config={**run(text).config, "batch_size": text})
    return cifar10_page(
        images, run(text), tuned, predictions, [text], 0.62, quick=True, command=text
    )


def signals(text: str, _folder: Path) -> str:
    names = ("sampling", "aliasing-chirp", "aliasing", "waveform")
    names += ("decibel", "spectrogram", "mel", "mel-128")
    return signals_page(
        Sound(text, np.zeros((2, 8), np.float32), 8000),
        {name: Picture(b"png", None, text, 100, wide=True) for name in names},
        {text: b"wav"},
        [Fold(1000.0, 8000, 1000.0, 1000.1, -0.1), Fold(5000.0, 8000, 3000.0, 3000.1, -70.0)],
        is_composed=False,
        quick=True,
    )


@pytest.mark.parametrize(
    "make", [report_page, comparison_page, paper, stress, recurrent, cifar10, signals]
)
def test_text_from_outside_cannot_break_a_page(
    make: Callable[[str, Path], str], tmp_path: Path
) -> None:
    assert_harmless(make(HOSTILE, tmp_path), make("plain", tmp_path))
