"""What a model file holds: the one place that knows the names in it.

A model is an ONNX file with

- the input ``log_mel``, float32 (n_excerpts, ...), as its frontend makes it; n_excerpts is free. A
  frontend may make more inputs, (n_excerpts, size) each: "facets-1" has ``rhythm`` and ``harmony``;
- the outputs ``logits`` (n_excerpts, n_labels) and ``embedding`` (n_excerpts, embedding_dim), and
  any others. ``distance`` (n_excerpts, 1), if there, tells how far an excerpt is from the music
  that the model knows; ``words`` (n_excerpts, n_words) are the logits of words that may hold;
- metadata, all of it text: what :class:`ModelMetadata`, for a model of genres :class:`Calibration`,
  and for one with distances :class:`Familiarity` say. ``tempo`` and ``key`` (JSON), if there, are
  what calibrates the estimates of :mod:`soundalike.descriptors`: without, none is given.
  ``projection`` (JSON), if there, says what the embedding is made of.

Of an embedding with facets, a block whose name is that of an input is made of that input alone; its
length in the file does not matter, since the analyzer scales every block.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from soundalike.errors import InvalidArgument
from soundalike.facets import Facets

if TYPE_CHECKING:
    import numpy as np
    from _typeshed import DataclassInstance
    from numpy.typing import NDArray

__all__ = [
    "DEFAULT_FRONTEND",
    "DEFAULT_KIND",
    "DISTANCE",
    "EMBEDDING",
    "INPUT",
    "KEY",
    "KINDS",
    "LOGITS",
    "NO_WORDS",
    "PROJECTION",
    "TAG",
    "TEMPO",
    "WORDS",
    "Calibration",
    "Familiarity",
    "ModelMetadata",
    "Word",
    "Words",
    "calibration_metadata",
    "check_outputs",
    "device_of",
    "input_sizes",
    "open_session",
    "output_sizes",
    "read_calibration",
    "read_properties",
    "run",
    "tag_words",
    "why_no_gpu",
]

INPUT: Final = "log_mel"
LOGITS: Final = "logits"
EMBEDDING: Final = "embedding"
DISTANCE: Final = "distance"
WORDS: Final = "words"
PROJECTION: Final = "projection"
TEMPO: Final = "tempo"
KEY: Final = "key"

KINDS: Final = ("genres", "tags")
# What a file without these properties is: the first models had neither.
DEFAULT_KIND: Final = "genres"
DEFAULT_FRONTEND: Final = "log-mel-128"

Calibrates = TypeVar("Calibrates", bound="DataclassInstance")

_FACETS: Final = "facets"
_HELD_OUT: Final = "held_out_distances"

# Excerpts in one run of the model: enough to keep it busy, little enough to bound the memory.
_BATCH_EXCERPTS: Final = 16
_CUDA: Final = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Word:
    """A word that may hold of a track.

    Attributes
    ----------
    word : such as "piano".
    group : what kind of word it is: instrument, voice, style, mood, or other.
    threshold : the mean probability of a track's excerpts from which on the word holds.
    precision : of the validation tracks at or above the threshold, the share of which the teacher
        says the word, too, 0 to 1. None where no threshold has the precision that was asked for:
        tracks can be ranked by the word then, but it is never said to hold.
    """

    word: str
    group: str
    threshold: float
    precision: float | None

    def holds(self, probability: float) -> bool:
        """Whether it is said of a track with this mean probability."""
        return self.precision is not None and probability >= self.threshold


@dataclass(frozen=True)
class Words:
    """The words that a model gives, in the order of its output."""

    words: tuple[Word, ...] = ()

    def __iter__(self) -> Iterator[Word]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def to_json(self) -> list[dict[str, Any]]:
        """As a model file and the library keep it."""
        return [asdict(each) for each in self.words]

    @classmethod
    def from_json(cls, found: Any) -> Words:
        """What :meth:`to_json` made.

        Raises
        ------
        ValueError : it has another form; the message has it.
        """
        wanted = '[{"word": "piano", "group": "instrument", "threshold": 0.4, "precision": 0.8}]'
        try:
            words = tuple(
                Word(
                    str(each["word"]),
                    str(each["group"]),
                    float(each["threshold"]),
                    None if each["precision"] is None else float(each["precision"]),
                )
                for each in found
            )
        except (TypeError, KeyError, ValueError) as error:
            text = json.dumps(found)[:200]
            raise ValueError(f"its words must be such as {wanted}, not {text}") from error
        names = [each.word for each in words]
        if len(set(names)) < len(names):
            raise ValueError("one of its words is there twice")
        return cls(words)


NO_WORDS: Final = Words()

TAG: Final = "tag"
"""The group of the words that are a model's own tags."""


def tag_words(labels: Sequence[str]) -> Words:
    """The tags of a model as words, in lower case: they rank, and none is ever said to hold, since
    nothing calibrates tags.

    Of "Violin, fiddle" the first name is the word, unless that is another tag's.
    """
    plain = [label.lower() for label in labels]
    names = []
    short = [label if "(" in label else label.partition(",")[0] for label in plain]
    for label, first in zip(plain, short, strict=True):
        is_own = first == label or short.count(first) == 1
        names.append((first if is_own else label).replace(",", ""))
    return Words(tuple(Word(name, TAG, 0.5, None) for name in names))


