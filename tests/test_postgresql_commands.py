"""A library on a server, as its users have it: commands, each a process, which find it by
``SOUNDALIKE_LIBRARY``; killed, several at a time, watching and serving."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgresql_server import Server
from servers import EXAMPLES, free_port

pytestmark = pytest.mark.postgresql

# Long on purpose: the machine may have a lot to do.
PATIENCE_S = 120.0
PIECES_A_BAND = 2


@dataclass
class Machine:
    """One of the machines that share a library: its own files, and the same URL.

    Attributes
    ----------
    url : of the library.
    home : where it keeps what is its own.
    """

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SOUNDALIKE_LIBRARY": self.url,
            "SOUNDALIKE_INDEXES": str(self.home / "cache"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "soundalike", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )

    def call(self, *arguments: object, code: int = 0) -> str:
        """What a command says; it ends with this code."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code, said
        assert "please report" not in said
        return said

    def json(self, *arguments: object) -> Any:
        ran = subprocess.run(
            [sys.executable, "-m", "soundalike", *map(str, arguments), "--json"],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            timeout=PATIENCE_S,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return json.loads(ran.stdout)


def compose(folder: Path, pieces: int = PIECES_A_BAND) -> Path:
    sys.path.insert(0, str(EXAMPLES))
    try:
        from compose import make_piece, scores
    finally:
        sys.path.remove(str(EXAMPLES))
    for score in scores():
        if score.track_number <= pieces:
            make_piece(folder, score)
    return folder


def until(is_so: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def scanned(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that has scanned some pieces."""
    home = tmp_path_factory.mktemp("machine")
    name = f"commands_{os.getpid()}"
    machine = Machine(postgresql.make(name), home)
    compose(home / "music")
    machine.call("scan", home / "music", "--jobs", 2)
    yield machine
    postgresql.drop(name)


@pytest.fixture
def machine(
    postgresql: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """A machine with an empty database."""
    name = f"machine_{abs(hash(request.node.nodeid))}_{os.getpid()}"
    yield Machine(postgresql.make(name), tmp_path)
    postgresql.drop(name)


def of_database(machine: Machine, statement: str) -> Any:
    import psycopg

    with psycopg.connect(machine.url) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload]


def first_id(machine: Machine) -> int:
    return int(machine.json("list")[0]["track_id"])


def test_questions(scanned: Machine) -> None:
    listed = scanned.json("list")
    assert len(listed) == 16
    number = listed[3]["track_id"]
    info = scanned.json("info")
    assert info["analysed"] == 16
    in_memory = scanned.json("similar", number)
    in_database = scanned.json("similar", number, "--in-database")
    ranked = [(each["track"]["track_id"], each["similarity"]) for each in in_memory["matches"]]
    assert ranked == [
        (each["track"]["track_id"], each["similarity"]) for each in in_database["matches"]
    ]
    assert len(ranked) == 10
    scanned.call("library", "index")
    approximate = scanned.json("similar", number, "--approximate")
    assert len(approximate["matches"]) == 10
    scanned.call("library", "index", "--drop")
    assert "%" in scanned.call("genre", number)
    for command in (
        ("find", "piano"),
        ("info", number),
        ("versions",),
        ("duplicates",),
        ("failures",),
        ("missing",),
        ("clusters",),
        ("explain", number, ranked[0][0]),
        ("compare", number, ranked[1][0]),
        ("passages", number, "--at", "0:05-0:15"),
        ("path", number, ranked[-1][0], "--min-length", "0"),
        ("radio", number, "--min-length", "0"),
        ("taste",),
    ):
        scanned.call(*command)


def test_a_map_is_kept(scanned: Machine) -> None:
    first = scanned.json("map")
    assert scanned.json("map") == first
    assert list((scanned.home / "cache").rglob("*.map*"))
    assert "made before" in scanned.call("map", "--seed", 5, "--out", scanned.home / "map.html")


def test_playlists(scanned: Machine, tmp_path: Path) -> None:
    target = tmp_path / "list.m3u8"
    scanned.call("playlist", first_id(scanned), "--tracks", 5, "--min-length", 0, "--out", target)
    assert target.read_text().count("/music/") >= 5
    scanned.call("playlist", "refresh", target)
    scanned.call("playlist", "extend", target, "--tracks", 2, "--min-length", 0)


def test_taste(scanned: Machine) -> None:
    number = first_id(scanned)
    scanned.call("like", number)
    scanned.call("dislike", number + 3)
    scanned.call("oddone", number, number + 1, number + 5)
    assert "3" in scanned.call("taste")
    assert len(scanned.json("similar", number)["matches"]) == 10


def test_evaluate(scanned: Machine) -> None:
    said = scanned.call("evaluate", "--no-robustness", "--baseline-sample", 16)
    assert "artist" in said


def test_tags_are_written_and_put_back(machine: Machine) -> None:
    music = compose(machine.home / "music", 1)
    machine.call("scan", music)
    before = {path: path.read_bytes() for path in music.rglob("*.*") if path.is_file()}
    machine.call("tag", "--all")
    changed = [path for path, data in before.items() if path.read_bytes() != data]
    assert len(changed) >= 4
    assert all(b"SOUNDALIKE" in path.read_bytes() for path in changed)
    # The library knows the files as they are now.
    assert machine.json("scan", music)["analysed"] == 0
    (undo,) = machine.home.joinpath("data").rglob("tag-undo/*.jsonl")
    machine.call("tag", "--undo", undo)
    assert not [path for path in changed if b"SOUNDALIKE" in path.read_bytes()]
    assert machine.json("scan", music)["analysed"] == 0


def test_analyses_go_to_another_library(scanned: Machine, machine: Machine, tmp_path: Path) -> None:
    target = tmp_path / "analyses.npz"
    scanned.call("export", target)
    machine.call("import", target)
    number = first_id(scanned)
    assert [each["path"] for each in machine.json("list")] == [
        each["path"] for each in scanned.json("list")
    ]
    names = [
        [(each["track"]["path"], each["similarity"]) for each in found["matches"]]
        for found in (machine.json("similar", number), scanned.json("similar", number))
    ]
    assert names[0] == names[1]


def test_a_server(scanned: Machine) -> None:
    port = free_port()
    process = scanned.start("serve", "--port", port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def is_up() -> bool:
                try:
                    return client.get("/api/v1/health").status_code == 200
                except httpx.TransportError:
                    return False

            until(is_up, process)
            number = first_id(scanned)
            found = client.get(f"/api/v1/tracks/{number}/similar").raise_for_status().json()
            expected = scanned.json("similar", number)
            assert [each["track"]["track_id"] for each in found["matches"]] == [
                each["track"]["track_id"] for each in expected["matches"]
            ]
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said


def test_a_scan_that_is_killed_goes_on(machine: Machine) -> None:
    music = compose(machine.home / "music")
    machine.call("info", code=1)
    process = machine.start("scan", music, "--jobs", 2)

    def has_some() -> bool:
        made = of_database(machine, "SELECT 1 FROM pg_tables WHERE tablename = 'vectors'")
        return bool(made) and bool(of_database(machine, "SELECT 1 FROM analyses"))

    until(has_some, process)
    process.kill()
    process.communicate()
    stored = machine.json("info")["analysed"]
    assert stored > 0
    report = machine.json("scan", music)
    assert report["analysed"] == 16 - stored
    assert machine.json("info")["analysed"] == 16


def test_two_machines_scan_at_once(machine: Machine, tmp_path: Path) -> None:
    """Two folders, of which the second has what is in the first as well; and one folder twice."""
    music = compose(machine.home / "music")
    shutil.copytree(music, machine.home / "more/copies")
    other = Machine(machine.url, tmp_path / "other")
    both = [
        machine.start("scan", music, "--jobs", 1),
        other.start("scan", machine.home / "more", "--jobs", 1),
    ]
    for process in both:
        said, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, said
    assert machine.json("info")["analysed"] == 32
    assert other.json("info")["analysed"] == 32
    assert of_database(machine, "SELECT count(*) FROM analyses") == [(16,)]
    assert of_database(machine, "SELECT count(*) FROM vectors") == [(16,)]


def test_a_folder_that_is_watched(machine: Machine) -> None:
    music = compose(machine.home / "music", 1)
    first = sorted(path for path in music.rglob("*.*") if path.is_file())[0]
    later = machine.home / first.name
    first.rename(later)
    process = machine.start("watch", music, "--settle", "0.5s", "--jobs", 1)

    def count(status: str) -> Any:
        made = of_database(machine, "SELECT 1 FROM pg_tables WHERE tablename = 'vectors'")
        missing = "IS NOT NULL" if status == "missing" else "IS NULL"
        # Analysed: one that vanishes before was never there.
        statement = (
            "SELECT count(*) FROM tracks JOIN analyses USING (content_id) "
            f"WHERE missing_at {missing}"
        )
        return of_database(machine, statement)[0][0] if made else 0

    try:
        until(lambda: count("there") == 7, process)
        later.rename(first)
        until(lambda: count("there") == 8, process)
        first.unlink()
        until(lambda: count("missing") == 1, process)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said


def test_a_copy_into_a_file_and_back(scanned: Machine, machine: Machine, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    scanned.call("library", "copy", scanned.url, backup)
    said = scanned.call("library", "copy", backup, machine.url)
    assert re.search(r"tracks\s+16", said)
    number = first_id(scanned)
    assert machine.json("similar", number)["matches"] == scanned.json("similar", number)["matches"]
