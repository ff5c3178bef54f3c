"""From examples to training rows: the rendered prompt, the answer, and the passages between.

Training with passages (the hybrid arm's) puts several questions over the same passages: the right
passage of one is a distractor for the next, and a pack stores the passages once. Which questions
meet, and in what order the passages stand, changes with every epoch.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragft_core.errors import ModelError, TrainingDataError
from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.rows.packing import EncodedRow
from ragft_core.models.prompts import render_messages
from ragft_core.models.tokens import encode_chat, render_chat
from ragft_core.overlap import holding
from ragft_core.types import Example, Message, QuestionKind, Split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TextPair = tuple[str, str]
# Whether an answer to an example's question is right: said by whoever starts a run, because the
# product's scorer stands above this room.
Right = Callable[[Example, str], bool]
# How many passages a training prompt has: as many as retrieval gives, give or take.
PASSAGE_COUNTS = {1: 0.10, 2: 0.20, 3: 0.40, 4: 0.20, 5: 0.10}
QUESTIONS_TOGETHER = 4


@dataclass(frozen=True)
class TrainingRow:
    """An example as a run keeps it. ``passages`` are (title, text), best first.

    ``gold`` is the passage that holds the answer; None where none does. ``origin`` tells the
    user's own rows from those that are mixed in. ``source`` is what rewordings are written from.
    """

    example: Example
    split: Split = Split.TRAIN
    passages: tuple[tuple[str, str], ...] = ()
    gold: int | None = None
    origin: Origin = Origin.OWN
    source: str = ""


@dataclass(frozen=True)
class RenderedExample:
    """The exact text that is trained: ``prompt`` is read, ``answer`` is learned."""

    prompt: str
    answer: str
    prompt_tokens: int
    answer_tokens: int


def encode(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: str
) -> EncodedRow:
    """Tokenises a conversation and its answer, which ends with the token that ends a turn.

    Raises:
        ModelError: The tokenizer has no such token.
    """
    prompt_ids = encode_chat(tokenizer, render_chat(tokenizer, messages))
    end = tokenizer.eos_token_id
    if not isinstance(end, int):
        raise ModelError(
            "The model's tokenizer has no token that ends an answer, so an adapter would never "
            "learn to stop.",
            "Choose an instruction-tuned model.",
        )
    return EncodedRow(tuple(prompt_ids), (*encode_chat(tokenizer, answer), end))


def rendered_example(
    tokenizer: PreTrainedTokenizerBase,
    example: Example,
    instruction: str,
    passages: Sequence[TextPair] = (),
) -> RenderedExample:
    """The exact text that an example is trained as, with the trained part apart.

    Args:
        tokenizer: Of the base model.
        example: The row.
        instruction: The workspace's standing instruction.
        passages: (title, text) pairs for training with context; empty for training without.
    """
    messages = render_messages(example.question, instruction=instruction, passages=passages)
    row = encode(tokenizer, messages, example.answer)
    return RenderedExample(
        render_chat(tokenizer, messages),
        example.answer + str(tokenizer.eos_token),
        len(row.prompt),
        len(row.answer),
    )


def find_gold(example: Example, passages: Sequence[TextPair]) -> int | None:
    """Which passage holds the answer: by the quoted evidence, else by the answer, else the first.

    An unanswerable question has none.
    """
    if example.kind is QuestionKind.UNANSWERABLE or not passages:
        return None
    for wanted in (example.evidence, example.answer, *example.alternatives):
        place = holding([text for _, text in passages], wanted)
        if place is not None:
            return place
    return 0


def encode_plain(
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[TrainingRow],
    instruction: str,
    longest: int,
) -> list[EncodedRow]:
    """Rows without passages, in order.

    Raises:
        TrainingDataError: A row does not fit into ``longest`` tokens.
    """
    return [_encode_row(tokenizer, row, instruction, [], longest) for row in rows]


def encode_with_passages(
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[TrainingRow],
    instruction: str,
    longest: int,
    seed: str,
) -> Iterator[list[EncodedRow]]:
    """One epoch with passages: lists of rows that share their passages, in random order.

    Raises:
        TrainingDataError: A row does not fit into ``longest`` tokens even with one passage.
    """
    for together, passages in bundles(rows, random.Random(seed)):
        yield [_encode_row(tokenizer, row, instruction, passages, longest) for row in together]


def _encode_row(
    tokenizer: PreTrainedTokenizerBase,
    row: TrainingRow,
    instruction: str,
    passages: Sequence[TextPair],
    longest: int,
) -> EncodedRow:
    """Tokenises a row; passages that do not fit are left out, the gold passage last of all."""
    question, answer = row.example.question, row.example.answer
    gold = row.passages[row.gold] if row.gold is not None else None
    kept = list(passages)
    while True:
        messages = render_messages(question, instruction=instruction, passages=kept)
        encoded = encode(tokenizer, messages, answer)
        if len(encoded.ids) <= longest:
            return encoded
        others = [passage for passage in kept if passage != gold]
        if not others:
            raise TrainingDataError(
                f"The example {question[:60]!r} takes {len(encoded.ids)} tokens with its prompt; "
                f"{longest} fit.",
                "Shorten its texts, or leave it out.",
            )
        kept.remove(others[-1])


def bundles(
    rows: Sequence[TrainingRow], chance: random.Random
) -> Iterator[tuple[list[TrainingRow], list[TextPair]]]:
    """Puts rows together over one list of passages that holds each row's gold passage.

    The other places are taken by passages that retrieval found for these very questions, which
    are the hardest distractors there are.
    """
    by_gold: dict[TextPair | None, list[TrainingRow]] = defaultdict(list)
    for row in rows:
        by_gold[row.passages[row.gold] if row.gold is not None else None].append(row)
    queues: list[list[TrainingRow]] = []
    for found in by_gold.values():
        chance.shuffle(found)
        queues += [
            found[i : i + QUESTIONS_TOGETHER] for i in range(0, len(found), QUESTIONS_TOGETHER)
        ]
    chance.shuffle(queues)
    while queues:
        wanted = chance.choices(list(PASSAGE_COUNTS), list(PASSAGE_COUNTS.values()))[0]
        together = list(queues.pop())
        n_golds = 1
        while queues and n_golds < wanted and len(together) + len(queues[-1]) <= QUESTIONS_TOGETHER:
            together += queues.pop()
            n_golds += 1
        golds = [row.passages[row.gold] for row in together if row.gold is not None]
        held = list(dict.fromkeys(golds))
        others = [p for row in together for p in row.passages if p not in held]
        # Retrieval's first choices distract most, so the first are taken, not a sample.
        held += list(dict.fromkeys(others))[: max(0, wanted - len(held))]
        chance.shuffle(held)
        yield together, held