@dataclass(frozen=True)
class ModelMetadata:
    """What a model file says of itself.

    Attributes
    ----------
    name, version : together they name the embedding space.
    labels : the genres or tags, in the order of the logits.
    description : one line.
    kind : ``genres``, of which a track has one, or ``tags``, of which it has any number.
    frontend : what makes the input, by its name in :mod:`soundalike.frontends`.
    facets : what the embedding is made of; None for a model that does not tell.
    words : those that the output ``words`` is about; none for a model without.
    """

    name: str
    version: str
    labels: tuple[str, ...]
    description: str
    kind: str = DEFAULT_KIND
    frontend: str = DEFAULT_FRONTEND
    facets: Facets | None = None
    words: Words = NO_WORDS

    def to_metadata(self) -> dict[str, str]:
        """As properties of the file; what is the default is left out."""
        found = {
            "name": self.name,
            "version": self.version,
            "labels": json.dumps(self.labels),
            "description": self.description,
        }
        if self.kind != DEFAULT_KIND:
            found["kind"] = self.kind
        if self.frontend != DEFAULT_FRONTEND:
            found["frontend"] = self.frontend
        if self.facets is not None:
            found[_FACETS] = json.dumps(self.facets.to_json())
        if self.words:
            found[WORDS] = json.dumps(self.words.to_json())
        return found

    @classmethod
    def from_metadata(cls, properties: Mapping[str, str]) -> ModelMetadata:
        """What :meth:`to_metadata` made.

        Raises
        ------
        ValueError : a property is missing or of the wrong form; the message names it.
        """
        name, version, description = (
            _property(properties, key) for key in ("name", "version", "description")
        )
        facets = _list(properties, _FACETS) if _FACETS in properties else None
        words = _list(properties, WORDS) if WORDS in properties else []
        return cls(
            name,
            version,
            tuple(map(str, _list(properties, "labels"))),
            description,
            properties.get("kind", DEFAULT_KIND),
            properties.get("frontend", DEFAULT_FRONTEND),
            None if facets is None else Facets.from_json(facets),
            Words.from_json(words),
        )


@dataclass(frozen=True)
class Calibration:
    """What turns a track's mean probabilities into ones that can be believed.

    Attributes
    ----------
    temperature : divides their logarithm.
    genre_set_quantile : labels whose calibrated p is at least 1 minus this form the set that holds
        the true one for 90 % of tracks.
    """

    temperature: float
    genre_set_quantile: float

    def to_metadata(self) -> dict[str, str]:
        """As properties of the file, exact to the last bit."""
        return {
            "temperature": repr(self.temperature),
            "genre_set_quantile": repr(self.genre_set_quantile),
        }

    @classmethod
    def from_metadata(cls, properties: Mapping[str, str]) -> Calibration:
        """What :meth:`to_metadata` made.

        Raises
        ------
        ValueError : a property is missing or no number; the message names it.
        """
        return cls(_number(properties, "temperature"), _number(properties, "genre_set_quantile"))


@dataclass(frozen=True)
class Familiarity:
    """What the distance of a track means: how many tracks of music are as far away.

    Attributes
    ----------
    held_out : distances of tracks that the model was neither trained on nor fitted to, ascending.
    """

    held_out: tuple[float, ...]

    def share(self, distance: float) -> float:
        """The share (0 to 1) of held-out tracks that are at least as far from the known music.

        A conformal p-value (Bates et al. 2023, arXiv 2104.08279): for music like the held-out
        tracks it is below any level with at most that probability.

        Parameters
        ----------
        distance : the mean over a track's excerpts.
        """
        farther = len(self.held_out) - bisect_left(self.held_out, distance)
        return (1 + farther) / (1 + len(self.held_out))

    def to_metadata(self) -> dict[str, str]:
        """As a property of the file; three decimals are enough to rank by."""
        return {_HELD_OUT: json.dumps([round(each, 3) for each in sorted(self.held_out)])}

    @classmethod
    def from_metadata(cls, properties: Mapping[str, str]) -> Familiarity:
        """What :meth:`to_metadata` made.

        Raises
        ------
        ValueError : the property is missing or no list of numbers; the message names it.
        """
        text = _property(properties, _HELD_OUT)
        try:
            found = tuple(sorted(float(each) for each in json.loads(text)))
        except (TypeError, ValueError):
            found = ()
        if not found:
            raise ValueError(f"its property {_HELD_OUT!r} must be a list of numbers")
        return cls(found)


def calibration_metadata(name: str, calibration: Any) -> dict[str, str]:
    """What calibrates an estimator, as a property of the file.

    Parameters
    ----------
    name : :data:`TEMPO` or :data:`KEY`.
    calibration : the ``TempoCalibration`` or ``KeyCalibration`` of :mod:`soundalike.descriptors`.
    """
    return {name: json.dumps(asdict(calibration))}


