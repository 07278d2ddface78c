"""The models that can be loaded by name, and what is known of them without loading them.

A model is an ONNX file with one input, ``log_mel`` (n_excerpts, 128, 128) in decibels, and two
outputs, ``logits`` (n_excerpts, n_labels) and ``embedding`` (n_excerpts, embedding_dim). Whatever
else is needed to use it (labels, calibration) lies in the metadata of the file itself.
``weights/registry.json`` lists the files that ship with the package.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from soundalike.errors import ModelError

__all__ = ["DEFAULT_MODEL", "FORMER_DEFAULTS", "ModelInfo", "find_model", "installed_models"]

DEFAULT_MODEL = "gtzan-resnet"

# Names that were DEFAULT_MODEL in earlier releases, oldest first: a scan re-analyses what these
# analysed; see soundalike/library/lineage.py.
FORMER_DEFAULTS: tuple[str, ...] = ()

_WEIGHTS = Path(__file__).parent / "weights"


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
    labels : the genres that the model knows, in the order of its outputs.
    description : one line.
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
        card = self.path.with_suffix(".md")
        try:
            return card.read_text(encoding="utf-8")
        except OSError as error:
            raise ModelError(f"{card}: {error.strerror}; install soundalike again") from error

    def verify(self) -> bytes:
        """The bytes of the file, checked against the registry.

        Raises
        ------
        ModelError : the file is missing or its checksum is wrong.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self.path}: {error.strerror}; install soundalike again") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"{self.path}: the checksum is {found}, not {self.sha256}: "
                f"the file is damaged; install soundalike again"
            )
        return content


@lru_cache(maxsize=1)
def installed_models() -> tuple[ModelInfo, ...]:
    """All models that can be loaded, the default first.

    Raises
    ------
    ModelError : the registry of the package is missing or damaged.
    """
    registry = _WEIGHTS / "registry.json"
    try:
        entries = json.loads(registry.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{registry}: {error}; install soundalike again") from error
    models = [
        ModelInfo(
            name=entry["name"],
            version=entry["version"],
            path=_WEIGHTS / entry["file"],
            sha256=entry["sha256"],
            size_bytes=entry["size_bytes"],
            embedding_dim=entry["embedding_dim"],
            labels=tuple(entry["labels"]),
            description=entry["description"],
        )
        for entry in entries
    ]
    return tuple(sorted(models, key=lambda model: (model.name != DEFAULT_MODEL, model.name)))


def find_model(name: str = DEFAULT_MODEL) -> ModelInfo:
    """The installed model of this name; ``name@version`` asks for one version.

    Raises
    ------
    ModelError : no such model; the message lists those that there are.
    """
    for model in installed_models():
        if name in (model.name, model.id):
            return model
    known = ", ".join(model.id for model in installed_models())
    raise ModelError(f"unknown model {name!r}; installed: {known}")
