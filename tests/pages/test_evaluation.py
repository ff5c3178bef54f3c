"""The evaluation page: setting up, watching, and reading a run, through the real frame."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core.advisor.cost.inputs import load_costs
from ragft_core.evaluation import QuestionSet
from ragft_core.evaluation.labels import Labelling
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.evaluation.store.plans import Plan, list_plans
from ragft_core.finetuning import save_examples
from ragft_core.finetuning.writing.job import CANDIDATES
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.jobs import JobState, JobStatus, start_job
from ragft_core.jobs.status import write_status
from ragft_core.knowledge import Version, shelf_of
from ragft_core.types import Example, QuestionKind, Split, Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_jsonl, write_json, write_jsonl
from tests.evaluation.conftest import make_questions, stocked, stored_run

__all__ = ["stocked"]  # a fixture

# The frame fetches missing models before it shows a page; here they are there from the start.
pytestmark = pytest.mark.usefixtures("generator_folder", "embedder_folder")

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"
PAGE = "compare/evaluation.py"


def open_page(workspace: Workspace, **params: str) -> AppTest:
    page = AppTest.from_file(FRAME, default_timeout=120)
    page.query_params["workspace"] = workspace.id
    for key, value in params.items():
        page.query_params[key] = value
    page.run()
    page.switch_page(PAGE).run()
    assert not page.exception, page.exception
    return page


def texts(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.header, *page.warning, *page.error]
    return "\n".join(str(part.value) for part in parts)


def written(workspace: Workspace) -> None:
    """What a job leaves that wrote from the documents: four candidates for three facts."""
    folder = workspace.folder("jobs", "generate-1")
    write_json(folder / "spec.json", {"kind": "generate", "created_ns": 1, "spec": {"target": 4}})
    rows = [
        Candidate(f"What is part {n % 3}{'?' * (n // 3 + 1)}", f"part {n % 3}", "", "", f"f{n % 3}")
        for n in range(4)
    ]
    append_jsonl(folder / CANDIDATES, [to_dict(row) for row in rows])
    write_status(folder, JobStatus(JobState.SUCCEEDED))


def some_right(arm: str, question: Question, draw: int) -> str:
    share = {"prompt": 2, "rag": 10, "fine-tuned": 5}[arm]
    return question.golds[0] if int(question.id[1:]) < share else "no idea at all"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that would run; their process is not what is tested here."""
    ids: list[str] = []
    monkeypatch.setattr("ragft_core.jobs.job.Job.launch", lambda job: ids.append(job.id))
    return ids


@pytest.fixture
def finished(stocked: Workspace) -> tuple[Workspace, Plan]:
    """A run that shows RAG ahead."""
    plan = stored_run(
        stocked,
        make_questions(12),
        some_right,
        seconds={"prompt": 0.5, "rag": 1.5, "fine-tuned": 0.6},
    )
    return stocked, plan


def with_tests(workspace: Workspace) -> None:
    rows = [
        Example(f"e{i}", f"What is thing {i} of the list?", f"number {i}", Split.TEST)
        for i in range(8)
    ]
    copy = Example("t0", "what is THING 0 of the list", "number 0", Split.TRAIN)
    save_examples(workspace, [*rows, copy])


def test_without_test_questions_the_page_leads_to_the_examples(stocked: Workspace) -> None:
    page = open_page(stocked)
    page.segmented_control(key=f"eval.source.{stocked.id}").set_value("Test split").run()
    assert "No test questions yet" in texts(page)
    assert "Add examples" in [button.label for button in page.button]


def test_questions_written_from_the_documents_can_be_asked_directly(
    stocked: Workspace, started: list[str]
) -> None:
    source = f"eval.source.{stocked.id}"
    page = open_page(stocked)
    page.segmented_control(key=source).set_value("Written from the documents").run()
    assert "Write examples" in [button.label for button in page.button]
    written(stocked)
    page = open_page(stocked)
    page.segmented_control(key=source).set_value("Written from the documents").run()
    assert not page.exception
    assert "favours the arms that read with it" in texts(page)
    assert "3 · fact only in the documents" in texts(page)
    page.button[[b.label for b in page.button].index("Start the evaluation")].click().run()
    assert list_plans(stocked)[0].caveat
    assert len(started) == 1


def test_stopping_early_is_a_switch_that_says_where_it_looks(
    stocked: Workspace, started: list[str]
) -> None:
    with_tests(stocked)
    page = open_page(stocked)
    assert "Looks after" not in texts(page)
    assert "8 questions decide among two arms" in texts(page)
    page.toggle(key="eval.stop_early").set_value(True).run()
    assert "Looks after 3, 4, 5, 7 questions" in texts(page)
    page.button[[b.label for b in page.button].index("Start the evaluation")].click().run()
    assert list_plans(stocked)[0].stop_early
    assert len(started) == 1


