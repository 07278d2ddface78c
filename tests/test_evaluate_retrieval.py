"""Rankings against labels: known answers, a naive second opinion, and what must always hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.evaluate.intervals import bootstrap, mean_interval
from soundalike.evaluate.retrieval import (
    FIGURES,
    chance,
    neighbour_precision,
    retrieve,
    summarise,
)
from soundalike.similarity import matrix as similarities_module
from soundalike.similarity.matrix import CosineSimilarities, GivenSimilarities

CLUSTERS = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1], [0.2, 1.0]])


def naive(matrix, labels, groups, k):
    """The definitions, one query after the other, written down as they are read."""
    found = {}
    for query, label in enumerate(labels):
        if label is None:
            continue
        order = sorted(
            (
                other
                for other, its_label in enumerate(labels)
                if other != query
                and its_label is not None
                and (groups[query] is None or groups[other] != groups[query])
            ),
            key=lambda other: (-matrix[query][other], other),
        )
        hits = [labels[other] == label for other in order]
        relevant = sum(hits)
        if not relevant:
            continue
        precisions = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit]
        gains = sum(1 / math.log2(2 + r) for r, hit in enumerate(hits[:k]) if hit)
        ideal = sum(1 / math.log2(2 + r) for r in range(min(k, relevant)))
        found[query] = (
            sum(hits[:k]) / min(k, len(hits)),
            sum(hits[:relevant]) / relevant,
            sum(precisions) / relevant,
            gains / ideal,
        )
    return found


@st.composite
def collections(draw):
    n = draw(st.integers(2, 12))
    # Few different values, so that ties are the rule.
    value = st.integers(-3, 3).map(float)
    matrix = np.array(
        draw(st.lists(st.lists(value, min_size=n, max_size=n), min_size=n, max_size=n))
    )
    label = st.sampled_from([None, "a", "b", "c"])
    labels = draw(st.lists(label, min_size=n, max_size=n))
    groups = draw(st.lists(st.sampled_from([None, 1, 2, 3]), min_size=n, max_size=n))
    return matrix, labels, groups, draw(st.integers(1, 14))


@given(collections())
def test_the_figures_are_those_of_the_definitions(collection) -> None:
    matrix, labels, groups, k = collection
    scores = retrieve(GivenSimilarities(matrix), labels, groups=groups, k=k)
    expected = naive(matrix, labels, groups, k)
    assert scores.queries.tolist() == sorted(expected)
    for position, query in enumerate(scores.queries.tolist()):
        found = [getattr(scores, name)[position] for name in FIGURES]
        assert found == pytest.approx(expected[query])


@given(collections(), st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(collection, random) -> None:
    matrix, labels, groups, k = collection
    # Without ties, which fall back on the order.
    matrix = matrix + np.random.default_rng(0).permutation(matrix.size).reshape(matrix.shape) / 1e4
    order = list(range(len(labels)))
    random.shuffle(order)
    one = retrieve(GivenSimilarities(matrix), labels, groups=groups, k=k)
    other = retrieve(
        GivenSimilarities(matrix[np.ix_(order, order)]),
        [labels[i] for i in order],
        groups=[groups[i] for i in order],
        k=k,
    )
    for name in FIGURES:
        assert sorted(getattr(one, name)) == pytest.approx(sorted(getattr(other, name)))


def test_a_known_ranking() -> None:
    # The query's others, from near to far: right, wrong, right, wrong; R = 2.
    matrix = np.zeros((5, 5))
    matrix[0] = [9, 4, 3, 2, 1]
    scores = retrieve(GivenSimilarities(matrix), ["x", "x", "y", "x", "z"], k=3)
    assert scores.queries.tolist() == [0, 1, 3]
    assert scores.n_relevant[0] == 2
    assert scores.n_candidates[0] == 4
    assert scores.precision[0] == pytest.approx(2 / 3)
    assert scores.r_precision[0] == pytest.approx(1 / 2)
    assert scores.average_precision[0] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert scores.ndcg[0] == pytest.approx((1 + 1 / 2) / (1 + 1 / math.log2(3)))


def test_separate_clusters_are_perfect_and_the_group_filter_takes_them_away() -> None:
    labels = ["a"] * 3 + ["b"] * 3
    summary = summarise(retrieve(CosineSimilarities(CLUSTERS), labels, k=2))
    for name in FIGURES:
        figure = getattr(summary, name)
        assert (figure.value, figure.low, figure.high, figure.best) == (1.0, 1.0, 1.0, 1.0)
    alone = retrieve(CosineSimilarities(CLUSTERS), labels, groups=labels, k=2)
    assert alone.queries.tolist() == []
    assert math.isnan(chance(alone)["precision"])
    with pytest.raises(InvalidArgument, match="no query has a relevant candidate"):
        summarise(alone)


def test_the_best_possible_precision_is_said_where_albums_are_shorter_than_k() -> None:
    summary = summarise(retrieve(CosineSimilarities(CLUSTERS), ["a"] * 3 + ["b"] * 3, k=5))
    assert summary.precision.value == summary.precision.best == pytest.approx(2 / 5)
    assert summary.ndcg.value == 1.0


def test_what_is_unknown_is_neither_asked_nor_offered() -> None:
    labels = ["a", None, "a", "b", None, "b"]
    scores = retrieve(CosineSimilarities(CLUSTERS), labels, k=1)
    assert scores.queries.tolist() == [0, 2, 3, 5]
    assert scores.n_candidates.tolist() == [3] * 4
    assert scores.precision.tolist() == [1.0] * 4


@pytest.mark.parametrize("sizes", [(2, 3), (1, 4), (3, 3), (5,), (2,)])
@pytest.mark.parametrize("k", [1, 2, 4, 9])
def test_chance_is_the_mean_over_all_orders(sizes: tuple[int, ...], k: int) -> None:
    labels = [name for name, size in enumerate(sizes) for _ in range(size)]
    n = len(labels)
    totals = dict.fromkeys(FIGURES, 0.0)
    orders = list(itertools.permutations(range(n)))
    for order in orders:
        # The same values in each row: over all orders, each query sees all orders of its others.
        scores = retrieve(GivenSimilarities(np.tile(np.array(order, float), (n, 1))), labels, k=k)
        for name in FIGURES:
            totals[name] += float(getattr(scores, name).mean())
    expected = {name: total / len(orders) for name, total in totals.items()}
    assert chance(scores) == pytest.approx(expected)


def test_random_embeddings_score_chance() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 10, 800)
    scores = retrieve(CosineSimilarities(generator.standard_normal((800, 30))), labels)
    summary = summarise(scores)
    for name in FIGURES:
        figure = getattr(summary, name)
        assert figure.value == pytest.approx(figure.chance, abs=0.01)
        assert figure.low < figure.chance < figure.high


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.standard_normal((50, 8))
    labels = generator.integers(0, 4, 50)
    done: list[int] = []
    whole = retrieve(CosineSimilarities(embeddings), labels, progress=done.append)
    assert done == [50]
    monkeypatch.setattr(similarities_module, "_BLOCK_ROWS", 7)
    blocked = retrieve(CosineSimilarities(embeddings), labels, progress=done.append)
    assert done == [50, 7, 14, 21, 28, 35, 42, 49, 50]
    for name in FIGURES:
        assert getattr(blocked, name) == pytest.approx(getattr(whole, name))


def test_neighbour_precision_counts_a_query_without_relevant_ones_as_a_miss() -> None:
    found = neighbour_precision(np.eye(3), np.array([0, 0, 1]), np.array([1, 2, 2]), k=10)
    assert found.tolist() == [0.5, 1.0, 0.0]


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 100))
def test_the_mean_s_interval_is_the_bootstrap_s(values: list[float], seed: int) -> None:
    array = np.array(values)
    quick = mean_interval(array, draws=120, seed=seed)
    slow = bootstrap(lambda rows: float(array[rows].mean()), len(array), draws=120, seed=seed)
    assert (quick.value, quick.low, quick.high) == pytest.approx((slow.value, slow.low, slow.high))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda s: retrieve(s, ["a"] * 6, k=0), "k is 0"),
        (lambda s: retrieve(s, ["a"] * 5), "6 items, but 5 labels"),
        (lambda s: retrieve(s, ["a"] * 6, groups=["a"] * 7), "6 items, but 7 groups"),
        (lambda _: CosineSimilarities(np.zeros(3)), r"shape \(n, D\), got \(3,\)"),
        (lambda _: CosineSimilarities(np.full((2, 2), np.nan)), "NaN or infinite values"),
        (lambda _: GivenSimilarities(np.zeros((2, 3))), r"shape \(n, n\), got \(2, 3\)"),
        (lambda _: GivenSimilarities(np.full((2, 2), np.nan)), "no numbers"),
        (lambda _: mean_interval(np.zeros(0)), "no values"),
    ],
)
def test_bad_input_is_named(run, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        run(CosineSimilarities(CLUSTERS))
