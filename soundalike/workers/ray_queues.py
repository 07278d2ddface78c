"""Which job a node of a cluster gets next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from soundalike.workers.jobs import AnalyseJob, Job, TagsJob

__all__ = ["Queues", "Task"]


@dataclass(eq=False)
class Task:
    """A job, and how often an actor died over it."""

    job: Job
    deaths: int = 0


class Queues:
    """Jobs that wait for a node.

    A file is hashed first and analysed then. Whichever node hashed it has it at hand: in its cache,
    or as the copy of what lies at an address. So that node is the first to be asked to analyse it,
    and others only when nothing else is left for them.
    """

    def __init__(self) -> None:
        # Over which an actor died: each is a batch of its own.
        self._alone: deque[Task] = deque()
        # What follows from a digest goes before the next one, so that few files are between them.
        self._at: dict[str | None, deque[Task]] = {}
        self._others: deque[Task] = deque()
        self._read_on: Mapping[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._alone) + len(self._others) + sum(map(len, self._at.values()))

    def note(self, read_on: Mapping[bytes, str]) -> None:
        """Take in which nodes have read the files, by their paths, of the jobs that come next."""
        self._read_on = read_on

    def add(self, job: Job) -> None:
        """Take in a new job."""
        if isinstance(job, (AnalyseJob, TagsJob)):
            node = self._read_on.get(job.path)
            self._at.setdefault(node, deque()).append(Task(job))
        else:
            self._others.append(Task(job))

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Put what was never begun before all else, in this order."""
        self._at.setdefault(None, deque()).extendleft(reversed(list(tasks)))

    def put_alone(self, task: Task) -> None:
        """Put one over which an actor died before all else, in a batch of its own."""
        self._alone.append(task)

    def take(self, most: int, node: str) -> list[Task]:
        """The next batch for a node, empty where nothing waits."""
        if self._alone:
            return [self._alone.popleft()]
        batch: list[Task] = []
        for queue in self._in_order(node):
            while queue and len(batch) < most:
                batch.append(queue.popleft())
        self._at = {name: queue for name, queue in self._at.items() if queue}
        return batch

    def _in_order(self, node: str) -> Iterator[deque[Task]]:
        for name in (None, node):
            if name in self._at:
                yield self._at[name]
        yield self._others
        # The longest first: it waits for longest.
        yield from sorted(
            (queue for name, queue in self._at.items() if name not in (None, node)),
            key=len,
            reverse=True,
        )
