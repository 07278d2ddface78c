"""Music servers to link to: supysonic, and one that answers whatever a test wants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from servers import free_port

USER, PASSWORD = "listener", "pass word&ü"

_CONFIG = """
[base]
database_uri = sqlite:///{folder}/supysonic.db
[webapp]
cache_dir = {folder}/cache
mount_webui = off
[daemon]
socket = {folder}/supysonic.sock
"""
_SERVE = """
import sys
from supysonic.config import IniConfig
from supysonic.web import create_application
create_application(IniConfig([sys.argv[1]])).run("127.0.0.1", int(sys.argv[2]))
"""


@contextmanager
def supysonic(folder: Path, music: Path) -> Iterator[str]:
    """A real server that plays from a folder; yields its address."""
    folder.mkdir(exist_ok=True)
    config = folder / "supysonic.conf"
    config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    home = {**os.environ, "HOME": str(folder)}
    for arguments in (
        ["user", "add", USER, "-p", PASSWORD],
        ["folder", "add", "music", str(music)],
        ["folder", "scan", "--foreground"],
    ):
        command = [sys.executable, "-m", "supysonic.cli", *arguments]
        ran = subprocess.run(
            command, cwd=folder, env=home, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(config), str(port)],
        cwd=folder,
        env=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.poll() is None, "supysonic has ended"
        assert time.monotonic() < until, "supysonic does not start"
        try:
            httpx.get(f"http://127.0.0.1:{port}/rest/ping")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


Asked = dict[str, list[str]]
Says = Callable[[str, Asked], Any]
"""What is answered to an endpoint and its parameters: an answer without what is around it, or a
status, a content type and a body."""


@contextmanager
def told(says: Says) -> Iterator[tuple[str, list[tuple[str, Asked]]]]:
    """A server that answers what it is told; yields its address and what it was asked."""
    asked: list[tuple[str, Asked]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._do(self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8"))

        def _do(self, query: str) -> None:
            endpoint = urlsplit(self.path).path.removeprefix("/rest/")
            parameters = parse_qs(query, keep_blank_values=True)
            asked.append((endpoint, parameters))
            answer = says(endpoint, parameters)
            if isinstance(answer, dict):
                whole = {"status": "ok", "version": "1.16.1", **answer}
                answer = 200, "application/json", json.dumps({"subsonic-response": whole})
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Location" if 300 <= status < 400 else "Content-Type", kind)
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked has given up
                self.wfile.write(body.encode("utf-8"))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def refusal(code: int, message: str, version: str = "1.16.1") -> dict[str, Any]:
    """What a server says that refuses."""
    return {"status": "failed", "version": version, "error": {"code": code, "message": message}}
