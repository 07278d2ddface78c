"""The exported model gives torch's numbers, carries its calibration and runs in the product."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import onnx
import torch
from click.testing import CliRunner

from soundalike.analysis import temper
from soundalike.analyzer import Analyzer
from soundalike.cli.app import cli
from soundalike.cli.export import export as export_command
from soundalike.errors import DataError, ModelError
from soundalike.frontends.log_mel import EXCERPT_FRAMES, N_MELS
from soundalike.models import ModelInfo
from soundalike.models.registry import changed_registry, inspect_model
from soundalike.research import checkpoints, export, networks
from soundalike.research.checkpoints import Checkpoint
from soundalike.research.config import TrainConfig
from soundalike.research.datasets.frames import LogMelSet
from soundalike.research.distill.projection import BLOCKS, ProjectionConfig

LABELS = ("blues", "jazz", "rock")
SMALL = {"widths": [8, 8, 16, 16], "blocks": [1, 1, 1, 1]}


@pytest.fixture(scope="module")
def data() -> LogMelSet:
    generator = np.random.default_rng(0)
    return LogMelSet(
        log_mel=generator.integers(0, 256, (30, N_MELS, 200), dtype=np.uint8),
        tracks=tuple(f"track {number}" for number in range(30)),
        labels=np.arange(30) % 3,
        artists=np.arange(30),
        splits={
            "train": np.arange(6),
            "valid": np.arange(6, 24),
            "test": np.arange(24, 30),
        },
        label_names=LABELS,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with weights that nobody trained, batch normalisation included."""
    torch.manual_seed(0)
    config = TrainConfig(name="small", network="resnet", network_options=SMALL)
    network = checkpoints.build_network(config, LABELS)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    folder = tmp_path_factory.mktemp("run")
    checkpoints.write_checkpoint(
        folder / checkpoints.CHECKPOINT,
        Checkpoint(config, LABELS, 1, [], 0.0, network.state_dict(), None),
    )
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, data: LogMelSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    return export.export(run, data, folder, version="7", description="a small one").path


@pytest.fixture(scope="module")
def analyzer(exported: Path) -> Analyzer:
    entry = json.loads((exported.parent / "registry.json").read_text(encoding="utf-8"))[0]
    entry["path"] = exported.parent / entry.pop("file")
    return Analyzer(ModelInfo(**{**entry, "labels": tuple(entry["labels"])}))


def test_the_file_gives_the_numbers_of_torch(run: Path, data: LogMelSet, exported: Path) -> None:
    import onnxruntime

    _, network = checkpoints.load_checkpoint(run)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    centre = export.mean_embedding(network, data)
    for n_excerpts in (1, 5):
        log_mel = torch.rand(n_excerpts, N_MELS, EXCERPT_FRAMES) * -80
        logits, embedding = session.run(None, {"log_mel": log_mel.numpy()})
        with torch.inference_mode():
            expected = network(log_mel)
        assert np.abs(logits - expected.logits.numpy()).max() < 1e-4
        assert np.abs(embedding + centre - expected.embedding.numpy()).max() < 1e-4


