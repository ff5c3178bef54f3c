"""The choice of the next token, among all or within a set of texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ragft_core.types import Sampling

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

TIE = 1e-3
Node = dict[int, "Node"]  # type: ignore[misc]


class Choices:
    """One walk through a trie of the texts' tokens: after each chosen token the next ones that are allowed.

    Args:
        texts: What may be answered, each to its end.
        tokenizer: The model's.
        ends: The tokens that end an answer.
    """

    def __init__(
        self, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, ends: Iterable[int]
    ) -> None:
        self._node = _trie(tuple(texts), tokenizer)
        self._ends = tuple(ends)

    def mask(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits (vocabulary,) with everything that is not allowed at minus infinity."""
        import torch

        allowed = [*self._node] if -1 not in self._node else [*self._node, *self._ends]
        places = torch.tensor([token for token in allowed if token >= 0], device=logits.device)
        masked = torch.full_like(logits, -torch.inf)
        masked[places] = logits[places]
        return masked

    def take(self, token: int) -> None:
        """Goes on behind a chosen token."""
        self._node = self._node.get(token, {-1: {}})


@lru_cache(maxsize=32)
def _trie(texts: tuple[str, ...], tokenizer: PreTrainedTokenizerBase) -> Node:
    root: Node = {}
    for text in texts:
        node = root
        for token in tokenizer.encode(text, add_special_tokens=False):
            node = node.setdefault(int(token), {})
        node[-1] = {}
    return root


class Sampler:
    """Chooses tokens for one answer; its random numbers are its own, so neighbours do not matter.

    ``ties`` counts the greedy choices whose two best logits lay within ``TIE``: only there may an
    answer differ between runs whose sums were added in another order. ``log_probability`` is that of
    all chosen tokens, in nats, before temperature and top-p.

    Args:
        sampling: How to choose.
        choices: Where only some texts are allowed.
        forced: The tokens that are taken one after the other, whatever their logits.
    """

    def __init__(
        self, sampling: Sampling, choices: Choices | None = None, forced: Sequence[int] = ()
    ) -> None:
        import torch

        self._sampling = sampling
        self._choices = choices
        self._forced = list(forced)
        self._branch = sampling.branch
        self._random = torch.Generator().manual_seed(sampling.seed)
        self.ties = 0
        self.log_probability = 0.0

    @property
    def greedy(self) -> bool:
        """Whether the most likely token is always taken."""
        return self._sampling.temperature <= 0

    @property
    def ahead(self) -> list[int]:
        """The tokens that are certain to be chosen next."""
        return list(self._forced)

    def choose(self, logits: torch.Tensor) -> int:
        """The next token from its logits (vocabulary,)."""
        if self._choices is not None:
            logits = self._choices.mask(logits)
        token = self._choose(logits)
        self.log_probability += float(logits[token] - logits.logsumexp(0))
        if self._choices is not None:
            self._choices.take(token)
        return token

    def _choose(self, logits: torch.Tensor) -> int:
        import torch

        if self._forced:
            return self._forced.pop(0)
        if self._branch:
            place, self._branch = self._branch, 0
            return int(logits.topk(place + 1).indices[place])
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
