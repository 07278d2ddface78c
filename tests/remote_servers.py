"""Servers that hold music: S3, HTTP and SFTP, each real, on this machine alone."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "told-to-nobody"}


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server in the environment as ``~/.aws`` and others know it; yields a client of it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What is stored belongs to the process, not to the server.
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    for name, value in KEYS.items():
        patch.setenv(name, value)
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        yield boto3.client("s3")
    finally:
        server.stop()


class Web(ThreadingHTTPServer):
    """An index of a folder over HTTP; ``broken`` has names that are answered with an error."""

    def __init__(self, folder: Path) -> None:
        self.broken: dict[str, HTTPStatus] = {}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    server: Web

    def send_head(self) -> Any:
        self.server.asked.append(f"{self.command} {self.path}")
        for name, status in self.server.broken.items():
            if name in self.path:
                self.send_error(status)
                return None
        return super().send_head()

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def web_server(folder: Path) -> Iterator[Web]:
    with Web(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def sftp_server(home: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """OpenSSH's server with keys of its own, known in a home of its own; yields the address."""
    ssh = home / ".ssh"
    ssh.mkdir(mode=0o700)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh / name)]
        subprocess.run(command, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kind, key, *_ = (ssh / "host.pub").read_text().split()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    (ssh / "authorized_keys").write_text((ssh / "user.pub").read_text())
    (ssh / "config").write_text(
        f"Host music-box\n HostName 127.0.0.1\n Port {port}\n IdentityFile {ssh / 'user'}\n"
        f" User {os.environ.get('USER') or 'root'}\n"
    )
    config = home / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {ssh / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {ssh / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    patch.setenv("HOME", str(home))
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]) as process:
        try:
            _wait_for(port)
            yield "sftp://music-box"
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.1)