def test_loudness_and_range_do_not_matter(exported: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    log_mel = np.random.default_rng(1).uniform(-80, 0, (2, N_MELS, EXCERPT_FRAMES))
    quiet = session.run(None, {"log_mel": (log_mel * 0.875 - 12).astype(np.float32)})
    loud = session.run(None, {"log_mel": log_mel.astype(np.float32)})
    for one, other in zip(quiet, loud, strict=True):
        assert np.abs(one - other).max() < 1e-3


def test_the_file_is_one_small_file_that_tells_nothing_of_this_machine(exported: Path) -> None:
    model = onnx.load(exported, load_external_data=False)
    assert not [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    assert not [tensor for tensor in model.graph.initializer if tensor.external_data]
    assert not [node for node in model.graph.node if node.metadata_props or node.doc_string]
    here = str(Path(networks.__file__).resolve().parent).encode()
    assert here not in exported.read_bytes()
    assert [path.name for path in sorted(exported.parent.iterdir())] == [
        "registry.json",
        "small.onnx",
    ]


def test_large_convolutions_can_be_stored_in_eight_bits(
    exported: Path, run: Path, data: LogMelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    monkeypatch.setattr(export, "_LARGE", 1000)
    other = export.export(
        run, data, tmp_path, version="7", description="", half=True, eight_bits=True
    ).path
    graph = onnx.load(exported).graph
    weights = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    stored = {
        each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(other).graph.initializer
    }
    convolved = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    large = {name for name in convolved if weights[name].size >= 1000}
    assert {f"{name}.int8" for name in large} == {each for each in stored if ".int8" in each}
    assert 2 < len(large) < len(convolved)
    for name in large:
        step = stored[f"{name}.scale"]
        found = stored[f"{name}.int8"]
        assert found.dtype == np.int8
        assert step.shape == (len(found), 1, 1, 1)
        assert (np.abs(found * step - weights[name]) <= step * 0.501).all()
    inputs = {"log_mel": np.random.default_rng(1).uniform(-80, 0, (3, N_MELS, EXCERPT_FRAMES))}
    inputs = {name: values.astype(np.float32) for name, values in inputs.items()}
    embeddings = [
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, inputs)[1]
        for path in (exported, other)
    ]
    # With the mean, which is most of what noise has.
    _, network = checkpoints.load_checkpoint(run)
    whole = [each + export.mean_embedding(network, data) for each in embeddings]
    before, after = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in whole)
    assert (before * after).sum(axis=1).min() > 0.999


def test_the_product_runs_it_and_calibrates_as_was_fitted(
    analyzer: Analyzer, run: Path, data: LogMelSet
) -> None:
    _, network = checkpoints.load_checkpoint(run)
    calibration = export.calibrate(network, data)
    rows = data.splits["valid"]
    held = 0
    for label, track in zip(data.labels[rows], data.decibels(rows), strict=True):
        analysis = analyzer.from_log_mel(track)
        mean = analysis.excerpt_probabilities.mean(axis=0)[None]
        expected = temper(mean, calibration.temperature)[0]
        assert analysis.probabilities == pytest.approx(expected, abs=1e-5)
        held += LABELS[label] in analysis.genre_set
    # On the tracks that the sets were fitted on, the promise holds exactly.
    assert held >= 0.9 * len(rows)


def test_training_excerpts_have_a_mean_embedding_of_zero(
    exported: Path, run: Path, data: LogMelSet, analyzer: Analyzer
) -> None:
    import onnxruntime

    from soundalike.frontends.log_mel import excerpts

    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    cut = np.concatenate([excerpts(t).frames for t in data.decibels(data.splits["train"])])
    embeddings = session.run(["embedding"], {"log_mel": cut})[0]
    assert np.abs(embeddings.mean(axis=0)).max() < 1e-4


def test_the_registry_names_the_file_by_its_checksum_and_keeps_other_models(
    exported: Path, tmp_path: Path
) -> None:
    registry = exported.parent / "registry.json"
    entry = json.loads(registry.read_text(encoding="utf-8"))[0]
    assert entry["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert entry["size_bytes"] == exported.stat().st_size
    assert (entry["version"], entry["embedding_dim"]) == ("7", 16)
    model = inspect_model(exported.read_bytes(), tmp_path / exported.name)
    with changed_registry(tmp_path) as changes:
        changes.put(replace(model, name="other", version="1"))
        changes.put(model)
        changes.put(replace(model, version="8"))
    entries = json.loads((tmp_path / "registry.json").read_text(encoding="utf-8"))
    assert {each["name"]: each["version"] for each in entries} == {"other": "1", "small": "8"}
    assert entries[1] == {**entry, "version": "8"}


def test_a_damaged_registry_and_a_missing_run_are_named(
    exported: Path, tmp_path: Path, data: LogMelSet
) -> None:
    (tmp_path / "registry.json").write_text("{]", encoding="utf-8")
    model = inspect_model(exported.read_bytes(), tmp_path / exported.name)
    with pytest.raises(ModelError, match="registry"), changed_registry(tmp_path) as changes:
        changes.put(model)
    with pytest.raises(DataError, match="nowhere"):
        export.export(tmp_path / "nowhere", data, tmp_path, version="1", description="")


def test_the_command_exports_a_run(
    run: Path, data: LogMelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.research.datasets.gtzan.load", lambda _: data)
    words = ["models", "export", str(run), "--out", str(tmp_path), "--version", "3"]
    result = CliRunner().invoke(
        cli, [*words, "--block", "trunk=0.5", "--block", "mel-mean", "--dims", "4", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found == {
        "id": "small@3",
        "path": str(tmp_path / "small.onnx"),
        "size_bytes": (tmp_path / "small.onnx").stat().st_size,
    }
    model = onnx.load(tmp_path / "small.onnx")
    properties = {each.key: each.value for each in model.metadata_props}
    projection = json.loads(properties["projection"])
    assert (projection["blocks"], projection["weights"]) == (["trunk", "mel-mean"], [0.5, 1.0])
    for wrong, code, message in (
        (["--block", "trunk=much"], 2, "the weight must be a number"),
        (["--dims", "4"], 2, "need a --block"),
        (["--unheard", "pool"], 2, "need a --block"),
        (["--block", "trunk", "--music", "mine"], 2, "--music is for the facets rhythm and harm"),
        (["--block", "trunk", "--facet", "sound"], 2, "write NAME=WEIGHT:SIZE or NAME="),
        (["--block", "trunk", "--facet", "sound=1:8:0:3"], 2, "or NAME=WEIGHT:SIZE:EVENING"),
        (["--block", "trunk", "--facet", "rhythm=1:8"], 1, "facets must be sound and some of"),
        (["--block", "trunk", "--pool", str(tmp_path)], 1, "no such pool; `soundalike data pool`"),
        (["--block", "trunk", "--unheard", str(run / "checkpoint.pt")], 1, "is a file, and a pool"),
        (["--block", "bark"], 1, "InvalidArgument: blocks must be some of trunk, "),
    ):
        refused = CliRunner().invoke(cli, [*words, *wrong])
        assert refused.exit_code == code
        assert message in refused.stderr


def test_the_options_of_the_command_are_those_of_the_projection() -> None:
    options = {option.name: option for option in export_command.params}
    assert options["genre_strength"].default == ProjectionConfig.genre_strength
    help_of_blocks = options["blocks"].help
    assert all(name in help_of_blocks for name in BLOCKS)
