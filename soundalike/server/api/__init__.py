"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import playlists, similar, tracks

__all__ = ["ROUTERS"]

ROUTERS = (tracks.router, similar.router, playlists.router)
