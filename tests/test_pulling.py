"""Getting models from the net: by pip, by URL, and all that can go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from audio_files import chord, write_audio, write_wav
from click.testing import CliRunner, Result
from onnx import helper, numpy_helper
from tflite_files import like_yamnet

from soundalike import models
from soundalike.analyzer import Analyzer
from soundalike.cli.app import cli
from soundalike.errors import MissingExtra, ModelError, ModelMismatch
from soundalike.library import Library
from soundalike.models import builtin_models, find_model, installed_models
from soundalike.models import pull as pulling
from soundalike.similarity.passages import compare

WHEEL_NAME = "musicnn-0.1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder, which is not there yet."""
    path = tmp_path / "models"
    monkeypatch.setenv("SOUNDALIKE_MODELS", str(path))
    return path


@pytest.fixture
def musicnn(folder: Path, musicnn_wheel: Path) -> Path:
    """The models folder with musicnn in it."""
    pulling.pull("musicnn", wheel=musicnn_wheel)
    return folder


def call(*arguments: object, code: int = 0) -> Result:
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def call_json(*arguments: object) -> Any:
    return json.loads(call(*arguments, "--json").stdout)


def pip_finds(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The user's own settings of pip: no index, but a folder."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


# By pip


def test_pull_use_and_remove(
    folder: Path, musicnn_wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_finds(monkeypatch, musicnn_wheel.parent)
    result = call("models", "pull", "musicnn")
    assert result.stdout.startswith("musicnn@0.1.0 is installed: ")
    assert "pip downloads musicnn==0.1.0 (29 MB)" in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "musicnn.md",
        "musicnn.onnx",
        "registry.json",
    ]
    builtin, pulled = call_json("models")
    assert (builtin["name"], builtin["source"]) == (builtin_models()[0].name, "")
    assert (pulled["id"], pulled["source"], pulled["kind"]) == ("musicnn@0.1.0", "musicnn", "tags")
    assert pulled["sha256"] == hashlib.sha256((folder / "musicnn.onnx").read_bytes()).hexdigest()
    assert "50 tags" in call("models").stdout
    assert "ISC licence" in call("models", "show", "musicnn").stdout

    path = write_audio(tmp_path / "a.flac", chord(44_100, 7.0), 44_100, "flac")
    printed = call("genre", "--model", "musicnn", path, "--timeline")
    assert re.search(r"^tag +activation$", printed.stdout, re.MULTILINE)
    assert len(re.findall(r"^\S.* 0\.\d\d\b.*$", printed.stdout, re.MULTILINE)) >= 10
    assert "probability" not in printed.stdout
    assert "%" not in printed.stdout
    assert "Activations are not probabilities" in printed.stderr
    (found,) = call_json("genre", "--model", "musicnn", path)
    assert len(found["tags"]) == 50
    assert not found.keys() & {"genre", "genres", "genre_set", "confidence", "unsure"}

    assert "musicnn@0.1.0 is removed" in call("models", "remove", "musicnn").stdout
    assert [path.name for path in folder.iterdir()] == ["registry.json"]
    assert installed_models() == builtin_models()
    missing = call("genre", "--model", "musicnn", path, code=1)
    known = "soundalike@2"
    assert f"ModelError: unknown model 'musicnn'; installed: {known}" in missing.stderr


def test_a_model_that_is_there_is_not_fetched_again(
    musicnn: Path, musicnn_wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_finds(monkeypatch, musicnn)  # which has no wheel
    before = (musicnn / "musicnn.onnx").stat().st_mtime_ns
    again = call("models", "pull", "musicnn")
    assert again.stdout == "musicnn@0.1.0 is already installed; --force downloads it again\n"
    assert call_json("models", "pull", "musicnn")["was_there"] is True
    assert "pip could not download" in call("models", "pull", "musicnn", "--force", code=1).stderr
    assert (musicnn / "musicnn.onnx").stat().st_mtime_ns == before
    call("models", "pull", "musicnn", "--force", "--wheel", musicnn_wheel)
    assert (musicnn / "musicnn.onnx").stat().st_mtime_ns > before


def test_a_wheel_with_another_checksum_is_deleted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    info = "musicnn-0.1.0.dist-info"
    with zipfile.ZipFile(links / WHEEL_NAME, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    pip_finds(monkeypatch, links)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    answer = call("models", "pull", "musicnn", code=1).stderr
    sha256 = hashlib.sha256((links / WHEEL_NAME).read_bytes()).hexdigest()
    assert f"{WHEEL_NAME}: its sha256 is {sha256}, not f38a4890" in answer
    assert "It was deleted, and nothing was installed" in answer
    assert not folder.exists()
    assert list(temporary.iterdir()) == []

    # One that the user has named is the user's: it stays.
    answer = call("models", "pull", "musicnn", "--wheel", links / WHEEL_NAME, code=1).stderr
    assert f"{WHEEL_NAME}: its sha256 is" in answer
    assert (links / WHEEL_NAME).exists()
    assert not folder.exists()
    gone = call("models", "pull", "musicnn", "--wheel", tmp_path / "no.whl", code=1)
    assert "no.whl: no such file or directory" in gone.stderr


def test_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "0")
    answer = call("models", "pull", "musicnn", code=1).stderr
    assert "ModelError: pip could not download musicnn==0.1.0: ERROR: " in answer
    assert "Is there a network, and does pip's index have it?" in answer
    assert "--wheel FILE" in answer
    assert not folder.exists()


def test_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"has no pip: .* -m ensurepip\. Or get it elsewhere"):
        pulling.pull("musicnn")


def test_without_the_extra(musicnn_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("musicnn", "yamnet", "onnx_graph"):
        monkeypatch.delitem(sys.modules, f"soundalike.models.{name}", raising=False)
        monkeypatch.delattr(models, name, raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'soundalike\[musicnn\]'"):
        pulling.pull("musicnn", wheel=musicnn_wheel)
    with pytest.raises(MissingExtra, match=r"pip install 'soundalike\[yamnet\]'"):
        pulling.pull("yamnet", file=musicnn_wheel)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_a_full_disk(folder: Path, musicnn_wheel: Path) -> None:
    """A limit on the size of files stands in for it: the system refuses the same write."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "from soundalike.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "models", "pull", "musicnn", "--wheel", str(musicnn_wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "ModelError: the model cannot be stored: " in ran.stderr
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_models_folder_that_is_none(folder: Path, musicnn_wheel: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(
        ModelError, match=r"the model cannot be stored: .*models.* cannot be written"
    ):
        pulling.pull("musicnn", wheel=musicnn_wheel)


def test_what_is_damaged_is_named_and_can_be_repaired(
    musicnn: Path, musicnn_wheel: Path, tmp_path: Path
) -> None:
    content = bytearray((musicnn / "musicnn.onnx").read_bytes())
    content[1000] ^= 1
    (musicnn / "musicnn.onnx").write_bytes(content)
    repair = "download it again: soundalike models pull musicnn --force"
    with pytest.raises(ModelError, match=rf"musicnn\.onnx: the checksum is .*damaged; {repair}"):
        Analyzer("musicnn")
    (musicnn / "musicnn.onnx").unlink()
    with pytest.raises(ModelError, match=rf"no such file or directory; {repair}"):
        Analyzer("musicnn")
    said: list[str] = []
    assert not pulling.pull("musicnn", wheel=musicnn_wheel, say=said.append).was_there
    assert said[0] == "musicnn@0.1.0 is damaged: downloading it again"
    Analyzer("musicnn")

    for text in ("{", "[1]", '[{"name": "musicnn"}]', "7"):
        (musicnn / "registry.json").write_text(text)
        assert find_model().name == "soundalike"
        with pytest.raises(
            ModelError, match=r"registry\.json: not a registry of models .* delete it"
        ):
            installed_models()
        # Who asks for no pulled model is not bothered.
        with Library(tmp_path / "library.db") as library:
            assert library.model.name == "soundalike"


def test_names_that_cannot_be() -> None:
    with pytest.raises(ModelError, match="unknown model 'clap'; available: musicnn, yamnet"):
        pulling.pull("clap")
    with pytest.raises(ModelError, match="'soundalike' is built in and cannot be removed"):
        pulling.remove("soundalike")
    with pytest.raises(
        ModelError, match="no downloaded model is called 'musicnn'; downloaded: none"
    ):
        pulling.remove("musicnn")
    both = ("--url", "http://x", "--sha256", "00")
    for words, reason in (
        ((), "name a model, or give both --url and --sha256"),
        (("--url", "http://x"), "name a model, or give both --url and --sha256"),
        (("--sha256", "00"), "name a model, or give both --url and --sha256"),
        ((*both, "--file", "x"), "--wheel and --file go with NAME"),
        (("yamnet", *both), "--sha256 goes with --url alone"),
    ):
        assert reason in call("models", "pull", *words, code=2).stderr
    for words, reason in (
        (("musicnn", "--url", "http://x"), "musicnn comes in a wheel, which pip downloads"),
        (("musicnn", "--file", "x"), "musicnn comes in a wheel, which pip downloads"),
        (("yamnet", "--wheel", "x"), "yamnet comes as a TensorFlow Lite file: --file FILE, not"),
        (("yamnet", "--file", "x", "--url", "http://x"), "name one with --file FILE or with --url"),
        (("yamnet",), "Published at Kaggle Models, under google/yamnet"),
    ):
        answer = call("models", "pull", *words, code=1).stderr
        assert answer.startswith("InvalidArgument: ")
        assert reason in answer


# By URL


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the URL at which it is served."""
    root = tmp_path / "site"
    root.mkdir()
    handler = partial(Quiet, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield root, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def small_model(*, labels: int = 3, outputs: int = 3, **metadata: str) -> bytes:
    """A model of the project's format: its embedding is the mean level of eight groups of bands."""
    draw = np.random.default_rng(0)
    constants = {
        "shape": np.array([0, 8, -1], np.int64),
        "axes": np.array([2], np.int64),
        "matrix": draw.standard_normal((8, outputs)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["log_mel", "shape"], ["groups"]),
        helper.make_node("ReduceMean", ["groups", "axes"], ["embedding"], keepdims=0),
        helper.make_node("MatMul", ["embedding", "matrix"], ["logits"]),
    ]
    described = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [described("log_mel", onnx.TensorProto.FLOAT, ["n", 128, 128])],
        [
            described("logits", onnx.TensorProto.FLOAT, ["n", outputs]),
            described("embedding", onnx.TensorProto.FLOAT, ["n", 8]),
        ],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    settings = {
        "name": "small",
        "version": "2",
        "labels": json.dumps([f"label {number}" for number in range(labels)]),
        "temperature": "1.0",
        "genre_set_quantile": "0.9",
        "description": "levels of bands",
    }
    helper.set_model_props(model, settings | metadata)
    return bytes(model.SerializeToString())


def publish(site: tuple[Path, str], content: bytes) -> tuple[str, str]:
    """URL and SHA-256."""
    root, url = site
    (root / "model.onnx").write_bytes(content)
    return f"{url}/model.onnx", hashlib.sha256(content).hexdigest()


def test_a_model_by_url(folder: Path, site: tuple[Path, str]) -> None:
    url, sha256 = publish(site, small_model())
    result = call("models", "pull", "--url", url, "--sha256", sha256.upper())
    assert result.stdout.startswith("small@2 is installed: ")
    (found,) = (model for model in installed_models() if model.name == "small")
    assert (found.labels, found.embedding_dim) == (("label 0", "label 1", "label 2"), 8)
    assert (found.kind, found.sha256) == ("genres", sha256)
    assert url in found.card
    assert "No card came with this model" in found.card
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".md", ".onnx"]
    (site[0] / "model.onnx").unlink()
    assert pulling.pull_url(url, sha256).was_there
    assert Analyzer("small@2").from_waveform(chord(22_050, 12.0), 22_050).labels == found.labels

    found.path.write_bytes(b"damaged")
    repair = re.escape(f"soundalike models pull --url {url} --sha256 {sha256} --force")
    with pytest.raises(ModelError, match=repair):
        Analyzer("small")


def test_a_new_version_takes_the_place_of_the_old(site: tuple[Path, str]) -> None:
    for version in ("1", "2"):
        pulling.pull_url(*publish(site, small_model(version=version)))
    pulled = [model.id for model in installed_models() if model not in builtin_models()]
    assert pulled == ["small@2"]


def test_two_pulls_at_the_same_moment_install_both(folder: Path, site: tuple[Path, str]) -> None:
    root, url = site
    commands = []
    for name in ("one", "two"):
        content = small_model(name=name)
        (root / f"{name}.onnx").write_bytes(content)
        place = ["--url", f"{url}/{name}.onnx", "--sha256", hashlib.sha256(content).hexdigest()]
        commands.append([sys.executable, "-m", "soundalike", "models", "pull", *place])
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    assert [program.wait() for program in running] == [0, 0]
    assert [model.name for model in models.pulled_models()] == ["one", "two"]
    names = ["one.md", "one.onnx", "registry.json", "two.md", "two.onnx"]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_file_with_another_checksum_is_deleted(folder: Path, site: tuple[Path, str]) -> None:
    url, sha256 = publish(site, small_model())
    wrong = "0" * 64
    answer = call("models", "pull", "--url", url, "--sha256", wrong, code=1).stderr
    assert f"ModelError: {url}: its sha256 is {sha256}, not {wrong}. It was deleted" in answer
    assert list(folder.iterdir()) == []
    short = call("models", "pull", "--url", url, "--sha256", "abc", code=1).stderr
    assert "InvalidArgument: 'abc' is not a SHA-256, which has 64 hexadecimal digits" in short
    gone = call("models", "pull", "--url", url + "x", "--sha256", wrong, code=1).stderr
    assert "model.onnxx: the server answers 404" in gone


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>not a model</html>", "not a soundalike model"),
        (small_model()[:-200], "not a soundalike model"),
        (small_model(labels=4), r"gives shapes \(\(8,\), \(3,\)\) instead of \(\(8,\), \(4,\)\)"),
        (small_model(name="soundalike"), "'soundalike' is a built-in model"),
        (small_model(name="../../small"), r"a model cannot be called '\.\./\.\./small'"),
        (small_model(kind="moods"), r"small@2 .*moods"),
        (small_model(frontend="cqt"), "needs the frontend 'cqt'; this version has log-mel-128"),
        (small_model(frontend="musicnn-96"), "small@2 does not run"),
        (small_model(temperature="warm"), "small@2 does not run"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "file",
)
def test_what_is_no_model_is_not_installed(
    folder: Path, site: tuple[Path, str], content: bytes, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        pulling.pull_url(*publish(site, content))
    assert "nothing was installed" in str(caught.value)
    assert list(folder.iterdir()) == []
    assert installed_models() == builtin_models()


# From a file of weights


def test_yamnet_from_a_file(folder: Path, yamnet_tflite: Path, tmp_path: Path) -> None:
    result = call("models", "pull", "yamnet", "--file", yamnet_tflite)
    assert result.stdout.startswith("yamnet@1 is installed: ")
    (found,) = (model for model in call_json("models") if model["name"] == "yamnet")
    assert (found["kind"], found["source"]) == ("tags", "yamnet --file FILE")
    assert len(found["labels"]) == 521
    assert "Apache" in call("models", "show", "yamnet").stdout
    assert "already installed" in call("models", "pull", "yamnet").stdout
    assert sorted(path.name for path in folder.iterdir()) == [
        "registry.json",
        "yamnet.md",
        "yamnet.onnx",
    ]
    path = write_audio(tmp_path / "a.flac", chord(44_100, 3.0), 44_100, "flac")
    assert "activation" in call("genre", "--model", "yamnet", path).stdout

    (folder / "yamnet.onnx").write_bytes(b"damaged")
    repair = "download it again: soundalike models pull yamnet --file FILE --force"
    with pytest.raises(ModelError, match=repair):
        Analyzer("yamnet")


def test_yamnet_by_url(folder: Path, site: tuple[Path, str], yamnet_tflite: Path) -> None:
    """Whatever else stands in the file: published ones carry the names of the classes behind."""
    root, url = site
    (root / "yamnet.tflite").write_bytes(yamnet_tflite.read_bytes() + b"the names of the classes")
    result = call("models", "pull", "yamnet", "--url", f"{url}/yamnet.tflite")
    assert result.stdout.startswith("yamnet@1 is installed: ")
    assert find_model("yamnet").source == f"yamnet --url {url}/yamnet.tflite"
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".md", ".onnx"]
    gone = call("models", "pull", "yamnet", "--force", "--url", f"{url}/x", code=1).stderr
    assert "/x: the server answers 404" in gone
    assert "download it elsewhere, and name the file instead of its URL" in gone


def test_other_files_than_yamnets(folder: Path, site: tuple[Path, str], tmp_path: Path) -> None:
    root, url = site
    other, none = tmp_path / "other.tflite", tmp_path / "none.tflite"
    other.write_bytes(like_yamnet())
    none.write_bytes(b"<html>not found</html>")
    big = tmp_path / "big.tflite"
    with big.open("wb") as file:
        file.truncate(40_000_000)
    for path, reason in (
        (other, "the sha256 of its weights is "),
        (none, "it is not a TensorFlow Lite file; nothing was installed"),
        (big, "40,000,000 bytes: no TensorFlow Lite file of yamnet"),
        (tmp_path / "no.tflite", "no such file or directory"),
        (tmp_path, "is a directory"),
    ):
        answer = call("models", "pull", "yamnet", "--file", path, code=1).stderr
        assert f"ModelError: {path}: " in answer
        assert reason in answer
    for path in (other, none, big):
        (root / path.name).write_bytes(path.read_bytes())
        answer = call("models", "pull", "yamnet", "--url", f"{url}/{path.name}", code=1).stderr
        assert f"ModelError: {url}/{path.name}: " in answer
    assert not folder.exists() or list(folder.iterdir()) == []


# A library with it


def test_a_library_of_two_models(musicnn: Path, tmp_path: Path) -> None:
    """Each model has its own analyses; they are never compared."""
    music = tmp_path / "music"
    music.mkdir()
    for number in range(3):
        write_wav(music / f"piece {number}.wav", chord(16_000, 6.0 + number), 16_000)
    library = tmp_path / "library.db"
    both = ("--library", library, "--model", "musicnn")
    assert call_json("scan", music, "--jobs", 1, *both)["analysed"] == 3

    info = call_json("info", *both)
    assert (info["model"], info["analysed"]) == ("musicnn@0.1.0", 3)
    assert len(call_json("info", "piece 1", *both)["analysis"]["tags"]) == 50
    assert "tags heard" in call("info", "piece 1", *both).stdout
    found = call_json("similar", "piece 0", *both)
    assert found["model"] == "musicnn@0.1.0"
    assert len(found["matches"]) == 2
    compared = call("compare", "piece 0", "piece 1", *both).stdout
    assert re.search(r"^ +track +length +tags$", compared, re.MULTILINE)
    assert "0:00 - 0:0" in compared

    other = call("similar", "piece 0", "--library", library, code=1).stderr
    assert "ModelMismatch" in other
    assert "musicnn@0.1.0" in other
    assert "soundalike@2" in other

    # After a scan with the other model, both answer, each with its own.
    assert call_json("scan", music, "--jobs", 1, "--library", library)["analysed"] == 3
    assert call_json("similar", "piece 0", "--library", library)["model"] == "soundalike@2"
    assert call_json("similar", "piece 0", *both) == found
    call("models", "remove", "musicnn")
    assert "unknown model 'musicnn'" in call("similar", "piece 0", *both, code=1).stderr
    with Library(library) as opened:
        assert {each.model for each in opened.info().models} == {"musicnn@0.1.0", "soundalike@2"}


def test_two_models_are_not_compared(musicnn: Path) -> None:
    waveform = chord(16_000, 4.0)
    analyses = [
        Analyzer(name).from_waveform(waveform, 16_000) for name in ("musicnn", "soundalike")
    ]
    with pytest.raises(
        ModelMismatch, match=r"a was analysed with musicnn@0\.1\.0, b with soundalike@2"
    ):
        compare(*analyses)
