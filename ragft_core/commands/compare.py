"""Asking the arms, one question or many, and evaluating them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ragft_core.arms import Arm, find_arm
from ragft_core.commands.output import (
    Json,
    Name,
    Only,
    Wait,
    answer_row,
    finish,
    follow,
    note,
    opened,
    show,
)
from ragft_core.errors import EvaluationError, SettingsError
from ragft_core.models.remote import SERVED
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace

Arms = Annotated[list[str] | None, typer.Option(help="Repeat for several; see: arms W.")]

SWITCH = {"on": True, "off": False, "true": True, "false": False}


def _chosen(workspace: Workspace, wanted: list[str] | None) -> list[Arm]:
    """The arms that were named, else those that the page offers first."""
    from ragft_core.strategies import arm_states

    states = arm_states(workspace)
    if wanted:
        return [find_arm((state.arm for state in states), arm_id) for arm_id in wanted]
    return [state.arm for state in states if state.ready and state.arm.chosen]


def arms(
    w: Name,
    copy: Annotated[str, typer.Option(help="The arm to make a copy of.")] = "",
    name: Annotated[str, typer.Option(help="What the copy is called.")] = "",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="passages=8, search_mode=dense, reader=off, select=off, adapter=ID, shots=3, "
            "instruction='Answer in one word.', version=NAME (what it reads, by the embedding model "
            "of then), ...",
        ),
    ] = None,
    remove: Annotated[str, typer.Option(help="Remove this arm of your own.")] = "",
    seeds: Annotated[
        bool, typer.Option("--seeds", help="An arm for each seed of runs made with several.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Lists the arms and what they miss; makes and removes arms of the workspace's own."""
    from ragft_core.finetuning import list_runs
    from ragft_core.finetuning.training import seed_spreads
    from ragft_core.strategies import add_arm, add_seed_arms, arm_states, remove_arm

    workspace = opened(w)
    for spread in seed_spreads(list_runs(workspace)) if seeds else ():
        add_seed_arms(workspace, spread)
    if remove:
        remove_arm(workspace, remove)
    if copy:
        add_arm(workspace, copy, name, **arm_settings(set_ or []))
    rows = [
        {
            "arm": state.arm.id,
            "name": state.arm.name,
            "strategy": state.arm.strategy.value,
            "copy_of": state.arm.base,
            "ready": state.ready,
            "adapter": state.adapter,
            "missing": state.reason,
            "settings": {k: v for k, v in to_dict(state.arm.settings).items() if v},
        }
        for state in arm_states(workspace)
    ]
    show(rows, as_json, lambda found: "\n".join(_arm_line(row) for row in found))


def arm_settings(pairs: list[str]) -> dict[str, Any]:
    """``["passages=8", "reader=off"]`` as fields of ``ArmSettings``.

    Raises:
        SettingsError: A pair is not ``name=value``, or the value is of another kind.
    """
    kinds: dict[str, Callable[[str], Any]] = {
        "passages": int, "shots": int, "reader": lambda text: SWITCH[text.lower()],
        "select": lambda text: SWITCH[text.lower()],
        "search_mode": str, "reranker": str, "adapter": str, "instruction": str,
        "model": lambda text: ModelChoice("folder", text),
        "served": str, "version": str,
    }  # fmt: skip
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        try:
            found[key] = kinds[key](value)
            if key == "served":  # a tuned model of the endpoint stands where an adapter does
                found["adapter"] = f"{SERVED}{found.pop(key)}"
        except (KeyError, ValueError):
            raise SettingsError(
                f"{pair!r} is no setting of an arm.",
                f"Write name=value; names: {', '.join(kinds)}; reader and select are on or off.",
            ) from None
    return found


def _arm_line(row: dict[str, Any]) -> str:
    own = f", like {row['copy_of']} with {row['settings']}" if row["copy_of"] else ""
    return f"{row['arm']}: {row['name']}{own}, " + ("ready" if row["ready"] else row["missing"])


def ask(
    w: Name,
    question: Annotated[str, typer.Argument()] = "",
    arm: Arms = None,
    file: Annotated[Path | None, typer.Option(help="JSON lines with a question each.")] = None,
    adapter: Annotated[
        str, typer.Option(help="Ask this adapter, and its base without it, in place of arms.")
    ] = "",
    only: Only = "",
    as_json: Json = False,
) -> None:
    """Asks one question, or a file of them, of the arms; the model is loaded once."""
    from ragft_core.knowledge import documents, list_versions, shelf_of
    from ragft_core.strategies import open_lab

    workspace = opened(w)
    questions = read_questions(file) if file else [question]
    if not questions or not all(item.strip() for item in questions):
        raise EvaluationError("There is no question.", "Give one, or --file QUESTIONS.jsonl.")
    chosen = _chosen(workspace, arm)
    asked = [each.id for each in chosen]
    lab = open_lab(workspace, Settings())
    read = {each.settings.version for each in chosen}
    shelves = [shelf_of(workspace, v) for v in list_versions(workspace) if v.name in read]
    files = {d.id: d.file_name for shelf in (*shelves, workspace) for d in documents(shelf)}
    failed = False
    try:
        pending = [
            lab.try_adapter(item, adapter, only=only)
            if adapter
            else lab.ask(item, asked, only=only)
            for item in questions
        ]
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
    stop_early: Annotated[
        bool, typer.Option(help="Look at planned points, and end where the winner is clear.")
    ] = False,
    self_check: Annotated[str, typer.Option(help="Compare this arm with itself (A/A).")] = "",
    version: Annotated[
        str,
        typer.Option(
            help="Read this named version's documents, not the present ones; an arm with a version "
            "of its own keeps to that."
        ),
    ] = "",
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Asks the arms the same questions in the background, scores and compares them."""
    from ragft_core.evaluation import (
        brought_questions,
        estimate_evaluation,
        load_report,
        make_plan,
        make_self_check,
        report_text,
        start_evaluation,
        workspace_questions,
        written_questions,
    )
    from ragft_core.knowledge import find_version

    workspace = opened(w)
    pinned = find_version(workspace, version) if version else None
    if questions:
        asked = brought_questions(workspace, questions.name, questions.read_bytes())
    elif written:
        asked = written_questions(workspace, limit or None)
    else:
        asked = workspace_questions(workspace, limit or None, trained)
    judge = None
    if judge_url or judge_model:
        judge = ModelChoice("endpoint", judge_model, judge_url, judge_key)
        workspace.update(judge=judge)
    if self_check:
        plan = make_self_check(asked, _chosen(workspace, [self_check])[0], pinned)
    else:
        chosen = _chosen(workspace, arm)
        diversity = 10 if variety else 0
        plan = make_plan(
            asked, chosen, diversity_questions=diversity, judge=judge, stop_early=stop_early,
            version=pinned,
        )  # fmt: skip
        forecast = estimate_evaluation(workspace, Settings(), plan, asked)
        for line in filter(None, (forecast.shows, forecast.looks)):
            note(line)
    job = start_evaluation(workspace, plan, asked)
    if not wait:
        finish(job, False, as_json)
        return
    now = follow(job)
    if now.state != "succeeded":
        raise EvaluationError(now.error or f"The evaluation is {now.state}.", "Resume it.")
    report = load_report(workspace, plan.id)
    show(report, as_json, lambda _: report_text(report))
