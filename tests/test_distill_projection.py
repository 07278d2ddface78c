"""What an embedding is made of: statistics, projections, genre heads, and that it is exported."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import onnx
import onnxruntime
import torch
from distill_sets import small_pool, write_pool
from facet_models import music
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_sets import LABELS, small_set

from soundalike.analysis import sigmoid
from soundalike.analyzer import Analyzer
from soundalike.errors import DataError, InvalidArgument
from soundalike.frontends.log_mel import excerpts
from soundalike.frontends.streams import DESCRIPTORS
from soundalike.models import ModelInfo
from soundalike.models.contract import DISTANCE, ModelMetadata, open_session, run
from soundalike.research import classification, export
from soundalike.research.checkpoints import load_checkpoint
from soundalike.research.config import config_from_dict
from soundalike.research.datasets.frames import decibels
from soundalike.research.distill.lessons import TAUGHT
from soundalike.research.distill.projection import (
    BLOCKS,
    Blocks,
    ProjectionConfig,
    excerpt_values,
    fit_genre_head,
    fit_projection,
    track_means,
)
from soundalike.research.distill.statistics import MODULATION_EDGES, STATISTICS, Statistics
from soundalike.research.distill.word_fit import fit_words
from soundalike.research.distill.words import TAUGHT_WORDS, teachers_say, word_targets
from soundalike.research.export import References
from soundalike.research.familiarity import add_familiarity
from soundalike.research.networks import Student
from soundalike.research.train import train

pytestmark = pytest.mark.usefixtures("unrendered")

SMALL = {"bands": 128, "widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1], "pool": "mean+max"}

# Plain projections


def reference_statistics(log_mel: np.ndarray) -> dict[str, np.ndarray]:
    """The statistics of one excerpt (128, 128) by NumPy's own transforms, in double precision."""
    import scipy.fft

    x = log_mel.astype(np.float64)
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-3)
    cepstrum = scipy.fft.dct(x, axis=0, norm="ortho")[:20]
    upper = np.cov(cepstrum, bias=True)[np.triu_indices(20)]
    loudness = x.reshape(16, 8, 128).mean(axis=1)
    loudness = loudness - loudness.mean(axis=1, keepdims=True)
    swing = np.abs(np.fft.rfft(loudness * np.hanning(128), axis=1))
    bands = itertools.pairwise(MODULATION_EDGES)
    fluctuation = np.stack([swing[:, low:high].mean(axis=1) for low, high in bands], axis=1)
    return {
        "mel-mean": x.mean(axis=1),
        "mel-std": x.std(axis=1),
        "mel-range": log_mel.std(axis=1),
        "mfcc-covariance": np.sign(upper) * np.sqrt(np.abs(upper)),
        "fluctuation": np.log(fluctuation + 1e-2).ravel(),
    }


def test_statistics_are_those_of_numpy() -> None:
    generator = np.random.default_rng(0)
    excerpts = generator.uniform(-80, 0, (3, 128, 128))
    excerpts[1] += 20 * np.sin(np.arange(128) / 4)  # a beat
    excerpts[2] = np.cumsum(generator.normal(size=(128, 128)), axis=1)  # slow change
    found = Statistics()(torch.from_numpy(excerpts.astype(np.float32)))
    assert {name: values.shape[1] for name, values in found.items()} == STATISTICS
    for row, excerpt in enumerate(excerpts):
        for name, expected in reference_statistics(excerpt).items():
            # A root blows up the rounding of what is nearly 0.
            near = 1e-3 if name == "mfcc-covariance" else 1e-4
            assert found[name][row].numpy() == pytest.approx(expected, abs=near), name


