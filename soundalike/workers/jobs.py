"""What a scan and its workers say to each other. Plain records, pickled between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soundalike.analysis import Analysis
from soundalike.files import Stamp
from soundalike.models import ModelInfo

__all__ = [
    "AnalyseJob",
    "Analysed",
    "Broken",
    "CallJob",
    "Called",
    "Crashed",
    "DigestJob",
    "Digested",
    "Facts",
    "Failed",
    "Job",
    "Outcome",
    "Setup",
]


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message to a worker. ``analyzer`` is "module:callable", called with the model."""

    analyzer: str
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class DigestJob:
    """Read the file and say which content it has."""

    track_id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class AnalyseJob:
    """Analyse the file, if it still is what it was when it was read for its digest.

    Attributes
    ----------
    models : one or more; during an upgrade, the one that answers queries meanwhile is among them.
    is_again : whether an older model has analysed it.
    """

    track_id: int
    path: bytes
    stamp: Stamp
    digest: bytes
    models: tuple[ModelInfo, ...]
    is_again: bool


@dataclass(frozen=True, slots=True)
class CallJob:
    """Call ``function`` ("module:name") with the path, the worker's ``load`` and the arguments.

    ``load()`` is the analyzer of the worker's :class:`Setup`, loaded when first asked for.
    Workers know the job by its ``track_id``; it may be any number that the asker wants back.
    """

    track_id: int
    path: bytes
    function: str
    arguments: tuple[Any, ...] = ()


Job = DigestJob | AnalyseJob | CallJob


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself: format and tags; None for what it does not say."""

    sample_rate: int | None
    channels: int | None
    codec: str | None
    title: str | None
    artist: str | None
    album: str | None
    album_artist: str | None
    genre: str | None
    year: int | None
    track_number: int | None


@dataclass(frozen=True, slots=True)
class Digested:
    """The content of a file, which had this stamp before and after it was read."""

    job: DigestJob
    stamp: Stamp
    digest: bytes


@dataclass(frozen=True, slots=True)
class Analysed:
    """A finished analysis by each of the job's models."""

    job: AnalyseJob
    facts: Facts
    analyses: tuple[Analysis, ...]


@dataclass(frozen=True, slots=True)
class Called:
    """What the function of a job returned."""

    job: CallJob
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The file could not be read or analysed; ``kind`` is the name of the error's class.

    ``stamp`` is there when the file could be looked at, but not read.
    """

    job: Job
    kind: str
    reason: str
    advice: str
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Crashed:
    """The worker died over the job, or had to be killed."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """No worker can work, whatever the file: the scan has to end."""

    error: Exception


Outcome = Digested | Analysed | Called | Failed | Crashed
