"""``soundalike serve`` as a process: what it says, and that it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from servers import Music, free_port

from soundalike import Library
from soundalike.cli.serve import asked_for, serve
from soundalike.errors import InvalidArgument
from soundalike.server import tokens
from soundalike.server.running import listening
from soundalike.server.settings import Settings

# As the issue has it; beside it, what a busy machine takes to start and to end a process.
ENDS_WITHIN_S = 5.0
NOISE_S = 15.0


class Process:
    """A running ``soundalike serve``.

    Attributes
    ----------
    lines : what it has printed on either stream.
    address : where it says that it is.
    """

    def __init__(self, *arguments: str, settings: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "soundalike", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "XDG_CONFIG_HOME": str(settings), **environment},
        )
        self.lines: list[str] = []
        self._is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._is_ready.wait(120), self.lines
        assert self.process.poll() is None, self.lines
        (found,) = re.findall(r"soundalike is at (http://\S+)", self.text)
        self.address = found.rstrip("/")

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line)
                if "Ctrl-C ends it" in line:
                    self._is_ready.set()
        self._is_ready.set()

    def children(self) -> set[int]:
        """Of Linux: the processes that it has started, and those of theirs."""
        parents = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    text = (folder / "stat").read_text()
                except OSError:
                    continue
                parents[int(folder.name)] = int(text.rpartition(")")[2].split()[1])
        found = {self.process.pid}
        while more := {each for each, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Tell it to end; the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(120)
        took_s = time.monotonic() - began
        self._reader.join(10)
        return took_s


@contextmanager
def serving(
    library: Path, settings: Path, *arguments: str, **environment: str
) -> Iterator[Process]:
    process = Process("--library", str(library), *arguments, settings=settings, **environment)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait(30)


def is_there(process_id: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_sigterm_ends_streams_scans_and_workers(composed: Music, tmp_path: Path) -> None:
    library = tmp_path / "new.db"
    with serving(library, tmp_path) as server, httpx.Client(base_url=server.address) as client:
        ended = threading.Event()
        is_scanning = threading.Event()

        def listen() -> None:
            with httpx.stream("GET", f"{server.address}/api/v1/scan/events", timeout=60) as events:
                for line in events.iter_lines():
                    if line.startswith("data: "):
                        state = json.loads(line.removeprefix("data: "))
                        progress = state["progress"] or {}
                        if progress.get("phase") == "analysing":
                            is_scanning.set()
            ended.set()

        listener = threading.Thread(target=listen)
        listener.start()
        asked = {"folders": [str(composed.folder)]}
        assert client.post("/api/v1/scan", json=asked, timeout=60).status_code == 202
        assert is_scanning.wait(60)
        until = time.monotonic() + 60
        while not (children := server.children()):
            assert time.monotonic() < until
        took_s = server.end()
        assert took_s < ENDS_WITHIN_S + NOISE_S
        listener.join(30)
        # The stream ended as it should, not by a connection that broke.
        assert ended.is_set()
        assert server.process.returncode == -signal.SIGTERM
        assert "Traceback" not in server.text
        until = time.monotonic() + NOISE_S
        while any(is_there(each) for each in children):
            assert time.monotonic() < until, "a worker is left"
            time.sleep(0.05)
    with Library(library) as opened:
        assert opened.info().tracks > 0
        assert opened.scan([composed.folder], jobs=2).failed == ()


def test_it_says_where_it_is_and_ends_by_ctrl_c(composed: Music, tmp_path: Path) -> None:
    with serving(composed.library, tmp_path, "--host", "::1") as server:
        assert re.fullmatch(r"http://\[::1\]:\d+", server.address)
        assert "token" not in server.text
        assert httpx.get(f"{server.address}/api/v1/health").json()["status"] == "ok"
        server.end(signal.SIGINT)
        assert server.process.returncode == 130
        assert "Traceback" not in server.text


def test_the_token_is_shown_once_and_kept_hashed(composed: Music, tmp_path: Path) -> None:
    def status(server: Process, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"{server.address}/api/v1/library", headers=headers).status_code

    with serving(composed.library, tmp_path, "--token") as server:
        (token,) = re.findall(r"^token: (\S+)$", server.text, re.MULTILINE)
        assert status(server, token) == 200
        assert status(server, "") == 401
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in kept.read_text()


def test_which_token_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOUNDALIKE_TOKEN", raising=False)
    monkeypatch.setattr(tokens, "token_file", lambda: tmp_path / "server-token")
    assert asked_for("127.0.0.1", new=False, wanted=None).hash is None
    made = asked_for("0.0.0.0", new=False, wanted=None)
    assert made.new is not None
    assert made.hash == tokens.hash_of(made.new)
    # From then on it is the same, and not shown again.
    kept = asked_for("192.168.1.4", new=False, wanted=None)
    assert (kept.hash, kept.new) == (made.hash, None)
    assert "shown when it was made" in kept.source
    assert asked_for("127.0.0.1", new=False, wanted=True).hash == made.hash
    other = asked_for("127.0.0.1", new=True, wanted=None)
    assert other.hash not in (made.hash, None)
    # Whoever reaches the proxy that has the name reaches the server.
    named = asked_for("127.0.0.1", new=False, wanted=None, is_named=True)
    assert named.hash == other.hash
    monkeypatch.setenv("SOUNDALIKE_TOKEN", "correct-horse-battery")
    own = asked_for("127.0.0.1", new=False, wanted=None)
    assert (own.hash, own.new) == (tokens.hash_of("correct-horse-battery"), None)
    assert asked_for("127.0.0.1", new=False, wanted=False).hash is None
    monkeypatch.setenv("SOUNDALIKE_TOKEN", "short")
    with pytest.raises(InvalidArgument, match="SOUNDALIKE_TOKEN has 5 characters"):
        asked_for("0.0.0.0", new=False, wanted=None)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--host", "0.0.0.0", "--no-token"], 1, "everybody who can reach that address"),
        (["--host", "no.such.host.invalid"], 1, "cannot listen at 'no.such.host.invalid'"),
        (["--host", ""], 2, "--host is empty"),
        (["--new-token", "--no-token"], 2, "cannot be combined"),
        (["--allow-origin", "player.example.org"], 2, "is no origin"),
        (["--allow-origin", "https://player.example.org/path"], 2, "is no origin"),
        (["--library", "/no/such/folder/library.db"], 1, "there is no library"),
    ],
)
def test_what_cannot_be_is_said(arguments: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(serve, ["--port", "0", *arguments])
    assert result.exit_code == code
    assert words in (result.stderr or str(result.exception))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(serve, ["--port", str(port)])
        assert result.exit_code == 1
        assert f"port {port}" in str(result.exception)
        assert "choose another" in str(result.exception)


def test_it_listens_where_it_is_told_to() -> None:
    port = free_port()
    with listening(Settings(host="localhost", port=port)) as listener:
        assert listener.getsockname()[1] == port


def test_without_the_extra_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['fastapi'] = None; from soundalike.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "pip install 'soundalike[server]'" in ran.stderr
