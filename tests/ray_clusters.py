"""A Ray cluster of two nodes on this machine: real raylets, workers and a network between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}


@contextmanager
def two_nodes(**of_second: Any) -> Iterator[Any]:
    """A cluster whose nodes have a core each; ``of_second``: what its second node has besides."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A dead node is noticed after two seconds instead of half a minute.
    settings = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
    from ray.cluster_utils import Cluster

    head = {**NODE, "_system_config": settings}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        cluster.add_node(**NODE, **of_second)
        yield cluster
    finally:
        cluster.shutdown()
