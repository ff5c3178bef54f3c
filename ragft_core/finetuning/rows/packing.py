"""Prefix-shared packing: many training rows in one sequence, each seeing only its own.

Rows that begin alike (the same system prompt, the same passages) store that beginning once; each
row continues it as a branch. A block mask and per-branch positions make every branch attend to
its own prefix and to itself alone, so the loss equals that of the rows trained one by one (a test
proves it), at a fraction of the tokens: asking eight questions about the same four passages costs
about 100 tokens a question instead of 500. It also does away with padding, which on a CPU is
paid for in full.

The mask is quadratic in the sequence, so a pack stays within a few thousand tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

# Relative, by bytes of a number; rounding in another order gives about 1e-5 in fp32.
PACKING_TOLERANCE = {4: 1e-3, 2: 2e-2}


@dataclass(frozen=True)
class EncodedRow:
    """One tokenised example: ``prompt`` is read, ``answer`` (with its end token) is learned."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Prompt and answer in one piece."""
        return self.prompt + self.answer


@dataclass(frozen=True)
class Group:
    """Rows that share their first ``shared`` tokens."""

    rows: tuple[EncodedRow, ...]
    shared: int

    @property
    def n_tokens(self) -> int:
        """Tokens that the group takes in a pack."""
        return self.shared + sum(len(row.ids) - self.shared for row in self.rows)


@dataclass(frozen=True)
class Pack:
    """One training sequence of L tokens with M trained positions.

    ``segment`` (L,) numbers the branch of each token and ``group`` (L,) its group; a prefix token
    has segment -1. ``predict`` (M,) are the positions whose next token is learned, ``target`` (M,)
    those tokens.
    """

    input_ids: np.ndarray
    position_ids: np.ndarray
    segment: np.ndarray
    group: np.ndarray
    predict: np.ndarray
    target: np.ndarray

    @property
    def n_tokens(self) -> int:
        """Length of the sequence."""
        return len(self.input_ids)

    @property
    def is_one_row(self) -> bool:
        """Whether plain causal attention is all it needs."""
        return len(set(self.segment.tolist())) <= 1 and len(set(self.group.tolist())) <= 1

    @property
    def n_rows(self) -> int:
        """How many rows it holds."""
        return len(set(self.segment[self.predict].tolist()))

    def allowed(self) -> np.ndarray:
        """The (L, L) boolean mask: which token (row) may look at which (column)."""
        order = np.arange(self.n_tokens)
        earlier = order[:, None] >= order[None, :]
        # A token sees what came earlier in its group: the prefix, and its own branch.
        same_group = self.group[:, None] == self.group[None, :]
        shared = self.segment[None, :] == -1
        same_branch = self.segment[:, None] == self.segment[None, :]
        return earlier & same_group & (shared | same_branch)


def shared_prefix(rows: Sequence[EncodedRow]) -> int:
    """Length of the longest prompt prefix that all rows have in common.

    At least one prompt token stays in every branch, because the last prompt token predicts the
    first answer token and must belong to its row.
    """
    shortest = min(len(row.prompt) for row in rows) - 1
    first = rows[0].prompt
    for index in range(shortest):
        # The first token on which any row differs ends what they share.
        if any(row.prompt[index] != first[index] for row in rows):
            return index
    return max(shortest, 0)


def group_rows(rows: Sequence[EncodedRow], capacity: int) -> list[Group]:
    """Groups neighbouring rows that share most of their prompts, each at most ``capacity`` long.

    Rows are sorted by their tokens first, so that those with a common beginning meet.
    """
    groups: list[Group] = []
    current: list[EncodedRow] = []
    for row in sorted(rows, key=lambda row: row.prompt):
        trial = [*current, row]
        shared = shared_prefix(trial)
        group = Group(tuple(trial), shared)
        alone = sum(len(item.ids) for item in trial)
        # Sharing less than a tenth is not worth a group: its rows would only be bound to one pack.
        if current and (group.n_tokens > capacity or group.n_tokens > 0.9 * alone):
            groups.append(Group(tuple(current), shared_prefix(current)))
            current = [row]
        else:
            current = trial
    if current:
        groups.append(Group(tuple(current), shared_prefix(current)))
    return groups


def pack_groups(groups: Iterable[Group], capacity: int) -> Iterator[Pack]:
    """Puts groups, in their order, into packs of at most ``capacity`` tokens (first fit)."""
    current: list[Group] = []
    used = 0
    for group in groups:
        if current and used + group.n_tokens > capacity:
            yield build_pack(current)
            current, used = [], 0
        current.append(group)
        used += group.n_tokens
    if current:
        yield build_pack(current)


