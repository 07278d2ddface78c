from __future__ import annotations

from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.research.products_graph import products_graph
from soundalike.similarity.codes import Estimates, encode, estimate
from soundalike.similarity.orders import Order
from soundalike.similarity.select import Barred, Selection, select


def rows(n: int, seed: int, *, dim: int = 24, ties: bool = False) -> NDArray[np.float32]:
    """Embeddings of unit length; a tenth of them again where there are to be ties."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, dim)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    if ties:
        made[rng.integers(n, size=n // 10)] = made[rng.integers(n, size=n // 10)]
    return made


def test_the_graph_that_ships_is_the_one_that_is_made() -> None:
    shipped = files("soundalike.similarity").joinpath("products.onnx").read_bytes()
    assert shipped == products_graph()


def test_codes_say_what_they_lack() -> None:
    made = rows(50, 1)
    made[3] = 0
    codes = encode(made)
    back = (codes.codes.astype(np.float32) - 128) * codes.scales[:, None]
    np.testing.assert_allclose(np.linalg.norm(made - back, axis=1), codes.residuals, atol=1e-6)
    assert codes.residuals.max() < 0.02
    assert (codes.codes[3] == 128).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), length=st.floats(1e-3, 30), spiky=st.booleans())
def test_an_estimate_is_off_by_no_more_than_it_says(seed: int, length: float, spiky: bool) -> None:
    made = rows(300, seed)
    rng = np.random.default_rng(seed)
    query = rng.normal(size=24).astype(np.float32) * np.float32(length)
    if spiky:  # the other numbers take few of the steps
        query[0] *= 500
    found = estimate(query, encode(made), made)
    exact = made @ query
    assert np.abs(found.scores - exact).max() <= found.error
    assert found.error < 0.03 * float(np.linalg.norm(query))
    settled = found.settle([5, 7, 5])
    assert set(settled.tolist()) == {5, 7}
    # Both are sums in single precision, in another order: what that may differ by goes by the
    # lengths, not by what is left of the sum.
    rounding = 1e-6 * float(np.linalg.norm(query))
    np.testing.assert_allclose(found.scores[[5, 7]], exact[[5, 7]], rtol=0, atol=rounding)
    assert not len(found.settle([7]))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), length=st.floats(1e-3, 30))
def test_products_are_no_more_than_codes_say(seed: int, length: float) -> None:
    made = rows(60, seed)
    codes = encode(made)
    queries = rows(3, seed + 1) * np.float32(length)
    queries[0] = made[17] * np.float32(length)
    some = np.array([3, 17, 17, 40])
    most = codes.most(some, queries)
    exact = made[some].astype(np.float64) @ queries.T.astype(np.float64)
    assert (most >= exact).all()
    # Little more, or it would tell nothing.
    assert (most - exact <= 0.04 * length + 1e-4).all()
    for one, column in zip(queries, most.T, strict=True):
        np.testing.assert_allclose(codes.most(some, one), column, rtol=0, atol=1e-5 * length)


def test_more_rows_than_fit_in_a_block() -> None:
    made = rows(140_000, 2, dim=4)
    found = estimate(made[9], encode(made), made)
    assert np.abs(found.scores - made @ made[9]).max() <= found.error


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    k=st.integers(1, 40),
    most=st.none() | st.integers(1, 3),
    gap=st.none() | st.integers(1, 4),
    bars=st.sampled_from([0.0, 0.5, 0.97]),
    copies=st.booleans(),
)
def test_estimates_choose_what_exact_scores_choose(
    seed: int, k: int, most: int | None, gap: int | None, bars: float, copies: bool
) -> None:
    """Whatever the rules are, however deep they make the walk, and with ties."""
    made = rows(400, seed, ties=True)
    rng = np.random.default_rng(seed)
    query = made[rng.integers(400)] * np.float32(rng.uniform(0.5, 2))
    artists = rng.integers(1, 30, size=400)
    barred = Barred(400, {"folder": rng.random(400) < bars})

    def chosen(scores: NDArray[np.float32], estimates: Estimates | None) -> Selection:
        return select(
            scores,
            k,
            exclude=[3],
            barred=barred,
            artists_of=lambda some: [(artists[row],) for row in some],
            artist_groups=artists,
            max_per_artist=most,
            artist_gap=gap,
            copies_of=(lambda some: [[(row + 200) % 400] for row in some]) if copies else None,
            estimates=estimates,
        )

    # With the very sums that the estimates are settled by, so that ties are the same.
    exact = np.array([made[[row]] @ query for row in range(400)], np.float32)[:, 0]
    estimates = estimate(query, encode(made), made)
    assert chosen(estimates.scores, estimates) == chosen(exact, None)


@given(values=st.lists(st.integers(0, 9), max_size=40), some=st.lists(st.integers(0, 12)))
def test_orders_find_what_a_look_at_all_finds(values: list[int], some: list[int]) -> None:
    array = np.array(values, np.int64)
    order = Order(array)
    assert order.having(some) == [row for row, value in enumerate(values) if value in some]
    assert order.repeats.tolist() == [value in values[:row] for row, value in enumerate(values)]
    for low, high in pairwise(some):
        found = sorted(order.between(low, high).tolist())
        assert found == [row for row, value in enumerate(values) if low <= value <= high]


def test_an_order_of_nothing() -> None:
    order = Order(np.zeros(0, np.float32))
    assert order.having([]) == []
    assert not len(order.between(0, 1))


@pytest.mark.parametrize("depth", [1, 7, 300, 500])
def test_what_may_be_among_the_best_is_settled(depth: int) -> None:
    made = rows(300, 4)
    estimates = estimate(made[0], encode(made), made)
    estimates.settle_best(depth)
    exact = made @ made[0]
    best = np.argsort(-exact, kind="stable")[:depth]
    np.testing.assert_allclose(estimates.scores[best], exact[best], atol=1e-6)
