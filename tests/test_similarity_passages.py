"""Comparisons and matching passages, on analyses whose answer is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.analysis import Analysis
from soundalike.errors import InvalidArgument, ModelMismatch
from soundalike.frontends.log_mel import EXCERPT_S
from soundalike.similarity.distribution import PairDistribution
from soundalike.similarity.passages import best_passages, compare, compare_analyses


def analysis(excerpts: NDArray[np.floating], *, duration_s: float | None = None) -> Analysis:
    """A track whose excerpts have these embeddings, end to end."""
    rows = (excerpts / np.linalg.norm(excerpts, axis=1, keepdims=True)).astype(np.float32)
    mean = rows.mean(axis=0)
    n = len(rows)
    return Analysis(
        model="test@1",
        duration_s=n * EXCERPT_S if duration_s is None else duration_s,
        labels=("x", "y"),
        probabilities=np.array([0.75, 0.25], np.float32),
        embedding=(mean / np.linalg.norm(mean)).astype(np.float32),
        excerpt_embeddings=rows,
        excerpt_probabilities=np.tile(np.array([0.75, 0.25], np.float32), (n, 1)),
        excerpt_starts_s=np.arange(n) * EXCERPT_S,
        genre_set=("x",),
    )


def random_analysis(seed: int, n: int = 6, dim: int = 64) -> Analysis:
    return analysis(np.random.default_rng(seed).normal(size=(n, dim)) + 0.2)


def spans(n: int) -> NDArray[np.float64]:
    starts_s = np.arange(n) * EXCERPT_S
    return np.stack([starts_s, starts_s + EXCERPT_S], axis=1)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_a_track_compared_with_itself(seed: int, n: int) -> None:
    track = random_analysis(seed, n)
    comparison = compare(track, track)
    assert comparison.similarity == pytest.approx(1.0, abs=1e-6)
    (passage,) = comparison.passages
    assert (passage.a_start_s, passage.b_start_s) == (0, 0)
    assert passage.a_end_s == passage.b_end_s == pytest.approx(track.duration_s)
    assert passage.similarity == pytest.approx(1.0, abs=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 7), st.integers(1, 7))
def test_comparison_is_symmetric(seed: int, n_a: int, n_b: int) -> None:
    a, b = random_analysis(seed, n_a), random_analysis(seed + 1, n_b)
    there, back = compare(a, b), compare(b, a)
    assert there.similarity == pytest.approx(back.similarity, abs=1e-6)
    np.testing.assert_allclose(there.excerpt_similarity, back.excerpt_similarity.T, atol=1e-6)
    assert there.excerpt_similarity.shape == (n_a, n_b)
    assert [
        (passage.a_start_s, passage.a_end_s, passage.b_start_s) for passage in there.passages
    ] == [(passage.b_start_s, passage.b_end_s, passage.a_start_s) for passage in back.passages]


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9))
def test_passages_lie_in_the_tracks_and_never_overlap(seed: int, n_a: int, n_b: int) -> None:
    similarity = np.random.default_rng(seed).uniform(-1, 1, (n_a, n_b)).astype(np.float32)
    found = best_passages(similarity, spans(n_a), spans(n_b), limit=9)
    assert found
    for start, end, total in (
        ("a_start_s", "a_end_s", n_a * EXCERPT_S),
        ("b_start_s", "b_end_s", n_b * EXCERPT_S),
    ):
        taken = sorted((getattr(one, start), getattr(one, end)) for one in found)
        assert taken[0][0] >= 0
        assert taken[-1][1] <= total + 1e-6
        for (_, earlier_end), (later_start, _) in itertools.pairwise(taken):
            assert later_start >= earlier_end - 1e-6
    assert [one.similarity for one in found] == sorted(
        (one.similarity for one in found), reverse=True
    )


def test_a_shared_section_is_found_as_one_passage() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(10, 64)), generator.normal(size=(12, 64))
    b[7:10] = a[2:5]
    best = compare(analysis(a), analysis(b)).passages[0]
    assert best.a_start_s == pytest.approx(2 * EXCERPT_S)
    assert best.a_end_s == pytest.approx(5 * EXCERPT_S)
    assert best.b_start_s == pytest.approx(7 * EXCERPT_S)
    assert best.b_end_s == pytest.approx(10 * EXCERPT_S)
    assert best.similarity == pytest.approx(1.0, abs=1e-5)


def test_a_run_does_not_cross_a_pause() -> None:
    similarity = np.eye(4, dtype=np.float32)
    with_pause = spans(4)
    with_pause[2:] += 30.0
    found = best_passages(similarity, with_pause, with_pause)
    assert [(one.a_start_s, one.a_end_s) for one in found] == [
        (0.0, pytest.approx(2 * EXCERPT_S)),
        (pytest.approx(2 * EXCERPT_S + 30), pytest.approx(4 * EXCERPT_S + 30)),
    ]


def test_loops_match_at_the_same_time() -> None:
    found = best_passages(np.ones((5, 5), np.float32), spans(5), spans(5))
    assert len(found) == 1
    assert (found[0].a_start_s, found[0].b_start_s) == (0.0, 0.0)
    assert found[0].a_end_s == pytest.approx(5 * EXCERPT_S)


def test_only_passages_above_the_average_follow_the_first() -> None:
    similarity = np.full((4, 4), 0.1, np.float32)
    similarity[0, 3] = 0.9
    found = best_passages(similarity, spans(4), spans(4))
    assert len(found) == 1
    assert found[0].similarity == pytest.approx(0.9)


def test_the_last_excerpt_ends_with_the_track() -> None:
    short = analysis(np.ones((1, 4)), duration_s=3.0)
    passage = compare(short, short).passages[0]
    assert (passage.a_start_s, passage.a_end_s) == (0.0, 3.0)


def test_percentile_comes_from_the_library() -> None:
    a, b = random_analysis(1), random_analysis(2)
    others = np.stack([random_analysis(seed).embedding for seed in range(30)])
    pairs = PairDistribution.from_embeddings(others)
    comparison = compare(a, b, distribution=pairs)
    assert comparison.percentile == pairs.percentile(comparison.similarity)
    assert compare(a, b).percentile is None


def test_two_models_are_refused_by_name() -> None:
    a = random_analysis(1)
    with pytest.raises(ModelMismatch, match=r"one.* test@1, two .*test@2"):
        compare_analyses(a, replace(a, model="test@2"), a="one", b="two")


def test_bad_arguments() -> None:
    with pytest.raises(InvalidArgument, match="passages is -1"):
        best_passages(np.eye(2, dtype=np.float32), spans(2), spans(2), limit=-1)
    with pytest.raises(InvalidArgument, match=r"\(2, 2\), but there are 3 and 2"):
        best_passages(np.eye(2, dtype=np.float32), spans(3), spans(2))
