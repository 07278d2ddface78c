"""The models that can be loaded by name, and what is known about them without loading them.

A model is an ONNX file with one input, ``log_mel`` (n_excerpts, ...), which its frontend makes, and
two outputs, ``logits`` (n_excerpts, n_labels) and ``embedding`` (n_excerpts, embedding_dim).
Whatever else is needed to use it (labels, calibration) is in the metadata of the file.
``weights/registry.json`` lists the files in the package. Downloaded models (``soundalike models
pull``) are in the user's models folder, with a registry of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from soundalike.errors import ModelError, printable

__all__ = [
    "DEFAULT_MODEL",
    "FORMER_DEFAULTS",
    "ModelInfo",
    "builtin_models",
    "find_model",
    "installed_models",
    "models_folder",
    "pulled_models",
]

DEFAULT_MODEL = "soundalike"

# Names that were DEFAULT_MODEL in earlier releases, oldest first: a scan re-analyses what these
# analysed; see soundalike/library/lineage.py.
FORMER_DEFAULTS: tuple[str, ...] = ("gtzan-resnet",)

_WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True)
class ModelInfo:
    """A model that is installed.

    Attributes
    ----------
    name, version : together they name the embedding space; see ``id``.
    path : the ONNX file.
    sha256 : of the file, in hexadecimal.
    size_bytes : of the file.
    embedding_dim : length of an embedding.
    labels : the genres or tags that the model knows, in the order of its outputs.
    description : one line.
    kind : ``genres``, of which a track has one, or ``tags``, of which it has any number.
    frontend : what makes its input: ``log-mel-128`` or ``musicnn-96``.
    source : what it was pulled by (a name, or --url and --sha256); empty for a built-in model.
    card : the model card, Markdown: data, split, figures, limits, licence.
    """

    name: str
    version: str
    path: Path
    sha256: str
    size_bytes: int
    embedding_dim: int
    labels: tuple[str, ...]
    description: str
    kind: str = "genres"
    frontend: str = "log-mel-128"
    source: str = ""

    @property
    def id(self) -> str:
        """Name and version, as they are stored with every embedding: ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def card(self) -> str:
        """Text of the model card.

        Raises
        ------
        ModelError : the card is missing.
        """
        card = self.path.with_name(self.path.name.removesuffix(".onnx") + ".md")
        try:
            return card.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{printable(card)}: {_why(error)}; {self._repair}") from error

    def verify(self) -> bytes:
        """The bytes of the file, checked against the registry.

        Raises
        ------
        ModelError : the file is missing or its checksum is wrong.
        """
        path = printable(self.path)
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: {_why(error)}; {self._repair}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"{path}: the checksum is {found}, not {self.sha256}: "
                f"the file is damaged; {self._repair}"
            )
        return content

    @property
    def _repair(self) -> str:
        if not self.source:
            return "install soundalike again"
        return f"download it again: soundalike models pull {self.source} --force"


def models_folder() -> Path:
    """The folder of downloaded models: ``SOUNDALIKE_MODELS``, or one in the user's data folder."""
    named = os.environ.get("SOUNDALIKE_MODELS")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("soundalike", appauthor=False) / "models"


@lru_cache(maxsize=1)
def builtin_models() -> tuple[ModelInfo, ...]:
    """The built-in models, the default first.

    Raises
    ------
    ModelError : the registry of the package is missing or damaged.
    """
    models = _read_registry(_WEIGHTS, "install soundalike again")
    return tuple(sorted(models, key=lambda model: (model.name != DEFAULT_MODEL, model.name)))


def pulled_models() -> tuple[ModelInfo, ...]:
    """The models that the user has downloaded, by name.

    Raises
    ------
    ModelError : the registry in the models folder is damaged.
    """
    folder = models_folder()
    if not (folder / "registry.json").exists():
        return ()
    models = _read_registry(folder, "delete it, and pull its models again")
    return tuple(sorted(models, key=lambda model: model.name))


def installed_models() -> tuple[ModelInfo, ...]:
    """All models that can be loaded, built-in ones first, the default before all.

    Raises
    ------
    ModelError : a registry is missing or damaged.
    """
    return builtin_models() + pulled_models()


def find_model(name: str = DEFAULT_MODEL) -> ModelInfo:
    """The installed model of this name; ``name@version`` asks for one version.

    Raises
    ------
    ModelError : no such model; the message lists the installed ones.
    """
    # One after the other, so that damaged downloads do not affect the built-in models.
    for models in (builtin_models, pulled_models):
        for model in models():
            if name in (model.name, model.id):
                return model
    known = ", ".join(model.id for model in installed_models())
    raise ModelError(
        f"unknown model {name!r}; installed: {known}. To get others: soundalike models pull --help"
    )


def _read_registry(folder: Path, repair: str) -> list[ModelInfo]:
    registry = folder / "registry.json"
    try:
        entries = json.loads(registry.read_text(encoding="utf-8"))
        return [_from_entry(folder, entry) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{printable(registry)}: not a registry of models ({_why(error)}); {repair}"
        ) from error


def _from_entry(folder: Path, entry: dict[str, object]) -> ModelInfo:
    texts = {name: str(entry[name]) for name in ("name", "version", "sha256", "description")}
    more = {name: str(entry[name]) for name in ("kind", "frontend", "source") if name in entry}
    size_bytes, embedding_dim, labels = (
        entry[name] for name in ("size_bytes", "embedding_dim", "labels")
    )
    if not (
        isinstance(size_bytes, int) and isinstance(embedding_dim, int) and isinstance(labels, list)
    ):
        raise ValueError(f"the entry of {texts['name']!r} is damaged")
    return ModelInfo(
        **texts,
        path=folder / str(entry["file"]),
        size_bytes=size_bytes,
        embedding_dim=embedding_dim,
        labels=tuple(map(str, labels)),
        **more,
    )


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or repr(error)
