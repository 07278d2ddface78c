"""Figures of classifiers with known answers, and the pages that show them."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs soundalike[research]")

from sklearn.metrics import f1_score

from soundalike.errors import DataError, InvalidArgument
from soundalike.research import report
from soundalike.research.classification import Evaluation, evaluate, reliability, spread
from soundalike.research.report import Epoch, RunSummary

LABELS = ("blues", "jazz", "rock")


def certain(predicted: list[int], confidence: float = 1.0) -> np.ndarray:
    """Rows that give the predicted of three labels a certain probability."""
    rows = np.full((len(predicted), 3), (1 - confidence) / 2)
    rows[np.arange(len(predicted)), predicted] = confidence
    return rows


def evaluated(predicted: list[int], actual: list[int], confidence: float = 1.0) -> Evaluation:
    tracks = np.arange(len(actual))
    return evaluate(certain(predicted, confidence), np.array(actual), tracks, LABELS, draws=200)


def summary(name: str = "resnet, seed 0", accuracy_of: int = 5, **changes: object) -> RunSummary:
    actual = [0, 0, 1, 1, 2, 2]
    predicted = [*actual[:accuracy_of], *(0 for _ in actual[accuracy_of:])]
    values: dict[str, object] = {
        "name": name,
        "network": name.split(",")[0],
        "n_parameters": 1_234_567,
        "data_set": "GTZAN",
        "split": {"train": 442, "test": 290},
        "evaluations": {"test": evaluated(predicted, actual, 0.8)},
        "config": {"seed": 0, "augment": {"mixup": 0.2}},
        "environment": {"python": "3.11.2", "cores": 2},
        "command": "soundalike train --network resnet",
        "started": "2026-01-02T03:04:05",
        "duration_s": 485.0,
        "curve": (Epoch(1, 2.3, None, 0.1), Epoch(2, 1.9, 2.0, 0.3, 0.25)),
        "notes": ("jazz.00054 is missing",),
        **changes,
    }
    return RunSummary(**values)  # type: ignore[arg-type]


def test_a_perfect_classifier() -> None:
    result = evaluated([0, 1, 2, 2], [0, 1, 2, 2])
    for interval in (result.track_accuracy, result.excerpt_accuracy):
        assert (interval.value, interval.low, interval.high) == (1.0, 1.0, 1.0)
    assert result.macro_f1.value == 1.0
    assert result.nll.value == pytest.approx(0.0)
    assert result.ece == 0.0
    assert result.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 2]]


def test_a_guesser_has_the_likelihood_of_a_guess_and_believes_itself_rightly() -> None:
    actual = np.array([0, 1, 2] * 20)
    result = evaluate(np.full((60, 3), 1 / 3), actual, np.arange(60), LABELS, draws=200)
    assert result.track_accuracy.value == pytest.approx(1 / 3)
    assert result.nll.value == pytest.approx(math.log(3))
    assert result.ece == pytest.approx(0.0)


def test_confusion_scores_and_macro_f1_by_hand() -> None:
    #            predicted: blues jazz rock
    # actual blues            2    1    0
    #        jazz             0    1    1
    #        rock             0    0    5
    actual = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]
    predicted = [0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
    result = evaluated(predicted, actual)
    assert result.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 5]]
    assert [score.n_tracks for score in result.scores] == [3, 2, 5]
    assert [score.precision for score in result.scores] == pytest.approx([1, 1 / 2, 5 / 6])
    assert [score.recall for score in result.scores] == pytest.approx([2 / 3, 1 / 2, 1])
    assert [score.f1 for score in result.scores] == pytest.approx([4 / 5, 1 / 2, 10 / 11])
    assert result.macro_f1.value == pytest.approx((4 / 5 + 1 / 2 + 10 / 11) / 3)
    # scikit-learn's, by another way than the one that the bootstrap goes.
    assert result.macro_f1.value == pytest.approx(f1_score(actual, predicted, average="macro"))


def test_a_label_that_never_occurs_counts_as_zero() -> None:
    result = evaluated([0, 1], [0, 1])
    assert result.macro_f1.value == pytest.approx(2 / 3)
    assert (result.scores[2].precision, result.scores[2].recall) == (0.0, 0.0)


def test_tracks_are_judged_by_their_mean_excerpt() -> None:
    # Track 7 has two excerpts for blues by a hair and one for jazz by far: jazz wins.
    probabilities = np.array([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.0, 1.0, 0.0], [0.1, 0.1, 0.8]])
    result = evaluate(probabilities, np.array([1, 1, 1, 2]), np.array([7, 7, 7, 3]), LABELS)
    assert (result.n_tracks, result.n_excerpts) == (2, 4)
    assert result.excerpt_accuracy.value == 0.5
    assert result.track_accuracy.value == 1.0
    assert result.nll.value == pytest.approx(-(math.log(0.6) + math.log(0.8)) / 2)


def test_reliability_on_constructed_bins() -> None:
    # Ten tracks at 95 %, nine of them right; ten at 65 %, three of them right.
    sure, unsure = certain([0] * 10, 0.95), certain([0] * 10, 0.65)
    labels = np.array([0] * 9 + [1] + [0] * 3 + [1] * 7)
    probabilities = np.concatenate([sure, unsure])
    bins = reliability(probabilities, labels)
    assert [(item.low, item.high, item.n_tracks) for item in bins] == [(0.6, 0.7, 10), (0.9, 1, 10)]
    assert [item.accuracy for item in bins] == pytest.approx([0.3, 0.9])
    assert [item.confidence for item in bins] == pytest.approx([0.65, 0.95])
    result = evaluate(probabilities, labels, np.arange(20), LABELS, draws=50)
    assert result.ece == pytest.approx((0.35 + 0.05) / 2)


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    # Accuracy is a binomial share: 120 classifiers that are right with 70 %, on 150 tracks each.
    generator = np.random.default_rng(5)
    actual = np.zeros(150, dtype=int)
    held = 0
    for repeat in range(120):
        predicted = (generator.random(150) >= 0.7).astype(int)
        result = evaluate(
            certain(predicted.tolist()), actual, np.arange(150), LABELS, draws=200, seed=repeat
        )
        held += result.track_accuracy.low <= 0.7 <= result.track_accuracy.high
    assert 106 <= held <= 119  # 95 % of 120 is 114; this leaves 0.1 % on either side


def test_excerpts_of_one_track_are_no_independent_evidence() -> None:
    generator = np.random.default_rng(1)
    actual = generator.integers(0, 3, 40)
    predicted = np.where(generator.random(40) < 0.6, actual, (actual + 1) % 3)
    once = evaluate(certain(predicted.tolist()), actual, np.arange(40), LABELS)
    often = evaluate(
        certain(predicted.repeat(50).tolist()),
        actual.repeat(50),
        np.arange(40).repeat(50),
        LABELS,
    )
    assert often.excerpt_accuracy == once.excerpt_accuracy


def test_the_same_seed_gives_the_same_interval() -> None:
    predicted, actual = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 1]
    first, second = evaluated(predicted, actual), evaluated(predicted, actual)
    assert first.track_accuracy == second.track_accuracy


@pytest.mark.parametrize(
    ("probabilities", "labels", "tracks", "message"),
    [
        (certain([0, 1]), [0], [0, 1], "do not fit"),
        (certain([]), [], [], "at least 1"),
        (certain([0, 1]) * 2, [0, 1], [0, 1], "sum to 1"),
        (certain([0, 1]) * np.nan, [0, 1], [0, 1], "sum to 1"),
        (certain([0, 1]), [0, 3], [0, 1], "from 0 to 2"),
        (certain([0, 1]), [0, 1], [4, 4], "track 4 has more than one label"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    probabilities: np.ndarray, labels: list[int], tracks: list[int], message: str
) -> None:
    with pytest.raises(InvalidArgument, match=message):
        evaluate(probabilities, np.array(labels), np.array(tracks), LABELS)


def test_spread_over_seeds() -> None:
    assert spread([0.6, 0.62, 0.64]).mean == pytest.approx(0.62)
    assert spread([0.6, 0.62, 0.64]).deviation == pytest.approx(0.02)
    assert spread([0.6]).deviation is None
    with pytest.raises(InvalidArgument):
        spread([])


class Page(HTMLParser):
    """Text, and every address that a page would fetch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.tags, self.addresses = "", [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "srcset", "href", "data")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_stands_alone_and_says_it_all(tmp_path: Path) -> None:
    path = report.write_report(tmp_path / "new" / "run", summary())
    shown = Page(path)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in shown.addresses)
    assert not {"script", "link", "iframe"} & set(shown.tags)
    for expected in (
        "83.3 %",  # five of six
        "1,234,567",
        "soundalike train --network resnet",
        "jazz.00054 is missing",
        "augment.mixup",
        "8 min 05 s",
        "3.11.2",
        "Predicted across, actual down",
    ):
        assert expected in shown.text, expected
    assert "quick run" not in shown.text
    assert shown.tags.count("img") == 3  # loss, accuracy, reliability


