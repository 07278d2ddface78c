"""Files of songs that only a linked music server has: fetched when their sound is needed.

While a :class:`ServerFiles` is open, whoever opens ``subsonic://SERVER/ID/...`` gets a copy of what
the server sends, as it is for other addresses (``soundalike.remote``): asked for once, kept within
bounds, fetched again when the server tells another size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike import remote
from soundalike.closing import Closing
from soundalike.errors import FileAway, LibraryError, ServerError
from soundalike.integrations.credentials import find
from soundalike.integrations.refusals import NOT_FOUND
from soundalike.urls import SERVER_SCHEME

if TYPE_CHECKING:
    from soundalike.integrations.subsonic import Subsonic
    from soundalike.library.library import Library

__all__ = ["ServerFiles"]


class ServerFiles(Closing):
    """Fetches what only the servers have that a library is linked to.

    >>> with Library() as library, ServerFiles(library):                # doctest: +SKIP
    ...     library.hear("subsonic://navidrome/tr-7/So What.flac@1:10-1:40")

    Parameters
    ----------
    library : that is linked; or its path or URL (None for the user's), which is opened once a file
        is needed.
    ask : as for ``credentials.find``: who is asked for a password that is nowhere else.
    """

    def __init__(
        self, library: Library | str | None, ask: Callable[[str, bool], str] | None = None
    ) -> None:
        self._library = library
        self._ask = ask
        self._lock = threading.Lock()
        self._clients: dict[str, Subsonic] = {}
        self._itself = lambda: self
        remote.fetch_by(SERVER_SCHEME, self._itself)

    def close(self) -> None:
        """Fetch nothing any more."""
        remote.fetch_no_more_by(SERVER_SCHEME, self._itself)
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def size(self, url: str) -> int:
        """The bytes of a song's file, as its server tells them; 0 where it does not.

        Raises
        ------
        FileAway : the server cannot be asked, or no longer has the song.
        """
        from soundalike.integrations.subsonic_songs import song_of

        client, item_id = self._client(url)
        try:
            answer = client.ask("getSong", {"id": item_id})
        except ServerError as error:
            raise _away(url, error) from error
        song = song_of(answer["song"]) if isinstance(answer.get("song"), dict) else None
        return (song and song.size_bytes) or 0

    def fetch(self, url: str, target: Path, size_bytes: int, on_read: Callable[[], None]) -> None:
        """Write the file of a song, as the server has it.

        Raises
        ------
        FileAway : as :meth:`size`; or what comes is not the file.
        OSError : it cannot be written.
        """
        client, item_id = self._client(url)
        try:
            client.download(
                item_id, target, size_bytes=size_bytes or None, on_read=lambda _: on_read()
            )
        except ServerError as error:
            raise _away(url, error) from error

    def _client(self, url: str) -> tuple[Subsonic, str]:
        from soundalike.library.server_places import song_at

        named = song_at(url)
        if named is None:
            raise FileAway(url, "names no song of a server")
        server, item_id = named
        with self._lock:
            try:
                if server not in self._clients:
                    self._clients[server] = self._connected(server)
            except (LibraryError, ServerError) as error:
                raise FileAway(url, str(error)) from error
            return self._clients[server], item_id

    def _connected(self, server: str) -> Subsonic:
        # Only now, as every server has one of these, and few need it.
        from soundalike.integrations.subsonic import Subsonic
        from soundalike.library.library import Library

        if isinstance(self._library, Library):
            linked = self._library.linked_server(server)
        else:
            with Library(self._library, create=False) as opened:
                linked = opened.linked_server(server)
        return Subsonic(linked.url, find(linked.url, linked.user, self._ask))


def _away(url: str, error: ServerError) -> FileAway:
    if error.code == NOT_FOUND:
        return FileAway(
            url,
            f"{error}: the server has this song no more; `soundalike subsonic scan` marks it as "
            f"missing",
        )
    return FileAway(url, str(error))
