"""Who reads, splits and embeds: this process, or the nodes of a cluster with the same results."""

from ragft_core.knowledge.workers.here import LocalWorkers
from ragft_core.knowledge.workers.reading import ReadFile, Source, Workers
from ragft_core.knowledge.workers.spread import workers_of

__all__ = ["LocalWorkers", "ReadFile", "Source", "Workers", "workers_of"]
