"""What is kept of an MPD beside the library: its music folder, its state, and which playlists of
its are ours.

It lies in ``library.db.mpd``, as JSON, by the address of each MPD. It can be deleted: then songs
are matched anew, and playlists that were made before count as somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from soundalike.errors import OutputError, printable
from soundalike.files import cannot_write, write_file
from soundalike.library.location import kept_of
from soundalike.locks import locked

__all__ = ["Kept"]

_VERSION = 1


class Kept:
    """What is kept of one MPD.

    Parameters
    ----------
    keeping : ``Library.keeping``; None for a library in memory, of which nothing is kept.
    url : of the MPD.
    """

    def __init__(self, keeping: Path | None, url: str) -> None:
        self._path = kept_of(keeping, "mpd")
        self._url = url
        self._unkept: dict[str, Any] = {}

    def read(self) -> Mapping[str, Any]:
        """By name; what cannot be read is not there."""
        found = self._servers().get(self._url)
        return found if isinstance(found, dict) else {}

    def write(self, **values: Any) -> None:
        """Set some; None takes one away.

        Raises
        ------
        OutputError : the file cannot be written.
        """
        with self.locked():
            servers = dict(self._servers())
            merged = {**self.read(), **values}
            servers[self._url] = {k: v for k, v in merged.items() if v is not None}
            if self._path is None:
                self._unkept = servers
                return
            text = json.dumps({"version": _VERSION, "servers": servers}, ensure_ascii=False)
            write_file(self._path, text)

    @contextmanager
    def locked(self, what: str = "") -> Iterator[None]:
        """So that no two programs change the file, or something else at MPD, at the same time.

        Raises
        ------
        OutputError : the folder cannot be written to, or another program does not let go.
        """
        if self._path is None:
            yield
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self._path.with_name(f"{self._path.name}{what}")))
            except TimeoutError:
                raise OutputError(
                    f"{printable(self._path)}: another program has been at work with it for a "
                    f"minute: end it, or wait for it"
                ) from None
            except OSError as error:
                raise cannot_write(self._path, error) from error
            yield

    def _servers(self) -> Mapping[str, Any]:
        if self._path is None:
            return self._unkept
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            servers = found["servers"] if found["version"] == _VERSION else {}
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            return {}
        return servers if isinstance(servers, dict) else {}
