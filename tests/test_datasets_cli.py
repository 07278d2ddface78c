"""``soundalike data`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from audio_files import write_wav
from click.testing import CliRunner, Result

from soundalike.cli.data import data
from soundalike.errors import DataError, InvalidArgument
from soundalike.research.datasets import own


def run(*arguments: str) -> Result:
    return CliRunner().invoke(data, list(arguments))


def make_music(folder: Path) -> Path:
    for i in range(8):
        path = folder / ("calm" if i % 2 else "wild") / f"artist {i}" / "a.wav"
        path.parent.mkdir(parents=True)
        write_wav(path, np.random.default_rng(i).normal(0, 0.1, 8000), 8000)
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOUNDALIKE_DATA", str(tmp_path / "sets"))
    return tmp_path / "sets"


def test_list_names_every_set_and_its_place(place: Path) -> None:
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout == run().stdout
    for name in ("gtzan", "cifar10", "folder", "library"):
        assert f"{place / name} (not there)" in result.stdout
    listed = json.loads(run("list", "--json").stdout)
    assert listed[1]["name"] == "cifar10"
    assert listed[1]["parts"]["binary"]["remotes"][0]["md5"] == "c32a1d4ab5d03f1284b67883e8d87530"


def test_info_says_whom_to_cite_and_what_is_missing(place: Path) -> None:
    result = run("info", "gtzan")
    assert result.exit_code == 1
    assert "Cite: G. Tzanetakis and P. Cook" in result.stdout
    assert f"Missing or broken: {place / 'gtzan'}: no such folder" in result.stdout
    result = run("info", "cifar10", "--json")
    assert result.exit_code == 1
    assert "Krizhevsky" in json.loads(result.stdout)["citation"]


def test_prepare_and_info_of_ones_own_music(tmp_path: Path) -> None:
    music = make_music(tmp_path / "music")
    out = tmp_path / "out"
    sizes = ("--validation", "0.25", "--test", "0.25", "--seconds", "10")
    result = run("prepare", "folder", str(music), "--out", str(out), *sizes)
    assert result.exit_code == 0, result.output
    assert f"{out / 'logmel_u8.npz'}: 8 tracks" in result.stdout
    assert "8 of 8" in result.stderr
    assert [len(side) for side in own.load(out).split().sides().values()] == [4, 2, 2]
    result = run("info", "folder", str(out))
    assert (result.exit_code, "split.json: train 4, valid 2, test 2" in result.stdout) == (0, True)
    result = run("prepare", "folder", str(music), "--out", str(out), *sizes, "--json")
    assert json.loads(result.stdout)["labels"] == {"calm": 4, "wild": 4}


def test_prepare_decodes_pictures(tmp_path: Path) -> None:
    images = np.zeros((2, 3, 32, 32), np.uint8)
    np.savez(
        tmp_path / "part.npz",
        train_images=images,
        train_labels=[0, 1],
        test_images=images,
        test_labels=[0, 1],
    )
    result = run("prepare", "cifar10", str(tmp_path / "part.npz"), "--out", str(tmp_path))
    assert result.stdout == f"{tmp_path / 'cifar10.npz'}: 2 training and 2 test images\n"
    assert "a part of the set: 2 of 50000" in result.stderr


def test_what_is_wrong_reaches_the_command_line(tmp_path: Path) -> None:
    result = run("prepare", "gtzan", str(tmp_path))
    assert isinstance(result.exception, DataError)
    assert "Accepted layouts" in str(result.exception)
    result = run("get", "folder")
    assert isinstance(result.exception, InvalidArgument)
    assert "name the folder" in run("prepare", "folder").output
    assert "name the library with --library" in run("prepare", "library", str(tmp_path)).output
    assert "is not one of 'gtzan'" in run("info", "mnist").output
