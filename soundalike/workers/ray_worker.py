"""What runs on the nodes of a Ray cluster: actors that do jobs.

One with a core is no more than a pool of one process: what a decoder takes down with it is that
process, so which file it was is known for sure, and a file that hangs is given up, as on one
machine. When the actor dies, or its node, the process ends because its input does.

One with a GPU decodes in threads, as their excerpts go through the model together. What a decoder
takes down with it is the actor; the pool finds out which file it was.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import soundalike
from soundalike.audio import source
from soundalike.errors import SoundalikeError
from soundalike.files import is_gone
from soundalike.models.contract import why_no_gpu
from soundalike.workers.jobs import Broken, Called, CallJob, Failed, Job, Outcome, Setup
from soundalike.workers.pool import STUCK_AFTER_S, WorkerPool
from soundalike.workers.process import AnalyzerLike, Worker
from soundalike.workers.ray_cluster import node_id

__all__ = ["Absent", "GpuNode", "Greeting", "Node"]

_POLL_S = 1.0
# A job is about something that is there.
_HERE = os.fsencode(os.curdir)
_ON_GPU = {"soundalike.analyzer:Analyzer": "soundalike.workers.gpu:GpuAnalyzer"}


@dataclass(frozen=True, slots=True)
class Greeting:
    """What an actor says of itself before it gets work.

    Attributes
    ----------
    node : name of its machine.
    node_id : by which its cluster knows it.
    version : of soundalike there.
    device : that its model runs on, "cpu" or "cuda".
    remark : why it is not the device that was asked for; empty where it is.
    """

    node: str
    node_id: str
    version: str
    device: str = "cpu"
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such file on a node.

    ``folder`` is the one it should be in, ``is_folder_there`` whether that is there with anything
    in it; an empty one is what an unmounted disk leaves behind.
    """

    outcome: Outcome
    node: str
    folder: str
    is_folder_there: bool


class Node:
    """An actor: does jobs one after the other, in a process that may die."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._pool = WorkerPool(setup, 1)

    def greet(self) -> Greeting | Broken:
        """Load the model, by its name, version and hash, before any file is touched."""
        answer = self._do(CallJob(0, _HERE, f"{__name__}:load_model"))
        if isinstance(answer, Broken):
            return answer
        assert isinstance(answer, Called), answer
        return Greeting(socket.gethostname(), node_id(), soundalike.__version__)

    def work(self, jobs: Sequence[Job]) -> list[Outcome | Absent | Broken]:
        """Do the jobs, in this order; :class:`Broken` is the last where no job can be done."""
        answers: list[Outcome | Absent | Broken] = []
        for job in jobs:
            answer = self._do(job)
            answers.append(answer if isinstance(answer, Broken) else looked_for(answer))
            if isinstance(answer, Broken):
                break
        return answers

    def _do(self, job: Job) -> Outcome | Broken:
        try:
            self._pool.submit(job)
            while not (finished := self._pool.outcomes(_POLL_S)):
                pass
        except SoundalikeError as error:
            return Broken(error)
        return finished[0]


class GpuNode:
    """An actor with a GPU: does several jobs at a time, in threads.

    Parameters
    ----------
    threads : that decode.
    """

    def __init__(self, setup: Setup, threads: int) -> None:
        setup = replace(setup, analyzer=_ON_GPU.get(setup.analyzer, setup.analyzer))
        self._worker = Worker(setup, self._note_progress)
        self._threads = ThreadPoolExecutor(threads)
        self._progress_at = time.monotonic()
        self._is_working = False
        source.on_progress = self._note_progress
        threading.Thread(target=self._watch, daemon=True).start()

    def greet(self) -> Greeting | Broken:
        """As :meth:`Node.greet`, with what the model runs on."""
        answer = self._worker.do(CallJob(0, _HERE, f"{__name__}:load_model"))
        if isinstance(answer, Broken):
            return answer
        assert isinstance(answer, Called), answer
        device = str(answer.value)
        remark = "" if device == "cuda" else why_no_gpu()
        return Greeting(socket.gethostname(), node_id(), soundalike.__version__, device, remark)

    def work(self, jobs: Sequence[Job]) -> list[Outcome | Absent | Broken]:
        """Do the jobs; the answers are in their order."""
        self._note_progress()
        self._is_working = True
        try:
            answers = list(self._threads.map(self._worker.do, jobs))
        finally:
            self._is_working = False
        return [each if isinstance(each, Broken) else looked_for(each) for each in answers]

    def _note_progress(self) -> None:
        self._progress_at = time.monotonic()

    def _watch(self) -> None:
        """End the actor where no file gets on: a thread cannot be ended by itself."""
        while True:
            time.sleep(_POLL_S)
            if self._is_working and time.monotonic() - self._progress_at > STUCK_AFTER_S:
                os._exit(1)


def load_model(path: str, load: Callable[[], AnalyzerLike], *arguments: Any) -> str:
    """Load the model of the worker's setup, and say what it runs on; the path is of no interest."""
    return str(getattr(load(), "device", "cpu"))


def looked_for(outcome: Outcome) -> Outcome | Absent:
    """An outcome, or that there is no such file here."""
    path = os.fsdecode(outcome.job.path)
    if not isinstance(outcome, Failed) or not is_gone(path):
        return outcome
    folder = os.path.dirname(path)
    try:
        with os.scandir(folder) as entries:
            is_there = next(entries, None) is not None
    except OSError:
        is_there = False
    return Absent(outcome, socket.gethostname(), folder, is_there)
