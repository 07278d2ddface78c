"""Starting the processes that train, and ending them all, whatever becomes of one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, cast

from soundalike.errors import SoundalikeError, TrainingStopped, with_place
from soundalike.research.ctrl_c import deaf_children, ignore_ctrl_c
from soundalike.research.devices import Devices
from soundalike.research.ranks import Rank, joined

__all__ = ["in_processes"]

# When a process dies the others lose their connection to it and end too, each with an error of its
# own. For so long we look for the first cause.
_AFTERMATH_S: Final = 2.0
# What is being written when a run is stopped is finished or cleared away.
_GRACE_S: Final = 5.0

Work = Callable[..., None]
"""Called in each process with its rank, a function that tells the launcher something, and the
arguments; it must be a function of a module, and what it is given must be picklable."""


def in_processes(
    work: Work, arguments: Sequence[Any], devices: Devices, on_told: Callable[[Any], None]
) -> None:
    """Do work in a process for each device, and return when all are done.

    A script that calls this needs ``if __name__ == "__main__":``, as for any process that is
    started by spawn.

    Parameters
    ----------
    on_told : called here with what the work tells.

    Raises
    ------
    SoundalikeError : what one of the processes raised.
    TrainingStopped : one of them was killed, or failed in a way that nobody foresaw.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="soundalike-") as folder:
        meeting = Path(folder) / "meeting"
        processes: list[BaseProcess] = []
        pipes: dict[Connection, int] = {}
        try:
            with deaf_children():
                for number in range(len(devices)):
                    rank = Rank(number, devices)
                    receiver, sender = context.Pipe(duplex=False)
                    process = context.Process(
                        target=_run,
                        args=(work, rank, meeting, sender, *arguments),
                        name=f"soundalike-train-{number}",
                        daemon=True,
                    )
                    process.start()
                    # The end of the process must be the end of the pipe.
                    sender.close()
                    processes.append(process)
                    pipes[receiver] = number
            _watch(processes, pipes, devices, on_told)
        finally:
            _end(processes)
            for pipe in pipes:
                pipe.close()


def _watch(
    processes: Sequence[BaseProcess],
    pipes: dict[Connection, int],
    devices: Devices,
    on_told: Callable[[Any], None],
) -> None:
    """Hand on what is told until all are done, or one has failed."""
    open_pipes = dict(pipes)
    failures: list[tuple[int, SoundalikeError]] = []
    until_s: float | None = None  # set when one has failed
    while open_pipes:
        patience_s = None if until_s is None else max(0.0, until_s - time.monotonic())
        ready = wait(list(open_pipes), patience_s)
        if not ready:
            break
        for one in ready:
            pipe = cast("Connection", one)
            try:
                told = pipe.recv()
            except (EOFError, OSError):
                number = open_pipes.pop(pipe)
                processes[number].join()
                if processes[number].exitcode and until_s is None:
                    until_s = time.monotonic() + _AFTERMATH_S
                continue
            if isinstance(told, SoundalikeError):
                failures.append((open_pipes[pipe], told))
                until_s = until_s or time.monotonic() + _AFTERMATH_S
            elif until_s is None:
                on_told(told)
    for number, process in enumerate(processes):
        code = process.exitcode
        if code is not None and (code < 0 or (code and number not in dict(failures))):
            raise TrainingStopped(
                f"{_name(number, devices)} {_how(code)}. If memory was short, take fewer devices "
                "or a smaller batch_size; the same command again resumes the run"
            )
    # Whoever lost a connection failed because of another.
    failures.sort(key=lambda failure: isinstance(failure[1], TrainingStopped))
    for number, failure in failures:
        if isinstance(failure, TrainingStopped):
            raise TrainingStopped(f"{_name(number, devices)}: {failure}")
        raise failure


def _name(number: int, devices: Devices) -> str:
    return f"process {number + 1} of {len(devices)} ({devices.names[number]})"


def _how(code: int) -> str:
    """How a process came to its end."""
    if code > 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _end(processes: Sequence[BaseProcess]) -> None:
    """No process is left."""
    for process in processes:
        process.terminate()
    until_s = time.monotonic() + _GRACE_S
    for process in processes:
        process.join(max(0.0, until_s - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _run(work: Work, rank: Rank, meeting: Path, sender: Connection, *arguments: Any) -> None:
    """What one of the processes does."""
    ignore_ctrl_c()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.unraisablehook = _on_unraisable
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with joined(rank, meeting):
            work(rank, sender.send, *arguments)
    except SoundalikeError as error:
        _tell_last(sender, error)
    except Exception as error:
        _tell_last(sender, TrainingStopped(f"{type(error).__name__}: {with_place(error)}"))
    except SystemExit:
        _leave(1)
    _leave(0)


def _on_unraisable(what: sys.UnraisableHookArgs) -> None:
    """The end that was asked for may come while an object is cleared away, where Python says and
    forgets whatever is raised."""
    if isinstance(what.exc_value, SystemExit):
        _leave(1)
    sys.__unraisablehook__(what)


def _end_with_parent() -> None:
    """Nobody trains on for a launcher that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _leave(1)


def _tell_last(sender: Connection, error: SoundalikeError) -> None:
    with suppress(OSError):
        sender.send(error)
    _leave(1)


def _leave(code: int) -> None:
    """End at once: threads of torch may still wait for a process that is gone."""
    os._exit(code)
