"""An HTTP server of this machine's own that answers what a function says: one for all tests whose
other side is an API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Answer", "Asked", "answering"]


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes
    ----------
    query : of the address, each value as often as it is given.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What is said to it."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(
        cls, what: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer:
        kind = {"Content-Type": "application/json"}
        return cls(json.dumps(what).encode("utf-8"), status, {**kind, **(headers or {})})


@contextmanager
def answering(says: Callable[[Asked], Answer | None]) -> Iterator[str]:
    """Runs the server; yields its address. None as an answer is a server that dies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query, keep_blank_values=True)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = says(Asked(self.command, parts.path, query, body, self.headers))
            if answer is None:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has given up
                self.wfile.write(answer.body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Looks often whether it is to end, as tests wait for that.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
