"""Answers: records of the library as JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from soundalike.show.documents import as_text

__all__ = ["Answer", "download"]


class Answer(Response):
    """A record, or what holds some, as the command line prints it with ``--json``.

    >>> Answer({"similarity": 0.5}).body
    b'{"similarity": 0.5}'
    """

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return as_text(content).encode("utf-8")


def download(name: str) -> dict[str, str]:
    """The header by which a browser saves an answer under a name, whatever is in the name.

    As RFC 6266 has it: the name itself, and a plain one for programs that do not know that.

    >>> print(download("Café.m3u8")["Content-Disposition"])
    attachment; filename="Caf_.m3u8"; filename*=UTF-8''Caf%C3%A9.m3u8
    """
    name = "".join("_" if each in "/\\" or not each.isprintable() else each for each in name)
    name = name.strip(" .") or "download"
    plain = "".join(each if each.isascii() and each not in '"%' else "_" for each in name)
    value = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": value}
