"""What a scan and its workers say to each other. Plain records, pickled between processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from soundalike.analysis import Analysis
from soundalike.audio.tags import Tags
from soundalike.files import Stamp
from soundalike.models import ModelKey

__all__ = [
    "MOST_MEMORY",
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
    "MakePool",
    "Outcome",
    "Pool",
    "Setup",
    "Tagged",
    "TagsJob",
    "Working",
]

# Without a limit, a file of some kB whose header lies can make a decoder take all the memory there
# is, and whom the system kills then is a matter of luck.
MOST_MEMORY = 4_000_000_000
"""Bytes of address space that a library's workers may have; the longest file takes a tenth."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message to a worker.

    Attributes
    ----------
    analyzer : "module:callable", called with the key of a model.
    model : that a job without models of its own is about.
    most_memory : bytes of address space that the worker may have, where the system can be told so;
        a file that takes more is an error, or the end of that worker. None for no limit.
    """

    analyzer: str
    model: ModelKey
    most_memory: int | None = None


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
    is_again : whether an older model has analysed it, or passages of it were heard.
    audio_digest : as :class:`Digested` has it; None where it was not looked at.
    tag_encoding : of 8-bit text in tags; None to find out.
    fast : hear a few passages only.
    """

    track_id: int
    path: bytes
    stamp: Stamp
    digest: bytes
    models: tuple[ModelKey, ...]
    is_again: bool
    audio_digest: bytes | None = None
    tag_encoding: str | None = None
    fast: bool = False


@dataclass(frozen=True, slots=True)
class TagsJob:
    """Read what the file says of itself, under the condition of :class:`AnalyseJob`.

    ``is_again``: whether that was read before, from the same content.
    """

    track_id: int
    path: bytes
    stamp: Stamp
    digest: bytes
    is_again: bool
    audio_digest: bytes | None = None
    tag_encoding: str | None = None


@dataclass(frozen=True, slots=True)
class CallJob:
    """Call ``function`` ("module:name") with the path, the worker's ``load`` and the arguments.

    ``load()`` is the analyzer of the worker's :class:`Setup`, ``load(model)`` that of another
    model, loaded when first asked for.
    Workers know the job by its ``track_id``; it may be any number that the asker wants back.
    """

    track_id: int
    path: bytes
    function: str
    arguments: tuple[Any, ...] = ()


Job = DigestJob | AnalyseJob | TagsJob | CallJob


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of itself: format and tags; None for what it does not say."""

    sample_rate: int | None
    channels: int | None
    codec: str | None
    tags: Tags


@dataclass(frozen=True, slots=True)
class Digested:
    """The content of a file, which had this stamp before it was read, and no other size or time of
    modification afterwards.

    ``audio_digest`` is that of ``audio.audio_digest``; None where there is no audio to be found.
    """

    job: DigestJob
    stamp: Stamp
    digest: bytes
    audio_digest: bytes | None


@dataclass(frozen=True, slots=True)
class Analysed:
    """A finished analysis by each of the job's models."""

    job: AnalyseJob
    facts: Facts
    analyses: tuple[Analysis, ...]
    audio_digest: bytes | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a file says of itself."""

    job: TagsJob
    facts: Facts


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


@dataclass(frozen=True, slots=True)
class Working:
    """Not done yet, but bytes of the file came in, or sound came out."""


Outcome = Digested | Analysed | Tagged | Called | Failed | Crashed


class Pool(Protocol):
    """What does jobs: worker processes here, other machines elsewhere, this process in tests.

    A context manager: leaving it ends what works, at once when by an exception.

    Attributes
    ----------
    size : jobs that are done at the same time.
    outstanding : jobs whose outcome was not handed out yet.
    """

    size: int
    outstanding: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=error is not None)

    def submit(self, job: Job) -> None: ...

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """What is finished by now; waits for the first up to the timeout."""
        ...

    def close(self, *, at_once: bool) -> None:
        """Stop; ``at_once`` in the middle of a job."""
        ...


MakePool = Callable[[Setup, int | None], Pool]
"""Called with the setup and the number of jobs to do at the same time; None for as many as there
are cores where they are done."""
