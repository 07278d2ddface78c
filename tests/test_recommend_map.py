"""Neighbours, the map that is made of them, and how it is measured: known answers, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.recommend.affinity import affinities, shares
from soundalike.recommend.fidelity import kept_shares, nearest_in_plane, trustworthiness
from soundalike.recommend.layout import Repulsion, attraction, lay_out, main_axes, place
from soundalike.similarity import neighbours
from soundalike.similarity.best import best_columns
from soundalike.similarity.neighbours import nearest

Floats = NDArray[np.float32]


def unit(points: NDArray[np.floating]) -> Floats:
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def blobs(sizes: tuple[int, ...], *, size: int = 24, spread: float = 0.25, seed: int = 0) -> Floats:
    """Embeddings around as many directions as there are sizes, one blob after the other."""
    generator = np.random.default_rng(seed)
    centres = unit(generator.normal(size=(len(sizes), size)))
    which = np.repeat(np.arange(len(sizes)), sizes)
    noise = spread * generator.normal(size=(len(which), size)) / np.sqrt(size)
    return unit(centres[which] + noise)


def labels_of(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def test_the_nearest_are_those_with_the_highest_products() -> None:
    embeddings = unit(np.random.default_rng(1).normal(size=(700, 12)))
    products = embeddings @ embeddings.T
    np.fill_diagonal(products, -np.inf)
    found = nearest(embeddings, 9)
    assert np.array_equal(found.rows, np.argsort(-products, axis=1, kind="stable")[:, :9])
    assert np.array_equal(
        found.similarities, np.take_along_axis(products, found.rows.astype(int), axis=1)
    )


@pytest.mark.filterwarnings("error")
def test_a_track_alone_shares_nothing() -> None:
    assert shares(np.zeros((1, 0), np.float32), 30.0).shape == (1, 0)


@given(
    st.integers(1, 6),
    st.integers(1, 300),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_best_columns_are_those_of_a_sort(n: int, m: int, k: int, values: int, seed: int) -> None:
    """However many are equal: those keep their order."""
    scores = np.random.default_rng(seed).integers(values, size=(n, m)).astype(np.float32)
    k = min(k, m)
    columns, found = best_columns(scores, k)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert np.array_equal(columns, expected)
    assert np.array_equal(found, np.take_along_axis(scores, expected, axis=1))


def test_cells_find_nearly_all_of_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = blobs((200,) * 20, spread=0.6)
    exact = nearest(embeddings, 10)
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 1000)
    told: list[tuple[int, int]] = []
    found = nearest(embeddings, 10, seed=3, progress=lambda _, done, n: told.append((done, n)))
    assert told[0] == (0, 4000)
    assert told[-1] == (4000, 4000)
    assert kept_shares(exact.rows, found.rows).mean() > 0.97
    assert (found.rows != np.arange(4000)[:, None]).all()
    assert all(len(set(row)) == 10 for row in found.rows.tolist())
    assert np.array_equal(found.rows, nearest(embeddings, 10, seed=3).rows)


def test_cells_find_neighbours_where_all_tracks_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of copies fills one cell, and the others have nothing."""
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 100)
    found = nearest(np.repeat(blobs((1,)), 400, axis=0), 5)
    assert (found.rows != np.arange(400)[:, None]).all()
    assert np.allclose(found.similarities, 1)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_tracks_have_few_neighbours(n: int) -> None:
    embeddings = unit(np.random.default_rng(0).normal(size=(n, 4)))
    found = nearest(embeddings, 10)
    assert found.rows.shape == (n, max(n - 1, 0))
    assert nearest_in_plane(embeddings[:, :2], 10).shape == (n, max(n - 1, 0))
    assert lay_out(embeddings, found.rows).shape == (n, 2)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InvalidArgument, match="k is 0: it must be at least 1"):
        nearest(blobs((5,)), 0)
    with pytest.raises(InvalidArgument, match=r"the shape \(n, D\), not \(3,\)"):
        nearest(np.zeros(3, np.float32), 1)
    with pytest.raises(InvalidArgument, match="k is 10: it must be less than half of the 20"):
        trustworthiness(blobs((20,)), main_axes(blobs((20,))), 10)


def test_shares_have_the_perplexity_that_is_asked_for() -> None:
    similarities = np.sort(np.random.default_rng(2).uniform(0.2, 0.99, (50, 15)))[:, ::-1]
    weights = shares(similarities.astype(np.float32), 6.0).astype(np.float64)
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.allclose(np.exp(-(weights * np.log(weights)).sum(axis=1)), 6, rtol=1e-3)
    assert (np.diff(weights, axis=1) <= 0).all()
    # All as far: none means more than another.
    assert np.allclose(shares(np.full((2, 4), 0.5, np.float32), 3.0), 0.25)


def test_affinities_are_symmetric_and_sum_to_one() -> None:
    rows = nearest(blobs((30, 20)), 6).rows
    graph = affinities(rows)
    dense = np.zeros((50, 50))
    dense[np.repeat(np.arange(50), np.diff(graph.starts)), graph.targets] = graph.weights
    expected = np.zeros((50, 50))
    np.put_along_axis(expected, rows.astype(int), 1 / 6, axis=1)
    assert np.allclose(dense, (expected + expected.T) / 100)
    assert dense.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("n", "scale"), [(400, 6.0), (1200, 9.0), (500, 1e-3)])
