"""Answers: records of the library as JSON."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from soundalike.show.documents import as_text

__all__ = ["Answer"]


class Answer(Response):
    """A record, or what holds some, as the command line prints it with ``--json``.

    >>> Answer({"similarity": 0.5}).body
    b'{"similarity": 0.5}'
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return as_text(content).encode("utf-8")
