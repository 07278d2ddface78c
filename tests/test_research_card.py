"""The figures that the model card states come out of the installed package again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="needs soundalike[research]")

from soundalike.analyzer import Analyzer
from soundalike.cli.app import cli
from soundalike.errors import DataError
from soundalike.models import find_model
from soundalike.research.card import card_table, measure
from soundalike.research.datasets import gtzan as gtzan_set
from soundalike.research.datasets.frames import LogMelSet


@pytest.mark.gtzan
@pytest.mark.slow
def test_the_card_states_what_the_shipped_file_reaches(gtzan: Path) -> None:
    data = gtzan_set.load(gtzan)
    analyzer = Analyzer()
    found = {split: measure(analyzer, data, split) for split in ("valid", "test")}
    table = card_table(list(found.values()), ["validation", "test"])
    assert table in find_model().card
    # The requirements of the release.
    assert found["test"].evaluation.track_accuracy.value >= 0.70
    assert found["test"].precision_at_10.value >= 0.57
    for result in found.values():
        assert result.ece_calibrated < 0.15
        assert 0.8 < result.set_coverage.value <= 1.0
        assert result.precision_at_10.low > 0.3


@pytest.mark.gtzan
def test_stored_frames_without_the_edge_of_a_resampler_get_the_same_answers(gtzan: Path) -> None:
    # GTZAN's top bands are attenuated by the filter that made it 22,050 Hz; other music's aren't.
    data = gtzan_set.load(gtzan)
    analyzer = Analyzer()
    rows = data.splits["valid"][::4]
    gains = np.concatenate([np.zeros(118), np.linspace(0, 15, 10)])[:, None]
    same = []
    for track in data.decibels(rows):
        as_stored, filled = analyzer.from_log_mel(track), analyzer.from_log_mel(track + gains)
        same.append(as_stored.genre == filled.genre)
    assert np.mean(same) > 0.85


def test_a_set_of_other_labels_is_refused() -> None:
    data = LogMelSet(
        np.zeros((1, 128, 200), np.uint8),
        ("one",),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        {"train": np.zeros(0, np.int64), "valid": np.zeros(1, np.int64), "test": np.zeros(0, int)},
        ("polka",),
    )
    with pytest.raises(DataError, match="polka"):
        measure(Analyzer(), data, "valid")


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["models", "card", "soundalike", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert str(tmp_path) in result.stderr


@pytest.mark.gtzan
@pytest.mark.slow
def test_the_command_prints_the_table_and_draws(gtzan: Path, tmp_path: Path) -> None:
    picture = tmp_path / "confidence.png"
    words = ["models", "card", "soundalike", "--data", str(gtzan), "--split", "test"]
    result = CliRunner().invoke(cli, [*words, "--reliability", str(picture)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("| | test |\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout)
    assert found["test"]["model"] == find_model().id
