"""Several records as one document, and a record as slides."""

from __future__ import annotations

import io
import json

import docx
import pptx
import pytest
from pptx.util import Inches

from ragft_core.advisor import Answers, make_record, save_answers, save_record
from ragft_core.advisor.cost import Scenario, load_scenarios, save_costs, save_scenarios
from ragft_core.advisor.cost.inputs import PrefilledCosts, load_costs, load_currency
from ragft_core.advisor.cost.model import CostInputs, cost_of
from ragft_core.advisor.cost.scenarios import scenario_costs, usual_scenarios
from ragft_core.advisor.export import make_portfolio, render_portfolio, render_slides
from ragft_core.advisor.export.slides import HEIGHT, WIDTH, _inches, _parts
from ragft_core.errors import AdvisorError
from ragft_core.settings import Settings
from ragft_core.types import Strategy
from ragft_core.workspace import Workspace, create_workspace, write_json
from tests.advisor.reports import report, store
from tests.advisor.test_record import EVIL, Page

CHOICES = {"need": "facts", "documents": "good", "citations": "must", "labels": "none"}


@pytest.fixture
def decided(workspace: Workspace) -> Workspace:
    save_answers(workspace, Answers(dict(CHOICES)))
    save_costs(workspace, {"hour": 50.0}, "EUR")
    store(workspace, report())
    save_record(workspace, make_record(workspace, note="For the board"))
    return workspace


def test_a_row_says_what_the_record_says(decided: Workspace, settings: Settings) -> None:
    create_workspace(settings, "Another")
    record = make_record(decided)
    (row, empty) = make_portfolio([Workspace(settings.workspaces / "another"), decided]).rows
    assert (row.use_case, empty.use_case) == ("Test", "Another")
    assert (empty.record, empty.right_text, empty.cost_text) == ("", "", "")
    assert row.strategy == Strategy.RAG == record.result.leader
    assert row.right_text == "60 % (50 % to 70 %, n = 60)"
    total = next(cost.total for cost in record.costs if cost.strategy == Strategy.RAG)
    assert row.cost
    assert row.cost[0] == pytest.approx(total)
    assert "EUR, 24 months" in row.cost_text
    assert row.changes == tuple(s.text for s in record.result.changes[:2])
    assert row.stale == ""


def test_what_is_newer_than_the_record_is_named(decided: Workspace) -> None:
    file = decided.path / "advisor" / "answers.json"
    data = json.loads(file.read_text()) | {"saved_at": "2999-01-01T00:00:00+00:00"}
    write_json(file, data)
    assert make_portfolio([decided]).rows[0].stale == "answered again"
    store(decided, report(id="eval-20261129-093000-1f2e"))
    assert make_portfolio([decided]).rows[0].stale == "evaluated again, answered again"


def test_what_none_of_the_five_is_needed_for_says_so(workspace: Workspace) -> None:
    save_answers(workspace, Answers({**CHOICES, "documents": "database"}))
    save_record(workspace, make_record(workspace))
    row = make_portfolio([workspace]).rows[0]
    assert row.verdict_text.startswith("none of the five: ")
    assert (row.confidence_text, row.cost) == ("", None)


def test_a_damaged_workspace_spoils_no_portfolio(decided: Workspace, settings: Settings) -> None:
    other = create_workspace(settings, "Broken")
    (other.path / "workspace.json").write_text("{")
    assert [row.use_case for row in make_portfolio([other, decided]).rows] == ["Test"]


def test_the_document_holds_every_records_page_one(decided: Workspace, settings: Settings) -> None:
    other = create_workspace(settings, "Other case")
    save_answers(other, Answers({"need": "behaviour"}))
    save_record(other, make_record(other, note=EVIL))
    found = make_portfolio([decided, other])
    page = str(render_portfolio(found, "html"))
    assert page.count('class="front"') == 2
    assert "alert(1)" in page
    read = Page(page)
    assert not {"script", "img", "iframe", "link"} & set(read.tags)  # it opens without anything
    text = str(render_portfolio(found))
    assert "## Test: which strategy" in text
    assert "### Right answers, measured here" in text
    word = docx.Document(io.BytesIO(render_portfolio(found, "docx")))  # type: ignore[arg-type]
    assert word.tables[0].rows[1].cells[0].text == "Other case"
    assert len(json.loads(str(render_portfolio(found, "json")))) == 2
    with pytest.raises(AdvisorError, match="markdown, html, json or docx"):
        render_portfolio(found, "xlsx")


