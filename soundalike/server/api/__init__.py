"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import (
    evaluation,
    journeys,
    maps,
    playlists,
    scan,
    similar,
    state,
    taste,
    tracks,
    versions,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    similar.router,
    playlists.router,
    journeys.router,
    versions.router,
    maps.router,
    taste.router,
    scan.router,
    evaluation.router,
    state.router,
    state.metrics_router,
)
