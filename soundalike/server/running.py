"""Running the server until it is told to end."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from soundalike.errors import InvalidArgument
from soundalike.files import why
from soundalike.server.app import create_app
from soundalike.server.service import Service
from soundalike.server.settings import Settings

__all__ = ["Protocol", "Server", "listening", "server_of"]

# What still streams when the server is told to end gets so long: with the time for the processes,
# less than the 5 s in which all has to be over.
_GRACE_S = 2
_KEEP_ALIVE_S = 10
_BACKLOG = 512
# Whoever connects has asked for something by then.
_ASKS_WITHIN_S = 20.0


class Protocol(H11Protocol):
    """HTTP to one client, that ends where no whole request comes."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn does."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """As uvicorn does, which forgets its own limit with the first byte."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn does."""
        super().connection_lost(exc)
        if self._limit is not None:
            self._limit.cancel()

    def _watch(self) -> None:
        if self._is_answering():
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None
        elif self._limit is None:
            self._limit = self.loop.call_later(_ASKS_WITHIN_S, self._give_up)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _give_up(self) -> None:
        self._limit = None
        if not self._is_answering():
            self.transport.close()


class Server(uvicorn.Server):
    """Ends what streams or works as soon as it is told to end, not when that is over.

    Parameters
    ----------
    config : of uvicorn.
    on_exit : called once when the server is told to end.
    on_start : called once when it answers, in a thread.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_exit: Callable[[], None],
        on_start: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._on_exit = on_exit
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does."""
        await super().startup(sockets)
        if self.started and self._on_start is not None:
            threading.Thread(target=self._on_start, name="soundalike-start", daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does after SIGINT or SIGTERM; not in the signal's handler, which may interrupt
        whoever holds a lock."""
        # A thread of its own: those that answer requests may all wait for what is to end.
        threading.Thread(target=self._on_exit, name="soundalike-exit", daemon=True).start()
        await super().shutdown(sockets)


def server_of(
    settings: Settings,
    *,
    log_level: str = "warning",
    on_start: Callable[[], None] | None = None,
) -> Server:
    """A server with its library open, to be ``run()``, which closes it.

    Parameters
    ----------
    log_level : of uvicorn; "debug" for a line for each request.
    on_start : called once when it answers, in a thread.

    Raises
    ------
    LibraryError, ModelError : as ``Library``.
    """
    service = Service(settings)
    config = uvicorn.Config(
        create_app(settings, service),
        host=settings.host,
        port=settings.port,
        http=Protocol,
        log_level=log_level,
        access_log=log_level == "debug",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        proxy_headers=False,
    )
    return Server(config, service.end, on_start)


def listening(settings: Settings) -> socket.socket:
    """A socket where the server is to listen, for ``run(sockets=[...])``.

    Raises
    ------
    InvalidArgument : the host is none of this machine, or the port is taken.
    """
    try:
        place = (settings.host, settings.port)
        found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                # There it would let two programs have the same port; here, one that has just ended.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Only now is it certain that nobody else listens there.
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = why(error) if isinstance(error, OSError) else "no host name"
        raise InvalidArgument(
            f"cannot listen at {settings.host!r}, port {settings.port}: {reason}; choose another "
            f"with --host or --port"
        ) from error
    return listener
