"""Hubs and what helps against them: known answers, and formulas written a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soundalike.errors import InvalidArgument
from soundalike.similarity.hubness import (
    LocalScaling,
    MutualProximity,
    measure_hubness,
    popularity,
)
from soundalike.similarity.matrix import CosineSimilarities, GivenSimilarities
from soundalike.similarity.neighbours import nearest_exact

# A grid, so that a value is 0 or well above rounding.
matrices = st.integers(4, 9).flatmap(
    lambda n: arrays(np.float64, (n, n), elements=st.integers(-20, 20).map(lambda i: i / 20))
)


def symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def star(n: int) -> GivenSimilarities:
    """Item 0 is close to all; the others are far from each other."""
    matrix = np.zeros((n, n))
    matrix[0] = matrix[:, 0] = 1.0
    matrix[0, 1:] -= np.arange(n - 1) / 100
    return GivenSimilarities(matrix)


def test_the_centre_of_a_star_is_the_hub() -> None:
    hubness = measure_hubness(star(6), k=1)
    assert hubness.occurrences.tolist() == [5, 1, 0, 0, 0, 0]
    assert hubness.largest_hub == 0
    assert hubness.largest_occurrences == 5
    assert hubness.antihub_share == pytest.approx(4 / 6)
    # N_1 = 5, 1, 0, 0, 0, 0, by hand: mean 1, second moment 20/6, third (64 - 4) / 6.
    assert hubness.skewness == pytest.approx((60 / 6) / (20 / 6) ** 1.5)


def test_a_ring_has_no_hubs() -> None:
    angles = np.arange(12) / 12 * 2 * np.pi
    hubness = measure_hubness(CosineSimilarities(np.stack([np.cos(angles), np.sin(angles)], 1)), 2)
    assert hubness.occurrences.tolist() == [2] * 12
    assert (hubness.skewness, hubness.antihub_share) == (0.0, 0.0)


@given(matrices, st.integers(1, 4))
def test_neighbours_are_those_of_a_plain_sort(matrix: np.ndarray, k: int) -> None:
    expected = [
        sorted((j for j in range(len(matrix)) if j != i), key=lambda j: (-matrix[i, j], j))[:k]
        for i in range(len(matrix))
    ]
    before = matrix.copy()
    assert nearest_exact(GivenSimilarities(matrix), k).rows.tolist() == expected
    assert np.array_equal(matrix, before)


@given(matrices)
def test_mutual_proximity_is_its_formula(matrix: np.ndarray) -> None:
    matrix = symmetric(matrix)
    n = len(matrix)
    found = MutualProximity(GivenSimilarities(matrix)).rows(0, n)

    def normal(value: float, row: int) -> float:
        others = [matrix[row, j] for j in range(n) if j != row]
        mean = sum(others) / len(others)
        deviation = math.sqrt(sum((other - mean) ** 2 for other in others) / len(others))
        return 0.5 * math.erfc(-(value - mean) / max(deviation, 1e-9) / math.sqrt(2))

    # Where all of an item's similarities are equal, rounding alone decides the sign of z.
    varied = [i for i in range(n) if np.ptp(np.delete(matrix[i], i)) > 0]
    for i in varied:
        for j in varied:
            if i != j:
                expected = normal(matrix[i, j], i) * normal(matrix[i, j], j)
                assert found[i, j] == pytest.approx(expected, abs=2e-5)
    assert found.min() >= 0
    assert found.max() <= 1


@given(matrices, st.integers(1, 12))
def test_local_scaling_is_its_formula(matrix: np.ndarray, k: int) -> None:
    matrix = symmetric(matrix)
    n = len(matrix)
    found = LocalScaling(GivenSimilarities(matrix), k).rows(0, n)
    units = []
    for i in range(n):
        nearest = sorted(1 - matrix[i, j] for j in range(n) if j != i)[:k]
        units.append(max(sum(nearest) / len(nearest), 1e-9))
    for i in range(n):
        for j in range(n):
            expected = 1 / (1 + (1 - matrix[i, j]) / math.sqrt(units[i] * units[j]))
            assert found[i, j] == pytest.approx(expected)


@pytest.mark.parametrize("correction", [MutualProximity, LocalScaling])
def test_a_correction_is_symmetric_and_takes_rows_in_any_portion(correction) -> None:
    embeddings = np.random.default_rng(1).standard_normal((30, 5))
    corrected = correction(CosineSimilarities(embeddings))
    whole = corrected.rows(0, 30)
    assert whole == pytest.approx(whole.T, abs=1e-6)
    assert corrected.rows(11, 17) == pytest.approx(whole[11:17], abs=1e-6)
    assert corrected.n_items == 30


@pytest.mark.parametrize("correction", [MutualProximity, LocalScaling])
def test_a_correction_makes_hubs_smaller(correction) -> None:
    # By Euclidean distance in many dimensions the points near the centre become hubs.
    points = np.random.default_rng(2).standard_normal((400, 60))
    squares = (points**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    near = GivenSimilarities(1 - distances)
    before = measure_hubness(near)
    after = measure_hubness(correction(near))
    assert before.skewness > 1.5
    assert after.skewness < before.skewness / 2
    assert after.antihub_share < before.antihub_share
    assert after.largest_occurrences < before.largest_occurrences


def test_far_out_neighbours_keep_their_order() -> None:
    # Seven deviations above the mean a distribution function is 1 in single precision.
    generator = np.random.default_rng(0)
    matrix = symmetric(generator.normal(0, 0.01, (500, 500)))
    matrix[0, 1:4] = matrix[1:4, 0] = [0.050, 0.054, 0.052]
    found = nearest_exact(MutualProximity(GivenSimilarities(matrix)), 3).rows
    assert found[0].tolist() == [2, 3, 1]


def test_copies_do_not_break_a_correction() -> None:
    embeddings = np.repeat(np.eye(4), 4, axis=0)
    for correction in (MutualProximity, LocalScaling):
        rows = correction(
            CosineSimilarities(embeddings), *([3] if correction is LocalScaling else [])
        )
        nearest = nearest_exact(rows, 3).rows
        assert (nearest // 4 == np.arange(16)[:, None] // 4).all()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: measure_hubness(star(5), k=0), "k is 0"),
        (lambda: measure_hubness(star(5), k=4), "more than 5 tracks, there are 5"),
        (lambda: MutualProximity(star(2)), "at least 3 tracks, there are 2"),
        (lambda: LocalScaling(GivenSimilarities(np.ones((1, 1)))), "at least 2 tracks"),
        (lambda: LocalScaling(star(5), k=0), "k is 0"),
    ],
)
def test_bad_input_is_named(run, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        run()


@pytest.mark.parametrize(("n", "k"), [(30, 4), (5, 4), (4, 9), (2, 1)])
def test_popularity_is_the_mean_of_the_nearest(n: int, k: int) -> None:
    embeddings = np.random.default_rng(0).normal(size=(n, 5))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosines = embeddings @ embeddings.T
    expected = [np.mean(sorted(np.delete(cosines[row], row))[-k:]) for row in range(n)]
    found = popularity(embeddings.astype(np.float32), k=k)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_popularity_by_a_sample_is_near_that_by_all() -> None:
    embeddings = np.random.default_rng(0).normal(size=(3000, 8)) + 0.3
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    by_all = popularity(embeddings, n_sample=3000, k=60)
    by_sample = popularity(embeddings, n_sample=1000, k=20)
    assert np.corrcoef(by_all, by_sample)[0, 1] > 0.9
    again = popularity(embeddings, n_sample=1000, k=20)
    assert again.tolist() == by_sample.tolist()
    other = popularity(embeddings, n_sample=1000, k=20, seed=1)
    assert other.tolist() != by_sample.tolist()


def test_popularity_of_one_track_alone() -> None:
    assert popularity(np.ones((1, 1), np.float32)).tolist() == [0.0]
    assert popularity(np.empty((0, 3), np.float32)).tolist() == []
    with pytest.raises(InvalidArgument, match="k is 0"):
        popularity(np.ones((3, 1), np.float32), k=0)
