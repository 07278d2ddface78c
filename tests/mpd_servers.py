"""Real MPDs over real files, and what else may listen at a port."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpd
import pytest
from servers import free_port

_CONFIG = """
music_directory "{music}"
playlist_directory "{folder}/playlists"
state_file "{folder}/state"
log_file "{folder}/log"
bind_to_address "{folder}/socket"
bind_to_address "127.0.0.1"
port "{port}"
zeroconf_enabled "no"
auto_update "no"
audio_output {{
    type "null"
    name "nothing"
}}
"""
STICKERS = 'sticker_file "{folder}/stickers.sql"\n'


@dataclass
class RunningMpd:
    """An MPD in a process of its own, that plays into nothing in real time."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    password: str | None = None

    @property
    def socket(self) -> str:
        return str(self.folder / "socket")

    def start(self) -> None:
        command = ["mpd", "--no-daemon", str(self.folder / "mpd.conf")]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.until(self._greets, "MPD does not start")

    def _greets(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            return probe.recv(6) == b"OK MPD"

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(20)

    def restart(self) -> None:
        self.stop()
        self.start()

    def ask(self, command: str, *arguments: object) -> Any:
        """As another client would."""
        with self._client() as client:
            return getattr(client, command)(*arguments)

    def ask_at_once(self, *commands: str) -> None:
        """Several, so that nobody else's come between them."""
        with self._client() as client:
            client.command_list_ok_begin()
            for command in commands:
                getattr(client, command)()
            client.command_list_end()

    @contextmanager
    def _client(self) -> Iterator[Any]:
        client = mpd.MPDClient()
        client.timeout = 20
        client.connect(self.socket)
        try:
            if self.password is not None:
                client.password(self.password)
            yield client
        finally:
            client.disconnect()

    def update(self) -> None:
        """Let it look through its folder."""
        self.ask("update")
        self.until(lambda: "updating_db" not in self.ask("status"), "MPD does not end updating")

    def queue(self) -> list[str]:
        return [each["file"] for each in self.ask("playlistinfo")]

    def playing(self) -> str | None:
        return self.ask("currentsong").get("file")

    def until(
        self, holds: Callable[[], bool], what: str | Callable[[], str], timeout_s: float = 60.0
    ) -> None:
        """Wait until something holds; else tell what does not."""
        until = time.monotonic() + timeout_s
        while True:
            with suppress(OSError, mpd.MPDError):
                if holds():
                    return
            assert time.monotonic() < until, what if isinstance(what, str) else what()
            time.sleep(0.05)


@contextmanager
def running_mpd(
    music: Path,
    config: str = STICKERS,
    password: str | None = None,
    database: str = 'db_file "{folder}/database"\n',
) -> Iterator[RunningMpd]:
    """An MPD of its own over a folder, which it has looked through.

    Parameters
    ----------
    config : more lines of its configuration.
    password : with which the test asks it.
    database : the lines about its database.
    """
    if shutil.which("mpd") is None:
        pytest.fail("there is no mpd: apt-get install mpd")
    # The path of a socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="mpd-") as place:
        folder = Path(place)
        for name in ("playlists", "cache"):
            (folder / name).mkdir()
        found = RunningMpd(folder, free_port(), password=password)
        text = _CONFIG.format(music=music, folder=folder, port=found.port)
        text += (config + database).format(folder=folder)
        (folder / "mpd.conf").write_text(text, encoding="utf-8")
        found.start()
        try:
            found.update()
            yield found
        finally:
            found.stop()


@contextmanager
def _accepting(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Something that takes connections at a port of its own, each in a thread; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def accept() -> None:
        while not is_over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        is_over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(20)


@contextmanager
def says(answers: Callable[[bytes], bytes | None], hello: bytes = b"") -> Iterator[int]:
    """Something that listens at a port; yields the port.

    Parameters
    ----------
    answers : what it says to a line; None closes the connection.
    hello : what it says first.
    """

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            connection.sendall(hello)
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = answers(line)
                    if answer is None:
                        return
                    connection.sendall(answer)

    with _accepting(serve) as own:
        yield own


@contextmanager
def cut_at(port: int, cuts: Callable[[bytes], bool]) -> Iterator[int]:
    """A way to a port that breaks when a line comes by; yields its own port."""

    def back(there: socket.socket, here: socket.socket) -> None:
        with suppress(OSError):
            while data := there.recv(65_536):
                here.sendall(data)
        for each in (here, there):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(here: socket.socket) -> None:
        there = socket.create_connection(("127.0.0.1", port), 20)
        there.settimeout(None)
        with here, there, here.makefile("rb") as lines:
            thread = threading.Thread(target=back, args=(there, here), daemon=True)
            thread.start()
            with suppress(OSError):
                for line in lines:
                    if cuts(line):
                        break
                    there.sendall(line)
            for each in (here, there):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            thread.join(20)

    with _accepting(serve) as own:
        yield own