def test_slides_say_what_the_record_says(decided: Workspace) -> None:
    record = make_record(decided, note="For the board")
    deck = pptx.Presentation(io.BytesIO(render_slides(record)))
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles[0] == record.result.headline.text
    assert "What would change it" in titles
    chart = next(s.chart for slide in deck.slides for s in slide.shapes if s.has_chart)
    shares = dict(zip(chart.plots[0].categories, chart.series[0].values, strict=True))
    assert shares["RAG (50 % to 70 %, n = 60)"] == pytest.approx(0.6)
    tables = [s.table for slide in deck.slides for s in slide.shapes if s.has_table]
    cells = [cell.text for table in tables for row in table.rows for cell in row.cells]
    assert "Pilot: 3 months, 500 a month" in cells
    words = "\n".join(s.text_frame.text for d in deck.slides for s in d.shapes if s.has_text_frame)
    assert "rAG" not in words  # what follows a colon begins small, but no name does
    assert any(
        "For the board" in s.text_frame.text for s in deck.slides[0].shapes if s.has_text_frame
    )
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left + shape.width <= Inches(WIDTH)
            assert shape.top + shape.height <= Inches(HEIGHT)


def test_a_record_of_nothing_measured_makes_slides_as_well(workspace: Workspace) -> None:
    save_answers(workspace, Answers(dict(CHOICES)))
    deck = pptx.Presentation(io.BytesIO(render_slides(make_record(workspace))))
    text = "\n".join(s.text_frame.text for d in deck.slides for s in d.shapes if s.has_text_frame)
    assert "Nothing was measured yet" in text


def test_long_text_is_set_smaller_and_then_on_another_slide() -> None:
    lines = [f"{n} " + "word " * 40 for n in range(20)]
    parts = list(_parts(lines, 5.0))
    assert [line for part, _ in parts for line in part] == lines
    assert len(parts) > 1
    assert all(_inches(part, points) <= 5.0 for part, points in parts)
    assert list(_parts(["short"], 5.0)) == [(["short"], 22)]


def test_scenarios_are_the_same_prices_over_other_months(workspace: Workspace) -> None:
    pilot, year, scale = scenario_costs(PrefilledCosts(), usual_scenarios(1000))
    assert [s.scenario.requests for s in (pilot, year, scale)] == [100, 1000, 10_000]
    inputs = CostInputs(months=12, requests=1000)
    assert year.costs == tuple(cost_of(inputs, s) for s in Strategy)
    assert "requests" not in year.ranges.assumed  # it is the scenario's, not a guess
    assert pilot.cheapest == Strategy.PROMPT


def test_own_scenarios_are_kept_beside_what_was_entered(workspace: Workspace) -> None:
    save_costs(workspace, {"hour": 50.0}, "EUR")
    mine = [Scenario("Try", 2, 90), Scenario("Go", 12, 9000)]
    save_scenarios(workspace, mine)
    assert load_scenarios(workspace, PrefilledCosts()) == mine
    save_costs(workspace, {"hour": 60.0})
    assert load_scenarios(workspace, PrefilledCosts()) == mine
    assert (load_costs(workspace), load_currency(workspace)) == ({"hour": 60.0}, "EUR")
    for wrong in ([Scenario("Try", 0, 90)], [Scenario("", 2, 9)], [*mine, Scenario("go", 1, 1)]):
        with pytest.raises(AdvisorError):
            save_scenarios(workspace, wrong)
    assert load_scenarios(workspace, PrefilledCosts()) == mine
    save_scenarios(workspace, [])
    assert load_scenarios(workspace, PrefilledCosts())[0].title == "Pilot"
