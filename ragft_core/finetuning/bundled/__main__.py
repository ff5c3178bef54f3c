"""``python -m ragft_core.finetuning.bundled`` trains a bundled adapter."""

from ragft_core.finetuning.bundled.train import parse, train

train(parse())
