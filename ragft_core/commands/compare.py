"""Asking the arms, one question or many, and evaluating them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.commands.output import (
    Json,
    Name,
    Wait,
    answer_row,
    finish,
    note,
    opened,
    show,
)
from ragft_core.errors import EvaluationError
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice, Strategy
from ragft_core.workspace import Workspace

Arms = Annotated[list[Strategy] | None, typer.Option(help="Repeat for several; default all ready.")]


def _ready(workspace: Workspace) -> list[Strategy]:
    from ragft_core.strategies import arm_states

    return [state.strategy for state in arm_states(workspace) if state.ready]


def ask(
    w: Name,
    question: Annotated[str, typer.Argument()] = "",
    arm: Arms = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines with a question each.")] = None,
    as_json: Json = False,
) -> None:
    """Asks one question, or a file of them, of the arms; the model is loaded once."""
    from ragft_core.strategies import open_lab

    workspace = opened(w)
    questions = read_questions(file) if file else [question]
    if not questions or not all(item.strip() for item in questions):
        raise EvaluationError("There is no question.", "Give one, or --file QUESTIONS.jsonl.")
    arms = arm or _ready(workspace)
    lab = open_lab(workspace, Settings())
    files = {document.id: document.file_name for document in lab.knowledge.documents()}
    failed = False
    try:
        pending = [lab.ask(item, arms) for item in questions]
        for item, answers in zip(questions, pending, strict=True):
            rows = [answer_row(each.answer(), files) for each in answers]
            failed = failed or all(row["error"] for row in rows)
            result = {"question": item, "answers": rows}
            if file:
                typer.echo(json.dumps(result, ensure_ascii=False))
            else:
                show(result, as_json, _answers)
    finally:
        lab.close()
    if failed:
        note("No arm could answer." if not file else "Some questions no arm could answer.")
        raise typer.Exit(1)


def read_questions(file: Path) -> list[str]:
    """The questions of a file with one JSON object a line.

    Raises:
        EvaluationError: It cannot be read, or a line has no question.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"The file {file.name} cannot be read: {error}.") from None
    questions = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                questions.append(str(json.loads(line)["question"]))
            except (json.JSONDecodeError, KeyError, TypeError):
                raise EvaluationError(
                    f"Line {number} of {file.name} is not a JSON object with a question.",
                    'Write one object a line: {"question": "..."}',
                ) from None
    return questions


def _answers(result: dict[str, Any]) -> str:
    lines = []
    for row in result["answers"]:
        sources = ", ".join(dict.fromkeys(passage["title"] for passage in row["passages"]))
        lines.append(f"[{row['arm']}] {row['error'] or row['answer']}")
        lines.append(f"    {row['total_s']:.1f} s" + (f", from {sources}" if sources else ""))
    return "\n".join(lines)


def evaluate(
    w: Name,
    arm: Arms = None,
    questions: Annotated[Path | None, typer.Option(help="A table of questions.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many test questions; 0 for all.")] = 0,
    trained: Annotated[int, typer.Option(help="Ask so many in their trained wording, too.")] = 0,
    written: Annotated[
        bool, typer.Option(help="Ask what was written from the documents (examples --generate).")
    ] = False,
    judge_url: Annotated[str, typer.Option(help="An endpoint that judges the answers.")] = "",
    judge_model: Annotated[str, typer.Option(help="The judge's model name there.")] = "",
    judge_key: Annotated[
        str, typer.Option(help="Environment variable that holds the judge's key.")
    ] = "",
    variety: Annotated[bool, typer.Option(help="Draw several answers to some questions.")] = False,
    self_check: Annotated[
        Strategy | None, typer.Option(help="Compare this arm with itself (A/A).")
    ] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Asks the arms the same questions in the background, scores and compares them."""
    from ragft_core.evaluation import (
        brought_questions,
        load_report,
        make_plan,
        make_self_check,
        report_text,
        start_evaluation,
        workspace_questions,
        written_questions,
    )

    workspace = opened(w)
    if questions:
        asked = brought_questions(workspace, questions.name, questions.read_bytes())
    elif written:
        asked = written_questions(workspace, limit or None)
    else:
        asked = workspace_questions(workspace, limit or None, trained)
    judge = None
    if judge_url or judge_model:
        judge = ModelChoice("endpoint", judge_model, judge_url, judge_key)
    if self_check:
        plan = make_self_check(asked, self_check)
    else:
        arms = arm or _ready(workspace)
        diversity = 10 if variety else 0
        plan = make_plan(asked, arms, diversity_questions=diversity, judge=judge)
    job = start_evaluation(workspace, plan, asked)
    if not wait:
        finish(job, False, as_json)
        return
    while (now := job.wait(timeout=2)).active:
        note(f"{now.share:.0%} {now.message}")
    if now.state != "succeeded":
        raise EvaluationError(now.error or f"The evaluation is {now.state}.", "Resume it.")
    report = load_report(workspace, plan.id)
    show(report, as_json, lambda _: report_text(report))
