"""Checkpoints that can be trusted: safetensors and JSON only, sealed by digests written last.

    checkpoints/step-000050/   weights.safetensors    the adapter
                               optimiser.safetensors  AdamW's moments
                               best.safetensors       the best adapter so far, where it is another
                               progress.json          losses and counters
                               COMPLETE.json          sizes and SHA-256 of the others

A run resumes from the newest checkpoint whose seal fits, never by name alone: a checkpoint that a
crash cut short is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import read_json, write_json

if TYPE_CHECKING:
    import torch

SEAL = "COMPLETE.json"
WEIGHTS = "weights.safetensors"
OPTIMISER = "optimiser.safetensors"
BEST = "best.safetensors"
PROGRESS = "progress.json"
KEEP = 2
MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """How far a run is.

    Losses are nats per trained token. ``best_step`` is the step whose weights are kept, with its
    validation loss and its exact answers; ``least_val_loss`` is the least of all steps.
    ``evals_without_improvement`` counts the evaluations in a row that brought none;
    ``seconds`` is training time over all attempts, ``cpu_seconds`` what the processors spent on it.
    """

    step: int = 0
    first_val_loss: float | None = None
    best_val_loss: float | None = None
    best_step: int = 0
    best_recited: int = 0
    least_val_loss: float | None = None
    evals_without_improvement: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that are trained, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def copy_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the trained parameters, on the CPU."""
    return {n: p.detach().cpu().clone() for n, p in trained_parameters(model).items()}


def put_weights(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Sets the trained parameters."""
    for name, parameter in trained_parameters(model).items():
        parameter.data.copy_(weights[name])


def interpolated(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Weights ``share`` of the way from where training started to where it ended (fp32).

    What training costs elsewhere comes back sooner than what it brings is lost (WiSE-FT, arXiv
    2109.01903).
    """
    return {
        name: (1 - share) * start[name].float() + share * weights.float()
        for name, weights in end.items()
    }


def save_checkpoint(
    folder: Path,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    progress: Progress,
    best: dict[str, torch.Tensor] | None,
) -> Path:
    """Writes a checkpoint and drops all but the newest two.

    Args:
        folder: The run's folder of checkpoints.
        model: With an adapter.
        optimiser: Of that adapter.
        progress: How far the run is.
        best: The best weights so far, where they are not the model's now.
    """
    from safetensors.torch import save_file

    target = folder / f"step-{progress.step:06d}"
    scratch = folder / f".{target.name}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    save_file(copy_weights(model), scratch / WEIGHTS)
    save_file(_moments(model, optimiser), scratch / OPTIMISER)
    if best is not None:
        save_file(best, scratch / BEST)
    write_json(scratch / PROGRESS, to_dict(progress))
    seal = {file.name: _stamp(file) for file in sorted(scratch.iterdir())}
    write_json(scratch / SEAL, seal)
    shutil.rmtree(target, ignore_errors=True)
    scratch.replace(target)
    for old in sorted(folder.glob("step-*"))[:-KEEP]:
        shutil.rmtree(old)
    return target


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that verifies, or nothing."""
    return next((c for c in sorted(folder.glob("step-*"), reverse=True) if verifies(c)), None)


def verifies(checkpoint: Path) -> bool:
    """Whether every file is there, whole and unchanged."""
    try:
        seal = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    needed = {WEIGHTS, OPTIMISER, PROGRESS}
    return needed <= set(seal) and all(
        (checkpoint / name).is_file() and _stamp(checkpoint / name) == stamp
        for name, stamp in seal.items()
    )


def load_checkpoint(
    checkpoint: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Restores model and optimiser; returns how far the run was and its best weights."""
    from safetensors.torch import load_file

    weights = load_file(checkpoint / WEIGHTS)
    put_weights(model, weights)
    moments = load_file(checkpoint / OPTIMISER)
    for name, parameter in trained_parameters(model).items():
        state: dict[str, Any] = {key: moments[f"{key}/{name}"] for key in MOMENTS}
        # AdamW keeps its step count on the CPU and the moments where the parameter is.
        optimiser.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device)
            for key, value in state.items()
        }
    progress = from_dict(Progress, read_json(checkpoint / PROGRESS))
    best = checkpoint / BEST
    return progress, load_file(best) if best.exists() else weights


def _moments(model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{key}/{name}": optimiser.state[parameter][key].detach().cpu().contiguous()
        for name, parameter in trained_parameters(model).items()
        for key in MOMENTS
        if parameter in optimiser.state
    }


def _stamp(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())  # the seal must not outlive what it seals
    return {"bytes": file.stat().st_size, "sha256": digest}
