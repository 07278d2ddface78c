"""The app: what answers where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from soundalike import __version__
from soundalike.server import plugins
from soundalike.server.api import ROUTERS
from soundalike.server.problems import PROBLEMS, add_handlers
from soundalike.server.security import Security
from soundalike.server.service import Service
from soundalike.server.settings import Settings

__all__ = ["create_app"]

# Questions are answered in threads: as many at a time as wait for files at most, and some more, so
# that those which need no file are never kept waiting by those which do.
_THREADS = 24

_ABOUT = """
Compare music by its sound: the library, and every question that the command line answers.

Tracks are named by their ids. What is returned has the names that `soundalike COMMAND --json`
prints. Errors are problem documents (RFC 9457).
"""


def create_app(settings: Settings) -> FastAPI:
    """The app of a server, which opens its library when it starts.

    Raises
    ------
    LibraryError, ModelError : as ``Library``; when the app starts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = _THREADS + settings.jobs + settings.most_waiting
        service = await anyio.to_thread.run_sync(Service, settings)
        app.state.service = service
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(service.close)

    app = FastAPI(
        title="soundalike",
        summary="Compare music by its sound",
        description=_ABOUT.strip(),
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=PROBLEMS,
    )
    add_handlers(app)
    for router in (*ROUTERS, plugins.router):
        app.include_router(router)
    app.add_middleware(Security, settings=settings)
    return app
