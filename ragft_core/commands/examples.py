"""Examples: imported, checked, mended, written from documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.commands.output import (
    Json,
    Name,
    finish,
    note,
    opened,
    show,
    table,
)
from ragft_core.errors import SettingsError
from ragft_core.settings import Settings
from ragft_core.workspace import Workspace


def examples(
    w: Name,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None,
    question: Annotated[str, typer.Option(help="Column of the questions.")] = "",
    answer: Annotated[str, typer.Option(help="Column of the answers.")] = "",
    generate: Annotated[int, typer.Option(help="Write N from the documents.")] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Look for duplicates, contradictions, leaks and more.")
    ] = False,
    fix: Annotated[
        list[str] | None, typer.Option(help="Mend a problem that --check names, or all.")
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Show which rows are wordings of one fact.")
    ] = False,
    join: Annotated[list[str] | None, typer.Option(help="Ids that are one fact.")] = None,
    part: Annotated[list[str] | None, typer.Option(help="Ids that are facts of their own.")] = None,
    as_json: Json = False,
) -> None:
    """Imports examples, writes them from the documents, checks and mends them, or lists them."""
    workspace = opened(w)
    if check or fix:
        _check(workspace, fix or [], as_json)
    elif facts or join or part:
        _facts(workspace, join or [], part or [], as_json)
    elif generate:
        _write(workspace, generate, as_json)
    elif file is not None:
        from ragft_core.finetuning import import_file

        columns = {"question": question, "answer": answer}
        given = {key: value for key, value in columns.items() if value}
        show(import_file(workspace, file, given or None), as_json, _imported)
    else:
        from ragft_core.finetuning import load_examples

        columns = {"id": "id", "split": "split", "question": "question", "answer": "answer"}
        rows = load_examples(workspace)
        show(rows, as_json, lambda items: table(items, columns, "No examples yet."))


def _check(workspace: Workspace, fixes: list[str], as_json: bool) -> None:
    """Checks the examples; with fixes, mends them first and shows what is left."""
    from ragft_core.evaluation.equivalence import equivalent
    from ragft_core.finetuning import load_examples
    from ragft_core.finetuning.examples import Problem, changing_examples, fixed
    from ragft_core.finetuning.training import look_over

    known = {problem.value for problem in Problem} | {"all"}
    for wrong in set(fixes) - known:
        raise SettingsError(
            f"There is no problem {wrong!r}.", f"Known: {', '.join(sorted(known))}."
        )
    settings = Settings()
    rows = load_examples(workspace)
    found = look_over(workspace, rows, settings, equivalent)
    if fixes:
        chosen = [item for item in found if "all" in fixes or item.problem.value in fixes]
        with changing_examples(workspace) as mended:
            before = len(mended)
            mended[:] = fixed(mended, chosen)
        note(f"{before - len(mended)} rows were left out, {len(mended)} are there.")
        found = look_over(workspace, mended, settings, equivalent)

    def human(items: list[dict[str, Any]]) -> str:
        lines = [f"{item['problem']}: {item['text']} {item['fix']}".rstrip() for item in items]
        return "\n".join(lines) or "Nothing is wrong with the examples."

    show(list(found), as_json, human)


def _facts(workspace: Workspace, join: list[str], part: list[str], as_json: bool) -> None:
    """Shows the examples by fact, after what was joined and parted."""
    from ragft_core.finetuning import load_examples
    from ragft_core.finetuning.examples import by_fact, changing_examples, joined, parted

    if join or part:
        with changing_examples(workspace) as rows:
            rows[:] = parted(joined(rows, join) if join else rows, part)
    else:
        rows = load_examples(workspace)
    numbered = [
        {"fact": number, "id": row.id, "question": row.question, "answer": row.answer}
        for number, group in enumerate(sorted(by_fact(rows), key=len, reverse=True), start=1)
        for row in group
    ]
    columns = {"fact": "fact", "id": "id", "question": "question", "answer": "answer"}
    show(numbered, as_json, lambda items: table(items, columns, "No examples yet."))


def _imported(report: dict[str, Any]) -> str:
    rejected = [f"row {row['row']}: {row['reason']}" for row in report["rejected"]]
    told = [f"Imported {len(report['examples'])} examples.", *report["warnings"], *rejected]
    return "\n".join(told)


def _write(workspace: Workspace, target: int, as_json: bool) -> None:
    """Writes examples as a job, waits for it and takes what it kept, unreviewed."""
    from ragft_core.finetuning.writing.job import read_candidates, start_generation
    from ragft_core.finetuning.writing.review import accept
    from ragft_core.knowledge.store import chunks_of
    from ragft_core.knowledge.store import documents as list_documents

    chunks = [
        (document.title, chunk)
        for document in list_documents(workspace)
        for chunk in chunks_of(workspace, document.id)
    ]
    job = start_generation(workspace, chunks, target)
    finish(job, True, as_json)
    added = accept(workspace, job, read_candidates(job.folder))
    note(f"{added} examples were added. Read them: python -m ragft_core examples {workspace.id}")
