"""Three set-ups that work for 50 to 500 examples, and what an arm that reads has of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ragft_core.errors import SettingsError
from ragft_core.finetuning.config import RunConfig

PRESETS: dict[str, RunConfig] = {
    "quick": RunConfig(
        preset="quick", steps=60, epochs=12.0, most_tokens=36_000, patience=0, rewordings=3
    ),
    "balanced": RunConfig(preset="balanced"),
    "thorough": RunConfig(
        preset="thorough", steps=200, epochs=40.0, most_tokens=640_000, rank=32, alpha=64,
        learning_rate=5e-4, patience=4,
    ),
}  # fmt: skip

PRESET_TEXTS: Mapping[str, str] = {
    "quick": "Enough to see what fine-tuning does on your examples.",
    "balanced": "Up to four times as much training; the best choice for most data.",
    "thorough": "A larger adapter and a long run, for a result to decide on.",
}


def preset_config(name: str) -> RunConfig:
    """A preset by its name.

    Raises:
        SettingsError: There is none of that name.
    """
    if name not in PRESETS:
        raise SettingsError(
            f"There is no preset {name!r}.", f"Choose one of: {', '.join(PRESETS)}."
        )
    return PRESETS[name]


def with_passages(config: RunConfig) -> RunConfig:
    """The same run for the hybrid arm.

    Four questions over the same passages make a batch. Rewordings are left out unless their number
    was changed: what is read need not be known in many words, and with them a row is seen once
    where it is seen four times without (docs/finetuning.md).
    """
    untouched = config.rewordings == PRESETS.get(config.preset, config).rewordings
    return dataclasses.replace(
        config,
        with_context=True,
        batch_size=max(1, config.batch_size // 2),
        rewordings=0 if untouched else config.rewordings,
    )
