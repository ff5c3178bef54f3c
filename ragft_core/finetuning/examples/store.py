"""A workspace's examples: where they are kept, how they are split, what is trained on.

Splits are by fact (``facts.by_fact``). Everything is decided by digests of the texts and a seed,
never by the order of the rows, so adding a row hardly moves the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples.facts import by_fact, label_counts
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_jsonl, write_jsonl

FILE = "examples.jsonl"
FEWEST = 10
LONGEST_CHARACTERS = 4000
TEST_SHARE = 0.2
# Below this many rows all are needed for training, and a test split would be too small to tell.
FEWEST_FOR_TEST = 100
MOST_VALIDATION = 64


@dataclass(frozen=True)
class Division:
    """What a run trains on and what it watches.

    ``rewordings`` says that the validation rows are other wordings of trained facts; otherwise
    they are about facts the run has not seen. ``untrained`` are labels that only rows outside of
    training have.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    rewordings: bool
    untrained: tuple[str, ...] = ()


def load_examples(workspace: Workspace) -> list[Example]:
    """Reads the workspace's examples; none where there are none.

    Raises:
        TrainingDataError: A line does not hold an example.
    """
    examples = []
    for number, row in enumerate(read_jsonl(workspace.path / FILE), start=1):
        try:
            examples.append(from_dict(Example, row))
        except (TypeError, ValueError) as error:
            raise TrainingDataError(
                f"Line {number} of {FILE} does not hold an example: {error}.",
                "Correct or delete that line.",
            ) from None
    return examples


def save_examples(workspace: Workspace, examples: Sequence[Example]) -> None:
    """Replaces the workspace's examples.

    Raises:
        TrainingDataError: Two rows have the same id.
    """
    with workspace.lock("examples"):
        _write(workspace, examples)


@contextmanager
def changing_examples(workspace: Workspace) -> Iterator[list[Example]]:
    """The examples as a list to change, which replaces them where no error ended the block.

    Nobody else changes them meanwhile, so that no row of another's is lost.

    Raises:
        TrainingDataError: A line does not hold an example, or two rows have the same id.
    """
    with workspace.lock("examples"):
        examples = load_examples(workspace)
        yield examples
        _write(workspace, examples)


def _write(workspace: Workspace, examples: Sequence[Example]) -> None:
    twice = [name for name, count in Counter(e.id for e in examples).items() if count > 1]
    if twice:
        raise TrainingDataError(f"Two examples have the id {twice[0]!r}.", "Give each its own.")
    write_jsonl(workspace.path / FILE, [to_dict(example) for example in examples])


def example_id(question: str, answer: str) -> str:
    """An id made from the texts: the same row always gets the same id."""
    return "ex-" + hashlib.sha256(f"{question}\n{answer}".encode()).hexdigest()[:12]


def validation_size(n: int) -> int:
    """How many of ``n`` training rows are watched: 10 %, at least 2 and at most 64.

    A handful of rows gives a noisy curve, but every row that is watched is not trained on.
    """
    return min(max(2, round(n / 10)), MOST_VALIDATION)


def assign_splits(
    examples: Sequence[Example],
    *,
    test_share: float = TEST_SHARE,
    seed: int = 0,
    fewest: int = FEWEST_FOR_TEST,
) -> list[Example]:
    """Puts about ``test_share`` of the rows into the test split and the rest into training.

    Half of the test rows are new wordings of facts that stay in training (``trained-fact``), as
    far as facts have three wordings or more; the others are facts held out whole
    (``document-fact``). Labels and unanswerable questions keep their kind. Fewer than ``fewest``
    rows all go into training: a test split is asked for there, not taken.
    """
    groups = _by_fact(examples, seed)
    wanted = round(len(examples) * test_share) if len(examples) >= fewest else 0
    test: dict[str, QuestionKind] = {}
    for number, rows in enumerate(groups):
        if len(test) >= wanted:
            break
        if len(rows) >= 3 and number % 2 == 0:
            test[rows[0].id] = QuestionKind.TRAINED_FACT
        else:
            test |= {row.id: QuestionKind.DOCUMENT_FACT for row in rows}
    return [_placed(example, test.get(example.id)) for example in examples]


