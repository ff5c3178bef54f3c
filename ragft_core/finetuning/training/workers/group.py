"""One fine-tuning run on several workers of a cluster, by Ray Train.

Ray starts the workers, connects them and notices when one is lost. Then all begin again from the
newest checkpoint, with as many as there is room for: a run takes the same steps however many share
its batches. The job's own process only waits.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragft_core.errors import JobError, RagftError
from ragft_core.finetuning.training.workers.peers import ConnectedPeers, Peers
from ragft_core.jobs import JobContext, QuietContext
from ragft_core.jobs.cluster import n_workers
from ragft_core.jobs.cluster.tasks import RETRIES, join
from ragft_core.settings import Settings, keep_private
from ragft_core.workspace import Workspace

Work = Callable[[JobContext, Peers], None]
SCRATCH = ".ray"
# While the first worker writes rewordings, or asks its questions, the others wait.
WAIT_S = 24 * 3600


@dataclass(frozen=True)
class _Order:
    """What a worker needs to know of its job."""

    folder: str
    spec: dict[str, Any]
    attempt: int
    work: Work


def train_together(context: JobContext, work: Work) -> None:
    """Runs a job's work on ``RAGFT_RAY_WORKERS`` workers, or on as many as there is room for.

    Args:
        context: The job.
        work: Gets the job and the worker's peers; it travels to the nodes.

    Raises:
        JobError: The cluster has no room, or lost workers again and again.
        RagftError: What the work raised.
    """
    join()
    # As Any: Ray tells type checkers of its former version.
    train: Any = importlib.import_module("ray.train")
    torch: Any = importlib.import_module("ray.train.torch")

    settings = Settings()
    # The folder is the only one that all nodes see.
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    places = {"CPU": settings.ray_cpus, "GPU": settings.ray_gpus}
    order = _Order(str(context.folder), context.spec, context.attempt, work)
    lost = 0
    while not context.stopping:
        size = min(settings.ray_workers, n_workers(settings.ray_gpus))
        context.update(message=f"Starting {size} workers")
        trainer = torch.TorchTrainer(
            _work,
            train_loop_config={"order": order},
            torch_config=torch.TorchConfig(backend="gloo", timeout_s=WAIT_S),
            scaling_config=train.ScalingConfig(
                num_workers=size,
                use_gpu=settings.ray_gpus > 0,
                resources_per_worker={name: n for name, n in places.items() if n},
                placement_strategy="SPREAD",
            ),
            run_config=train.RunConfig(
                name=f"attempt-{lost}",
                storage_path=str(context.folder / SCRATCH),
                failure_config=train.FailureConfig(controller_failure_limit=0),
            ),
        )
        try:
            refused = trainer.fit().return_value
        except train.ControllerError as error:
            if "Startup" not in type(error.controller_failure).__name__:
                raise
            context.update(message=f"Waiting for {size} places on the cluster")
            continue
        except train.WorkerGroupError as error:
            lost += 1
            _raise_fault(error.worker_failures)
            if lost > RETRIES:
                raise JobError(
                    f"The cluster lost workers of this run {lost} times.",
                    "If memory ran short, set RAGFT_RAY_CPUS higher, so that fewer run on one "
                    "machine; then resume.",
                ) from None
            continue
        finally:
            shutil.rmtree(context.folder / SCRATCH, ignore_errors=True)
        if refused is not None:
            raise refused
        return


def _raise_fault(failures: dict[int, Exception]) -> None:
    """Raises what went wrong in the work itself and would again; a worker that is lost is no fault.

    Nor is it one of the others, whose connections to it break.
    """
    from ray.exceptions import RayError
    from ray.train.v2._internal.exceptions import RayTrainError

    for one in failures.values():
        lost = isinstance(one, (RayError, RayTrainError))
        if not lost and not any(word in str(one).lower() for word in ("gloo", "connection")):
            raise one


def _work(config: dict[str, Any]) -> RagftError | None:
    """A worker: the first has the job itself, the others only help."""
    from ray.train.torch import get_device

    keep_private()
    order: _Order = config["order"]
    device = get_device()
    if device.type == "cuda":  # workers on one machine see all of its GPUs
        os.environ["RAGFT_DEVICE"] = str(device)
    peers, folder = ConnectedPeers(), Path(order.folder)
    kind = JobContext if peers.leads else QuietContext
    context = kind(Workspace(folder.parent.parent), folder, order.spec, order.attempt)
    try:
        order.work(context, peers)
    except RagftError as error:
        return error
    return None
