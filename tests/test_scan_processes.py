"""Scans and their worker processes, killed, crashed and interrupted for real."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import fakes
import pytest
from fakes import contents_of, open_library, open_upgraded, text_of, write_track

from soundalike.errors import LibraryError, ModelError
from soundalike.library import Library
from soundalike.workers.pool import WorkerPool

POSIX = sys.platform != "win32"
TRACKS = 8

# Deliberately without a __main__ guard: a script must not need one.
SCAN = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fakes import open_library
from soundalike.workers.pool import WorkerPool
def show(progress):
    print(progress.phase, progress.done, flush=True)
report = open_library(Path(sys.argv[2]), pool=WorkerPool).scan([sys.argv[3]], jobs=2, progress=show)
print("report", report.analysed, report.interrupted, flush=True)
"""


UPGRADE = SCAN.replace("import open_library", "import open_upgraded").replace(
    "open_library(Path(sys.argv[2])", "open_upgraded(Path(sys.argv[2]), '2'"
)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Tracks that take 0.1 s each, a failing one, and two copies."""
    folder = tmp_path / "music"
    for number in range(TRACKS):
        write_track(folder / f"{number:02d}.wav", f"slow {number}")
    write_track(folder / "99 bad.wav", "silent")
    write_track(folder / "copies/1.wav", "slow 1")
    write_track(folder / "copies/2.wav", "slow 1")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with open_library(tmp_path, pool=WorkerPool) as opened:
        yield opened


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pids"
    folder.mkdir()
    monkeypatch.setenv(fakes.PIDS, str(folder))
    return folder


def expected_contents(music: Path) -> Counter[tuple[str, str, str | None]]:
    """What a library says of the music when nothing went wrong."""
    expected: Counter[tuple[str, str, str | None]] = Counter()
    for path in music.rglob("*.wav"):
        if (text := text_of(path)) == "silent":
            expected[str(path), "failed", "silent: 0.1 s that never reach -80 dBFS"] += 1
        else:
            expected[str(path), "analysed", f"text: {text}"] += 1
    return expected


def start_scan(home: Path, music: Path, script: str = SCAN) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(Path(fakes.__file__).parent), str(home), str(music)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    """Wait for a line of progress, or one that is further in the same phase."""
    assert process.stdout is not None
    phase, _, done = line.partition(" ")
    for found in process.stdout:
        word, _, rest = found.strip().partition(" ")
        if found.strip() == line or (word == phase != "report" and int(rest) >= int(done)):
            return
    raise AssertionError(f"the scan ended without {line!r}")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        # Nobody may have collected an orphan yet.
        return not status.exists() or status.read_text(encoding="utf-8").split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pids: Path) -> int:
    """Wait for the workers to end; how many there were."""
    names = [int(path.name) for path in pids.iterdir()]
    deadline = time.monotonic() + 20
    while any(map(is_running, names)):
        assert time.monotonic() < deadline, "workers live on"
        time.sleep(0.05)
    return len(names)


def check_integrity(home: Path) -> None:
    with closing(sqlite3.connect(home / "library.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        half = "SELECT count(*) FROM analyses WHERE id NOT IN (SELECT analysis_id FROM excerpts)"
        assert connection.execute(half).fetchall() == [(0,)]


@pytest.mark.skipif(not POSIX, reason="no SIGKILL")
@pytest.mark.parametrize(
    "moment",
    [
        "analysing 1",
        *(
            pytest.param(moment, marks=pytest.mark.slow)
            for moment in ("walking 0", "analysing 0", "analysing 5")
        ),
    ],
)
def test_a_killed_scan_goes_on_where_it_was(
    tmp_path: Path, music: Path, pids: Path, moment: str
) -> None:
    with start_scan(tmp_path, music) as process:
        wait_for(process, moment)
        process.kill()
    wait_until_gone(pids)
    check_integrity(tmp_path)
    with open_library(tmp_path, pool=WorkerPool) as library:
        stored = {t.content_hash for t in library.tracks("analysed")}
        # All that was reported is stored; at most what came in since then is there too.
        assert len(stored) >= int(moment.split()[1]) - 3  # copies and failures count as done
        report = library.scan([music], jobs=2)
        assert report.analysed == TRACKS - len(stored)
        assert contents_of(library) == expected_contents(music)
    check_integrity(tmp_path)


@pytest.mark.skipif(not POSIX, reason="no signals for one process")
@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("walking 0", "SIGINT"),
        pytest.param("analysing 0", "SIGINT", marks=pytest.mark.slow),
        pytest.param("analysing 3", "SIGINT", marks=pytest.mark.slow),
        pytest.param("analysing 0", "SIGTERM", marks=pytest.mark.slow),
        ("analysing 3", "SIGTERM"),
    ],
)
def test_a_signal_stops_in_order(
    tmp_path: Path, music: Path, pids: Path, moment: str, name: str
) -> None:
    with start_scan(tmp_path, music) as process:
        wait_for(process, moment)
        # A service manager sends its signal to all processes.
        for pid in [int(path.name) for path in pids.iterdir()] if name == "SIGTERM" else []:
            os.kill(pid, signal.SIGTERM)
        process.send_signal(getattr(signal, name))
        assert process.stdout is not None
        *_, last = process.stdout
    assert process.returncode == 0
    wait_until_gone(pids)
    word, analysed, interrupted = last.split()
    assert (word, interrupted) == ("report", "True")
    check_integrity(tmp_path)
    with open_library(tmp_path, pool=WorkerPool) as library:
        assert len({t.content_hash for t in library.tracks("analysed")}) == int(analysed)
        report = library.scan([music], jobs=2)
        assert report.analysed == TRACKS - int(analysed)
        assert not report.interrupted


def test_workers_end_with_their_scan(library: Library, music: Path, pids: Path) -> None:
    report = library.scan([music], jobs=2)
    assert (report.analysed, report.copied, len(report.failed)) == (TRACKS, 2, 1)
    assert wait_until_gone(pids) == 2


def test_no_more_workers_than_files(library: Library, tmp_path: Path, pids: Path) -> None:
    write_track(tmp_path / "music/1.wav", "one")
    library.scan([tmp_path / "music"], jobs=8)
    assert wait_until_gone(pids) == 1


def test_a_crash_costs_only_the_file_that_caused_it(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(fakes.LOG, str(tmp_path / "log"))
    bad = write_track(music / "05 bad.wav", "crash")
    report = library.scan([music], jobs=2)
    assert report.analysed == TRACKS
    failures = {failure.path: failure for failure in report.failed}
    assert failures[bad].kind == "DecoderCrashed"
    if POSIX:
        assert failures[bad].reason == "the process that read it was killed by SIGSEGV"
    lines = Counter((tmp_path / "log").read_text(encoding="utf-8").splitlines())
    assert lines["crash"] == 2  # the second time by itself
    assert {count for text, count in lines.items() if text != "crash"} == {1}
    assert library.scan([music]).still_failing == 2


def test_a_file_that_crashes_only_once_is_analysed(library: Library, tmp_path: Path) -> None:
    write_track(tmp_path / "music/1.wav", f"once {tmp_path / 'mark'}")
    write_track(tmp_path / "music/2.wav", "two")
    report = library.scan([tmp_path / "music"], jobs=2)
    assert (report.analysed, report.failed) == (2, ())
    assert (tmp_path / "mark").exists()


def test_a_file_without_end_is_given_up(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a worker to start on a busy machine.
    monkeypatch.setattr("soundalike.workers.pool.STUCK_AFTER_S", 5.0)
    write_track(tmp_path / "music/1.wav", "hang")
    write_track(tmp_path / "music/2.wav", "two")
    report = library.scan([tmp_path / "music"], jobs=2)
    assert report.analysed == 1
    (failure,) = report.failed
    assert (failure.kind, failure.reason) == (
        "DecoderCrashed",
        "nothing was read or decoded for 5 s",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")
def test_a_file_that_takes_all_memory_fails_alone(library: Library, tmp_path: Path) -> None:
    write_track(tmp_path / "music/1.wav", "greedy")
    write_track(tmp_path / "music/2.wav", "two")
    report = library.scan([tmp_path / "music"], jobs=2)
    assert report.analysed == 1
    (failure,) = report.failed
    assert (failure.kind, failure.reason) == (
        "DecoderCrashed",
        "takes more memory than a worker may have",
    )


def test_a_slow_file_is_not_given_up(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than a worker may be silent, but bytes come all the time."""
    monkeypatch.setattr("soundalike.workers.pool.STUCK_AFTER_S", 4.0)
    write_track(tmp_path / "music/1.wav", "dribble 6")
    report = library.scan([tmp_path / "music"], jobs=2)
    assert (report.analysed, report.failed) == (1, ())


