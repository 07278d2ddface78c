"""The experiments that train: what they compute besides, and that each runs to its report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_sets import small_images

from soundalike.errors import InvalidArgument
from soundalike.research.datasets import cifar10 as cifar10_set
from soundalike.research.datasets.frames import STORE_FILE, Store, write_store
from soundalike.research.datasets.gtzan import GENRES
from soundalike.research.reproduce import EXPERIMENTS, cifar10, find_experiment, paper, recurrent
from soundalike.research.reproduce.differences import differences, means

pytestmark = pytest.mark.usefixtures("unrendered")

RNG = np.random.default_rng(0)


def test_every_experiment_can_be_imported_and_says_how_long_it_takes() -> None:
    import importlib

    for name in ("best", "cifar10", "paper", "recurrent"):
        experiment = find_experiment(name)
        module, function = experiment.function.split(":")
        assert callable(getattr(importlib.import_module(module), function))
        assert "one core" in experiment.duration
    assert set(EXPERIMENTS) >= {"best", "cifar10", "paper", "recurrent", "signals", "stress"}


# --- which differences are real -----------------------------------------------------------------


def test_a_large_difference_is_real_and_none_is_not() -> None:
    tracks = RNG.random(290)
    hits = {
        "good": np.stack([tracks < 0.7] * 3),
        "same": np.stack([tracks < 0.7] * 3),
        "poor": np.stack([tracks < 0.4] * 3),
    }
    found = {(one.better, one.worse): one for one in differences(hits)}
    assert found["good", "poor"].is_real
    assert found["good", "poor"].interval.low > 0.2
    assert not found["good", "same"].is_real
    assert found["good", "same"].interval.value == 0
    first, *_ = differences(hits)
    assert first.worse == "poor"


def test_seeds_that_scatter_make_a_difference_doubtful() -> None:
    tracks = RNG.random(290)

    def runs(*shares: float) -> np.ndarray:
        return np.stack([tracks < share for share in shares])

    steady = differences({"a": runs(0.6, 0.6, 0.6), "b": runs(0.5, 0.5, 0.5)})[0]
    scattered = differences({"a": runs(0.8, 0.6, 0.4), "b": runs(0.7, 0.5, 0.3)})[0]
    assert steady.is_real
    assert not scattered.is_real
    assert scattered.interval.value == pytest.approx(steady.interval.value, abs=0.03)


def test_the_interval_of_a_mean_is_that_of_the_binomial() -> None:
    """One seed, 400 tracks, half of them right: 1.96 * sqrt(0.25 / 400) = 0.049 on each side."""
    hits = {"a": np.arange(400)[None] % 2 == 0}
    interval = means(hits)["a"]
    assert interval.value == 0.5
    assert interval.high - 0.5 == pytest.approx(0.049, abs=0.004)
    assert 0.5 - interval.low == pytest.approx(0.049, abs=0.004)


def test_networks_asked_about_other_tracks_cannot_be_compared() -> None:
    with pytest.raises(InvalidArgument, match="the same tracks"):
        differences({"a": np.ones((1, 3), bool), "b": np.ones((1, 4), bool)})


# --- the experiments, small -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def gtzan_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five made-up tracks a genre in GTZAN's layout, with its split lists."""
    root = tmp_path_factory.mktemp("data") / "gtzan"
    (root / "splits").mkdir(parents=True)
    names = [f"{genre}/{genre}.{number:05d}" for genre in GENRES for number in range(5)]
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 120, (50, 128, 387), dtype=np.uint8)
    for row in range(50):
        frames[row, row // 5 * 12 : row // 5 * 12 + 12] += 120
    write_store(root / STORE_FILE, Store(frames, tuple(names)))
    for side, numbers in {"train": (0, 1, 2), "valid": (3,), "test": (4,)}.items():
        lines = [name for name in names if int(name[-1]) in numbers]
        (root / "splits" / f"{side}_filtered.txt").write_text("".join(f"{n}.wav\n" for n in lines))
    for fold in (1, 2, 3):
        (root / "splits" / f"f{fold}_evaluate_groups.txt").write_text("")
    return root


@pytest.mark.slow
def test_paper_runs_to_its_report(
    gtzan_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = paper.RECIPE.network_options | {"channels": [2] * 5, "hidden": [4] * 4}
    monkeypatch.setattr(paper, "RECIPE", replace(paper.RECIPE, network_options=small))
    seen: list[tuple[int, int]] = []
    outcome = paper.reproduce(
        tmp_path, data=gtzan_store, quick=True, progress=lambda *done: seen.append(done)
    )
    html = outcome.report.read_text(encoding="utf-8")
    assert "A quick run" in html
    for words in ("48.97 %", "60.34 %", "10,000 songs", "48,100 Hz", "softmax", "30 songs"):
        assert words in html
    assert html.count('class="confusion"') == 4
    assert seen == sorted(seen)
    assert seen[-1] == (1000, 1000)
    values = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    random, filtered, same = values["splits"]
    assert random["segments"] == {"train": 400, "valid": 50, "test": 50}
    assert filtered["segments"] == same["segments"] == {"train": 300, "valid": 100, "test": 100}
    assert filtered["test_segments_of_trained_tracks"] == 0
    assert same["test_segments_of_trained_tracks"] > 80
    assert set(filtered["by_segment"]) == {"1", "3"}
    assert filtered["by_track"]["3"]["n_tracks"] == 10


def test_best_runs_to_its_report_and_does_not_repeat_itself(
    gtzan_store: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"network_options": {"widths": [8, 8, 8, 8], "blocks": [1, 1, 1, 1]}}')
    out = tmp_path / "best"
    out.mkdir()
    outcome = recurrent.reproduce_best(out, data=gtzan_store, config=config, quick=True)
    assert "65 % is missed" in outcome.lines[0]
    stamp = (out / "resnet-0" / "curve.csv").stat().st_mtime_ns
    again = recurrent.reproduce_best(out, data=gtzan_store, config=config, quick=True)
    assert (out / "resnet-0" / "curve.csv").stat().st_mtime_ns == stamp
    assert again.lines == outcome.lines


@pytest.mark.slow
def test_recurrent_compares_all_six(
    gtzan_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "paper-cnn": {"channels": [2] * 5, "hidden": [4] * 4},
        "rnn": {"hidden": 4},
        "lstm": {"hidden": 4},
        "gru": {"hidden": 4},
        "cnn-lstm": {"channels": [2] * 3, "hidden": 4},
        "resnet": {"widths": [8] * 4, "blocks": [1] * 4},
    }
    assert set(small) == set(recurrent.COMPARED)
    for name, options in small.items():
        one = replace(recurrent.COMPARED[name], options=options)
        monkeypatch.setitem(recurrent.COMPARED, name, one)
    outcome = recurrent.reproduce(tmp_path, data=gtzan_store, quick=True)
    values = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(values["networks"]) == set(small)
    assert len(values["differences"]) == 15
    assert "chance" in outcome.lines[1]
    assert "A quick run" in outcome.report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_cifar10_runs_to_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar10_set.write_npz(tmp_path / "cifar10.npz", small_images(1000, 100))
    for recipe in ("PLAIN", "TUNED"):
        small = replace(
            getattr(cifar10, recipe), network_options={"channels": [2, 2], "hidden": [4, 4, 4]}
        )
        monkeypatch.setattr(cifar10, recipe, small)
    out = tmp_path / "out"
    out.mkdir()
    outcome = cifar10.reproduce(out, data=tmp_path, quick=True)
    html = outcome.report.read_text(encoding="utf-8")
    assert "36 test images with predicted and true class" in html
    assert "62 %" in html
    assert "A quick run" in html
    assert html.count('class="confusion"') == 2
