"""Which one does not belong: the questions that teach most."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets
from soundalike.recommend.answers import Answers, Problem
from soundalike.recommend.question import information, informative_trio

LAYOUT = Facets((Facet("sound", 6, 0.6), Facet("rhythm", 5, 0.2), Facet("harmony", 4, 0.2)))


def music(n: int, seed: int = 0, layout: Facets = LAYOUT) -> NDArray[np.float32]:
    return layout.normalise(np.random.default_rng(seed).normal(size=(n, layout.size)))


def cosines_of(embeddings: NDArray[np.float32], rows: tuple[int, ...]) -> NDArray[np.float64]:
    """Of the pairs that are left where the first, second or third is odd: (3, n_facets)."""
    pairs = [(rows[1], rows[2]), (rows[0], rows[2]), (rows[0], rows[1])]
    found = [LAYOUT.cosines(embeddings[a], embeddings[b]) for a, b in pairs]
    return np.array([[each[name] for name in LAYOUT.names] for each in found])


def background_of(embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    pairs = itertools.islice(itertools.combinations(range(len(embeddings)), 2), 400)
    return np.array([list(LAYOUT.cosines(embeddings[a], embeddings[b]).values()) for a, b in pairs])


def test_only_where_facets_disagree_an_answer_tells_something() -> None:
    background = background_of(music(40))
    third_by_all = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.9, 0.9, 0.9]]
    all_equal = [[0.3] * 3] * 3
    disagree = [[0.9, -0.5, 0.2], [-0.5, 0.9, 0.2], [-0.5, -0.5, 0.2]]
    bits, doubt = information(np.array([third_by_all, all_equal, disagree]), background, LAYOUT)
    assert bits[0] < 0.02
    assert bits[1] == pytest.approx(0, abs=1e-9)
    assert doubt[1] == pytest.approx(np.log2(3))
    assert 0.2 < bits[2] < 1


def test_questions_tell_more_than_trios_at_random() -> None:
    embeddings = music(300)
    background = background_of(embeddings)
    chosen = [
        cosines_of(embeddings, informative_trio(embeddings, LAYOUT, seed=s).rows) for s in range(8)
    ]
    generator = np.random.default_rng(1)
    random = [
        cosines_of(embeddings, tuple(generator.choice(300, 3, replace=False))) for _ in range(200)
    ]
    worst = information(np.array(chosen), background, LAYOUT)[0].min()
    assert worst > np.quantile(information(np.array(random), background, LAYOUT)[0], 0.95)


@given(st.integers(3, 60), st.integers(0, 2**31 - 1), st.integers(1, 6))
@settings(max_examples=30)
def test_a_question_is_of_three_recordings_not_by_one_artist(
    n: int, seed: int, n_artists: int
) -> None:
    embeddings = music(n, seed % 7)
    artists = np.arange(n) % n_artists
    # Every fourth is a copy of the one before.
    copy = {row: row - 1 for row in range(3, n, 4)} | {row - 1: row for row in range(3, n, 4)}

    def ask() -> tuple[int, ...]:
        return informative_trio(
            embeddings,
            LAYOUT,
            seed=seed,
            artists_of=lambda rows: [frozenset([int(artists[row])]) for row in rows],
            copies_of=lambda rows: [[copy[row]] if row in copy else [] for row in rows],
        ).rows

    if n_artists == 1:
        with pytest.raises(InvalidArgument, match="no three to ask about"):
            ask()
        return
    if n < 6:
        return
    rows = ask()
    assert rows == ask()
    assert len(set(rows)) == 3
    assert not any(copy.get(a) == b for a in rows for b in rows)
    assert len({int(artists[row]) for row in rows}) == min(3, n_artists)


def test_it_says_which_is_odd_by_each_facet() -> None:
    embeddings = music(100)
    for seed in range(10):
        found = informative_trio(embeddings, LAYOUT, seed=seed)
        odd = cosines_of(embeddings, found.rows).argmax(axis=0)
        assert list(found.odd_by_facet.values()) == odd.tolist()
        assert len(set(odd.tolist())) > 1


def test_nothing_is_asked_twice_and_pairs_are_new_while_they_can_be() -> None:
    embeddings = music(12)
    asked: set[frozenset[int]] = set()
    for seed in range(12):
        rows = frozenset(informative_trio(embeddings, LAYOUT, seed=seed, asked=asked).rows)
        assert rows not in asked
        if seed < 5:
            assert all(len(rows & before) < 2 for before in asked)
        asked.add(rows)
    with pytest.raises(InvalidArgument, match="asked about before"):
        informative_trio(music(3), LAYOUT, asked={frozenset([0, 1, 2])})


def test_a_model_with_one_facet_is_asked_about_what_is_unsure() -> None:
    layout = Facets.one(8)
    found = informative_trio(music(50, layout=layout), layout, seed=3)
    assert found.information_bits == 0
    assert set(found.odd_by_facet) == {"sound"}


@pytest.mark.parametrize("n", [0, 2])
def test_too_few_tracks_are_named(n: int) -> None:
    with pytest.raises(InvalidArgument, match=f"{n} of {n} tracks can be asked about"):
        informative_trio(music(5)[:n], LAYOUT)


def test_ten_answers_teach_more_than_ten_at_random() -> None:
    """Listeners as the fit expects them, who go by other weights than the model's."""
    embeddings = music(400)
    generator = np.random.default_rng(2)
    background = embeddings[generator.integers(0, 400, (400, 2))]
    defaults = np.array([facet.weight for facet in LAYOUT])
    sureness = 2 / np.std(background_of(embeddings) @ defaults)
    questions = [informative_trio(embeddings, LAYOUT, seed=seed).rows for seed in range(60)]
    problem = Problem(embeddings, LAYOUT, background)
    errors: dict[str, list[float]] = {"chosen": [], "random": []}
    for _ in range(40):
        weights = defaults * np.exp(generator.normal(size=3))
        weights /= weights.sum()
        for kind, found in errors.items():
            answers = []
            for _ in range(10):
                rows = questions[generator.integers(60)]
                if kind == "random":
                    rows = tuple(generator.choice(400, 3, replace=False).tolist())
                shares = np.exp(sureness * (cosines_of(embeddings, rows) @ weights))
                odd = generator.choice(3, p=0.9 * shares / shares.sum() + 0.1 / 3)
                answers.append([row for row in rows if row != rows[odd]] + [rows[odd]])
            nothing = np.zeros((0, 2), np.intp), np.zeros(0, np.bool_)
            values = problem.fit(Answers(np.array(answers), *nothing))
            learned = np.array(list(problem.weights(values).values()))
            found.append(float(np.abs(learned - weights).sum()) / 2)
    assert np.mean(errors["chosen"]) < 0.85 * np.mean(errors["random"]), {
        k: np.mean(v) for k, v in errors.items()
    }