def read_calibration(
    properties: Mapping[str, str], name: str, default: Calibrates
) -> Calibrates | None:
    """What :func:`calibration_metadata` made; None where nothing is said, and no estimate is given.

    Parameters
    ----------
    default : has what the file does not name: ``{"least": 0.6}`` is enough.

    Raises
    ------
    ValueError : the property has another form; the message names it.
    """
    if name not in properties:
        return None
    try:
        given = {
            key: tuple(map(float, value)) if isinstance(value, list) else float(value)
            for key, value in json.loads(properties[name]).items()
        }
        return replace(default, **given)
    except (AttributeError, TypeError, ValueError, InvalidArgument) as error:
        raise ValueError(
            f'its property {name!r} must be such as {{"least": 0.6}}, not '
            f"{properties[name][:100]!r} ({error})"
        ) from None


def _list(properties: Mapping[str, str], key: str) -> list[Any]:
    text = _property(properties, key)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ValueError(f"its {key} must be a list in JSON, not {text[:100]!r}")
    return found


def _property(properties: Mapping[str, str], key: str) -> str:
    if key not in properties:
        raise ValueError(f"it has no property {key!r}")
    return properties[key]


def _number(properties: Mapping[str, str], key: str) -> float:
    text = _property(properties, key)
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"its property {key!r} must be a number, not {text!r}") from None


def open_session(content: bytes, *, threads: int = 1, on_gpu: bool = False) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU, or on a GPU.

    Parameters
    ----------
    content : of the ONNX file.
    threads : that one run may use.
    on_gpu : on a GPU by CUDA, where ONNX Runtime can; see :func:`device_of`.

    Raises
    ------
    Exception : no ONNX file; ONNX Runtime's errors have no common class.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # What goes wrong is raised, too; its log would say it a second time on standard error.
    options.log_severity_level = 4
    # Threads that wait by spinning would take the cores from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    if on_gpu and _CUDA in onnxruntime.get_available_providers():
        # What CUDA cannot start on, ONNX Runtime gives to the next.
        providers.insert(0, _CUDA)
    return onnxruntime.InferenceSession(content, options, providers=providers)


def device_of(session: Any) -> str:
    """What a session runs on: "cuda" or "cpu"."""
    return "cuda" if _CUDA in session.get_providers() else "cpu"


def why_no_gpu() -> str:
    """Why a session that was asked to is not on a GPU."""
    import onnxruntime

    if _CUDA not in onnxruntime.get_available_providers():
        return (
            f"its ONNX Runtime {onnxruntime.__version__} has no CUDA: install onnxruntime-gpu in "
            f"place of onnxruntime"
        )
    return "CUDA does not start there: see the driver, CUDA and cuDNN that onnxruntime-gpu needs"


def read_properties(session: Any) -> Mapping[str, str]:
    """The metadata of the file that a session runs."""
    properties: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    return properties


def output_sizes(session: Any) -> dict[str, int]:
    """How many numbers an excerpt has in each output, by the output's name."""
    return {output.name: output.shape[-1] for output in session.get_outputs()}


def input_sizes(session: Any) -> dict[str, int]:
    """How many numbers an excerpt has in each input, along its last axis, by the input's name."""
    return {given.name: given.shape[-1] for given in session.get_inputs()}


def check_outputs(session: Any, metadata: ModelMetadata) -> None:
    """Whether a file's outputs are as its metadata has them.

    Raises
    ------
    ValueError : an output is not there, or of another size; the message names it.
    """
    sizes = output_sizes(session)
    for name in (LOGITS, EMBEDDING):
        if name not in sizes:
            raise ValueError(f"it has no output {name!r}")
    facets, words = metadata.facets, len(metadata.words)
    if facets is not None and facets.size != sizes[EMBEDDING]:
        raise ValueError(
            f"its embedding has {sizes[EMBEDDING]} numbers, but its facets have {facets.size}"
        )
    if sizes.get(WORDS, 0) != words:
        raise ValueError(f"it names {words} words, but has {sizes.get(WORDS, 0)} outputs for them")


def run(
    session: Any,
    inputs: NDArray[np.float32] | Mapping[str, NDArray[np.float32]],
    outputs: Sequence[str] = (LOGITS, EMBEDDING),
    *,
    most_excerpts: int = _BATCH_EXCERPTS,
) -> tuple[NDArray[np.float32], ...]:
    """Run a model over excerpts, a few at a time.

    Parameters
    ----------
    inputs : float32 (n_excerpts, ...) by the names of the inputs, as the model's frontend cuts
        them, one excerpt or more; an array alone is the input ``log_mel``.
    outputs : names of the outputs that are wanted.
    most_excerpts : at a time.

    Returns
    -------
    For each output float32 (n_excerpts, size).
    """
    import numpy as np

    by_name = inputs if isinstance(inputs, Mapping) else {INPUT: inputs}
    parts = []
    for start in range(0, len(by_name[INPUT]), most_excerpts):
        some = slice(start, start + most_excerpts)
        parts.append(
            session.run(list(outputs), {name: each[some] for name, each in by_name.items()})
        )
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))
