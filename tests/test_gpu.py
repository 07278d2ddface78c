"""Excerpts of several files through a model together, and what happens where no GPU is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import open_library, write_track
from servers import Music

from soundalike import Analyzer
from soundalike.cli import cli
from soundalike.errors import MissingExtra
from soundalike.models import find_model
from soundalike.models.contract import INPUT, why_no_gpu
from soundalike.workers.gpu import GpuAnalyzer, Inputs, Together
from soundalike.workers.ray_pool import ray_pool


def test_excerpts_of_several_files_run_together_and_come_back_apart() -> None:
    """The first run waits until all others are in line, so that the second has them all."""
    sizes, runs = [3, 1, 4, 2], []
    begun, go_on = threading.Event(), threading.Event()

    def run_model(inputs: Inputs, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        runs.append(len(inputs[INPUT]))
        begun.set()
        go_on.wait(30)
        return (inputs[INPUT] * 2, inputs[INPUT].sum(axis=1, keepdims=True))

    together = Together(run_model)
    given = [np.full((size, 5), number, np.float32) for number, size in enumerate(sizes)]
    with ThreadPoolExecutor(len(sizes)) as pool:
        first = pool.submit(together.run, {INPUT: given[0]}, ("a", "b"))
        begun.wait(30)
        rest = [pool.submit(together.run, {INPUT: each}, ("a", "b")) for each in given[1:]]
        while together.n_waiting < len(rest):
            pass
        go_on.set()
        found = [each.result(30) for each in (first, *rest)]
    assert runs == [3, 7]
    for (doubled, summed), own in zip(found, given, strict=True):
        assert np.array_equal(doubled, own * 2)
        assert np.array_equal(summed, own.sum(axis=1, keepdims=True))


def test_an_error_reaches_whoever_asked() -> None:
    def run_model(inputs: Inputs, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        Together(run_model).run({INPUT: np.zeros((1, 1), np.float32)}, ("a",))


def test_files_together_are_analysed_as_alone_within_rounding(composed: Music) -> None:
    files = sorted(composed.folder.rglob("*.flac"))[:4]
    alone, shared = Analyzer(), GpuAnalyzer(find_model("soundalike").key)
    assert shared.device == "cpu"
    with ThreadPoolExecutor(len(files)) as pool:
        found = list(pool.map(shared.from_file, files))
    for file, analysis in zip(files, found, strict=True):
        expected = alone.from_file(file)
        assert np.allclose(analysis.excerpt_embeddings, expected.excerpt_embeddings, atol=1e-5)
        assert analysis.genre == expected.genre


def test_why_there_is_no_gpu_names_what_to_install() -> None:
    assert "install onnxruntime-gpu in place of onnxruntime" in why_no_gpu()


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    write_track(tmp_path / "music/1.wav", "one")
    with (
        open_library(tmp_path, pool=ray_pool("auto")) as library,
        pytest.raises(MissingExtra, match=r"pip install 'soundalike\[ray\]'"),
    ):
        library.scan([tmp_path / "music"])


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["--gpu"], 2, "--gpu needs --ray"),
        (["--ray", "nonsense"], 1, "'nonsense' is no address of a Ray cluster"),
    ],
)
def test_the_command_says_what_is_wrong_about_a_cluster(
    tmp_path: Path, words: list[str], exit_code: int, message: str
) -> None:
    track = write_track(tmp_path / "music/1.wav", "one")
    command = ["scan", str(track), "--library", str(tmp_path / "a.db"), *words]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == exit_code
    assert message in result.stderr
