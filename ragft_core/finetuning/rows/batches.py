"""Which packs a step trains on: a function of the step and the seed, and of nothing else.

That is what makes a resumed run equal to one that was never interrupted.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragft_core.finetuning.config import Origin, RunConfig
from ragft_core.finetuning.examples.facts import label_counts
from ragft_core.finetuning.rows.packing import (
    EncodedRow,
    Group,
    Pack,
    build_pack,
    group_rows,
    pack_groups,
)
from ragft_core.finetuning.rows.rows import (
    TrainingRow,
    encode_plain,
    encode_with_passages,
)
from ragft_core.overlap import normalise
from ragft_core.types import Split

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The attention mask is quadratic in this, and so is the memory of a step.
CAPACITY = 1400
WATCHED = "watch"
# Whose questions lose words: those that are answered from memory.
ASKED = (Origin.OWN, Origin.REWORDED)


class Batches:
    """The training and validation packs of a run.

    Args:
        tokenizer: Of the base model.
        rows: Training and validation rows.
        instruction: The workspace's standing instruction.
        config: Batch size, seed, and whether passages are read.
        longest: Tokens that the model takes.
        packed: Whether rows share sequences; False for models that would read on across rows.
        share: ``(rank, size)`` of the worker whose share of each batch is wanted.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        rows: Sequence[TrainingRow],
        instruction: str,
        config: RunConfig,
        longest: int,
        packed: bool = True,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self._tokenizer = tokenizer
        self._instruction = instruction
        self._config = config
        self._longest = min(longest, CAPACITY)
        self._packed = _packed if packed else _apart
        self._share = (0, 1)
        self._starts = [0]  # the first step of each epoch seen so far
        self._epoch: tuple[int, list[list[Pack]]] = (-1, [])
        train = [row for row in rows if row.split is Split.TRAIN]
        self._own = [row for row in train if row.origin is Origin.OWN]
        labelled = label_counts([row.example for row in self._own])
        self._dropout = 0.0 if labelled else config.word_dropout
        reworded = [row for row in train if row.origin is Origin.REWORDED]
        # As many rewordings as rows of the user's own, so that neither drowns the other.
        asked = len(self._own) * (2 if reworded else 1)
        self._mixed = [(reworded, asked - len(self._own))] + [
            ([row for row in train if row.origin is origin], round(share * asked))
            for origin, share in config.mixture.items()
        ]
        watched = [row for row in rows if row.split is Split.VALIDATION]
        self.validation = self._packs([row for row in watched if row.origin is Origin.OWN])
        self.general = self._packs([row for row in watched if row.origin is Origin.GENERAL])
        first = self._batches_of(0)
        self.n_rows = len(self._rows_of(0))
        self.tokens_per_row = sum(p.n_tokens for b in first for p in b) / max(1, self.n_rows)
        if share != self._share:  # what was counted is the whole's
            self._share, self._epoch = share, (-1, [])

    def __call__(self, step: int) -> Sequence[Pack]:
        """The packs of the 0-based ``step``."""
        while self._starts[-1] <= step:
            epoch = len(self._starts) - 1
            self._starts.append(self._starts[-1] + len(self._batches_of(epoch)))
        epoch = next(e for e in range(len(self._starts) - 1) if step < self._starts[e + 1])
        return self._batches_of(epoch)[step - self._starts[epoch]]

    def _rows_of(self, epoch: int) -> list[TrainingRow]:
        """The user's rows, each once, and of what is mixed in the next share, in turn."""
        rows = list(self._own)
        for pool, wanted in self._mixed:
            rows += [pool[(epoch * wanted + i) % len(pool)] for i in range(wanted if pool else 0)]
        return rows

    def _batches_of(self, epoch: int) -> list[list[Pack]]:
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._encoded(self._rows_of(epoch), str(epoch)))
        return self._epoch[1]

    def _packs(self, rows: Sequence[TrainingRow]) -> list[Pack]:
        return [pack for batch in self._encoded(rows, WATCHED) for pack in batch]

    def _encoded(self, rows: Sequence[TrainingRow], name: str) -> list[list[Pack]]:
        """The batches of one pass over the rows."""
        seed = f"{self._config.seed}-{name}"
        if self._config.with_context:
            bundles = encode_with_passages(
                self._tokenizer, rows, self._instruction, self._longest, seed
            )
            batches = _pooled(bundles, self._config.batch_size)
            return [self._packed(share_of(batch, *self._share)) for batch in batches]
        chance = random.Random(seed)
        dropout = self._dropout if name != WATCHED else 0.0
        shown = [row if row.origin not in ASKED else thinned(row, dropout, chance) for row in rows]
        encoded = encode_plain(self._tokenizer, shown, self._instruction, self._longest)
        chance.shuffle(encoded)
        size = self._config.batch_size
        return [
            self._packed(share_of([encoded[i : i + size]], *self._share))
            for i in range(0, len(encoded), size)
        ]


def share_of(
    batch: Sequence[Sequence[EncodedRow]], rank: int, size: int
) -> list[Sequence[EncodedRow]]:
    """A worker's share of a batch: as many rows as any other's, neighbours together.

    Args:
        batch: Lists of rows; those of a list share their passages.
        rank: Of the worker, from 0.
        size: How many workers there are.
    """
    n_rows = sum(len(rows) for rows in batch)
    low, high = n_rows * rank // size, n_rows * (rank + 1) // size
    shares, start = [], 0
    for rows in batch:
        shares.append(rows[max(0, low - start) : max(0, high - start)])
        start += len(rows)
    return [rows for rows in shares if rows]


def thinned(row: TrainingRow, share: float, chance: random.Random) -> TrainingRow:
    """A row whose question lacks some words (word dropout, Iyyer et al. 2015).

    A model that is trained on two wordings knows a question by all of its words at once; one that
    sees it with others missing each time knows it by any. Words that the answer repeats stay, and
    numbers, which often are all that tells two questions apart.
    """
    if not share:
        return row
    answered = set(normalise(row.example.answer).split())

    def stays(word: str) -> bool:
        bare = set(normalise(word).split())
        return chance.random() >= share or bool(bare & answered) or any(map(str.isdigit, word))

    words = row.example.question.split()
    kept = list(filter(stays, words)) or words
    return replace(row, example=replace(row.example, question=" ".join(kept)))


def _pooled(bundles: Iterable[list[EncodedRow]], size: int) -> list[list[list[EncodedRow]]]:
    """Bundles, which share passages, put together until a batch has its size."""
    batches: list[list[list[EncodedRow]]] = []
    current: list[list[EncodedRow]] = []
    for bundle in bundles:
        current.append(bundle)
        if sum(len(rows) for rows in current) >= size:
            batches.append(current)
            current = []
    if current:
        batches.append(current)
    return batches


def _packed(row_lists: Sequence[Sequence[EncodedRow]]) -> list[Pack]:
    groups: list[Group] = []
    for rows in row_lists:
        groups += group_rows(rows, CAPACITY)
    return list(pack_groups(groups, CAPACITY))


def _apart(row_lists: Sequence[Sequence[EncodedRow]]) -> list[Pack]:
    return [build_pack([Group((row,), 0)]) for rows in row_lists for row in rows]
