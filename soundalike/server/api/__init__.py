"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import journeys, maps, playlists, similar, tracks, versions

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    similar.router,
    playlists.router,
    journeys.router,
    versions.router,
    maps.router,
)
