"""Wrong tokens: each waits before it is told so, and only so many wait."""

from __future__ import annotations

import anyio
from starlette.responses import Response

from soundalike.server.problems import problem

__all__ = ["Guesses"]

_WAIT_S = 1.0
_MOST = 16


class Guesses:
    """Slows down whoever guesses, without keeping out whoever has the token.

    That is compared first: a right one is never kept waiting, however many wrong ones come.
    """

    def __init__(self) -> None:
        self._waiting = 0

    async def wait(self) -> bool:
        """Wait for a wrong one; whether it may be told: False, at once, where too many wait."""
        if self._waiting >= _MOST:
            return False
        self._waiting += 1
        try:
            await anyio.sleep(_WAIT_S)
        finally:
            self._waiting -= 1
        return True

    def refusal(self) -> Response:
        """What the others are told."""
        return problem(
            429,
            "TooManyGuesses",
            "too many wrong tokens come at once: try again in 5 s",
            headers={"Retry-After": "5"},
        )