def test_a_judge_is_off_until_it_is_asked_for(stocked: Workspace, started: list[str]) -> None:
    with_tests(stocked)
    page = open_page(stocked)
    assert page.toggle(key=f"eval.judging.{stocked.id}").value is False
    page.toggle(key=f"eval.judging.{stocked.id}").set_value(True).run()
    assert "are sent to this address" in texts(page)
    (start,) = [button for button in page.button if button.label == "Start the evaluation"]
    assert start.disabled
    key = f"eval.judge.{stocked.id}"
    page.text_input(key=f"{key}.url").set_value("http://127.0.0.1:9/v1")
    page.text_input(key=f"{key}.name").set_value("grader").run()
    (start,) = [button for button in page.button if button.label == "Start the evaluation"]
    start.click().run()
    judge = list_plans(stocked)[0].judge
    assert judge is not None
    assert judge.name == "grader"
    assert stocked.settings().judge == judge


def test_prices_entered_here_count_in_the_advisor_too(finished: tuple[Workspace, Plan]) -> None:
    workspace, plan = finished
    page = open_page(workspace, eval=plan.id)
    page.segmented_control(key="eval_view").set_value("costs").run()
    page.number_input(key=f"eval.price.{workspace.id}.machine_hour").set_value(3.6)
    (save,) = [button for button in page.button if button.label == "Save"]
    save.click().run()
    assert not page.exception
    assert load_costs(workspace) == {"machine_hour": 3.6}
    table = page.dataframe[0].value
    # 0.52 s at 0.001 a second; 2 of 12 are right.
    assert list(table["Price of 1,000 answers"])[0] == "0.52"
    assert list(table["Of 1,000 right ones"])[0] == "3.12"


def test_the_setup_says_what_leaks_and_what_the_run_can_show(stocked: Workspace) -> None:
    with_tests(stocked)
    page = open_page(stocked)
    said = texts(page)
    assert "1 of 8 questions were trained on (1 word for word)" in said
    assert "16 answers." in said
    assert "8 questions decide among two arms" in said
    assert "Start the evaluation" in [button.label for button in page.button]


def test_one_arm_alone_cannot_be_compared(stocked: Workspace) -> None:
    with_tests(stocked)
    page = open_page(stocked)
    arms = next(group for group in page.pills if group.label == "Arms")
    arms.set_value([Strategy.RAG]).run()
    assert "Choose two or more arms" in texts(page)
    assert "Start the evaluation" not in [button.label for button in page.button]


def test_a_file_of_questions_is_read(stocked: Workspace) -> None:
    page = open_page(stocked)
    table = b"question,answer,kind\nHow long?,30 days,\nWhy?,,\nParis is where?,France,general\n"
    page.file_uploader(key="eval.upload").upload("mine.csv", table).run()
    said = texts(page)
    assert "1 · fact only in the documents" in said
    assert "1 · not answerable" in said
    assert "1 · general knowledge" in said


def test_a_file_without_questions_says_why(stocked: Workspace) -> None:
    page = open_page(stocked)
    page.file_uploader(key="eval.upload").upload("mine.csv", b"colour,size\nred,3\n").run()
    assert any("no column with questions" in str(error.proto) for error in page.error)


def test_the_verdict_stands_above_both_kinds_of_score(finished: tuple[Workspace, Plan]) -> None:
    workspace, plan = finished
    page = open_page(workspace, eval=plan.id)
    said = texts(page)
    assert "By content" in said
    assert "By wording" in said
    assert "**83 %**" in list(page.table[0].value["Mean"])
    assert "3 pairs were compared" in said
    assert len(page.get("plotly_chart")) >= 1


def test_a_row_for_each_question_says_who_was_right(finished: tuple[Workspace, Plan]) -> None:
    workspace, plan = finished
    page = open_page(workspace, eval=plan.id, eval_view="Questions")
    show = next(box for box in page.selectbox if box.label == "Show")
    assert "RAG right, Fine-tuned wrong: 5" in show.options
    assert not any(option.startswith("Fine-tuned right, RAG wrong") for option in show.options)
    page = show.select("RAG right, Fine-tuned wrong").run()
    table = page.dataframe[0].value
    assert len(table) == 5
    assert all(cell.startswith("✓ number") for cell in table["RAG"])
    assert all(cell.startswith("✗ ") for cell in table["Fine-tuned"])
    said = texts(page)  # the first of them, in full
    assert table["Question"][0] in said
    assert table["Fine-tuned"][0].removeprefix("✗ ") in said


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("Time and side effects", "Time per answer"),
        ("The article's claims", "2.5 times as long"),
        ("Export", "12 questions, one row per question and arm."),
    ],
)
def test_a_link_opens_its_view(finished: tuple[Workspace, Plan], view: str, expected: str) -> None:
    workspace, plan = finished
    assert expected in texts(open_page(workspace, eval=plan.id, eval_view=view))


