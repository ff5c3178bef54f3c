"""The tour through a finished case, and the line that says what was made elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ragft_core.evaluation import load_results, make_report
from ragft_core.evaluation.store.plans import REPORT_FILE, folder_of
from ragft_core.jobs import MadeElsewhere, keep_origin
from ragft_core.samples import list_samples, read_sample
from ragft_core.samples.finished import FILE, cases_folder
from ragft_core.settings import Settings
from ragft_core.types import ModelChoice
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, list_workspaces, write_json
from tests.evaluation.conftest import make_questions, stocked, stored_run

__all__ = ["stocked"]  # a fixture

pytestmark = pytest.mark.usefixtures("generator_folder", "embedder_folder")

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"


@pytest.fixture
def case(stocked: Workspace) -> Workspace:
    """A workspace of a sample with an evaluation that was made elsewhere."""
    stocked.update(sample="triage")
    plan = stored_run(
        stocked, make_questions(4),
        lambda arm, q, draw: q.golds[0] if arm == "rag" else "no idea", ("prompt", "rag"),
    )  # fmt: skip
    report = make_report(load_results(stocked, plan.id))
    write_json(folder_of(stocked, plan.id) / REPORT_FILE, to_dict(report))
    origin = MadeElsewhere(
        "a big machine", "2026-11-30T04:00:00+00:00", "A model", "ab" * 32, evaluations=(plan.id,)
    )
    keep_origin(stocked, origin)
    return stocked


def texts(page: AppTest) -> str:
    found = "\n".join(str(part.value) for part in (*page.markdown, *page.caption))
    return found.replace("\\", "")


def on_tour(workspace: Workspace) -> AppTest:
    page = AppTest.from_file(FRAME, default_timeout=120)
    page.session_state["workspace"] = workspace.id
    page.session_state[f"tour.{workspace.id}"] = 0
    return page.run()


def test_a_tour_leads_through_the_pages_and_ends(case: Workspace) -> None:
    page = on_tour(case)
    assert "1 of 5] **The decision comes first**" in texts(page)
    page.button(key="tour.show").click().run()
    assert page.title[0].value == "Which strategy?"
    titles = []
    for _ in range(4):
        page.button(key="tour.next").click().run()
        assert not page.exception
        titles.append(page.title[0].value)
    assert titles == ["Documents", "Chat", "Evaluation", "Which strategy?"]
    assert "tour.next" not in {button.key for button in page.button}
    page.button(key="tour.back").click().run()
    assert page.title[0].value == "Evaluation"
    page.button(key="tour.leave").click().run()
    assert "tour.leave" not in {button.key for button in page.button}


def test_what_was_made_elsewhere_says_so_where_it_is_shown(case: Workspace) -> None:
    told = "Made elsewhere"
    page = on_tour(case)
    assert told in texts(page)
    page.button(key="tour.show").click().run()
    assert told in texts(page)  # the advisor, whose evidence it is
    for _ in range(2):
        page.button(key="tour.next").click().run()
    assert told in texts(page)  # Chat, where the stored answers differ
    page.button(key="tour.next").click().run()
    assert told in texts(page)  # Evaluation
    mine = stored_run(case, make_questions(4), lambda arm, q, draw: "no idea")
    page.query_params["eval"] = mine.id
    assert told not in texts(page.run())  # this one was made here


def test_without_a_tour_nothing_stands_above_the_pages(stocked: Workspace) -> None:
    assert "of 5]" not in texts(on_tour(stocked))  # no finished case


def test_home_offers_the_finished_cases_first() -> None:
    page = AppTest.from_file(FRAME, default_timeout=120).run()
    offered = [button for button in page.button if button.label == "Look at a finished case"]
    assert [button.key for button in offered] == [
        f"home.finished.{sample.name}"
        for sample in list_samples()
        if (sample.folder / FILE).exists()
    ]
    assert offered


def test_with_cases_of_two_models_home_asks_which(settings: Settings, tmp_path: Path) -> None:
    made = Workspace(tmp_path / "made")
    made.path.mkdir()
    choice = ModelChoice("folder", "models/other")
    keep_origin(made, MadeElsewhere("a desk", "2026-11-30", "Other-1B", "0" * 64, choice=choice))
    folder = cases_folder(read_sample("triage"), settings)
    folder.mkdir(parents=True)
    shutil.make_archive(str(folder / "other"), "zip", made.path)
    page = AppTest.from_file(FRAME, default_timeout=120).run()
    assert [box.key for box in page.selectbox if box.key.startswith("home.case")] == [
        "home.case.triage"
    ]
    assert page.selectbox(key="home.case.triage").options == ["SmolLM2-135M-Instruct", "Other-1B"]
    page.selectbox(key="home.case.triage").select_index(1).run()
    page.button(key="home.finished.triage").click().run()
    assert page.error[0].value == "Check the path of the model."  # and nothing was made
    assert list_workspaces(settings) == []
