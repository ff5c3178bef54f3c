"""The evaluation job: measures times apart, asks what is missing, and writes the report.

Everything is stored as it comes, so the job can be stopped, killed and resumed at any point; what
is stored is never asked again. Models are loaded only when something is missing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from itertools import groupby
from pathlib import Path

from ragft_core.approval import approve, choices, require_approval
from ragft_core.errors import EvaluationError
from ragft_core.evaluation.judging.judge import judge_answers
from ragft_core.evaluation.protocols import ArmRunner, Embedder, Pending
from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.running.classifying import classify_questions
from ragft_core.evaluation.running.forecast import keep_seconds_per_answer
from ragft_core.evaluation.running.spread import SpreadLab
from ragft_core.evaluation.running.stopping import ask_until_clear
from ragft_core.evaluation.scoring.similarity import compare_meanings
from ragft_core.evaluation.store.answers import (
    StoredAnswer,
    Task,
    Timing,
    answer_tasks,
    keep,
    lend_answers,
    lend_timings,
    stored_keys,
    stored_timings,
    timing_tasks,
)
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    CLASSIFIER_FILE,
    LATENCY_FILE,
    REPORT_FILE,
    Plan,
    folder_of,
    load_plan,
    save_plan,
)
from ragft_core.jobs import Job, JobContext, list_jobs, start_job
from ragft_core.knowledge import find_version, shelf_of
from ragft_core.models import Generator
from ragft_core.models.remote.chat_api import ChatClient
from ragft_core.settings import Settings
from ragft_core.storage import artefacts
from ragft_core.strategies import arm_states
from ragft_core.types import Answer, ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json

# Enough to keep a batching engine busy, few enough to stop soon; a server may take more.
IN_FLIGHT = 24
LOW_PRIORITY = 10
POLL_S = 0.02
# Shares of the progress bar.
TIMES_SHARE, ANSWERS_SHARE = 0.12, 0.97
# Loads what an arm needs before its time is taken; part of no question set.
WARM_UP = "Are you there?"


def start_evaluation(workspace: Workspace, plan: Plan, questions: QuestionSet) -> Job:
    """Starts an evaluation in the background.

    Raises:
        EvaluationError: There is no question, or an arm cannot run.
        RetrievalError: The plan's version is not there any more.
        ModelError: The judge has no usable address, or its key is not set.
    """
    if not questions.questions:
        raise EvaluationError("The question set is empty.", "Bring at least one question.")
    shelf = workspace
    if plan.version is not None:
        shelf = shelf_of(workspace, find_version(workspace, plan.version.id))
    states = {state.arm.id: state for state in arm_states(workspace, shelf)}
    for entrant in plan.entrants:
        state = states.get(entrant.arm.id)
        if state is None or not state.ready:
            reason = state.reason if state else "The workspace has no such arm."
            raise EvaluationError(
                f"The arm {entrant.in_text} cannot run: {reason}",
                "Provide what it needs, or leave it out.",
            )
    if plan.judge:
        if plan.judge not in choices(workspace.settings()):
            approve(workspace, plan.judge)  # it was chosen for this run
        require_approval(workspace, plan.judge)
        ChatClient(plan.judge).close()  # what is wrong with it is said now, not after the answers
    save_plan(workspace, plan, questions)
    return start_job(workspace, "evaluate", {"evaluation": plan.id})


def find_job(workspace: Workspace, evaluation_id: str) -> Job | None:
    """The job of an evaluation, or None where its folder is gone."""
    jobs = list_jobs(workspace, "evaluate")
    return next((job for job in jobs if job.spec.get("evaluation") == evaluation_id), None)


def run_evaluation(context: JobContext) -> None:
    """What the job runs."""
    from ragft_core.models.remote.endpoints import EndpointGenerator
    from ragft_core.strategies import open_embedder, open_lab

    settings = Settings()
    plan, _ = load_plan(context.workspace, context.spec["evaluation"])

    def open_runner() -> ArmRunner:
        version = plan.version and find_version(context.workspace, plan.version.id)
        # A server that answers needs no more machines than the one that asks it.
        if settings.ray and context.workspace.settings().model.kind != "endpoint":
            return SpreadLab(context.workspace, settings, version)
        return open_lab(context.workspace, settings, version)

    def open_judge(choice: ModelChoice) -> Generator:
        require_approval(context.workspace, choice)
        return EndpointGenerator(choice)

    evaluate(
        context,
        settings,
        open_lab=open_runner,
        open_embedder=lambda: open_embedder(settings),
        open_judge=open_judge,
    )


def evaluate(
    context: JobContext,
    settings: Settings,
    *,
    open_lab: Callable[[], ArmRunner],
    open_embedder: Callable[[], Embedder],
    open_judge: Callable[[ModelChoice], Generator],
) -> None:
    """Does what a plan wants and is not there yet.

    Args:
        context: The job; its spec names the evaluation.
        settings: Where models lie.
        open_lab: Loads the models; called only when an answer or a time is missing.
        open_embedder: Loads the embedder; called only when a cosine is missing.
        open_judge: Connects to the plan's judge; called only when a judgement is missing.
    """
    from ragft_core.evaluation.reports.report import make_report
    from ragft_core.evaluation.reports.results import load_results

    workspace = context.workspace
    plan, questions = load_plan(workspace, context.spec["evaluation"])
    folder = folder_of(workspace, plan.id)
    embedder = cache(open_embedder)
    with ExitStack() as stack:
        opened: list[ArmRunner] = []

        def lab() -> ArmRunner:
            if not opened:
                context.progress(0.0, "Loading the model")
                opened.append(open_lab())
                stack.callback(opened[0].close)
            return opened[0]

        tasks = answer_tasks(workspace, settings, plan, questions)
        _measure(context, folder, timing_tasks(workspace, settings, plan, questions), tasks, lab)
        if plan.stop_early:
            questions = _ask_in_batches(context, plan, questions, tasks, lab, embedder)
            tasks = answer_tasks(workspace, settings, plan, questions)
        if not context.stopping:
            _answer(context, folder, tasks, lab, len(tasks))
    if plan.similarity and not context.stopping:
        context.progress(ANSWERS_SHARE, "Comparing meanings")
        compare_meanings(workspace, folder, questions, embedder)
    if not context.stopping and not (folder / CLASSIFIER_FILE).exists():
        classify_questions(workspace, folder, questions, embedder)
    if plan.judge and not context.stopping:
        judge_answers(
            workspace, folder, plan.judge, questions.questions, open_judge,
            lambda text: context.progress(ANSWERS_SHARE, text), lambda: context.stopping,
        )  # fmt: skip
    if context.stopping:
        return
    context.progress(0.99, "Working out the tables")
    report = make_report(load_results(workspace, plan.id))
    write_json(folder / REPORT_FILE, to_dict(report))
    artefacts.keep(workspace, f"evaluations/{plan.id}")
    context.finish({"evaluation": plan.id, "verdict": report.verdict})


def _ask_in_batches(
    context: JobContext,
    plan: Plan,
    questions: QuestionSet,
    tasks: list[Task],
    lab: Callable[[], ArmRunner],
    open_embedder: Callable[[], Embedder],
) -> QuestionSet:
    workspace, folder = context.workspace, folder_of(context.workspace, plan.id)

    def answer(batch: QuestionSet) -> None:
        _answer(context, folder, _first_draws(tasks, batch), lab, len(tasks))
        if plan.similarity and not context.stopping:  # which answers are right rests on it
            compare_meanings(workspace, folder, batch, open_embedder)

    return ask_until_clear(workspace, plan, questions, answer, lambda: context.stopping)


def _first_draws(tasks: list[Task], batch: QuestionSet) -> list[Task]:
    """The tasks of a batch; variety is drawn when it is known how far the run goes."""
    ids = {question.id for question in batch.questions}
    return [task for task in tasks if task.question.id in ids and not task.draw]


def _answer(
    context: JobContext,
    folder: Path,
    tasks: list[Task],
    lab: Callable[[], ArmRunner],
    planned: int,
) -> None:
    """Gets every answer that is missing, several at a time; ``planned`` is all that may come."""
    missing = _missing(folder, tasks)
    if missing and lend_answers(context.workspace, folder, missing):
        missing = _missing(folder, tasks)
    if not missing:
        return
    done, began = len(tasks) - len(missing), time.monotonic()
    start = done
    running: list[tuple[Task, Pending]] = []
    took: list[tuple[str, float]] = []
    groups = deque(_together(missing))
    asks = lab()
    while groups or running:
        if context.stopping:
            for _, pending in running:
                pending.cancel()
            return
        most = max(IN_FLIGHT, asks.in_flight)
        while groups and len(running) + len(groups[0]) <= max(most, len(groups[0])):
            group = groups.popleft()
            running.extend(zip(group, _ask(asks, group, LOW_PRIORITY), strict=True))
        finished: list[tuple[Task, Pending]] = []
        waiting: list[tuple[Task, Pending]] = []
        for item in running:
            (finished if item[1].done else waiting).append(item)
        running = waiting
        for task, pending in finished:
            answer = pending.answer()
            _keep_answer(context, folder, task, answer)
            took.append((answer.arm, answer.total_s))
        done += len(finished)
        left = (time.monotonic() - began) / max(done - start, 1) * (planned - done)
        context.progress(
            TIMES_SHARE + (ANSWERS_SHARE - TIMES_SHARE) * done / planned,
            f"{done} of {planned} answers",
            left if done > start else None,
        )
        if not finished:
            time.sleep(POLL_S)
    keep_seconds_per_answer(context.workspace, took, time.monotonic() - began)


def _missing(folder: Path, tasks: list[Task]) -> list[Task]:
    """What is not stored yet, or only as a failure, or under a key that has changed since."""
    have = stored_keys(folder)
    return [
        task
        for task in tasks
        if have.get((task.entrant.name, task.question.id, task.draw)) != task.key
    ]


def _together(tasks: list[Task]) -> list[list[Task]]:
    """Neighbours with one question and one sampling are asked at once, and retrieve once."""
    return [
        list(group)
        for _, group in groupby(tasks, key=lambda task: (task.question.id, task.sampling))
    ]


def _ask(asks: ArmRunner, group: list[Task], priority: int) -> Sequence[Pending]:
    arms = [task.entrant.arm.id for task in group]
    first = group[0]
    return asks.ask(first.question.text, arms, sampling=first.sampling, priority=priority)


def _keep_answer(context: JobContext, folder: Path, task: Task, answer: Answer) -> None:
    if answer.finish == "cancelled":
        return
    row = StoredAnswer(task.key, task.entrant.name, task.question.id, task.draw, answer)
    keep(folder / ANSWERS_FILE, [row])
    context.metric({"arm": row.arm, "total_s": answer.total_s, "failed": bool(answer.error)})


def _measure(
    context: JobContext,
    folder: Path,
    timed: list[Task],
    wanted: list[Task],
    lab: Callable[[], ArmRunner],
) -> None:
    """Asks the latency sample, one question and one arm at a time, and keeps the answers.

    This comes before everything else: an engine that keeps the prompts it has read would answer a
    question that was asked before in a fraction of the time.
    """
    have = {timing.key for timing in stored_timings(folder)}
    missing = [task for task in timed if task.key not in have]
    if missing and lend_timings(context.workspace, folder, missing):
        have = {timing.key for timing in stored_timings(folder)}
        missing = [task for task in missing if task.key not in have]
    firsts = {(t.entrant.name, t.question.id): t for t in _missing(folder, wanted) if not t.draw}
    warm = ""
    for place, task in enumerate(missing):
        if context.stopping:
            return
        name = task.entrant.name
        context.progress(TIMES_SHARE * place / len(missing), f"Measuring times: {name}")
        if name != warm:
            warm = name
            lab().ask(WARM_UP, [task.entrant.arm.id], sampling=task.sampling)[0].answer()
        answer = _ask(lab(), [task], 0)[0].answer()
        if answer.error:
            continue
        timing = Timing(
            task.key, name, task.question.id,
            answer.first_token_s, answer.total_s, answer.completion_tokens,
        )  # fmt: skip
        keep(folder / LATENCY_FILE, [timing])
        if (name, task.question.id) in firsts:
            _keep_answer(context, folder, firsts[name, task.question.id], answer)
