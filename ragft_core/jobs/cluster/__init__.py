"""Jobs on a Ray cluster, behind the switch ``RAGFT_RAY``; see docs/ray.md.

A job is one of Ray's own jobs, started and watched over its HTTP interface: the pages never join the
cluster, which would end them with it. Inside a job's process ``tasks`` spreads calls over the nodes.
All nodes see the lab's home folder under the same path.
"""

from ragft_core.jobs.cluster.api import Cluster, Node, cluster_of
from ragft_core.jobs.cluster.tasks import Calls, n_workers, spread

__all__ = ["Calls", "Cluster", "Node", "cluster_of", "n_workers", "spread"]
