"""Running the server until it is told to end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import uvicorn

from soundalike.server.app import create_app
from soundalike.server.settings import Settings

__all__ = ["Server", "server_of"]

# What still streams when the server is told to end gets so long: with the time for the processes,
# less than the 5 s in which all has to be over.
_GRACE_S = 2
_KEEP_ALIVE_S = 10


class Server(uvicorn.Server):
    """Ends what streams or works as soon as it is told to end, not when that is over.

    Parameters
    ----------
    config : of uvicorn.
    on_exit : called once when the server is told to end.
    """

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_exit = on_exit

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does after SIGINT or SIGTERM; not in the signal's handler, which may interrupt
        whoever holds a lock."""
        # A thread of its own: those that answer requests may all wait for what is to end.
        threading.Thread(target=self._on_exit, name="soundalike-exit").start()
        await super().shutdown(sockets)


def server_of(settings: Settings, *, log_level: str = "warning") -> Server:
    """A server, to be ``run()``.

    Raises
    ------
    LibraryError, ModelError : as ``Library``; when it starts.
    """
    app = create_app(settings)

    def end() -> None:
        service = getattr(app.state, "service", None)
        if service is not None:
            service.stop()
            # To wait for the processes would keep the loop from ending its streams.
            threading.Thread(target=service.desk.close, daemon=True).start()

    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=log_level,
        access_log=log_level == "debug",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        proxy_headers=False,
    )
    return Server(config, end)
