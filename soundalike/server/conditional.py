"""Whether who asks has it already: entity tags (RFC 9110, section 13.1.2)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["CHECKED", "is_known", "unchanged"]

CHECKED = "private, no-cache"
"""For ``Cache-Control``: keep it, and ask each time whether it is still the same."""


def is_known(headers: Mapping[str, str], etag: str) -> bool:
    """Whether ``If-None-Match`` names the tag, or any; weak tags count as strong ones.

    >>> is_known({"if-none-match": 'W/"a", "b"'}, '"a"')
    True
    """
    given = {
        each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")
    }
    return bool(given & {"*", etag.removeprefix("W/")})


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """The answer 304 with the same headers, ``ETag`` among them, where who asks has it already."""
    if not is_known(request.headers, headers["ETag"]):
        return None
    return Response(status_code=304, headers=headers)
