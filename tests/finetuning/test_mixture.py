"""What is mixed in beside the user's rows: made-up questions, general ones, and their shares."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from pathlib import Path

import pytest
import torch

from ragft_core.errors import RagftError
from ragft_core.finetuning import PRESETS, RunConfig, with_passages
from ragft_core.finetuning.config import Origin, with_settings
from ragft_core.finetuning.rows.batches import Batches, thinned
from ragft_core.finetuning.rows.general import general_questions
from ragft_core.finetuning.rows.rows import TrainingRow
from ragft_core.finetuning.rows.unanswerable import names_in, unanswerable_questions
from ragft_core.finetuning.training.base_model import copy_adapter, load_tokenizer, with_adapter
from ragft_core.finetuning.training.runs import mixed_rows
from ragft_core.models.prompts import ABSTENTION
from ragft_core.models.weights.loading import load_base
from ragft_core.types import Example, QuestionKind, Split
from tests.finetuning.conftest import colour_examples

TEXT = (
    "The kiln was delivered by Brannock & Sons. It is fired at Quenby Yard on Tuesdays.\n\n"
    "The designer of Quenby Yard was Ada Thorne. In winter the yard is closed."
)
FACTS = [Example(f"f{n}", f"How heavy is the crate of size {n}?", f"{n} kg") for n in range(40)]


def test_names_are_found_and_first_words_and_days_are_none() -> None:
    lines = ["The kiln was delivered by Brannock & Sons.", "On Tuesday the yard is closed."]
    assert names_in(lines) == ["Brannock & Sons"]


def test_made_up_questions_ask_what_no_line_tells() -> None:
    made = unanswerable_questions(FACTS, [TEXT], 100)
    questions = [example.question for example in made]
    assert len(questions) == len(set(questions)) > 30
    assert {example.answer for example in made} == {ABSTENTION}
    assert {example.kind for example in made} == {QuestionKind.UNANSWERABLE}
    assert "Who designed Brannock & Sons?" in questions
    assert "Who designed Quenby Yard?" not in questions, "the text tells who"
    assert "How much does the crate weigh?" not in questions, "the examples tell it"
    assert made == unanswerable_questions(FACTS, [TEXT], 100), "the same every time"


def test_watched_general_questions_are_not_trained() -> None:
    trained, watched = general_questions(1000)
    assert len(watched) == 24
    assert not {e.id for e in trained} & {e.id for e in watched}
    benchmark = Path(__file__).parents[1] / "benchmarks/general_knowledge.jsonl"
    asked = benchmark.read_text(encoding="utf-8")
    assert not [e.question for e in [*trained, *watched] if f'"{e.question}"' in asked]


def test_an_epoch_has_every_row_once_and_the_shares_in_turn(tiny_model: Path) -> None:
    config = RunConfig(unanswerable=0.5, general=0.25)
    rows = mixed_rows(FACTS, config, [TEXT])
    own = [dataclasses.replace(rows[0], example=e, origin=Origin.OWN) for e in FACTS]
    batches = Batches(load_tokenizer(tiny_model), [*own, *rows], "Answer.", config, 1000)
    seen: Counter[str] = Counter()
    for epoch in range(2):
        found = batches._rows_of(epoch)
        assert Counter(row.origin for row in found) == {
            Origin.OWN: 40, Origin.UNANSWERABLE: 20, Origin.GENERAL: 10
        }  # fmt: skip
        seen.update(row.example.id for row in found)
    assert {n for name, n in seen.items() if name.startswith("f")} == {2}
    assert {n for name, n in seen.items() if not name.startswith("f")} == {1}
    assert batches.general, "general questions are watched"


def test_questions_lose_words_but_no_numbers_and_nothing_that_the_answer_says(
    tiny_model: Path,
) -> None:
    example = Example("f", "How heavy is the crate of size 7 in Bree?", "It is 12 kg in Bree")
    row = TrainingRow(example)
    assert thinned(row, 0.0, random.Random(0)) is row
    seen = {thinned(row, 0.4, random.Random(n)).example.question for n in range(50)}
    assert len(seen) > 20
    assert all({"is", "7", "in", "Bree?"} <= set(question.split()) for question in seen)
    bare = TrainingRow(Example("g", "Why?", "Because"))
    assert thinned(bare, 0.5, random.Random(1)).example.question == "Why?", "never empty"
    # What is trained differs from epoch to epoch, what is watched does not, and nor do made-up rows.
    config = RunConfig(word_dropout=0.4)
    rows = [*(TrainingRow(e) for e in FACTS), TrainingRow(FACTS[0], Split.VALIDATION)]
    rows.append(
        TrainingRow(Example("m", "Who owns the yard?", ABSTENTION), origin=Origin.UNANSWERABLE)
    )
    packs = Batches(load_tokenizer(tiny_model), rows, "Answer.", config, 1000)
    again = Batches(load_tokenizer(tiny_model), rows, "Answer.", config, 1000)
    first, second = ([p.n_tokens for batch in packs._batches_of(n) for p in batch] for n in (0, 1))
    assert first != second
    assert first == [p.n_tokens for batch in again._batches_of(0) for p in batch], (
        "the same each run"
    )
    whole = Batches(load_tokenizer(tiny_model), rows, "Answer.", RunConfig(word_dropout=0), 1000)
    assert [p.n_tokens for p in packs.validation] == [p.n_tokens for p in whole.validation]
    labels = [TrainingRow(e) for e in colour_examples()]
    kept, lost = (
        Batches(load_tokenizer(tiny_model), labels, "Answer.", RunConfig(word_dropout=share), 1000)
        for share in (0.0, 0.4)
    )
    assert kept.tokens_per_row == lost.tokens_per_row, "labels keep their words"


def test_labels_and_arms_that_read_get_what_fits_them() -> None:
    config = PRESETS["quick"]
    assert mixed_rows(colour_examples(), config, [TEXT]) == []

    def passages(example: Example) -> list[tuple[str, str]]:
        return [("Yard", TEXT)]

    reading = mixed_rows(FACTS, config, [TEXT], passages)
    assert {row.origin for row in reading} == {Origin.UNANSWERABLE}
    assert all(row.passages and row.gold is None for row in reading)
    declining = [
        dataclasses.replace(e, answer=ABSTENTION, kind=QuestionKind.UNANSWERABLE) for e in FACTS
    ]
    mixed = mixed_rows(declining, dataclasses.replace(config, general=0), [TEXT])
    assert {row.split for row in mixed} == {Split.VALIDATION}, "the user's own rows decline enough"
    assert all(row.split in (Split.TRAIN, Split.VALIDATION) for row in reading)


def test_an_arm_that_reads_has_rewordings_only_where_they_are_asked_for() -> None:
    quick = PRESETS["quick"]
    assert quick.rewordings > 0
    assert with_passages(quick).rewordings == 0
    assert with_passages(dataclasses.replace(quick, rewordings=2)).rewordings == 2


@pytest.mark.parametrize(("rank", "alpha"), [(4, 8), (8, 4)])
def test_a_copied_adapter_computes_the_same(
    tiny_model: Path, tmp_path: Path, rank: int, alpha: int
) -> None:
    first, _ = load_base(tiny_model)
    small = with_adapter(first, RunConfig(rank=4, alpha=8))
    with torch.no_grad():
        for parameter in small.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    small.save_pretrained(str(tmp_path))  # type: ignore[operator]
    second, _ = load_base(tiny_model)
    larger = with_adapter(second, RunConfig(rank=rank, alpha=alpha, seed=1))
    assert copy_adapter(larger, tmp_path)
    ids = torch.arange(1, 20)[None]
    with torch.no_grad():
        one, two = small(input_ids=ids).logits, larger(input_ids=ids).logits
    assert (one - two).abs().max() < 1e-4
    third, _ = load_base(tiny_model)
    assert not copy_adapter(with_adapter(third, RunConfig(rank=2)), tmp_path)


def test_settings_are_written_as_name_and_value() -> None:
    changed = with_settings(PRESETS["quick"], ["learning_rate=5e-4", "name=Mine", "refit=false"])
    assert (changed.learning_rate, changed.name, changed.refit) == (5e-4, "Mine", False)
    for wrong in ("speed=9", "rank=0", "rank=many"):
        with pytest.raises(RagftError, match=wrong.split("=")[0]):
            with_settings(PRESETS["quick"], [wrong])
