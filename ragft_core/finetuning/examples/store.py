"""A workspace's examples: where they are kept, how they are split, what is trained on.

Splits are by fact. Rows that share a ``fact`` are wordings of one fact; a row without one is a
fact of its own. Everything is decided by digests of the texts and a seed, never by the order of
the rows, so adding a row hardly moves the others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ragft_core.errors import TrainingDataError
from ragft_core.types import Example, QuestionKind, Split
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, read_jsonl, write_jsonl

FILE = "examples.jsonl"
FEWEST = 10
LONGEST_CHARACTERS = 4000
TEST_SHARE = 0.2
# Below this many rows all are needed for training; a test split would be too small to tell.
FEWEST_FOR_TEST = 40


@dataclass(frozen=True)
class Division:
    """What a run trains on and what it watches.

    ``rewordings`` says that the validation rows are other wordings of trained facts; otherwise
    they are about facts the run has not seen.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    rewordings: bool


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
    twice = [name for name, count in Counter(e.id for e in examples).items() if count > 1]
    if twice:
        raise TrainingDataError(f"Two examples have the id {twice[0]!r}.", "Give each its own.")
    with workspace.lock("examples"):
        write_jsonl(workspace.path / FILE, [to_dict(example) for example in examples])


def example_id(question: str, answer: str) -> str:
    """An id made from the texts: the same row always gets the same id."""
    return "ex-" + hashlib.sha256(f"{question}\n{answer}".encode()).hexdigest()[:12]


def same_question(text: str) -> str:
    """What two wordings have in common when only case, spaces and punctuation differ."""
    return " ".join(re.findall(r"\w+", text.lower()))


def validation_size(n: int) -> int:
    """How many of ``n`` training rows are watched: 10 %, at least 16; below 32 rows a seventh.

    A handful of rows gives a noisy curve, but none at all gives no warning of over-fitting.
    """
    return max(16, n // 10) if n >= 32 else max(2, round(n / 7))


def assign_splits(
    examples: Sequence[Example], *, test_share: float = TEST_SHARE, seed: int = 0
) -> list[Example]:
    """Puts about ``test_share`` of the rows into the test split and the rest into training.

    Half of the test rows are new wordings of facts that stay in training (``trained-fact``), as
    far as facts have three wordings or more; the others are facts held out whole
    (``document-fact``). Labels and unanswerable questions keep their kind. Fewer than 40 rows all
    go into training.
    """
    groups = _by_fact(examples, seed)
    wanted = round(len(examples) * test_share) if len(examples) >= FEWEST_FOR_TEST else 0
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
    known, and its loss would only tell when to stop learning facts; where there are too few such
    facts, whole facts, evenly over the answers.

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
        known = {e.fact for e in train if e.fact}
        return Division(tuple(train), marked, all(e.fact in known for e in marked))
    wanted = validation_size(len(train))
    groups = _by_fact(train, seed)
    reworded = [rows[0] for rows in sorted(groups, key=len, reverse=True) if len(rows) > 1]
    rewordings = len(reworded) >= wanted
    taken = reworded[:wanted] if rewordings else _whole_facts(groups, wanted)
    held = {example.id for example in taken}
    rest = tuple(e for e in train if e.id not in held)
    return Division(rest, tuple(taken), rewordings)


def _whole_facts(groups: Sequence[list[Example]], wanted: int) -> list[Example]:
    """Whole facts until there are enough rows, taking each answer in turn (labels stay even)."""
    by_answer: dict[str, list[list[Example]]] = defaultdict(list)
    for rows in groups:
        by_answer[rows[0].answer].append(rows)
    taken: list[Example] = []
    # A label with a single row stays in training: it could not be learned otherwise.
    queues = [queue for queue in by_answer.values() if len(queue) > 1] or list(by_answer.values())
    if len(queues) < len(by_answer) / 2:  # free answers, nearly all different
        queues = list(by_answer.values())
    while len(taken) < wanted and any(queues):
        for queue in queues:
            if queue and len(taken) < wanted:
                taken += queue.pop()
    return taken


def _by_fact(examples: Sequence[Example], seed: int) -> list[list[Example]]:
    """Rows by fact, facts and rows in an order that only their texts and the seed decide."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.fact or f"row {same_question(example.question)}"].append(example)
    order = sorted(groups, key=lambda fact: _digest(fact, seed))
    return [sorted(groups[fact], key=lambda e: _digest(e.question, seed)) for fact in order]


def _digest(text: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{text}".encode()).hexdigest()
