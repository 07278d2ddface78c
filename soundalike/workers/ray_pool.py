"""A pool whose workers are actors on the nodes of a Ray cluster.

Jobs go out in batches, at most two for each actor: one that it works at, one that waits there, so
that it never idles and little is lost with it. What a dead actor or node had not answered is done
again by another. A job that was in work goes alone then, so that a second death says whose fault
it is; after three it counts as one over which the worker died, as in a pool of processes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import soundalike
from soundalike.errors import ClusterError, ModelError, UnreadableFile, printable
from soundalike.files import is_gone
from soundalike.urls import url_of
from soundalike.workers.jobs import Broken, Crashed, Failed, Job, MakePool, Outcome, Pool, Setup
from soundalike.workers.ray_cluster import Cluster, connected
from soundalike.workers.ray_queues import Queues, Task
from soundalike.workers.ray_worker import Absent, GpuNode, Greeting, Node

__all__ = ["RayPool", "ray_pool"]

_MOST_IN_BATCH = 4
# One in work, one behind it.
_BATCHES_AHEAD = 2
_MOST_DEATHS = 3
# Actors that end before they greet, one after the other.
_MOST_FALSE_STARTS = 5
# How often the cluster is asked how large it is: nodes come and go.
_LOOK_EVERY_S = 5.0
# A cluster that adds nodes when they are asked for needs minutes.
_STARTED_AFTER_S = 900.0


@dataclass(eq=False)
class _Actor:
    """An actor with the batches that it has; the first of them is in work."""

    handle: Any
    greeting: Any
    hello: Greeting | None = None
    batches: dict[Any, list[Task]] = field(default_factory=dict)


def ray_pool(
    address: str, *, gpu: bool = False, tell: Callable[[str], None] = lambda _: None
) -> MakePool:
    """What makes a pool on the cluster at an address.

    Parameters
    ----------
    address : of its head, such as "10.0.0.1:6379"; "auto" for the one that runs on this machine.
    gpu : run the model on the cluster's GPUs, where it has some.
    tell : called with what somebody should know, such as a lost node.
    """
    return lambda setup, size: RayPool(setup, size, address, gpu=gpu, tell=tell)


class RayPool(Pool):
    """Up to ``size`` jobs at a time, by default as many as the cluster has cores.

    Each has an actor of its own; with ``gpu``, each GPU has one with the cores of its node, and
    nodes without a GPU have none.

    Use it as a context manager: leaving it ends the actors, at once when by an exception.

    Parameters
    ----------
    address, gpu, tell : see :func:`ray_pool`.

    Raises
    ------
    MissingExtra : Ray is not installed.
    ClusterError : there is no cluster at the address, or it has other versions.
    """

    def __init__(
        self,
        setup: Setup,
        size: int | None,
        address: str,
        *,
        gpu: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.outstanding = 0
        self._setup = setup
        self._wanted = size
        self._tell = tell
        self._cluster: Cluster = connected(address)
        self._actors: list[_Actor] = []
        self._queues = Queues()
        self._finished: list[Outcome] = []
        self._read_on: dict[bytes, str] = {}
        self._false_starts = 0
        self._is_closed = False
        self._ready_at = self._looked_at = time.monotonic()
        gpus, cores_each = self._cluster.gpus() if gpu else (0, 1)
        if gpu and not gpus:
            tell("the Ray cluster has no GPU: the model runs on its cores")
        # Jobs of an actor at a time.
        self._threads = cores_each if gpus else 1
        self._on_gpu = gpus > 0
        self._told: set[str] = set()
        self.size = self._room()

    def submit(self, job: Job) -> None:
        self.outstanding += 1
        self._queues.add(job)

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """What is finished by now; waits for the first up to the timeout.

        Raises
        ------
        SoundalikeError : no worker can work, such as for a damaged model.
        ClusterError : no actor starts, or a node does not see a folder that this machine sees.
        """
        if not self._is_closed:
            self._look_at_cluster()
            self._feed()
            self._gather(0.0 if self._finished else timeout_s)
            self._feed()
        finished, self._finished = self._finished, []
        # What follows from them is submitted before more is asked for.
        self._queues.note(self._read_on)
        self._read_on = {}
        self.outstanding -= len(finished)
        return finished

    def close(self, *, at_once: bool) -> None:
        """End all actors; ``at_once`` in the middle of their files."""
        if self._is_closed:
            return
        try:
            if at_once:
                # What has been answered already is not lost.
                self._gather(0.0)
        except Exception:
            # The first error is the one to tell of.
            pass
        finally:
            self._is_closed = True
            for actor in self._actors:
                self._cluster.kill(actor.handle)
            self._actors.clear()
            self._cluster.leave()

    def _room(self) -> int:
        """How many jobs at a time the cluster has room for, of those that are wanted."""
        cores = self._cluster.cores()
        if self._on_gpu:
            cores = self._threads * self._cluster.gpus()[0]
        return max(1, min(cores, self._wanted or cores))

    def _start(self) -> None:
        if self._on_gpu:
            handle = self._cluster.start(
                GpuNode, self._setup, self._threads, cores=self._threads, gpus=1
            )
        else:
            handle = self._cluster.start(Node, self._setup)
        self._actors.append(_Actor(handle, handle.greet.remote()))

    def _look_at_cluster(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        self.size = self._room()
        if any(actor.hello for actor in self._actors) or not self.outstanding:
            self._ready_at = now
        elif now - self._ready_at > _STARTED_AFTER_S:
            raise ClusterError(
                f"no worker has started on the Ray cluster for {_STARTED_AFTER_S / 60:g} minutes: "
                f"see with `ray status` whether its cores are free"
            )

    def _feed(self) -> None:
        """Start the actors that are missing, and give each that has little to do a batch."""
        wanted = -(-min(self.size, self.outstanding) // self._threads)
        for _ in range(wanted - len(self._actors)):
            self._start()
        for held in range(_BATCHES_AHEAD):
            for actor in self._actors:
                if actor.hello is not None and len(actor.batches) == held:
                    batch = self._queues.take(self._batch_size(), actor.hello.node_id)
                    if not batch:
                        return
                    ref = actor.handle.work.remote([task.job for task in batch])
                    actor.batches[ref] = batch

    def _batch_size(self) -> int:
        # Towards the end they are small, so that no actor has several while another has none.
        each = len(self._queues) // (_BATCHES_AHEAD * len(self._actors))
        return min(_MOST_IN_BATCH * self._threads, max(1, each))

    def _gather(self, timeout_s: float) -> None:
        """Take in what is answered; wait for the first up to the timeout."""
        refs = {
            ref: actor
            for actor in self._actors
            for ref in ((actor.greeting,) if actor.hello is None else actor.batches)
        }
        for ref in self._cluster.ready(list(refs), timeout_s):
            actor = refs[ref]
            if actor not in self._actors:
                continue  # it died meanwhile
            answer, death = self._cluster.answer(ref)
            if death is not None:
                self._bury(actor, death)
            elif actor.hello is None:
                self._greeted(actor, answer)
            else:
                # An actor that gives up in the middle leaves the rest of its batch.
                for task, each in zip(actor.batches.pop(ref), answer, strict=False):
                    self._take(task, each)
                    self._read_on[task.job.path] = actor.hello.node_id

    def _greeted(self, actor: _Actor, answer: Greeting | Broken) -> None:
        if isinstance(answer, Broken):
            error = answer.error
            if isinstance(error, ModelError):
                error = ModelError(f"on a node of the Ray cluster: {error}")
            raise error
        if answer.version != soundalike.__version__:
            raise ClusterError(
                f"{answer.node} has soundalike {answer.version}, this machine has "
                f"{soundalike.__version__}: install the same version on all nodes"
            )
        if answer.remark and answer.node not in self._told:
            self._told.add(answer.node)
            self._tell(f"{answer.node} runs the model on its cores: {answer.remark}")
        self._false_starts = 0
        actor.hello = answer

    def _take(self, task: Task, answer: Outcome | Absent | Broken) -> None:
        if isinstance(answer, Broken):
            raise answer.error
        if isinstance(answer, Absent):
            # A file that is gone here as well is the scan's affair.
            answer = answer.outcome if is_gone(os.fsdecode(task.job.path)) else _unseen(answer)
        self._finished.append(answer)

    def _bury(self, actor: _Actor, death: str) -> None:
        """An actor is dead: others do what it has not answered."""
        self._actors.remove(actor)
        self._cluster.kill(actor.handle)
        if actor.hello is None:
            self._false_starts += 1
            if self._false_starts >= _MOST_FALSE_STARTS:
                raise ClusterError(f"no worker starts on the Ray cluster: {death}")
            return
        node = actor.hello.node
        self._tell(f"lost a worker on {node} ({death}); what it had not finished is repeated")
        batches = list(actor.batches.values())
        self._queues.put_back(itertools.chain.from_iterable(batches[1:]))
        for task in itertools.chain.from_iterable(batches[:1]):
            task.deaths += 1
            if task.deaths >= _MOST_DEATHS:
                reason = f"{task.deaths} workers of the Ray cluster died over it: {death}"
                self._finished.append(Crashed(task.job, reason))
            else:
                self._queues.put_alone(task)


def _unseen(absent: Absent) -> Outcome:
    """What to do about a file that is here and not there.

    Raises
    ------
    ClusterError : its folder is not there either: so will be all others.
    """
    if not absent.is_folder_there:
        where, advice = "on this machine", "mount it at the same place on every node"
        if url_of(absent.folder) is not None:
            where, advice = "seen from this machine", "give every node the same settings for it"
        raise ClusterError(
            f"{absent.node} does not see {printable(absent.folder)}, which is {where}: {advice}, "
            f"then scan again"
        )
    reason = f"is not seen on {absent.node}, though it is on this machine"
    return Failed(absent.outcome.job, UnreadableFile.__name__, reason, UnreadableFile.advice)