def test_what_drives_apart_is_the_sum_over_all_pairs(n: int, scale: float) -> None:
    """As dense as tracks lie on a map, or all in one place."""
    places = (scale * np.random.default_rng(0).uniform(-1, 1, (n, 2))).astype(np.float32)
    apart = places[:, None].astype(np.float64) - places
    nearness = 1 / (1 + (apart**2).sum(axis=2))
    expected = (apart * nearness[..., None] ** 2).sum(axis=1)
    found, total = Repulsion()(places)
    assert total == pytest.approx(nearness.sum() - n, rel=2e-3)
    assert np.linalg.norm(found - expected) < 0.15 * np.linalg.norm(expected)


def test_what_draws_together_is_the_sum_over_the_edges() -> None:
    graph = affinities(nearest(blobs((40,)), 5).rows)
    places = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    expected = np.zeros((40, 2))
    for node in range(40):
        for edge in range(graph.starts[node], graph.starts[node + 1]):
            apart = places[node] - places[graph.targets[edge]]
            expected[node] += graph.weights[edge] * apart / (1 + (apart**2).sum())
    assert np.allclose(attraction(graph, places), expected, atol=1e-7)


def test_blobs_stay_apart_and_keep_their_neighbours() -> None:
    sizes = (60, 50, 40)
    embeddings, labels = blobs(sizes), labels_of(sizes)
    rows = nearest(embeddings, 10).rows
    places = lay_out(embeddings, rows)
    on_map = nearest_in_plane(places, 10)
    assert (labels[on_map] == labels[:, None]).all()
    by_axes = nearest_in_plane(main_axes(embeddings), 10)
    assert kept_shares(rows, on_map).mean() > kept_shares(rows, by_axes).mean() + 0.15
    assert trustworthiness(embeddings, places) > trustworthiness(embeddings, main_axes(embeddings))


def test_a_circle_stays_a_circle() -> None:
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    rows = nearest(embeddings, 10).rows
    places = lay_out(embeddings, rows)
    assert kept_shares(rows, nearest_in_plane(places, 10)).mean() > 0.9
    # Once around: each is next to the one before it, and the ends meet.
    steps = np.linalg.norm(places - np.roll(places, 1, axis=0), axis=1)
    assert steps.max() < 4 * np.median(steps)


def test_the_same_seed_makes_the_same_map() -> None:
    embeddings = blobs((40, 40))
    rows = nearest(embeddings, 10).rows
    first, again, other = (lay_out(embeddings, rows, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_map_has_its_middle_at_nothing_and_lies_along() -> None:
    places = lay_out(blobs((50, 30, 5)), nearest(blobs((50, 30, 5)), 10).rows)
    assert np.allclose(places.min(axis=0), -places.max(axis=0), atol=1e-4)
    assert places[:, 0].std() >= places[:, 1].std()


def test_copies_get_places_of_their_own() -> None:
    embeddings = np.repeat(blobs((12,)), 4, axis=0)
    places = lay_out(embeddings, nearest(embeddings, 10).rows)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == 48


def test_new_tracks_land_among_their_own() -> None:
    sizes = (60, 60, 60)
    embeddings, labels = blobs(sizes), labels_of(sizes)
    is_new = np.arange(180) % 6 == 0
    old = embeddings[~is_new]
    places = lay_out(old, nearest(old, 10).rows)
    rows, _ = best_columns(embeddings[is_new] @ old.T, 10)
    found = place(places, rows)
    apart = ((found[:, None] - places) ** 2).sum(axis=2)
    around = np.argsort(apart, axis=1)[:, :10]
    assert (labels[~is_new][around] == labels[is_new][:, None]).all()
    assert kept_shares(rows, around).mean() > 0.4  # by chance 0.07


def test_a_new_track_goes_with_most_of_its_neighbours_not_in_between() -> None:
    places = np.float32([[0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1], [50, 0], [50, 0.1], [0, 40]])
    found = place(places, np.arange(7)[None])
    assert np.abs(found[0] - 0.05).max() < 0.1


@settings(max_examples=40)
@given(st.integers(2, 400), st.integers(1, 12), st.booleans(), st.integers(0, 50))
def test_the_nearest_in_the_plane_are_exact(n: int, k: int, is_even: bool, seed: int) -> None:
    generator = np.random.default_rng(seed)
    places = generator.normal(size=(n, 2)).astype(np.float32) ** 3
    if is_even:  # many at the same distance, and many in the same place
        places = np.round(places)
    square = ((places[:, None] - places) ** 2).sum(axis=2)
    np.fill_diagonal(square, np.inf)
    k = min(k, n - 1)
    found = nearest_in_plane(places, k)
    assert all(len(set(row)) == k for row in found.tolist())
    distances = np.take_along_axis(square, found.astype(int), axis=1)
    assert np.allclose(distances, np.sort(square, axis=1)[:, :k], rtol=1e-5)


def test_trustworthiness_of_known_maps() -> None:
    """1 for a map that keeps all, and the formula of Venna and Kaski for another."""
    generator = np.random.default_rng(0)
    angles = np.sort(generator.uniform(0, 0.5, 60))
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    places = np.stack([angles, np.zeros(60)], axis=1).astype(np.float32)
    assert trustworthiness(embeddings, places, 5) == 1
    shuffled = places[generator.permutation(60)]
    order = np.argsort(-(embeddings @ embeddings.T), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1)
    short = sum(
        max(int(ranks[i, j]) - 5, 0)
        for i, row in enumerate(nearest_in_plane(shuffled, 5).tolist())
        for j in row
    )
    expected = 1 - 2 * short / (60 * 5 * (120 - 15 - 1))
    assert trustworthiness(embeddings, shuffled, 5) == pytest.approx(expected, abs=0.01)
    assert 0.3 < expected < 0.7
