"""Counts and times for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soundalike.library import Library
from soundalike.server.jobs import Jobs
from soundalike.server.uploads import Uploads
from soundalike.workers.desk import Desk

__all__ = ["Measured", "Metrics"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is measured of a server, in a registry of its own.

    Parameters
    ----------
    library, desk, jobs, uploads : of which it tells, whenever somebody looks.
    """

    def __init__(self, library: Library, desk: Desk, jobs: Jobs, uploads: Uploads) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "soundalike_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "soundalike_http_seconds",
            "Seconds until an answer begins.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_State(library, desk, jobs, uploads))
        ProcessCollector(registry=self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer.

        Parameters
        ----------
        route : its template, such as ``/api/v1/tracks/{track_id}``; "" where none fits.
        """
        # What anybody may send must not grow the number of series.
        method = method if method in _METHODS else "other"
        route = route or "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self._registry)


class _State(Collector):
    """What is found out when somebody looks."""

    def __init__(self, library: Library, desk: Desk, jobs: Jobs, uploads: Uploads) -> None:
        self._library = library
        self._desk = desk
        self._jobs = jobs
        self._uploads = uploads

    def collect(self) -> Iterator[Metric]:
        info = self._library.info()
        tracks = {
            "analysed": info.analysed,
            "failed": info.failed,
            "pending": info.pending,
            "missing": info.missing,
        }
        yield _gauge("tracks", "Tracks of the library, by status.", "status", tracks)
        desk = self._desk
        files = {"working": desk.working, "waiting": desk.waiting}
        yield _gauge("desk_files", "Files that are decoded now, or wait for it.", "state", files)
        yield _gauge("desk_size", "Files that are decoded at the same time.", "", {"": desk.size})
        running = {kind: float(is_running) for kind, is_running in self._jobs.running().items()}
        yield _gauge("jobs_running", "Whether a job runs, by kind.", "kind", running)
        yield _gauge("uploads", "Uploads that can be asked about.", "", {"": len(self._uploads)})

    def describe(self) -> list[Metric]:
        # Else it would be collected when it is registered, before the server is made.
        return []


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"soundalike_{name}", text, labels=(label,) if label else ())
    for value, number in values.items():
        family.add_metric((value,) if label else (), number)
    return family


class Measured:
    """Counts each answer, by the template of its route; plain ASGI.

    Parameters
    ----------
    app : what answers; its ``state.service`` has the metrics.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "")
                metrics: Metrics = scope["app"].state.service.metrics
                seconds = time.monotonic() - began
                metrics.count(scope["method"], route, message["status"], seconds)
            await send(message)

        await self._app(scope, receive, counted_send)
