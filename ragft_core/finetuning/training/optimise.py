"""The optimisation loop: AdamW over packs, deterministic, and resumable from any step.

A plain loop instead of transformers' Trainer for two reasons: Trainer stores the optimiser as a
pickle, which the product refuses to load, and it resumes silently without one; and packs of
unequal length need the loss normalised over the whole step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragft_core.finetuning.rows.packing import Pack, loss_and_recited, summed_loss
from ragft_core.finetuning.training.workers.peers import ALONE, Peers

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Schedule:
    """How the optimiser moves.

    ``learning_rate`` is the peak; it rises linearly over ``warmup`` (a share of the steps) and
    falls linearly to 0 at ``steps``. ``clip`` bounds the gradient's norm.
    LoRA's second matrices learn ``lora_plus`` times faster (LoRA+, arXiv 2402.12354).
    """

    steps: int
    learning_rate: float
    warmup: float = 0.06
    weight_decay: float = 0.0
    clip: float = 1.0
    lora_plus: float = 1.0

    def rate(self, step: int) -> float:
        """The learning rate of the 0-based ``step``."""
        rise = max(1, round(self.steps * self.warmup))
        if step < rise:
            return self.learning_rate * (step + 1) / rise
        return self.learning_rate * (self.steps - step) / max(1, self.steps - rise)


@dataclass(frozen=True)
class Step:
    """What one optimiser step reports: mean loss in nats per trained token, and the norm."""

    number: int
    loss: float
    learning_rate: float
    gradient_norm: float
    n_tokens: int


def make_optimiser(model: torch.nn.Module, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW over the parameters that require a gradient."""
    import torch

    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    second = [p for name, p in trained if ".lora_B." in name]
    first = [p for name, p in trained if ".lora_B." not in name]
    groups = [{"params": first, "faster": 1.0}, {"params": second, "faster": schedule.lora_plus}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=schedule.learning_rate,
        weight_decay=schedule.weight_decay,
    )


def optimise(
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    packs_of: Callable[[int], Sequence[Pack]],
    *,
    start: int = 0,
    after_step: Callable[[Step], bool] = lambda step: True,
    peers: Peers = ALONE,
) -> int:
    """Runs the steps from ``start`` on.

    Args:
        model: A causal LM whose trainable parameters require gradients.
        optimiser: As made by ``make_optimiser``; for a resumed run, with its state restored.
        schedule: Length and learning rate.
        packs_of: The packs of a step. The same step must always get the same packs, so that a
            resumed run continues exactly where it stopped.
        start: The first step to run.
        after_step: Called after each step; returning False ends the run.
        peers: Who else trains, each on packs of its own; all take the step that one would take.

    Returns:
        The number of steps that are done in all.
    """
    import torch

    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for number in range(start, schedule.steps):
        packs = packs_of(number)
        (n_targets,) = peers.totals(sum(len(pack.target) for pack in packs))
        total = 0.0
        for pack in packs:
            loss = summed_loss(model, pack) / n_targets
            loss.backward()
            total += loss.item()
        peers.add_gradients(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained, schedule.clip)
        rate = schedule.rate(number)
        for parameters in optimiser.param_groups:
            parameters["lr"] = rate * parameters["faster"]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        total, tokens = peers.totals(total, sum(pack.n_tokens for pack in packs))
        if not after_step(Step(number + 1, total, rate, float(norm), int(tokens))):
            return number + 1
    return schedule.steps


@dataclass(frozen=True)
class Watch:
    """What packs that are only watched tell: mean loss in nats per token, and exact answers."""

    loss: float
    recited: int
    n_rows: int


def watch(model: torch.nn.Module, packs: Sequence[Pack]) -> Watch:
    """Loss and exact answers over the packs, without training."""
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = [loss_and_recited(model, pack) for pack in packs]
    model.train(was_training)
    loss = sum(one.item() for one, _ in found) / max(1, sum(len(pack.target) for pack in packs))
    return Watch(loss, sum(n for _, n in found), sum(pack.n_rows for pack in packs))


def mean_loss(model: torch.nn.Module, packs: Sequence[Pack]) -> float:
    """Mean loss in nats per trained token over the packs, without training."""
    return watch(model, packs).loss
