"""How a fine-tuning run is set up.

A run's length is counted in optimiser steps, not epochs: with 50 examples three epochs are a
dozen steps, which teach nothing. So there is a floor, and early stopping is the ceiling.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ragft_core.errors import SettingsError
from ragft_core.values import from_dict, to_dict

# Llama's names of all of them, which the bundled adapters were trained on.
ALL_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
# Choices for the target layers, by the names of Llama-like models.
TARGETS = ("all", "mlp", "attention")
FEWEST_EVALUATIONS = 5
# The refit has one step for so many of the search.
REFIT_PART = 4


class Origin(StrEnum):
    """Where a training row comes from."""

    OWN = "own"
    REWORDED = "reworded"
    UNANSWERABLE = "unanswerable"
    GENERAL = "general"


# More runs than this of one kind cost more than their spread tells.
MOST_SEEDS = 8


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run besides the examples and the base model."""

    name: str = field(default="", metadata={"help": "How the adapter is called; may stay empty."})
    preset: str = "balanced"
    with_context: bool = field(
        default=False,
        metadata={
            "label": "Train with retrieved passages",
            "help": "For the hybrid arm: each question is trained with passages, the right one "
            "among others. Without, the adapter is for the fine-tuned arm.",
        },
    )
    steps: int = field(
        default=100,
        metadata={
            "label": "Fewest steps",
            "help": "The run has at least so many optimiser steps, however few examples there are.",
            "min": 1,
            "max": 5000,
        },
    )
    epochs: float = field(
        default=24.0,
        metadata={
            "help": "How often each example is seen, where that is more than the fewest steps.",
            "min": 0.0,
            "max": 200.0,
        },
    )
    most_tokens: int = field(
        default=160_000,
        metadata={
            "label": "Most tokens",
            "help": "Bounds the time: epochs are cut until the run reads no more tokens than "
            "this. The fewest steps are kept.",
            "min": 1000,
            "max": 50_000_000,
        },
    )
    learning_rate: float = field(
        default=1e-3,
        metadata={
            "help": "Peak of the learning rate. 0.001 suits models below 1B parameters; take "
            "0.0002 for larger ones.",
            "min": 1e-5,
            "max": 1e-2,
            "step": 1e-4,
            "format": "%.5f",
        },
    )
    rank: int = field(
        default=16,
        metadata={"help": "Size of the adapter. Raise it for many facts.", "min": 1, "max": 256},
    )
    alpha: int = field(
        default=32,
        metadata={"help": "Weight of the adapter: alpha / rank.", "min": 1, "max": 512},
    )
    rslora: bool = field(
        default=False,
        metadata={
            "label": "rsLoRA",
            "help": "Weighs the adapter by alpha / sqrt(rank), so that high ranks learn as fast as "
            "low ones. Costs nothing; at the same alpha the adapter weighs sqrt(rank) times more, so "
            "lower alpha or the learning rate.",
        },
    )
    lora_plus: float = field(
        default=1.0,
        metadata={
            "label": "LoRA+",
            "help": "How many times faster the adapter's second matrix learns than its first; the "
            "paper takes 16. Costs nothing in time or memory, but the run gets less steady: lower "
            "the learning rate. 1 is plain LoRA.",
            "min": 1.0,
            "max": 64.0,
        },
    )
    targets: str = field(
        default="all",
        metadata={
            "label": "Layers",
            "help": "Which linear layers get an adapter. All of them learn best; the MLP layers "
            "alone forget least.",
            "choices": TARGETS,
        },
    )
    dropout: float = field(
        default=0.0,
        metadata={"help": "Share of the adapter's inputs left out.", "min": 0.0, "max": 0.5},
    )
    word_dropout: float = field(
        default=0.1,
        metadata={
            "help": "Share of a question's words left out, others each time it is seen: the model "
            "learns to know a question by any of its words. Not for runs with passages or labels.",
            "min": 0.0,
            "max": 0.5,
        },
    )
    batch_size: int = field(
        default=8,
        metadata={"help": "Examples per optimiser step.", "min": 1, "max": 32},
    )
    eval_every: int = field(
        default=0,
        metadata={
            "label": "Steps between evaluations",
            "help": "0 evaluates eight times in a run; never fewer than five times.",
            "min": 0,
            "max": 1000,
        },
    )
    patience: int = field(
        default=3,
        metadata={
            "help": "The run ends early after so many evaluations in a row without improvement; "
            "0 never ends early.",
            "min": 0,
            "max": 100,
        },
    )
    rewordings: int = field(
        default=4,
        metadata={
            "label": "Rewordings",
            "help": "The model puts each fact in so many other questions before it trains, and reads "
            "them back to check the answer. What was trained in several wordings is found in a new "
            "one. Takes about a second for each; 0 for none. Left as it is, the hybrid arm gets none.",
            "min": 0,
            "max": 8,
        },
    )
    unanswerable: float = field(
        default=0.4,
        metadata={
            "label": "Unanswerable questions",
            "help": "Made-up questions that the documents do not answer, for each example of "
            "yours: the model learns to say so.",
            "min": 0.0,
            "max": 4.0,
        },
    )
    general: float = field(
        default=0.3,
        metadata={
            "label": "General questions",
            "help": "Questions of general knowledge for each example of yours: the model forgets "
            "less of what it knew.",
            "min": 0.0,
            "max": 4.0,
        },
    )
    refit: bool = field(
        default=True,
        metadata={
            "label": "Train again on all rows",
            "help": "After the best step is found, training goes on for a quarter of the way with "
            "the rows that were only watched so far among the others.",
        },
    )
    start_from_reader: bool = field(
        default=True,
        metadata={
            "help": "An adapter for the hybrid arm begins as the bundled reading adapter, where "
            "that is on and belongs to the model, and not empty.",
        },
    )
    interpolate: float = field(
        default=0.5,
        metadata={
            "help": "Of an adapter that began as the reader: how much of the way from there to what "
            "training made of it is gone (WiSE-FT, arXiv 2109.01903). It reads as well and steadier.",
            "min": 0.1,
            "max": 1.0,
        },
    )
    seed: int = field(default=0, metadata={"help": "Same seed, same run.", "min": 0})

    @property
    def scale(self) -> float:
        """What the adapter's output is multiplied by (rsLoRA: arXiv 2312.03732)."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)

    @property
    def mixture(self) -> dict[Origin, float]:
        """How many rows are mixed in for each question about a fact, the user's or a rewording."""
        return {Origin.UNANSWERABLE: self.unanswerable, Origin.GENERAL: self.general}

    def n_steps(self, n_rows: int, tokens_per_row: float) -> int:
        """How many optimiser steps the run has.

        Args:
            n_rows: Training rows.
            tokens_per_row: Mean tokens a row takes in a pack.
        """
        by_epochs = self.epochs * n_rows / self.batch_size
        by_tokens = self.most_tokens / max(1.0, tokens_per_row * self.batch_size)
        return max(self.steps, round(min(by_epochs, by_tokens)))

    def refit_steps(self, best_step: int) -> int:
        """How many steps follow the best one with all rows."""
        return -(-best_step // REFIT_PART) if self.refit else 0

    def evaluation_step(self, steps: int) -> int:
        """Every how many steps the validation loss is measured."""
        wanted = self.eval_every or steps // 8
        return max(1, min(wanted, steps // FEWEST_EVALUATIONS))


# Asked for now and then, and refused with the reason.
NOT_OFFERED = {
    "dora": "DoRA rescales whole columns of the base's weights for each adapter, so that several "
    "adapters could no longer share one base, and every step would cost about a third more. Take a "
    "higher rank with rslora=true.",
}


def with_seeds(config: RunConfig, seeds: int) -> list[RunConfig]:
    """The same run with so many seeds, from the config's own on, each named by its seed.

    Raises:
        SettingsError: There are too few or too many.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise SettingsError(f"{seeds} seeds are not possible.", f"1 to {MOST_SEEDS} are.")
    if seeds == 1:
        return [config]
    name = config.name or f"{config.preset} run".capitalize()
    return [
        dataclasses.replace(config, seed=seed, name=f"{name}, seed {seed}")
        for seed in range(config.seed, config.seed + seeds)
    ]


def check_config(config: RunConfig) -> None:
    """Makes sure that every setting lies in its range.

    Raises:
        SettingsError: One does not; the message names it.
    """
    for item in dataclasses.fields(config):
        value, meta = getattr(config, item.name), item.metadata
        low, high, choices = meta.get("min"), meta.get("max"), meta.get("choices")
        if choices and value not in choices:
            raise SettingsError(
                f"The setting {item.name} is {value!r}.", f"Choose one of: {', '.join(choices)}."
            )
        if (low is not None and value < low) or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise SettingsError(f"The setting {item.name} is {value}.", f"It has to be {limits}.")


def with_settings(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """A config with settings written as ``name=value``.

    Raises:
        SettingsError: There is no such setting, or its value does not fit.
    """
    values: dict[str, object] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name in NOT_OFFERED:
            raise SettingsError(f"{name} is not offered here: {NOT_OFFERED[name]}")
        if name not in RunConfig.__dataclass_fields__:
            known = ", ".join(RunConfig.__dataclass_fields__)
            raise SettingsError(f"There is no setting {name!r}.", f"The settings are: {known}.")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    changed = from_dict(RunConfig, to_dict(config) | values, "--set")
    check_config(changed)
    return changed
