"""Training by several processes: the result of one, whatever becomes of one of them."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs soundalike[research]")

import torch
from click.testing import CliRunner
from distill_sets import small_pool, write_pool
from shared_training import SMALL, train_all_kinds, weights_after_steps
from small_sets import small_config, small_images, small_set, write_small_set

from soundalike.cli import cli
from soundalike.errors import InvalidArgument, TrainingStopped
from soundalike.research.checkpoints import read_checkpoint
from soundalike.research.devices import Devices, find_devices
from soundalike.research.launch import in_processes
from soundalike.research.networks import build, normalise
from soundalike.research.ranks import Rank
from soundalike.research.train import TrainProgress, train

pytestmark = pytest.mark.usefixtures("unrendered")

HERE = Path(__file__).parent
TWO = Devices(("cpu", "cpu"))
EXACT = {"precision": "float32"}
"""With bfloat16 the sum of two halves is rounded otherwise than the whole."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoint.pt").weights


def furthest(mine: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> float:
    """The largest difference between two weights."""
    assert mine.keys() == others.keys()
    return max(float((value - others[name]).abs().max()) for name, value in mine.items())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process that nothing interrupted."""
    out = tmp_path_factory.mktemp("alone")
    train(small_config(**EXACT), small_set(), out)
    return out


def test_two_processes_make_the_same_of_every_kind_of_network(tmp_path: Path) -> None:
    """With dropout, drop path, augmentation, mixup, batch normalisation and contrast, exactly."""
    write_pool(tmp_path / "pool", small_pool())
    told: list[object] = []
    in_processes(train_all_kinds, (tmp_path, tmp_path / "pool"), TWO, told.append)
    assert told == list(SMALL)
    for network in SMALL:
        mine = torch.load(tmp_path / f"{network}.pt", weights_only=True)
        one = weights_after_steps(Rank(0, find_devices("cpu")), network, tmp_path / "pool")
        assert furthest(mine, one) < 1e-10, network


def test_a_killed_process_ends_all_and_the_run_goes_on_with_one(
    alone: Path, tmp_path: Path
) -> None:
    def kill(progress: TrainProgress) -> None:
        if progress.step == 8:  # in the middle of the third epoch
            _, second = sorted(multiprocessing.active_children(), key=lambda child: child.name)
            second.kill()

    killed = r"process 2 of 2 \(cpu\) was ended by SIGKILL\. .*the same command again resumes"
    with pytest.raises(TrainingStopped, match=killed):
        train(small_config(**EXACT), small_set(), tmp_path, devices=TWO, progress=kill)
    assert not multiprocessing.active_children()
    assert not list(tmp_path.glob(".*"))
    assert read_checkpoint(tmp_path / "checkpoint.pt").epoch == 2
    steps = []
    train(small_config(**EXACT), small_set(), tmp_path, progress=lambda p: steps.append(p.step))
    assert steps == [7, 8, 9, 10, 11, 12]
    # Weights are up to 0.3; four seeds differ by 2e-7 at most.
    assert furthest(weights(tmp_path), weights(alone)) < 2e-6


@pytest.mark.slow
@pytest.mark.parametrize("network", ["paper-cnn", "rnn"])
def test_a_whole_run_of_two_is_that_of_one(network: str, tmp_path: Path) -> None:
    options = {"rnn": {"hidden": 16}, "paper-cnn": SMALL["paper-cnn"]}[network]
    config = small_config(network=network, network_options=options, **EXACT)
    seen: list[TrainProgress] = []
    one = train(config, small_set(), tmp_path / "one", test=True)
    two = train(config, small_set(), tmp_path / "two", test=True, devices=TWO, progress=seen.append)
    assert furthest(weights(tmp_path / "one"), weights(tmp_path / "two")) < 2e-5
    assert two.evaluations["test"].track_accuracy == one.evaluations["test"].track_accuracy
    assert two.environment["device"] == "2 x CPU"
    assert [progress.step for progress in seen] == list(range(1, 13))
    assert seen[-1].left_s == 0
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert {path.name for path in (tmp_path / "two").iterdir()} == names


@pytest.mark.slow
def test_images_are_shared_too(tmp_path: Path) -> None:
    config = small_config(
        network="cifar-cnn",
        network_options={"channels": [4, 4], "hidden": [8, 8, 8], "dropout": 0.2},
        n_valid_images=100,
        epochs=1,
        image_augment={"flip": True, "shift": 2, "cutout": 4},
        **EXACT,
    )
    train(config, small_images(), tmp_path / "one")
    train(config, small_images(), tmp_path / "two", devices=TWO)
    assert furthest(weights(tmp_path / "one"), weights(tmp_path / "two")) < 2e-5


@pytest.mark.slow
def test_a_run_goes_on_with_more_processes(alone: Path, tmp_path: Path) -> None:
    def stop(progress: TrainProgress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_config(**EXACT), small_set(), tmp_path, progress=stop)
    three = Devices(("cpu",) * 3)
    steps = []
    train(
        small_config(**EXACT),
        small_set(),
        tmp_path,
        devices=three,
        progress=lambda p: steps.append(p.step),
    )
    assert steps == list(range(4, 13))
    assert furthest(weights(tmp_path), weights(alone)) < 2e-6


@pytest.mark.slow
def test_what_a_process_says_is_said(tmp_path: Path) -> None:
    """The loss becomes no number in both processes; the first says so as it does alone."""
    config = small_config(
        optimizer="sgd",
        learning_rate=1e30,
        network="paper-cnn",
        network_options={"channels": [2, 2, 2, 2, 2], "hidden": [4, 4, 4, 4]},
    )
    with pytest.raises(InvalidArgument, match="try a learning_rate below"):
        train(config, small_set(), tmp_path, devices=TWO)
    assert not multiprocessing.active_children()


def trainers_of(parent: int) -> list[int]:
    """The processes that another one started, by Linux."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name before it, in brackets, may hold anything.
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
    return found


def is_running(process: int) -> bool:
    try:
        # Nobody may have collected an orphan yet.
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("stop", ["ctrl-c", "kill"])
def test_nothing_is_left_of_a_command_that_is_stopped(tmp_path: Path, stop: str) -> None:
    data, out = write_small_set(tmp_path / "data"), tmp_path / "run"
    arguments = ["--network", "gru", "--epochs", "100000", "--data", str(data), "--out", str(out)]
    arguments += ["--set", "crops_per_track=1", "--set", "valid_every=100000"]
    arguments += ["--set", 'network_options={"hidden": 4}', "--devices", "cpu:2"]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with subprocess.Popen(
        [sys.executable, "-m", "soundalike", "train", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as running:
        while not (out / "checkpoint.pt").exists():
            assert running.poll() is None, running.communicate()[1]
        trainers = trainers_of(running.pid)
        assert len(trainers) >= 2
        if stop == "ctrl-c":
            # A terminal sends it to all processes of the command.
            os.killpg(running.pid, signal.SIGINT)
        else:
            running.kill()
        _, said = running.communicate()
    if stop == "ctrl-c":
        assert running.returncode == 130, said
        assert "Stopped. Run the same command again to resume from" in said
        assert not list(out.glob(".*"))
    assert "Traceback" not in said
    deadline = time.monotonic() + 30
    while any(map(is_running, trainers)):
        assert time.monotonic() < deadline, "processes live on"
        time.sleep(0.05)
    assert read_checkpoint(out / "checkpoint.pt").epoch >= 1


# --- what may be asked for ----------------------------------------------------------------------


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs, as far as torch is asked for their number."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)


@pytest.fixture
def no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("1", ["cuda:0"]),
        ("2", ["cuda:0", "cuda:1"]),
        ("auto", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1"]),
        ("cuda:1,0", ["cuda:1", "cuda:0"]),
        ("cpu", ["cpu"]),
        ("cpu:3", ["cpu"] * 3),
    ],
)
def test_devices_where_there_are_gpus(asked: str, names: list[str]) -> None:
    assert list(find_devices(asked).names) == names


@pytest.mark.usefixtures("no_gpus")
@pytest.mark.parametrize(("asked", "n"), [("1", 1), ("2", 2), ("auto", 1), ("cpu:4", 4)])
def test_devices_where_there_is_only_a_cpu(asked: str, n: int) -> None:
    assert find_devices(asked).names == ("cpu",) * n


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("0", "devices '0': at least one process must train, not 0"),
        ("-1", "devices '-1': at least one process must train, not -1"),
        ("cpu:0", "devices 'cpu:0': at least one process must train, not 0"),
        ("3", "devices '3': this machine has 2 GPUs; cpu:3 trains on the CPU"),
        ("cuda:0,2", "devices 'cuda:0,2': there is no GPU 2; this machine has those from 0 to 1"),
        ("cuda:1,1", "devices 'cuda:1,1': one GPU is named twice"),
        ("cuda", "devices 'cuda': write cuda:0,1 for the first two GPUs"),
        ("cuda:-1", "devices 'cuda:-1': write cuda:0,1"),
        ("two", "devices 'two': N processes, each on a GPU of its own"),
        ("", "devices '': N processes"),
        ("1.5", "devices '1.5': N processes"),
    ],
)
def test_what_is_no_device_is_named(asked: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{re.escape(message)}"):
        find_devices(asked)


@pytest.mark.usefixtures("no_gpus")
def test_a_gpu_that_is_not_there_is_named_by_the_command(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="torch finds no GPU here; cpu:2 trains on the CPU"):
        find_devices("cuda:0,1")
    data = write_small_set(tmp_path / "data")
    arguments = ["train", "--network", "gru", "--data", str(data), "--out", str(tmp_path / "run")]
    for devices, message in (
        ("cuda:0", "devices 'cuda:0': torch finds no GPU here"),
        ("cpu:0", "devices 'cpu:0': at least one process must train, not 0"),
        ("cpu:999", "999 devices cannot share batches of 64: take 64 or fewer, or a larger batch"),
    ):
        result = CliRunner().invoke(cli, [*arguments, "--devices", devices])
        assert result.exit_code == 1
        assert message in result.stderr
    assert not (tmp_path / "run" / "config.json").exists()


# --- networks that were saved before ------------------------------------------------------------


def test_weights_of_recurrent_layers_in_one_module_are_still_read() -> None:
    """As checkpoints of earlier versions have them."""
    network = build("lstm", {"hidden": 6, "layers": 2, "dropout": 0.0}).eval()
    joint = torch.nn.LSTM(128, 6, 2, batch_first=True)
    former = {f"recurrent.{name}": value for name, value in joint.state_dict().items()}
    former |= {f"head.{name}": value for name, value in network.head.state_dict().items()}
    network.load_state_dict(former)
    x = torch.randn(3, 128, 20)
    with torch.inference_mode():
        states, _ = joint(normalise(x).transpose(1, 2))
        assert torch.allclose(network(x).embedding, states.mean(dim=1), atol=1e-6)


def test_recurrent_layers_are_one_or_more() -> None:
    with pytest.raises(InvalidArgument, match="layers must be 1 or more, not 0"):
        build("gru", {"layers": 0})
