"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import evaluation, scan, similar, state, tracks

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    similar.router,
    scan.router,
    evaluation.router,
    state.router,
    state.metrics_router,
)
