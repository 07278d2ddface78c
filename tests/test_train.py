"""The training loop: repeatable, resumable bit for bit, and safe against what stops a run."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from small_sets import small_config, small_images, small_set, write_small_set

from soundalike.cli import cli
from soundalike.errors import DataError, InvalidArgument, OutputError
from soundalike.research.checkpoints import read_checkpoint, snapshot_name
from soundalike.research.config import read_config
from soundalike.research.datasets.leaks import refuse_leaks
from soundalike.research.report import read_summary
from soundalike.research.reproduce.segments import cut, shuffle_segments, source_tracks
from soundalike.research.runs import read_predictions
from soundalike.research.tasks import ImageTask, predict
from soundalike.research.train import (
    TrainConfig,
    TrainProgress,
    config_from_dict,
    load_checkpoint,
    train,
)

pytestmark = pytest.mark.usefixtures("unrendered")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    train(small_config(), small_set(), out, test=True)
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoint.pt").weights


def assert_same(run: Path, other: Path) -> None:
    """Weights, learning curve and predictions are equal bit for bit."""
    mine, others = weights(run), weights(other)
    assert mine.keys() == others.keys()
    for name, value in mine.items():
        assert torch.equal(value, others[name]), name
    assert (run / "curve.csv").read_text() == (other / "curve.csv").read_text()
    for side in ("valid", "test"):
        a, b = (read_predictions(one / f"predictions-{side}.npz") for one in (run, other))
        np.testing.assert_array_equal(a.probabilities, b.probabilities)


def child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that can import what the tests can."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)])}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_a_run_learns_and_leaves_all_its_files(whole: Path) -> None:
    summary = read_summary(whole)
    # Eight seeds reach it; with labels at random they get 0.67 at most.
    assert summary.evaluations["test"].track_accuracy.value == 1.0
    assert summary.split == {"train": 24, "valid": 6, "test": 6}
    assert {path.name for path in whole.iterdir()} == {
        "checkpoint.pt",
        "config.json",
        "curve.csv",
        "curve.png",
        "environment.json",
        "metrics.json",
        "predictions-test.npz",
        "predictions-valid.npz",
        "report.html",
        "report.json",
    }
    rows = list(csv.DictReader((whole / "curve.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["valid_accuracy"]) for row in rows] == [False, True, False, True]
    assert json.loads((whole / "metrics.json").read_text())["test"]["track_accuracy"] == 1.0


def test_the_same_seed_gives_the_same_run(whole: Path, tmp_path: Path) -> None:
    train(small_config(), small_set(), tmp_path / "again", test=True)
    assert_same(whole, tmp_path / "again")
    train(small_config(seed=1, epochs=1), small_set(), tmp_path / "other")
    train(small_config(seed=0, epochs=1), small_set(), tmp_path / "first")
    other, first = weights(tmp_path / "other"), weights(tmp_path / "first")
    assert not torch.equal(other["head.weight"], first["head.weight"])


KILLED = """
import os, signal, sys
from pathlib import Path
from small_sets import small_config, small_set
from soundalike.research.train import train

def progress(p):
    if p.epoch == 3 and p.step == 8:  # in the middle of an epoch
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

