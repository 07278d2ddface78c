"""Groups in a graph, what sets them apart, and their names: known answers."""

from __future__ import annotations

import numpy as np
import pytest
from test_recommend_map import blobs, labels_of

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets
from soundalike.models.contract import Word, Words, tag_words
from soundalike.recommend.affinity import Affinities, affinities, from_edges
from soundalike.recommend.communities import communities, modularity
from soundalike.recommend.traits import (
    Trait,
    closeness,
    heard_words,
    mean_cosines,
    means,
    name_of,
    rare_words,
    traits_of,
)
from soundalike.similarity.neighbours import nearest

# Zachary's karate club (1977): who met whom outside of it.
KARATE = (
    "1-2 1-3 1-4 1-5 1-6 1-7 1-8 1-9 1-11 1-12 1-13 1-14 1-18 1-20 1-22 1-32 2-3 2-4 2-8 2-14 2-18 "
    "2-20 2-22 2-31 3-4 3-8 3-9 3-10 3-14 3-28 3-29 3-33 4-8 4-13 4-14 5-7 5-11 6-7 6-11 6-17 7-17 "
    "9-31 9-33 9-34 10-34 14-34 15-33 15-34 16-33 16-34 19-33 19-34 20-34 21-33 21-34 23-33 23-34 "
    "24-26 24-28 24-30 24-33 24-34 25-26 25-28 25-32 26-32 27-30 27-34 28-34 29-32 29-34 30-33 "
    "30-34 31-33 31-34 32-33 32-34 33-34"
)


