"""The advisor page: answers in, a result that shows its working, records out."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from ragft_core.advisor import (
    Answers,
    build_record,
    decide,
    gather_evidence,
    list_records,
    load_answers,
    load_criteria,
    load_record,
    save_answers,
    save_record,
)
from ragft_core.advisor.cost import (
    Scenario,
    load_costs,
    load_currency,
    price_presets,
    save_costs,
    save_scenarios,
)
from ragft_core.commands.app import app
from ragft_core.finetuning import save_examples
from ragft_core.types import Example
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace
from tests.advisor.reports import report, store

PAGE = Path(__file__).resolve().parents[2] / "pages" / "decide" / "advisor.py"
VIEWS = ("questions", "people", "why", "what-if", "cost", "article", "record")
ANSWERS = {
    "need": "facts", "documents": "good", "knowledge_source": "private", "citations": "nice",
    "use_case": "document-qa", "latency": "seconds", "corpus_size": "larger", "labels": "some",
}  # fmt: skip


def open_page(workspace: Workspace | None, view: str = "questions") -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    if workspace:
        page.session_state["workspace"] = workspace.id
    page.session_state["advisor_view"] = view
    return page.run()


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.caption, *page.error, *page.header, *page.title]
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def pills(page: AppTest, criterion: str) -> object:
    return next(
        item for item in page.button_group if str(item.key).startswith(f"advisor.q.{criterion}.")
    )


def button(page: AppTest, label: str) -> object:
    return next(item for item in page.button if item.label == label)


@pytest.fixture
def answered(workspace: Workspace) -> Workspace:
    save_answers(workspace, Answers(dict(ANSWERS)))
    return workspace


def keep(workspace: Workspace) -> str:
    criteria = load_criteria(workspace)
    answers, evidence = load_answers(workspace, criteria), gather_evidence(workspace)
    result = decide(criteria, answers, measurements=evidence.measurements)
    record = build_record(workspace, criteria, answers, result, evidence)
    save_record(workspace, record)
    return record.id


def test_without_a_workspace_it_leads_home() -> None:
    page = open_page(None)
    assert not page.exception
    assert "There is no workspace yet" in texts(page)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_an_empty_workspace(workspace: Workspace, view: str) -> None:
    page = open_page(workspace, view)
    assert not page.exception
    assert "No clear winner: nothing has been answered" in texts(page)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_with_answers_and_measurements(answered: Workspace, view: str) -> None:
    store(answered, report())
    keep(answered)
    page = open_page(answered, view)
    assert not page.exception
    assert not page.error
    assert "trials" in texts(page)


def test_the_seven_criteria_are_the_first_view(workspace: Workspace) -> None:
    said = texts(open_page(workspace))
    for group in load_criteria().groups:
        assert group.title in said


def test_an_answer_is_saved_and_changes_the_result(workspace: Workspace) -> None:
    page = open_page(workspace)
    pills(page, "need").set_value("facts").run()  # type: ignore[attr-defined]
    assert not page.exception
    assert load_answers(workspace, load_criteria()).choices == {"need": "facts"}
    # The workspace itself shows a small model that can be tuned, which speaks for the hybrid.
    assert "hybrid comes first in" in texts(page)


def test_an_answer_given_in_another_tab_is_shown_and_stays(answered: Workspace) -> None:
    page = open_page(answered)
    load = lambda: load_answers(answered, load_criteria())  # noqa: E731
    save_answers(answered, Answers(ANSWERS | {"need": "behaviour"}))
    pills(page, "latency").set_value("instant").run()  # type: ignore[attr-defined]
    assert not page.exception
    assert pills(page, "need").value == "behaviour"  # type: ignore[attr-defined]
    assert load().choices == ANSWERS | {"need": "behaviour", "latency": "instant"}


def test_a_weight_set_in_another_tab_stays(answered: Workspace) -> None:
    page = open_page(answered, "what-if")
    save_answers(answered, Answers(dict(ANSWERS), weights={"need": 4.0}))
    slider = next(s for s in page.slider if str(s.key).startswith("advisor.w.latency."))
    slider.set_value(5.0).run()
    assert load_answers(answered, load_criteria()).weights == {"need": 4.0, "latency": 5.0}


def test_what_is_taken_back_may_be_what_the_workspace_shows(workspace: Workspace) -> None:
    save_examples(workspace, [Example(f"t{i}", f"Q{i}?", "A") for i in range(60)])
    save_answers(workspace, Answers({"labels": "few"}))
    page = open_page(workspace)
    pills(page, "labels").set_value("some").run()  # type: ignore[attr-defined]
    pills(page, "labels").set_value("unknown").run()  # type: ignore[attr-defined]
    page.run()
    assert not page.exception
    assert pills(page, "labels").value == "some"  # type: ignore[attr-defined]


def test_dont_know_takes_an_answer_back(answered: Workspace) -> None:
    page = open_page(answered)
    pills(page, "latency").set_value("unknown").run()  # type: ignore[attr-defined]
    assert "latency" not in load_answers(answered, load_criteria()).choices


def test_what_the_workspace_shows_counts_without_a_click_and_can_be_overridden(
    workspace: Workspace,
) -> None:
    save_examples(workspace, [Example(f"t{i}", f"Q{i}?", "A") for i in range(60)])
    page = open_page(workspace)
    assert pills(page, "labels").value == "some"  # type: ignore[attr-defined]
    assert "seen here" in texts(page)
    assert load_answers(workspace, load_criteria()).choices == {}
    pills(page, "labels").set_value("few").run()  # type: ignore[attr-defined]
    assert not page.exception
    assert load_answers(workspace, load_criteria()).choices == {"labels": "few"}
    assert "this workspace shows that there are 50 to 499 examples" in texts(page)


def test_answers_can_be_brought_in(workspace: Workspace) -> None:
    page = open_page(workspace)
    data = json.dumps({"need": "both"}).encode()
    page.file_uploader(key="advisor.file").upload("theirs.json", data)
    button(page, "Bring in").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    assert load_answers(workspace, load_criteria()).choices == {"need": "both"}


def test_answers_that_do_not_fit_are_refused_in_words(answered: Workspace) -> None:
    page = open_page(answered)
    page.file_uploader(key="advisor.file").upload("theirs.json", b'{"neeed": "both"}')
    button(page, "Bring in").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    assert "Did you mean 'need'" in texts(page)
    assert load_answers(answered, load_criteria()).choices == ANSWERS


def test_another_persons_answers_are_compared(answered: Workspace) -> None:
    save_answers(answered, Answers({**ANSWERS, "need": "behaviour"}, who="Ada"))
    save_answers(answered, Answers({"need": "facts"}, who="Ben", ranking=("task", "data")))
    page = open_page(answered, "people")
    assert not page.exception
    frame = next(f.value for f in page.dataframe if "Ada" in f.value.columns)
    row = frame[frame["Question"].str.startswith("What does the model lack")].iloc[0]
    assert row["Ben"] == row["This workspace"] == "Facts that stand in documents"
    assert row["The group"] == "open"
    assert "Two people or more have to rank" in texts(page)
    button(page, "Take the group's answers over").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    assert load_answers(answered, load_criteria()).people == ("Ada", "Ben")


def test_two_rankings_become_weights_on_the_page(answered: Workspace) -> None:
    for who in ("Ada", "Ben"):
        save_answers(answered, Answers({"need": "facts"}, who=who, ranking=("compute", "task")))
    page = open_page(answered, "people")
    assert not page.exception
    assert "agree **fully**: Kendall's W 1.00" in texts(page)
    assert page.get("plotly_chart")


def test_a_link_leads_to_a_persons_own_questionnaire(answered: Workspace) -> None:
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.session_state["workspace"] = answered.id
    page.query_params["who"] = "Ada"
    page.run()
    assert not page.exception
    assert "What follows from Ada's answers" in texts(page)
    pills(page, "need").set_value("both").run()  # type: ignore[attr-defined]
    page.multiselect[0].set_value(["knowledge", "task"]).run()
    assert not page.exception
    criteria = load_criteria()
    ada = load_answers(answered, criteria, "Ada")
    assert (ada.choices, ada.ranking) == ({"need": "both"}, ("knowledge", "task"))
    assert load_answers(answered, criteria).choices == ANSWERS


def test_a_template_fills_what_is_open_and_says_so(answered: Workspace) -> None:
    page = open_page(answered)
    page.selectbox(key=f"advisor.template.{answered.id}").set_value("contract-search").run()
    button(page, "Fill what is open").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    said = texts(page)
    assert "answers are those of “Contract search”" in said
    assert "typical of “Contract search”: nobody has confirmed it" in said
    kept = load_answers(answered, load_criteria())
    assert kept.choices["citations"] == ANSWERS["citations"] == "nice"  # a person's own stays
    assert "deletion" in kept.assumed
    pills(page, "deletion").set_value("no").run()  # type: ignore[attr-defined]
    kept = load_answers(answered, load_criteria())
    assert kept.choices["deletion"] == "no"
    assert "deletion" not in kept.assumed
    assert "access" in kept.assumed
    button(page, "They fit: make them mine").click().run()  # type: ignore[attr-defined]
    assert load_answers(answered, load_criteria()).assumed == ()


def test_a_broken_criteria_file_is_shown_with_its_line(workspace: Workspace) -> None:
    (workspace.folder("advisor") / "criteria.toml").write_text("[weights]\nneed = 9\n")
    page = open_page(workspace)
    assert not page.exception
    assert any("line 2" in str(error.proto) for error in page.error)


def test_a_teams_own_question_is_asked(workspace: Workspace) -> None:
    from tests.advisor.test_criteria import OWN

    (workspace.folder("advisor") / "criteria.toml").write_text(OWN)
    page = open_page(workspace)
    assert not page.exception
    assert pills(page, "carbon")


def test_a_weight_moves_the_result_and_is_kept(answered: Workspace) -> None:
    page = open_page(answered, "what-if")
    slider = next(s for s in page.slider if str(s.key).startswith("advisor.w.need."))
    slider.set_value(1.0).run()
    assert not page.exception
    assert load_answers(answered, load_criteria()).weights == {"need": 1.0}
    button(page, "Back to the usual weights").click().run()  # type: ignore[attr-defined]
    assert load_answers(answered, load_criteria()).weights == {}


def test_turning_points_are_said_in_the_users_words(answered: Workspace) -> None:
    said = texts(open_page(answered, "what-if"))
    assert "If there are no documents to read" in said


def test_every_reason_can_be_traced(answered: Workspace) -> None:
    page = open_page(answered, "why")
    assert "What speaks for it" in texts(page)
    grounds = "\n".join(sentence.proto.help for sentence in page.markdown)
    assert "arXiv 2312.05934" in grounds
    assert "Weight of" in grounds


def test_guess_and_measurement_are_told_apart(answered: Workspace) -> None:
    store(answered, report())
    page = open_page(answered, "why")
    table = next(f.value for f in page.dataframe if "Question" in f.value.columns)
    row = table[table["Question"].str.startswith("What does the model lack")].iloc[0]
    assert row["RAG"] == "● 0.60"
    assert row["Hybrid"].startswith("◐")


def test_the_article_stands_beside_what_was_measured(answered: Workspace) -> None:
    assert texts(open_page(answered, "article")).count("not measured yet") >= 7
    store(answered, report())
    assert "60 % (50 % to 70 %, n = 60)" in texts(open_page(answered, "article"))


def test_a_changed_price_is_kept(answered: Workspace) -> None:
    page = open_page(answered, "cost")
    box = next(n for n in page.number_input if str(n.key).endswith(".price_in"))
    box.set_value(7.5)
    button(page, "Work it out").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    assert load_costs(answered) == {"price_in": 7.5}


def test_scenarios_stand_beside_each_other_and_can_be_changed(answered: Workspace) -> None:
    page = open_page(answered, "cost")
    frame = next(f.value for f in page.dataframe if len(f.value.columns) == 4)
    assert list(frame.columns)[1:] == [
        "Pilot: 3 months, 500 a month", "Year one: 12 months, 5,000 a month",
        "Scale: 24 months, 50,000 a month",
    ]  # fmt: skip
    save_scenarios(answered, [Scenario("Summer", 2, 90)])
    frame = next(
        f.value for f in open_page(answered, "cost").dataframe if len(f.value.columns) == 2
    )
    assert frame.columns[1] == "Summer: 2 months, 90 a month"


def test_a_step_gets_an_owner_and_a_day(answered: Workspace) -> None:
    page = open_page(answered, "record")
    owner = next(item for item in page.text_input if item.label == "Who does it")
    owner.set_value("Ada")
    next(item for item in page.date_input if item.label == "By when").set_value(date(2020, 1, 31))
    next(item for item in page.button if item.label == "Keep").click().run()
    assert not page.exception
    assert "Ada, by 2020-01-31, late" in texts(page)


def test_a_record_is_kept(answered: Workspace) -> None:
    page = open_page(answered, "record")
    button(page, "Keep a record").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    assert len(list_records(answered)) == 1


def test_the_page_and_the_command_make_the_same_record(answered: Workspace) -> None:
    store(answered, report())
    save_costs(answered, {"hour": 33.0}, "EUR")
    page = open_page(answered, "record")
    button(page, "Keep a record").click().run()  # type: ignore[attr-defined]
    by_page = list_records(answered)
    done = CliRunner().invoke(app, ["report", answered.id, "--format", "json"])
    assert done.exit_code == 0
    (by_command,) = set(list_records(answered)) - set(by_page)
    one, other = (
        to_dict(load_record(answered, key)) | {"id": "", "created_at": ""}
        for key in (by_page[0], by_command)
    )
    assert one == other
    assert one["currency"] == "EUR"


def test_a_price_list_is_taken_over(answered: Workspace) -> None:
    page = open_page(answered, "cost")
    button(page, "Take these prices").click().run()  # type: ignore[attr-defined]
    assert not page.exception
    first = next(iter(price_presets().values()))
    assert first.prices.items() <= load_costs(answered).items()
    assert load_currency(answered) == first.currency


def test_two_records_are_compared(answered: Workspace) -> None:
    keep(answered)
    save_answers(answered, Answers({**ANSWERS, "latency": "instant"}))
    record_id = keep(answered)
    page = open_page(answered, "record")
    assert not page.exception
    assert record_id in list_records(answered)
    changes = next(f.value for f in page.dataframe if "Before" in f.value.columns)
    assert "At once, within 300 ms" in set(changes["After"])


def test_what_a_team_wrote_is_not_rendered(workspace: Workspace) -> None:
    from tests.advisor.test_criteria import OWN

    evil = OWN.replace("Must its energy use be reported?", "![x](http://evil.example/a.png)")
    (workspace.folder("advisor") / "criteria.toml").write_text(evil)
    save_answers(workspace, Answers({"carbon": "yes"}))
    for view in ("questions", "why", "what-if"):
        page = open_page(workspace, view)
        assert not page.exception
        shown = [str(element.value) for element in [*page.markdown, *page.caption]]
        shown += [element.proto.help for element in page.markdown]
        shown += [slider.label for slider in page.slider]
        shown += [item.label for item in page.button_group]
        assert any("evil.example" in text for text in shown)
        # Every bracket that would begin a link's address has to be escaped.
        assert not re.search(r"(?<!\\)\]\(http", "\n".join(shown))
