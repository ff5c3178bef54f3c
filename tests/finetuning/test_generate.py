"""Writing examples from documents: spans, filters, the round trip, and the queue of facts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.examples import importing, read_table
from ragft_core.finetuning.examples.store import load_examples, save_examples
from ragft_core.finetuning.writing.filters import (
    Wordings,
    form_fault,
    mentions,
    similarity,
    tidy_question,
)
from ragft_core.finetuning.writing.job import (
    CANDIDATES,
    DROPPED,
    SOURCES,
    Queue,
    generate_examples,
    read_candidates,
    run_generation,
)
from ragft_core.finetuning.writing.plausible import implausible, same_numbers
from ragft_core.finetuning.writing.review import accept, discard, edit, latest_generation
from ragft_core.finetuning.writing.roundtrip import REASONS, Candidate
from ragft_core.finetuning.writing.spans import Span, find_spans, sentences
from ragft_core.finetuning.writing.specificity import Corpus, Facts
from ragft_core.jobs import Job, JobContext
from ragft_core.models.prompts import ABSTENTION, GROUNDING, WRITER_INSTRUCTION
from ragft_core.overlap import exact_match, token_f1
from ragft_core.types import Chunk, Completion, Example, Message, ModelChoice, Request
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, write_json

PASSAGE = """# Travel

Meals are paid up to €45 a day. The claim form is called FX-12 and is handed in within **14 days**.
The policy took effect on 3 March 2024 and is kept by Maria Lindqvist in the finance team.

- Trains are booked by the office manager.

