"""The commands of the questionnaire, the steps, the scenarios and the portfolio."""

from __future__ import annotations

import json
from pathlib import Path

import pptx
from typer.testing import CliRunner, Result

from ragft_core.advisor import load_answers, load_criteria, make_record, save_record
from ragft_core.commands.app import app
from ragft_core.errors import RagftError
from ragft_core.workspace import Workspace


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert isinstance(done.exception, RagftError)
    return str(done.exception)


def test_answers_are_set_taken_back_and_filled_from_a_template(workspace: Workspace) -> None:
    w, criteria = workspace.id, load_criteria()
    assert run("answers", w, "--set", "need=facts", "--set", "citations=nice").exit_code == 0
    assert run("answers", w, "--set", "citations=unknown").exit_code == 0
    assert load_answers(workspace, criteria).choices == {"need": "facts"}
    told = run("answers", w, "--template", "marketing-copy").output
    assert "marketing-copy" in told
    found = load_answers(workspace, criteria)
    assert (found.choices["need"], "style" in found.assumed) == ("facts", True)
    assert run("answers", w, "--set", "style=free").exit_code == 0
    assert "style" not in load_answers(workspace, criteria).assumed
    assert run("answers", w, "--drop").exit_code == 0
    assert load_answers(workspace, criteria).choices == {"need": "facts", "style": "free"}
    assert "Did you mean" in refused("answers", w, "--set", "neeed=facts")
    assert "topics are" in refused("answers", w, "--rank", "astrology")


def test_people_answer_by_file_differ_and_become_a_group(
    workspace: Workspace, tmp_path: Path
) -> None:
    w, criteria = workspace.id, load_criteria()
    file = tmp_path / "ada.json"
    file.write_text(json.dumps({"need": "both", "style": "strict"}))
    assert "Nobody has answered" in run("people", w).output
    ranks = ("--rank", "task,data")
    assert run("answers", w, "--who", "Ada", "--import", str(file), *ranks).exit_code == 0
    run("answers", w, "--who", "Ben", "--set", "need=facts", "--set", "style=strict", *ranks)
    told = run("people", w).output
    assert "both: Ada; facts: Ben" in told
    assert "Kendall's W of the ranks: 1.00 of 1" in told
    seen = json.loads(run("people", w, "--json").output)
    assert seen["view"]["agreement"]["people"] == ["Ada", "Ben"]
    assert run("people", w, "--take").exit_code == 0
    taken = load_answers(workspace, criteria)
    assert (taken.choices, taken.people) == ({"style": "strict"}, ("Ada", "Ben"))
    assert run("people", w, "--remove", "Ben").exit_code == 0
    assert "Ben" in refused("people", w, "--remove", "Ben")


def test_steps_have_owners_and_scenarios_have_names(workspace: Workspace) -> None:
    w = workspace.id
    told = run("steps", w, "--owner", "tests=Ada", "--due", "tests=2027-01-31").output
    assert "Ada" in told
    assert "2027-01-31" in told
    assert "no step here" in refused("steps", w, "--owner", "teests=Ada")
    told = run("costs", w, "--scenario", "Summer=2,90").output
    assert "Summer: 2 months, 90 a month" in told
    assert "is no scenario" in refused("costs", w, "--scenario", "Summer")


def test_the_portfolio_and_the_slides_are_written(workspace: Workspace, tmp_path: Path) -> None:
    run("answers", workspace.id, "--set", "need=facts")
    save_record(workspace, make_record(workspace))
    assert "Test" in run("portfolio").output
    assert len(json.loads(run("portfolio", "--json").output)) == 1
    assert run("portfolio", "--format", "docx", "--out", str(tmp_path / "p.docx")).exit_code == 0
    assert (tmp_path / "p.docx").read_bytes()[:2] == b"PK"
    assert "not printed" in refused("portfolio", "--format", "docx")
    assert "not printed" in refused("report", workspace.id, "--format", "pptx")
    run("report", workspace.id, "--format", "pptx", "--out", str(tmp_path / "r.pptx"))
    assert len(pptx.Presentation(str(tmp_path / "r.pptx")).slides) > 5
