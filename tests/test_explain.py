"""Why two tracks are alike: what adds up, where they stand, and what they have in common."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FACETED, FakeAnalyzer, fake_analysis, fake_model, open_library, write_track
from hypothesis import given
from hypothesis import strategies as st

from soundalike.analysis import Analysis
from soundalike.errors import InvalidArgument, ModelMismatch
from soundalike.library import Library
from soundalike.models.contract import Word, Words
from soundalike.recommend.common import in_common
from soundalike.recommend.explain import explain
from soundalike.show.documents import to_json
from soundalike.similarity.passages import compare_analyses, least_matched

SOME_WEIGHTS = [None, {"rhythm": 3.0}, {"sound": 0, "rhythm": 0}]


def tracks(folder: Path, n: int = 14) -> Path:
    for number in range(n):
        write_track(folder / "Music" / f"t{number}.wav", f"text {number}")
    return folder / "Music"


def heard(text: str, **changes: object) -> Analysis:
    return replace(fake_analysis(text, fake_model(name=FACETED)), **changes)  # type: ignore[arg-type]


# What adds up


@given(st.integers(0, 10_000), st.sampled_from(SOME_WEIGHTS))
def test_shares_add_up_to_the_similarity(seed: int, weights: dict[str, float] | None) -> None:
    a, b = heard(f"a {seed}"), heard(f"b {seed}")
    found = compare_analyses(a, b, weights=weights)
    assert math.fsum(found.shares.values()) == found.similarity
    layout = a.layout
    assert found.similarity == pytest.approx(
        float(layout.reweight(a.embedding, weights) @ b.embedding), abs=1e-6
    )
    np.testing.assert_allclose(
        found.excerpt_similarity,
        [
            [
                math.fsum(layout.shares(one, other, weights).values())
                for other in b.excerpt_embeddings
            ]
            for one in a.excerpt_embeddings
        ],
        atol=1e-6,
    )


@pytest.mark.parametrize("weights", SOME_WEIGHTS)
def test_differences_add_up_to_what_a_third_track_is_less_alike(
    tmp_path: Path, weights: dict[str, float] | None
) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tracks(tmp_path)])
        like = library.similar("t0", 13, weights=weights).matches
        near, far = like[1].track.track_id, like[8].track.track_id
        found = explain(library, "t0", near, expected=far, weights=weights)
        other = found.expected
        assert other is not None
        for facets, similarity in (
            (found.facets, like[1].similarity),
            (other.facets, like[8].similarity),
        ):
            assert sum(each.share for each in facets) == pytest.approx(similarity, abs=1e-5)
            assert [each.share for each in facets] == pytest.approx(
                [each.weight * each.similarity for each in facets]
            )
            assert sum(each.weight for each in facets) == pytest.approx(1)
        gap = like[1].similarity - like[8].similarity
        assert sum(other.differences.values()) == pytest.approx(gap, abs=1e-5)
        assert other.pulled_by is not None
        assert other.differences[other.pulled_by] == max(other.differences.values()) > 0
        # The other way round, the third is closer, and nothing pulls it apart.
        turned = explain(library, "t0", far, expected=near, weights=weights).expected
        assert turned is not None
        assert turned.pulled_by is None
        assert turned.differences == pytest.approx(
            {name: -each for name, each in other.differences.items()}
        )


# Where it stands


@pytest.mark.parametrize("weights", SOME_WEIGHTS)
def test_a_rank_is_the_place_in_similar(tmp_path: Path, weights: dict[str, float] | None) -> None:
    folder = tracks(tmp_path)
    write_track(folder / "again.wav", "text 7")  # `similar` shows one of the two
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([folder])
        for match in library.similar("t0", 20, weights=weights).matches:
            standing = explain(library, "t0", match.track.track_id, weights=weights).standing
            assert (standing.rank, standing.percentile) == (match.rank, match.percentile)
            assert standing.among == 14
            assert not standing.is_copy
        copy = explain(library, "t7", "again", weights=weights).standing
        assert copy.is_copy
        assert copy.rank is None


def test_beyond_the_hundredth_a_rank_counts_what_is_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tracks(tmp_path)
    write_track(folder / "again.wav", "text 7")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([folder])
        ranks = {m.track.track_id: m.rank for m in library.similar("t0", 20).matches}
        monkeypatch.setattr("soundalike.recommend.explain._RANKED", 3)
        for track_id, rank in ranks.items():
            assert explain(library, "t0", track_id).standing.rank == rank


def test_a_file_stands_where_it_would_stand(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tracks(tmp_path)])
        stranger = write_track(tmp_path / "stranger.wav", "text of its own")
        standing = explain(library, "t0", stranger).standing
        ahead = [
            match
            for match in library.similar("t0", 20).matches
            if match.similarity > standing.similarity
        ]
        assert standing.rank == 1 + len(ahead)
        assert standing.among == 14


def test_two_files_need_no_tracks_in_the_library(tmp_path: Path) -> None:
    names = ("one", "other", "third")
    one, other, third = (write_track(tmp_path / f"{name}.wav", name) for name in names)
    with open_library(tmp_path, name=FACETED) as library:
        found = explain(library, one, other, expected=third)
    assert found.standing.rank is None
    assert found.standing.percentile is None


# Where it matches


def test_times_of_a_passage_are_those_of_the_file(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tracks(tmp_path, 3)])
        found = explain(library, "t0@1:03-1:28", "t1")
        plain = compare_analyses(found.a.analysis, found.b.analysis)
    assert (found.a.start_s, found.b.start_s) == (63.0, 0.0)
    assert [each.a_start_s for each in found.passages] == [
        each.a_start_s + 63 for each in plain.passages
    ]
    assert [each.b_end_s for each in found.passages] == [each.b_end_s for each in plain.passages]
    for alone, side in ((found.alone_a, found.a), (found.alone_b, found.b)):
        if alone is not None:
            assert side.start_s <= alone.start_s < alone.end_s <= side.end_s + 1e-6


def test_the_stretch_that_the_other_has_least_of() -> None:
    spans = np.array([[0, 10], [10, 20], [20, 30], [30, 40]], float)
    matrix = np.array([[0.9, 0.2], [0.1, 0.25], [0.3, 0.2], [0.8, 0.7]], np.float32)
    found = least_matched(matrix, spans)
    assert found is not None
    assert (found.start_s, found.end_s) == (10, 30)
    assert found.similarity == pytest.approx((0.25 + 0.3) / 2)
    # Of the other track each excerpt has a near one, and none stands out.
    assert least_matched(matrix.T, spans[:2]) is not None
    assert least_matched(np.full((3, 2), 0.8, np.float32), spans[:3]) is None
    assert least_matched(np.zeros((0, 2), np.float32), spans[:0]) is None


# What both have


def spoken(**probabilities: float) -> dict[str, object]:
    return {
        "vocabulary": Words(
            tuple(
                Word(name, "other", 0.5, None if name == "vague" else 0.9) for name in probabilities
            )
        ),
        "word_probabilities": np.array(list(probabilities.values()), np.float32),
    }


def test_words_count_where_both_sides_are_sure() -> None:
    a = heard("a", **spoken(piano=0.7, sad=0.9, choir=0.8, drums=0.1, guitar=0.6, vague=0.9))
    b = heard("b", **spoken(piano=0.9, sad=0.8, choir=0.05, drums=0.6, guitar=0.4, vague=0.9))
    found = in_common(a, b)
    # A guitar is unsure in b, and of "vague" the model is never sure.
    assert found.words == ("piano", "sad")
    assert (found.only_a, found.only_b) == (("choir",), ("drums",))
    assert found.precisions == dict.fromkeys(["piano", "sad", "choir", "drums"], 0.9)
    assert in_common(replace(a, familiarity=0.0), b).words == ()


def test_a_genre_counts_where_the_model_is_sure() -> None:
    sure = {"probabilities": np.array([0.9, 0.06, 0.04], np.float32), "genre_set": ("calm",)}
    torn = {"probabilities": np.array([0.4, 0.35, 0.25], np.float32), "genre_set": ("calm",)}
    other = {"probabilities": np.array([0.1, 0.86, 0.04], np.float32), "genre_set": ("wild",)}
    a, b, c = heard("a", **sure), heard("b", **torn), heard("c", **other)
    assert in_common(a, a).genre == "calm"
    assert (in_common(a, b).genre, in_common(a, b).b_genre) == (None, None)
    assert (in_common(a, c).genre, in_common(a, c).b_genre) == (None, "wild")
    assert in_common(replace(a, kind="tags"), replace(a, kind="tags")).a_genre is None


@pytest.mark.parametrize(
    ("a", "b", "nearest"),
    [
        (120, 123, 1),
        (120, 61, 0.5),
        (60, 118, 2),
        (90, 137, 1.5),
        (90, 113, None),
        (150, 50, 1 / 3),
    ],
)
def test_tempi_are_compared_as_they_are_counted(a: float, b: float, nearest: float | None) -> None:
    pair = in_common(heard("a", tempo_bpm=a), heard("b", tempo_bpm=b)).tempo
    assert pair is not None
    assert pair.ratio == pytest.approx(b / a)
    assert pair.nearest == nearest
    assert in_common(heard("a", tempo_bpm=None), heard("b")).tempo is None


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        ("A minor", "A minor", "same"),
        ("A minor", "C major", "relative"),
        ("C major", "A minor", "relative"),
        ("Eb major", "Eb minor", "parallel"),
        ("C major", "G major", "a fifth apart"),
        ("C minor", "F minor", "a fifth apart"),
        ("C major", "D major", "other"),
        ("C minor", "A major", "other"),
    ],
)
def test_keys_are_related(a: str, b: str, relation: str) -> None:
    pair = in_common(heard("a", key=a), heard("b", key=b)).key
    assert pair is not None
    assert pair.relation == relation


# As a document, and what cannot be


def test_an_explanation_is_a_document(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tracks(tmp_path, 4)])
        found = explain(library, "t0", "t1", expected="t2@0:03-0:20")
    document = json.loads(json.dumps(to_json(found)))
    assert document["a"]["name"] == found.a.name
    assert document["expected"]["side"]["start_s"] == 3.0
    assert sum(document["expected"]["differences"].values()) == pytest.approx(
        document["standing"]["similarity"] - document["expected"]["standing"]["similarity"],
        abs=1e-5,
    )


def test_what_cannot_be_explained(tmp_path: Path) -> None:
    with open_library(tmp_path, name=FACETED) as library:
        folder = tracks(tmp_path, 3)
        library.scan([folder])
        for queries in (("t0", "t0", None), ("t0", "t1", "t0"), ("t0@1-5", "t1", "t0@0:01-0:05")):
            with pytest.raises(InvalidArgument, match="two of these are the same"):
                explain(library, queries[0], queries[1], expected=queries[2])
        with pytest.raises(InvalidArgument, match="weights name 'rhyme'"):
            explain(library, "t0", "t1", weights={"rhyme": 1})
        with pytest.raises(InvalidArgument, match="is a folder of 3 tracks"):
            explain(library, folder, "t1")
    with (
        Library(tmp_path / "library.db", model=fake_model(), analyzer=_FAKE) as other,
        pytest.raises(ModelMismatch, match="faceted@1"),
    ):
        explain(other, "t0", "t1")


_FAKE = f"fakes:{FakeAnalyzer.__name__}"
