"""Models that are not part of the package: downloading, checking and removing them.

Every model is checked against a SHA-256 and run once before it is installed in the user's models
folder (:func:`soundalike.models.models_folder`). That folder has ``NAME.onnx`` and ``NAME.md``, the
card, for each model, and one ``registry.json`` for all.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from soundalike.analyzer import Analyzer
from soundalike.errors import DataError, InvalidArgument, ModelError, printable
from soundalike.files import replaced_at_once
from soundalike.models import ModelInfo, builtin_models, models_folder, pulled_models
from soundalike.models.download import Progress, Remote, fetch

__all__ = ["SOURCES", "Pulled", "Wheel", "pull", "pull_url", "remove"]

Say = Callable[[str], None]
"""Called with the current step, in words."""


@dataclass(frozen=True)
class Wheel:
    """A package on the Python package index whose weights are converted.

    Attributes
    ----------
    requirement : what pip is asked for.
    sha256 : of the wheel.
    size_bytes : of the wheel.
    description : one line.
    """

    requirement: str
    sha256: str
    size_bytes: int
    description: str


SOURCES: Mapping[str, Wheel] = {
    "musicnn": Wheel(
        requirement="musicnn==0.1.0",
        sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
        size_bytes=29_292_476,
        description="50 tags and a 200-d embedding, trained on the Million Song Dataset",
    ),
}
"""Where ``soundalike models pull NAME`` gets each model from."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRIAL_S = 4


@dataclass(frozen=True)
class Pulled:
    """The result of a pull.

    Attributes
    ----------
    model : as it is installed now.
    was_there : it was installed already, and nothing was downloaded.
    """

    model: ModelInfo
    was_there: bool


def pull(
    name: str,
    *,
    wheel: Path | None = None,
    force: bool = False,
    say: Say | None = None,
    show_pip: bool = False,
) -> Pulled:
    """Download a model that is known by name, convert it and install it.

    Parameters
    ----------
    name : one of :data:`SOURCES`.
    wheel : its wheel, if you have it already; by default pip downloads it, with its own settings.
    force : download it again, even if it is installed.
    say : called with each step.
    show_pip : let pip write its progress to standard error.

    Raises
    ------
    MissingExtra : the packages that convert it are not installed.
    ModelError : an unknown name; no pip or no network; a wheel with a wrong checksum, which is
        deleted if pip downloaded it; damaged weights; or the model cannot be written.
    """
    if name not in SOURCES:
        raise ModelError(
            f"unknown model {name!r}; available: {', '.join(SOURCES)}. For any other, give --url "
            "and --sha256"
        )
    say = say or _nothing
    there = None if force else _there(name, say)
    if there is not None:
        return Pulled(there, was_there=True)
    # Before a long download: this is what needs the extra.
    from soundalike.models import musicnn

    source = SOURCES[name]
    with tempfile.TemporaryDirectory(prefix="soundalike-") as folder:
        if wheel is None:
            say(f"pip downloads {source.requirement} ({source.size_bytes / 1e6:.0f} MB)")
            wheel = _download(source, Path(folder), show_pip=show_pip)
            _check_wheel(wheel, source, is_ours=True)
        else:
            _check_wheel(wheel, source, is_ours=False)
        say("reading and converting the weights")
        content = musicnn.to_onnx(musicnn.read_wheel(wheel))
    card = resources.files("soundalike.models").joinpath(f"{name}.md").read_text("utf-8")
    say("testing the model")
    return Pulled(_install(content, card, source=name, name=name), was_there=False)


