"""Several workers that train one adapter together: what they tell each other, and who starts them."""

from ragft_core.finetuning.training.workers.group import train_together
from ragft_core.finetuning.training.workers.peers import ALONE, Peers

__all__ = ["ALONE", "Peers", "train_together"]
