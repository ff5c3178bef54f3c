"""The samples keep their promises: counts, balance, evidence, and splits that do not leak."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from itertools import product

import pytest

from ragft_core.documents import ParsedDocument
from ragft_core.documents.parse import read_document
from ragft_core.models.prompts import ABSTENTION
from ragft_core.samples import build, list_samples, read_sample, sample_documents, sample_examples
from ragft_core.samples.finished import FILE as FINISHED
from ragft_core.types import Example, QuestionKind, Split

NAMES = ["knowledge", "triage"]
FREE_KINDS = {QuestionKind.UNANSWERABLE, QuestionKind.GENERAL, QuestionKind.LABEL}


@cache
def examples(name: str) -> tuple[Example, ...]:
    return tuple(sample_examples(read_sample(name)))


@cache
def parsed(name: str) -> dict[str, ParsedDocument]:
    return {
        path.name: read_document(path, path.name) for path in sample_documents(read_sample(name))
    }


def of(name: str, split: Split, *kinds: QuestionKind) -> list[Example]:
    return [e for e in examples(name) if e.split == split and (not kinds or e.kind in kinds)]


def spaced(text: str) -> str:
    return " ".join(text.split())


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def alike(one: str, other: str) -> float:
    """Jaccard similarity of the two texts' words."""
    a, b = words(one), words(other)
    return len(a & b) / len(a | b)


