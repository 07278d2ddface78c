"""The layout of an embedding: blocks that add up to a similarity, weighed as they are asked to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets

NAMES = ("sound", "rhythm", "harmony", "voice")

layouts = st.lists(
    st.tuples(st.integers(1, 6), st.floats(0.01, 100)), min_size=1, max_size=len(NAMES)
).map(
    lambda parts: Facets(
        tuple(Facet(name, *part) for name, part in zip(NAMES, parts, strict=False))
    )
)
seeds = st.integers(0, 2**31)
some_weights = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 50), max_size=len(NAMES))


def embeddings(layout: Facets, seed: int, n: int) -> NDArray[np.float32]:
    return layout.normalise(np.random.default_rng(seed).normal(size=(n, layout.size)))


def fitting(layout: Facets, weights: dict[str, float]) -> dict[str, float]:
    """The weights of facets that the layout has; never all 0."""
    found = {name: weight for name, weight in weights.items() if name in layout.names}
    return {} if len(found) == len(layout) and not any(found.values()) else found


@given(layouts, seeds)
def test_blocks_have_the_length_of_their_weight(layout: Facets, seed: int) -> None:
    rows = embeddings(layout, seed, 3)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    for facet in layout:
        lengths = np.linalg.norm(rows[:, layout.slices[facet.name]], axis=1)
        assert lengths**2 == pytest.approx(facet.weight, abs=1e-5)
    assert layout.normalise(rows * np.float32(7.5)) == pytest.approx(rows, abs=1e-6)


@given(layouts, seeds, some_weights)
def test_shares_add_up_to_the_similarity(
    layout: Facets, seed: int, weights: dict[str, float]
) -> None:
    a, b = embeddings(layout, seed, 2)
    weights = fitting(layout, weights)
    shares = layout.shares(a, b, weights)
    assert sum(shares.values()) == pytest.approx(layout.reweight(a, weights) @ b, abs=1e-5)
    cosines, total = layout.cosines(a, b), layout.weights(weights)
    assert sum(total.values()) == pytest.approx(1.0)
    for name in layout.names:
        assert -1.0001 <= cosines[name] <= 1.0001
        assert shares[name] == pytest.approx(total[name] * cosines[name], abs=1e-9)
    assert sum(layout.shares(a, b).values()) == pytest.approx(float(a @ b), abs=1e-5)


@given(layouts, seeds, some_weights, st.floats(0.001, 1000))
def test_only_the_proportion_of_weights_counts(
    layout: Facets, seed: int, weights: dict[str, float], scale: float
) -> None:
    query, *rows = embeddings(layout, seed, 5)
    all_weights = {each.name: each.weight for each in layout} | fitting(layout, weights)
    scaled = {name: scale * weight for name, weight in all_weights.items()}
    expected = np.array(rows) @ layout.reweight(query, all_weights)
    assert np.array(rows) @ layout.reweight(query, scaled) == pytest.approx(expected, abs=1e-5)


@given(layouts, seeds)
def test_the_default_weights_change_nothing(layout: Facets, seed: int) -> None:
    (query,) = embeddings(layout, seed, 1)
    assert layout.reweight(query, None) is query
    default = {facet.name: facet.weight for facet in layout}
    assert layout.reweight(query, default) == pytest.approx(query, abs=1e-6)


@given(layouts, seeds)
def test_one_facet_alone_is_its_cosine(layout: Facets, seed: int) -> None:
    a, b = embeddings(layout, seed, 2)
    for name, cosine in layout.cosines(a, b).items():
        alone = {each: float(each == name) for each in layout.names}
        assert layout.reweight(a, alone) @ b == pytest.approx(cosine, abs=1e-4)


def test_a_block_of_zeros_stays_and_adds_nothing() -> None:
    layout = Facets((Facet("sound", 2, 0.75), Facet("rhythm", 2, 0.25)))
    a = layout.normalise(np.array([3.0, 4.0, 0.0, 0.0]))
    assert a == pytest.approx([0.6 * 0.75**0.5, 0.8 * 0.75**0.5, 0, 0])
    b = layout.normalise(np.array([3.0, 4.0, 1.0, 0.0]))
    assert layout.cosines(a, b) == pytest.approx({"sound": 1.0, "rhythm": 0.0})
    assert layout.shares(a, b) == pytest.approx({"sound": 0.75, "rhythm": 0.0})
    assert float(a @ b) == pytest.approx(0.75)
    assert not layout.normalise(np.zeros((2, 4))).any()


def test_a_known_answer() -> None:
    layout = Facets((Facet("sound", 2, 0.5), Facet("rhythm", 1, 0.5)))
    a, b = layout.normalise(np.array([[1.0, 0.0, 1.0], [0.6, 0.8, -1.0]]))
    assert layout.cosines(a, b) == pytest.approx({"sound": 0.6, "rhythm": -1.0})
    assert float(a @ b) == pytest.approx(-0.2)
    # The one that is not named keeps its 0.5.
    assert layout.weights({"rhythm": 1.5}) == {"sound": 0.25, "rhythm": 0.75}
    assert float(layout.reweight(a, {"rhythm": 0}) @ b) == pytest.approx(0.6)


@given(layouts)
def test_a_layout_is_kept_as_json(layout: Facets) -> None:
    again = Facets.from_json(layout.to_json())
    assert (again.names, again.slices) == (layout.names, layout.slices)
    for one, other in zip(again, layout, strict=True):
        assert one.weight == pytest.approx(other.weight, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"rythm": 2}, "weights name 'rythm': the model has the facets sound and rhythm"),
        ({"rhythm": -1}, "the weight of 'rhythm' is -1: it must be at least 0"),
        ({"rhythm": float("nan")}, "must be a finite number"),
        ({"rhythm": "2"}, "must be a number"),
        ({"sound": 0, "rhythm": 0}, "all weights are 0"),
    ],
)
def test_weights_that_cannot_be_used_are_named(weights: dict[str, float], message: str) -> None:
    layout = Facets((Facet("sound", 2, 0.5), Facet("rhythm", 1, 0.5)))
    with pytest.raises(InvalidArgument, match=message):
        layout.weights(weights)


def test_a_model_without_facets_says_so() -> None:
    with pytest.raises(InvalidArgument, match="the model has no facets to weigh, only sound"):
        Facets.one(80).weights({"rhythm": 2})


@pytest.mark.parametrize(
    "facets",
    [
        [],
        [{"name": "sound", "size": 0, "weight": 1}],
        [{"name": "sound", "size": 1.5, "weight": 1}],
        [{"name": "sound", "size": 1, "weight": 0}, {"name": "b", "size": 1, "weight": 1}],
        [{"name": "sound", "size": 1, "weight": 0.5}, {"name": "b", "size": 1, "weight": 0.7}],
        [{"name": "a=b", "size": 1, "weight": 1}],
        [{"name": "a", "size": 1, "weight": 0.5}, {"name": "a", "size": 1, "weight": 0.5}],
        [{"name": "sound", "size": 1}],
        "sound",
        None,
    ],
)
def test_what_is_no_layout_is_refused(facets: object) -> None:
    with pytest.raises(ValueError, match="facets"):
        Facets.from_json(facets)


def test_embeddings_must_fit() -> None:
    layout = Facets((Facet("sound", 2, 0.5), Facet("rhythm", 1, 0.5)))
    with pytest.raises(InvalidArgument, match=r"do not fit facets of 2 \+ 1 = 3 numbers"):
        layout.normalise(np.zeros((1, 4)))