| Country | Rate of the day |
|---|---|
| Norway | 80 EUR for each day |
"""


# Spans


def spans_of(text: str, limit: int = 20) -> dict[str, str]:
    return {span.text: span.kind for span in find_spans(text, limit)}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("€45", "money"),
        ("FX-12", "code"),
        ("14 days", "quantity"),
        ("3 March 2024", "date"),
        ("Maria Lindqvist", "name"),
        ("the office manager", "phrase"),
        ("80 EUR", "money"),
    ],
)
def test_span_is_found_with_its_kind(answer: str, kind: str) -> None:
    assert spans_of(PASSAGE)[answer] == kind


def test_span_offsets_point_at_its_text() -> None:
    assert all(PASSAGE[s.start : s.end] == s.text for s in find_spans(PASSAGE, 20))


def test_evidence_is_the_sentence_of_the_span() -> None:
    span = next(s for s in find_spans(PASSAGE, 20) if s.text == "€45")
    assert span.sentence == "Meals are paid up to €45 a day."


def test_spans_do_not_overlap() -> None:
    spans = sorted(find_spans(PASSAGE, 20), key=lambda s: s.start)
    assert all(a.end <= b.start for a, b in zip(spans, spans[1:], strict=False))


def test_headings_are_not_asked_about() -> None:
    assert "Travel" not in " ".join(PASSAGE[a:b] for a, b in sentences(PASSAGE))


def test_abbreviation_does_not_end_a_sentence() -> None:
    text = "It holds e.g. Kaolin and sand. The rest is water."
    assert [text[a:b] for a, b in sentences(text)] == [
        "It holds e.g. Kaolin and sand.",
        "The rest is water.",
    ]


def test_one_sentence_gives_at_most_two_spans() -> None:
    text = "On 3 May 2020 Anna Berg paid €45 for 12 boxes and 7 lamps in Oslo."
    assert len(find_spans(text, 20)) == 2


def test_a_passage_without_facts_gives_no_spans() -> None:
    assert find_spans("Well, this is it. And so on and on.") == []


# Filters


def test_token_f1_counts_shared_words() -> None:
    assert token_f1("within 14 days", "14 days") == pytest.approx(0.8)


def test_articles_case_and_punctuation_do_not_count() -> None:
    assert exact_match("The Office Manager.", "office manager")


def test_mention_needs_neighbouring_words() -> None:
    assert mentions("It takes 14 days.", "14 days")
    assert not mentions("14 or more days", "14 days")


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("How long may a claim take?", "14 days", None),
        ("Within how many days is the claim form handed in?", "14 days", None),
        ("The claim form is handed in soon.", "14 days", "not a question"),
        ("Claim form handing in time?", "14 days", "not a question"),
        ("How long?", "14 days", "length"),
        ("How long " + "very " * 30 + "long does it take?", "14 days", "length"),
        ("What must be handed in within 14 days?", "14 days", "answer in question"),
        ("What is due in 14 working days?", "14 days", "answer in question"),
        ("What does this document say about claims?", "14 days", "vague"),
        ("When is it due?", "14 days", "vague"),
        ("What is the claim and what is the claim?", "14 days", "not a question"),
    ],
)
def test_form(question: str, answer: str, reason: str | None) -> None:
    assert form_fault(question, answer) == reason


def test_every_form_fault_has_a_text_for_people() -> None:
    faults = [form_fault("x", "y"), form_fault("What is this passage about?", "y")]
    assert set(faults) <= set(REASONS)


def test_near_duplicate_is_seen() -> None:
    wordings = Wordings(["How long may a claim for a meal take?"])
    assert wordings.repeats("How long may the claim for a meal take?")
    assert not wordings.repeats("By when must meal claims be handed in?")


def test_similarity_of_different_questions_is_low() -> None:
    assert similarity("Who keeps the policy?", "How much is paid for meals?") < 0.2


def test_tidy_takes_the_first_line_without_its_label() -> None:
    assert tidy_question('Question: "who keeps it?"\nAnswer: Maria') == "Who keeps it?"


KILNS = Corpus(
    [
        ("heron", "Heron kiln. The Heron weighs 94 kg. The Heron has a chamber of 63 litres."),
        ("wren", "Wren kiln. The Wren weighs 29 kg, and the kiln weighs less than others."),
    ]
)


def test_a_question_that_names_its_subject_points_at_its_document() -> None:
    assert KILNS.points_at("How much does the Heron weigh?", "heron")


def test_a_question_that_fits_another_document_better_does_not() -> None:
    assert not KILNS.points_at("How much does the kiln weigh?", "heron")


def test_a_question_without_a_word_of_its_document_does_not() -> None:
    assert not KILNS.points_at("Who painted the ceiling?", "heron")


ROWS = "Product: Wren kiln; Price: £865\n\nProduct: Heron kiln; Price: £1,240"
PRICES = Facts(
    [("Price list", ROWS), ("Courses", "The course lasts two days. A pug is 63 litres.")]
)


def fact(text: str, answer: str) -> Span:
    (found,) = (span for span in find_spans(text, 40) if span.text == answer)
    return found


@pytest.mark.parametrize(
    ("question", "ambiguous"),
    [
        ("What is the price of the kiln?", True),
        ("What is the price of the product?", True),
        ("What is the price of the Wren kiln?", False),
        ("How much is the Wren?", False),
    ],
)
def test_a_question_that_fits_another_row_is_ambiguous(question: str, ambiguous: bool) -> None:
    assert PRICES.ambiguous(question, "Price list", fact(ROWS, "£865")) is ambiguous


def test_a_quantity_of_another_unit_is_no_rival() -> None:
    span = fact("The course is cancelled free of charge up to 14 days before.", "14 days")
    assert PRICES.ambiguous("How long is the course?", "Terms", span)
    assert not PRICES.ambiguous("How long is the course?", "Terms", replace(span, text="3 hours"))


# The round trip. The generator below is a real one of the Protocol that answers by table.


@dataclass
class Said:
    """A generation that is done from the start."""

    text: str
    done: bool = True

    def cancel(self) -> None:
        pass

    def result(self, timeout: float | None = None) -> Completion:
        return Completion(self.text, "", 1, 1, 0.0, 0.0, "stop")


class TableGenerator:
    """Writes, reads and knows what its tables say."""

    name = "table"
    weights = "table"
    context_tokens = 2048
    supports_adapters = False

    def __init__(
        self,
        questions: dict[str, list[str]],
        *,
        read: dict[str, str] | None = None,
        known: dict[str, str] | None = None,
    ) -> None:
        self.questions = questions
        self.answers = {q: answer for answer, asked in questions.items() for q in asked}
        self.answers |= read or {}
        self.known = known or {}
        self.requests: list[Request] = []
        self.asked: Counter[str] = Counter()

    def render(self, messages: Sequence[Message]) -> str:
        return "\n".join(message.content for message in messages)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(self.render(messages).split())

    def submit(self, request: Request, *, priority: int = 0) -> Said:
        self.requests.append(request)
        system, turn = request.messages[0].content, request.messages[-1].content
        if system == WRITER_INSTRUCTION:
            answer = turn.rsplit("Answer: ", 1)[1]
            asked = self.questions.get(answer, ["Nothing to ask."])
            self.asked[answer] += 1
            return Said(asked[min(self.asked[answer], len(asked)) - 1])
        if GROUNDING in system:
            return Said(self.answers.get(turn.rsplit("Question: ", 1)[1], ABSTENTION))
        return Said(self.known.get(turn, "I do not know."))

    def close(self) -> None:
        pass


QUESTIONS = {
    "€45": ["How much may meals cost in one day?", "Up to which sum are meals paid?"],
    "FX-12": ["What is the claim form called?", "What is the claim form called?"],
    "14 days": ["Within which time is the claim form handed in?", "How soon must claims arrive?"],
    "3 March 2024": ["When did the policy take effect?"],
}


def chunk(text: str = PASSAGE, document: str = "travel", number: int = 0) -> Chunk:
    return Chunk(f"{document}-{number}", document, number, text, 0, len(text))


def sources(*chunks: Chunk) -> list[tuple[str, Chunk]]:
    return [(c.document_id.capitalize(), c) for c in chunks]


def test_kept_example_carries_evidence_document_and_fact(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 1)
    example = report.examples[0]
    assert example.answer in example.evidence
    assert example.evidence in " ".join(PASSAGE.split())
    assert example.document_id == "travel"
    assert example.fact.startswith("travel-0@")


def test_the_target_ends_the_work(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 2)
    assert len(report.examples) >= 2
    assert report.note == ""


def test_wordings_share_their_fact(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 50)
    facts = [e.fact for e in report.examples if e.answer == "€45"]
    assert len(facts) == 2
    assert len(set(facts)) == 1


def test_repeated_wording_is_dropped_as_duplicate(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 50)
    assert sum(e.answer == "FX-12" for e in report.examples) == 1
    assert report.dropped["duplicate"] >= 1


def test_a_question_the_reader_answers_otherwise_is_dropped(workspace: Workspace) -> None:
    generator = TableGenerator(QUESTIONS, read={"When did the policy take effect?": "in May"})
    report = generate_examples(workspace, generator, sources(chunk()), 50)
    assert report.dropped["other answer"] >= 1
    assert "3 March 2024" not in {e.answer for e in report.examples}


def test_a_question_the_reader_cannot_answer_is_dropped(workspace: Workspace) -> None:
    generator = TableGenerator(QUESTIONS, read={"When did the policy take effect?": ABSTENTION})
    assert (
        generate_examples(workspace, generator, sources(chunk()), 50).dropped["not answered"] >= 1
    )


def test_a_question_the_bare_model_knows_is_dropped(workspace: Workspace) -> None:
    generator = TableGenerator(
        QUESTIONS, known={"When did the policy take effect?": "It was 3 March 2024, I believe."}
    )
    assert generate_examples(workspace, generator, sources(chunk()), 50).dropped["known"] >= 1


def test_the_bare_model_is_asked_without_adapter_and_passage(workspace: Workspace) -> None:
    generator = TableGenerator(QUESTIONS)
    generate_examples(workspace, generator, sources(chunk()), 2)
    closed = [r for r in generator.requests if "Travel" not in r.messages[-1].content]
    assert closed
    assert all(r.adapter is None for r in closed)


def test_kept_and_dropped_add_up_to_written(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 50)
    assert len(report.examples) + sum(report.dropped.values()) == report.written


def test_running_out_of_facts_is_said(workspace: Workspace) -> None:
    report = generate_examples(workspace, TableGenerator(QUESTIONS), sources(chunk()), 50)
    assert "no more" in report.note


def test_documents_without_facts_are_refused(workspace: Workspace) -> None:
    with pytest.raises(TrainingDataError):
        generate_examples(workspace, TableGenerator({}), sources(chunk("Well. And so on.")), 5)


def test_a_stop_keeps_what_is_judged(workspace: Workspace) -> None:
    rounds: list[int] = []
    report = generate_examples(
        workspace,
        TableGenerator(QUESTIONS),
        sources(chunk()),
        50,
        stopping=lambda: bool(rounds),
        on_judged=lambda judged: rounds.append(len(judged)),
    )
    assert len(rounds) == 1
    assert report.written == rounds[0]
    assert report.note == "Stopped before the end."


# The queue of facts


def distinct(document: str, n: int) -> Chunk:
    text = " ".join(f"The {document} shelf of row {i} has {i + 20} boxes." for i in range(n))
    return chunk(text, document)


def test_documents_take_turns() -> None:
    queue = Queue(sources(distinct("north", 6), distinct("south", 2)))
    first = [task.chunk.document_id for task in queue.take(4)]
    assert first.count("north") == first.count("south") == 2


def test_a_fact_is_taken_once_a_round() -> None:
    queue = Queue(sources(distinct("north", 6)))
    facts = [task.fact for task in queue.take(50)]
    assert len(facts) == len(set(facts))


def test_overlapping_chunks_do_not_repeat_a_fact() -> None:
    text = "The shelf holds 20 boxes."
    queue = Queue(sources(chunk(text, "north", 0), chunk(text, "north", 1)))
    assert len(queue.take(50)) == 1


def test_a_resumed_queue_leaves_out_what_was_tried() -> None:
    whole = Queue(sources(distinct("north", 4))).take(50)
    tried = whole[0]
    judged = [
        Candidate("?", tried.span.text, "", "north", tried.fact, wording, "vague")
        for wording in range(2)
    ]
    left = Queue(sources(distinct("north", 4)), judged).take(50)
    assert tried.fact not in {task.fact for task in left}
    assert len(left) == len(whole) - 1


def test_a_fact_that_failed_gets_one_second_chance_after_the_others() -> None:
    queue = Queue(sources(distinct("north", 4)))
    first = queue.take(1)[0]
    queue.learn([Candidate("?", "", "", "north", first.fact, reason="vague")])
    line = [queue.take(1)[0] for _ in range(4)]
    assert [task.fact == first.fact for task in line].index(True) > 0 or queue.take(50)
    again = next(task for task in [*line, *queue.take(50)] if task.fact == first.fact)
    assert again.wording == 1


def test_a_good_fact_is_asked_again_in_other_words() -> None:
    queue = Queue(sources(distinct("north", 1)))
    task = queue.take(1)[0]
    queue.learn([Candidate("?", task.span.text, "", "north", task.fact)])
    again = queue.take(1)[0]
    assert (again.fact, again.wording) == (task.fact, 1)


def test_fact_ids_name_the_chunk() -> None:
    task = Queue(sources(distinct("north", 1))).take(1)[0]
    assert re.fullmatch(r"north-0@\d+", task.fact)


# Review


@pytest.fixture
def finished(workspace: Workspace) -> Job:
    """A job as the worker leaves it, with four candidates for two facts."""
    job = Job(workspace, "generate-1")
    folder = workspace.folder("jobs", job.id)
    write_json(folder / "spec.json", {"kind": "generate", "created_ns": 1, "spec": {"target": 4}})
    rows = [
        Candidate(f"Question {n} about {fact}?", "14 days", "It takes 14 days.", "travel", fact)
        for n in range(2)
        for fact in ("a", "b")
    ]
    append_jsonl(folder / CANDIDATES, [to_dict(row) for row in rows])
    return job


def test_nothing_is_an_example_before_the_review(workspace: Workspace, finished: Job) -> None:
    assert latest_generation(workspace) == finished
    assert load_examples(workspace) == []


def test_accepted_candidates_become_examples(workspace: Workspace, finished: Job) -> None:
    chosen = read_candidates(finished.folder)[:3]
    assert accept(workspace, finished, chosen) == 3
    assert {e.question for e in load_examples(workspace)} == {c.question for c in chosen}


def test_a_review_is_made_once(workspace: Workspace, finished: Job) -> None:
    accept(workspace, finished, read_candidates(finished.folder))
    assert latest_generation(workspace) is None


def test_accepting_keeps_the_examples_there_are(workspace: Workspace, finished: Job) -> None:
    own = Example("own", "What is it?", "A test")
    save_examples(workspace, [own])
    accept(workspace, finished, read_candidates(finished.folder))
    assert own in load_examples(workspace)


def test_a_review_beside_an_import_loses_no_row(
    workspace: Workspace, finished: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import has read the examples and not yet written them when the review ends."""
    real = importing.preview_import
    review = Thread(target=accept, args=(workspace, finished, read_candidates(finished.folder)))

    def slow(*args: Any) -> importing.ImportReport:
        report = real(*args)
        review.start()
        review.join(0.5)
        return report

    monkeypatch.setattr(importing, "preview_import", slow)
    importing.import_examples(workspace, read_table("a.csv", b"question,answer\nHow old?,nine\n"))
    review.join()
    assert len(load_examples(workspace)) == 5


