import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ragft_core.arms import BY_ID
from ragft_core.errors import EvaluationError
from ragft_core.evaluation.questions.question_sets import QuestionSet
from ragft_core.evaluation.reports.report import EvaluationReport, load_report
from ragft_core.evaluation.running.job import evaluate, start_evaluation
from ragft_core.evaluation.store.answers import stored_answers
from ragft_core.evaluation.store.plans import (
    ANSWERS_FILE,
    SIMILARITY_FILE,
    Plan,
    folder_of,
    load_plan,
    make_plan,
    make_self_check,
    save_plan,
)
from ragft_core.settings import Settings
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl
from tests.evaluation.conftest import (
    ARMS,
    FakeEmbedder,
    FakeLab,
    arms_of,
    context_of,
    make_questions,
    planned,
)


def refuse(*_: object) -> FakeLab:
    raise AssertionError("nothing is missing, so nothing may be loaded")


def run(workspace: Workspace, plan: Plan, lab: FakeLab | None = None) -> FakeLab:
    lab = lab or FakeLab()
    evaluate(
        context_of(workspace, plan),
        Settings(),
        open_lab=lambda: lab,
        open_embedder=FakeEmbedder,
        open_judge=refuse,  # type: ignore[arg-type]
    )
    return lab


def table(report: EvaluationReport) -> dict[str, object]:
    """What must not depend on how the run went: everything but its name and date."""
    data = to_dict(report)
    for key in ("id", "created_at"):
        data.pop(key)
    for record in data["arms"]:
        record.pop("reused")
    return data


