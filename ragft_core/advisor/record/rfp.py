"""Common questions about an AI strategy, answered from a record, to be edited and handed in.

Nothing is claimed that the record does not hold: what nobody answered or measured stands as open.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ragft_core.advisor.deciding.words import name
from ragft_core.advisor.record import front
from ragft_core.advisor.record.article import interval_text
from ragft_core.advisor.record.record import DecisionRecord
from ragft_core.arms import STANDARD

FILE = Path(__file__).with_name("rfp.toml")
OPEN = "Open: neither answered nor measured. To be filled in."


@dataclass(frozen=True)
class Claim:
    """A sentence, and the part of the record that it rests on."""

    text: str
    reference: str


@dataclass(frozen=True)
class RfpAnswer:
    """A question with what the record says to it; ``open`` are questions that nobody answered."""

    topic: str
    question: str
    claims: tuple[Claim, ...]
    open: tuple[str, ...] = ()


@cache
def _questions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["questions"]
    return found


def rfp_answers(record: DecisionRecord) -> list[RfpAnswer]:
    """Every question with its answer from the record."""
    return [_answer(record, row) for row in _questions()]


def _answer(record: DecisionRecord, row: dict[str, Any]) -> RfpAnswer:
    claims = [c for part in row.get("parts", ()) for c in PARTS[part](record)]
    for measurement in row.get("measurements", ()):
        claims += _measured(record, measurement)
    arm = STANDARD[record.result.leader] if record.result.leader else None
    if arm is not None and arm.retrieves and "retrieves" in row:
        claims.append(Claim(row["retrieves"], "how the strategy works"))
    if arm is not None and arm.is_trained and "trained" in row:
        claims.append(Claim(row["trained"], "how the strategy works"))
    asked = [line for line in record.lines if line.criterion in row.get("criteria", ())]
    claims += [
        Claim(f"{line.question} {line.label}.", f"answer {line.criterion}")
        for line in asked
        if line.label
    ]
    unanswered = tuple(line.question for line in asked if not line.label)
    return RfpAnswer(row["topic"], row["question"], tuple(claims), unanswered)


def _measured(record: DecisionRecord, measurement: str) -> Iterator[Claim]:
    kind = next((kind for kind in record.kinds if kind.id == measurement), None)
    found = [m for m in record.result.measurements if m.id == measurement and m.strategy]
    if kind is None or not found:
        return
    told = ", ".join(f"{name(m.strategy)} {interval_text(kind, m)}" for m in found if m.strategy)
    sources = ", ".join(dict.fromkeys(m.source for m in found))
    yield Claim(f"{kind.title}: {told}.", sources)


def _headline(record: DecisionRecord) -> Iterator[Claim]:
    yield Claim(record.result.headline.text, f"record {record.id}")


def _confidence(record: DecisionRecord) -> Iterator[Claim]:
    yield Claim(front.confidence_text(record), record.provenance.get("simulation", "simulation"))


def _reasons(record: DecisionRecord) -> Iterator[Claim]:
    for sentence in front.main_reasons(record):
        cited = ", ".join(f"{item.kind} {item.id}" for item in sentence.references)
        yield Claim(sentence.text, cited)


def _documents(record: DecisionRecord) -> Iterator[Claim]:
    held = record.materials.documents
    if held:
        chunks = sum(item.n_chunks for item in held)
        text = f"{len(held)} documents in {chunks:,} chunks, listed with their SHA-256."
        yield Claim(text, "record, documents")


def _model(record: DecisionRecord) -> Iterator[Claim]:
    weights = record.provenance.get("model weights", "")
    told = f", weights {weights[:12]}" if weights else ""
    if record.provenance.get("model"):
        yield Claim(f"The model is {record.provenance['model']}{told}.", "record, provenance")


def _adapters(record: DecisionRecord) -> Iterator[Claim]:
    for item in record.materials.adapters:
        yield Claim(f"Adapter {item.name}, weights {item.digest[:12]}.", f"adapter {item.id}")


def _cost(record: DecisionRecord) -> Iterator[Claim]:
    title = front.money_title(record)
    for row in front.cost_rows(record):
        span = f", 90 % range {row['range']}" if row["range"] else ""
        text = (
            f"{row['strategy']}: {row['once']} once, {row['month']} a month with requests, "
            f"{row['total']} over {record.cost_inputs.months:g} months{span}. {title}."
        )
        if row["leads"]:
            yield Claim(text, f"cost at {front.volume_text(record)}")
    yield Claim(front.origin_text(record), "cost, inputs")
    for text in front.leading_break_evens(record):
        yield Claim(text, "cost, break-evens")


def _evaluation(record: DecisionRecord) -> Iterator[Claim]:
    asked, digest = (record.provenance.get(k) for k in ("questions", "question set (sha256)"))
    if asked:
        told = f", question set {digest[:12]}" if digest else ""
        yield Claim(f"Test questions: {asked}{told}.", record.provenance.get("evaluation id", ""))
    if known := record.provenance.get("known error of the score"):
        yield Claim(known, "record, provenance")


def _exit(record: DecisionRecord) -> Iterator[Claim]:
    text = (
        "Documents, questions, answers, adapters and records lie as files in one folder, in open "
        "formats, and can be taken along as they are."
    )
    yield Claim(text, "how the lab works")


PARTS = {
    "headline": _headline,
    "confidence": _confidence,
    "reasons": _reasons,
    "documents": _documents,
    "model": _model,
    "adapters": _adapters,
    "cost": _cost,
    "evaluation": _evaluation,
    "exit": _exit,
}