def test_an_edit_changes_question_and_answer(workspace: Workspace, finished: Job) -> None:
    first = edit(read_candidates(finished.folder)[0], " How long? ", "two weeks")
    accept(workspace, finished, [first])
    example = load_examples(workspace)[0]
    assert (example.question, example.answer) == ("How long?", "two weeks")


def test_an_emptied_question_is_refused(workspace: Workspace, finished: Job) -> None:
    first = edit(read_candidates(finished.folder)[0], " ", "two weeks")
    with pytest.raises(TrainingDataError):
        accept(workspace, finished, [first])


def test_discarding_adds_nothing(workspace: Workspace, finished: Job) -> None:
    discard(finished)
    assert latest_generation(workspace) is None
    assert load_examples(workspace) == []


# The job, with a real model that has learned nothing: it must judge all, keep none, and say so.


@pytest.mark.slow
def test_job_accounts_for_everything_it_wrote(workspace: Workspace, tiny_model: Path) -> None:
    workspace.update(model=ModelChoice("folder", str(tiny_model)))
    folder = workspace.folder("jobs", "generate-1")
    append_jsonl(folder / SOURCES, [{"title": "Travel", "chunk": to_dict(chunk())}])
    write_json(folder / "status.json", {"state": "running"})
    run_generation(JobContext(workspace, folder, {"target": 1}))
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert result["written"] >= 5
    assert (
        sum(result["dropped"].values())
        == result["written"]
        == len(read_candidates(folder, DROPPED))
    )


