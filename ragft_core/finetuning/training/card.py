"""The end of a run: its best weights as an adapter, and the card that says how it was made."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import ragft_core
from ragft_core.finetuning.adapters import CARD, WEIGHTS, setting_of
from ragft_core.finetuning.training.answering import LiveAnswer
from ragft_core.finetuning.training.checkpoints import copy_weights, interpolated, put_weights
from ragft_core.finetuning.training.signs import signs
from ragft_core.finetuning.training.trainer import Trainer, TrainingSpec
from ragft_core.jobs import JobContext
from ragft_core.storage import artefacts
from ragft_core.values import to_dict
from ragft_core.workspace import file_digest, now, write_json

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "transformers", "peft")


def write_adapter(
    context: JobContext,
    spec: TrainingSpec,
    run: Trainer,
    refit: Trainer | None,
    digest: str,
    base_name: str,
    started_from: str = "",
    start: Mapping[str, torch.Tensor] | None = None,
    held_out: Sequence[LiveAnswer] = (),
) -> None:
    """Writes a run's weights as an adapter with its card, and makes it its arm's.

    The weights are the refit's, or the best of the search where there was none or it was cut
    short; of an adapter that began as another one, with the weights ``start``, half of the way is
    gone, or what the settings say. The adapter has the job's id: finishing twice gives the same one.
    """
    workspace = context.workspace
    adapter_id = context.folder.name
    if refit is not None and not refit.finished:
        refit = None
    if refit is None and run.best is not None:
        put_weights(run.model, run.best)
    if start is not None:
        share = spec.config.interpolate
        put_weights(run.model, interpolated(start, copy_weights(run.model), share))
    scratch = workspace.folder("adapters", f".{adapter_id}.partial")
    said: Any = run.model.peft_config["default"]  # type: ignore[index]
    said.base_model_name_or_path, said.revision = base_name, spec.model.revision or None
    run.model.save_pretrained(str(scratch))  # type: ignore[operator]
    (scratch / "README.md").unlink(missing_ok=True)  # PEFT's template; the card says more
    card = _card(context, spec, run, refit, digest, base_name)
    card["started_from"] = started_from
    card["held_out"] = {
        "right": sum(answer.right for answer in held_out),
        "asked": len(held_out),
        "answers": [to_dict(answer) for answer in held_out],
    }
    write_json(scratch / CARD, card | {"sha256": file_digest(scratch / WEIGHTS)})
    target = workspace.path / "adapters" / adapter_id
    shutil.rmtree(target, ignore_errors=True)
    scratch.replace(target)
    artefacts.keep(workspace, f"adapters/{adapter_id}")
    setting = setting_of(spec.config.with_context)
    # The newest finished run is what its owner wants to see; a stopped one only if it is the first.
    if not context.stop_asked or not getattr(workspace.settings(), setting):
        workspace.update(**{setting: adapter_id})
    keys = (
        "steps", "best_step", "first_val_loss", "val_loss", "first_general_loss", "general_loss",
        "train_loss", "seconds", "ended", "warning", "held_out",
    )  # fmt: skip
    context.finish({"adapter": adapter_id, **{key: card[key] for key in keys}})


def _card(
    context: JobContext,
    spec: TrainingSpec,
    run: Trainer,
    refit: Trainer | None,
    digest: str,
    base_name: str,
) -> dict[str, Any]:
    progress, losses = run.progress, [row["loss"] for row in run.context_metrics() if "loss" in row]
    phases = [progress, refit.progress] if refit else [progress]
    tokens, seconds = sum(p.tokens for p in phases), sum(p.seconds for p in phases)
    best = progress.best_val_loss
    peft: Any = run.model.peft_config
    metrics = run.context_metrics()
    general = [row["general_loss"] for row in metrics if "general_loss" in row]
    warnings = list(signs(metrics))
    falls = best is not None and (progress.first_val_loss is None or best < progress.first_val_loss)
    if not falls and not progress.best_recited:
        warnings = ["The validation loss never fell below the base model's: nothing was learned."]
    return {
        "id": context.folder.name,
        "name": spec.config.name or f"{spec.config.preset.capitalize()} run",
        "created_at": now(),
        "base": digest,
        "base_name": base_name,
        "rank": spec.config.rank,
        "with_context": spec.config.with_context,
        "stopped": context.stop_asked,
        "counts": spec.counts,
        "validation_is": "new wordings of trained facts" if spec.rewordings else "unseen rows",
        "instruction": spec.instruction,
        "config": to_dict(spec.config),
        "layers": sorted(peft["default"].target_modules),
        "planned_steps": run.phase.steps,
        "refit_steps": refit.progress.step if refit else 0,
        "steps": progress.step,
        "best_step": progress.best_step,
        "first_val_loss": progress.first_val_loss,
        "val_loss": best,
        "recited": progress.best_recited,
        "train_loss": sum(losses[-10:]) / max(1, len(losses[-10:])),
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_s": round(tokens / max(1e-9, seconds), 1),
        "attempts": context.attempt,
        "first_general_loss": general[0] if general else None,
        "general_loss": general[-1] if general else None,
        "ended": _ended(context, run),
        "warning": " ".join(warnings),
        "command": f"python -m ragft_core.jobs jobs/{context.folder.name}",
        "versions": {"ragft": ragft_core.__version__, "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "machine": f"{platform.system()} {platform.machine()}, {sys.byteorder}-endian",
        "device": _device(run),
    }


def _device(run: Trainer) -> str:
    """Where the base lay, and in which type: ``cpu, float32``."""
    weight = next(run.model.parameters())
    return f"{weight.device}, {str(weight.dtype).removeprefix('torch.')}"


def _ended(context: JobContext, run: Trainer) -> str:
    """Why the search ended where it did, when that was before its planned end."""
    progress, planned = run.progress, run.phase.steps
    if context.stop_asked:
        return f"Stopped by hand after step {progress.step}."
    if progress.step >= planned:
        return ""
    return (
        f"Ended early, after step {progress.step} of {planned}: for "
        f"{progress.evals_without_improvement} evaluations in a row neither had the validation loss "
        "fallen nor were more of the watched answers given exactly."
    )
