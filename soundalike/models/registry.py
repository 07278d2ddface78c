"""The models that can be loaded by name, and what is known about them without loading them.

:mod:`soundalike.models.contract` tells what is in a model file. A folder of models has a file
``registry.json``, which says of each what can be known without loading it. ``weights`` holds the
models that ship with the package; those that were pulled (``soundalike models pull``) lie in the
user's models folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from soundalike.errors import ModelError, printable
from soundalike.facets import Facets
from soundalike.files import why, write_file
from soundalike.locks import locked
from soundalike.models.contract import (
    DEFAULT_FRONTEND,
    DEFAULT_KIND,
    EMBEDDING,
    NO_WORDS,
    ModelMetadata,
    Words,
    check_outputs,
    open_session,
    output_sizes,
    read_properties,
)

__all__ = [
    "DEFAULT_MODEL",
    "FORMER_DEFAULTS",
    "ModelInfo",
    "ModelKey",
    "RegistryChange",
    "builtin_models",
    "changed_registry",
    "find_by_key",
    "find_model",
    "inspect_model",
    "installed_models",
    "models_folder",
    "pulled_models",
]

DEFAULT_MODEL = "soundalike"

# Names that were DEFAULT_MODEL in earlier releases, oldest first: a scan re-analyses what these
# analysed, whether or not they still ship; see ``lineage``.
FORMER_DEFAULTS: tuple[str, ...] = ("gtzan-resnet",)

REGISTRY: Final = "registry.json"
_WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What names a model on any machine; where its file lies is each machine's own affair.

    Attributes
    ----------
    name, version : as in :class:`ModelInfo`.
    sha256 : of the file.
    """

    name: str
    version: str
    sha256: str

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


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
    frontend : what makes its input, by its name in :mod:`soundalike.frontends`.
    source : what it was pulled by (a name, or --url and --sha256); empty for a built-in model.
    facets : what the file says that its embedding is made of; None where it does not tell.
    words : that it gives; none for a model without.
    layout : its facets; one, the sound, for a model without.
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
    kind: str = DEFAULT_KIND
    frontend: str = DEFAULT_FRONTEND
    source: str = ""
    facets: Facets | None = None
    words: Words = NO_WORDS

    @property
    def layout(self) -> Facets:
        """The blocks of an embedding."""
        return self.facets or Facets.one(self.embedding_dim)

    @property
    def id(self) -> str:
        """Name and version, as they are stored with every embedding: ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def key(self) -> ModelKey:
        """What another process, or another machine, finds the model by."""
        return ModelKey(self.name, self.version, self.sha256)

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

    @property
    def metadata(self) -> ModelMetadata:
        """What the file has to say of itself."""
        return ModelMetadata(
            self.name,
            self.version,
            self.labels,
            self.description,
            self.kind,
            self.frontend,
            self.facets,
            self.words,
        )

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
    entries = _read_entries(_WEIGHTS, "install soundalike again")
    models = [_from_entry(_WEIGHTS, entry) for entry in entries]
    return tuple(sorted(models, key=lambda model: (model.name != DEFAULT_MODEL, model.name)))


def pulled_models() -> tuple[ModelInfo, ...]:
    """The models that the user has downloaded, by name.

    Raises
    ------
    ModelError : the registry in the models folder is damaged.
    """
    folder = models_folder()
    if not (folder / REGISTRY).exists():
        return ()
    entries = _read_entries(folder, "delete it, and pull its models again")
    models = [_from_entry(folder, entry) for entry in entries]
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


def find_by_key(key: ModelKey) -> ModelInfo:
    """The installed model that a key names.

    Raises
    ------
    ModelError : it is not installed here, or only with another file.
    """
    found = [model for model in installed_models() if model.id == key.id]
    for model in found:
        if model.sha256 == key.sha256:
            return model
    if found:
        raise ModelError(
            f"{key.id} is installed here with the checksum {found[0].sha256[:12]}, but "
            f"{key.sha256[:12]} was asked for: install the same file on all machines"
        )
    return find_model(key.id)  # says which there are


def inspect_model(content: bytes, path: Path, *, source: str = "") -> ModelInfo:
    """What a model file says of itself, as the registry keeps it.

    Parameters
    ----------
    content : of the file.
    path : where it lies, or will lie.
    source : what ``soundalike models pull`` got it by.

    Raises
    ------
    ModelError : it is no ONNX file, or none with the contract's metadata and outputs.
    """
    try:
        session = open_session(content)
        metadata = ModelMetadata.from_metadata(read_properties(session))
        check_outputs(session, metadata)
        return ModelInfo(
            name=metadata.name,
            version=metadata.version,
            path=path,
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            embedding_dim=int(output_sizes(session)[EMBEDDING]),
            labels=metadata.labels,
            description=metadata.description,
            kind=metadata.kind,
            frontend=metadata.frontend,
            source=source,
            facets=metadata.facets,
            words=metadata.words,
        )
    # ONNX Runtime has no common error class of its own, and raises RuntimeError or its kin.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ModelError(f"not a soundalike model ({reason})") from error


class RegistryChange:
    """What :func:`changed_registry` gives: the registry of a folder, which nobody else changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, model: ModelInfo) -> None:
        """Enter a model of the folder, in place of one of the same name.

        Raises
        ------
        ModelError : the registry that is there is damaged.
        OutputError : it cannot be written.
        """
        self._write([*self._others(model.name), _to_entry(model)])

    def drop(self, name: str) -> None:
        """Take a model out; its files stay. Raises as :meth:`put`."""
        self._write(self._others(name))

    def _others(self, name: str) -> list[Any]:
        if not (self._folder / REGISTRY).exists():
            return []
        entries = _read_entries(self._folder, "delete it, and get its models again")
        return [entry for entry in entries if entry["name"] != name]

    def _write(self, entries: list[Any]) -> None:
        write_file(self._folder / REGISTRY, json.dumps(entries, indent=1) + "\n")


