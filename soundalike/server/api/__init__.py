"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import (
    compare,
    evaluation,
    journeys,
    maps,
    playlists,
    scan,
    similar,
    sound,
    state,
    taste,
    tracks,
    uploads,
    versions,
    words,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    sound.router,
    similar.router,
    uploads.router,
    compare.router,
    words.router,
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