@pytest.mark.skipif(not POSIX, reason="an open file cannot be deleted")
@pytest.mark.parametrize("how", ["deleted", "replaced"])
@pytest.mark.parametrize(
    "moment", ["analysing 0", pytest.param(f"analysing {TRACKS}", marks=pytest.mark.slow)]
)
def test_a_database_that_goes_away_stops_the_scan(
    tmp_path: Path, music: Path, pids: Path, how: str, moment: str
) -> None:
    with start_scan(tmp_path, music) as process:
        wait_for(process, moment)
        path = tmp_path / "library.db"
        path.rename(tmp_path / "gone.db")
        if how == "replaced":
            path.touch()
        assert process.stdout is not None
        assert process.stderr is not None
        rest, error = process.stdout.read(), process.stderr.read()
    assert process.returncode == 1
    assert "report" not in rest
    assert f"library.db: was {'deleted or replaced'} while it was in use" in error
    wait_until_gone(pids)


def test_what_libraries_print_does_not_disturb_the_answers(
    library: Library, tmp_path: Path
) -> None:
    write_track(tmp_path / "music/1.wav", "print a lot")
    assert library.scan([tmp_path / "music"]).analysed == 1


@pytest.mark.parametrize(
    ("analyzer", "error", "message"),
    [
        pytest.param(
            "fakes:NoSuchAnalyzer",
            ModelError,
            "fakes:NoSuchAnalyzer cannot be loaded",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "no_such_module:X",
            ModelError,
            "No module named 'no_such_module'",
            marks=pytest.mark.slow,
        ),
        ("fakes:unloadable", ModelError, "damaged model"),
    ],
)
def test_an_analyzer_that_cannot_be_loaded_ends_the_scan(
    tmp_path: Path, music: Path, pids: Path, analyzer: str, error: type[Exception], message: str
) -> None:
    with open_library(tmp_path, analyzer=analyzer, pool=WorkerPool) as library:
        with pytest.raises(error, match=message):
            library.scan([music], jobs=2)
        assert library.failures() == []  # it was not the files' fault
    with open_library(tmp_path, pool=WorkerPool) as library:
        assert library.scan([music], jobs=2).analysed == TRACKS