def _placed(example: Example, kind: QuestionKind | None) -> Example:
    if kind is None:
        return dataclasses.replace(example, split=Split.TRAIN)
    fact = example.kind in (QuestionKind.TRAINED_FACT, QuestionKind.DOCUMENT_FACT)
    return dataclasses.replace(example, split=Split.TEST, kind=kind if fact else example.kind)


def divide(examples: Sequence[Example], seed: int = 0) -> Division:
    """Chooses the rows that a run trains on and those that it watches.

    Rows marked ``validation`` are watched as they are. Without any, rows are taken from training:
    one wording each of facts that have two or more, because a fact that was never shown cannot be
    known, and its loss would only tell when to stop learning facts. Labels give rows in
    proportion, never more than half of theirs. Where neither is to be had, whole facts.

    Raises:
        TrainingDataError: Fewer than 10 rows are left to train on.
    """
    marked = tuple(e for e in examples if e.split is Split.VALIDATION)
    train = [e for e in examples if e.split is Split.TRAIN]
    if len(train) < FEWEST:
        raise TrainingDataError(
            f"Fine-tuning needs at least {FEWEST} training examples; this workspace has "
            f"{len(train)}.",
            "Add examples: 50 are a fair start. RAG and the prompt work without any.",
        )
    if marked:
        known = {e.id for e in train}
        shared = [g for g in by_fact([*train, *marked]) if known & {e.id for e in g}]
        reworded_ids = {e.id for g in shared for e in g}
        rewordings = all(e.id in reworded_ids for e in marked)
        return Division(tuple(train), marked, rewordings, _untrained(examples, train))
    wanted = validation_size(len(train))
    groups = _by_fact(train, seed)
    reworded = [rows[0] for rows in sorted(groups, key=len, reverse=True) if len(rows) > 1]
    rewordings = len(reworded) >= max(2, wanted // 2)
    if rewordings:
        taken = reworded[:wanted]
    elif label_counts(train):
        taken = _of_each_label(train, wanted, seed)
    else:
        taken = _whole_facts(groups, wanted)
    held = {example.id for example in taken}
    rest = tuple(e for e in train if e.id not in held)
    return Division(rest, tuple(taken), rewordings, _untrained(examples, rest))


def _of_each_label(train: Sequence[Example], wanted: int, seed: int) -> list[Example]:
    """Rows of every label, as near to its share as whole rows allow (largest remainders)."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(train, key=lambda e: _digest(e.question, seed)):
        by_label[example.answer.strip()].append(example)
    shares = {label: wanted * len(rows) / len(train) for label, rows in by_label.items()}
    counts = {label: int(share) for label, share in shares.items()}
    for label in sorted(shares, key=lambda label: (counts[label] - shares[label], label)):
        if sum(counts.values()) < wanted:
            counts[label] += 1
    return [
        example
        for label, rows in sorted(by_label.items())
        for example in rows[: min(counts[label], len(rows) // 2)]
    ]


def _untrained(examples: Sequence[Example], train: Sequence[Example]) -> tuple[str, ...]:
    """Labels of the workspace that no trained row has."""
    known = {example.answer.strip() for example in train}
    return tuple(label for label in label_counts(examples) if label not in known)


def _whole_facts(groups: Sequence[list[Example]], wanted: int) -> list[Example]:
    """Whole facts until there are enough rows; one that would be too many is passed over."""
    taken: list[Example] = []
    for rows in groups:
        if len(taken) + len(rows) <= wanted:
            taken += rows
    return taken or list(groups[0])


def _by_fact(examples: Sequence[Example], seed: int) -> list[list[Example]]:
    """Rows by fact, facts and rows in an order that only their texts and the seed decide."""
    groups = [sorted(g, key=lambda e: _digest(e.question, seed)) for g in by_fact(examples)]
    return sorted(groups, key=lambda rows: _digest(rows[0].fact or rows[0].question, seed))


def _digest(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest()
