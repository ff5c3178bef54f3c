"""From an arm that can run to a folder that answers the same elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ragft_core.access import rights
from ragft_core.access.rights import Right
from ragft_core.arms import Reads, find_arm
from ragft_core.errors import EvaluationError, ModelError, SettingsError
from ragft_core.evaluation import (
    EvaluationReport,
    QuestionSet,
    list_plans,
    load_report,
    make_plan,
    report_text,
    workspace_questions,
)
from ragft_core.evaluation.store.answers import Task, answer_tasks, spread
from ragft_core.evaluation.store.plans import load_plan
from ragft_core.finetuning.exporting import GGUF, MERGED, export_model
from ragft_core.models import model_folder
from ragft_core.models.remote import served_name
from ragft_core.settings import Settings
from ragft_core.shipping import files
from ragft_core.strategies import ArmState, Lab
from ragft_core.types import Answer
from ragft_core.workspace import now, write_json, write_jsonl

QUESTIONS = 10
# A trained model: its adapter beside the base, both as one model, or that and a file for Ollama and
# llama.cpp besides.
ADAPTER = "adapter"
FORMS = (ADAPTER, MERGED, GGUF)
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Shipment:
    """A folder that was written; ``evaluation`` is the run whose numbers it quotes, or empty."""

    folder: str
    arm: str
    n_questions: int
    n_bytes: int
    evaluation: str = ""


def ship(
    lab: Lab,
    arm_id: str,
    folder: Path,
    settings: Settings,
    progress: Progress = lambda share, text: None,
    form: str = ADAPTER,
) -> Shipment:
    """Writes an arm as a folder that runs without the lab.

    Args:
        lab: The workspace with its model; it answers the questions of the smoke test.
        arm_id: Which arm.
        folder: Where to; new or empty.
        settings: Where models lie.
        progress: Called with a share between 0 and 1 and what is being done.
        form: How a trained model is given away, see ``FORMS``.

    Raises:
        SettingsError: There is no such arm, it is of a kind that is not shipped, or the folder
            holds something.
        ModelError: The arm cannot run, fails at a question, or does not fit on the disk.
        NotAllowedError: The person who acts may not write beyond the lab.
    """
    rights.require(Right.REACH, lab.workspace.path)
    state = _shippable(lab, arm_id, form)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(f"{folder} is not empty.", "Choose a new or an empty folder.")
    report, questions = _measured(lab, arm_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        progress(0.0, "Asking the questions of the smoke test")
        answers = _ask(lab, state, settings, questions)
        progress(0.6, "Copying")
        _write(scratch, lab, state, settings, report, answers, form)
        if folder.exists():
            folder.rmdir()
        scratch.replace(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    progress(1.0, "Done")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Shipment(str(folder), arm_id, len(answers), size, report.id if report else "")


def _shippable(lab: Lab, arm_id: str, form: str) -> ArmState:
    states = {state.arm.id: state for state in lab.arms()}
    state = states[find_arm((each.arm for each in states.values()), arm_id).id]
    if not state.ready:
        raise ModelError(f"{state.arm.name} cannot run: {state.reason}")
    own = state.arm.settings
    odd = {
        "reads whole documents": state.arm.reads is Reads.DOCUMENTS,
        "shows examples in its prompt": bool(own.shots),
        "re-ranks what it finds": bool(own.reranker),
        "chooses between two answers": state.arm.adaptive,
    }
    if form not in FORMS:
        raise SettingsError(f"There is no form {form!r}.", f"Choose {', '.join(FORMS)}.")
    if form != ADAPTER and (not state.adapter or served_name(state.adapter) or own.model):
        raise SettingsError(
            f"{state.arm.name} has no adapter on this machine that could be merged into its model.",
            f"Ship it as {ADAPTER}, or ship the fine-tuned or the hybrid arm.",
        )
    for what, holds in odd.items():
        if holds:
            raise SettingsError(
                f"{state.arm.name} {what}, which is not shipped.",
                "Serve it with 'serve W', or ship prompt, rag, fine-tuned or hybrid.",
            )
    return state


def _measured(lab: Lab, arm_id: str) -> tuple[EvaluationReport | None, QuestionSet | None]:
    """The newest finished evaluation with this arm, and its questions; else the workspace's own."""
    for plan in list_plans(lab.workspace):
        if arm_id in plan.arms and not plan.is_self_check:
            try:
                return load_report(lab.workspace, plan.id), load_plan(lab.workspace, plan.id)[1]
            except EvaluationError:
                continue  # not finished
    try:
        return None, workspace_questions(lab.workspace)
    except EvaluationError:
        return None, None


