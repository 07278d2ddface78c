"""A library of a model with facets: what is stored, and what weights do to an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    FACETED,
    LAYOUT,
    WORDS,
    InlinePool,
    fake_analysis,
    fake_model,
    open_library,
    write_track,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.facets import Facet, Facets
from soundalike.library import Library
from soundalike.library.storage.encoding import decode, encode
from soundalike.models.lineage import Lineage
from soundalike.similarity.distribution import PairDistribution

N_TRACKS = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faceted")
    for number in range(N_TRACKS):
        text = f"quiet {number}" if number == 3 else f"track {number}"
        write_track(folder / "music" / f"{number:02d}.wav", text)
    with open_library(folder, name=FACETED) as library:
        assert library.scan([folder / "music"]).analysed == N_TRACKS
    return folder


@pytest.fixture
def library(folder: Path) -> Iterator[Library]:
    with open_library(folder, name=FACETED) as library:
        yield library


def test_all_that_is_said_of_a_track_is_kept(library: Library, folder: Path) -> None:
    track = library.track(folder / "music" / "05.wav")
    before = fake_analysis("track 5", library.model)
    after = library.analysis(track.track_id)
    assert (after.facets, after.vocabulary) == (LAYOUT, WORDS)
    for name in ("tempo_bpm", "tempo_confidence", "tempo_alternatives", "key", "key_confidence"):
        assert getattr(after, name) == getattr(before, name)
    assert after.words == pytest.approx(before.words, abs=1e-3)
    assert after.words_that_hold == before.words_that_hold
    assert (track.tempo_bpm, track.key) == (before.tempo_bpm, before.key)
    for rows in (after.embedding[None], after.excerpt_embeddings):
        for facet in LAYOUT:
            lengths = np.linalg.norm(rows[:, LAYOUT.slices[facet.name]], axis=1)
            assert lengths**2 == pytest.approx(facet.weight, abs=1e-5)
    assert after.embedding == pytest.approx(before.embedding, abs=1e-3)
    assert library.info().facets == pytest.approx({"sound": 0.6, "rhythm": 0.25, "harmony": 0.15})


def test_what_is_not_sure_has_no_answer(library: Library, folder: Path) -> None:
    track = library.track(folder / "music" / "03.wav")
    analysis = library.analysis(track.track_id)
    assert (track.tempo_bpm, track.key) == (None, None)
    assert (analysis.tempo_bpm, analysis.tempo_confidence) == (None, 0.3)
    assert (analysis.key, analysis.key_confidence) == (None, 0.4)


def test_a_facet_that_is_not_known_stays_unknown() -> None:
    model = fake_model(name=FACETED)
    analysis = fake_analysis("some", model)
    analysis.embedding[LAYOUT.slices["rhythm"]] = 0
    analysis.excerpt_embeddings[:, LAYOUT.slices["rhythm"]] = 0
    labels = model.labels
    after = decode(encode(analysis), model=model.id, labels=labels, facets=LAYOUT, vocabulary=WORDS)
    assert not after.embedding[LAYOUT.slices["rhythm"]].any()
    assert not after.excerpt_embeddings[:, LAYOUT.slices["rhythm"]].any()
    assert np.linalg.norm(after.embedding) == pytest.approx(0.75**0.5, abs=1e-3)


def test_words_that_were_not_stored_are_none() -> None:
    """Of a track that was analysed before its model gave words."""
    model = fake_model(name=FACETED)
    encoded = replace(encode(fake_analysis("some", model)), words=None)
    after = decode(encoded, model=model.id, labels=model.labels, facets=LAYOUT, vocabulary=WORDS)
    assert (after.words, after.words_that_hold) == ({}, ())
    with pytest.raises(ValueError, match="3 words have 2 probabilities"):
        decode(
            replace(encoded, words=bytes(4)),
            model=model.id,
            labels=model.labels,
            facets=LAYOUT,
            vocabulary=WORDS,
        )


def test_eight_bits_keep_the_facets_of_excerpts() -> None:
    """One scale an excerpt is enough: the least facet loses no more than it can afford."""
    sizes = {"sound": (80, 0.6), "rhythm": (32, 0.25), "harmony": (24, 0.15)}
    layout = Facets(tuple(Facet(name, *each) for name, each in sizes.items()))
    rows = np.random.default_rng(0).normal(size=(300, layout.size))
    rows[:, :80] *= np.exp(-np.arange(80) / 10)  # the first principal components are the largest
    before = layout.normalise(rows)
    model = fake_model(name=FACETED)
    analysis = fake_analysis("some", model)
    object.__setattr__(analysis, "embedding", before[0])
    object.__setattr__(analysis, "excerpt_embeddings", before)
    object.__setattr__(analysis, "excerpt_starts_s", np.arange(300.0))
    object.__setattr__(analysis, "excerpt_probabilities", np.full((300, 3), 1 / 3, np.float32))
    after = decode(
        encode(analysis), model=model.id, labels=model.labels, facets=layout, vocabulary=WORDS
    ).excerpt_embeddings
    assert np.abs(after @ after.T - before @ before.T).max() < 0.008
    for name, block in layout.slices.items():
        error = after[:, block] @ after[:, block].T - before[:, block] @ before[:, block].T
        assert np.abs(error).max() / sizes[name][1] < 0.02


weights = st.dictionaries(
    st.sampled_from(["sound", "rhythm", "harmony"]), st.floats(0, 10), min_size=1
).filter(lambda found: len(found) < 3 or any(found.values()))


def test_a_similarity_is_the_weighted_mean_of_its_facets(library: Library) -> None:
    @settings(max_examples=25)
    @given(weights)
    def check(asked: dict[str, float]) -> None:
        result = library.similar(1, N_TRACKS, weights=asked)
        assert sum(result.weights.values()) == pytest.approx(1.0)
        assert len(result.matches) == N_TRACKS - 1
        similarities = [match.similarity for match in result.matches]
        assert similarities == sorted(similarities, reverse=True)
        for match in result.matches:
            mean = sum(result.weights[name] * match.facets[name] for name in result.weights)
            assert match.similarity == pytest.approx(mean, abs=1e-5)
        # Percentiles are of the pairs as they are weighed.
        index = library.index()
        pairs = PairDistribution.from_embeddings(index.embeddings, factors=LAYOUT.factors(asked))
        for match in result.matches:
            assert match.percentile == pairs.percentile(match.similarity)

    check()


def test_the_default_weights_are_those_of_no_weights(library: Library) -> None:
    plain = library.similar(1)
    assert plain.weights == pytest.approx({"sound": 0.6, "rhythm": 0.25, "harmony": 0.15})
    weighed = library.similar(1, weights={"sound": 6, "rhythm": 2.5, "harmony": 1.5})
    assert [match.track for match in plain.matches] == [match.track for match in weighed.matches]
    for one, other in zip(plain.matches, weighed.matches, strict=True):
        assert one.similarity == pytest.approx(other.similarity, abs=2e-6)
        assert one.percentile == pytest.approx(other.percentile, abs=2)
    assert library.similar(1, weights={}) == plain


def test_pairs_under_weights_are_measured_as_they_are() -> None:
    rows = LAYOUT.normalise(np.random.default_rng(0).normal(size=(40, LAYOUT.size)))
    asked = {"rhythm": 3.0}
    found = PairDistribution.from_embeddings(rows, factors=LAYOUT.factors(asked))
    expected = [LAYOUT.shares(a, b, asked) for i, a in enumerate(rows) for b in rows[i + 1 :]]
    sums = np.sort([sum(each.values()) for each in expected])
    assert found.pair_similarities == pytest.approx(sums, abs=1e-5)


def test_an_answer_follows_the_facet_that_is_asked_for(library: Library) -> None:
    index = library.index()
    for name, block in LAYOUT.slices.items():
        alone = {each: float(each == name) for each in LAYOUT.names}
        rows = index.embeddings[:, block]
        cosines = rows @ rows[0] / np.linalg.norm(rows[0]) ** 2
        expected = index.track_ids[1 + np.argsort(-cosines[1:])]
        found = [match.track.track_id for match in library.similar(1, 50, weights=alone).matches]
        assert found == expected.tolist()


def test_a_slider_does_not_fill_the_memory(library: Library) -> None:
    """What is known of pairs under other weights takes megabytes, for each step of a slider."""
    index = library.index()
    for step in range(40):
        library.similar(1, weights={"rhythm": 1 + step / 10})
    assert len(index._weighed) < 10
    again = library.similar(1, weights={"rhythm": 1})
    assert again == library.similar(1, weights={"rhythm": 1.0})


def test_a_passage_and_a_strange_file_are_weighed_too(library: Library, tmp_path: Path) -> None:
    stranger = write_track(tmp_path / "stranger.wav", "a stranger")
    for query, times in ((stranger, {}), (1, {"start_s": 1.0, "end_s": 9.0})):
        result = library.similar(query, 3, weights={"rhythm": 5}, **times)
        assert result.weights["rhythm"] == pytest.approx(5 / 5.75)
        for match in result.matches:
            mean = sum(result.weights[name] * match.facets[name] for name in result.weights)
            assert match.similarity == pytest.approx(mean, abs=1e-5)


def test_copies_are_told_by_all_facets_whatever_is_asked_for(tmp_path: Path) -> None:
    """Weights that make all alike make no copies."""
    for number in range(3):
        write_track(tmp_path / "music" / f"{number}.wav", f"track {number}")
    write_track(tmp_path / "music" / "again.wav", "track 1")
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([tmp_path / "music"])
        result = library.similar("0", weights={"sound": 0, "rhythm": 0})
        assert [len(match.copies) for match in result.matches] in ([1, 0], [0, 1])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"rythm": 2},
            "faceted@1: weights name 'rythm': the model has the facets sound, rhythm and harmony",
        ),
        ({"rhythm": -1}, "the weight of 'rhythm' is -1: it must be at least 0"),
        ({"sound": 0, "rhythm": 0, "harmony": 0}, "all weights are 0"),
        ("rhythm=2", "weights is 'rhythm=2': give numbers by facet"),
    ],
)
def test_weights_that_cannot_be_used(library: Library, asked: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        library.similar(1, weights=asked)  # type: ignore[arg-type]


def test_a_model_without_facets_has_nothing_to_weigh(tmp_path: Path) -> None:
    for number in range(3):
        write_track(tmp_path / "music" / f"{number}.wav", f"track {number}")
    with open_library(tmp_path) as library:
        library.scan([tmp_path / "music"])
        result = library.similar(1)
        assert result.weights == {"sound": 1.0}
        for match in result.matches:
            assert match.facets == pytest.approx({"sound": match.similarity}, abs=1e-5)
        assert library.similar(1, weights={"sound": 3}).matches == result.matches
        with pytest.raises(InvalidArgument, match=r"fake@1: .* has no facets to weigh, only sound"):
            library.similar(1, weights={"rhythm": 2})
        assert library.info().facets == {"sound": 1.0}
        analysis = library.analysis(1)
        assert (analysis.facets, analysis.words, analysis.tempo_bpm) == (None, {}, None)


def test_a_comparison_adds_up(library: Library) -> None:
    comparison = library.compare(1, 2)
    assert sum(comparison.shares.values()) == pytest.approx(comparison.similarity)
    for name, share in library.info().facets.items():
        assert comparison.shares[name] == pytest.approx(share * comparison.facets[name])
    index = library.index()
    assert comparison.similarity == pytest.approx(index.embeddings[0] @ index.embeddings[1])


def test_a_library_without_facets_gets_some(tmp_path: Path) -> None:
    """From a model of one facet to its successor, of another size: one answers, then the other."""
    music = tmp_path / "music"
    for number in range(5):
        write_track(music / f"{number}.wav", f"track {number}")
    with open_library(tmp_path) as library:
        library.scan([music])
    line = Lineage(fake_model("2", FACETED), former=("fake",), installed=(fake_model(),))
    place = tmp_path / "library.db"
    with Library(place, model=line, analyzer="fakes:FakeAnalyzer", pool=InlinePool) as library:
        state = library.upgrade()
        assert state is not None
        assert (state.query_model, state.remaining) == ("fake@1", 5)
        assert library.similar(1).weights == {"sound": 1.0}
        with pytest.raises(InvalidArgument, match=r"fake@1: .* has no facets to weigh"):
            library.similar(1, weights={"rhythm": 2})
        os.remove(music / "4.wav")
        assert library.scan([music]).reanalysed == 4
        result = library.similar(1, weights={"rhythm": 2})
        assert (result.model, set(result.weights)) == ("faceted@2", set(LAYOUT.names))
        assert library.track(1).tempo_bpm is not None
        assert library.analysis(1).words
        assert library.upgrade() is None
