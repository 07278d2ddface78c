"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import evaluation, playlists, scan, similar, state, tracks

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    similar.router,
    playlists.router,
    scan.router,
    evaluation.router,
    state.router,
    state.metrics_router,
)
