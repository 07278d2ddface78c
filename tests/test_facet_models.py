"""A model with facets, words, tempo and key, from its file to an analysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="needs soundalike[research]")

from facet_models import LABELS, LAYOUT, NEVER, WORDS, facet_model, install, music

from soundalike.analyzer import Analyzer
from soundalike.descriptors.tempo import CALIBRATION
from soundalike.errors import InvalidArgument, ModelError
from soundalike.facets import Facets
from soundalike.frontends import chroma, find_frontend, onset
from soundalike.frontends.decoded import frames_of_file
from soundalike.frontends.log_mel import EXCERPT_S, log_mel
from soundalike.frontends.streams import FacetFrames, FacetStream, facet_excerpts
from soundalike.models.contract import (
    TEMPO,
    Word,
    Words,
    calibration_metadata,
    open_session,
    read_calibration,
    run,
)
from soundalike.models.registry import find_model, inspect_model

RATE = 22_050


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    return Analyzer(install(tmp_path_factory.mktemp("models"), facet_model()))


def test_an_analysis_has_facets_words_tempo_and_key(analyzer: Analyzer) -> None:
    analysis = analyzer.from_waveform(music(25.0), RATE)
    assert analysis.layout == LAYOUT
    assert analysis.embedding.shape == (22,)
    for rows in (analysis.embedding[None], analysis.excerpt_embeddings):
        for facet in LAYOUT:
            lengths = np.linalg.norm(rows[:, LAYOUT.slices[facet.name]], axis=1)
            assert lengths**2 == pytest.approx(facet.weight, abs=1e-5)
    assert analysis.labels == LABELS
    assert list(analysis.words) == ["piano", "female vocals", "sad", "guitar"]
    assert analysis.words["piano"] == pytest.approx(0.5)
    assert analysis.words["guitar"] == pytest.approx(1 / (1 + np.exp(0.3)))
    # "female vocals" is below its threshold, and of "sad" no precision is known.
    assert analysis.words_that_hold == ("piano", "guitar")
    assert analysis.tempo_bpm == pytest.approx(120.0, rel=0.01)
    assert 0 <= analysis.tempo_confidence <= 1
    assert analysis.tempo_alternatives
    assert analysis.key == "A major"
    assert 0 <= analysis.key_confidence <= 1


def test_the_facets_of_a_track_are_the_means_of_its_excerpts(analyzer: Analyzer) -> None:
    parts = [music(12.0), music(12.0, bpm=90, root=330)]
    analysis = analyzer.from_waveform(np.concatenate(parts), RATE)
    for block in LAYOUT.slices.values():
        mean = analysis.excerpt_embeddings[:, block].mean(axis=0)
        expected = mean / np.linalg.norm(mean)
        found = analysis.embedding[block]
        assert found / np.linalg.norm(found) == pytest.approx(expected, abs=1e-5)


def test_a_spectrogram_has_the_sound_alone(analyzer: Analyzer) -> None:
    samples = music(25.0)
    whole = analyzer.from_waveform(samples, RATE)
    alone = analyzer.from_log_mel(log_mel(samples, RATE))
    sound = LAYOUT.slices["sound"]
    assert alone.embedding[sound] == pytest.approx(whole.embedding[sound], abs=1e-5)
    assert not alone.embedding[sound.stop :].any()
    assert not alone.excerpt_embeddings[:, sound.stop :].any()
    assert alone.embedding @ whole.embedding == pytest.approx(0.6, abs=1e-5)
    assert (alone.tempo_bpm, alone.tempo_confidence) == (None, None)
    assert (alone.key, alone.key_confidence) == (None, None)
    assert alone.probabilities == pytest.approx(whole.probabilities, abs=1e-5)


def test_a_file_gives_what_its_samples_give(analyzer: Analyzer, tmp_path: Path) -> None:
    samples = music(25.0)
    path = write_audio(tmp_path / "piece.flac", samples, RATE, "flac")
    one, other = analyzer.from_file(path), analyzer.from_waveform(samples, RATE)
    assert one.embedding @ other.embedding == pytest.approx(1.0, abs=1e-3)
    assert one.tempo_bpm == pytest.approx(other.tempo_bpm, rel=0.01)
    assert one.key == other.key
    # Research fits the model's projections to these.
    frontend = find_frontend("facets-1")
    cut = frontend.excerpts(frames_of_file(path, frontend.stream).values)
    assert {name: each.shape[1] for name, each in cut.descriptors.items()} == frontend.descriptors
    assert all(len(each) == len(cut.frames) == 3 for each in cut.descriptors.values())


@pytest.mark.parametrize("seconds", [0.5, 3.0, 9.9])
def test_a_short_track_is_analysed(analyzer: Analyzer, seconds: float) -> None:
    analysis = analyzer.from_waveform(music(seconds), RATE)
    assert np.isfinite(analysis.embedding).all()
    assert len(analysis.excerpt_embeddings) == 1


def test_what_is_not_sure_enough_is_no_answer(tmp_path: Path) -> None:
    model = install(tmp_path, facet_model(tempo=NEVER, key=NEVER))
    analysis = Analyzer(model).from_waveform(music(25.0), RATE)
    assert (analysis.tempo_bpm, analysis.tempo_alternatives, analysis.key) == (None, (), None)
    assert analysis.tempo_confidence is not None
    assert analysis.key_confidence is not None


def test_a_model_that_does_not_tell_tempo_and_key(tmp_path: Path) -> None:
    model = install(tmp_path, facet_model(tempo=None, key=None))
    analysis = Analyzer(model).from_waveform(music(25.0), RATE)
    assert (analysis.tempo_bpm, analysis.tempo_confidence) == (None, None)
    assert (analysis.key, analysis.key_confidence) == (None, None)


def test_of_what_is_no_music_no_word_is_said(tmp_path: Path) -> None:
    far = {"held_out_distances": str([-1000.0] * 99)}
    model = install(tmp_path, facet_model(properties=far))
    analysis = Analyzer(model).from_waveform(music(25.0), RATE)
    assert analysis.unfamiliar
    assert analysis.words
    assert analysis.words_that_hold == ()


def test_the_registry_keeps_facets_and_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = install(tmp_path, facet_model())
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(tmp_path))
    assert find_model("facets") == model
    assert (model.layout, model.words, model.frontend) == (LAYOUT, WORDS, "facets-1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facets": Facets.one(23)}, "its embedding has 22 numbers, but its facets have 23"),
        ({"without": ("words",)}, "it names 4 words, but has 0 outputs for them"),
        ({"words": Words(WORDS.words[:2])}, "it names 2 words, but has 4 outputs for them"),
        ({"without": ("embedding",)}, "it has no output 'embedding'"),
        ({"properties": {"facets": '[{"name": "sound"}]'}}, "its facets must be"),
        ({"properties": {"facets": '"sound"'}}, "its facets must be a list in JSON"),
        ({"properties": {"words": '[{"word": "piano"}]'}}, "its words must be such as"),
        ({"properties": {"words": "piano"}}, "its words must be a list in JSON, not 'piano'"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    content = facet_model(**changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        inspect_model(content, tmp_path / "model.onnx")


@pytest.mark.parametrize("text", ["0.7", '{"most": 1}', '{"least": "high"}', "{"])
def test_a_calibration_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    model = install(tmp_path, facet_model(properties={"tempo": text}))
    with pytest.raises(ModelError, match="its property 'tempo' must be such as"):
        Analyzer(model)


def test_inputs_that_the_frontend_does_not_make_are_refused(tmp_path: Path) -> None:
    model = install(tmp_path, facet_model(sizes={"rhythm": 5}))
    with pytest.raises(ModelError, match="takes 5 numbers as 'rhythm'; the frontend facets-1"):
        Analyzer(model)


def test_a_word_twice_is_refused() -> None:
    word = Word("piano", "instrument", 0.5, 0.8)
    with pytest.raises(ValueError, match="there twice"):
        Words.from_json(Words((word, word)).to_json())


def test_a_calibration_is_kept_exactly() -> None:
    default = replace(CALIBRATION, least=1 / 3)
    assert read_calibration(calibration_metadata(TEMPO, default), TEMPO, CALIBRATION) == default
    # What the file does not name is that of the code.
    assert read_calibration({TEMPO: '{"least": 0.25}'}, TEMPO, default).least == 0.25
    assert read_calibration({TEMPO: "{}"}, TEMPO, default) == default
    assert read_calibration({}, TEMPO, default) is None


def test_a_run_takes_many_excerpts_in_every_input() -> None:
    session = open_session(facet_model())
    generator = np.random.default_rng(0)
    frontend = find_frontend("facets-1")
    inputs = {"log_mel": generator.normal(size=(37, 128, 128)).astype(np.float32)}
    for name, size in frontend.descriptors.items():
        inputs[name] = generator.normal(size=(37, size)).astype(np.float32)
    (embeddings,) = run(session, inputs, ["embedding"])
    rows = [
        run(session, {name: each[i : i + 1] for name, each in inputs.items()}, ["embedding"])[0]
        for i in (0, 15, 16, 36)
    ]
    assert embeddings[[0, 15, 16, 36]] == pytest.approx(np.concatenate(rows), rel=1e-4, abs=1e-4)


# The frontend


def frames(seconds: float) -> FacetFrames:
    generator = np.random.default_rng(1)

    def some(rows: int, rate: float) -> NDArray[np.float32]:
        return generator.uniform(size=(rows, int(seconds * rate))).astype(np.float32)

    return FacetFrames(
        -some(128, 128 / EXCERPT_S),
        some(onset.N_BANDS, onset.FRAME_RATE),
        some(chroma.N_BINS, chroma.FRAME_RATE),
    )


def test_an_excerpt_is_cut_between_the_same_times() -> None:
    whole = frames(35.0)
    # A pause: the second excerpt is left out of all three.
    whole.log_mel[:, 128:256] = -79.0
    cut = facet_excerpts(whole)
    assert cut.starts_s == pytest.approx([0.0, 2 * EXCERPT_S, 35.0 - EXCERPT_S], abs=0.1)
    for row, start_s in enumerate(cut.starts_s):
        parts = []
        for name, rate in (("onset", onset.FRAME_RATE), ("chroma", chroma.FRAME_RATE)):
            each = getattr(whole, name)
            length = round(EXCERPT_S * rate)
            first = min(round(start_s * rate), each.shape[1] - length)
            assert abs(first / rate - start_s) < 1 / rate
            parts.append(each[:, first : first + length])
        alone = FacetFrames(cut.frames[row], parts[0], parts[1])
        for name, values in facet_excerpts(alone).descriptors.items():
            assert values[0] == pytest.approx(cut.descriptors[name][row], rel=1e-4, abs=1e-5)


def test_a_short_track_is_repeated_in_all_three() -> None:
    short = frames(4.0)
    long = FacetFrames(*(np.tile(each, 4) for each in vars(short).values()))
    for name, values in facet_excerpts(short).descriptors.items():
        expected = facet_excerpts(long).descriptors[name][0]
        assert values[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_blocks_make_no_difference() -> None:
    samples = music(12.0)
    whole, blocks = FacetStream(RATE), FacetStream(RATE)
    whole.push(samples)
    for part in np.split(samples, [1, 5000, 100_000, 100_001]):
        blocks.push(part)
    assert blocks.n_samples == samples.size
    one, other = whole.finish(), blocks.finish()
    for name in ("log_mel", "onset", "chroma"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-3, abs=1e-3)


def test_the_streams_last_as_long() -> None:
    for rate in (8_000, 16_000, 22_050, 44_100, 48_000, 96_000):
        stream = FacetStream(rate)
        stream.push(np.random.default_rng(0).uniform(-0.5, 0.5, 12 * rate).astype(np.float32))
        made = stream.finish()
        assert made.onset.shape[1] / onset.FRAME_RATE == pytest.approx(12.0, abs=0.1)
        assert made.chroma.shape[1] / chroma.FRAME_RATE == pytest.approx(12.0, abs=0.5)


def test_nothing_is_no_music() -> None:
    with pytest.raises(InvalidArgument, match="there are no samples"):
        FacetStream(RATE).finish()
