"""The words that a model learns: their teachers' classes, their targets, and when they hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="needs soundalike[research]")
pytest.importorskip("onnx", reason="needs soundalike[research]")

from benchmarks.words import table
from soundalike.errors import InvalidArgument
from soundalike.models.contract import Word
from soundalike.models.yamnet import class_names
from soundalike.research.distill.word_fit import PRECISION, fit_words, measure_words
from soundalike.research.distill.words import (
    TAUGHT_WORDS,
    Cuts,
    TaughtWord,
    kept_cuts,
    teachers_say,
    word_cuts,
    word_targets,
)
from soundalike.words.query import parse
from soundalike.words.vocabulary import GROUPS

PIANO = TaughtWord("piano", "instrument", ("Piano", "Electric piano"))
JAZZ = TaughtWord("jazz", "style", ("Jazz",), ("jazz",))
SUNG = TaughtWord("singing", "voice", ("Singing",), ("-instrumental",))
WORDS = (PIANO, JAZZ, SUNG)
LABELS = {
    "yamnet": ("Piano", "Jazz", "Electric piano", "Singing"),
    "musicnn": ("instrumental", "jazz"),
}
CUTS = Cuts(
    {
        "yamnet": {"Piano": 0.2, "Electric piano": 0.1, "Jazz": 0.05, "Singing": 0.02},
        "musicnn": {"jazz": 0.2, "-instrumental": 0.1},
    },
    {"piano": 0.0, "jazz": 0.0, "singing": 0.0},
)


def odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def targets(yamnet: list[float], musicnn: list[float]) -> np.ndarray:
    outputs = {"yamnet": np.array([yamnet]), "musicnn": np.array([musicnn])}
    return word_targets(outputs, LABELS, WORDS, CUTS)[0]


def test_the_words_are_those_of_the_teachers() -> None:
    classes = set(class_names())
    used = [name for word in TAUGHT_WORDS for name in word.yamnet if not name.startswith("-")]
    assert len(used) == len(set(used)) > 160
    assert set(used) <= classes
    tags = {name for word in TAUGHT_WORDS for name in word.musicnn if not name.startswith("-")}
    assert len(tags) == 50
    assert {word.group for word in TAUGHT_WORDS} == set(GROUPS)
    assert all(word.sources for word in TAUGHT_WORDS)


def test_every_word_can_be_asked_for() -> None:
    names = [word.word for word in TAUGHT_WORDS]
    for name in names:
        (term,) = parse(name, names)
        assert term.word == name
        (term,) = parse(f"no {name}", names)
        assert (term.word, term.wanted) == (name, False)


def test_the_kept_cuts_are_of_these_words() -> None:
    cuts = kept_cuts()
    assert set(cuts.words) == {word.word for word in TAUGHT_WORDS}
    for teacher in ("yamnet", "musicnn"):
        names = {name for word in TAUGHT_WORDS for name in word.sources.get(teacher, ())}
        assert set(cuts.classes[teacher]) == names
        assert all(0.01 <= cut <= 0.2 for cut in cuts.classes[teacher].values())


def test_a_target_is_0_where_the_teachers_begin_to_say_yes() -> None:
    found = targets([0.2, 0.05, 0.001, 0.02], [0.1, 0.2])
    np.testing.assert_allclose(found, 0, atol=1e-5)
    assert teachers_say(np.array([[0.0, -0.1]])).tolist() == [[True, False]]


def test_a_target_joins_classes_and_teachers() -> None:
    piano, jazz, sung = targets([0.01, 0.5, 0.4, 0.1], [0.4, 0.3])
    # Of one teacher's classes the one that is farthest above its cut.
    assert piano == pytest.approx(odds(0.4) - odds(0.1), abs=1e-4)
    # Of two teachers the mean.
    assert jazz == pytest.approx(
        (odds(0.5) - odds(0.05) + odds(0.3) - odds(0.2)) / 2,
        abs=1e-4,
    )
    # What speaks against a word is taken off.
    assert sung == pytest.approx(
        (odds(0.1) - odds(0.02) + odds(0.1) - odds(0.4)) / 2,
        abs=1e-4,
    )
    shifted = Cuts(CUTS.classes, {**CUTS.words, "jazz": -0.5})
    outputs = {"yamnet": np.array([[0.01, 0.5, 0.4, 0.1]]), "musicnn": np.array([[0.4, 0.3]])}
    assert word_targets(outputs, LABELS, [JAZZ], shifted)[0, 0] == pytest.approx(jazz + 0.5)


def test_no_teacher_decides_alone_by_being_certain() -> None:
    found = targets([0, 0, 0, 0], [0.1, 1.0])
    assert np.isfinite(found).all()
    assert found[1] > -3


def test_a_missing_teacher_or_class_is_named() -> None:
    outputs = {"yamnet": np.ones((1, 4)) / 2}
    with pytest.raises(InvalidArgument, match="'jazz' is learned from musicnn"):
        word_targets(outputs, LABELS, WORDS, CUTS)
    with pytest.raises(InvalidArgument, match="'piano': yamnet has no class 'Piano'"):
        word_targets(outputs, {**LABELS, "yamnet": ("Jazz",)}, WORDS, CUTS)


def test_cuts_are_what_one_track_in_ten_reaches() -> None:
    rng = np.random.default_rng(0)
    yamnet = rng.beta(1, 12, size=(2000, 4))
    yamnet[:, 1] *= 0.001  # hardly ever heard
    yamnet[:, 2] = 0.5 + yamnet[:, 2] / 2  # always heard
    outputs = {"yamnet": yamnet, "musicnn": rng.beta(1, 12, size=(2000, 2))}
    cuts = word_cuts(outputs, LABELS, WORDS)
    assert (yamnet[:, 0] >= cuts.classes["yamnet"]["Piano"]).mean() == pytest.approx(0.1, abs=0.01)
    assert cuts.classes["yamnet"]["Jazz"] == 0.01
    assert cuts.classes["yamnet"]["Electric piano"] == 0.2
    instrumental = outputs["musicnn"][:, 0]
    against = cuts.classes["musicnn"]["-instrumental"]
    assert against == pytest.approx(max(0.01, np.quantile(instrumental, 0.1)), abs=1e-4)
    said = teachers_say(word_targets(outputs, LABELS, WORDS, cuts)).mean(axis=0)
    # Of both teachers together as well, though one of them never comes near its cut.
    assert said[1] == pytest.approx(0.1, abs=0.01)
    assert cuts.words["piano"] == 0
    assert cuts.words["jazz"] < 0


def test_a_word_that_is_learned_gets_the_lowest_threshold() -> None:
    # From 0.35 up 10 of 11 agree; one more disagreement would still be 10 of 12.
    probabilities = np.array([[0.9 - 0.05 * n] for n in range(11)] + [[0.1]] * 9)
    says = np.array([[n != 5] for n in range(11)] + [[False]] * 9)
    (found,) = fit_words([PIANO], probabilities, says)
    assert 0.1 < found.word.threshold < 0.4
    assert found.word.precision == pytest.approx(10 / 11, abs=1e-3)
    assert (found.n_tracks, found.n_positive, found.n_held, found.n_agreed) == (20, 10, 11, 10)
    assert found.recall == 1
    assert found.auc == pytest.approx(1 - 5 / 100)
    assert found.is_learned


@pytest.mark.parametrize(
    ("n_yes", "is_measured"), [(0, False), (4, False), (5, True), (15, True), (16, False)]
)
def test_with_few_examples_nothing_is_claimed(n_yes: int, is_measured: bool) -> None:
    probabilities = np.linspace(0.9, 0.1, 20)[:, None]
    says = (np.arange(20) < n_yes)[:, None]
    (found,) = fit_words([PIANO], probabilities, says)
    assert (found.auc is not None) == found.is_learned == is_measured
    assert (found.word.precision is not None) == is_measured
    assert (found.n_held > 0) == is_measured


def test_a_word_that_is_not_learned_never_holds() -> None:
    rng = np.random.default_rng(1)
    (found,) = fit_words([PIANO], rng.random((300, 1)), rng.random((300, 1)) < 0.1)
    assert (found.word.precision, found.n_held, found.precision) == (None, 0, None)
    assert not found.is_learned
    # Equal probabilities cannot be told apart by any threshold.
    (same,) = fit_words([PIANO], np.full((20, 1), 0.9), (np.arange(20) < 10)[:, None])
    assert same.word.precision is None


@given(st.lists(st.tuples(st.floats(0, 1, width=16), st.booleans()), min_size=12, max_size=60))
def test_a_threshold_has_the_precision_that_it_states(rows: list[tuple[float, bool]]) -> None:
    values = np.array([[value] for value, _ in rows], np.float32)
    says = np.array([[said] for _, said in rows])
    (found,) = fit_words([PIANO], values, says)
    if found.word.precision is None:
        assert found.n_held == 0
        return
    holds = values[:, 0].astype(np.float64) >= found.word.threshold
    assert (found.n_held, found.n_agreed) == (holds.sum(), says[holds, 0].sum())
    assert found.precision == pytest.approx(found.word.precision, abs=1e-3)
    assert found.n_agreed >= PRECISION * (found.n_held + 1)
    assert 0 <= found.word.threshold <= 1


def test_thresholds_of_a_model_are_measured_as_they_are() -> None:
    word = Word("piano", "instrument", 0.5, 0.9)
    probabilities = np.array([[0.9], [0.5], [0.49], [0.1]] * 5)
    says = np.array([[True], [False], [True], [False]] * 5)
    (found,) = measure_words([word], probabilities, says)
    assert (found.n_held, found.n_agreed, found.precision, found.recall) == (10, 5, 0.5, 0.5)
    assert found.word == word
    with pytest.raises(InvalidArgument, match=r"\(n_tracks, 1\)"):
        measure_words([word], probabilities, says[:3])


def test_the_table_counts_what_it_leaves_out() -> None:
    word = Word("piano", "instrument", 0.5, 0.9)
    figures = measure_words(
        [word, Word("harp", "instrument", 0.5, 0.9)],
        np.array([[0.9, 0.9]] * 6 + [[0.1, 0.1]] * 6),
        np.array([[True, False]] * 6 + [[False, False]] * 6),
    )
    text = table(figures)
    assert "| piano | instrument | 6 | 6 | 1.00 | 1.00 | 1.00 |" in text
    assert "harp" not in text
    assert "12 tracks, 2 words: 1 could be measured (median AUC 1.00), 1 are learned" in text
    assert "The teachers agree in 6 of 6 times that a word holds." in text