@settings(max_examples=30)
@given(
    arrays(np.float32, (12, 5), elements=st.floats(-100, 100, width=32), unique=True),
    arrays(np.float32, (12, 3), elements=st.floats(-100, 100, width=32), unique=True),
    st.floats(0.25, 4),
)
def test_blocks_weigh_what_they_are_told_whatever_their_scale(
    one: np.ndarray, other: np.ndarray, weight: float
) -> None:
    names, weights = ("trunk", "mel-mean"), (1.0, weight)
    spread = np.concatenate([one, other], axis=1).std(axis=0)
    values = {"trunk": one, "mel-mean": other}
    if spread.min() < 1e-3:
        return  # rounding alone, which the next test is about
    projected = fit_projection(values, names, weights, 0)(np.concatenate([one, other], axis=1))
    energy = np.square(projected).mean(axis=0)
    assert energy[:5].sum() == pytest.approx(1.0, rel=1e-2)
    assert energy[5:].sum() == pytest.approx(weight**2, rel=1e-2)
    # All axes kept, the turn changes no distance.
    turned = fit_projection(values, names, weights, 8)
    rotated = turned(np.concatenate([one, other], axis=1))
    assert rotated @ rotated.T == pytest.approx(projected @ projected.T, abs=1e-2)


def test_axes_are_made_even_as_far_as_is_said() -> None:
    generator = np.random.default_rng(0)
    values = (generator.normal(size=(300, 6)) @ generator.normal(size=(6, 6))).astype(np.float32)
    values[:, 5] = 2 * values[:, 4]  # a sixth axis along which tracks do not differ

    def spread(evening: float, dims: int = 5) -> np.ndarray:
        found = fit_projection({"trunk": values}, ("trunk",), (), dims, evening)(values)
        assert found.mean(axis=0) == pytest.approx(np.zeros(dims), abs=1e-3)
        return found.std(axis=0)

    plain = spread(0.0)
    assert plain[0] > 2 * plain[4]
    for evening in (0.25, 0.5, 1.0):
        expected = (plain / plain[0]) ** (1 - evening)
        assert spread(evening) / spread(evening)[0] == pytest.approx(expected, rel=1e-3)
    assert spread(0.5, 6)[5] < 1e-3


def test_a_lesson_is_scaled_as_a_whole_and_all_else_by_value() -> None:
    generator = np.random.default_rng(0)
    sizes = np.array([4.0, 2.0, 1.0])
    values = (generator.normal(size=(400, 3)) * sizes + 3).astype(np.float32)
    values = (values - values.mean(axis=0)) / values.std(axis=0) * sizes.astype(np.float32)
    for name, expected in (
        ("yamnet", sizes**2 / (sizes**2).sum()),
        ("musicnn-pools", sizes**2 / (sizes**2).sum()),
        ("words", np.full(3, 1 / 3)),
        ("trunk", np.full(3, 1 / 3)),
        ("fluctuation", np.full(3, 1 / 3)),
        ("rhythm", np.full(3, 1 / 3)),
    ):
        found = fit_projection({name: values}, (name,), (2.0,), 0)(values)
        # The mean squared length is that of the weight.
        assert np.square(found).mean(axis=0) == pytest.approx(4 * expected, rel=1e-4), name


def test_fewer_axes_keep_the_most_and_dead_values_nothing() -> None:
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(40, 2))
    values = (hidden @ generator.normal(size=(2, 9)) + 5).astype(np.float32)
    values[:, 4] = 3.0
    whole = fit_projection({"trunk": values}, ("trunk",), (), 0)(values)
    flat = fit_projection({"trunk": values}, ("trunk",), (), 2)
    assert flat.matrix.shape == (2, 9)
    assert (flat.matrix[:, 4] == 0).all()
    found = flat(values)
    assert found.mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-5)
    assert found @ found.T == pytest.approx(whole @ whole.T, abs=1e-4)
    with pytest.raises(InvalidArgument, match="dims must be 9 at most"):
        fit_projection({"trunk": values}, ("trunk",), (), 10)
    with pytest.raises(InvalidArgument, match="trunk is the same for all 40"):
        fit_projection({"trunk": np.ones((40, 3), np.float32)}, ("trunk",), (), 0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"blocks": ("trunk", "ears")}, "some of trunk, yamnet"),
        ({"blocks": ()}, "not none"),
        ({"blocks": ("trunk", "trunk")}, "each once"),
        ({"weights": (1.0, 2.0)}, "2 weights for 1 blocks"),
        ({"weights": (0.0,)}, "weights must be above 0"),
        ({"dims": -1}, "dims must be 0 or more"),
        ({"genre_blocks": ("ears",)}, "some of trunk, yamnet"),
        ({"genre_strength": 0.0}, "genre_strength must be above 0"),
        (
            {"facets": (("rhythm", 1.0, 8, 0.0),)},
            "facets must be sound and some of rhythm, harmony",
        ),
        ({"facets": (("sound", 1.0, 8, 0.0), ("mood", 1.0, 8, 0.0))}, "each once, not sound, mood"),
        (
            {"facets": (("sound", 1.0, 8, 0.0), ("sound", 1.0, 8, 0.0))},
            "each once, not sound, sound",
        ),
        ({"genre_copies": -1}, "genre_copies must be 0 or more, not -1"),
        ({"facets": (("sound", 0.0, 8, 0.0),)}, "the facet sound needs a weight above 0"),
        ({"facets": (("sound", 1.0, 0, 0.0),)}, "one value or more and .* not 1.0, 0 and 0.0"),
        ({"facets": (("sound", 1.0, 8, 1.5),)}, "an evening of 0 to 1, not 1.0, 8 and 1.5"),
        ({"facets": (("sound", 1.0, 8, 0.0),), "dims": 8}, "dims is what the facet sound says"),
    ],
)
def test_a_projection_that_makes_no_sense_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        ProjectionConfig(**values)  # type: ignore[arg-type]


