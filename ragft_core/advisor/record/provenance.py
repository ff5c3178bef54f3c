"""What a decision rested on, so that it can be made again: files, questions, prompts, adapters."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import ragft_core
from ragft_core.advisor.criteria.answers import Answers
from ragft_core.advisor.deciding.recommendation import Recommendation
from ragft_core.arms import BY_ID
from ragft_core.evaluation.store.plans import ANSWERS_FILE, FOLDER
from ragft_core.finetuning import list_adapters
from ragft_core.knowledge import documents
from ragft_core.models.weights import bundled
from ragft_core.types import Adapter
from ragft_core.workspace import Workspace, read_jsonl

SHORT = 12
# How often people agree with the score (docs/equivalence.md, held out or never looked at).
KNOWN_ERROR = (
    "Labels are compared exactly. Of answers in words that people call right the score finds 84 %, "
    "and people agree with 91 % of those it calls right (FinanceBench, 2,400 answers, held-out halves; on EVOUNA, never fitted, "
    "82 to 94 % and 98 to 99 %). Shares of right answers carry this error besides their interval."
)


@dataclass(frozen=True)
class DocumentLine:
    """A document as it was when the decision was made."""

    file_name: str
    size_bytes: int
    sha256: str
    n_chunks: int


@dataclass(frozen=True)
class AdapterLine:
    """An adapter, the digest of its weights, and how it was trained."""

    id: str
    name: str
    digest: str
    base: str
    with_context: bool
    training: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PromptLine:
    """One prompt of an evaluated arm, as the model read it."""

    arm: str
    prompt: str


@dataclass(frozen=True)
class Materials:
    """What went in, by name and digest."""

    documents: tuple[DocumentLine, ...] = ()
    adapters: tuple[AdapterLine, ...] = ()
    prompts: tuple[PromptLine, ...] = ()


def gather_materials(workspace: Workspace, evaluation: str = "") -> Materials:
    """Reads what the workspace holds.

    Args:
        workspace: Whose materials they are.
        evaluation: The id of the evaluation that the decision rests on; empty for none.

    Raises:
        RagftError: A file of the workspace is damaged.
    """
    lines = [
        DocumentLine(item.file_name, item.size_bytes, item.sha256, item.n_chunks)
        for item in sorted(documents(workspace), key=lambda item: item.file_name)
    ]
    own = [_adapter(item) for item in list_adapters(workspace) if not item.bundled]
    return Materials(tuple(lines), tuple(own), tuple(_prompts(workspace, evaluation)))


def _adapter(item: Adapter) -> AdapterLine:
    card = item.card
    config = card.get("config") if isinstance(card.get("config"), dict) else {}
    told: dict[str, Any] = {**(config or {}), "steps": card.get("steps")}
    if card.get("tokens"):
        told["tokens trained"] = f"{card['tokens']:,}"
    if card.get("val_loss") is not None:
        told["validation loss"] = f"{card['val_loss']:.3f}"
    told = {key: value for key, value in told.items() if value not in (None, "", [], {})}
    training = {
        key.replace("_", " "): f"{value:g}" if isinstance(value, float) else str(value)
        for key, value in told.items()
        if key not in ("name", "with_context")
    }
    return AdapterLine(item.id, item.name, item.digest, item.base, item.with_context, training)


def _prompts(workspace: Workspace, evaluation: str) -> Iterator[PromptLine]:
    """The first prompt of each arm, which shows its instruction and its layout."""
    file = workspace.path / FOLDER / evaluation / ANSWERS_FILE
    if not evaluation or not file.exists():
        return
    seen: set[str] = set()
    for row in read_jsonl(file, skip_damaged=True):
        answer = row.get("answer") or {}
        if row.get("arm") not in seen and answer.get("prompt"):
            seen.add(row["arm"])
            known = BY_ID.get(row["arm"])
            yield PromptLine(known.name if known else row["arm"], answer["prompt"])


def versions(workspace: Workspace, answers: Answers, result: Recommendation) -> dict[str, str]:
    """Who answered, with which settings, and the versions of everything that reckons."""
    settings = workspace.settings()
    mine = set(answers.choices) - {*answers.prefilled, *answers.assumed}
    who = answers.who or (f"the group of {', '.join(answers.people)}" if answers.people else "")
    found = {
        "questionnaire answered by": who or ("not named" if mine else "nobody yet"),
        "template": f"{result.template}, {len(answers.assumed)} answers" if answers.assumed else "",
        "questionnaire saved": answers.saved_at,
        "model weights": bundled.GENERATOR.sha256 if settings.model.kind == "bundled" else "",
        "instruction": settings.instruction,
        "decoding": f"greedy (temperature 0), at most {settings.max_new_tokens} new tokens",
        "labels": ", ".join(settings.labels),
        "lab": ragft_core.__version__,
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "criteria": result.criteria_digest,
        "simulation": f"{result.simulations:,} draws, seed {result.seed}, "
        f"certainty {result.certainty:g}",
    }
    if any(item.id == "accuracy" for item in result.measurements):
        found["known error of the score"] = KNOWN_ERROR
    return {key: value for key, value in found.items() if value}