train(small_config(), small_set(), Path(sys.argv[1]), test=True, progress=progress)
"""


def test_after_a_kill_the_result_is_the_same_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    killed = child(KILLED, str(tmp_path))
    assert killed.returncode != 0, killed.stderr
    assert read_checkpoint(tmp_path / "checkpoint.pt").epoch == 2
    assert not (tmp_path / "report.html").exists()
    steps = []
    train(small_config(), small_set(), tmp_path, test=True, progress=lambda p: steps.append(p.step))
    assert steps == [7, 8, 9, 10, 11, 12]
    assert_same(whole, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_said_and_costs_one_epoch(whole: Path, tmp_path: Path) -> None:
    """The operating system itself refuses to write more than 1,500 bytes to any file."""
    import resource

    usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress: TrainProgress) -> None:
        if progress.epoch == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1500, usual[1]))

    try:
        with pytest.raises(OutputError, match=r"checkpoint\.pt: cannot be written .*too large"):
            train(small_config(), small_set(), tmp_path, test=True, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert read_checkpoint(tmp_path / "checkpoint.pt").epoch == 2
    assert not list(tmp_path.glob(".*"))
    train(small_config(), small_set(), tmp_path, test=True)
    assert_same(whole, tmp_path)


def test_ctrl_c_stops_cleanly_and_can_be_gone_on_from(whole: Path, tmp_path: Path) -> None:
    def interrupt(progress: TrainProgress) -> None:
        if progress.step == 8:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(small_config(), small_set(), tmp_path, test=True, progress=interrupt)
    train(small_config(), small_set(), tmp_path, test=True)
    assert_same(whole, tmp_path)


def test_a_finished_run_is_not_trained_again(whole: Path) -> None:
    before = (whole / "checkpoint.pt").read_bytes()
    steps: list[int] = []
    summary = train(
        small_config(), small_set(), whole, test=True, progress=lambda p: steps.append(p.step)
    )
    assert not steps
    assert summary.duration_s > 0
    assert weights(whole).keys()
    assert (whole / "checkpoint.pt").stat().st_size == len(before)


def test_progress_counts_up_and_tells_the_time_left(tmp_path: Path) -> None:
    seen: list[TrainProgress] = []
    train(small_config(), small_set(), tmp_path, progress=seen.append)
    assert [one.step for one in seen] == list(range(1, 13))
    assert {one.steps for one in seen} == {12}
    assert seen[-1].left_s == 0
    assert all(one.left_s > 0 for one in seen[:-1])
    assert seen[-1].valid_accuracy is not None


def test_another_config_in_the_same_folder_is_refused(whole: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"learning_rate 0\.01 there, 0.5 here"):
        train(small_config(learning_rate=0.5), small_set(), whole)


def test_snapshots_keep_the_weights_of_their_epoch(tmp_path: Path) -> None:
    """With a constant learning rate, the snapshot after 2 of 4 epochs is a run of 2."""
    steady = {"schedule": "constant", "warmup": 0.0}
    train(small_config(snapshots=[2], **steady), small_set(), tmp_path / "long")
    train(small_config(epochs=2, **steady), small_set(), tmp_path / "short")
    snapshot = read_checkpoint(tmp_path / "long" / snapshot_name(2)).weights
    for name, value in weights(tmp_path / "short").items():
        assert torch.equal(value, snapshot[name]), name


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_the_rule_of_the_textbook(tmp_path: Path, momentum: float) -> None:
    """Two steps by hand: v = m v + g, w = w - rate v."""
    plain = small_config(
        optimizer="sgd",
        momentum=momentum,
        schedule="constant",
        warmup=0.0,
        weight_decay=0.0,
        ema_decay=0.0,
        batch_size=12,
        epochs=1,
        precision="float32",
        network_options={"hidden": 4, "layers": 1, "dropout": 0.0},
    )
    train(plain, small_set(), tmp_path)
    from soundalike.research.checkpoints import build_network
    from soundalike.research.train import make_task

    task = make_task(plain, small_set())
    torch.manual_seed(plain.seed)
    network = build_network(plain, task.label_names)
    torch.manual_seed(plain.seed * 100_003 + 1)
    order = torch.randperm(24)
    speeds = [torch.zeros_like(p) for p in network.parameters()]
    for index in order.split(12):
        batch = task.batch(index)
        loss = torch.nn.functional.cross_entropy(
            network(batch.inputs).logits, batch.targets, label_smoothing=plain.label_smoothing
        )
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for parameter, speed, gradient in zip(
                network.parameters(), speeds, gradients, strict=True
            ):
                speed.mul_(momentum).add_(gradient)
                parameter -= plain.learning_rate * speed
    for name, value in network.state_dict().items():
        assert torch.allclose(value, weights(tmp_path)[name], atol=1e-6), name


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    config = small_config(
        optimizer="sgd",
        learning_rate=1e30,
        network="paper-cnn",
        network_options={"channels": [2, 2, 2, 2, 2], "hidden": [4, 4, 4, 4]},
    )
    with pytest.raises(InvalidArgument, match="try a learning_rate below"):
        train(config, small_set(), tmp_path)


# --- checkpoints and configs --------------------------------------------------------------------


def test_a_checkpoint_of_another_network_is_refused(whole: Path) -> None:
    with pytest.raises(DataError, match="a checkpoint of gru, not of lstm"):
        load_checkpoint(whole, network="lstm")
    config, network = load_checkpoint(whole, network="gru")
    assert config == small_config()
    assert not network.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "a checkpoint of format 99, and this version reads 1"),
        ({"weights": {}}, "do not fit gru"),
        ({"config": {"network": "transformer"}}, "transformer"),
        ({"config": {"wings": 2}}, "wings"),
    ],
)
def test_a_checkpoint_of_another_version_is_refused(
    whole: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    stored = torch.load(whole / "checkpoint.pt", weights_only=True)
    torch.save(stored | change, tmp_path / "checkpoint.pt")
    with pytest.raises(DataError, match=message):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut short"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"checkpoint\.pt: damaged"):
        load_checkpoint(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        load_checkpoint(tmp_path / "nowhere")


def test_a_config_is_read_with_settings_on_top(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"network": "lstm", "augment": {"mixup": 0.5}}')
    config = read_config(path, ["augment.mixup=0", "epochs=3", "name=mine"])
    assert (config.network, config.augment.mixup, config.epochs, config.name) == (
        "lstm",
        0.0,
        3,
        "mine",
    )
    assert read_config(None) == TrainConfig()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"network": "transformer"}, "unknown network 'transformer'; available: cifar-cnn"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'; available: adamw, sgd"),
        ({"epochs": 0}, "epochs must be 1 or more, not 0"),
        ({"epochs": "ten"}, "epochs must be like 40, not 'ten'"),
        ({"epochs": True}, "epochs must be like 40, not True"),
        ({"learning_rate": -1}, "learning_rate must be above 0, not -1"),
        ({"augment": {"mixupp": 1}}, "unknown setting augment.mixupp; available: augment.stretch"),
        ({"augment": 1}, "augment must be an object of settings, not 1"),
        ({"warmup": 1}, "warmup must be at least 0 and below 1, not 1"),
    ],
)
def test_bad_settings_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        config_from_dict(values)


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("{", [], "is not JSON"),
        ("[]", [], "must be a JSON object"),
        ("{}", ["epochs"], "'epochs' is not a setting"),
        ("{}", ["epochs=1", "epochs.x=1"], "epochs has no settings below it"),
    ],
)
def test_bad_config_files_are_named(
    tmp_path: Path, text: str, settings: list[str], message: str
) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InvalidArgument, match=message):
        read_config(tmp_path / "config.json", settings)


# --- data ---------------------------------------------------------------------------------------


def test_images_go_through_the_same_loop(tmp_path: Path) -> None:
    config = small_config(
        network="cifar-cnn",
        network_options={"channels": [8, 8], "hidden": [64, 64, 64]},
        n_valid_images=100,
        epochs=5,
        learning_rate=0.003,
        batch_size=16,
        image_augment={"flip": True, "shift": 2},
        ema_decay=0.0,
    )
    summary = train(config, small_images(), tmp_path, test=True)
    assert summary.split == {"train": 300, "valid": 100, "test": 100}
    # Six seeds reach 1.0; with labels at random, or weights that hardly move, 0.2 at most.
    assert summary.evaluations["test"].track_accuracy.value > 0.6


def test_held_out_images_are_the_same_for_every_run_and_of_each_class_alike() -> None:
    data = small_images()
    tasks = [
        ImageTask(data, small_config().image_augment, torch.device("cpu"), n_valid=100)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(tasks[0].valid_rows, tasks[1].valid_rows)
    assert np.bincount(data.train_labels[tasks[0].valid_rows]).tolist() == [10] * 10
    with pytest.raises(InvalidArgument, match="of class 0 there are only 40"):
        ImageTask(data, small_config().image_augment, torch.device("cpu"), n_valid=400)


def test_changed_images_are_the_images_moved(tmp_path: Path) -> None:
    """Shift and flip move pixels and change none of their values."""
    data = small_images()
    ramp = np.arange(32 * 32, dtype=np.int64).reshape(32, 32) % 251
    images = np.broadcast_to(ramp.astype(np.uint8), (400, 3, 32, 32)).copy()
    config = replace(small_config().image_augment, flip=True, shift=3)
    task = ImageTask(replace(data, train_images=images), config, torch.device("cpu"), n_valid=10)
    torch.manual_seed(0)
    batch = task.batch(torch.arange(20)).inputs
    padded = np.pad(ramp, 3, mode="reflect") / 255
    found = 0
    for image in batch.numpy()[:, 0]:
        options = [
            np.allclose(candidate, image, atol=1e-6)
            for row in range(7)
            for column in range(7)
            for flipped in (False, True)
            for base in [np.pad(ramp[:, ::-1], 3, mode="reflect") / 255 if flipped else padded]
            for candidate in [base[row : row + 32, column : column + 32]]
        ]
        found += any(options)
    assert found == 20


def test_music_and_images_are_not_mixed_up(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="gru is not a network for images"):
        train(small_config(), small_images(), tmp_path)
    with pytest.raises(InvalidArgument, match="cifar-cnn is not a network for music"):
        train(small_config(network="cifar-cnn", network_options={}), small_set(), tmp_path)


def test_segments_stay_on_the_side_of_their_track() -> None:
    data = small_set(143)
    segments = cut(data, 4)
    assert segments.log_mel.shape == (144, 128, 35)
    assert segments.tracks[5] == "high/01#1"
    np.testing.assert_array_equal(segments.log_mel[5], data.log_mel[1, :, 35:70])
    assert len(segments.splits["test"]) == 4 * len(data.splits["test"])
    assert refuse_leaks(segments) == ()
    source = source_tracks(segments, segments.splits["test"])
    assert np.bincount(source).tolist() == [4] * 6
    with pytest.raises(InvalidArgument, match="143 frames cannot be cut into 200"):
        cut(data, 200)


def test_segments_dealt_out_at_random_leak_and_are_refused_by_name(tmp_path: Path) -> None:
    segments = cut(small_set(), 4)
    sizes = {"train": 100, "valid": 20, "test": 24}
    mixed = shuffle_segments(segments, np.arange(144), sizes, seed=0)
    assert {side: len(rows) for side, rows in mixed.splits.items()} == sizes
    assert len(np.unique(np.concatenate(list(mixed.splits.values())))) == 144
    with pytest.raises(
        DataError,
        match=r"the split leaks.*allow_leaks(?s:.*)track: high/01 in train and high/01 in test",
    ):
        train(small_config(segments=True), mixed, tmp_path)
    assert {leak.kind for leak in refuse_leaks(mixed, ("track", "artist"))} == {"track", "artist"}
    with pytest.raises(InvalidArgument, match="not genre"):
        refuse_leaks(mixed, ("genre",))


def test_segments_are_taken_whole(tmp_path: Path) -> None:
    segments = cut(small_set(), 4)
    summary = train(small_config(segments=True), segments, tmp_path, test=True)
    assert summary.evaluations["test"].n_excerpts == 24
    _, network = load_checkpoint(tmp_path)
    found = predict(network, segments, segments.splits["test"], whole=True)
    with torch.inference_mode():
        expected = network(torch.from_numpy(segments.decibels(segments.splits["test"]))).logits
    np.testing.assert_allclose(found.probabilities, expected.softmax(1).numpy(), atol=1e-6)


# --- the command --------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="a child cannot be sent Ctrl-C alone")
@pytest.mark.slow
def test_the_command_trains_and_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    data, out = write_small_set(tmp_path / "data"), tmp_path / "run"
    (tmp_path / "small.json").write_text(json.dumps({"epochs": 100_000}))
    arguments = ["--config", str(tmp_path / "small.json"), "--network", "gru", "--data", str(data)]
    arguments += ["--out", str(out), "--set", "crops_per_track=1", "--set", "valid_every=100000"]
    arguments += ["--set", 'network_options={"hidden": 4}']
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    code = "from soundalike.cli import main; import sys; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", code, "train", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as running:
        while not (out / "checkpoint.pt").exists():
            assert running.poll() is None, running.communicate()[1]
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert running.returncode == 130, said
    assert "Stopped. Run the same command again to resume from" in said
    assert "Traceback" not in said
    done = read_checkpoint(out / "checkpoint.pt")
    assert done.epoch >= 1
    assert done.training is not None


def test_the_command_says_what_it_reached_and_what_is_wrong(tmp_path: Path) -> None:
    data = write_small_set(tmp_path / "data")
    arguments = ["--network", "gru", "--epochs", "2", "--data", str(data)]
    arguments += ["--set", 'network_options={"hidden": 8}', "--out", str(tmp_path / "run")]
    good = CliRunner().invoke(cli, ["train", *arguments])
    assert good.exit_code == 0, good.stderr
    assert "accuracy, valid" in good.stdout
    assert (tmp_path / "run" / "report.html").exists()
    bad = CliRunner().invoke(cli, ["train", "--network", "transformer", "--data", str(data)])
    assert bad.exit_code == 1
    assert "unknown network 'transformer'; available: cifar-cnn" in bad.stderr
