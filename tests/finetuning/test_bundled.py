"""The bundled adapters' trainer: its command line, and the seeds that decide its numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ragft_core.finetuning.bundled.company_data import company_packs
from ragft_core.finetuning.bundled.reading_data import Reading, reader_packs
from ragft_core.finetuning.bundled.train import (
    LONGEST,
    gather,
    hold_out,
    make_packs,
    parse,
    store,
    train,
)
from ragft_core.finetuning.bundled.turns import Turn
from ragft_core.finetuning.config import ALL_LINEAR, RunConfig
from ragft_core.finetuning.training.base_model import load_tokenizer, with_adapter
from ragft_core.models.prompts import ABSTENTION
from ragft_core.models.weights.loading import load_base


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    rows = [
        {
            "source": "made",
            "doc": f"City {i}",
            "context": f"the price of city {i} is {i} days in red and blue",
            "question": f"which price has city {i}",
            "answer": f"{i} days",
        }
        for i in range(24)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def arguments(readings: Path, model: Path, out: Path, steps: int):  # noqa: ANN202
    base = ["reader", "--data", str(readings), "--model", str(model), "--out", str(out)]
    return parse([*base, "--steps", str(steps), "--rank", "4"])


def test_it_leaves_an_adapter_in_half_precision(
    readings: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "reader"
    train(arguments(readings, tiny_model, out, 3))
    tensors = load_file(out / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3
    assert not (out / "checkpoints").exists()


def test_data_come_from_several_files_in_both_formats(readings: Path, tmp_path: Path) -> None:
    paragraph = {
        "context": "The Wren weighs 78 kg.",
        "qas": [{"question": "How heavy is it?", "answers": [{"text": "78 k"}, {"text": "kg"}]}],
    }
    data = {"data": [{"title": "Tabletop_kilns", "paragraphs": [paragraph]}]}
    squad = tmp_path / "kilns.json"
    squad.write_text(json.dumps(data))
    found = gather([readings, squad], without=["made"])
    (only,) = found
    assert (only.source, only.document, only.answer) == ("kilns", "Tabletop kilns", "78 kg")
    assert len(gather([readings, squad], without=[])) == 25


def test_documents_held_out_are_not_trained_on(readings: Path) -> None:
    train_on, held = hold_out(gather([readings], []), 0.25)
    assert (len(train_on), len(held)) == (18, 6)
    assert not {r.document for r in held} & {r.document for r in train_on}


def test_the_loss_on_what_is_held_out_is_told(
    readings: Path, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = arguments(readings, tiny_model, tmp_path / "reader", 1)
    options.held_out = 0.25
    train(options)
    assert "held out: 6 questions" in capsys.readouterr().out


def test_data_of_one_generic_source_have_no_unanswerable_questions() -> None:
    """Its questions might be answered by any of its passages; there is nothing to draw from."""
    readings = [
        Reading("policyqa", f"site {i}", f"site {i} keeps data {i} days", "How long?", f"{i} days")
        for i in range(6)
    ]
    turns = [turn for pack in reader_packs(readings, 0) for turn in pack]
    assert len(turns) == 6
    assert ABSTENTION not in {turn.answer for turn in turns}


def test_no_pack_exceeds_its_capacity(tiny_model: Path) -> None:
    readings = [
        Reading("made", f"City {i}", f"the price of city {i} " * 60, f"price of city {i}", "red")
        for i in range(40)
    ]
    packs = make_packs("reader", readings, load_tokenizer(tiny_model), 0)
    assert packs
    assert max(pack.n_tokens for pack in packs) <= LONGEST


def test_an_adapter_starts_from_the_same_numbers_as_the_shipped_ones(tiny_model: Path) -> None:
    """Seeded, then loaded, then wrapped: how the shipped adapters were made."""
    torch.manual_seed(3)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=list(ALL_LINEAR), task_type="CAUSAL_LM")
    shipped = dict(get_peft_model(base, config).named_parameters())
    ours = with_adapter(load_base(tiny_model)[0], RunConfig(rank=4, alpha=8, seed=3))
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter, shipped[name]), name


def asked(turn: Turn) -> str:
    return turn.messages[-1].content.rsplit("Question: ", 1)[1]


def passages_of(turn: Turn) -> str:
    return turn.messages[-1].content.rsplit("\n\nQuestion: ", 1)[0]


def test_invented_papers_hold_every_answer_and_none_of_what_is_declined() -> None:
    packs = list(company_packs(120, seed=1))
    kinds = {"declined": 0, "two parts": 0, "one": 0}
    for turn in (turn for turns in packs for turn in turns):
        text = passages_of(turn).lower()
        if turn.answer == ABSTENTION:
            kinds["declined"] += 1
            continue
        kinds["two parts" if "; " in turn.answer else "one"] += 1
        for part in turn.answer.split("; "):
            said = part.removeprefix("No, ").removeprefix("Yes, ").lower()
            assert said.rstrip(".") in text or part.startswith(("Yes", "No")), turn
    assert min(kinds.values()) > 50


def test_what_is_declined_is_stated_of_nothing_with_that_name() -> None:
    for turns in company_packs(60, seed=2):
        answered = {asked(turn) for turn in turns if turn.answer != ABSTENTION}
        declined = {asked(turn) for turn in turns if turn.answer == ABSTENTION}
        assert not answered & declined


def test_invented_papers_are_the_same_for_the_same_seed() -> None:
    assert list(company_packs(5, 3)) == list(company_packs(5, 3)) != list(company_packs(5, 4))


def test_an_answer_that_was_taken_out_of_its_passage_is_declined() -> None:
    text = "The wing was built in 1910. It cost 900 pounds. Miss Orr drew the plans."
    rows = [
        Reading(
            "x",
            f"doc {n}",
            text.replace("1910", f"19{n:02}"),
            "When was the wing built?",
            f"19{n:02}",
        )
        for n in range(80)
    ]
    turns = [turn for turns in reader_packs(rows, 0) for turn in turns]
    own = [t for t in turns if t.answer == ABSTENTION and "built in" not in passages_of(t)]
    assert own
    assert all("cost 900 pounds" in passages_of(turn) for turn in own)
    assert all(t.answer in passages_of(t) for t in turns if t.answer != ABSTENTION)


def test_two_questions_about_a_passage_are_asked_in_one() -> None:
    rows = [
        Reading("x", f"doc {n}", f"It opened in 18{n}. It cost {n} pounds.", *pair)
        for n in range(10, 60)
        for pair in (("When did it open?", f"18{n}"), ("What did it cost?", f"{n} pounds"))
    ]
    turns = [turn for turns in reader_packs(rows, 0) for turn in turns]
    both = [turn for turn in turns if "; " in turn.answer]
    assert both
    assert {asked(turn) for turn in both} <= {
        "When did it open, and what did it cost?",
        "What did it cost, and when did it open?",
    }


def test_a_training_goes_on_from_an_adapter(
    readings: Path, tiny_model: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(arguments(readings, tiny_model, first, steps=1))
    options = arguments(readings, tiny_model, second, steps=1)
    options.start_from, options.learning_rate = first, 1e-12
    train(options)
    before, after = (load_file(at / "adapter_model.safetensors") for at in (first, second))
    assert all((before[name] == after[name]).all() for name in before)


def test_what_is_kept_lies_on_the_way_from_the_adapter_before(tmp_path: Path) -> None:
    before, weights = tmp_path / "before", tmp_path / "adapter_model.safetensors"
    before.mkdir()
    save_file({"a": torch.zeros(3)}, before / weights.name)
    save_file({"a": torch.ones(3)}, weights)
    store(weights, before, 0.25)
    kept = load_file(weights)["a"]
    assert (kept.dtype, kept.tolist()) == (torch.float16, [0.25] * 3)
