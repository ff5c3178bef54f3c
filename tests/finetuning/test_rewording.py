"""A user's questions in other words: which are asked for, and which are kept."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from ragft_core.finetuning.adapters import get_adapter
from ragft_core.finetuning.config import Origin
from ragft_core.finetuning.rows.rows import TrainingRow
from ragft_core.finetuning.writing.job import adapters_for
from ragft_core.finetuning.writing.reworded import REWORDED, rewordings_of
from ragft_core.finetuning.writing.rewording import Sources, facts_of, reword
from ragft_core.finetuning.writing.roundtrip import Adapters, StoppedError
from ragft_core.models import open_generator
from ragft_core.models.prompts import ABSTENTION, WRITER_INSTRUCTION
from ragft_core.overlap import exact_match
from ragft_core.settings import Settings
from ragft_core.types import Example, QuestionKind, Request
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace
from tests.fakes import DoneGeneration, ScriptedGenerator

TEXT = (
    "# Quenby Kiln\n\nThe kiln at Quenby Yard holds 90 litres.\n\n"
    "The old kiln was sold. It held 60 litres and was fired with wood, twice a year, by Ada Thorne."
)
EXAMPLE = Example("a", "How much does the kiln hold?", "90 litres", document_id="kiln.md")


def right(example: Example, text: str) -> bool:
    return bool(exact_match(text, example.answer))


def reworded(*said: str, read: str = "90 litres", **more: list[str]) -> list[str]:
    """The wordings kept when the writer says these in turn, and the reader always the same."""
    written = iter([*said, *[said[-1]] * 20])

    def say(request: Request) -> str:
        return next(written) if request.messages[0].content == WRITER_INSTRUCTION else read

    facts = facts_of([EXAMPLE], Sources([TEXT]).of)
    found = reword(ScriptedGenerator(say), Adapters(), facts, 2, right, **more)
    return [example.question for _, example in found]


def test_a_source_is_the_paragraph_that_tells_the_answer_under_the_title() -> None:
    assert Sources([TEXT]).of(EXAMPLE).splitlines()[0] == "Quenby Kiln"
    assert "holds 90 litres" in Sources([TEXT]).of(EXAMPLE)
    old = Example("b", "How much did the old kiln hold?", "60 litres")
    assert "sold" in Sources([TEXT]).of(old)
    assert Sources([]).of(old) == f"{old.question}\n{old.question} 60 litres"


def test_of_several_places_with_the_answer_the_one_that_is_asked_about_is_taken() -> None:
    text = "The shed has 4 doors.\n\nThe kiln was bought used and has 4 doors, all of them green."
    assert "green" in Sources([text]).of(Example("c", "How many doors has the kiln?", "4 doors"))


def test_wordings_that_the_reader_answers_rightly_are_kept() -> None:
    said = ("What is the volume of the kiln at Quenby Yard?", "What is held by the kiln in litres?")
    assert reworded(*said) == list(said)
    assert reworded(*said, read="60 litres") == []
    assert reworded(*said, read=ABSTENTION) == []


@pytest.mark.parametrize(
    "said",
    [
        "How much does the kiln hold?",  # the user's own
        "Does it hold 90 litres?",  # gives the answer away
        "The kiln holds much.",
        "What is it?",
    ],
)
def test_what_is_no_new_question_is_dropped(said: str) -> None:
    assert reworded(said) == []


def test_a_question_that_is_kept_for_testing_is_not_written_again() -> None:
    asked = "What is the volume of the kiln at Quenby Yard?"
    assert reworded(asked) == [asked]
    assert reworded(asked, known=[asked.lower()]) == []


def test_a_stop_in_the_middle_ends_the_writing() -> None:
    class Late(ScriptedGenerator):
        def submit(self, request: Request, *, priority: int = 0) -> DoneGeneration:
            generation = super().submit(request, priority=priority)
            generation.late = True
            return generation

    facts = facts_of([EXAMPLE], Sources([TEXT]).of)
    with pytest.raises(StoppedError):
        reword(Late(), Adapters(), facts, 2, right, stopping=lambda: True)


def test_damaged_lines_of_a_run_are_left_out(tmp_path: Path) -> None:
    assert rewordings_of(tmp_path) == []
    row = to_dict(TrainingRow(EXAMPLE, origin=Origin.REWORDED))
    lines = [json.dumps(row), "{", '{"example": 5}']
    (tmp_path / REWORDED).write_text("\n".join(lines), encoding="utf-8")
    assert rewordings_of(tmp_path) == [EXAMPLE]


@pytest.mark.parametrize(
    "example",
    [
        Example("l", "Which queue is this for?", "billing", kind=QuestionKind.LABEL),
        Example("u", "Who is the mayor?", ABSTENTION, kind=QuestionKind.UNANSWERABLE),
        Example("g", "Wie viel fasst der Ofen?", "90 Liter"),
    ],
)
def test_labels_unanswerable_and_foreign_questions_are_left_as_they_are(example: Example) -> None:
    generator = ScriptedGenerator()
    assert reword(generator, Adapters(), facts_of([example], Sources([]).of), 2, right) == []
    assert generator.requests == []


@pytest.mark.slow
def test_the_bundled_writer_finds_other_words(workspace: Workspace, generator_folder: Path) -> None:
    model = workspace.settings().model
    generator = open_generator(model, Settings(), partial(get_adapter, workspace))
    facts = facts_of([EXAMPLE], Sources([TEXT]).of)
    found = reword(generator, adapters_for(workspace, generator), facts, 3, right)
    generator.close()
    assert found
    assert all(example.answer == "90 litres" for _, example in found)
    assert EXAMPLE.question not in {example.question for _, example in found}