def _ask(
    lab: Lab, state: ArmState, settings: Settings, questions: QuestionSet | None
) -> list[tuple[Task, Answer]]:
    """Ten questions at even distances, asked as an evaluation asks them, but for selecting."""
    if questions is None:
        return []
    chosen = QuestionSet(
        questions.name, tuple(spread(questions.ranked, QUESTIONS)), questions.labelling
    )
    plan = make_plan(chosen, [state.arm])
    tasks = answer_tasks(lab.workspace, settings, plan, chosen)
    pending = [
        lab.ask(task.question.text, [state.arm.id], sampling=task.sampling, select=False)[0]
        for task in tasks
    ]
    answers = [(task, each.answer()) for task, each in zip(tasks, pending, strict=True)]
    for _, answer in answers:
        if answer.error:
            raise ModelError(f"{state.arm.name} fails at {answer.question!r}: {answer.error}")
    return answers


def _write(
    folder: Path,
    lab: Lab,
    state: ArmState,
    settings: Settings,
    report: EvaluationReport | None,
    answers: list[tuple[Task, Answer]],
    form: str,
) -> None:
    choice = state.arm.settings.model or lab.workspace.settings().model
    endpoint = choice.kind == "endpoint"
    base = None if endpoint else model_folder(choice, settings)
    adapter = None if endpoint else state.adapter
    reads = state.arm.retrieves
    beside = bool(adapter) and form == ADAPTER
    files.write_scripts(folder, reads=reads, endpoint=endpoint, adapter=beside)
    chosen = files.arm_settings(state, choice, lab.workspace, base)
    if reads:
        knowledge = lab.knowledge_of(state.arm)
        knowledge.repair()
        chosen["search"]["table"] = knowledge.table_name
        files.write_knowledge(folder, knowledge)
    # A model of the hub is named by its revision; any other cannot be had elsewhere.
    copied = base is not None and (choice.kind != "hub" or form != ADAPTER)
    if adapter and form != ADAPTER:
        export_model(lab.workspace, adapter, MERGED, folder / "model", settings)
        if form == GGUF:
            export_model(lab.workspace, adapter, GGUF, folder / "model.gguf", settings)
            files.write_modelfile(folder, chosen)
    elif base is not None and copied:
        files.write_model(folder, base)
    if beside and adapter:
        files.write_adapter(folder, lab.workspace, adapter)
    write_json(folder / "settings.json", chosen)
    rows = [
        {"question": answer.question, "choices": task.sampling.choices, "answer": answer.text}
        for task, answer in answers
    ]
    write_jsonl(folder / "questions.jsonl", rows)
    text = _readme().render(
        arm=state.arm.name,
        says=state.arm.says.capitalize(),
        workspace=lab.workspace.settings().name,
        made_at=now(),
        n_questions=len(rows),
        example=rows[0]["question"] if rows else "A question?",
        reads=reads,
        n_documents=len(lab.knowledge_of(state.arm).documents()) if reads else 0,
        copied=copied,
        adapter=adapter,
        merged=bool(adapter) and not beside,
        gguf=form == GGUF,
        endpoint=endpoint,
        model=choice.name,
        weights=answers[0][1].weights if answers else "",
        url=chosen.get("url"),
        revision=chosen.get("revision"),
        caveat=_caveat(state, report, answers),
        report=report_text(report) if report else "",
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def _caveat(
    state: ArmState, report: EvaluationReport | None, answers: list[tuple[Task, Answer]]
) -> str:
    """How far the numbers are those of what is shipped."""
    if report is None:
        return "Nothing yet: no evaluation of this arm was finished in the lab."
    record = next(record for record in report.arms if record.arm == state.arm.id)
    sample = answers[0][1] if answers else Answer(state.arm.id, "")
    changed = {
        "adapter": record.adapter != state.adapter,
        "model": bool(answers) and record.weights != sample.weights,
        "documents": bool(answers) and record.index_version != sample.index_version,
    }
    others = [name for name, differs in changed.items() if differs]
    note = f" The {' and the '.join(others)} changed since: measure again." if others else ""
    if state.writer:
        note += (
            " There the arm selected among answers (select=on); what is shipped gives the first."
        )
    return f"The evaluation “{report.name}” of {report.created_at}.{note}"


def _readme() -> jinja2.Template:
    text = (files.TEMPLATES / "README.md.txt").read_text(encoding="utf-8")
    return jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text)
