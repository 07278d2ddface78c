"""HEAD, wherever there is a GET."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Head"]


class Head:
    """Answers HEAD as GET, and ends the answer where its body would begin; plain ASGI.

    Parameters
    ----------
    app : what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        started: list[Message] = []
        # What streams must not go on for nothing, or for ever.
        with anyio.CancelScope() as whole:

            async def headers_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    started.append(message)
                    whole.cancel()

            await self._app({**scope, "method": "GET"}, receive, headers_send)
        # Now that what it took is free again: the same client is likely to ask for the whole next.
        for message in started:
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
