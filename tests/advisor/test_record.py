"""The decision record: it holds everything, renders safely, reopens and compares."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from ragft_core.advisor import (
    Criteria,
    DecisionRecord,
    Evidence,
    Measurement,
    build_record,
    compare_records,
    decide,
    gather_evidence,
    list_records,
    load_criteria,
    load_record,
    make_recipe,
    make_record,
    parse_answers,
    parse_record,
    render_record,
    render_rfp,
    save_answers,
    save_record,
)
from ragft_core.advisor.cost.inputs import save_costs
from ragft_core.advisor.cost.model import CostInputs
from ragft_core.advisor.deciding.recommendation import Reference, Sentence
from ragft_core.advisor.export import render_docx, render_rfp_docx
from ragft_core.advisor.record import front, rfp
from ragft_core.advisor.record.provenance import Materials, PromptLine
from ragft_core.errors import AdvisorError
from ragft_core.types import Document, Strategy
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, write_json
from tests.advisor.reports import report, store

ANSWERS = {
    "need": "facts", "documents": "good", "knowledge_source": "private", "citations": "must",
    "use_case": "document-qa", "latency": "seconds",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
EVIL = "<script>alert(1)</script> | [x](http://evil.example) `a` <img src=x onerror=alert(2)>"


def make(workspace: Workspace, note: str = "", **answers: str) -> DecisionRecord:
    criteria = load_criteria(workspace)
    given = parse_answers(criteria, {**ANSWERS, **answers})
    evidence = gather_evidence(workspace)
    result = decide(criteria, given, measurements=evidence.measurements)
    recipe = make_recipe(workspace, result.leader, evidence) if result.leader else None
    return build_record(workspace, criteria, given, result, evidence, recipe=recipe, note=note)


class Page(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for key, value in attrs:
            self.attributes.append(key)
            if key == "id" and value:
                self.ids.add(value)
            if key in ("href", "src") and value:
                self.links.append(value)


def test_a_saved_record_reopens_as_it_was(workspace: Workspace) -> None:
    store(workspace, report())
    record = make(workspace)
    save_record(workspace, record)
    assert list_records(workspace) == [record.id]
    assert load_record(workspace, record.id) == record


def test_the_exported_json_reopens_as_it_was(workspace: Workspace) -> None:
    store(workspace, report())
    record = make(workspace)
    text = render_record(record, "json")
    assert parse_record(text, "r.json") == record
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": "x"}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(AdvisorError, match=r"x\.json"):
        parse_record(text, "x.json")


def test_a_record_of_a_newer_version_says_so() -> None:
    with pytest.raises(AdvisorError, match="newer"):
        parse_record('{"version": 99}', "x.json")


@pytest.mark.parametrize("name", ["record-1", "../../workspace", "record-..", "answers"])
def test_only_ids_of_records_are_opened(workspace: Workspace, name: str) -> None:
    with pytest.raises(AdvisorError, match="no decision record"):
        load_record(workspace, name)


def test_an_unknown_form_is_refused(workspace: Workspace) -> None:
    with pytest.raises(AdvisorError, match="docx"):
        render_record(make(workspace), "docx")


def test_the_html_stands_alone(workspace: Workspace) -> None:
    store(workspace, report())
    text = render_record(make(workspace), "html")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert all(link.startswith("#") for link in page.links)
    assert not any(name.startswith("on") for name in page.attributes)
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert page.tags.count("svg") == 6


def test_every_link_of_the_html_leads_somewhere(workspace: Workspace) -> None:
    store(workspace, report())
    page = Page(render_record(make(workspace), "html"))
    assert page.links
    assert {link[1:] for link in page.links} <= page.ids


def test_links_lead_somewhere_without_measurements_too(workspace: Workspace) -> None:
    record, criteria = make(workspace), load_criteria()
    every = [Reference("answer", c.id) for c in criteria.criteria]
    every += [Reference("source", s) for c in criteria.criteria for s in c.sources]
    every += [Reference("measurement", c.measurement) for c in criteria.criteria if c.measurement]
    every += [Reference("simulation", "wins")]
    result = dataclasses.replace(record.result, cautions=(Sentence("All.", tuple(every)),))
    record = dataclasses.replace(record, result=result)
    page = Page(render_record(record, "html"))
    assert {link[1:] for link in page.links} <= page.ids


def test_what_people_wrote_is_escaped_in_the_html(workspace: Workspace) -> None:
    store(workspace, report(name=EVIL, verdict=EVIL))
    text = render_record(make(workspace, note=EVIL), "html")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_what_people_wrote_is_plain_in_the_markdown(workspace: Workspace) -> None:
    store(workspace, report(name=EVIL, verdict=EVIL))
    text = render_record(make(workspace, note=EVIL), "markdown")
    drawn = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert 'href="http://evil' not in drawn


def test_the_tables_of_the_markdown_are_tables(workspace: Workspace) -> None:
    store(workspace, report())
    text = render_record(make(workspace), "markdown")
    drawn = MarkdownIt("commonmark").enable("table").render(text)
    assert drawn.count("<table>") == 9
    assert "|" not in re.sub(r"<code.*?</code>", "", drawn, flags=re.DOTALL)


def test_all_forms_lead_with_the_verdict(workspace: Workspace) -> None:
    record = make(workspace)
    for form in ("markdown", "html"):
        text = render_record(record, form)
        assert text.index(record.result.headline.text) < text.index("What speaks for it")


def test_the_record_says_what_was_and_what_was_not_measured(workspace: Workspace) -> None:
    assert "Nothing yet" in render_record(make(workspace), "markdown")
    store(workspace, report())
    text = render_record(make(workspace), "markdown")
    assert "| Share of test questions answered rightly | 10 % (0 % to 20 %, n = 60) |  |" in text
    assert "not measured yet" in text  # training time, in the article's table


def test_provenance_names_model_evaluation_and_versions(workspace: Workspace) -> None:
    store(workspace, report())
    provenance = make(workspace).provenance
    assert {"evaluation", "evaluated model", "index version", "lab", "criteria"} <= set(provenance)


def test_the_record_of_no_possible_strategy_renders(workspace: Workspace) -> None:
    record = make(workspace, documents="none")
    assert record.result.leader is None
    for form in ("markdown", "json", "html"):
        assert "No strategy meets every must" in render_record(record, form)


def test_the_record_of_nothing_known_renders(workspace: Workspace, criteria: Criteria) -> None:
    given = parse_answers(criteria, {})
    record = build_record(workspace, criteria, given, decide(criteria, given), Evidence())
    for form in ("markdown", "json", "html"):
        assert "No clear winner" in render_record(record, form)


def test_a_record_can_be_had_in_one_call(workspace: Workspace) -> None:
    store(workspace, report())
    criteria = load_criteria(workspace)
    save_answers(workspace, parse_answers(criteria, ANSWERS))
    save_costs(workspace, {"hour": 33.0})
    record = make_record(workspace, note="By the board")
    assert ANSWERS.items() <= record.result.answers.items()
    seen = {line.criterion for line in record.lines if line.prefilled}
    assert seen == set(record.result.answers) - set(ANSWERS)
    assert record.result.measurements
    assert record.cost_inputs.hour == 33
    assert record.cost_inputs.rag_tokens == 700
    assert record.recipe is not None
    assert record.note == "By the board"


def test_equal_records_have_no_changes(workspace: Workspace) -> None:
    assert compare_records(make(workspace), make(workspace)) == []


def test_a_comparison_says_what_changed(workspace: Workspace) -> None:
    before = make(workspace)
    store(workspace, report())
    after = make(workspace, latency="instant")
    changes = compare_records(before, after)
    answers = [(c.before, c.after) for c in changes if c.topic == "answer"]
    assert answers == [("Within about two seconds", "At once, within 300 ms")]
    measured = {c.what: (c.before, c.after) for c in changes if c.topic == "measurement"}
    assert measured["Share of test questions answered rightly, rag"] == (
        "",
        "0.6 (0.5 to 0.7, n = 60)",
    )
    assert any(c.topic == "score" for c in changes)


def test_a_changed_verdict_comes_first(workspace: Workspace) -> None:
    before = make(workspace)
    result = dataclasses.replace(before.result, verdict=Strategy.HYBRID)
    changes = compare_records(before, dataclasses.replace(before, result=result))
    assert (changes[0].topic, changes[0].after) == ("verdict", "hybrid")


def test_long_numbers_and_many_measurements_do_not_break_the_page(workspace: Workspace) -> None:
    criteria = load_criteria()
    rows = [
        Measurement("prompt_tokens", 1e9, 0.0, 1e12, 1, "x" * 500, strategy)
        for strategy in Strategy
    ]
    given = parse_answers(criteria, ANSWERS)
    evidence = Evidence(measurements=tuple(rows))
    record = build_record(
        workspace, criteria, given, decide(criteria, given, measurements=rows), evidence
    )
    assert Page(render_record(record, "html")).tags.count("svg") == 5


def test_the_word_file_says_what_the_markdown_says(workspace: Workspace) -> None:
    import docx

    record = make_record(workspace, parse_answers(load_criteria(workspace), ANSWERS, "test"))
    file = docx.Document(io.BytesIO(render_docx(record)))
    headings = [p.text for p in file.paragraphs if p.style.name.startswith(("Heading", "Title"))]
    markdown = render_record(record, "markdown")
    expected = [line.lstrip("# ") for line in markdown.splitlines() if line.startswith("#")]
    assert [h.replace("\\", "") for h in headings] == [e.replace("\\", "") for e in expected]
    assert record.result.headline.text in [p.text for p in file.paragraphs]
    tables = sum(line.startswith("|---") for line in markdown.splitlines())
    assert len(file.tables) == tables > 2
    assert all(
        row.cells[0].text or row.cells[1].text for table in file.tables for row in table.rows
    )


def test_page_one_says_shares_money_and_what_was_guessed(workspace: Workspace) -> None:
    store(workspace, report())
    save_costs(workspace, {"hour": 33.0, "requests": 20_000.0}, "EUR")
    record = make_record(workspace, parse_answers(load_criteria(workspace), ANSWERS))
    for form in ("markdown", "html"):
        first = render_record(record, form).split("What else speaks for it")[0]
        first = first.split("For and against")[0]
        for said in (
            "not how likely it is to work", "60 % (50 % to 70 %, n = 60)" if form == "html" else
            "| RAG | 60 % | 50 % to 70 % | 60 |", "Money, in EUR",
            "At 20,000 requests a month (entered)", "at your 20,000 it is", "What was only guessed",
        ):  # fmt: skip
            assert said in first, (form, said)
    assert "simulations" not in record.result.headline.text


def test_every_input_of_the_costs_says_where_it_is_from(workspace: Workspace) -> None:
    store(workspace, report())
    save_costs(workspace, {"hour": 33.0})
    answers = parse_answers(load_criteria(workspace), {**ANSWERS, "volume": "high"})
    lines = {line.label: line for line in front.input_rows(make_record(workspace, answers))}
    assert len(lines) == len(dataclasses.fields(CostInputs))
    assert lines["An hour of work"].origin == "entered"
    assert lines["Requests a month"].origin == "answer"
    assert lines["RAG: tokens read"].origin.startswith("measured, evaluation")
    assert lines["Price in"].origin == "default"


def test_the_record_names_documents_questions_and_adapters_by_digest(workspace: Workspace) -> None:
    store(workspace, report())
    (workspace.path / "evaluations" / report().id / "questions.jsonl").write_text("{}\n")
    digest = hashlib.sha256(b"Open from 9 to 5.").hexdigest()
    document = Document(
        digest[:20], "Rules", "rules.md", "md", digest, 17, None, 17, 1, 6, "2026-11-22T09:00:00"
    )
    folder = workspace.folder("documents", document.id)
    write_json(folder / "document.json", to_dict(document))
    tuned = workspace.folder("adapters", "run-1")
    (tuned / "adapter_model.safetensors").write_bytes(b"weights")
    write_json(tuned / "adapter_config.json", {"peft_type": "LORA", "r": 8})
    write_json(tuned / "card.json", {"name": "Run", "config": {"learning_rate": 0.001}})
    record = make_record(workspace, parse_answers(load_criteria(workspace), ANSWERS))
    assert [(d.file_name, d.size_bytes, d.sha256) for d in record.materials.documents] == [
        ("rules.md", 17, digest)
    ]
    asked = hashlib.sha256(b"{}\n").hexdigest()
    assert record.provenance["question set (sha256)"] == asked
    weights = hashlib.sha256(b"weights").hexdigest()
    assert [a.digest for a in record.materials.adapters] == [weights]
    assert record.materials.adapters[0].training == {"learning rate": "0.001"}
    for form in ("markdown", "html"):
        text = render_record(record, form)
        assert digest[:16] in text
        assert asked in text
        assert weights[:16] in text
        assert "people agree with 91 %" in text


def test_a_record_of_the_first_version_opens_and_renders() -> None:
    file = next((ROOT / "tests/data/workspace-v1/advisor/records").glob("record-*.json"))
    record = parse_record(file.read_text(encoding="utf-8"), file.name)
    for form in ("markdown", "html", "json"):
        assert record.result.headline.text in render_record(record, form)
    assert render_docx(record)


def test_a_prompt_stands_in_the_markdown_as_it_was_read(workspace: Workspace) -> None:
    evil = f"{EVIL}\n```\n# not a heading"
    prompts = (PromptLine("RAG", evil),)
    record = dataclasses.replace(make(workspace), materials=Materials(prompts=prompts))
    drawn = MarkdownIt("commonmark", {"html": True}).render(render_record(record, "markdown"))
    assert "<script" not in drawn
    assert "<h1>not a heading" not in drawn
    assert "# not a heading\n</code></pre>" in drawn
    assert "<script" not in render_record(record, "html")


def test_a_tenders_questions_are_answered_from_the_record_only(workspace: Workspace) -> None:
    bare = render_rfp(make(workspace))
    assert "how the strategy works" in bare
    assert "Share of test questions answered rightly" not in bare
    assert "Not answered yet: Must a document or a person's data be removable later?" in bare
    store(workspace, report())
    save_costs(workspace, {"hour": 33.0}, "EUR")
    record = make_record(workspace, parse_answers(load_criteria(workspace), ANSWERS))
    text = render_rfp(record)
    assert record.result.headline.text in text
    assert "RAG 60 % (50 % to 70 %, n = 60)" in text
    assert "Money, in EUR" in text
    assert text.count("\n## ") == len(rfp.rfp_answers(record)) == 9
    quoted = {c for row in rfp._questions() for c in row.get("criteria", ())}
    assert quoted <= {line.criterion for line in record.lines}


def test_the_tenders_questions_as_a_word_file(workspace: Workspace) -> None:
    import docx

    record = make(workspace, note=EVIL)
    file = docx.Document(io.BytesIO(render_rfp_docx(record)))
    headings = [p.text for p in file.paragraphs if p.style.name.startswith("Heading")]
    assert [h.split(":")[0] for h in headings] == [a.topic for a in rfp.rfp_answers(record)]
