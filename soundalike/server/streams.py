"""Sound as it goes out: ranges of files, and what is encoded while somebody listens."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from soundalike.errors import SoundalikeError, UnreadableFile
from soundalike.files import why
from soundalike.server.conditional import CHECKED, is_known
from soundalike.server.problems import problem
from soundalike.workers.transcoders import Transcoding

__all__ = ["FileAnswer", "StreamAnswer"]

_log = logging.getLogger(__name__)

_RANGE = re.compile(r"\s*bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{0,18})|-\s*(\d{1,18}))\s*", re.ASCII)
_NOT_KEPT = {"Cache-Control": "no-store", "Accept-Ranges": "none"}


class FileAnswer(FileResponse):
    """A file, or the range of it that is asked for, as RFC 9110 has it.

    Several ranges at once, and what is no range, are answered with the whole file.

    Parameters
    ----------
    path : of a regular file, without links.
    media_type : of it.

    Raises
    ------
    UnreadableFile : it is gone, or may not be read.
    """

    chunk_size = 1 << 18

    def __init__(self, path: Path, media_type: str) -> None:
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
        except OSError as error:
            raise UnreadableFile(path, why(error)) from error
        self._size = stat.st_size
        # Whoever has it asks each time whether it is still the same, so that a new file is heard.
        headers = {"Cache-Control": CHECKED}
        super().__init__(path, media_type=media_type, headers=headers, stat_result=stat)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._is_known(headers):
            kept = ("etag", "last-modified", "cache-control")
            known = Response(status_code=304, headers={name: self.headers[name] for name in kept})
            await known(scope, receive, send)
            return
        asked = _RANGE.fullmatch(headers.get("range", ""))
        if asked is not None and not self._is_there(asked):
            is_meant = headers.get("if-range") in (None, self.headers["etag"])
            if is_meant:
                refusal = problem(
                    416,
                    "RangeNotSatisfiable",
                    f"the file has {self._size:,} bytes, and {headers['range']!r} is none of them",
                    headers={"Content-Range": f"bytes */{self._size}", "Accept-Ranges": "bytes"},
                )
                await refusal(scope, receive, send)
                return
            asked = None
        if asked is None:
            others = [each for each in scope["headers"] if each[0].lower() != b"range"]
            scope = {**scope, "headers": others}
        await super().__call__(scope, receive, _Exactly(send).send)

    def _is_known(self, headers: Headers) -> bool:
        """Whether who asks has the file as it is."""
        if "if-none-match" in headers:
            return is_known(headers, self.headers["etag"])
        return headers.get("if-modified-since") == self.headers["last-modified"]

    def _is_there(self, asked: re.Match[str]) -> bool:
        first, last, from_end = asked.groups()
        if from_end is not None:
            return int(from_end) > 0 and self._size > 0
        return int(first) < self._size and (not last or int(last) >= int(first))


class _Exactly:
    """Sends as many bytes as the headers say, should a file change while it is sent.

    Parameters
    ----------
    send : to the client.
    """

    def __init__(self, send: Send) -> None:
        self._send, self._left = send, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._left = int(Headers(raw=message["headers"])["content-length"])
            await self._send(message)
            return
        if not self._left:
            return
        body = message["body"][: self._left]
        self._left -= len(body)
        is_short = self._left > 0 and not message.get("more_body", False)
        if is_short:
            # It breaks off, so that nobody takes it for the whole.
            _log.warning("a file became shorter while it was sent")
        await self._send({**message, "body": body, "more_body": self._left > 0})


class StreamAnswer(Response):
    """What a process encodes, which ends with whoever listens.

    Parameters
    ----------
    transcoding : begun; closed whatever happens.
    first : what was read of it.
    media_type : of what comes out.
    """

    def __init__(self, transcoding: Transcoding, first: bytes, media_type: str) -> None:
        super().__init__(media_type=media_type, headers=_NOT_KEPT)
        del self.headers["content-length"]
        self._transcoding, self._first = transcoding, first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            async with anyio.create_task_group() as group:

                async def stop_when_nobody_listens() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    group.cancel_scope.cancel()

                group.start_soon(stop_when_nobody_listens)
                await send(start)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._transcoding.close)

    async def _send(self, send: Send) -> None:
        data = self._first
        while data:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            try:
                data = await anyio.to_thread.run_sync(
                    self._transcoding.read, abandon_on_cancel=True
                )
            except SoundalikeError as error:
                # Too late to say so: it breaks off, so that nobody takes it for the whole.
                _log.warning("a stream breaks off: %s", error)
                return
        await send({"type": "http.response.body", "body": b""})
