"""The process that reads and analyses files for a scan, and for whoever else must decode many.

It is started as a fresh interpreter, gets a :class:`Setup` and then jobs on standard input, and
answers each on standard output. It never sees the database. When its input ends, because the scan
is over or was killed, it ends at once. While a file takes long, it says now and then that it gets
on with it.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import audio_digest, probe, read_tags, source
from soundalike.errors import (
    AudioError,
    DecoderCrashed,
    InvalidArgument,
    MissingExtra,
    ModelError,
    UnreadableFile,
    with_place,
)
from soundalike.files import Stamp, content_digest, is_gone, stamp_of, why
from soundalike.models import ModelKey
from soundalike.workers.jobs import (
    Analysed,
    AnalyseJob,
    Broken,
    Called,
    CallJob,
    Digested,
    DigestJob,
    Facts,
    Failed,
    Job,
    Outcome,
    Setup,
    Tagged,
    TagsJob,
    Working,
)

__all__ = ["AnalyzerLike", "load_analyzer", "main"]

# Far below the time after which a silent worker counts as stuck.
_TELL_EVERY_S = 0.5
_CHANGED = "changed while it was being read"
_VANISHED = "vanished during the scan"
_FAULT_ADVICE = (
    "a fault of soundalike or of its dependencies: please report it, with the file if possible"
)


class AnalyzerLike(Protocol):
    """What a scan needs of an analyzer; ``soundalike.Analyzer`` is one.

    For a fast scan ``from_file`` is called with ``fast=True`` as well.
    """

    @property
    def model(self) -> Any: ...

    def from_file(
        self, path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None
    ) -> Any: ...

    def from_waveform(self, waveform: NDArray[np.floating], sample_rate: int) -> Any: ...


def load_analyzer(analyzer: str, model: ModelKey) -> AnalyzerLike:
    """The analyzer that ``module:callable`` makes of a model's key.

    Raises
    ------
    ModelError : there is no such callable, or it cannot load the model.
    """
    try:
        factory = _named(analyzer)
    except (ImportError, AttributeError) as error:
        raise ModelError(f"the analyzer {analyzer} cannot be loaded: {error}") from error
    return cast("AnalyzerLike", factory(model))


def _named(place: str) -> Any:
    """What ``module:name`` is."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


class Worker:
    """Does one job after the other; a model is loaded for the first one that needs it.

    Parameters
    ----------
    on_progress : called whenever bytes of a file came in, or sound came out.
    """

    def __init__(self, setup: Setup, on_progress: Callable[[], None] = lambda: None) -> None:
        self._setup = setup
        self._on_progress = on_progress
        self._analyzers: dict[str, AnalyzerLike] = {}

    def do(self, job: Job) -> Outcome | Broken:
        path = os.fsdecode(job.path)
        outcome: Outcome
        try:
            if isinstance(job, DigestJob):
                return self._digest(job, path)
            if isinstance(job, CallJob):
                outcome = Called(job, _named(job.function)(path, self._analyzer, *job.arguments))
            elif isinstance(job, TagsJob):
                outcome = Tagged(job, _facts(job, path))
            else:
                outcome = self._analyse(job, path)
        except (MissingExtra, ModelError) as error:
            return Broken(error)
        except InvalidArgument as error:
            # What was asked of the file is wrong, such as a passage behind its end.
            outcome = Failed(job, type(error).__name__, str(error), "")
        except AudioError as error:
            outcome = Failed(job, type(error).__name__, error.reason, error.advice)
        except OSError as error:
            outcome = _unreadable(job, why(error))
        except MemoryError:
            # A header may state any size, and a decoder believe it.
            kind, advice = DecoderCrashed.__name__, DecoderCrashed.advice
            outcome = Failed(job, kind, "takes more memory than a worker may have", advice)
        except Exception as error:
            # Recorded for its file with the place it came from, where it is seen and can be
            # reported; the other files of the scan do not suffer for it.
            outcome = Failed(job, type(error).__name__, with_place(error), _FAULT_ADVICE)
        # A change under the reader's hands makes any result worthless, and explains any error
        # better than the error does.
        change = self._change(job, path)
        return outcome if change is None else _unreadable(job, change)

    def _digest(self, job: DigestJob, path: str) -> Outcome:
        stamp = stamp_of(path)
        try:
            digest = content_digest(path, self._on_progress)
        except PermissionError as error:
            return _unreadable(job, why(error), stamp)
        audio = _audio_digest(path)
        # Another ctime alone, as a hard link makes it, is looked into by the next scan.
        if stamp_of(path)[:2] != stamp[:2]:
            return _unreadable(job, _CHANGED)
        return Digested(job, stamp, digest, audio)

    def _analyse(self, job: AnalyseJob, path: str) -> Analysed:
        # A model that cannot be loaded is none of the file's faults: before anything is read.
        analyzers = [self._analyzer(model) for model in job.models]
        facts = _facts(job, path)
        more = {"fast": True} if job.fast else {}
        analyses = tuple(analyzer.from_file(path, **more) for analyzer in analyzers)
        return Analysed(job, facts, analyses, job.audio_digest or _audio_digest(path))

    def _analyzer(self, model: ModelKey | None = None) -> AnalyzerLike:
        model = model or self._setup.model
        if model.id not in self._analyzers:
            self._analyzers[model.id] = load_analyzer(self._setup.analyzer, model)
        return self._analyzers[model.id]

    def _change(self, job: Job, path: str) -> str | None:
        """How the file is no longer what it was when the scan began with it."""
        if is_gone(path):
            return "gone since the scan" if isinstance(job, CallJob) else _VANISHED
        if not isinstance(job, (AnalyseJob, TagsJob)):
            return None
        try:
            now = stamp_of(path)
            if now.is_like(job.stamp):
                return None
            # A hard link, a rename or other permissions change the ctime, and nothing else.
            same = (
                now[:2] == job.stamp[:2] and content_digest(path, self._on_progress) == job.digest
            )
        except OSError as error:
            return why(error)
        return None if same else _CHANGED


def _facts(job: AnalyseJob | TagsJob, path: str) -> Facts:
    info = probe(path)
    tags = read_tags(path, job.tag_encoding)
    return Facts(info.sample_rate, info.channels, info.codec, tags)


def _audio_digest(path: str) -> bytes | None:
    try:
        return audio_digest(path)
    except Exception:
        # What is wrong with the file, or with us, shows when it is analysed, if it has to be.
        return None


def _unreadable(job: Job, reason: str, stamp: Stamp | None = None) -> Failed:
    return Failed(job, UnreadableFile.__name__, reason, UnreadableFile.advice, stamp)


def _limit_memory(most: int | None) -> None:
    if most is not None and sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    """Answer jobs until the input ends."""
    # Ctrl-C is for the scan, which then ends this process; so is what a service manager sends to
    # all processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Whatever a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    requests: SimpleQueue[Any] = SimpleQueue()

    def listen() -> None:
        while True:
            try:
                requests.put(pickle.load(sys.stdin.buffer))
            except EOFError:
                # Also when the scan was killed: nobody waits for the file in work.
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    told_at = time.monotonic()

    def tell(answer: object) -> None:
        nonlocal told_at
        told_at = time.monotonic()
        pickle.dump(answer, answers)
        answers.flush()

    def on_progress() -> None:
        if time.monotonic() - told_at > _TELL_EVERY_S:
            tell(Working())

    setup = requests.get()
    _limit_memory(setup.most_memory)
    worker = Worker(setup, on_progress)
    source.on_progress = on_progress
    answer: object = "ready"
    while True:
        tell(answer)
        answer = worker.do(requests.get())
