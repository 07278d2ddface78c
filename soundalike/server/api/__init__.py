"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import (
    compare,
    evaluation,
    playlists,
    scan,
    similar,
    sound,
    state,
    tracks,
    uploads,
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
    scan.router,
    evaluation.router,
    state.router,
    state.metrics_router,
)
