"""Learning from labels, a teacher and pairs at once, and the embedding that is made of it."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import onnxruntime
import torch
from distill_sets import small_pool
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_sets import LABELS, small_set

from soundalike.analyzer import Analyzer
from soundalike.errors import InvalidArgument
from soundalike.models import ModelInfo
from soundalike.research import export
from soundalike.research.checkpoints import (
    Checkpoint,
    build_network,
    load_checkpoint,
    write_checkpoint,
)
from soundalike.research.config import TrainConfig, config_from_dict, read_config
from soundalike.research.distill.pool_file import write_pool
from soundalike.research.distill.projection import (
    Blocks,
    ProjectionConfig,
    excerpt_values,
    fit_genre_head,
    fit_projection,
    track_means,
)
from soundalike.research.distill.statistics import MODULATION_EDGES, STATISTICS, Statistics
from soundalike.research.distill.task import DistillConfig, DistillTask, nt_xent
from soundalike.research.networks import Student
from soundalike.research.train import train

pytestmark = pytest.mark.usefixtures("unrendered")

CPU = torch.device("cpu")
SMALL = {"bands": 128, "widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1]}


@pytest.fixture(scope="module")
def pool_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pool") / "pool.npz"
    write_pool(path, small_pool())
    return path


def config(pool_path: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "name": "small",
        "network": "student",
        "network_options": SMALL,
        "distill": {"pool": str(pool_path), "segments": 8, "pairs": 4},
        "steps_per_epoch": 4,
        "epochs": 3,
        "batch_size": 8,
        "learning_rate": 0.01,
        "valid_every": 3,
    }
    return config_from_dict(values | changes)


@pytest.fixture(scope="module")
def whole(pool_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train(config(pool_path), small_set(), out)
    return out


def test_all_three_losses_fall_and_stand_in_the_curve(pool_path: Path, tmp_path: Path) -> None:
    longer = config(
        pool_path,
        epochs=12,
        valid_every=12,
        precision="float32",
        distill={"pool": str(pool_path), "segments": 8, "pairs": 8},
    )
    train(longer, small_set(), tmp_path)
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert len(rows) == 12
    # Five seeds fall to 0.56 and 0.81 at most; weights that hardly move stay above 0.95 and 0.99.
    for name, most in (("train", 0.8), ("labels", 0.8), ("teacher", 0.8), ("contrast", 0.9)):
        first, last = (float(row[f"{name}_loss"]) for row in (rows[0], rows[-1]))
        assert last < most * first, name
    parts = [float(rows[0][f"{name}_loss"]) for name in ("labels", "teacher", "contrast")]
    assert float(rows[0]["train_loss"]) == pytest.approx(np.dot(parts, (1.0, 1.0, 0.2)), abs=1e-4)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert 0 <= metrics["precision_at_10_valid"] <= 1


def test_a_stopped_run_ends_the_same_bit_for_bit(
    whole: Path, pool_path: Path, tmp_path: Path
) -> None:
    def stop(progress: object) -> None:
        if progress.step == 6:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config(pool_path), small_set(), tmp_path, progress=stop)
    steps = []
    train(config(pool_path), small_set(), tmp_path, progress=lambda p: steps.append(p.step))
    assert steps == list(range(5, 13))
    _, mine = load_checkpoint(tmp_path)
    _, other = load_checkpoint(whole)
    for name, value in mine.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert (tmp_path / "curve.csv").read_text() == (whole / "curve.csv").read_text()


def test_a_batch_holds_its_parts_in_order(pool_path: Path) -> None:
    pool = small_pool()
    still = {"distill": {"pool": str(pool_path), "segments": 5, "pairs": 6}}
    made = config_from_dict(still).distill
    task = DistillTask(small_set(), TrainConfig().augment, CPU, pool, made)
    batch = task.batch(torch.arange(7))
    # Of soundtracks there are three, as many as half of six pairs.
    assert batch.inputs.shape == (7 + 5 + 2 * 6, 128, 128)
    assert batch.targets.shape == (7, 3)
    assert batch.lessons.shape == (5, 442)
    rows = {row.tobytes() for row in pool.lessons.targets}
    assert all(row.numpy().tobytes() in rows for row in batch.lessons)


def test_a_student_without_a_pool_is_told_where_to_get_one(tmp_path: Path) -> None:
    given_up = config_from_dict({"network": "student", "network_options": SMALL})
    with pytest.raises(InvalidArgument, match=r"--pool.*soundalike data pool"):
        train(given_up, small_set(), tmp_path)


def test_a_network_under_its_former_name_is_the_same(pool_path: Path, tmp_path: Path) -> None:
    assert config(pool_path, network="listener") == config(pool_path)
    settings = tmp_path / "config.json"
    settings.write_text('{"network": "listener"}')
    assert read_config(settings).network == "student"
    assert read_config(None, ["network=listener"]).network == "student"


def test_a_checkpoint_with_the_former_name_of_its_network_is_read(
    pool_path: Path, tmp_path: Path
) -> None:
    asked = config(pool_path)
    network = build_network(asked, ("a", "b"))
    written = Checkpoint(asked, ("a", "b"), 1, [], 0.0, network.state_dict(), None)
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, written)
    stored = torch.load(path, weights_only=True)
    stored["config"]["network"] = "listener"
    torch.save(stored, path)
    found, loaded = load_checkpoint(tmp_path, network="student")
    assert found == asked
    assert isinstance(loaded, Student)


def test_settings_within_settings_leave_the_others_as_they_were() -> None:
    usual = DistillConfig()
    changed = config_from_dict({"distill": {"augment": {"tilt_db": 1.0}, "pairs": 3}}).distill
    assert (changed.pairs, changed.segments) == (3, usual.segments)
    assert asdict(changed.augment) == {**asdict(usual.augment), "tilt_db": 1.0}
    with pytest.raises(InvalidArgument, match=r"unknown setting distill\.augment\.tilt;"):
        config_from_dict({"distill": {"augment": {"tilt": 1.0}}})
    with pytest.raises(InvalidArgument, match="temperature must be above 0, not 0"):
        config_from_dict({"distill": {"temperature": 0.0}})


def test_a_config_from_before_there_was_a_teacher_is_still_read() -> None:
    old = asdict(TrainConfig(name="old", epochs=7))
    del old["distill"], old["steps_per_epoch"]
    assert config_from_dict(old) == TrainConfig(name="old", epochs=7)


def test_the_contrastive_loss_has_its_known_values() -> None:
    """Two pairs of orthogonal vectors: partner at cosine 1, two strangers at cosine 0."""
    pairs = torch.eye(4)[:2].repeat(2, 1) * torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    expected = -np.log(np.exp(2.0) / (np.exp(2.0) + 2))
    assert nt_xent(pairs, 0.5).item() == pytest.approx(expected, abs=1e-5)
    # Vectors that are all the same leave nothing but chance among three.
    assert nt_xent(torch.ones(4, 8), 0.5).item() == pytest.approx(np.log(3), abs=1e-5)


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
    chosen = ProjectionConfig(("trunk", "mel-mean"), (1.0, weight))
    spread = np.concatenate([one, other], axis=1).std(axis=0)
    values = {"trunk": one, "mel-mean": other}
    if spread.min() < 1e-3:
        return  # rounding alone, which the next test is about
    projected = fit_projection(values, chosen)(np.concatenate([one, other], axis=1))
    energy = np.square(projected).mean(axis=0)
    assert energy[:5].sum() == pytest.approx(1.0, rel=1e-2)
    assert energy[5:].sum() == pytest.approx(weight**2, rel=1e-2)
    # All axes kept, the turn changes no distance.
    turned = fit_projection(values, ProjectionConfig(chosen.blocks, chosen.weights, dims=8))
    rotated = turned(np.concatenate([one, other], axis=1))
    assert rotated @ rotated.T == pytest.approx(projected @ projected.T, abs=1e-2)


def test_fewer_axes_keep_the_most_and_dead_values_nothing() -> None:
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(40, 2))
    values = (hidden @ generator.normal(size=(2, 9)) + 5).astype(np.float32)
    values[:, 4] = 3.0
    whole = fit_projection({"trunk": values}, ProjectionConfig())(values)
    flat = fit_projection({"trunk": values}, ProjectionConfig(dims=2))
    assert flat.matrix.shape == (2, 9)
    assert (flat.matrix[:, 4] == 0).all()
    found = flat(values)
    assert found.mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-5)
    assert found @ found.T == pytest.approx(whole @ whole.T, abs=1e-4)
    with pytest.raises(InvalidArgument, match="dims must be 9 at most"):
        fit_projection({"trunk": values}, ProjectionConfig(dims=10))
    with pytest.raises(InvalidArgument, match="trunk is the same for all 40"):
        fit_projection({"trunk": np.ones((40, 3), np.float32)}, ProjectionConfig())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"blocks": ("trunk", "ears")}, "some of trunk, teacher"),
        ({"blocks": ()}, "not none"),
        ({"blocks": ("trunk", "trunk")}, "each once"),
        ({"weights": (1.0, 2.0)}, "2 weights for 1 blocks"),
        ({"weights": (0.0,)}, "weights must be above 0"),
        ({"dims": -1}, "dims must be 0 or more"),
        ({"genre_blocks": ("ears",)}, "some of trunk, teacher"),
        ({"genre_strength": 0.0}, "genre_strength must be above 0"),
    ],
)
def test_a_projection_that_makes_no_sense_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        ProjectionConfig(**values)  # type: ignore[arg-type]


ALL = ProjectionConfig(
    ("trunk", "teacher", "mel-mean", "mfcc-covariance", "fluctuation"),
    (1, 1, 0.5, 0.5, 0.5),
    12,
    ("teacher", "mfcc-covariance"),
)


def test_a_genre_head_is_the_regression_that_it_says_it_is() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 40)
    values = generator.normal(size=(120, 5)) * (1, 10, 0.1, 3, 0) + 7
    values[:, 0] += labels
    blocks = {name: values.astype(np.float32) for name in ("teacher", "trunk")}
    config = ProjectionConfig(genre_blocks=("teacher",), genre_strength=0.5)
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


def test_the_head_takes_the_place_of_the_networks_own(whole: Path) -> None:
    _, network = load_checkpoint(whole)
    both = export.fit_projected(network, small_set(), small_pool(), ALL)
    own = export.fit_projected(network, small_set(), small_pool(), replace(ALL, genre_blocks=()))
    log_mel = torch.rand(2, 128, 128, generator=torch.Generator().manual_seed(1)) * -80
    with torch.inference_mode():
        told, kept = both.eval()(log_mel), own.eval()(log_mel)
        heard = Blocks(network, ALL.genre_blocks).eval()(log_mel).embedding
        trunk = network.eval()(log_mel).logits
    assert torch.allclose(kept.logits, trunk, atol=1e-5)
    expected = heard @ both.head_matrix.T + both.head_offset
    assert torch.allclose(told.logits, expected, atol=1e-5)
    assert torch.allclose(told.embedding, kept.embedding, atol=1e-5)


@pytest.fixture(scope="module", params=[False, True], ids=["float32", "float16"])
def exported(request: pytest.FixtureRequest, whole: Path, tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    return export.export(
        whole,
        small_set(),
        tmp_path_factory.mktemp("weights"),
        version="3",
        description="a small one",
        projection=ALL,
        pool=small_pool(),
        half=request.param,
    ).path


def test_the_exported_projection_gives_the_numbers_of_torch(
    exported: Path, whole: Path, request: pytest.FixtureRequest
) -> None:
    is_half = "float16" in request.node.name
    _, network = load_checkpoint(whole)
    projected = export.fit_projected(network, small_set(), small_pool(), ALL).eval()
    log_mel = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)) * -80
    with torch.inference_mode():
        output = projected(log_mel)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    logits, embedding = session.run(None, {"log_mel": log_mel.numpy()})
    near = 2e-2 if is_half else 1e-4
    assert np.abs(logits - output.logits.numpy()).max() < near
    assert np.abs(embedding - output.embedding.numpy()).max() < near


def test_the_product_runs_it(exported: Path) -> None:
    entry = json.loads((exported.parent / "registry.json").read_text(encoding="utf-8"))[0]
    assert (entry["embedding_dim"], entry["size_bytes"]) == (12, exported.stat().st_size)
    entry["path"] = exported.parent / entry.pop("file")
    analyzer = Analyzer(ModelInfo(**{**entry, "labels": tuple(entry["labels"])}))
    analysis = analyzer.from_log_mel(small_set().decibels(np.array([0]))[0])
    assert analysis.embedding.shape == (12,)
    assert analysis.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    assert tuple(entry["labels"]) == LABELS


def test_reference_tracks_are_the_training_tracks_and_the_soundtracks(whole: Path) -> None:
    _, network = load_checkpoint(whole)
    data, pool = small_set(), small_pool()
    tracks = [*data.decibels(data.splits["train"])]
    tracks += [track * np.float32(80 / 255) - np.float32(80) for track in pool.tracks]
    means = track_means(excerpt_values(network, ("trunk",), tracks))
    expected = fit_projection(means, ProjectionConfig(dims=4))
    found = export.fit_projected(network, data, pool, ProjectionConfig(dims=4))
    assert np.abs(found.matrix.numpy()) == pytest.approx(np.abs(expected.matrix), abs=1e-4)


def test_only_a_student_predicts_the_teacher() -> None:
    student = Student(3, **SMALL)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="only the network student"):
        Blocks(student.trunk, ("teacher",))
    values = Blocks(student, ("lessons",)).eval()(torch.zeros(1, 128, 128)).embedding
    assert values.shape == (1, 442)
