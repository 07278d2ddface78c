"""Calibration, sets, neighbours and intervals, with answers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs soundalike[research]")

from soundalike.analysis import genre_sets, temper
from soundalike.evaluate.intervals import bootstrap
from soundalike.evaluate.retrieval import neighbour_precision
from soundalike.research import classification


def test_probabilities_of_excerpts_are_averaged_by_track() -> None:
    values = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    mean = classification.mean_by_track(values, np.array([7, 3, 7]))
    assert mean.tolist() == [[0.0, 1.0], [0.75, 0.25]]


def test_a_temperature_of_one_changes_nothing_and_a_high_one_flattens() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1]])
    assert temper(probabilities, 1.0) == pytest.approx(probabilities)
    assert temper(probabilities, 1e6) == pytest.approx(np.full((1, 3), 1 / 3), abs=1e-5)
    # By hand: square roots, normalised.
    roots = np.sqrt(probabilities)
    assert temper(probabilities, 2.0) == pytest.approx(roots / roots.sum())


def test_the_temperature_of_an_overconfident_classifier_is_found() -> None:
    generator = np.random.default_rng(0)
    true = generator.dirichlet([1.0, 1.0, 1.0], 20_000)
    labels = np.array([generator.choice(3, p=row) for row in true])
    overconfident = temper(true, 0.5)
    assert classification.fit_temperature(overconfident, labels) == pytest.approx(2.0, rel=0.05)


def test_genre_sets_hold_the_truth_as_often_as_promised() -> None:
    generator = np.random.default_rng(1)
    true = generator.dirichlet(np.full(10, 0.3), 4000)
    labels = np.array([generator.choice(10, p=row) for row in true])
    quantile = classification.genre_set_quantile(true[:2000], labels[:2000], 0.9)
    sets = genre_sets(true[2000:], quantile)
    covered = sets[np.arange(2000), labels[2000:]].mean()
    assert covered == pytest.approx(0.9, abs=0.025)
    assert sets.sum(axis=1).min() >= 1


def test_the_set_quantile_by_hand() -> None:
    # Scores 0.1 to 0.9; ceil(10 * 0.8) = the 8th smallest.
    true = np.arange(1, 10) / 10
    probabilities = np.stack([1 - true, true], axis=1)
    assert classification.genre_set_quantile(probabilities, np.zeros(9, int), 0.8) == pytest.approx(
        0.8
    )
    # Nine tracks cannot promise 95 %: every label belongs to the set.
    assert classification.genre_set_quantile(probabilities, np.zeros(9, int), 0.95) == 1.0


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    # Half of the tracks: confidence 0.9, accuracy 0.5; the others: confidence 0.6, accuracy 1.
    expected = 0.5 * 0.4 + 0.5 * 0.4
    assert classification.expected_calibration_error(probabilities, labels) == pytest.approx(
        expected
    )


def test_likelihood_of_a_sure_mistake_is_finite() -> None:
    loss = classification.negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1]))
    assert 10 < loss < math.inf


def test_neighbours_of_separate_clusters_and_the_artist_filter() -> None:
    embeddings = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1.0]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert neighbour_precision(embeddings, labels, k=2).tolist() == [1.0] * 6
    # With its own artist left out, a track has only the other cluster, and none of its genre.
    artists = np.array([5, 5, 5, 6, 6, 6])
    assert neighbour_precision(embeddings, labels, artists, k=2).tolist() == [0.0] * 6


def test_precision_counts_only_the_neighbours_that_there_are() -> None:
    embeddings = np.eye(3)
    labels = np.array([0, 0, 1])
    found = neighbour_precision(embeddings, labels, np.array([1, 2, 2]), k=10)
    assert found.tolist() == [0.5, 1.0, 0.0]


def test_an_interval_of_a_share_is_as_wide_as_the_binomial_says() -> None:
    hits = np.arange(400) % 2
    interval = bootstrap(lambda rows: float(hits[rows].mean()), 400)
    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.006)
    assert interval.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.006)