# Plausibility

HANDBOOK = "Hotels\n\nA hotel may cost up to £115 a night. In Senmouth the limit is £150 a night."


@pytest.mark.parametrize(
    ("question", "answer", "kind", "reason"),
    [
        ("How much may a hotel cost a night?", "£115", "money", None),
        ("What is the maximum price of a hotel?", "£115", "money", None),
        ("How much may a hotel cost in Bangalore?", "£115", "money", "invented"),
        ("What is the limit in Senmouth?", "£115", "money", "off topic"),
        ("How much may a hotel cost in 2019?", "£115", "money", "invented"),
        ("When may a hotel cost a night?", "£115", "money", "wrong kind"),
    ],
)
def test_plausible(question: str, answer: str, kind: str, reason: str | None) -> None:
    evidence = "A hotel may cost up to £115 a night."
    assert implausible(question, answer, kind, evidence, HANDBOOK) == reason


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("How many rings does the kiln have?", "two rings", True),
        ("How many doors does the kiln have?", "two rings", False),
        ("How long is the cable?", "15 m", True),
        ("How long is the kiln?", "two rings", False),
        ("Who has the kiln?", "two rings", False),
    ],
)
def test_quantity_is_asked_for_by_its_unit(question: str, answer: str, right: bool) -> None:
    text = "The kiln has two rings, doors and a cable of 15 m that is long."
    assert (implausible(question, answer, "quantity", text, text) is None) is right


