"""A pool of worker processes that survives the death of any of them.

Not ``concurrent.futures``: one dead process breaks that pool for all files in work, and its
spawned processes run the user's main module again, which a script without a ``__main__`` guard
does not survive. Here each worker is a fresh interpreter with two pipes and a thread that waits
on them (pipes cannot be waited for together on Windows), so the file that killed it is known.

Even a single file is analysed in a worker, although starting one takes about half a second: a
decoder that crashes must not take the caller's process with it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

from soundalike.errors import LibraryError
from soundalike.threads import available_cores
from soundalike.workers.jobs import (
    AnalyseJob,
    Broken,
    Crashed,
    Job,
    Outcome,
    Pool,
    Setup,
    TagsJob,
    Working,
)

__all__ = ["WorkerPool"]

# A file may take hours on a slow disk, but not so long without a byte read or a sound decoded.
STUCK_AFTER_S = 600.0

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from soundalike.workers.process import main; main()"
)
# One thread in each worker: the scan keeps all cores busy by itself.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class WorkerPool(Pool):
    """Up to ``size`` processes, by default one for each core, started when there is work for them.

    Use it as a context manager: leaving it ends the processes, at once when by an exception.
    """

    def __init__(self, setup: Setup, size: int | None = None) -> None:
        self.size = size or available_cores()
        self.outstanding = 0
        self._setup = setup
        # What follows from a digest goes before the next one, so that few files are between them.
        self._jobs: queue.PriorityQueue[tuple[int, int, Job | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._outcomes: queue.SimpleQueue[Outcome | Broken] = queue.SimpleQueue()
        self._handlers: list[_Handler] = []

    def submit(self, job: Job) -> None:
        self.outstanding += 1
        priority = 0 if isinstance(job, (AnalyseJob, TagsJob)) else 1
        self._jobs.put((priority, next(self._order), job))
        if len(self._handlers) < min(self.size, self.outstanding):
            handler = _Handler(self._setup, self._jobs, self._outcomes)
            self._handlers.append(handler)
            handler.start()

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """What is finished by now; waits for the first up to the timeout.

        Raises
        ------
        SoundalikeError : no worker can work, such as for a damaged model.
        """
        found: list[Outcome | Broken] = []
        try:
            found.append(self._outcomes.get(timeout=timeout_s))
            while True:
                found.append(self._outcomes.get_nowait())
        except queue.Empty:
            pass
        finished: list[Outcome] = []
        for outcome in found:
            if isinstance(outcome, Broken):
                raise outcome.error
            finished.append(outcome)
        self.outstanding -= len(finished)
        for handler in self._handlers:
            handler.kill_if_stuck(STUCK_AFTER_S)
        return finished

    def close(self, *, at_once: bool) -> None:
        """End all workers; ``at_once`` in the middle of their files."""
        for _ in self._handlers:
            # Before any job that is still waiting.
            self._jobs.put((-1, next(self._order), None))
        if at_once:
            for handler in self._handlers:
                handler.kill()
        for handler in self._handlers:
            handler.join()


class _Handler(threading.Thread):
    """Feeds one worker process, and starts another when it dies."""

    def __init__(
        self,
        setup: Setup,
        jobs: queue.PriorityQueue[tuple[int, int, Job | None]],
        outcomes: queue.SimpleQueue[Outcome | Broken],
    ) -> None:
        super().__init__(name="soundalike-worker", daemon=True)
        self._setup = setup
        self._jobs = jobs
        self._outcomes = outcomes
        self._process: subprocess.Popen[bytes] | None = None
        self._since: float | None = None
        self._killed: str | None = None

    def run(self) -> None:
        try:
            while (job := self._jobs.get()[2]) is not None:
                self._since = time.monotonic()
                self._outcomes.put(self._do(job))
                self._since = None
        except Exception as error:
            # Nobody watches a thread: the scan has to hear of it, or it would wait for ever.
            self._outcomes.put(Broken(error))
        finally:
            self._stop()

    def kill(self, reason: str = "stopped") -> None:
        self._killed = reason
        if self._process is not None:
            self._process.kill()

    def kill_if_stuck(self, limit_s: float) -> None:
        since = self._since
        if since is not None and time.monotonic() - since > limit_s:
            self._since = None
            self.kill(f"nothing was read or decoded for {limit_s:g} s")

    def _do(self, job: Job) -> Outcome | Broken:
        if self._process is None and not self._start():
            return Crashed(job, self._killed or "stopped")
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(job, process.stdin)
            process.stdin.flush()
            outcome: Outcome | Broken | Working = pickle.load(process.stdout)
            while isinstance(outcome, Working):
                self._since = time.monotonic()
                outcome = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            code = self._stop()
            killed, self._killed = self._killed, None
            return Crashed(job, killed or _how(code))
        return outcome

    def _start(self) -> bool:
        """Start a process and wait until it listens; False when it was killed over that.

        Raises
        ------
        LibraryError : it does not start.
        """
        with tempfile.TemporaryFile() as errors:
            process = self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_ONE_THREAD},
                # Ctrl-C in the terminal is for the scan alone.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                pickle.dump(self._setup, process.stdin)
                process.stdin.flush()
                pickle.load(process.stdout)
            except (EOFError, OSError) as error:
                self._stop()
                if self._killed:
                    return False
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").strip().splitlines()
                raise LibraryError(
                    f"a worker process ended at its start: {lines[-1] if lines else 'silently'}"
                ) from error
        if self._killed:
            # It came too early, when there was no process to kill.
            self._stop()
            return False
        return True

    def _stop(self) -> int:
        """End the process, if there is one; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        # What is still to be written to a dead process goes nowhere.
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            return process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _how(code: int) -> str:
    if code >= 0:
        return f"the process that read it ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ", possibly out of memory" if name == "SIGKILL" else ""
    return f"the process that read it was killed by {name}{hint}"
