"""Calibration judged on few tracks, with answers that are known."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs soundalike[research]")

from click.testing import CliRunner, Result
from PIL import Image

from soundalike.analysis import temper
from soundalike.analyzer import Analyzer
from soundalike.cli.app import cli
from soundalike.errors import InvalidArgument
from soundalike.research import calibration, card, classification
from soundalike.research.calibration import believability, label_coverage, worst_by_chance
from soundalike.research.datasets.frames import LogMelSet


def drawn(n_tracks: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are exactly right, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(5, 0.4), n_tracks)
    labels = np.array([generator.choice(5, p=row) for row in probabilities])
    return probabilities, labels


def test_errors_by_hand() -> None:
    # Confidence 0.6 twice (both right), 0.9 twice (one right): 0.4 and 0.4 off in either binning.
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1], [0.6, 0.4]])
    labels = np.array([0, 0, 1, 0])
    found = believability(probabilities, labels, bins=2)
    # Both confidences lie in the upper of two bins of equal width: 0.75 was right, 0.75 was said.
    assert found.error.value == pytest.approx(0.0)
    assert found.error_equal_mass.value == pytest.approx(0.4)
    wide = believability(np.tile(probabilities, (3, 1)), np.tile(labels, 3), bins=10)
    assert wide.error.value == pytest.approx(
        classification.expected_calibration_error(
            np.tile(probabilities, (3, 1)), np.tile(labels, 3)
        )
    )
    assert [(each.n_tracks, each.accuracy) for each in wide.bins] == [(6, 1.0), (6, 0.5)]


def test_what_chance_does_to_one_bin_is_the_mean_deviation_of_a_binomial() -> None:
    n_tracks, confidence = 400, 0.7
    probabilities = np.tile([confidence, 1 - confidence], (n_tracks, 1))
    found = believability(probabilities, np.zeros(n_tracks, int), bins=1)
    deviation = math.sqrt(confidence * (1 - confidence) / n_tracks)
    assert found.error.by_chance == pytest.approx(deviation * math.sqrt(2 / math.pi), rel=0.05)
    assert found.error.by_chance_high == pytest.approx(1.96 * deviation, rel=0.05)
    (span,) = found.bin_ranges
    assert span == pytest.approx(
        (confidence - 1.96 * deviation, confidence + 1.96 * deviation), abs=0.005
    )


def test_exact_confidence_passes_as_often_as_promised_and_overconfidence_never() -> None:
    passed = overconfident_passed = 0
    for seed in range(40):
        probabilities, labels = drawn(290, seed)
        found = believability(probabilities, labels, draws=500)
        passed += found.error_equal_mass.value <= found.error_equal_mass.by_chance_high
        assert found.error.by_chance == pytest.approx(0.05, abs=0.02)  # never 0 on so few
        sharp = believability(temper(probabilities, 0.4), labels, draws=500)
        overconfident_passed += (
            sharp.error_equal_mass.value <= sharp.error_equal_mass.by_chance_high
        )
    assert passed >= 34  # 38 are expected
    assert overconfident_passed == 0


def test_the_error_of_many_tracks_goes_to_zero() -> None:
    probabilities, labels = drawn(40_000)
    found = believability(probabilities, labels, draws=100)
    assert found.error_equal_mass.value < 0.01
    assert found.error_equal_mass.by_chance < 0.01


def test_too_few_tracks_say_so() -> None:
    with pytest.raises(InvalidArgument, match="3 tracks are too few for 10 calibration bins"):
        believability(np.full((3, 2), 0.5), np.zeros(3, int))


def test_coverage_of_each_label_by_hand() -> None:
    members = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 1]], bool)
    labels = np.array([0, 1, 1, 1])
    one, other = label_coverage(members, labels, ["a", "b", "never"])
    assert (one.label, one.n_tracks, one.coverage, one.mean_size) == ("a", 1, 1.0, 1.0)
    assert (other.label, other.n_tracks) == ("b", 3)
    assert other.coverage == pytest.approx(2 / 3)
    assert other.mean_size == pytest.approx(5 / 3)


def test_the_worst_of_ten_equal_labels_is_far_below_their_mean() -> None:
    alike = [calibration.LabelCoverage(str(number), 29, 0.9, 3.0) for number in range(10)]
    assert worst_by_chance(alike) == pytest.approx(0.80, abs=0.02)
    assert worst_by_chance(alike[:1]) == pytest.approx(0.9, abs=0.005)
    sure = [calibration.LabelCoverage(str(number), 29, 1.0, 3.0) for number in range(10)]
    assert worst_by_chance(sure) == 1.0


@pytest.fixture
def data() -> LogMelSet:
    """Noise for the shipped model: what it says of it does not matter here."""
    generator = np.random.default_rng(0)
    rows = np.arange(12)
    return LogMelSet(
        generator.integers(0, 256, (12, 128, 130), np.uint8),
        tuple(map(str, rows)),
        rows % 3,
        rows,
        {"train": rows[:0], "valid": rows[:0], "test": rows},
        Analyzer().model.labels,
    )


def test_a_measurement_has_both_sides_of_the_calibration(data: LogMelSet) -> None:
    found = card.measure(Analyzer(), data, "test")
    assert found.after.error.value == pytest.approx(found.ece_calibrated)
    assert found.before.error.value == pytest.approx(found.evaluation.ece)
    assert sum(each.n_tracks for each in found.set_by_label) == 12
    assert found.worst_label.coverage == min(each.coverage for each in found.set_by_label)
    table = card.card_table([found], ["test"])
    assert f"of {found.worst_label.n_tracks} {found.worst_label.label}" in table
    written = json.loads(json.dumps(found.to_json()))
    assert written["after"]["error_equal_mass"]["value"] == found.after.error_equal_mass.value
    with Image.open(io.BytesIO(card.draw(found, "test"))) as picture:
        assert picture.size == (1216, 736)


def test_the_command_draws(
    data: LogMelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.research.datasets.gtzan.load", lambda place: data)
    picture = tmp_path / "reliability.png"

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["models", "card", "soundalike", *words])

    assert run("--split", "test", "--reliability", str(picture)).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    both = ("--split", "valid", "--split", "test")
    for words, message in (
        (("--reliability", "x.jpg"), "x.jpg: the picture is a PNG"),
        ((*both, "--reliability", "x.png"), "draws one split, not 2 (valid, test)"),
        # In a folder that is a file.
        (("--split", "test", "--reliability", str(picture / "x.png")), "cannot be written"),
    ):
        refused = run(*words)
        assert refused.exit_code == 1
        assert message in refused.stderr
