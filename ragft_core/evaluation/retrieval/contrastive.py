"""An embedding model tuned on questions and the passages that answer them.

Each question is to lie nearer to its own passage than to the others of its batch and to a hard
negative, a wrong passage that the model ranked high (InfoNCE over in-batch negatives, van den Oord
et al. 2018; hard negatives as in DPR, Karpukhin et al. 2020). The loss is sentence-transformers';
the loop is plain, because its trainer needs a further library and cannot be stopped between steps.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragft_core.threads import use_threads, usual_threads

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BATCH = 16
LEARNING_RATE, WARMUP = 3e-5, 0.1
EPOCHS, FEWEST_STEPS, MOST_STEPS = 3, 30, 300
# Tokens of a passage that are read while tuning: time grows with them, and its topic stands early.
READ_TOKENS = 128


@dataclass(frozen=True)
class Triple:
    """A question, a passage that answers it, and one that seems to and does not ("" for none)."""

    question: str
    passage: str
    wrong: str = ""


def n_steps(n_triples: int) -> int:
    """Optimiser steps for so many triples: a few epochs, within limits."""
    return min(MOST_STEPS, max(FEWEST_STEPS, EPOCHS * -(-n_triples // BATCH)))


def tune(
    folder: Path,
    triples: Sequence[Triple],
    target: Path,
    *,
    seed: int = 0,
    threads: int = 0,
    on_share: Callable[[float], None] = lambda share: None,
) -> None:
    """Tunes an embedding model and saves the result as a folder of sentence-transformers.

    Args:
        folder: The model to begin with.
        triples: What to train on, at least two with different passages.
        target: Where the tuned model goes.
        seed: Same seed, same batches.
        threads: CPU threads for torch; 0 leaves that to torch.
        on_share: Called with the share that is done after each step; what it raises ends the work.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    use_threads(usual_threads(threads))
    torch.manual_seed(seed)
    model = SentenceTransformer(
        str(folder), device="cpu", trust_remote_code=False, local_files_only=True
    )
    read, model.max_seq_length = model.max_seq_length, READ_TOKENS
    steps = n_steps(len(triples))
    loss = MultipleNegativesRankingLoss(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    rise = max(1, round(WARMUP * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min((n + 1) / rise, (steps - n) / max(1, steps - rise))
    )
    model.train()
    batches = _batches(triples, random.Random(seed))
    for number in range(steps):
        loss(_columns(model, next(batches)), torch.empty(0)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad(set_to_none=True)
        on_share((number + 1) / steps)
    model.eval()
    model.max_seq_length = read
    model.save(str(target), create_model_card=False)


def _columns(model: SentenceTransformer, batch: Sequence[Triple]) -> list[dict]:
    """A batch as the loss takes it: questions, their passages, and wrong ones where all have one."""
    questions, passages = [t.question for t in batch], [t.passage for t in batch]
    wrong = [t.wrong for t in batch]
    columns = [("query", questions), ("document", passages)]
    columns += [("document", wrong)] if all(wrong) else []
    return [
        model.preprocess(texts, prompt=model.prompts.get(kind) or None) for kind, texts in columns
    ]


def _batches(triples: Sequence[Triple], chance: random.Random) -> Iterator[list[Triple]]:
    """Batches without end in which no passage is a negative of its own question."""
    waiting: list[Triple] = []
    while True:
        if len(waiting) < len(triples):
            waiting += chance.sample(list(triples), len(triples))
        batch: list[Triple] = []
        right: set[str] = set()
        wrong: set[str] = set()
        for triple in list(waiting):
            fits = triple.passage not in right | wrong and triple.wrong not in right
            if fits and len(batch) < BATCH:
                batch.append(triple)
                right.add(triple.passage)
                wrong.add(triple.wrong)
                waiting.remove(triple)
        yield batch
