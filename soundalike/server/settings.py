"""How a server is set up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "Settings"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is set up.

    Attributes
    ----------
    library : the database file or its URL; None for the user's.
    model : as for ``Library``.
    host, port : where it listens.
    token_hash : SHA-256 (hexadecimal) of the token that every request must carry; None where none
        is needed, which is safe on this machine's own address alone.
    names : host names by which it may be called, besides IP addresses and ``localhost``: a name
        that somebody else resolves to this machine is none of them (DNS rebinding).
    origins : of pages elsewhere that may ask, such as "https://player.example.org".
    jobs : files that are decoded and analysed at the same time.
    most_waiting : files that may wait for that; more are told to come again.
    most_asked : requests that are answered at the same time; more are told to come again.
    most_upload_bytes : of an uploaded file.
    most_upload_s : seconds that the analysis of a file may take.
    most_memory : bytes that each process that decodes may have.
    most_streams : files that are encoded for players at the same time, each in a process of its
        own; more are told to come again.
    cache : folder of pictures of sound; None for ``$SOUNDALIKE_CACHE``, else one in the user's
        cache.
    most_cache_bytes : of these.
    playlists : folder of the playlists that are made here; None for one beside the library.
    subsonic_password : of Subsonic clients that send no API key; None where there is none.
    """

    library: str | None = None
    model: str | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token_hash: str | None = None
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    jobs: int = 1
    most_waiting: int = 8
    most_asked: int = 128
    most_upload_bytes: int = 500_000_000
    most_upload_s: float = 120.0
    most_memory: int = 4_000_000_000
    most_streams: int = 4
    cache: Path | None = None
    most_cache_bytes: int = 300_000_000
    playlists: Path | None = None
    subsonic_password: str | None = None

    @property
    def cache_folder(self) -> Path:
        """Where pictures of sound are kept."""
        import platformdirs

        given = self.cache or os.environ.get("SOUNDALIKE_CACHE")
        if given:
            return Path(given)
        return platformdirs.user_cache_path("soundalike", appauthor=False) / "outlines"