def test_there_are_two_samples():
    assert [sample.name for sample in list_samples()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_description_is_one_to_three_sentences(name: str):
    assert 60 < len(read_sample(name).description) < 320


@pytest.mark.parametrize("name", NAMES)
def test_examples_file_is_what_its_source_says(name: str):
    source = {"knowledge": build.knowledge_examples, "triage": build.triage_examples}[name]
    assert list(examples(name)) == source()


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique(name: str):
    assert max(Counter(e.id for e in examples(name)).values()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_question_occurs_twice(name: str):
    assert max(Counter(e.question.lower() for e in examples(name)).values()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_test_question_is_a_near_copy_of_a_trained_one(name: str):
    pairs = product(of(name, Split.TEST), of(name, Split.TRAIN))
    worst = max(pairs, key=lambda pair: alike(pair[0].question, pair[1].question))
    assert alike(worst[0].question, worst[1].question) <= 0.6, worst


@pytest.mark.parametrize("name", NAMES)
def test_sample_is_small(name: str):
    files = [f for f in read_sample(name).folder.rglob("*") if f.is_file() and f.name != FINISHED]
    assert sum(file.stat().st_size for file in files) < 500_000


def test_knowledge_has_the_promised_test_questions():
    counts = Counter(e.kind for e in of("knowledge", Split.TEST))
    assert counts == {
        QuestionKind.TRAINED_FACT: 20,
        QuestionKind.DOCUMENT_FACT: 20,
        QuestionKind.UNANSWERABLE: 10,
        QuestionKind.GENERAL: 10,
    }


def test_knowledge_trains_on_about_120_wordings_of_40_to_60_facts():
    trained = of("knowledge", Split.TRAIN, QuestionKind.TRAINED_FACT)
    assert 115 <= len(of("knowledge", Split.TRAIN)) <= 130
    assert 40 <= len({e.fact for e in trained}) <= 60
    assert set(Counter(e.fact for e in trained).values()) == {2, 3}


def test_knowledge_trains_abstention():
    abstaining = of("knowledge", Split.TRAIN, QuestionKind.UNANSWERABLE)
    assert 8 <= len(abstaining) <= 10
    assert {e.answer for e in abstaining} == {ABSTENTION}


def test_tested_facts_are_trained_in_other_words_only():
    trained = {e.fact for e in of("knowledge", Split.TRAIN)}
    assert all(e.fact in trained for e in of("knowledge", Split.TEST, QuestionKind.TRAINED_FACT))


def test_document_facts_are_in_documents_that_no_example_is_about():
    trained = {e.document_id for e in of("knowledge", Split.TRAIN)}
    asked = {e.document_id for e in of("knowledge", Split.TEST, QuestionKind.DOCUMENT_FACT)}
    assert not asked & trained


def test_facts_of_document_questions_are_never_trained():
    trained = {e.fact for e in of("knowledge", Split.TRAIN)}
    asked = {e.fact for e in of("knowledge", Split.TEST, QuestionKind.DOCUMENT_FACT)}
    assert not asked & trained


def test_evidence_stands_word_for_word_in_its_document():
    for example in examples("knowledge"):
        if example.kind not in FREE_KINDS:
            text = spaced(parsed("knowledge")[example.document_id].text)
            assert spaced(example.evidence) in text, (example.id, example.evidence)


def test_evidence_stands_in_one_document_only():
    texts = {name: spaced(document.text) for name, document in parsed("knowledge").items()}
    for example in examples("knowledge"):
        if example.kind not in FREE_KINDS:
            holders = [name for name, text in texts.items() if spaced(example.evidence) in text]
            assert holders == [example.document_id], example.id


def test_every_answer_is_a_span_of_its_evidence():
    for example in examples("knowledge"):
        if example.kind not in FREE_KINDS:
            assert example.answer in example.evidence, example.id


def test_wordings_of_a_fact_share_answer_and_evidence():
    facts = defaultdict(set)
    for example in examples("knowledge"):
        facts[example.fact].add((example.answer, example.evidence, example.document_id))
    assert all(len(values) == 1 for values in facts.values())


def test_answers_are_terse():
    assert max(len(e.answer.split()) for e in examples("knowledge")) <= 7


def test_questions_without_a_document_name_none():
    assert all(not e.document_id for e in examples("knowledge") if e.kind in FREE_KINDS)


def test_answers_to_document_questions_are_not_trained_answers_of_the_same_kind():
    """A model cannot look right on an unseen fact by repeating what it was trained to say."""
    trained = {e.answer for e in of("knowledge", Split.TRAIN)}
    asked = of("knowledge", Split.TEST, QuestionKind.DOCUMENT_FACT)
    assert not [e.id for e in asked if e.answer in trained]


def test_knowledge_documents_come_in_at_least_four_formats():
    assert 10 <= len(parsed("knowledge")) <= 14
    assert {d.format for d in parsed("knowledge").values()} == {
        "csv", "docx", "html", "md", "pdf", "pptx",
    }  # fmt: skip


def test_knowledge_documents_are_a_few_pages_of_prose():
    lengths = {name: len(document.text.split()) for name, document in parsed("knowledge").items()}
    assert all(300 <= length <= 700 for length in lengths.values()), lengths


def test_documents_have_titles_for_people():
    titles = [d.title for name in NAMES for d in parsed(name).values()]
    assert all(len(title) > 5 and "." not in title for title in titles), titles
    assert len(set(titles)) == len(titles)


def test_triage_has_240_messages_to_train_and_80_to_test():
    assert len(of("triage", Split.TRAIN)) == 240
    assert len(of("triage", Split.TEST)) == 80


@pytest.mark.parametrize(("split", "each"), [(Split.TRAIN, 30), (Split.TEST, 10)])
def test_triage_is_balanced(split: Split, each: int):
    counts = Counter(label_of(e) for e in of("triage", split))
    assert counts == dict.fromkeys(read_sample("triage").labels, each)


def test_every_routing_line_has_the_house_format():
    assert all(label_of(e) in read_sample("triage").labels for e in examples("triage"))


@pytest.mark.parametrize(
    "line",
    ["BOOKING", "booking-2 / change date / calm", "SALES-2 / change date / calm",
     "BOOKING-4 / change date / calm", "BOOKING-2 / change date / calm.",
     "Here it is: BOOKING-2 / change date / calm"],
)  # fmt: skip
def test_pattern_refuses_what_is_not_the_house_format(line: str):
    assert not re.search(read_sample("triage").label_pattern, line)


def test_each_reason_belongs_to_one_queue():
    queues = defaultdict(set)
    for example in examples("triage"):
        queues[example.answer.split(" / ")[1]].add(label_of(example))
    assert len(queues) == 32
    assert all(len(found) == 1 for found in queues.values())


def test_every_tested_reason_was_trained():
    trained = Counter(e.answer.split(" / ")[1] for e in of("triage", Split.TRAIN))
    tested = {e.answer.split(" / ")[1] for e in of("triage", Split.TEST)}
    assert all(trained[reason] >= 7 for reason in tested)


def test_the_routing_guide_lists_every_queue_and_reason():
    guide = spaced(parsed("triage")["routing-guide.md"].text)
    answers = [e.answer.split(" / ") for e in examples("triage")]
    assert all(line[0].split("-")[0] in guide and line[1] in guide for line in answers)


def test_the_prompt_only_arm_is_told_labels_and_format():
    sample = read_sample("triage")
    assert all(label in sample.instruction for label in sample.labels)
    assert re.search(sample.label_pattern, sample.instruction.splitlines()[-1].split(": ")[1])


def test_messages_have_realistic_lengths():
    lengths = [len(e.question.split()) for e in examples("triage")]
    assert min(lengths) >= 8
    assert max(lengths) <= 45


def test_messages_do_not_begin_alike():
    starts = Counter(" ".join(e.question.lower().split()[:3]) for e in examples("triage"))
    assert starts.most_common(1)[0][1] <= 4, starts.most_common(5)


def label_of(example: Example) -> str:
    found = re.fullmatch(read_sample("triage").label_pattern, example.answer)
    assert found, example
    return found.group("label")