def test_a_worker_that_does_not_start_says_why(
    library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.workers.pool._BOOT", "raise SystemExit('no way')")
    with pytest.raises(LibraryError, match="ended at its start: no way"):
        library.scan([music], jobs=2)


def test_two_scans_at_once_are_told_apart(tmp_path: Path, music: Path) -> None:
    with start_scan(tmp_path, music) as process:
        wait_for(process, "analysing 1")
        with (
            open_library(tmp_path, pool=WorkerPool) as library,
            pytest.raises(LibraryError, match="another scan of this library is running"),
        ):
            library.scan([music])
        wait_for(process, f"report {TRACKS} False")


@pytest.mark.skipif(not POSIX, reason="no SIGKILL and no SIGINT for one process")
@pytest.mark.parametrize(
    ("moments", "number"),
    [
        pytest.param(["walking 0", "re-analysing 3"], signal.SIGKILL, marks=pytest.mark.slow),
        (["re-analysing 0", "re-analysing 6"], signal.SIGKILL),
        pytest.param(["re-analysing 2", "re-analysing 5"], signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_an_upgrade_that_is_killed_loses_nothing_and_goes_on(
    tmp_path: Path,
    music: Path,
    pids: Path,
    moments: list[str],
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Long enough for the signal to come in the middle, also on a busy machine.
    monkeypatch.setenv(fakes.SLOW_S, "0.4")
    with open_upgraded(tmp_path, "1", pool=WorkerPool) as library:
        library.scan([music], jobs=2)
        expected = library.similar(1, k=20)
    done = 0
    for moment in moments:
        with start_scan(tmp_path, music, UPGRADE) as process:
            wait_for(process, moment)
            process.send_signal(number)
            assert process.stdout is not None
            process.stdout.read()
        wait_until_gone(pids)
        check_integrity(tmp_path)
        with open_upgraded(tmp_path, "2", pool=WorkerPool) as library:
            state = library.upgrade()
            assert state is not None
            # Never less than before, and all that was reported.
            assert state.done >= max(done, int(moment.split()[1]))
            assert state.done + state.remaining == TRACKS + 2
            done = state.done
            found = library.similar(1, k=20)
            assert (found.model, found.matches) == ("fake@1", expected.matches)
    with open_upgraded(tmp_path, "2", pool=WorkerPool) as library:
        report = library.scan([music], jobs=2)
        assert report.reanalysed == TRACKS + 2 - done
        assert [(m.model, m.tracks) for m in library.info().models] == [("fake@2", TRACKS + 2)]
        assert contents_of(library) == expected_contents(music)
    check_integrity(tmp_path)
