"""The operations of ``/api/v1``, a module for what belongs together."""

from soundalike.server.api import compare, similar, sound, tracks, uploads, words

__all__ = ["ROUTERS"]

ROUTERS = (
    tracks.router,
    sound.router,
    similar.router,
    uploads.router,
    compare.router,
    words.router,
)