def test_a_genre_head_is_the_regression_that_it_says_it_is() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    values = generator.normal(size=(120, 5)) * (1, 10, 0.1, 3, 0) + 7
    values[:, 0] += labels
    blocks = {name: values.astype(np.float32) for name in ("yamnet", "trunk")}
    config = ProjectionConfig(genre_blocks=("yamnet",), genre_strength=0.5)
    head = fit_genre_head(blocks, labels, config)
    # Independently, by the gradient of the penalised loss at the solution, which is 0.
    scale = values.std(axis=0)
    standard = np.where(scale > 0, (values - values.mean(axis=0)) / np.maximum(scale, 1e-9), 0)
    logits = values @ head.matrix.T + head.offset
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    wrong = powers / powers.sum(axis=1, keepdims=True) - np.eye(3)[labels]
    penalty = head.matrix * scale / 0.5
    assert np.abs(wrong.T @ standard + penalty).max() < 0.02
    assert np.abs(wrong.sum(axis=0)).max() < 0.02
    assert (head.matrix[:, 4] == 0).all()  # a value that never changes says nothing


# As exported


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that was trained for some seconds."""
    folder = tmp_path_factory.mktemp("student")
    write_pool(folder / "pool", small_pool())
    config = config_from_dict(
        {
            "name": "small",
            "network": "student",
            "network_options": SMALL,
            "distill": {"pool": str(folder / "pool"), "recordings": 8},
            "steps_per_epoch": 24,
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 0.01,
            "valid_every": 3,
        }
    )
    train(config, small_set(), folder / "run")
    return folder / "run"


ALL = ProjectionConfig(
    ("trunk", "yamnet", "musicnn", "mel-mean", "mfcc-covariance", "fluctuation"),
    (1, 1, 0.5, 0.5, 0.5, 0.5),
    12,
    ("musicnn", "mfcc-covariance"),
)
FACETS = replace(
    ALL,
    dims=0,
    facets=(("rhythm", 0.5, 6, 0.5), ("sound", 1.0, 10, 0.25), ("harmony", 0.5, 4, 0.0)),
)


def described(n_tracks: int = 20) -> list[dict[str, np.ndarray]]:
    """Descriptors of some tracks, of two excerpts each."""
    generator = np.random.default_rng(2)
    return [
        {
            name: generator.normal(2.0, 3.0, size=(2, size)).astype(np.float32)
            for name, size in DESCRIPTORS.items()
        }
        for _ in range(n_tracks)
    ]


def references(*, words: bool = True) -> References:
    return References(small_pool(), described(), small_pool() if words else None)


def log_mel(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 128, 128, generator=torch.Generator().manual_seed(seed)) * -80


def test_the_head_takes_the_place_of_the_networks_own(whole: Path) -> None:
    _, network = load_checkpoint(whole)
    data, known = small_set(), References(small_pool())
    both = export.fit_projected(network, data, known, ALL).of_sound().eval()
    own = export.fit_projected(network, data, known, replace(ALL, genre_blocks=())).of_sound()
    frames = log_mel(2, 1)
    with torch.inference_mode():
        told, kept = both(frames), own.eval()(frames)
        trunk = network.eval()(frames).logits
    assert torch.allclose(kept.logits, trunk, atol=1e-5)
    assert torch.allclose(told.embedding, kept.embedding, atol=1e-5)
    rows = data.splits["train"]
    tracks = excerpt_values(network, ALL.genre_blocks, data.decibels(rows))
    labels = np.repeat(data.labels[rows], [len(track["musicnn"]) for track in tracks])
    joined = {name: np.concatenate([track[name] for track in tracks]) for name in ALL.genre_blocks}
    head = fit_genre_head(joined, labels, ALL)
    (heard,) = [Blocks(network, ALL.genre_blocks).eval()(frames)[1]]
    values = torch.cat([heard[name] for name in ALL.genre_blocks], dim=1).detach().numpy()
    assert told.logits.numpy() == pytest.approx(values @ head.matrix.T + head.offset, abs=1e-4)


def test_the_head_sees_copies_that_went_through_another_chain(whole: Path) -> None:
    _, network = load_checkpoint(whole)
    data, names = small_set(), ALL.genre_blocks
    rows = data.splits["train"]
    state = torch.get_rng_state()
    tracks = [
        excerpt_values(network, names, data.decibels(rows), copy=copy) for copy in (0, 1, 2, 2)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    plain, first, second, again = (
        {name: np.concatenate([track[name] for track in each]) for name in names} for each in tracks
    )
    for name in names:
        assert np.array_equal(second[name], again[name])
        for one, other in ((plain, first), (plain, second), (first, second)):
            assert np.abs(one[name] - other[name]).max() > 0.01
    joined = {
        name: np.concatenate([each[name] for each in (plain, first, second)]) for name in names
    }
    labels = np.tile(np.repeat(data.labels[rows], [len(track[names[0]]) for track in tracks[0]]), 3)
    expected = fit_genre_head(joined, labels, ALL)
    found = export.fit_projected(
        network, data, References(small_pool()), replace(ALL, genre_copies=2)
    )
    assert found.head is not None
    assert np.array_equal(found.head.matrix.numpy(), expected.matrix)
    assert np.array_equal(found.head.offset.numpy(), expected.offset)


@pytest.fixture(scope="module")
def files(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelInfo]:
    return {
        precision: export.export(
            whole,
            small_set(),
            tmp_path_factory.mktemp(precision),
            version="3",
            description="a small one",
            projection=FACETS,
            references=references(),
            half=precision == "float16",
        )
        for precision in ("float32", "float16")
    }


@pytest.fixture(params=["float32", "float16"])
def exported(request: pytest.FixtureRequest, files: dict[str, ModelInfo]) -> ModelInfo:
    return files[request.param]


@pytest.fixture
def near(exported: ModelInfo, request: pytest.FixtureRequest) -> float:
    """How far numbers may be off: what float16 rounds is far more than what float32 does."""
    return 3e-2 if "float16" in request.node.name else 2e-4


def asked(model: ModelInfo, n: int = 3) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs, and what the file makes of them, by name."""
    generator = np.random.default_rng(5)
    inputs = {"log_mel": log_mel(n).numpy()} | {
        name: generator.normal(size=(n, size)).astype(np.float32)
        for name, size in DESCRIPTORS.items()
    }
    session = onnxruntime.InferenceSession(model.path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return inputs, dict(zip(names, session.run(None, inputs), strict=True))


def test_facets_are_what_their_projections_say(
    exported: ModelInfo, whole: Path, near: float
) -> None:
    inputs, found = asked(exported)
    assert exported.facets is not None
    assert exported.facets.names == ("rhythm", "sound", "harmony")
    assert [facet.weight for facet in exported.facets.facets] == [0.25, 0.5, 0.25]
    assert exported.embedding_dim == found["embedding"].shape[1] == 20
    means = track_means(described())
    for name, size, evening in (("rhythm", 6, 0.5), ("harmony", 4, 0.0)):
        block = found["embedding"][:, exported.facets.slices[name]]
        projection = fit_projection(means, (name,), (), size, evening)
        assert block == pytest.approx(projection(inputs[name]), abs=near)
    # Sound is of the log-mel frames alone, and of pool and training tracks.
    _, network = load_checkpoint(whole)
    data, pool = small_set(), small_pool()
    tracks = [*data.decibels(data.splits["train"])]
    tracks += [decibels(each.log_mel[None])[0] for each in pool.recordings]
    means = track_means(excerpt_values(network, FACETS.blocks, tracks))
    projection = fit_projection(means, FACETS.blocks, FACETS.weights, 10, 0.25)
    with torch.inference_mode():
        _, heard = Blocks(network, FACETS.blocks).eval()(torch.from_numpy(inputs["log_mel"]))
    values = np.concatenate([heard[name].numpy() for name in FACETS.blocks], axis=1)
    block = found["embedding"][:, exported.facets.slices["sound"]]
    assert block == pytest.approx(projection(values), abs=near)


def test_words_are_those_that_the_network_has_learned(
    exported: ModelInfo, whole: Path, near: float
) -> None:
    _, network = load_checkpoint(whole)
    unheard = small_pool()
    probabilities = []
    for recording in unheard.recordings:
        frames = excerpts(decibels(recording.log_mel[None])[0]).frames
        with torch.inference_mode():
            told = network.lessons(network(torch.from_numpy(frames)).embedding)["words"]
        probabilities.append(told.sigmoid().mean(dim=0).numpy())
    outputs = {
        teacher: np.stack(
            [
                sigmoid(each.said[teacher].arrays["logits"].astype(np.float32)).mean(axis=0)
                for each in unheard.recordings
            ]
        )
        for teacher in unheard.labels
    }
    says = teachers_say(word_targets(outputs, unheard.labels))
    figures = fit_words(TAUGHT_WORDS, np.stack(probabilities), says)
    kept = [at for at, each in enumerate(figures) if each.auc is None or each.is_learned]
    assert 0 < len(kept) < len(TAUGHT_WORDS)
    assert [each.word for each in exported.words] == [TAUGHT_WORDS[at].word for at in kept]
    # A threshold lies between the probabilities of two tracks: rounding may move it a little.
    for mine, theirs in zip(exported.words, (figures[at].word for at in kept), strict=True):
        assert mine.threshold == pytest.approx(theirs.threshold, abs=1e-4)
        assert mine.precision == theirs.precision
    assert any(each.precision is not None for each in exported.words)
    inputs, found = asked(exported)
    with torch.inference_mode():
        embedding = network(torch.from_numpy(inputs["log_mel"])).embedding
        expected = network.lessons(embedding)["words"].numpy()[:, kept]
    assert found["words"] == pytest.approx(expected, abs=near)


def test_genres_are_calibrated_from_sound_alone(exported: ModelInfo, near: float) -> None:
    inputs, found = asked(exported)
    session = open_session(exported.path.read_bytes())
    silent = {name: np.zeros_like(inputs[name]) for name in DESCRIPTORS}
    logits = run(session, inputs | silent, ("logits",))[0]
    assert np.array_equal(logits, found["logits"])
    data = small_set()
    rows = data.splits["valid"]
    analyzer, probabilities, held = Analyzer(exported), [], 0
    for label, track in zip(data.labels[rows], data.decibels(rows), strict=True):
        analysis = analyzer.from_log_mel(track)
        probabilities.append(analysis.excerpt_probabilities.mean(axis=0))
        held += LABELS[label] in analysis.genre_set
    # On the tracks that the sets were fitted on, the promise holds exactly.
    assert held >= 0.9 * len(rows)
    said = {each.key: each.value for each in onnx.load(exported.path).metadata_props}
    expected = classification.fit_temperature(np.stack(probabilities), data.labels[rows])
    assert float(said["temperature"]) == pytest.approx(expected, rel=max(near, 1e-3))
    assert json.loads(said["projection"])["facets"] == [list(each) for each in FACETS.facets]


def test_the_product_runs_it(exported: ModelInfo) -> None:
    analysis = Analyzer(exported).from_waveform(music(22.0, bpm=120.0), 22_050)
    assert analysis.embedding.shape == (20,)
    assert np.linalg.norm(analysis.embedding) == pytest.approx(1.0, abs=1e-3)
    assert exported.facets is not None
    for facet in exported.facets.facets:
        block = analysis.embedding[exported.facets.slices[facet.name]]
        assert np.square(block).sum() == pytest.approx(facet.weight, abs=1e-3)
    assert analysis.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert set(analysis.words) == {each.word for each in exported.words}
    # The estimators' own calibration is in the file.
    assert analysis.tempo_confidence is not None
    assert analysis.key_confidence is not None


def test_the_file_in_half_precision_is_smaller(files: dict[str, ModelInfo]) -> None:
    assert files["float16"].size_bytes < 0.9 * files["float32"].size_bytes


def test_familiarity_is_added_to_a_model_with_more_inputs(
    exported: ModelInfo, whole: Path, near: float
) -> None:
    data = small_set()
    known, held_out = (list(data.decibels(data.splits[side])) for side in ("train", "valid"))
    content = add_familiarity(exported.path.read_bytes(), known, held_out)
    session = open_session(content)
    inputs, before = asked(exported)
    for name, values in before.items():
        assert np.array_equal(run(session, inputs, (name,))[0], values), name
    (distances,) = run(session, inputs, (DISTANCE,))
    assert distances.shape == (3, 1)
    changed = {name: inputs[name] + 9 for name in DESCRIPTORS}
    assert np.array_equal(run(session, inputs | changed, (DISTANCE,))[0], distances)
    # Of what is pooled, mean and maximum, whatever is made of it later.
    _, network = load_checkpoint(whole)
    with torch.inference_mode():
        cut = np.concatenate([excerpts(track).frames for track in known])
        values = network(torch.from_numpy(cut)).embedding.numpy().astype(np.float64)
        asked_of = network(torch.from_numpy(inputs["log_mel"])).embedding.numpy()
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-4
    covariance = np.cov(((values - mean) / spread).T)
    shrunk = 0.98 * covariance + 0.02 * np.trace(covariance) / len(covariance) * np.eye(32)
    apart = (asked_of - mean) / spread
    expected = np.einsum("ij,jk,ik->i", apart, np.linalg.inv(shrunk), apart) / 32
    assert distances[:, 0] == pytest.approx(expected, rel=max(10 * near, 0.02))
    metadata = ModelMetadata.from_metadata(session.get_modelmeta().custom_metadata_map)
    assert metadata.facets == exported.facets


def test_what_cannot_be_fitted_is_said(whole: Path, tmp_path: Path) -> None:
    _, network = load_checkpoint(whole)
    data, pool = small_set(), small_pool()
    with pytest.raises(InvalidArgument, match="rhythm, harmony need music to be fitted on"):
        export.fit_projected(network, data, References(pool), FACETS)
    wide = replace(FACETS, facets=(("sound", 1.0, 10, 0.0), ("rhythm", 1.0, 64, 0.0)))
    with pytest.raises(InvalidArgument, match="dims must be 20 at most"):
        export.fit_projected(network, data, references(), wide)

    def without(unheard: Mapping[str, object]) -> References:
        recordings = tuple(
            replace(each, said={name: each.said[name] for name in unheard})
            for each in pool.recordings
        )
        return replace(references(), unheard=replace(pool, recordings=recordings))

    for said, lacking in (({"musicnn": 1}, "yamnet says as logits"), ({}, "lacks what")):
        with pytest.raises(DataError, match=lacking):
            export.export(
                whole,
                data,
                tmp_path,
                version="1",
                description="",
                projection=FACETS,
                references=without(said),
            )


def test_only_a_student_has_lessons_and_words() -> None:
    student = Student(3, **SMALL)  # type: ignore[arg-type]
    for name in TAUGHT:
        assert name in BLOCKS
        with pytest.raises(InvalidArgument, match="only the network student"):
            Blocks(student.trunk, (name,))
    _, found = Blocks(student, tuple(TAUGHT)).eval()(torch.zeros(1, 128, 128))
    assert {name: values.shape[1] for name, values in found.items()} == dict(TAUGHT)
