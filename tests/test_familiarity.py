"""What is unlike all music: how it is measured, stored and told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audio_files import chord
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="needs soundalike[musicnn] or soundalike[research]")

import onnx
from facet_models import FORMER

from soundalike.analysis import Analysis, Stretch
from soundalike.analyzer import Analyzer
from soundalike.cli.views import genre_words
from soundalike.errors import DataError, ModelError
from soundalike.library.storage.encoding import decode, encode
from soundalike.models.contract import DISTANCE, Familiarity, open_session, run
from soundalike.models.registry import changed_registry, inspect_model
from soundalike.show.documents import analysis_document

RATE = 22_050


def test_the_share_is_of_those_at_least_as_far_with_the_track_itself() -> None:
    familiarity = Familiarity((1.0, 2.0, 2.0, 3.0))
    assert [familiarity.share(each) for each in (0.5, 1.0, 1.5, 2.0, 3.0, 3.5)] == [
        1.0,
        1.0,
        0.8,
        0.8,
        0.4,
        0.2,
    ]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_what_a_model_says_of_held_out_music_is_read_as_written(distances: list[float]) -> None:
    read = Familiarity.from_metadata(Familiarity(tuple(distances)).to_metadata())
    assert read.held_out == pytest.approx(sorted(distances), abs=5e-4)


@pytest.mark.parametrize("text", ["", "[]", "[1, 'a']", "7", "{}"])
def test_a_damaged_list_of_distances_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="'held_out_distances' must be a list of numbers"):
        Familiarity.from_metadata({"held_out_distances": text})


def noise(n: int, *, slope: float) -> np.ndarray:
    """Noise whose power falls with a power of the frequency: 0 white, 1 pink, 2 brown."""
    frequencies = np.maximum(np.fft.rfftfreq(n), 1 / n)
    white = np.fft.rfft(np.random.default_rng(0).normal(size=n))
    made = np.fft.irfft(white * frequencies ** (-slope / 2), n)
    return (0.3 * made / np.abs(made).max()).astype(np.float32)


_TIME_S = np.arange(25 * RATE) / RATE
NO_MUSIC = {
    "white noise": noise(len(_TIME_S), slope=0),
    "pink noise": noise(len(_TIME_S), slope=1),
    "brown noise": noise(len(_TIME_S), slope=2),
    "a sine": 0.5 * np.sin(2 * np.pi * 440 * _TIME_S),
    "mains hum": sum(0.3 / k * np.sin(2 * np.pi * 50 * k * _TIME_S) for k in (1, 2, 3, 5)),
    "a sweep": 0.5 * np.sin(2 * np.pi * (20 * _TIME_S + 150 * _TIME_S**2)),
    "a dial tone": 0.3 * np.sin(2 * np.pi * 697 * _TIME_S) * (_TIME_S % 0.4 < 0.2),
    "clicks": np.where(np.arange(len(_TIME_S)) % (RATE // 2) == 0, 0.9, 0.0),
}


@pytest.mark.parametrize("name", NO_MUSIC)
def test_what_is_no_music_gets_no_genre(name: str) -> None:
    analysis = Analyzer().from_waveform(NO_MUSIC[name], RATE)
    assert analysis.unfamiliar, analysis.familiarity
    assert analysis.unsure
    assert genre_words(analysis) == "unsure: unlike any music that the model knows"
    found = analysis_document(analysis)
    assert found["unfamiliar"] is True
    assert found["familiarity"] < 0.02


@pytest.fixture(scope="module")
def plain() -> bytes:
    """An earlier default as it was before it learned which music it knows."""
    model = onnx.load(FORMER)
    nodes = [node for node in model.graph.node if node.output[0] != DISTANCE]
    outputs = [output for output in model.graph.output if output.name != DISTANCE]
    kept = {each.key: each.value for each in model.metadata_props}
    del model.graph.node[:], model.graph.output[:], kept["held_out_distances"]
    model.graph.node.extend(nodes)
    model.graph.output.extend(outputs)
    onnx.helper.set_model_props(model, kept)
    return bytes(model.SerializeToString())


def test_a_model_without_distances_does_not_tell(plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plain.onnx"
    path.write_bytes(plain)
    analyzer = Analyzer(inspect_model(plain, path))
    analysis = analyzer.from_waveform(NO_MUSIC["white noise"], RATE)
    assert analysis.familiarity is None
    assert not analysis.unfamiliar


@pytest.mark.parametrize("familiarity", [None, 0.25])
def test_it_is_kept_with_an_analysis(familiarity: float | None) -> None:
    made = replace(Analyzer().from_waveform(chord(RATE, 12.0), RATE), familiarity=familiarity)
    kept = decode(
        encode(made),
        model=made.model,
        labels=made.labels,
        facets=made.facets,
        vocabulary=made.vocabulary,
    )
    assert kept.familiarity == familiarity


# Fitting


@pytest.fixture(scope="module")
def music() -> list[np.ndarray]:
    """Frames in dB that are alike in that neighbouring bands go together."""
    generator = np.random.default_rng(0)
    smooth = np.cumsum(generator.normal(size=(40, 128, 140)), axis=1)
    return list((smooth - smooth.max(axis=(1, 2), keepdims=True)).astype(np.float32))


@pytest.fixture(scope="module")
def fitted(plain: bytes, music: list[np.ndarray]) -> bytes:
    from soundalike.research.familiarity import add_familiarity

    return add_familiarity(plain, music[:20], music[20:])


def test_a_distance_is_added_and_nothing_else_changes(
    plain: bytes, fitted: bytes, music: list[np.ndarray]
) -> None:
    before, after = open_session(plain), open_session(fitted)
    frames = np.stack([track[:, :128] for track in music[:3]])
    for one, other in zip(run(before, frames), run(after, frames), strict=True):
        assert np.array_equal(one, other)
    far = np.random.default_rng(1).normal(size=(3, 128, 128)).astype(np.float32)
    (near_by,), (far_away,) = (run(after, each, (DISTANCE,)) for each in (frames, far))
    assert near_by.shape == (3, 1)
    assert far_away.min() > 2 * near_by.max()


def test_the_distance_is_that_of_mahalanobis() -> None:
    from soundalike.research.familiarity import _fit

    generator = np.random.default_rng(0)
    values = generator.normal(size=(5000, 3)) @ np.array([[2, 0, 0], [1, 1, 0], [0, 0.5, 3]])
    mean, matrix = _fit(values)
    x = generator.normal(size=(10, 3))
    found = (((x - mean) @ matrix) ** 2).mean(axis=1)
    inverse = np.linalg.inv(np.cov(values.T))
    expected = np.einsum("ij,jk,ik->i", x - mean, inverse, x - mean) / 3
    # Shrunk by 2 %.
    assert found == pytest.approx(expected, rel=0.08)


def test_fitting_again_takes_the_place_of_the_first_fit(
    fitted: bytes, music: list[np.ndarray]
) -> None:
    from soundalike.research.familiarity import add_familiarity

    again = add_familiarity(fitted, music[:20], music[20:])
    assert again == fitted
    fewer = add_familiarity(fitted, music[:20], music[20:25])
    found = {each.key: each.value for each in onnx.load_from_string(fewer).metadata_props}
    assert len(json.loads(found["held_out_distances"])) == 5


def test_of_a_layer_of_maps_the_means_are_compared(plain: bytes, music: list[np.ndarray]) -> None:
    from soundalike.research.familiarity import add_familiarity

    graph = onnx.load_from_string(plain).graph
    maps = [node.output[0] for node in graph.node if node.op_type == "Relu"][2]
    made = add_familiarity(plain, music[:20], music[20:], layer=maps)
    frames = np.stack([track[:, :128] for track in music[:3]])
    (near_by,) = run(open_session(made), frames, (DISTANCE,))
    assert near_by.shape == (3, 1)
    assert np.isfinite(near_by).all()
    assert add_familiarity(made, music[:20], music[20:], layer=maps) == made


def test_what_cannot_be_fitted_is_said(plain: bytes, music: list[np.ndarray]) -> None:
    from soundalike.research.familiarity import add_familiarity

    with pytest.raises(ModelError, match="no value 'nothing'"):
        add_familiarity(plain, music[:5], music[5:], layer="nothing")
    with pytest.raises(DataError, match="no reference music"):
        add_familiarity(plain, [], music[5:])
    with pytest.raises(DataError, match="no held-out music"):
        add_familiarity(plain, music[:5], [])


def test_a_file_in_a_folder_of_models_is_changed_with_its_entry(
    plain: bytes, tmp_path: Path, music: list[np.ndarray]
) -> None:
    from soundalike.research.familiarity import update_model

    path = tmp_path / "plain.onnx"
    path.write_bytes(plain)
    with changed_registry(tmp_path) as registry:
        registry.put(inspect_model(plain, path))
    model = update_model(path, music[:20], music[20:])
    assert json.loads((tmp_path / "registry.json").read_text())[0]["sha256"] == model.sha256
    assert Analyzer(model).from_log_mel(music[30]).familiarity is not None


# The timeline


def analysis_of(best: str, seconds: float = 10.0) -> Analysis:
    """Excerpts whose strongest label each is given by a letter: j for jazz, r for rock."""
    labels = ("jazz", "rock")
    probabilities = np.array([[0.8, 0.2] if each == "j" else [0.3, 0.7] for each in best])
    n = len(best)
    return Analysis(
        model="m@1",
        duration_s=n * seconds,
        labels=labels,
        probabilities=probabilities.mean(axis=0).astype(np.float32),
        embedding=np.ones(1, np.float32),
        excerpt_embeddings=np.ones((n, 1), np.float32),
        excerpt_probabilities=probabilities.astype(np.float32),
        excerpt_starts_s=np.arange(n) * seconds,
        genre_set=labels,
    )


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ("j", [(0, 10, "jazz")]),
        ("jjjjjjjj", [(0, 80, "jazz")]),
        ("jjjrjjjj", [(0, 80, "jazz")]),
        ("jjjrrjjj", [(0, 80, "jazz")]),
        ("jjjjrrrrr", [(0, 40, "jazz"), (40, 90, "rock")]),
        ("jjjjrrrrrjjjj", [(0, 40, "jazz"), (40, 90, "rock"), (90, 130, "jazz")]),
    ],
)
def test_a_timeline_names_what_lasts(best: str, expected: list[tuple[float, float, str]]) -> None:
    found = analysis_of(best).timeline()
    assert [(each.start_s, each.end_s, each.label) for each in found] == expected
    assert all(isinstance(each, Stretch) and 0.65 < each.probability < 0.85 for each in found)
