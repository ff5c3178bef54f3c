"""The command line as scripts use it: JSON on standard output, sentences on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ragft_core.__main__ import main
from ragft_core.evaluation.questions.question_sets import Question
from ragft_core.finetuning import load_examples, save_examples
from ragft_core.jobs import MadeElsewhere, keep_origin
from ragft_core.settings import Settings
from ragft_core.types import Example
from ragft_core.workspace import Workspace, open_workspace
from tests.evaluation.conftest import make_questions, stocked, stored_run
from tests.finetuning.test_comparing import made_run

__all__ = ["stocked"]  # a fixture

pytestmark = pytest.mark.usefixtures("embedder_folder")

NOTES = {
    "kilns.md": "# Kilns\n\nThe Wren weighs 41 kg and is delivered in two weeks.\n",
    "shop.txt": "The shop in Tarn Holme opens at nine. Lucan Brede runs it.\n",
}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as the shell would, in this process."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ragft_core", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> str:
    """A workspace with two documents."""
    assert run("init", "demo").code == 0
    for name, text in NOTES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert run("add", "demo", *(tmp_path / name for name in NOTES)).code == 0
    return "demo"


def test_documents_are_added_found_and_removed(run: Run, filled: str) -> None:
    listed = run("documents", filled, "--json").data
    assert {row["file_name"] for row in listed} == set(NOTES)
    found = run("search", filled, "Who runs the shop?", "--k", 1, "--json").data
    assert [row["document"] for row in found] == ["shop.txt"]
    assert "Lucan Brede" in found[0]["text"]
    assert run("remove", filled, "shop.txt", "--json").data["file_name"] == "shop.txt"
    assert [row["file_name"] for row in run("documents", filled, "--json").data] == ["kilns.md"]
    assert "kilns.md" in run("documents", filled).out
    assert run("rebuild", filled, "--json").data == {"n_chunks": 1}


def test_documents_of_a_folder_are_told_and_searched_by_it(run: Run, tmp_path: Path) -> None:
    run("init", "demo")
    for place, hour in (("town", "nine"), ("harbour/old", "ten")):
        (tmp_path / "shops" / place).mkdir(parents=True)
        text = f"The shop opens at {hour}."
        (tmp_path / "shops" / place / "hours.txt").write_text(text, encoding="utf-8")
    assert run("add", "demo", tmp_path / "shops").code == 0
    listed = {row["folder"]: row for row in run("documents", "demo", "--json").data}
    assert set(listed) == {"shops/town", "shops/harbour/old"}
    assert {row["file_name"] for row in listed.values()} == {"hours.txt", "hours (2).txt"}
    assert "shops/harbour/old" in run("documents", "demo").out
    for folder, hour in (("town", "nine"), ("shops/harbour", "ten")):
        found = run("search", "demo", "When?", "--only", f"folder:{folder}", "--json").data
        assert [hour in row["text"] for row in found] == [True]
    assert "No document fits" in run("search", "demo", "When?", "--only", "folder:shop").err


def test_a_refused_file_fails_the_command_and_not_its_neighbours(run: Run, tmp_path: Path) -> None:
    run("init", "demo")
    good, bad = tmp_path / "good.md", tmp_path / "bad.pdf"
    good.write_text("The kiln is hot.", encoding="utf-8")
    bad.write_bytes(b"%PDF-1.7\nnothing")
    outcome = run("add", "demo", good, bad, "--json")
    assert outcome.code == 1
    assert [row["outcome"] for row in json.loads(outcome.out)] == ["added", "refused"]
    assert "bad.pdf" in outcome.err


def test_examples_are_imported_and_listed(run: Run, tmp_path: Path) -> None:
    run("init", "demo")
    file = tmp_path / "pairs.csv"
    rows = [f"How heavy is kiln {i}?,{i} kg" for i in range(8)]
    file.write_text("\n".join(["ask,say", *rows, "No answer here,"]), encoding="utf-8")
    report = run("examples", "demo", file, "--question", "ask", "--answer", "say", "--json").data
    assert len(report["examples"]) == 8
    assert len(report["rejected"]) == 1
    assert len(run("examples", "demo", "--json").data) == 8
    again = run("examples", "demo", file, "--question", "ask", "--answer", "say")
    assert again.code == 1
    assert "repeats an example" in again.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("documents", "nowhere"), "nowhere"),
        (("ask", "demo", ""), "There is no question"),
        (("evaluate", "demo"), "test split"),
        (("evaluate", "demo", "--written"), "no questions written from the documents"),
        (("train", "demo"), ""),
        (("train", "demo", "--preset", "heroic"), "heroic"),
        (("stop", "demo", "no-such-run"), "no-such-run"),
        (("remove", "demo", "no-such-document"), ""),
        (("advise", "demo", "--answers", "missing.json"), "missing.json"),
        (("costs", "demo", "--set", "requests=many"), "requests"),
        (("costs", "demo", "--set", "cached=2"), "0 to 0.95"),
        (("costs", "demo", "--set", "rent=5"), "rent"),
        (("costs", "demo", "--prices", "nobody"), "nobody"),
        (("init", "other", "--sample", "poetry"), "poetry"),
        (("model", "demo", "--kind", "folder", "--name", "no/such/folder"), "There is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_on_standard_error(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    run("init", "demo")
    outcome = run(*arguments)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.strip()
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_advice_and_report_come_from_a_file_of_answers(run: Run, tmp_path: Path) -> None:
    run("init", "demo")
    file = tmp_path / "answers.json"
    file.write_text('{"change_rate": "live", "citations": "must"}', encoding="utf-8")
    advice = run("advise", "demo", "--answers", file, "--json")
    assert advice.data["headline"]["text"]
    record = run("report", "demo", "--answers", file, "--format", "json").data
    given = {line["criterion"]: line["label"] for line in record["lines"]}
    assert given["citations"] == "Yes, always"
    page = tmp_path / "decision.html"
    assert run("report", "demo", "--format", "html", "--out", page).code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "## Deletion" in run("report", "demo", "--rfp").out
    assert "markdown or docx" in run("report", "demo", "--rfp", "--format", "html").err


def test_costs_are_entered_and_shown(run: Run) -> None:
    run("init", "demo")
    before = run("costs", "demo", "--json").data
    assert before["currency"] == ""
    assert "requests" in before["assumed"]
    run("costs", "demo", "--set", "requests=20000", "--currency", "EUR")
    after = run("costs", "demo", "--json").data
    assert after["currency"] == "EUR"
    assert after["inputs"]["requests"] == 20000
    assert after["origin"]["requests"] == "entered"
    assert "requests" not in after["assumed"]
    assert all(row["low"] <= row["total"] <= row["high"] for row in after["costs"])
    assert run("report", "demo", "--format", "json").data["currency"] == "EUR"


def test_a_workspace_is_not_made_among_other_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.md").write_text("Years of work.", encoding="utf-8")
    outcome = run("init", tmp_path / "thesis")
    assert (outcome.code, outcome.out) == (1, "")
    assert "not empty" in outcome.err


@pytest.mark.slow
def test_arms_are_asked_and_evaluated_without_a_screen(
    run: Run, filled: str, tiny_model: Path, tmp_path: Path
) -> None:
    assert run("model", filled, "--kind", "folder", "--name", tiny_model).code == 0
    open_workspace(Settings(), filled).update(max_new_tokens=8)
    arms = ("--arm", "prompt", "--arm", "rag")
    answered = run("ask", filled, "Who runs the shop?", *arms, "--json").data
    assert [row["arm"] for row in answered["answers"]] == ["prompt", "rag"]
    rag = answered["answers"][1]
    assert rag["passages"][0]["document"] == "shop.txt"
    assert {"answer", "prompt", "adapter", "prompt_tokens", "first_token_s"} <= set(rag)

    questions = tmp_path / "questions.jsonl"
    rows = [{"question": f"Who runs shop {n}?", "answer": "Lucan Brede"} for n in range(3)]
    questions.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    lines = run("ask", filled, "--file", questions, "--arm", "prompt").out.strip().splitlines()
    assert [json.loads(line)["question"] for line in lines] == [row["question"] for row in rows]

    report = run("evaluate", filled, "--questions", questions, *arms, "--wait", "--json").data
    assert report["n_questions"] == 3
    assert [record["answered"] for record in report["arms"]] == [3, 3]
    assert "Right answers" in run("evaluate", filled, "--questions", questions, *arms, "--wait").out
    assert {row["state"] for row in run("runs", filled, "--json").data} == {"succeeded"}
    assert "evaluat" in run("status", filled).out.lower()


def test_an_arm_of_ones_own_is_made_listed_and_removed(run: Run) -> None:
    run("init", "demo")
    copy = ("arms", "demo", "--copy", "rag", "--name", "RAG 8")
    own = next(row for row in run(*copy, "--set", "passages=8", "--json").data if row["copy_of"])
    assert (own["arm"], own["settings"], own["ready"]) == ("rag-8", {"passages": 8}, False)
    assert "RAG 8, like rag" in run("arms", "demo").out
    again = run(*copy)
    assert (again.code, "already an arm" in again.err) == (1, True)
    assert "no setting of an arm" in run(*copy, "--set", "colour=red").err
    assert "rag-8" not in run("arms", "demo", "--remove", "rag-8").out


def test_ways_of_searching_are_shown_compared_and_adopted(
    run: Run, filled: str, tmp_path: Path
) -> None:
    assert run("retrieve", filled, "--json").data["meaning"] is None
    assert run("retrieve", filled, "--mode", "text", "--json").data["mode"] == "text"
    assert "names a document" in run("retrieve", filled, "--compare").err
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "question,answer,document\nHow heavy is the Wren?,41 kg,kilns.md\n"
        "When does the shop open?,at nine,shop.txt\n",
        encoding="utf-8",
    )
    assert run("examples", filled, rows).code == 0
    found = run("retrieve", filled, "--compare", "--json").data
    assert found["n"] == 2
    assert len(found["rows"]) == 7
    assert "MRR@10" in run("retrieve", filled, "--compare").out


def test_the_embedding_model_is_shown(run: Run, filled: str) -> None:
    assert run("embedder", filled, "--json").data["now"] == "bundled"
    bad = run("embedder", filled, "no such model")
    assert bad.code == 1
    assert "not the id of a model" in bad.err


def test_examples_are_checked_mended_and_their_facts_corrected(run: Run, tmp_path: Path) -> None:
    run("init", "demo")
    workspace = open_workspace(Settings(), "demo")
    rows = [Example(f"e{i}", f"How heavy is kiln {i}?", f"{i} kg") for i in range(12)]
    save_examples(workspace, [*rows, Example("copy", "how heavy is kiln 3", "3 kg")])
    (found,) = run("examples", "demo", "--check", "--json").data
    assert (found["problem"], found["ids"]) == ("duplicate", ["copy"])
    done = run("examples", "demo", "--fix", "all")
    assert "Nothing is wrong" in done.out
    assert len(load_examples(workspace)) == 12
    wrong = run("examples", "demo", "--fix", "everything")
    assert (wrong.code, "no problem 'everything'" in wrong.err) == (1, True)
    facts = run("examples", "demo", "--join", "e1", "--join", "e2", "--json").data
    assert len({row["fact"] for row in facts}) == 11
    facts = run("examples", "demo", "--part", "e1", "--json").data
    assert len({row["fact"] for row in facts}) == 12


def test_runs_are_renamed_and_put_side_by_side(run: Run) -> None:
    run("init", "demo")
    workspace = open_workspace(Settings(), "demo")
    for name, rank in (("a", 4), ("b", 8)):
        made_run(workspace, name, {"rank": rank, "preset": "quick"}, [2.0, 1.0])
    assert run("runs", "demo", "--rename", "a", "--name", "Small").code == 0
    shown = run("runs", "demo", "--compare", "a", "b").out
    assert "Small" in shown
    assert "rank" in shown
    assert "learning_rate" not in shown
    data = run("runs", "demo", "--compare", "a", "b", "--json").data
    assert data["differing"] == {"rank": [4, 8]}
    assert "3 of 5 right" in run("runs", "demo").out
    assert run("runs", "demo", "--delete", "b").code == 0
    assert [row["id"] for row in run("runs", "demo", "--json").data] == ["a"]


def test_evaluations_are_listed_and_compared(run: Run, stocked: Workspace) -> None:
    def say(known: int) -> Callable[[str, Question, int], str]:
        return lambda arm, q, draw: q.golds[0] if int(q.id[1:]) < known else "no idea"

    one, two = (stored_run(stocked, make_questions(6), say(known)) for known in (1, 4))
    place = stocked.path
    assert {row["id"] for row in run("evaluations", place, "--json").data} == {one.id, two.id}
    found = run("evaluations", place, "--compare", one.id, two.id, "--json").data
    assert [len(arm["better"]) for arm in found["arms"]] == [3, 3, 3]
    told = run("evaluations", place, "--compare", one.id, two.id)
    assert "+ What is thing 2?  gold: number 2" in told.out
    assert "agree on every question" in run("evaluations", place, "--differing", one.id).out
    assert "There is no score" in run("evaluations", place, "--score", "taste").err
    keep_origin(
        stocked, MadeElsewhere("a ship", "2026-11-30", "M", "ab" * 32, evaluations=(one.id,))
    )
    assert f"on a ship, 2026-11-30, with M (weights abababababab). That is: {one.id}" in (
        run("evaluations", place).err
    )
