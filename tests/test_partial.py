"""What is written until it takes a file's place: it stays, unless its writer was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakes import open_library

from soundalike.files import write_file
from soundalike.locks import try_lock
from soundalike.partial import partial_file, remove_leftovers

POSIX = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows keeps what killed programs left"
)

WRITER = """
import sys, time
from pathlib import Path
from soundalike.files import replaced_at_once

with replaced_at_once(Path(sys.argv[1])) as file:
    file.write(b"new" * 100_000)
    print("writing", flush=True)
    time.sleep(60)
"""


def killed_writer(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)


@POSIX
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    killed_writer(path)
    assert len(list(tmp_path.iterdir())) == 2
    assert path.read_text() == "old"
    write_file(tmp_path / "b.txt", "of another name")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "b.txt"]


@POSIX
def test_a_scan_removes_what_a_killed_one_left_though_nothing_is_new(tmp_path: Path) -> None:
    """Then no index is written, which would do it."""
    with open_library(tmp_path) as library:
        assert library.beside is not None
        beside = library.beside.parent
        beside.mkdir(parents=True, exist_ok=True)
        killed_writer(beside / "library.db.soundalike@2.index")
        assert list(beside.glob(".soundalike-*.part"))
        (tmp_path / "nothing").mkdir()
        library.scan([tmp_path / "nothing"])
        assert not list(beside.glob(".soundalike-*.part"))


@POSIX
def test_what_others_write_stays(tmp_path: Path) -> None:
    old = tmp_path / ".soundalike-0123456789abcdef.part"
    busy = tmp_path / ".soundalike-fedcba9876543210.part"
    other = tmp_path / ".soundalike-notes.part"
    for each in (old, busy, other):
        each.touch()
    with busy.open("r+b") as file:
        assert try_lock(file)
        with partial_file(tmp_path) as partial:
            assert not old.exists()
            old.touch()
            assert remove_leftovers(tmp_path) == 1
            assert partial.path.exists()
    assert sorted(tmp_path.iterdir()) == sorted([busy, other])


@POSIX
def test_nothing_is_taken_for_a_leftover_while_it_is_written(tmp_path: Path) -> None:
    """Four threads write, and four remove leftovers, as often as they can."""
    stop = threading.Event()
    problems: list[BaseException] = []

    def tidy() -> None:
        while not stop.is_set():
            remove_leftovers(tmp_path)

    def write(number: int) -> None:
        try:
            for count in range(200):
                write_file(tmp_path / f"{number}.txt", f"{number} {count}")
                assert (tmp_path / f"{number}.txt").read_text() == f"{number} {count}"
        except BaseException as error:
            problems.append(error)

    tidying = [threading.Thread(target=tidy) for _ in range(4)]
    writing = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in tidying + writing:
        thread.start()
    for thread in writing:
        thread.join()
    stop.set()
    for thread in tidying:
        thread.join()
    assert problems == []
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"{n}.txt" for n in range(4)]
