"""Where a passage is in other tracks: places in arrays, and in a library."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from fakes import FACETED, LAYOUT, ask, open_library, write_track
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument, LibraryError
from soundalike.facets import Facet, Facets
from soundalike.library import Filter, Limits
from soundalike.recommend.passages import Place, find_passages
from soundalike.similarity.places import (
    best_starts,
    finer_start_s,
    highest,
    sequence_scores,
)


def unit_rows(n: int, seed: int, layout: Facets = LAYOUT) -> NDArray[np.float32]:
    return layout.normalise(np.random.default_rng(seed).normal(size=(n, layout.size)))


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(1, 5), st.integers(0, 10_000)
)
def test_a_score_is_the_mean_cosine_of_what_lies_over_each_other(
    counts: list[int], m: int, seed: int
) -> None:
    tracks = [unit_rows(n, seed + i) for i, n in enumerate(counts)]
    passage = unit_rows(m, seed + 100)
    scores = sequence_scores(np.concatenate(tracks) @ passage.T, np.array(counts))
    wanted = []
    for track in tracks:
        for start in range(len(track)):
            there = track[start : start + m]
            is_whole = len(there) == m or (start == 0 and len(track) < m)
            mean = float((passage[: len(there)] * there).sum()) / m
            wanted.append(mean if is_whole else -np.inf)
    np.testing.assert_allclose(scores, wanted, atol=1e-5)
    best = highest(scores, np.array(counts))
    ends = np.cumsum(counts)
    for number, end in enumerate(ends):
        assert best[number] == max(scores[end - counts[number] : end])


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 6), st.integers(0, 10_000))
def test_places_of_one_track_never_overlap_each_other_or_what_is_taken(
    n: int, m: int, most: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    passage, track = unit_rows(m, seed), unit_rows(n, seed + 1)
    scores = sequence_scores(track @ passage.T, np.array([n]))
    taken = generator.random(n) < 0.2
    found = best_starts(scores, m, most, taken=taken)
    assert len(found) <= most
    covered: list[int] = []
    for each in found:
        assert each.similarity == scores[each.excerpt]
        covered += range(each.excerpt, min(each.excerpt + m, n))
    assert len(set(covered)) == len(covered)
    assert not taken[covered].any()
    similarities = [each.similarity for each in found]
    assert similarities == sorted(similarities, reverse=True)
    if not taken.any():
        assert found[0].similarity == scores.max()


def test_a_place_that_is_much_less_alike_is_not_told() -> None:
    scores = np.array([0.9, 0.1, 0.85, 0.1, 0.5], np.float32)
    assert [each.excerpt for each in best_starts(scores, 1, 5)] == [0, 2]


@given(st.integers(1, 4), st.sampled_from([-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75]))
def test_a_passage_between_two_excerpts_is_found_there(m: int, shift: float) -> None:
    track = unit_rows(m + 4, m)
    starts_s = np.arange(m + 4) * 9.94
    nearest = 2
    first, share = (nearest, shift) if shift >= 0 else (nearest - 1, 1 + shift)
    passage = LAYOUT.normalise(
        (1 - share) * track[first : first + m] + share * track[first + 1 : first + 1 + m]
    )
    found_s = finer_start_s(passage, track, starts_s, nearest, LAYOUT)
    assert found_s == pytest.approx((nearest + shift) * 9.94, abs=1e-6)


def test_a_place_at_the_end_of_a_track_stays_in_it() -> None:
    track = unit_rows(3, 0)
    starts_s = np.array([0.0, 9.94, 15.06])
    assert finer_start_s(track, track, starts_s, 0, LAYOUT) == 0.0
    assert finer_start_s(unit_rows(5, 1), track, starts_s, 0, LAYOUT) == 0.0
    assert 9.94 < finer_start_s(track[2:], track, starts_s, 2, LAYOUT) <= 15.06


@pytest.mark.parametrize("shape", [(4, 0), (3, 2), (5, 2)])
def test_cosines_that_do_not_fit_the_tracks(shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidArgument, match="do not fit 4 excerpts"):
        sequence_scores(np.zeros(shape), np.array([1, 3]))


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 1000))
def test_similarities_of_stored_rows_are_those_of_normalised_ones(
    n: int, m: int, seed: int
) -> None:
    layout = Facets((Facet("sound", 5, 0.7), Facet("rhythm", 3, 0.3)))
    generator = np.random.default_rng(seed)
    stored = generator.integers(-127, 128, (n, layout.size)).astype(np.int8)
    stored[0, layout.slices["rhythm"]] = 0
    queries = unit_rows(m, seed, layout)
    np.testing.assert_allclose(
        layout.similarities(stored, queries), layout.normalise(stored) @ queries.T, atol=1e-6
    )


# In a library: the fake's tracks have three excerpts, from 0, 9.94 and 15.06 s on.


def music(folder: Path, n: int = 14) -> Path:
    for number in range(n):
        write_track(folder / "Music" / f"{number}.wav", f"text {number}")
    return folder / "Music"


def test_a_passage_is_found_in_the_track_that_it_is_of(tmp_path: Path) -> None:
    heard = write_track(tmp_path / "heard.wav", "text 5")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        # Another file with the same sound: an exact copy of track 5, which is left out.
        found = find_passages(library, heard, 20)
        assert found.searched == 13
        assert found.query.track is None
        assert all(match.track.path.stem != "5" for match in found.matches)
        # With another text, all are compared.
        other = write_track(tmp_path / "other.wav", "text 5, louder")
        found = find_passages(library, other, 20)
        assert found.searched == 14
        assert len(found.matches) == 14


def test_the_similarity_of_a_match_is_that_of_its_best_place(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        found = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
        passage = library.hear("0", 3.0, 8.0)
        assert [match.rank for match in found.matches] == list(range(1, 14))
        similarities = [match.similarity for match in found.matches]
        assert similarities == sorted(similarities, reverse=True)
        for match in found.matches:
            there = library.analysis(match.track.track_id)
            scores = sequence_scores(there.excerpt_embeddings @ passage.excerpts.T, np.array([3]))
            assert match.similarity == pytest.approx(float(scores.max()), abs=1e-5)
            share = sum(found.weights[name] * cosine for name, cosine in match.facets.items())
            assert share == pytest.approx(match.similarity, abs=1e-5)
            assert 0 <= match.place.start_s < match.place.end_s <= there.duration_s
            assert match.percentile is not None
            assert 0 <= match.percentile <= 100


def test_weights_change_what_is_alike(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        weights = {"sound": 0, "rhythm": 1, "harmony": 0}
        found = find_passages(library, "0", 20, start_s=3.0, end_s=8.0, weights=weights)
        assert found.weights == weights
        for match in found.matches:
            assert match.similarity == pytest.approx(match.facets["rhythm"], abs=1e-5)
        plain = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
        assert [each.track for each in plain.matches] != [each.track for each in found.matches]


def test_limits_hold_for_passages(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        kept = find_passages(library, "0", 5, start_s=3.0, end_s=8.0)
        only = frozenset(match.track.track_id for match in kept.matches[3:])
        found = find_passages(
            library, "0", 5, start_s=3.0, end_s=8.0, limits=Limits(only=Filter(track_ids=only))
        )
        assert [match.track for match in found.matches] == [m.track for m in kept.matches[3:]]
        assert found.passed_counts["track"] >= 3


def test_copies_of_a_match_come_with_it(tmp_path: Path) -> None:
    folder = music(tmp_path)
    write_track(folder / "again.wav", "text 7")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([folder])
        found = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
        (match,) = (m for m in found.matches if m.track.path.stem in ("7", "again"))
        assert [copy.kind for copy in match.copies] == ["copy"]
        assert found.searched == 14


def test_passages_that_cannot_be_looked_for(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path, 2)])
        with pytest.raises(InvalidArgument, match=r"lasts 2\.0 s: name one of at least 3 s"):
            find_passages(library, "0", start_s=1.0, end_s=3.0)
        with pytest.raises(InvalidArgument, match=r"lasts 300\.0 s: name one of at most 120 s"):
            find_passages(library, "0", start_s=1.0, end_s=301.0)
        with pytest.raises(InvalidArgument, match="k is 0"):
            find_passages(library, "0", 0, start_s=1.0, end_s=9.0)
        with pytest.raises(InvalidArgument, match="rhyme"):
            find_passages(library, "0", start_s=1.0, end_s=9.0, weights={"rhyme": 1})
    piece = write_track(tmp_path / "empty" / "piece.wav", "text")
    with (
        open_library(piece.parent, name=FACETED) as library,
        pytest.raises(LibraryError, match="no excerpts by faceted@1: scan"),
    ):
        find_passages(library, piece)


def test_places_of_a_match_never_overlap(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        found = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
        told = [(match.place, *match.others) for match in found.matches]
        own = Place(3.0, 3.0 + found.duration_s, 1.0)
        for places in (*told, (own, *found.elsewhere)):
            assert len(places) <= 4
            ordered = sorted(places, key=lambda place: place.start_s)
            for one, other in itertools.pairwise(ordered):
                assert one.end_s <= other.start_s


def test_damaged_excerpts_are_left_out(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music(tmp_path)])
        whole = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
        for number, column in enumerate(("embeddings", "scales", "starts_s"), start=2):
            cut = f"UPDATE excerpts SET {column} = substr({column}, 2) WHERE analysis_id = :number"
            ask(library, cut, number=number)
        found = find_passages(library, "0", 20, start_s=3.0, end_s=8.0)
    assert (found.searched, found.not_searched) == (whole.searched - 3, 3)
    names = {match.track.name for match in found.matches}
    assert len(names) == 10
    assert names < {match.track.name for match in whole.matches}
