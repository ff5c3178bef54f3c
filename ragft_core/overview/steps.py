"""The five steps of a workspace: what is done, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from ragft_core.finetuning import list_adapters, load_examples
from ragft_core.jobs import list_jobs
from ragft_core.knowledge import documents
from ragft_core.types import Split
from ragft_core.workspace import Workspace, read_jsonl


@dataclass(frozen=True)
class Step:
    """One step: ``key`` names it, ``text`` says where it stands in a few words."""

    key: str
    title: str
    purpose: str
    done: bool
    text: str


def workspace_steps(workspace: Workspace) -> list[Step]:
    """The steps in their order.

    Raises:
        WorkspaceError: A file of the workspace is damaged.
    """
    return [
        _documents(workspace),
        _examples(workspace),
        _finetune(workspace),
        _compare(workspace),
        _decide(workspace),
    ]


def next_step(steps: list[Step]) -> Step | None:
    """The first step that is not done, or None when all are."""
    return next((step for step in steps if not step.done), None)


def _documents(workspace: Workspace) -> Step:
    found = documents(workspace)
    n_chunks = sum(document.n_chunks for document in found)
    text = f"{count(len(found), 'document')}, {count(n_chunks, 'chunk')}" if found else "none yet"
    purpose = "What the RAG arms read from."
    return Step("documents", "Documents", purpose, bool(found), text)


def _examples(workspace: Workspace) -> Step:
    rows = load_examples(workspace)
    tests = sum(row.split is Split.TEST for row in rows)
    text = f"{len(rows) - tests} to train, {tests} to test" if rows else "none yet"
    purpose = "Questions with answers, to train on and to test with."
    return Step("examples", "Examples", purpose, bool(rows), text)


def _finetune(workspace: Workspace) -> Step:
    own = [adapter for adapter in list_adapters(workspace) if not adapter.bundled]
    running = [job for job in list_jobs(workspace, "train") if job.status().active]
    text = count(len(own), "adapter") if own else "none yet"
    if running:
        text = f"training, {100 * running[0].status().share:.0f} %"
    purpose = "A LoRA adapter of the same model, trained on your examples."
    return Step("finetune", "Fine-tune", purpose, bool(own), text)


def _compare(workspace: Workspace) -> Step:
    asked = sum(
        1
        for file in workspace.path.glob("chats/*.jsonl")
        for _ in read_jsonl(file, skip_damaged=True)
    )
    runs = len(list(workspace.path.glob("evaluations/*/report.json")))
    parts = [count(asked, "question")] if asked else []
    parts += [count(runs, "evaluation")] if runs else []
    purpose = "Every arm on the same questions, side by side and measured."
    return Step("compare", "Compare", purpose, bool(parts), ", ".join(parts) or "nothing asked yet")


def _decide(workspace: Workspace) -> Step:
    answered = (workspace.path / "advisor" / "answers.json").exists()
    purpose = "A recommendation that shows its working."
    kept = len(list(workspace.path.glob("advisor/records/record-*.json")))
    text = "questionnaire answered" if answered else "questionnaire open"
    if kept:
        text += f", {count(kept, 'record')} kept"
    return Step("decide", "Decide", purpose, answered, text)


def count(number: int, noun: str) -> str:
    """``1 document``, ``3 documents``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