def pull_url(
    url: str, sha256: str, *, force: bool = False, progress: Progress | None = None
) -> Pulled:
    """Download and install an ONNX file in soundalike's format (see ``research/export.py``).

    Parameters
    ----------
    url : http or https.
    sha256 : of the file, hexadecimal.
    force : download it again, even if it is installed.
    progress : called with the number of bytes.

    Raises
    ------
    InvalidArgument : the URL is not http or https, or the SHA-256 is not one.
    ModelError : it cannot be downloaded; its checksum is wrong (it is deleted); it is not a model;
        or it cannot be written.
    """
    sha256 = sha256.strip().lower()
    if not _SHA256.fullmatch(sha256):
        raise InvalidArgument(f"{sha256!r} is not a SHA-256, which has 64 hexadecimal digits")
    if not force:
        for model in pulled_models():
            if model.sha256 == sha256 and _is_whole(model):
                return Pulled(model, was_there=True)
    source = f"--url {url} --sha256 {sha256}"
    try:
        # Named after the checksum, so that interrupted downloads of two models do not mix.
        path = fetch(
            Remote(url, f"{sha256[:16]}.download", sha256=sha256),
            models_folder(),
            progress=progress,
        )
        try:
            content = path.read_bytes()
        finally:
            path.unlink()
    except (DataError, OSError) as error:
        raise ModelError(str(error)) from error
    return Pulled(_install(content, None, source=source), was_there=False)


def remove(name: str) -> ModelInfo:
    """Delete a downloaded model; returns what it was.

    Libraries keep its analyses.

    Raises
    ------
    ModelError : no pulled model has this name, or it cannot be deleted.
    """
    for model in pulled_models():
        if name in (model.name, model.id):
            break
    else:
        if any(name in (model.name, model.id) for model in builtin_models()):
            raise ModelError(f"{name!r} is built in and cannot be removed")
        names = ", ".join(model.name for model in pulled_models()) or "none"
        raise ModelError(f"no downloaded model is called {name!r}; downloaded: {names}")
    try:
        _write_registry({model.name: None})
        for path in _files(model.path.parent, model.name):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{printable(model.path)}: {error.strerror or error}") from error
    return model


def _nothing(_: str) -> None:
    return


def _there(name: str, say: Say) -> ModelInfo | None:
    """The model, if it is installed and whole."""
    for model in pulled_models():
        if model.name == name:
            if _is_whole(model):
                return model
            say(f"{model.id} is damaged: downloading it again")
    return None


def _is_whole(model: ModelInfo) -> bool:
    try:
        model.verify()
    except ModelError:
        return False
    return True