def graph_of(pairs: str) -> Affinities:
    """From "1-2 2-3", nodes numbered from 1 on."""
    ends = np.array([pair.split("-") for pair in pairs.split()], np.int64) - 1
    sources, targets = np.concatenate([ends, ends[:, ::-1]]).T
    weights = np.full(len(sources), 1 / len(sources))
    return from_edges(sources, targets, weights, int(ends.max()) + 1)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two labellings make the same groups, however they number them."""
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


def test_the_karate_club_falls_into_its_best_groups() -> None:
    graph = graph_of(KARATE)
    found = communities(graph)
    # The highest modularity there is (Brandes et al. 2008).
    assert modularity(graph, found) == pytest.approx(0.4198, abs=1e-4)
    assert np.bincount(found).tolist() == [12, 11, 6, 5]
    # In two, they are the two that the club split into, but for one who was between them.
    halves = communities(graph, 2)
    instructor = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 17, 18, 20, 22}
    near_him = {int(node) + 1 for node in np.flatnonzero(halves == halves[0])}
    assert len(near_him ^ instructor) <= 1


def test_modularity_of_known_groups() -> None:
    graph = graph_of("1-2 2-3 3-1 4-5 5-6 6-4 3-4")
    halves = np.int32([0, 0, 0, 1, 1, 1])
    assert modularity(graph, halves) == pytest.approx(6 / 7 - 0.5, abs=1e-6)
    assert modularity(graph, np.zeros(6, np.int32)) == pytest.approx(0, abs=1e-6)
    assert same(communities(graph), halves)


def test_blobs_are_groups() -> None:
    sizes = (50, 40, 30)
    found = communities(affinities(nearest(blobs(sizes), 10).rows))
    assert same(found, labels_of(sizes))
    assert found.tolist() == sorted(found.tolist())  # the largest is 0


@pytest.mark.parametrize("n_groups", [1, 2, 3, 9, 20])
def test_as_many_groups_as_are_asked_for(n_groups: int) -> None:
    graph = affinities(nearest(blobs((25, 15)), 5).rows)
    found = communities(graph, n_groups, seed=5)
    sizes = np.bincount(found)
    assert len(sizes) == n_groups
    assert (np.diff(sizes) <= 0).all()
    assert sizes.min() > 0
    assert np.array_equal(found, communities(graph, n_groups, seed=5))
    # At most so many are no more than there are.
    assert np.bincount(communities(graph, most=n_groups, seed=5)).size <= n_groups


def test_what_number_of_groups_cannot_be() -> None:
    graph = affinities(nearest(blobs((10,)), 3).rows)
    with pytest.raises(InvalidArgument, match="n_groups is 6: 10 tracks make 5 groups at most"):
        communities(graph, 6)
    with pytest.raises(InvalidArgument, match="n_groups is 0: it must be at least 1"):
        communities(graph, 0)


def test_a_track_without_others_is_a_group() -> None:
    assert communities(affinities(np.empty((1, 0), np.int32))).tolist() == [0]
    assert communities(affinities(np.empty((0, 0), np.int32))).tolist() == []


def test_words_hold_where_the_model_is_sure() -> None:
    words = Words((Word("piano", "instrument", 0.4, 0.8), Word("sad", "mood", 0.1, None)))
    found = heard_words(words, np.float32([[0.5, 0.9], [0.3, 0.9], [np.nan, np.nan]]))
    assert np.array_equal(found, [[1, np.nan], [0, np.nan], [np.nan, np.nan]], equal_nan=True)
    # Tags are never sure: the tenth with most of it has it.
    ranked = heard_words(tag_words(["Guitar"]), np.linspace(0, 1, 21, dtype=np.float32)[:, None])
    assert ranked[:, 0].tolist() == [0] * 19 + [1] * 2


def test_traits_are_what_there_is_more_of() -> None:
    members = np.arange(100) < 20
    shares = np.zeros((100, 5), np.float32)
    shares[:15, 0] = 1  # in 15 of 20, and nowhere else
    shares[:, 1] = 1  # everywhere
    shares[:10, 2] = shares[50:60, 2] = 1  # in half of them, and 10 of the others
    shares[0, 3] = 1  # in one
    shares[20:, 4] = 1  # in all others
    names, kinds = ["piano", "instrumental", "folk", "harp", "techno"], ["style"] * 5
    found = traits_of(shares[members], means(shares), names, kinds)
    assert [(each.name, each.share, each.in_library) for each in found] == [
        ("piano", 0.75, 0.15),
        ("folk", 0.5, 0.2),
    ]
    assert found[0].lift == pytest.approx(5)
    assert [each.name for each in rare_words(shares[members], means(shares), names, kinds)] == [
        "techno"
    ]
    # Of the whole library nothing is told.
    assert traits_of(shares, means(shares), names, kinds) == ()


def test_what_is_not_known_counts_neither_way() -> None:
    members = np.arange(60) < 20
    shares = np.full((60, 1), np.nan, np.float32)
    shares[:10], shares[20:50] = 1, 0
    (found,) = traits_of(shares[members], means(shares), ["piano"], ["instrument"])
    assert (found.share, found.in_library) == (1, 0.25)
    unknown = np.full((60, 1), np.nan)
    assert traits_of(unknown, means(unknown), ["piano"], ["instrument"]) == ()


def test_a_small_group_may_have_a_word_by_chance() -> None:
    members = np.arange(100) < 3
    shares = np.zeros((100, 1), np.float32)
    shares[:2], shares[10:50] = 1, 1
    assert traits_of(shares[members], means(shares), ["piano"], ["instrument"]) == ()


def trait(name: str, kind: str = "style") -> Trait:
    return Trait(name, kind, 0.8, 0.2)


def test_names() -> None:
    rock = [trait("rock"), trait("hard rock"), trait("sad", "mood"), trait("metal"), trait("harp")]
    assert name_of(rock) == "rock, metal"
    assert name_of(rock, ["rock, metal"]) == "rock, metal, harp"
    assert name_of([trait("sad", "mood"), trait("piano")]) == "piano, sad"
    assert name_of([trait("birds", "other")]) is None
    assert name_of([trait("piano")]) == "piano"
    assert name_of([trait("piano")], ["piano"]) is None


def test_closeness_is_0_for_the_library_and_1_for_the_same() -> None:
    layout = Facets((Facet("sound", 16, 0.6), Facet("rhythm", 8, 0.4)))
    raw = np.random.default_rng(0).normal(size=(200, 24))
    raw[:50, 16:] = raw[0, 16:]
    embeddings = layout.normalise(raw)
    everywhere = mean_cosines(embeddings, layout)
    found = closeness(mean_cosines(embeddings[:50], layout), everywhere)
    assert found["rhythm"] == pytest.approx(1, abs=1e-5)
    assert abs(found["sound"]) < 0.05
    assert closeness(everywhere, everywhere) == {"sound": 0, "rhythm": 0}
    # It is the mean over all pairs.
    sound = embeddings[:, :16] / np.linalg.norm(embeddings[:, :16], axis=1, keepdims=True)
    assert everywhere["sound"] == pytest.approx(float((sound @ sound.T).mean()), abs=1e-6)