def test_a_quick_run_says_so(tmp_path: Path) -> None:
    assert "A quick run" in Page(report.write_report(tmp_path, summary(quick=True))).text


def test_all_text_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script> & "x" \' \x00'
    run = summary(name=evil, notes=(evil,), config={evil: evil}, command=evil)
    path = report.write_report(tmp_path, run)
    assert "<script" not in path.read_text(encoding="utf-8")
    assert Page(path).text.count('<script>alert(1)</script> & "x" \' \ufffd') >= 4


def test_what_json_says_can_be_read_back(tmp_path: Path) -> None:
    written = summary()
    report.write_report(tmp_path, written)
    found = report.read_summary(tmp_path)
    assert found.to_json() == written.to_json()
    assert found.evaluations["test"].track_accuracy.value == pytest.approx(5 / 6)
    json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": 1}', '{"evaluations": {"a": {}}}'])
def test_a_damaged_report_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"report\.json"):
        report.read_summary(tmp_path)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        report.read_summary(tmp_path)


def test_a_comparison_sums_up_seeds(tmp_path: Path) -> None:
    runs = [summary("resnet, seed 0", 4), summary("resnet, seed 1", 5), summary("lstm, seed 0", 3)]
    path = report.write_comparison(tmp_path, runs, title="Networks", conclusion=["None is real."])
    shown = Page(path)
    assert "75.0 % ± 11.8" in shown.text  # of 4/6 and 5/6
    assert "None is real." in shown.text
    networks = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["networks"]
    assert [(row["network"], row["n_runs"]) for row in networks] == [("resnet", 2), ("lstm", 1)]


def test_a_comparison_needs_runs_on_the_same(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="at least one run"):
        report.write_comparison(tmp_path, [], title="Nothing")
    with pytest.raises(InvalidArgument, match="not evaluated on 'valid': resnet, seed 0"):
        report.write_comparison(tmp_path, [summary()], title="Other", on="valid")


def test_a_run_without_evaluation_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="nothing was evaluated"):
        report.write_report(tmp_path, summary(evaluations={}))
