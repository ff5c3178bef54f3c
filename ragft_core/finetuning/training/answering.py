"""Answers of the model while it is trained: what a loss cannot tell.

Decoding is greedy and free. What is right is said by whoever starts the run (``Right``), because
the product's scorer stands above this room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.rows.packing import EncodedRow
from ragft_core.finetuning.rows.rows import (
    Right,
    TrainingRow,
    encode_plain,
    encode_with_passages,
)
from ragft_core.types import Example, Split

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

# Asked on the way, and once at the best step.
FEW, MOST = 5, 16
TOGETHER = 8
# An answer may be so many tokens longer than the gold answer, and no longer than this.
MORE_TOKENS, MOST_TOKENS = 8, 24
# Asked before the first step and at so many evaluations, evenly spread: answers take their time.
MOST_INTERVIEWS = 5


@dataclass(frozen=True)
class LiveAnswer:
    """What the model answers to a question that is only watched, beside the right answer."""

    question: str
    gold: str
    answer: str
    right: bool


class Interview:
    """Questions that a run watches, to be asked while it trains.

    Args:
        tokenizer: Of the base model.
        rows: All rows of the run; the user's own that are watched are asked.
        instruction: The workspace's standing instruction.
        longest: Tokens that the model takes.
        right: Says whether an answer is right.
        together: Whether several may be asked in one batch, which recurrent models do not bear.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[TrainingRow],
        instruction: str,
        longest: int,
        right: Right,
        *,
        together: bool = True,
    ) -> None:
        own = [r for r in rows if r.split is Split.VALIDATION and r.origin is Origin.OWN]
        self._tokenizer = tokenizer
        self._right = right
        self._size = TOGETHER if together else 1
        self._longest = longest
        self._asked = [
            (row.example, _encoded(tokenizer, row, instruction, longest)) for row in own[:MOST]
        ]

    def __bool__(self) -> bool:
        return bool(self._asked)

    def few(self, model: torch.nn.Module) -> list[LiveAnswer]:
        """Answers to the first five."""
        return self._answers(model, self._asked[:FEW])

    def all(self, model: torch.nn.Module) -> list[LiveAnswer]:
        """Answers to all, at most 16."""
        return self._answers(model, self._asked)

    def _answers(
        self, model: torch.nn.Module, asked: Sequence[tuple[Example, EncodedRow]]
    ) -> list[LiveAnswer]:
        import torch

        was_training, threads = model.training, torch.get_num_threads()
        model.eval()
        # A token is hundreds of small operations, and threads that have to meet at each of them
        # wait for whatever else runs on the machine.
        torch.set_num_threads(1)
        answers: list[LiveAnswer] = []
        with torch.no_grad():
            for start in range(0, len(asked), self._size):
                batch = asked[start : start + self._size]
                for (example, _), text in zip(batch, self._decoded(model, batch), strict=True):
                    right = self._right(example, text)
                    answers.append(LiveAnswer(example.question, example.answer, text, right))
        torch.set_num_threads(threads)
        model.train(was_training)
        return answers

    def _decoded(
        self, model: torch.nn.Module, batch: Sequence[tuple[Example, EncodedRow]]
    ) -> list[str]:
        """Greedy answers; prompts are padded on the left, so that all end at one place."""
        import torch
        from transformers import GenerationConfig

        width = max(len(row.prompt) for _, row in batch)
        end: Any = self._tokenizer.eos_token_id
        ids = torch.full((len(batch), width), end)
        mask = torch.zeros_like(ids)
        for place, (_, row) in enumerate(batch):
            ids[place, width - len(row.prompt) :] = torch.tensor(row.prompt)
            mask[place, width - len(row.prompt) :] = 1
        device = next(model.parameters()).device
        longest = max(len(row.answer) for _, row in batch) + MORE_TOKENS
        found = model.generate(  # type: ignore[operator]
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=max(1, min(longest, MOST_TOKENS, self._longest - width)),
                eos_token_id=end,
                pad_token_id=end,
            ),
        )
        texts = self._tokenizer.batch_decode(found[:, width:], skip_special_tokens=True)
        return [text.strip() for text in texts]


def _encoded(
    tokenizer: PreTrainedTokenizerBase, row: TrainingRow, instruction: str, longest: int
) -> EncodedRow:
    """A row as it is asked: with its own passages where it has some."""
    if not row.passages:
        return encode_plain(tokenizer, [row], instruction, longest)[0]
    return next(encode_with_passages(tokenizer, [row], instruction, longest, "interview"))[0]
