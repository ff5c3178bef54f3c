"""Measures the reading adapter on reading-comprehension questions it was not trained on.

    python -m tests.benchmarks.adapters --data ../shared/data/reading/dev.jsonl \
        --model ~/.ragft/models/SmolLM2-135M-Instruct --reader ragft_core/models/adapters/reader

Every prompt is rendered by ``ragft_core.models.prompts.render_messages``, which the RAG arm uses
too, and goes through the product's engine. Answers are decoded greedily and compared as SQuAD
compares them, with one reference each. Every line of the report carries its n and a 95 % interval
(percentile bootstrap over questions). The settings:

    gold              the passage that holds the answer, alone
    gold + 3          with three passages of other documents, in random order
    elsewhere         one passage of another document: the right answer is to abstain
    elsewhere x 3     three passages of other documents: likewise
    same document     another passage of the same document, without the answer's words: likewise
    general           40 questions of general knowledge without passages, adapter on and off

Where a source gives two references for one question about one passage, the report says how well
they agree, which hints at how high a reader can score there.

A generic source (PolicyQA) asks the same few questions of every policy, so that a passage of
another policy may well answer them: for the abstention settings its questions get passages of
other sources only. In "gold + 3" they keep distractors from anywhere, which costs that source
points; the report shows the sources apart.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from ragft_core.finetuning.bundled.reading_data import GENERIC_SOURCES, Reading, load_readings
from ragft_core.finetuning.writing.filters import mentions
from ragft_core.models import Generator, open_generator, weights_digest
from ragft_core.models.prompts import ABSTENTION, render_messages
from ragft_core.overlap import exact_match, token_f1
from ragft_core.settings import Settings
from ragft_core.types import Adapter, Message, ModelChoice, Request, Sampling

GENERAL = Path(__file__).with_name("general_knowledge.jsonl")
Ask = Callable[[Sequence[tuple[Message, ...]], bool], list[str]]
Passages = list[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """A question with the passages it is asked on; ``answer`` is the abstention where none fits."""

    setting: str
    source: str
    question: str
    passages: Passages
    answers: tuple[str, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt, as the RAG arm renders it."""
        return render_messages(self.question, passages=self.passages)


def make_cases(readings: Sequence[Reading], limit: int, seed: int) -> list[Case]:
    """All reading settings for a random sample of ``limit`` questions (0 takes all)."""
    chance = random.Random(seed)
    chosen = list(readings)
    chance.shuffle(chosen)
    cases: list[Case] = []
    for reading in chosen[: limit or None]:
        gold = (reading.document, reading.context)
        others = _distinct(r for r in readings if r.document != reading.document)
        foreign = _distinct(r for r in readings if _holds_nothing(r, reading))
        cases.append(_case("gold", reading, [gold]))
        mixed = [gold, *chance.sample(others, 3)]
        chance.shuffle(mixed)
        cases.append(_case("gold + 3", reading, mixed))
        cases.append(_case("elsewhere", reading, chance.sample(foreign, 1)))
        cases.append(_case("elsewhere x 3", reading, chance.sample(foreign, 3)))
        if reading.source not in GENERIC_SOURCES:
            near = _distinct(r for r in readings if _near_miss(r, reading))
            cases += [_case("same document", reading, [chance.choice(near)])] if near else []
    return cases


def _case(setting: str, reading: Reading, passages: Passages) -> Case:
    held = setting.startswith("gold")
    answer = reading.answer if held else ABSTENTION
    return Case(setting, reading.source, reading.question, passages, (answer,))


def _distinct(readings: Sequence[Reading]) -> Passages:
    return sorted({(reading.document, reading.context) for reading in readings})


def _holds_nothing(other: Reading, asked: Reading) -> bool:
    both_generic = {other.source, asked.source} <= GENERIC_SOURCES
    apart = other.document != asked.document and not both_generic
    return apart and not mentions(other.context, asked.answer)


def _near_miss(other: Reading, asked: Reading) -> bool:
    same = other.document == asked.document and other.context != asked.context
    return same and not mentions(other.context, asked.answer)


def general_cases() -> list[Case]:
    """The questions of general knowledge, asked without passages."""
    rows = [json.loads(line) for line in GENERAL.read_text(encoding="utf-8").splitlines()]
    return [Case("general", "general", r["question"], [], tuple(r["answers"])) for r in rows]