@contextmanager
def changed_registry(folder: Path) -> Iterator[RegistryChange]:
    """Change a folder of models while every other program that wants to waits.

    Parameters
    ----------
    folder : made if need be.

    Raises
    ------
    ModelError : the folder cannot be written to, or another program does not end its change.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder / REGISTRY))
        except OSError as error:
            raise ModelError(f"{printable(folder)}: cannot be written ({why(error)})") from error
        yield RegistryChange(folder)


def _read_entries(folder: Path, repair: str) -> list[dict[str, Any]]:
    """The entries of a registry, each of which is known to make a :class:`ModelInfo`."""
    registry = folder / REGISTRY
    try:
        entries: list[dict[str, Any]] = json.loads(registry.read_text(encoding="utf-8"))
        for entry in entries:
            _from_entry(folder, entry)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{printable(registry)}: not a registry of models ({_why(error)}); {repair}"
        ) from error
    return entries


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
        facets=Facets.from_json(entry["facets"]) if "facets" in entry else None,
        words=Words.from_json(entry.get("words", ())),
        **more,
    )


def _to_entry(model: ModelInfo) -> dict[str, Any]:
    """As the registry keeps it; what is the default is left out."""
    entry = {
        "name": model.name,
        "version": model.version,
        "file": model.path.name,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "embedding_dim": model.embedding_dim,
        "labels": list(model.labels),
        "description": model.description,
    }
    if model.kind != DEFAULT_KIND:
        entry["kind"] = model.kind
    if model.frontend != DEFAULT_FRONTEND:
        entry["frontend"] = model.frontend
    if model.source:
        entry["source"] = model.source
    if model.facets is not None:
        entry["facets"] = model.facets.to_json()
    if model.words:
        entry["words"] = model.words.to_json()
    return entry


def _why(error: Exception) -> str:
    return why(error) if isinstance(error, OSError) else repr(error)