def build_pack(groups: Sequence[Group]) -> Pack:
    """Lays the groups out one after the other in a single sequence."""
    ids: list[int] = []
    positions: list[int] = []
    segment: list[int] = []
    group_of: list[int] = []
    predict: list[int] = []
    target: list[int] = []
    branch = 0
    for number, group in enumerate(groups):
        shared = group.shared
        ids += group.rows[0].ids[:shared]
        positions += range(shared)
        segment += [-1] * shared
        group_of += [number] * shared
        for row in group.rows:
            rest = row.ids[shared:]
            start = len(ids)
            # Positions go on from the prefix, as if the branch were the only one.
            answer_at = start + len(row.prompt) - shared
            # A position predicts the token behind it: the last one of the prompt the answer's first.
            predict += range(answer_at - 1, answer_at - 1 + len(row.answer))
            target += row.answer
            ids += rest
            positions += range(shared, shared + len(rest))
            segment += [branch] * len(rest)
            group_of += [number] * len(rest)
            branch += 1
    parts = (ids, positions, segment, group_of, predict, target)
    return Pack(*(np.asarray(part, dtype=np.int64) for part in parts))


def summed_loss(model: torch.nn.Module, pack: Pack) -> torch.Tensor:
    """Cross-entropy in nats, summed over the pack's trained tokens.

    Args:
        model: A transformers causal LM, with or without a PEFT adapter around it.
        pack: The sequence.
    """
    return loss_and_recited(model, pack)[0]


def loss_and_recited(model: torch.nn.Module, pack: Pack) -> tuple[torch.Tensor, int]:
    """The summed cross-entropy, and how many of the pack's answers the model would give exactly.

    An answer whose every token is the likeliest after those before it is what greedy decoding
    writes, word for word. Logits come from the model's own forward pass, which may scale or cap
    them, and for the trained positions only: the vocabulary projection is the largest single
    matrix of a small model.
    """
    import torch
    from torch.nn import functional

    # Typed as Any: which attributes a model has is decided by transformers at run time.
    core: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    first = next(core.parameters())
    predict = torch.from_numpy(pack.predict).to(first.device)
    keeps = "logits_to_keep" in inspect.signature(core.forward).parameters
    found = core(
        input_ids=torch.from_numpy(pack.input_ids)[None].to(first.device),
        position_ids=torch.from_numpy(pack.position_ids)[None].to(first.device),
        use_cache=False,
        **({} if pack.is_one_row else {"attention_mask": _mask(pack, first)}),
        **({"logits_to_keep": predict} if keeps else {}),
    ).logits[0]
    logits = (found if keeps else found[predict]).float()
    target = torch.from_numpy(pack.target).to(first.device)
    loss = functional.cross_entropy(logits, target, reduction="sum")
    missed = (logits.argmax(-1) != target).cpu().numpy()
    rows = pack.segment[pack.predict]
    return loss, len(set(rows.tolist())) - len(set(rows[missed].tolist()))


def _mask(pack: Pack, like: torch.Tensor) -> torch.Tensor:
    """What is added to the attention's scores, (1, 1, L, L)."""
    import torch

    allowed = torch.from_numpy(pack.allowed()).to(like.device)
    mask = torch.zeros(allowed.shape, dtype=like.dtype, device=like.device)
    mask.masked_fill_(~allowed, torch.finfo(like.dtype).min)
    return mask[None, None]


def packing_holds(model: torch.nn.Module, rows: Sequence[EncodedRow]) -> bool:
    """Whether a model gives packed rows what it gives them alone.

    Attention obeys the pack's mask; recurrent layers and state spaces read on across rows.
    """
    import torch

    few = sorted(rows, key=lambda row: len(row.ids))[:3]
    if len(few) < 2:
        return True
    was_training = model.training
    model.eval()
    with torch.no_grad():
        together = float(summed_loss(model, build_pack([Group(tuple(few), shared_prefix(few))])))
        alone = sum(float(summed_loss(model, build_pack([Group((row,), 0)]))) for row in few)
    model.train(was_training)
    wide = next(model.parameters()).dtype.itemsize
    return abs(together - alone) <= PACKING_TOLERANCE.get(wide, 2e-2) * max(1.0, abs(alone))
