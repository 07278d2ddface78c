"""Learning from labels, from teachers and from pairs of excerpts, all at once."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import torch
import torch.nn.functional as F
from distill_sets import small_pool, write_pool
from small_sets import small_set

from soundalike.errors import DataError, InvalidArgument
from soundalike.research import networks
from soundalike.research.augment import AugmentConfig
from soundalike.research.checkpoints import (
    Checkpoint,
    build_network,
    load_checkpoint,
    write_checkpoint,
)
from soundalike.research.config import TrainConfig, config_from_dict, read_config
from soundalike.research.distill.lessons import LESSONS, TAUGHT, fit_plan
from soundalike.research.distill.pool_file import Pool
from soundalike.research.distill.task import DistillBatch, DistillConfig, DistillTask, nt_xent
from soundalike.research.networks import Output, Student
from soundalike.research.train import train

pytestmark = pytest.mark.usefixtures("unrendered")

CPU = torch.device("cpu")
SMALL = {"bands": 128, "widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1]}
# Nothing that changes an excerpt, but that it is normalised.
STILL = AugmentConfig(
    tilt_db=0.0, floor=0.0, noise=0.0, time_masks=0, mel_masks=0, mixup=0.0, stretch=1.0
)
PARTS = {"label": 0.3, "lesson": 1.0, "word": 1.0, "relation": 1.0, "contrast": 0.1}
"""Parts of the loss, and their usual weights."""


@pytest.fixture(scope="module")
def pool() -> Pool:
    return small_pool()


@pytest.fixture(scope="module")
def pool_path(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pool") / "pool"
    write_pool(path, pool)
    return path


def config(pool_path: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "name": "small",
        "network": "student",
        "network_options": SMALL,
        "distill": {"pool": str(pool_path), "recordings": 6},
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


def test_all_losses_fall_and_stand_in_the_curve(pool_path: Path, tmp_path: Path) -> None:
    longer = config(
        pool_path,
        epochs=12,
        valid_every=12,
        precision="float32",
        distill={"pool": str(pool_path), "recordings": 8, "mixup": 0.0},
    )
    train(longer, small_set(), tmp_path)
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert len(rows) == 12
    # To 0.40, 0.65, 0.49, 0.74, 0.09 and 0.63; weights that hardly move stay at 0.95 or above.
    mosts = {"train": 0.7, "label": 0.85, "lesson": 0.75, "word": 0.87, "relation": 0.4}
    for name, most in (mosts | {"contrast": 0.85}).items():
        first, last = (float(row[f"{name}_loss"]) for row in (rows[0], rows[-1]))
        assert last < most * first, name
    parts = sum(weight * float(rows[0][f"{name}_loss"]) for name, weight in PARTS.items())
    assert float(rows[0]["train_loss"]) == pytest.approx(parts, abs=1e-4)
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


def windows_of(pool: Pool) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """All excerpts that could be cut from a pool, normalised; their recordings and first frames."""
    excerpts, places = [], []
    for number, recording in enumerate(pool.recordings):
        frames = recording.log_mel
        frames = np.tile(frames, -(-128 // frames.shape[1]))
        for start in range(frames.shape[1] - 127):
            decibels = frames[:, start : start + 128] * np.float32(80 / 255) - np.float32(80)
            excerpts.append(networks.normalise(torch.from_numpy(decibels)[None])[0])
            places.append((number, start))
    return torch.stack(excerpts), places


def test_a_batch_holds_labelled_excerpts_and_then_two_of_each_recording() -> None:
    pool = small_pool(9)
    pool = replace(pool, recordings=pool.recordings[::4])  # of 100, 260 and 400 frames
    distill = DistillConfig(recordings=5, mixup=0.0, augment=STILL)
    task = DistillTask(small_set(), STILL, CPU, pool, distill)
    torch.manual_seed(0)
    batch = task.batch(torch.arange(7))
    # There are but three.
    assert batch.inputs.shape == (7 + 2 * 3, 128, 128)
    assert batch.targets.shape == (7, 3)
    assert {name: values.shape for name, values in batch.lessons.items()} == {
        name: (6, size) for name, size in TAUGHT.items()
    }
    every, places = windows_of(pool)
    plan, chosen = fit_plan(pool), []
    for row, heard in enumerate(batch.inputs[7:]):
        apart = (every - heard).abs().amax(dim=(1, 2))
        assert apart.min() < 1e-4
        number, start = places[int(apart.argmin())]
        chosen.append(number)
        expected = plan(pool.recordings[number]).excerpt(start)
        for name, values in batch.lessons.items():
            assert values[row].numpy() == pytest.approx(expected[name], abs=1e-5), name
    assert sorted(chosen[:3]) == [0, 1, 2]
    assert chosen[3:] == chosen[:3]


def test_what_is_mixed_is_asked_for_what_both_say_in_proportion(pool: Pool) -> None:
    """From the same seed, with the mixing and without."""
    batches = []
    for share in (1.0, 0.0):
        distill = DistillConfig(recordings=6, mixup=1.0, mixup_share=share, augment=STILL)
        task = DistillTask(small_set(), STILL, CPU, pool, distill)
        torch.manual_seed(1)
        batches.append(task.batch(torch.arange(4)))
    mixed, pure = batches
    assert torch.equal(mixed.inputs[:4], pure.inputs[:4])
    heard, alone = mixed.inputs[4:], pure.inputs[4:]
    found = []
    for row in range(12):
        fits = []
        for other in range(12):
            step = alone[other] - alone[row]
            change = heard[row] - alone[row]
            rest = float((change * step).sum() / step.square().sum().clamp(min=1e-9))
            fits.append((float((change - rest * step).abs().max()), other, rest))
        error, other, rest = min(fits)
        assert error < 1e-3
        assert -1e-3 <= rest <= 0.5 + 1e-3
        found.append((other % 6, rest))
        for name, values in mixed.lessons.items():
            before = pure.lessons[name]
            expected = (1 - rest) * before[row] + rest * before[other]
            assert values[row].numpy() == pytest.approx(expected.numpy(), abs=1e-3), name
    # The two excerpts of a recording are mixed with the two of one other.
    assert [rest for _, rest in found[6:]] == pytest.approx(
        [rest for _, rest in found[:6]], abs=1e-5
    )
    assert max(rest for _, rest in found) > 0.05


class _Told(Student):
    """A student that says what it is told to."""

    told: dict[str, torch.Tensor]

    def lessons(self, embedding: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.told


def test_the_losses_of_lessons_have_their_known_values(pool: Pool) -> None:
    task = DistillTask(small_set(), STILL, CPU, pool, DistillConfig(recordings=6))
    torch.manual_seed(0)
    batch = task.batch(torch.arange(4))
    assert isinstance(batch, DistillBatch)
    network = _Told(3, **SMALL)  # type: ignore[arg-type]
    output = Output(torch.zeros(16, 3), torch.zeros(16, 16))
    likely = batch.lessons["words"].clamp(1e-6, 1 - 1e-6)
    network.told = {**batch.lessons, "words": torch.logit(likely)}
    right = task.loss(network, output, batch, 0.0).parts
    assert right["lesson"].item() == pytest.approx(0, abs=1e-5)
    assert right["relation"].item() == pytest.approx(0, abs=1e-5)
    # What is left of the words is how unsure the teachers are.
    entropy = -(likely * likely.log() + (1 - likely) * (1 - likely).log()).mean()
    assert right["word"].item() == pytest.approx(entropy.item(), abs=1e-4)
    assert right["label"].item() == pytest.approx(np.log(3), abs=1e-5)

    network.told = {name: -2 * values for name, values in batch.lessons.items()}
    wrong = task.loss(network, output, batch, 0.0).parts
    squares = {each: batch.lessons[each.name].square().mean().item() for each in LESSONS}
    # Three times as far off as nothing, and in the opposite direction.
    expected = sum(each.weight * (9 * square + 2) for each, square in squares.items())
    assert wrong["lesson"].item() == pytest.approx(expected, rel=1e-4)
    # Which of them are alike is said right.
    assert wrong["relation"].item() == pytest.approx(0, abs=1e-5)
    network.told = {name: torch.ones_like(values) for name, values in batch.lessons.items()}
    same = task.loss(network, output, batch, 0.0).parts
    expected = sum(
        each.weight * (1 - _cosines(batch.lessons[each.name])).square().mean().item()
        for each in LESSONS
    )
    assert same["relation"].item() == pytest.approx(expected, rel=1e-4)


def _cosines(values: torch.Tensor) -> torch.Tensor:
    return F.cosine_similarity(values[:, None], values[None], dim=2)


def test_a_student_without_a_pool_is_told_where_to_get_one(tmp_path: Path) -> None:
    given_up = config_from_dict({"network": "student", "network_options": SMALL})
    with pytest.raises(InvalidArgument, match=r"--pool.*soundalike data pool"):
        train(given_up, small_set(), tmp_path)


def test_a_pool_that_is_none_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    old = tmp_path / "pool.npz"
    old.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"pool\.npz is a file, and a pool is a folder"):
        train(config(old), small_set(), tmp_path / "run")


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
    changed = config_from_dict({"distill": {"augment": {"tilt_db": 1.0}, "recordings": 3}}).distill
    assert (changed.recordings, changed.mixup) == (3, usual.mixup)
    assert asdict(changed.augment) == {**asdict(usual.augment), "tilt_db": 1.0}
    with pytest.raises(InvalidArgument, match=r"unknown setting distill\.augment\.tilt;"):
        config_from_dict({"distill": {"augment": {"tilt": 1.0}}})
    for name, value, words in (
        ("temperature", 0.0, "temperature must be above 0, not 0"),
        ("recordings", 0, "recordings must be 1 or more, not 0"),
        ("word_weight", -1.0, "word_weight must be 0 or more, not -1"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            config_from_dict({"distill": {name: value}})


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
