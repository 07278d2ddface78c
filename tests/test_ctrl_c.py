"""Processes that were started leave Ctrl-C to the command, and end when it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from soundalike.errors import TrainingStopped

HERE = Path(__file__).parent

posix = pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="there are no masks of signals here"
)

BORN = """
import multiprocessing
from soundalike.research.ctrl_c import deaf_children
from test_ctrl_c import is_deaf, tell_of_birth

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    processes = [context.Process(target=tell_of_birth, args=(sender,)) for _ in range(2)]
    with deaf_children():
        for process in processes:
            process.start()
    print([receiver.recv() for _ in processes], is_deaf())
"""


def is_deaf() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def tell_of_birth(sender: Connection) -> None:
    sender.send(is_deaf())


@posix
def test_the_first_processes_are_deaf_from_their_birth(tmp_path: Path) -> None:
    """In a new interpreter: what Python starts beside the first process let Ctrl-C in again."""
    script = tmp_path / "born.py"
    script.write_text(BORN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout == "[True, True] False\n"


def interrupt_oneself(rank: Any, tell: Callable[[object], None]) -> None:
    del rank
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.raise_signal(signal.SIGINT)
    tell("still here")


class EndedWhileClearedAway:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)
        # Where the signal is seen.
        time.sleep(0)


def end_while_something_is_cleared_away(rank: Any, tell: Callable[[object], None]) -> None:
    del rank
    lost = EndedWhileClearedAway()
    del lost
    tell("did not end")


def test_a_process_that_trains_leaves_ctrl_c_to_the_command() -> None:
    launch, one = launch_of_one()
    told: list[object] = []
    launch(interrupt_oneself, (), one, told.append)
    assert told == ["still here"]


def test_a_process_that_trains_ends_in_any_place_and_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    launch, one = launch_of_one()
    told: list[object] = []
    with pytest.raises(TrainingStopped, match=r"process 1 of 1 \(cpu\) ended with code 1"):
        launch(end_while_something_is_cleared_away, (), one, told.append)
    assert told == []
    assert capfd.readouterr().err == ""


def launch_of_one() -> tuple[Callable[..., None], Any]:
    pytest.importorskip("torch", reason="needs soundalike[research]")
    from soundalike.research.devices import Devices
    from soundalike.research.launch import in_processes

    return in_processes, Devices(("cpu",))
