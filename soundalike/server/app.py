"""The app: what answers where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from soundalike import __version__
from soundalike.server import plugins
from soundalike.server.api import ROUTERS
from soundalike.server.head import Head
from soundalike.server.metrics import Measured
from soundalike.server.pages import page_routes
from soundalike.server.problems import PROBLEMS, add_handlers
from soundalike.server.security import Security
from soundalike.server.service import Service
from soundalike.server.settings import Settings
from soundalike.server.subsonic.router import router as subsonic_router

__all__ = ["create_app"]

# Questions are answered in threads: as many at a time as wait for files at most, and some more, so
# that those which need no file are never kept waiting by those which do.
_THREADS = 24

_ABOUT = """
Compare music by its sound: the library, and every question that the command line answers.

Tracks are named by their ids. What is returned has the names that `soundalike COMMAND --json`
prints. Errors are problem documents (RFC 9457).
"""


def create_app(settings: Settings, service: Service | None = None) -> FastAPI:
    """The app of a server, which opens its library when it starts.

    Parameters
    ----------
    service : what is open already; the app closes it when it ends.

    Raises
    ------
    LibraryError, ModelError : as ``Library``; when the app starts.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = _THREADS + settings.jobs + settings.most_waiting
        opened = service
        if opened is None:
            opened = await anyio.to_thread.run_sync(Service, settings)
        app.state.service = opened
        try:
            yield
        finally:
            # Not one of the threads that answer requests, which may all be busy still.
            apart = anyio.CapacityLimiter(1)
            await anyio.to_thread.run_sync(opened.close, limiter=apart)

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
        # What the functions of a generated client are called.
        generate_unique_id_function=lambda route: route.name,
    )
    add_handlers(app)
    for router in (*ROUTERS, plugins.router):
        app.include_router(router)
    app.include_router(subsonic_router)
    app.router.routes.extend(page_routes())
    # The last is the outermost.
    app.add_middleware(Security, settings=settings)
    app.add_middleware(Measured)
    app.add_middleware(Head)
    return app
