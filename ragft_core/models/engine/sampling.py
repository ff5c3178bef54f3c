"""The choice of the next token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragft_core.types import Sampling

if TYPE_CHECKING:
    import torch

TIE = 1e-3


class Sampler:
    """Chooses tokens for one answer; its random numbers are its own, so neighbours do not matter.

    ``ties`` counts the greedy choices whose two best logits lay within ``TIE``: only there may an
    answer differ between runs whose sums were added in another order.
    """

    def __init__(self, sampling: Sampling) -> None:
        import torch

        self._sampling = sampling
        self._random = torch.Generator().manual_seed(sampling.seed)
        self.ties = 0

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is always taken."""
        return self._sampling.temperature <= 0

    def choose(self, logits: torch.Tensor) -> int:
        """The next token from its logits (vocabulary,)."""
        import torch

        if self.greedy:
            best = logits.topk(2)
            self.ties += bool(best.values[0] - best.values[1] < TIE)
            return int(best.indices[0])
        scores = torch.softmax(logits.float().cpu() / self._sampling.temperature, dim=-1)
        if self._sampling.top_p < 1:
            ordered, order = scores.sort(descending=True)
            # The token that crosses the threshold stays in.
            beyond = ordered.cumsum(0) - ordered >= self._sampling.top_p
            ordered[beyond] = 0
            return int(order[torch.multinomial(ordered, 1, generator=self._random)])
        return int(torch.multinomial(scores, 1, generator=self._random))