def agreement(readings: Sequence[Reading]) -> list[str]:
    """How well two references for the same question and passage agree, for each source."""
    references: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for reading in readings:
        references[reading.source, reading.context, reading.question].append(reading.answer)
    pairs = [
        (key[0], *pair) for key, given in references.items() for pair in combinations(given, 2)
    ]
    lines = []
    for source in sorted({pair[0] for pair in pairs}):
        same = [(one, other) for name, one, other in pairs if name == source]
        f1 = np.mean([token_f1(one, other) for one, other in same])
        exact = np.mean([exact_match(one, other) for one, other in same])
        lines.append(f"references of {source} agree: F1 {f1:.2f}, EM {exact:.2f}, n={len(same)}")
    return lines


def abstains(answer: str) -> bool:
    """Whether an answer is the abstention, give or take the full stop."""
    return exact_match(answer, ABSTENTION)


def score(case: Case, answer: str) -> dict[str, float]:
    """The measures of one answer; which ones depends on the setting."""
    if case.setting == "general":
        return {"right": float(any(mentions(answer, a) for a in case.answers))}
    if not case.setting.startswith("gold"):
        return {"abstained": float(abstains(answer))}
    return {
        "F1": token_f1(answer, case.answers[0]),
        "EM": float(exact_match(answer, case.answers[0])),
        "wrongly abstained": float(abstains(answer)),
    }


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean."""
    data = np.asarray(values)
    draws = np.random.default_rng(seed).integers(0, len(data), (2000, len(data)))
    low, high = np.percentile(data[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def open_model(model: Path, reader: Path) -> tuple[Generator, Ask]:
    """The product's engine, and a function that answers with the adapter (True) or without."""
    weights = weights_digest(model)

    def find(name: str) -> Adapter:
        return Adapter(id=name, name=name, base=weights, path=str(reader.resolve()), rank=0)

    generator = open_generator(ModelChoice("folder", str(model)), Settings(), find)

    def ask(prompts: Sequence[tuple[Message, ...]], with_adapter: bool) -> list[str]:
        adapter = "reader" if with_adapter else None
        order = sorted(range(len(prompts)), key=lambda i: generator.render(prompts[i]))
        running = {
            i: generator.submit(Request(prompts[i], adapter, Sampling(max_new_tokens=48)))
            for i in order
        }
        return [running[i].result().text.strip() for i in range(len(prompts))]

    return generator, ask


def report(cases: Sequence[Case], answers: Sequence[str], label: str) -> list[str]:
    """One line a setting and measure, then the sources of the gold settings apart."""
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for case, answer in zip(cases, answers, strict=True):
        for measure, value in score(case, answer).items():
            values[case.setting, "all", measure].append(value)
            if case.setting.startswith("gold"):
                values[case.setting, case.source, measure].append(value)
    lines = []
    for (setting, source, measure), numbers in sorted(values.items()):
        low, high = interval(numbers)
        lines.append(
            f"{label:8} {setting:14} {source:9} {measure:18} "
            f"{np.mean(numbers):.3f}  [{low:.3f}, {high:.3f}]  n={len(numbers)}"
        )
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the settings and prints the report; ``--out`` keeps every answer for reading."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="asked; more: for the agreement only"
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--reader", type=Path, default=Path(), help="adapter; none: base only")
    parser.add_argument("--limit", type=int, default=0, help="questions sampled; 0 takes all")
    parser.add_argument(
        "--base-limit", type=int, default=100, help="questions for the bare base; 0 none"
    )
    parser.add_argument("--settings", nargs="*", help="only these settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON lines with every prompt's answer")
    options = parser.parse_args(argv)
    generator, ask = open_model(options.model, options.reader)
    readings = load_readings(options.data[0])
    every = [reading for path in options.data for reading in load_readings(path)]
    print("\n".join(agreement(every)))
    arms = [("base", False, options.base_limit)] if options.base_limit else []
    if options.reader.name:
        arms.append(("reader", True, options.limit))
    for label, with_adapter, limit in arms:
        cases = make_cases(readings, limit, options.seed) + general_cases()
        cases = [c for c in cases if not options.settings or c.setting in options.settings]
        began = time.time()
        answers = ask([case.messages for case in cases], with_adapter)
        print("\n".join(report(cases, answers, label)))
        print(f"{label}: {len(cases)} answers in {time.time() - began:.0f} s", flush=True)
        if options.out:
            _keep(options.out, label, cases, answers)
    generator.close()


def _keep(out: Path, label: str, cases: Sequence[Case], answers: Sequence[str]) -> None:
    with out.open("a", encoding="utf-8") as file:
        for case, answer in zip(cases, answers, strict=True):
            row = {"arm": label, "setting": case.setting, "source": case.source}
            row |= {"question": case.question, "expected": case.answers, "found": answer}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
