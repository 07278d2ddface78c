"""Several seeds, and what is to be unlike them, on embeddings whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets
from soundalike.similarity.seeds import score_seeds, soft_maximum, thinned

LAYOUT = Facets((Facet("sound", 4, 0.7), Facet("rhythm", 3, 0.3)))


def rows(n: int, seed: int = 0) -> NDArray[np.float32]:
    return LAYOUT.normalise(np.random.default_rng(seed).normal(size=(n, LAYOUT.size)))


def around(centre: int, n: int, spread: float, seed: int = 0) -> NDArray[np.float32]:
    """Embeddings around a direction."""
    rng = np.random.default_rng(seed)
    return LAYOUT.normalise(rows(9)[centre] + spread * rng.normal(size=(n, LAYOUT.size)))


values = hnp.arrays(np.float64, (5, 8), elements=st.floats(-1, 1))


@given(values, st.floats(0.01, 1))
def test_a_soft_maximum_lies_between_mean_and_maximum(
    cosines: NDArray[np.float64], temperature: float
) -> None:
    found = soft_maximum(cosines, temperature)
    assert (found <= cosines.max(axis=0) + 1e-9).all()
    assert (found >= cosines.mean(axis=0) - 1e-9).all()
    threefold = soft_maximum(np.repeat(cosines, 3, axis=0), temperature)
    np.testing.assert_allclose(found, threefold, atol=1e-12)


@given(values)
def test_it_becomes_the_maximum_and_the_mean(cosines: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(soft_maximum(cosines, 1e-4), cosines.max(axis=0), atol=1e-3)
    np.testing.assert_allclose(soft_maximum(cosines, 1e3), cosines.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("weights", [None, {"rhythm": 3.0}])
def test_one_seed_is_scored_by_its_cosine(weights: dict[str, float] | None) -> None:
    embeddings = rows(200)
    found = score_seeds(embeddings[:1], embeddings, LAYOUT, weights=weights)
    shares = [LAYOUT.shares(embeddings[0], each, weights) for each in embeddings]
    expected = [sum(each.values()) for each in shares]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    np.testing.assert_array_equal(found.scores, found.similarities)
    assert not found.nearest.any()


@given(st.integers(0, 50), st.integers(2, 5))
def test_the_same_seed_again_changes_no_order(seed: int, times: int) -> None:
    embeddings = rows(60, seed)
    once = score_seeds(embeddings[:1], embeddings, LAYOUT)
    again = score_seeds(np.repeat(embeddings[:1], times, axis=0), embeddings, LAYOUT)
    np.testing.assert_allclose(again.scores, once.scores, atol=1e-5)


@given(st.integers(0, 50))
def test_the_order_of_seeds_does_not_matter(seed: int) -> None:
    embeddings = rows(60, seed)
    one = score_seeds(embeddings[:3], embeddings, LAYOUT, without=embeddings[3:5])
    other = score_seeds(embeddings[2::-1], embeddings, LAYOUT, without=embeddings[4:2:-1])
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_seeds_in_two_places_both_have_their_neighbours() -> None:
    """Though around the one all are nearer to it than any are to the other."""
    dense, sparse = around(0, 40, 0.1), around(1, 40, 0.6)
    embeddings = np.concatenate([dense, sparse])
    seeds = np.stack([dense[0], sparse[0]])
    found = score_seeds(seeds, embeddings, LAYOUT)
    best = np.argsort(-found.scores)[:12]
    assert (dense @ dense[0]).min() > np.sort(sparse @ sparse[0])[-2]
    assert 2 <= np.count_nonzero(best >= 40) <= 10
    np.testing.assert_array_equal(found.nearest[best], best >= 40)
    cosines = embeddings @ seeds.T
    np.testing.assert_allclose(found.similarities, cosines[np.arange(80), found.nearest], atol=1e-5)


def test_between_close_seeds_comes_what_is_near_to_both() -> None:
    embeddings = around(0, 100, 0.5)
    a, b = embeddings[0], embeddings[1]
    middle = LAYOUT.normalise((a + b)[None])
    found = score_seeds(np.stack([a, b]), np.concatenate([embeddings, middle]), LAYOUT)
    assert 2 + np.argmax(found.scores[2:]) == 100


def test_what_is_clearly_nearer_to_the_seed_loses_nothing() -> None:
    embeddings = rows(400)
    seed, away = embeddings[:1], embeddings[1:2]
    plain = score_seeds(seed, embeddings, LAYOUT).scores
    found = score_seeds(seed, embeddings, LAYOUT, without=away)
    missing = embeddings @ away[0] + 0.1 - plain
    np.testing.assert_allclose(plain - found.scores, 2 * np.maximum(missing, 0), atol=1e-5)
    np.testing.assert_array_equal(found.similarities, plain)
    assert 0 < np.count_nonzero(found.scores == plain) < 400
    assert found.scores[1] == pytest.approx(plain[1] - 2 * (1.1 - plain[1]), abs=1e-5)


def test_nothing_to_be_unlike_is_none_at_all() -> None:
    embeddings = rows(30)
    nothing = np.zeros((0, LAYOUT.size), np.float32)
    one = score_seeds(embeddings[:2], embeddings, LAYOUT, without=nothing)
    np.testing.assert_array_equal(
        one.scores, score_seeds(embeddings[:2], embeddings, LAYOUT).scores
    )


def test_small_collections() -> None:
    embeddings = rows(3)
    assert len(score_seeds(embeddings[:2], embeddings[:0], LAYOUT).scores) == 0
    found = score_seeds(embeddings[:2], embeddings, LAYOUT)
    assert np.isfinite(found.scores).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = rows(100)
    whole = score_seeds(embeddings[:4], embeddings, LAYOUT, without=embeddings[9:10])
    monkeypatch.setattr("soundalike.similarity.seeds._BLOCK_ROWS", 7)
    parts = score_seeds(embeddings[:4], embeddings, LAYOUT, without=embeddings[9:10])
    np.testing.assert_allclose(whole.scores, parts.scores, atol=1e-6)
    np.testing.assert_array_equal(whole.nearest, parts.nearest)


@given(st.integers(0, 500), st.integers(1, 120))
def test_seeds_are_thinned_evenly(n: int, most: int) -> None:
    found = thinned(n, most)
    assert len(found) == len(set(found.tolist())) == min(n, most)
    assert (np.diff(found) > 0).all()
    if n > 1 and most > 1:
        assert (found[0], found[-1]) == (0, n - 1)
        assert np.ptp(np.diff(found)) <= 1 if len(found) > 2 else True


def test_what_does_not_fit() -> None:
    embeddings = rows(5)
    with pytest.raises(InvalidArgument, match="there is no seed"):
        score_seeds(embeddings[:0], embeddings, LAYOUT)
    with pytest.raises(InvalidArgument, match=r"seeds have shape \(5, 3\): they must be \(n, 7\)"):
        score_seeds(embeddings[:, :3], embeddings, LAYOUT)
    with pytest.raises(InvalidArgument, match=r"without have shape \(7,\)"):
        score_seeds(embeddings[:1], embeddings, LAYOUT, without=embeddings[0])
