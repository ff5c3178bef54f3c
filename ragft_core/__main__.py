"""The command line: a headless twin of every page.

    python -m ragft_core init demo --sample knowledge
    python -m ragft_core ask demo "How long is the warranty?" --arm rag --json

Every command takes ``--json``. Results go to standard output, errors to standard error with an
exit code of 1. A workspace is named by its id in the home, or by a path.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.errors import EvaluationError, RagftError, TrainingDataError
from ragft_core.settings import Settings
from ragft_core.types import Answer, Passage, SearchMode, Strategy, to_dict
from ragft_core.workspace import Workspace, create_workspace, locate, open_workspace

app = typer.Typer(
    help="The strategy lab: prompt, RAG, fine-tuning or both, measured on your own documents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="W", help="Workspace: an id, or a path.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _open(name: str) -> Workspace:
    return open_workspace(Settings(), name)


def _print(data: Any, as_json: bool, human: Callable[[Any], str]) -> None:
    plain = to_dict(data)
    typer.echo(json.dumps(plain, ensure_ascii=False, indent=2) if as_json else human(plain))


def _table(rows: list[dict[str, Any]], columns: dict[str, str], none: str) -> str:
    """Rows as aligned text; ``columns`` maps keys to headings."""
    if not rows:
        return none
    cells = [[str(row.get(key, "")) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns.values(), *cells, strict=True)]
    lines = [list(columns.values()), *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _note(text: str) -> None:
    """Progress goes to standard error, so that output can be piped."""
    typer.echo(text, err=True)


def _outcomes(_: float, text: str) -> None:
    """Names what is done, not every stage on the way."""
    if not text.endswith((": reading", ": embedding", ": saving")):
        _note(text)


@app.command()
def init(
    w: Name,
    sample: Annotated[str, typer.Option(help="Fill it with a sample: knowledge or triage.")] = "",
    as_json: Json = False,
) -> None:
    """Makes a workspace, empty or from a sample."""
    settings = Settings()
    path = locate(settings, w)
    if sample:
        from ragft_core.samples import load_sample

        workspace = load_sample(
            settings,
            sample,
            path,
            workspace_name=path.name,
            on_progress=_outcomes,
        )
    else:
        workspace = create_workspace(settings, path.name, path)
    found = {"id": workspace.id, "path": str(workspace.path), **to_dict(workspace.settings())}
    _print(found, as_json, lambda row: f"Workspace {row['id']} at {row['path']}")


@app.command()
def add(
    w: Name,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to take in.")],
    as_json: Json = False,
) -> None:
    """Takes documents into the knowledge base; files that cannot be read are refused one by one."""
    from ragft_core.knowledge import KnowledgeBase
    from ragft_core.strategies import open_embedder

    base = KnowledgeBase(_open(w), open_embedder(Settings()))
    reports = base.add_files(
        [(file.name, file) for file in files],
        lambda name, stage, share: _outcomes(share, f"{name}: {stage}"),
    )
    _print(
        reports,
        as_json,
        lambda rows: "\n".join(
            f"{row['file_name']}: {row['error'] or row['outcome']}" for row in rows
        ),
    )
    if any(report.error for report in reports):
        raise typer.Exit(1)


@app.command()
def documents(w: Name, as_json: Json = False) -> None:
    """Lists the documents."""
    from ragft_core.knowledge import documents as list_documents

    columns = {"id": "id", "file_name": "file", "format": "type", "n_chunks": "chunks"}
    found = list_documents(_open(w))
    _print(found, as_json, lambda rows: _table(rows, columns, "No documents yet."))


@app.command()
def remove(w: Name, doc: Annotated[str, typer.Argument(metavar="DOC")], as_json: Json = False) -> None:
    """Removes a document, named by its id, its file name or its title."""
    from ragft_core.knowledge import KnowledgeBase
    from ragft_core.strategies import open_embedder

    base = KnowledgeBase(_open(w), open_embedder(Settings()))
    found = [d for d in base.documents() if doc in (d.id, d.file_name, d.title)]
    document = found[0] if found else base.document(doc)
    base.remove(document.id)
    _print(document, as_json, lambda row: f"Removed {row['file_name']}.")


def _passage(passage: Passage, files: dict[str, str]) -> dict[str, Any]:
    return {
        "rank": passage.rank,
        "document": files.get(passage.chunk.document_id, passage.document_title),
        "title": passage.document_title,
        "chunk": passage.chunk.id,
        "score": passage.score,
        "found_by": passage.found_by,
        "similarity": passage.similarity,
        "page": passage.chunk.page,
        "start": passage.chunk.start,
        "end": passage.chunk.end,
        "text": passage.chunk.text,
    }


@app.command()
def search(
    w: Name,
    question: str,
    mode: Annotated[SearchMode, typer.Option()] = SearchMode.HYBRID,
    k: Annotated[int, typer.Option(min=1, max=50)] = 5,
    as_json: Json = False,
) -> None:
    """Shows what retrieval finds for a question."""
    from ragft_core.knowledge import KnowledgeBase
    from ragft_core.strategies import open_embedder

    base = KnowledgeBase(_open(w), open_embedder(Settings()))
    files = {document.id: document.file_name for document in base.documents()}
    found = [_passage(passage, files) for passage in base.search(question, mode, k)]
    _print(
        found,
        as_json,
        lambda rows: "\n\n".join(
            f"{row['rank']}. {row['title']} ({row['score']:.3f}, {row['found_by']})\n{row['text']}"
            for row in rows
        )
        or "Nothing found.",
    )


@app.command()
def examples(
    w: Name,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None,
    question: Annotated[str, typer.Option(help="Column of the questions.")] = "",
    answer: Annotated[str, typer.Option(help="Column of the answers.")] = "",
    generate: Annotated[int, typer.Option(help="Write N examples from the documents.")] = 0,
    as_json: Json = False,
) -> None:
    """Imports examples from a table, writes them from the documents, or lists them."""
    workspace = _open(w)
    if generate:
        from ragft_core.finetuning.generate import read_candidates, start_generation
        from ragft_core.finetuning.review import accept
        from ragft_core.knowledge.store import chunks_of, documents

        found = [(d.title, c) for d in documents(workspace) for c in chunks_of(workspace, d.id)]
        job = start_generation(workspace, found, generate)
        _wait(job)
        added = accept(workspace, job, read_candidates(job.folder))
        _print(_job(job) | {"added": added}, as_json, _written)
        if job.status().state != "succeeded":
            raise typer.Exit(1)
    elif file is not None:
        from ragft_core.finetuning import import_file

        imported = import_file(workspace, file, {"question": question, "answer": answer})
        _print(imported, as_json, _imported)
    else:
        from ragft_core.finetuning import load_examples

        columns = {"split": "split", "question": "question", "answer": "answer"}
        rows = load_examples(workspace)
        _print(rows, as_json, lambda items: _table(items, columns, "No examples yet."))


def _written(row: dict[str, Any]) -> str:
    from ragft_core.finetuning.roundtrip import REASONS

    dropped = (row["result"] or {}).get("dropped", {})
    lines = [f"{REASONS.get(reason, reason)}: {count}" for reason, count in dropped.items()]
    head = f"Added {row['added']} examples. Read them before you train on them."
    return "\n".join([row["error"] or head, *(f"dropped  {line}" for line in lines)])


def _imported(report: dict[str, Any]) -> str:
    rejected = [f"row {row['row']}: {row['reason']}" for row in report["rejected"]]
    return "\n".join([f"Imported {len(report['examples'])} examples.", *rejected])


@app.command()
def train(
    w: Name,
    preset: Annotated[str, typer.Option(help="quick, balanced or thorough.")] = "quick",
    wait: Annotated[bool, typer.Option(help="Wait for the end.")] = False,
    as_json: Json = False,
) -> None:
    """Starts a fine-tuning run in the background."""
    from ragft_core.finetuning import preset_config, start_run

    job = start_run(_open(w), preset_config(preset))
    if wait:
        _wait(job)
    _print(_job(job), as_json, _job_line)
    if wait and job.status().state != "succeeded":
        raise typer.Exit(1)


def _wait(job: Any) -> None:
    shown = ""
    while (status := job.wait(timeout=1)).active:
        if status.message != shown:
            shown = status.message
            _note(f"{status.share:.0%} {shown}")


def _job(job: Any) -> dict[str, Any]:
    status = to_dict(job.status())
    return {"id": job.id, "kind": job.kind, **status, "result": job.result()}


def _job_line(row: dict[str, Any]) -> str:
    return f"{row['id']}  {row['state']}  {row['error'] or row['message']}"


@app.command()
def runs(w: Name, as_json: Json = False) -> None:
    """Lists the background jobs: fine-tuning, evaluation, example writing."""
    from ragft_core.jobs import list_jobs

    rows = [_job(job) for job in list_jobs(_open(w))]
    _print(rows, as_json, lambda items: "\n".join(map(_job_line, items)) or "No runs yet.")


@app.command()
def stop(w: Name, run: str, as_json: Json = False) -> None:
    """Stops a background job; what it has is kept."""
    from ragft_core.jobs import get_job

    job = get_job(_open(w), run)
    job.stop()
    job.wait(timeout=60)
    _print(_job(job), as_json, _job_line)


@app.command()
def resume(w: Name, run: str, as_json: Json = False) -> None:
    """Continues a job that was stopped, failed or was interrupted."""
    from ragft_core.jobs import get_job

    job = get_job(_open(w), run)
    job.resume()
    _print(_job(job), as_json, _job_line)


def _lab(workspace: Workspace) -> Any:
    from ragft_core.strategies import open_lab

    return open_lab(workspace, Settings())


def _answer(answer: Answer, files: dict[str, str]) -> dict[str, Any]:
    return {
        "arm": answer.arm.value,
        "answer": answer.text,
        "error": answer.error,
        "note": answer.note,
        "passages": [_passage(passage, files) for passage in answer.passages],
        "citations": to_dict(answer.citations),
        "prompt": answer.prompt,
        "model": answer.model,
        "weights": answer.weights,
        "adapter": answer.adapter,
        "index_version": answer.index_version,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "retrieval_s": answer.retrieval_s,
        "first_token_s": answer.first_token_s,
        "total_s": answer.total_s,
        "finish": answer.finish,
        "cost": answer.cost,
    }


@app.command()
def ask(
    w: Name,
    question: Annotated[str, typer.Argument()] = "",
    arm: Annotated[list[Strategy] | None, typer.Option(help="Repeat for several.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines with a question each.")] = None,
    as_json: Json = False,
) -> None:
    """Asks one question, or a file of them, of the arms; of every arm that is ready by default."""
    from ragft_core.strategies import arm_states

    workspace = _open(w)
    questions = _questions(file) if file else [question]
    if not all(item.strip() for item in questions):
        raise EvaluationError("There is no question.", "Give one, or --file QUESTIONS.jsonl.")
    arms = arm or [state.strategy for state in arm_states(workspace) if state.ready]
    lab = _lab(workspace)
    files = {document.id: document.file_name for document in lab.knowledge.documents()}
    failed = False
    try:
        pending = [lab.ask(item, arms) for item in questions]
        for item, answers in zip(questions, pending, strict=True):
            rows = [_answer(each.answer(), files) for each in answers]
            failed = failed or all(row["error"] for row in rows)
            result = {"question": item, "answers": rows}
            if file:
                typer.echo(json.dumps(result, ensure_ascii=False))
            else:
                _print(result, as_json, _answers)
    finally:
        lab.close()
    if failed:
        _note("No arm could answer.")
        raise typer.Exit(1)


def _questions(file: Path) -> list[str]:
    questions = []
    for number, line in enumerate(_read(file).splitlines(), start=1):
        if line.strip():
            try:
                questions.append(str(json.loads(line)["question"]))
            except (json.JSONDecodeError, KeyError, TypeError):
                raise EvaluationError(
                    f"Line {number} of {file.name} is not a JSON object with a question."
                ) from None
    return questions


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingDataError(f"The file {file.name} cannot be read: {error}.") from None


def _answers(result: dict[str, Any]) -> str:
    lines = []
    for row in result["answers"]:
        sources = ", ".join(p["title"] for p in row["passages"])
        lines.append(f"[{row['arm']}] {row['error'] or row['answer']}")
        lines.append(f"    {row['total_s']:.1f} s" + (f", from {sources}" if sources else ""))
    return "\n".join(lines)


@app.command()
def status(w: Name, as_json: Json = False) -> None:
    """Shows the five steps: what is done, and what comes next."""
    from ragft_core.overview import workspace_steps

    columns = {"title": "step", "done": "done", "text": "state"}
    rows = workspace_steps(_open(w))
    _print(rows, as_json, lambda items: _table(items, columns, ""))


def main() -> None:
    """Runs a command; an error meant for the user goes to standard error as a sentence."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        app()
    except RagftError as error:
        _note(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