def test_a_link_keeps_score_and_questions(finished: tuple[Workspace, Plan]) -> None:
    workspace, plan = finished
    page = open_page(workspace, eval=plan.id, eval_score="Token F1")
    assert page.selectbox(key="eval_score").value == "f1"
    assert "Overlap with the gold answer" in texts(page)


def test_labels_have_a_confusion_matrix_per_arm(stocked: Workspace) -> None:
    labels = ("card", "billing")
    rows = [Question(f"q{i}", f"m{i}", (labels[i % 2],), QuestionKind.LABEL) for i in range(12)]
    plan = stored_run(stocked, QuestionSet("labels", tuple(rows), Labelling(labels)), some_right)
    page = open_page(stocked, eval=plan.id, eval_view="Labels")
    assert len(page.get("plotly_chart")) == 3
    assert "macro-F1" in texts(page)


def test_an_unknown_run_in_a_link_opens_the_setup(finished: tuple[Workspace, Plan]) -> None:
    workspace, _ = finished
    page = open_page(workspace, eval="eval-../../x")
    assert "What it can show" in texts(page) or "A file" in str(page.segmented_control)


def test_a_stopped_run_shows_what_there_is_and_can_go_on(
    finished: tuple[Workspace, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, plan = finished
    monkeypatch.setattr("ragft_core.jobs.job.Job.launch", lambda job: None)
    job = start_job(workspace, "evaluate", {"evaluation": plan.id})
    write_status(job.folder, JobStatus(JobState.STOPPED, 0.4, "Stopped"))
    page = open_page(workspace, eval=plan.id)
    assert "Go on" in [button.label for button in page.button]
    assert "what there is so far" in texts(page)


def test_answers_cannot_smuggle_markup(stocked: Workspace) -> None:
    def say(arm: str, question: Question, draw: int) -> str:
        return "![x](http://evil.example/a.png) :red[hot]" if arm == "rag" else question.golds[0]

    plan = stored_run(stocked, make_questions(12), say)
    page = open_page(stocked, eval=plan.id, eval_view="Questions")
    assert "![x](" not in texts(page)
    assert "evil.example" in texts(page)


def test_starting_makes_a_plan_and_opens_it(stocked: Workspace, started: list[str]) -> None:
    with_tests(stocked)
    page = open_page(stocked)
    next(item for item in page.button if item.label == "Start the evaluation").click().run()
    assert not page.exception
    (plan,) = list_plans(stocked)
    assert plan.arms == ("prompt", "rag")
    assert len(started) == 1
    assert page.query_params["eval"] in ([plan.id], plan.id)


def test_a_named_version_is_chosen_for_a_run(stocked: Workspace, started: list[str]) -> None:
    with_tests(stocked)
    version = Version("version-1", "Spring", "2026-11-01T10:00:00", 1, 1, 7, "hash/64")
    shelf = shelf_of(stocked, version).path
    shutil.copytree(stocked.path / "documents", shelf / "documents")
    write_json(shelf / "version.json", to_dict(version))
    page = open_page(stocked)
    page.selectbox(key=f"eval.version.{stocked.id}").set_value("version-1").run()
    assert "Reads the named version **Spring**" in texts(page)
    next(item for item in page.button if item.label == "Start the evaluation").click().run()
    assert not page.exception
    (plan,) = list_plans(stocked)
    assert plan.version == version


def test_it_says_whether_documents_have_changed_since(finished: tuple[Workspace, Plan]) -> None:
    workspace, plan = finished
    answers = workspace.path / "evaluations" / plan.id / "answers.jsonl"
    rows = list(read_jsonl(answers))
    for row in rows:
        row["answer"]["index_version"] = 7 if row["arm"] == "rag" else None
    write_jsonl(answers, rows)
    assert "have changed since this run" in texts(open_page(workspace, eval=plan.id))


def test_two_runs_stand_side_by_side(finished: tuple[Workspace, Plan]) -> None:
    workspace, earlier = finished
    later = stored_run(workspace, make_questions(12), lambda arm, q, draw: q.golds[0])
    page = open_page(workspace, eval=later.id, eval_view="Two runs")
    said = texts(page)
    assert "Prompt only is clearly better than before\\: 10 questions better, 0 worse" in said
    assert {box.label for box in page.expander} >= {"2 better", "7 better", "10 better"}
    assert page.selectbox(key="eval.beside").value == earlier.id


def test_a_second_click_settles_no_answer_that_was_not_shown(
    finished: tuple[Workspace, Plan],
) -> None:
    workspace, plan = finished
    page = open_page(workspace, eval=plan.id, eval_view="Review")
    right = lambda: next(button for button in page.button if button.label == "Right")  # noqa: E731
    first = right()
    first.click().run()
    assert right().key != first.key  # so that a click on the first is none on this one
    assert not page.exception
