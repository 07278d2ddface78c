"""Ranking and percentiles, against answers that are known or computed the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.similarity.best import best_first
from soundalike.similarity.distribution import MIN_TRACKS_FOR_PERCENTILE, PairDistribution
from soundalike.similarity.rank import (
    check_min_percentile,
    rank,
    similarities,
)


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def random_units(n: int, dim: int = 8, seed: int = 0) -> NDArray[np.float32]:
    return unit(np.random.default_rng(seed).normal(size=(n, dim)))


def angles(*degrees: float) -> NDArray[np.float32]:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


matrices = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-1, 1)
).map(lambda rows: unit(rows + np.array([3.0, 0, 0, 0])))


def test_nearest_angles_come_first() -> None:
    found = rank(angles(0)[0], angles(90, 10, 180, -30), k=3)
    assert [hit.index for hit in found] == [1, 3, 0]
    assert [hit.similarity for hit in found] == pytest.approx(
        [np.cos(np.radians(10)), np.cos(np.radians(30)), 0], abs=1e-6
    )


@given(matrices, st.integers(1, 35))
def test_same_as_sorting_everything(embeddings: NDArray[np.float32], k: int) -> None:
    query = embeddings[0]
    scores = np.round((embeddings @ query).astype(np.float64), 6)
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:k]
    assert [hit.index for hit in rank(query, embeddings, k=k)] == expected


@given(matrices)
def test_a_track_is_most_like_itself(embeddings: NDArray[np.float32]) -> None:
    assert rank(embeddings[-1], embeddings, k=1)[0].similarity == pytest.approx(1.0, abs=1e-5)


@given(matrices, st.randoms(use_true_random=False))
def test_order_of_the_library_does_not_matter(
    embeddings: NDArray[np.float32], random: object
) -> None:
    order = list(range(len(embeddings)))
    random.shuffle(order)  # type: ignore[attr-defined]
    query = embeddings[0]
    straight = rank(query, embeddings, k=5)
    shuffled = rank(query, embeddings[order], k=5)
    assert [hit.similarity for hit in straight] == pytest.approx(
        [hit.similarity for hit in shuffled], abs=2e-6
    )


def test_equals_keep_their_order_however_many() -> None:
    embeddings = np.repeat(angles(20), 1000, axis=0)
    assert [hit.index for hit in rank(angles(0)[0], embeddings, k=7)] == list(range(7))


def test_excluded_rows_stay_out() -> None:
    embeddings = angles(0, 10, 20)
    assert [hit.index for hit in rank(embeddings[0], embeddings, exclude=[0])] == [1, 2]


def test_max_per_artist_looks_deeper_until_k_are_found() -> None:
    embeddings = angles(*range(1, 41))
    artists = ["A"] * 30 + ["B"] * 5 + [None] * 5
    found = rank(angles(0)[0], embeddings, k=6, artists=artists, max_per_artist=2)
    assert [hit.index for hit in found] == [0, 1, 30, 31, 35, 36]


def test_unknown_artists_are_not_one_artist() -> None:
    found = rank(angles(0)[0], angles(1, 2, 3), k=3, artists=[None] * 3, max_per_artist=1)
    assert len(found) == 3


def test_narrow_types_give_the_same_ranking() -> None:
    embeddings = random_units(500, 64)
    wide = rank(embeddings[3], embeddings, k=10)
    narrow = rank(embeddings[3], embeddings.astype(np.float16), k=10)
    assert [hit.index for hit in narrow] == [hit.index for hit in wide]
    assert [hit.similarity for hit in narrow] == pytest.approx(
        [hit.similarity for hit in wide], abs=2e-3
    )


def test_empty_library() -> None:
    assert rank(angles(0)[0], np.empty((0, 2), np.float32)) == ()


def test_wrong_dimension_names_both_shapes() -> None:
    with pytest.raises(InvalidArgument, match=r"\(3,\).*\(5, 2\)"):
        similarities(np.zeros(3, np.float32), np.zeros((5, 2), np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0"),
        ({"max_per_artist": 0, "artists": [None] * 3}, "max_per_artist is 0"),
        ({"max_per_artist": 1}, "max_per_artist needs artists_of"),
        ({"max_per_artist": 1, "artists": ["A"]}, "one for each of the 3 rows, got 1"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        rank(angles(0)[0], angles(1, 2, 3), **arguments)  # type: ignore[arg-type]


def test_percentile_of_known_pairs() -> None:
    # Every pair of these is orthogonal but one, which is identical.
    embeddings = np.eye(20, dtype=np.float32)
    embeddings[1] = embeddings[0]
    pairs = PairDistribution.from_embeddings(embeddings)
    assert len(pairs.pair_similarities) == 190
    assert pairs.percentile(-0.1) == 0
    assert pairs.percentile(0.0) == 0  # "less alike" is strict
    assert pairs.percentile(0.5) == pytest.approx(100 * 189 / 190)
    assert pairs.percentile(1.0) == pytest.approx(100 * 189 / 190)


@given(matrices, st.floats(-1, 1), st.floats(-1, 1))
def test_percentile_grows_with_similarity(
    embeddings: NDArray[np.float32], one: float, other: float
) -> None:
    pairs = PairDistribution.from_embeddings(embeddings)
    low, high = pairs.percentile(min(one, other)), pairs.percentile(max(one, other))
    if len(embeddings) < MIN_TRACKS_FOR_PERCENTILE:
        assert low is None
        assert high is None
    else:
        assert low is not None
        assert high is not None
        assert 0 <= low <= high <= 100


@given(matrices, st.randoms(use_true_random=False))
def test_pairs_do_not_depend_on_the_order(embeddings: NDArray[np.float32], random: object) -> None:
    order = list(range(len(embeddings)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = PairDistribution.from_embeddings(embeddings).pair_similarities
    shuffled = PairDistribution.from_embeddings(embeddings[order]).pair_similarities
    np.testing.assert_allclose(straight, shuffled, atol=2e-6)


@pytest.mark.parametrize("n_tracks", [0, 1, 2, MIN_TRACKS_FOR_PERCENTILE - 1])
def test_small_libraries_say_so(n_tracks: int) -> None:
    pairs = PairDistribution.from_embeddings(random_units(n_tracks))
    assert pairs.percentile(0.5) is None
    assert pairs.too_small is not None
    assert pairs.too_small.endswith(f"at least 10 tracks in the library, it has {n_tracks}")
    with pytest.raises(InvalidArgument, match=f"it has {n_tracks}"):
        check_min_percentile(50, pairs)


@settings(max_examples=5)
@given(st.integers(0, 1000))
def test_a_sample_stands_for_a_large_library(seed: int) -> None:
    embeddings = random_units(3000, 16)
    everything = PairDistribution.from_embeddings(embeddings, max_tracks=3000)
    sample = PairDistribution.from_embeddings(embeddings, max_tracks=500, seed=seed)
    assert sample.n_tracks == everything.n_tracks == 3000
    assert sample.sampled_tracks == 500
    for similarity in (-0.5, 0.0, 0.3, 0.6):
        assert sample.percentile(similarity) == pytest.approx(
            everything.percentile(similarity), abs=2.0
        )


def test_the_same_seed_gives_the_same_sample() -> None:
    embeddings = random_units(300)
    one, other = (
        PairDistribution.from_embeddings(embeddings, max_tracks=50, seed=7) for _ in range(2)
    )
    np.testing.assert_array_equal(one.pair_similarities, other.pair_similarities)


@pytest.mark.parametrize("least", [-1, 101, float("nan"), float("inf")])
def test_what_is_no_percentile(least: float) -> None:
    pairs = PairDistribution.from_embeddings(random_units(20))
    with pytest.raises(InvalidArgument, match=f"min_percentile is {least:g}: it must be"):
        check_min_percentile(least, pairs)


def test_max_tracks_too_small() -> None:
    with pytest.raises(InvalidArgument, match="max_tracks is 1"):
        PairDistribution.from_embeddings(random_units(20), max_tracks=1)


@settings(max_examples=200)
@given(data=st.data(), n=st.integers(0, 400), depth=st.integers(1, 60), ties=st.booleans())
def test_the_best_are_those_of_a_full_sort(
    data: st.DataObject, n: int, depth: int, ties: bool
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    scores = rng.normal(size=n).astype(np.float32)
    if ties:
        scores = np.round(scores, 1)
    scores[rng.random(n) < 0.1] = -np.inf
    decimals = data.draw(st.sampled_from([None, 1, 6]))
    values = scores.astype(np.float64)
    if decimals is not None:
        values = np.round(values, decimals)
    expected = [row for row in np.argsort(-values, kind="stable") if values[row] > -np.inf]
    assert best_first(scores, depth, decimals=decimals).tolist() == expected[:depth]