@pytest.mark.parametrize(
    ("question", "answer", "evidence", "reason"),
    [
        ("What is the price of a hotel?", "£115", "A hotel may cost up to £115.", "wrong kind"),
        ("What is the limit of a hotel?", "£115", "A hotel may cost up to £115.", None),
        ("What does the key cost?", "£15", "The deposit for the key is £15.", "wrong kind"),
        ("What is the deposit for the key?", "£15", "The deposit for the key is £15.", None),
        ("What is the price of delivery and returns?", "£95", "A pallet costs £95.", "off topic"),
        ("What is the price of a pallet?", "£95", "A pallet costs £95.", None),
    ],
)
def test_limits_deposits_and_titles_are_not_prices_of_things(
    question: str, answer: str, evidence: str, reason: str | None
) -> None:
    passage = f"Delivery and returns\n\n{evidence}"
    assert implausible(question, answer, "money", evidence, passage) == reason


def test_how_many_degrees_something_is_names_no_measure() -> None:
    text = "The kiln is fired to 1,000 degrees."
    assert implausible("How many degrees is the kiln?", "1,000 degrees", "quantity", text, text)
    asked = "To how many degrees is the kiln fired?"
    assert implausible(asked, "1,000 degrees", "quantity", text, text) is None


def test_two_dates_of_a_month_are_different_answers() -> None:
    assert not same_numbers("18 March 2025", "24 March 2025")
    assert same_numbers("Monday to Friday, 8:30 to 16:30", "8:30 to 16:30")
