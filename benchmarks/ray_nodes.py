"""A Ray cluster of two nodes on this machine: real raylets, workers and a network between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["two_nodes"]

_NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
_ATTEMPTS = 3


@contextmanager
def two_nodes(*, dead_after_s: float | None = None, **of_second: Any) -> Iterator[Any]:
    """A ``ray.cluster_utils.Cluster`` whose nodes have a core each.

    Parameters
    ----------
    of_second : what its second node is started with, such as ``num_gpus=1``, which Ray believes.
    dead_after_s : after how long without a sign of life a node counts as dead; None for what Ray
        has by default.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    head: dict[str, Any] = dict(_NODE)
    if dead_after_s is not None:
        settings = {"health_check_period_ms": 500}
        settings["health_check_failure_threshold"] = round(dead_after_s / 0.5)
        head["_system_config"] = settings
    cluster = _started(head, {**_NODE, **of_second})
    try:
        yield cluster
    finally:
        cluster.shutdown()


def _started(head: dict[str, Any], second: dict[str, Any]) -> Any:
    """Started once more where Ray's limit of 30 s for a node, which is fixed, was too short."""
    from ray.cluster_utils import Cluster

    for attempt in range(_ATTEMPTS):
        cluster: Any = Cluster()
        try:
            cluster.add_node(**head)
            cluster.add_node(**second)
        except Exception as error:
            cluster.shutdown()
            if "timed out" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
        else:
            return cluster
    raise AssertionError("the last attempt returns or raises")