def _download(source: Wheel, folder: Path, *, show_pip: bool) -> Path:
    """Have pip download the wheel; it is only unpacked, never installed, never run."""
    by_hand = (
        f"Or get it elsewhere (pip download --no-deps {source.requirement}), and name the file: "
        "--wheel FILE"
    )
    if importlib.util.find_spec("pip") is None:
        raise ModelError(f"{sys.executable} has no pip: {sys.executable} -m ensurepip. {by_hand}")
    words = ["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
    ran = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--dest", str(folder), source.requirement],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if show_pip else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    wheels = sorted(folder.glob("*.whl"))
    if ran.returncode != 0 or len(wheels) != 1:
        reasons = [line for line in ran.stderr.splitlines() if line.startswith("ERROR:")]
        reason = " ".join(reasons or ran.stderr.split("\n")[-3:]).strip()
        raise ModelError(
            f"pip could not download {source.requirement}: {reason or 'it gave no reason'}. "
            f"Is there a network, and does pip's index have it? {by_hand}"
        )
    return wheels[0]


def _check_wheel(wheel: Path, source: Wheel, *, is_ours: bool) -> None:
    """Check the SHA-256; a file of ours with a wrong one is deleted."""
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{printable(wheel)}: {error.strerror or error}") from error
    if found == source.sha256:
        return
    problem = f"its sha256 is {found}, not {source.sha256}"
    if is_ours:
        wheel.unlink()
        raise ModelError(
            f"{wheel.name}: {problem}. It was deleted, and nothing was "
            f"installed: pip's index has another file under the name {source.requirement}"
        )
    raise ModelError(f"{printable(wheel)}: {problem}; nothing was installed")


def _install(
    content: bytes, card: str | None, *, source: str, name: str | None = None
) -> ModelInfo:
    """Put a model into the models folder, if it works."""
    folder = models_folder()
    entry = _entry(content, source)
    model_name = str(entry["name"])
    if not _NAME.fullmatch(model_name) or (name is not None and model_name != name):
        raise ModelError(
            f"{source}: a model cannot be called {model_name!r}; nothing was installed"
        )
    if any(model.name == model_name for model in builtin_models()):
        raise ModelError(f"{source}: {model_name!r} is a built-in model; nothing was installed")
    try:
        # Tested under a name that nobody looks for.
        with tempfile.NamedTemporaryFile(suffix=".onnx", delete=False) as file:
            file.write(content)
        trial = Path(file.name)
        try:
            _try(_info(entry, trial))
        finally:
            with suppress(OSError):
                trial.unlink()
        onnx_path, card_path = _files(folder, model_name)
        info = _info(entry, onnx_path)
        with replaced_at_once(onnx_path) as written:
            written.write(content)
        with replaced_at_once(card_path) as written:
            written.write((card or _plain_card(info)).encode("utf-8"))
        _write_registry({model_name: entry})
    except (DataError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"the model cannot be stored: {reason}") from error
    return info


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.onnx", folder / f"{name}.md"


def _entry(content: bytes, source: str) -> dict[str, Any]:
    """The registry entry of a model, made from the metadata in its file."""
    try:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        embedding_dim = {output.name: output.shape[-1] for output in session.get_outputs()}
        return {
            "name": metadata["name"],
            "version": metadata["version"],
            "file": f"{metadata['name']}.onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
            "embedding_dim": int(embedding_dim["embedding"]),
            "labels": [str(label) for label in json.loads(metadata["labels"])],
            "description": metadata["description"],
            "kind": metadata.get("kind", "genres"),
            "frontend": metadata.get("frontend", "log-mel-128"),
            "source": source,
        }
    # ONNX Runtime has no common error class of its own, and raises RuntimeError or its kin.
    except Exception as error:
        raise ModelError(
            f"{source}: not a model for soundalike ({_first_line(error)}); nothing was installed"
        ) from error


def _info(entry: Mapping[str, Any], path: Path) -> ModelInfo:
    values = {**entry, "path": path, "labels": tuple(entry["labels"])}
    del values["file"]
    return ModelInfo(**values)


def _try(model: ModelInfo) -> None:
    """Run the model on a few seconds of noise.

    Raises
    ------
    ModelError : it fails, or its answer has other shapes than it says.
    """
    if model.kind not in ("genres", "tags"):
        raise ModelError(
            f"{model.id} is a model of {model.kind!r}, not of genres or tags; nothing was installed"
        )
    rate = 16_000
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, _TRIAL_S * rate).astype(np.float32)
    try:
        analysis = Analyzer(model).from_waveform(noise, rate)
    except Exception as error:
        reason = _first_line(error).replace(f"{model.path} ", "it ")
        raise ModelError(f"{model.id} does not run: {reason}; nothing was installed") from error
    found = (analysis.embedding.shape, analysis.probabilities.shape)
    wanted = ((model.embedding_dim,), (len(model.labels),))
    if found != wanted:
        raise ModelError(
            f"{model.id} gives shapes {found} instead of {wanted}; nothing was installed"
        )
    if not (np.isfinite(analysis.embedding).all() and np.isfinite(analysis.probabilities).all()):
        raise ModelError(f"{model.id} gives NaN or infinite values; nothing was installed")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _plain_card(model: ModelInfo) -> str:
    """A card for a model that came without one."""
    return (
        f"# {model.id}\n\n{model.description}\n\n"
        f"No card came with this model. Ask those who published it about its data, figures, limits "
        f"and licence.\n\n| | |\n| --- | --- |\n| from | `{model.source}` |\n"
        f"| SHA-256 | `{model.sha256}` |\n| embedding | {model.embedding_dim} numbers |\n"
        f"| {model.kind} | {', '.join(model.labels)} |\n"
    )


def _write_registry(changes: Mapping[str, dict[str, Any] | None]) -> None:
    """Put entries into the registry of the models folder, or take them out of it (None).

    Raises
    ------
    DataError : it cannot be written.
    """
    path = models_folder() / "registry.json"
    entries = []
    if path.exists():
        pulled_models()  # says what is wrong with a damaged registry
        entries = json.loads(path.read_text(encoding="utf-8"))
    kept = [entry for entry in entries if entry["name"] not in changes]
    added = [entry for entry in changes.values() if entry is not None]
    with replaced_at_once(path) as file:
        file.write((json.dumps([*kept, *added], indent=1) + "\n").encode("utf-8"))
