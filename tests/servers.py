"""A real server on this machine's own address, over a small library of real files."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from postgresql_server import duplicate

from soundalike import Library
from soundalike.locks import lock_file
from soundalike.server.running import server_of
from soundalike.server.settings import Settings

EXAMPLES = Path(__file__).parent.parent / "examples"
PIECES_A_BAND = 3


@dataclass(frozen=True)
class Music:
    """A folder of composed pieces (eight bands, five formats) and the library of them."""

    folder: Path
    library: Path

    def copy(self, folder: Path) -> Path:
        """A copy of the library, to be changed."""
        return duplicate(self.library, folder / "library.db")


def make_music(folder: Path) -> Music:
    """Compose and scan it, once for all processes of a test run that share the folder."""
    music = Music(folder / "music", folder / "library.db")
    folder.mkdir(exist_ok=True)
    finished = folder / "finished"
    with lock_file(folder / "lock", timeout_s=300.0):
        if not finished.exists():
            sys.path.insert(0, str(EXAMPLES))
            try:
                from compose import make_piece, scores
            finally:
                sys.path.remove(str(EXAMPLES))
            for score in scores():
                if score.track_number <= PIECES_A_BAND:
                    make_piece(music.folder, score)
            with Library(music.library) as library:
                library.scan([music.folder], jobs=2)
            finished.touch()
    return music


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """A server; yields its address, such as ``http://127.0.0.1:40123``."""
    server = server_of(replace(settings, port=free_port()), log_level="error")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise RuntimeError("the server does not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.config.port}"
    finally:
        server.handle_exit(15, None)
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def client_of(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a server of its own."""
    with running(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