def test_a_run_asks_every_arm_every_question_and_writes_the_report(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = planned(stocked, questions)
    lab = run(stocked, plan)
    answers = stored_answers(folder_of(stocked, plan.id))
    assert len(answers) == 24
    assert answers["rag", "q3", 0].answer.passages[0].chunk.id == "c1"
    report = load_report(stocked, plan.id)
    assert [record.answered for record in report.arms] == [12, 12]
    assert {item.arm: item.n for item in report.latency} == {"prompt": 2, "rag": 2}
    assert lab.closed


def test_the_report_survives_the_way_through_json(
    stocked: Workspace, questions: QuestionSet
) -> None:
    from ragft_core.evaluation.reports.report import make_report
    from ragft_core.evaluation.reports.results import load_results

    plan = planned(stocked, questions)
    run(stocked, plan)
    assert load_report(stocked, plan.id) == make_report(load_results(stocked, plan.id))


@pytest.mark.parametrize("after", [1, 5, 11])
def test_a_run_killed_at_any_point_and_resumed_gives_the_same_tables(
    stocked: Workspace, questions: QuestionSet, after: int, tmp_path: Path
) -> None:
    whole = planned(stocked, questions)
    run(stocked, whole)
    expected = table(load_report(stocked, whole.id))
    for file in folder_of(stocked, whole.id).glob("*"):
        file.rename(tmp_path / file.name)  # nothing may be borrowed from the whole run

    class KilledError(Exception):
        pass

    class Killing(FakeLab):
        def on_call(self) -> None:
            if len(self.asked) >= 2 * after:
                raise KilledError

    plan = planned(stocked, questions)
    killing = Killing()
    killing.on_ask = killing.on_call
    with pytest.raises(KilledError):
        run(stocked, plan, killing)
    answers = folder_of(stocked, plan.id) / ANSWERS_FILE
    if answers.exists():  # and the last line was cut short
        answers.write_bytes(answers.read_bytes()[:-7])
    run(stocked, plan)
    assert table(load_report(stocked, plan.id)) == expected


def test_a_stopped_run_keeps_what_it_has_and_writes_no_report(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = planned(stocked, questions)
    context = context_of(stocked, plan)
    lab = FakeLab(on_ask=lambda: (context.folder / "stop").touch())
    evaluate(
        context, Settings(), open_lab=lambda: lab, open_embedder=FakeEmbedder, open_judge=refuse
    )  # type: ignore[arg-type]
    assert 0 < len(stored_answers(folder_of(stocked, plan.id))) < 25
    with pytest.raises(EvaluationError, match="no report yet"):
        load_report(stocked, plan.id)


def test_an_unchanged_run_asks_nothing_and_says_so(
    stocked: Workspace, questions: QuestionSet
) -> None:
    first = planned(stocked, questions)
    run(stocked, first)
    second = planned(stocked, questions)
    evaluate(
        context_of(stocked, second), Settings(), open_lab=refuse, open_embedder=refuse, open_judge=refuse  # type: ignore[arg-type]
    )  # fmt: skip
    report = load_report(stocked, second.id)
    assert [record.reused for record in report.arms] == [12, 12]
    assert table(report) == table(load_report(stocked, first.id))


def test_a_damaged_row_of_another_run_holds_nobody_up(
    stocked: Workspace, questions: QuestionSet
) -> None:
    first = planned(stocked, questions)
    run(stocked, first)
    append_jsonl(folder_of(stocked, first.id) / SIMILARITY_FILE, [{"key": "of no value"}])
    second = planned(stocked, questions)
    run(stocked, second)
    assert table(load_report(stocked, second.id)) == table(load_report(stocked, first.id))


def test_only_what_changed_is_asked_again(stocked: Workspace) -> None:
    run(stocked, planned(stocked, make_questions(12)))
    stocked.update(top_k=5)
    lab = run(stocked, planned(stocked, make_questions(13), latency_questions=0))
    assert {question for arm, question in lab.asked if arm == "prompt"} == {"What is thing 12?"}
    assert len([1 for arm, _ in lab.asked if arm == "rag"]) == 13


def test_failed_answers_are_counted_and_asked_again(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = planned(stocked, questions, latency_questions=0)
    run(stocked, plan, FakeLab(fail=frozenset({"What is thing 0?"})))
    report = load_report(stocked, plan.id)
    assert [(record.answered, record.failed, record.ranked) for record in report.arms] == [
        (11, 1, True),
        (11, 1, True),
    ]
    assert any("failed on 1 of 12" in note for note in report.notes)
    again = run(stocked, plan)
    assert set(again.asked) == {("prompt", "What is thing 0?"), ("rag", "What is thing 0?")}
    assert load_report(stocked, plan.id).arms[0].failed == 0


def test_an_arm_that_fails_often_is_not_ranked(stocked: Workspace, questions: QuestionSet) -> None:
    plan = planned(stocked, questions, latency_questions=0)
    run(stocked, plan, FakeLab(fail=frozenset(f"What is thing {i}?" for i in range(6))))
    report = load_report(stocked, plan.id)
    assert not any(record.ranked for record in report.arms)
    assert report.winner is None
    assert "not measured" in report.verdict


def test_an_arm_that_cannot_run_is_refused_before_anything_starts(
    workspace: Workspace, questions: QuestionSet
) -> None:
    with pytest.raises(EvaluationError, match="RAG cannot run"):
        start_evaluation(workspace, make_plan(questions, arms_of(ARMS)), questions)
    assert not (workspace.path / "evaluations").exists()


def test_a_self_check_draws_with_two_seeds_and_finds_no_winner(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = make_self_check(questions, BY_ID["rag"])
    save_plan(stocked, plan, questions)
    run(stocked, plan)
    report = load_report(stocked, plan.id)
    assert [record.arm for record in report.arms] == ["rag@1", "rag@2"]
    answers = stored_answers(folder_of(stocked, plan.id))
    assert any(
        answers["rag@1", q.id, 0].answer.text != answers["rag@2", q.id, 0].answer.text
        for q in questions.questions
    )
    assert report.verdict.startswith("A/A check passed")


def test_samples_for_diversity_stay_out_of_the_ranking(
    stocked: Workspace, questions: QuestionSet
) -> None:
    plan = planned(stocked, questions, latency_questions=0, diversity_questions=3)
    run(stocked, plan)
    report = load_report(stocked, plan.id)
    assert [(item.questions, item.samples) for item in report.diversity] == [(3, 4), (3, 4)]
    assert report.arms[0].answered == 12


@pytest.mark.parametrize("damage", ["{", '{"id": "eval-1"}', '{"id": 3, "entrants": [{}]}'])
def test_a_damaged_plan_is_named(stocked: Workspace, questions: QuestionSet, damage: str) -> None:
    plan = planned(stocked, questions)
    (folder_of(stocked, plan.id) / "plan.json").write_text(damage, encoding="utf-8")
    with pytest.raises(EvaluationError, match="damaged"):
        load_plan(stocked, plan.id)


@pytest.mark.parametrize("name", ["../..", "eval-1/../../x", "", "/etc"])
def test_an_id_from_a_link_is_never_a_path(stocked: Workspace, name: str) -> None:
    with pytest.raises(EvaluationError, match="not the id"):
        load_plan(stocked, name)


def test_an_unchanged_run_is_fast_and_loads_no_torch(
    stocked: Workspace, questions: QuestionSet
) -> None:
    """In a fresh interpreter, as the job runs it."""
    run(stocked, planned(stocked, questions))
    plan = planned(stocked, questions)
    folder = context_of(stocked, plan).folder
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from ragft_core.evaluation.running.job import run_evaluation\n"
        "from ragft_core.jobs import JobContext\nfrom ragft_core.workspace import Workspace\n"
        f"run_evaluation(JobContext(Workspace(Path({str(stocked.path)!r})), "
        f"Path({str(folder)!r}), {{'evaluation': {plan.id!r}}}))\n"
        "heavy = ('torch', 'transformers', 'lancedb', 'sentence_transformers')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    # Processor time, because the machine may be doing other things at the same time.
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < 5
