"""What a model file holds: the one place that knows the names in it.

A model is an ONNX file with

- the input ``log_mel``, float32 (n_excerpts, ...), as its frontend makes it; n_excerpts is free;
- the outputs ``logits`` (n_excerpts, n_labels) and ``embedding`` (n_excerpts, embedding_dim), and
  any others. ``distance`` (n_excerpts, 1), if there, tells how far an excerpt is from the music
  that the model knows;
- metadata, all of it text: what :class:`ModelMetadata`, for a model of genres :class:`Calibration`,
  and for one with distances :class:`Familiarity` say. ``projection`` (JSON), if there, says what
  the embedding is made of.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DEFAULT_FRONTEND",
    "DEFAULT_KIND",
    "DISTANCE",
    "EMBEDDING",
    "INPUT",
    "KINDS",
    "LOGITS",
    "PROJECTION",
    "Calibration",
    "Familiarity",
    "ModelMetadata",
    "open_session",
    "output_sizes",
    "read_properties",
    "run",
]

INPUT: Final = "log_mel"
LOGITS: Final = "logits"
EMBEDDING: Final = "embedding"
DISTANCE: Final = "distance"
PROJECTION: Final = "projection"

KINDS: Final = ("genres", "tags")
# What a file without these properties is: the first models had neither.
DEFAULT_KIND: Final = "genres"
DEFAULT_FRONTEND: Final = "log-mel-128"

_HELD_OUT: Final = "held_out_distances"

# Excerpts in one run of the model: enough to keep it busy, little enough to bound the memory.
_BATCH_EXCERPTS: Final = 16


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
    """

    name: str
    version: str
    labels: tuple[str, ...]
    description: str
    kind: str = DEFAULT_KIND
    frontend: str = DEFAULT_FRONTEND

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
        return found

    @classmethod
    def from_metadata(cls, properties: Mapping[str, str]) -> ModelMetadata:
        """What :meth:`to_metadata` made.

        Raises
        ------
        ValueError : a property is missing or of the wrong form; the message names it.
        """
        name, version, labels, description = (
            _property(properties, key) for key in ("name", "version", "labels", "description")
        )
        try:
            names = json.loads(labels)
        except ValueError:
            names = None
        if not isinstance(names, list):
            raise ValueError(f"its labels must be a list in JSON, not {labels[:100]!r}")
        return cls(
            name,
            version,
            tuple(map(str, names)),
            description,
            properties.get("kind", DEFAULT_KIND),
            properties.get("frontend", DEFAULT_FRONTEND),
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


def open_session(content: bytes, *, threads: int = 1) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU.

    Parameters
    ----------
    content : of the ONNX file.
    threads : that one run may use.

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
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def read_properties(session: Any) -> Mapping[str, str]:
    """The metadata of the file that a session runs."""
    properties: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    return properties


def output_sizes(session: Any) -> dict[str, int]:
    """How many numbers an excerpt has in each output, by the output's name."""
    return {output.name: output.shape[-1] for output in session.get_outputs()}


def run(
    session: Any, frames: NDArray[np.float32], outputs: Sequence[str] = (LOGITS, EMBEDDING)
) -> tuple[NDArray[np.float32], ...]:
    """Run a model over excerpts, a few at a time.

    Parameters
    ----------
    frames : float32 (n_excerpts, ...), as the model's frontend cuts them, one excerpt or more.
    outputs : names of the outputs that are wanted.

    Returns
    -------
    For each output float32 (n_excerpts, size).
    """
    import numpy as np

    parts = [
        session.run(list(outputs), {INPUT: frames[start : start + _BATCH_EXCERPTS]})
        for start in range(0, len(frames), _BATCH_EXCERPTS)
    ]
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))
