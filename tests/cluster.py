"""A real Ray cluster on this machine: two nodes that share its disk, with a token."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

TOKEN = "0123456789abcdef" * 4
STORE_BYTES = 80 << 20


@dataclass
class RayCluster:
    """``ray`` is Ray's own handle; ``variables`` is what the lab needs to be told."""

    ray: Any
    variables: dict[str, str]

    def add_node(self, cpus: float) -> Any:
        """A further node."""
        return self.ray.add_node(num_cpus=cpus, object_store_memory=STORE_BYTES)


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """Starts one, one processor a node, and leaves nothing behind. Paths of sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    token = folder / "token"
    token.write_text(TOKEN)
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    # Its nodes run "python": this one.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    usual = {"RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0", "PATH": path}
    # A lost node is noticed in two seconds, not in half a minute.
    quick = {"RAY_health_check_period_ms": "500", "RAY_health_check_timeout_ms": "1000"}
    quick |= {"RAY_health_check_failure_threshold": "2"}
    with patch.dict(os.environ, variables | usual | quick):
        os.environ.pop("RAY_AUTH_TOKEN", None)
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "include_dashboard": True}
        cluster = Cluster(initialize_head=True, head_node_args=head | {"dashboard_port": 0})
        try:
            for _ in range(nodes - 1):
                cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
            address = f"http://{cluster.webui_url}"
            yield RayCluster(cluster, variables | {"RAGFT_RAY": address})
        finally:
            cluster.shutdown()
            shutil.rmtree(folder, ignore_errors=True)
