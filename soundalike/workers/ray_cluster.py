"""The one place that calls Ray: a cluster that is joined, and actors on it."""

from __future__ import annotations

import logging
import re
import signal
import socket
import threading
from collections.abc import Sequence
from typing import Any

from soundalike.errors import ClusterError, MissingExtra
from soundalike.files import why

__all__ = ["Cluster", "connected", "node_id"]

_CONNECT_S = 5.0
_PLACE = re.compile(r"(?:ray://)?(?P<host>\[[0-9a-fA-F:]+\]|[^\s:/@\[\]]+):(?P<port>\d{1,5})")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Cluster:
    """A cluster that this process has joined; made by :func:`connected`."""

    def __init__(self, ray: Any, *, is_own: bool) -> None:
        self._ray = ray
        self._is_own = is_own

    def cores(self) -> int:
        """Cores of the nodes that are alive."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def gpus(self) -> tuple[int, int]:
        """GPUs of the nodes that are alive, and how many cores there are for each at least."""
        owned = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        owned = [each for each in owned if each.get("GPU", 0) >= 1]
        shares = [int(each.get("CPU", 0) // each["GPU"]) for each in owned]
        return int(sum(each["GPU"] for each in owned)), max(1, min(shares, default=1))

    def start(self, actor: type, *arguments: Any, cores: int = 1, gpus: int = 0) -> Any:
        """Start an actor with cores and GPUs of its own, on whichever node has most room."""
        options: dict[str, Any] = {
            "num_cpus": cores,
            "scheduling_strategy": "SPREAD",
            # What its death costs is for the pool to say: Ray repeats nothing by itself.
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if gpus:
            options["num_gpus"] = gpus
        return self._ray.remote(actor).options(**options).remote(*arguments)

    def ready(self, refs: Sequence[Any], timeout_s: float) -> list[Any]:
        """Those of some answers that are there; waits for the first up to the timeout."""
        if not refs:
            return []
        self._ray.wait(list(refs), num_returns=1, timeout=timeout_s)
        done, _ = self._ray.wait(list(refs), num_returns=len(refs), timeout=0)
        return list(done)

    def answer(self, ref: Any) -> tuple[Any, str | None]:
        """An answer that is ready, or how its actor died.

        Raises
        ------
        ClusterError : the actor cannot do what it is asked, wherever it runs.
        """
        errors = self._ray.exceptions
        try:
            return self._ray.get(ref), None
        except errors.RayTaskError as error:
            raise ClusterError(_in_actor(str(error.cause or error))) from error
        except errors.RayError as error:
            text = str(error)
            if "No module named 'soundalike" in text:
                raise ClusterError(_in_actor(text)) from error
            return None, _first_line(text)

    def kill(self, handle: Any) -> None:
        """End an actor, whatever it is at."""
        self._ray.kill(handle)

    def leave(self) -> None:
        """Leave the cluster, unless this process had joined it before."""
        if self._is_own:
            self._ray.shutdown()


def connected(address: str) -> Cluster:
    """Join the cluster whose head is at an address; "auto": the one that runs on this machine.

    Raises
    ------
    MissingExtra : Ray is not installed.
    ClusterError : no address, no cluster there, or one of another version.
    """
    place = _PLACE.fullmatch(address)
    if address != "auto" and place is None:
        raise ClusterError(
            f"{address!r} is no address of a Ray cluster: give its head as HOST:PORT, such as "
            f"10.0.0.1:6379, or auto for the cluster that this machine is part of"
        )
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("scanning on a Ray cluster", "ray") from error
    if ray.is_initialized():
        return Cluster(ray, is_own=False)
    if place is not None:
        _check_listening(address, place["host"].strip("[]"), int(place["port"]))
    # Ray takes these signals for itself, and the scan must have them: to stop in order.
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in _SIGNALS} if is_main else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        text = str(error)
        if "ersion mismatch" in text:
            text = " ".join(text.split())
            raise ClusterError(
                f"the Ray cluster at {address} has other versions than this machine: {text}"
            ) from error
        raise ClusterError(
            f"this machine cannot join the Ray cluster at {address}: {_first_line(text)} Start "
            f"Ray on it first: ray start --address=HOST:PORT (on the head: ray start --head)"
        ) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    cluster = Cluster(ray, is_own=True)
    if not cluster.cores():
        cluster.leave()
        raise ClusterError(f"the Ray cluster at {address} has no cores: start a node with some")
    return cluster


def node_id() -> str:
    """The name of the node that an actor runs on, from within it."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def _check_listening(address: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"there is no Ray cluster at {address} ({why(error)}): start its head there with "
            f"`ray start --head --port={port}`, or give another address"
        ) from error


def _in_actor(text: str) -> str:
    if "No module named 'soundalike" in text:
        return (
            "a node of the Ray cluster has no soundalike in the Python that Ray runs in: install "
            "the same version there as here"
        )
    return f"a worker on the Ray cluster failed: {_first_line(text, last=True)}"


def _first_line(text: str, *, last: bool = False) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["without a word"]
    return lines[-1 if last else 0][:300]
