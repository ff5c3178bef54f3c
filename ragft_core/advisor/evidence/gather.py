"""What the workspace shows of itself: facts that suggest answers, numbers that replace guesses.

Nothing is loaded and nothing is run; only files that other parts left are read. What was not
measured is simply not there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ragft_core.advisor.deciding.recommendation import Lead, Measurement
from ragft_core.advisor.evidence.evaluations import evaluation_evidence
from ragft_core.arms import ARMS
from ragft_core.errors import ModelError
from ragft_core.evaluation.reports.claims import ClaimCheck
from ragft_core.finetuning import list_adapters, load_examples
from ragft_core.knowledge import documents
from ragft_core.models import ModelFacts, check_folder
from ragft_core.models.remote import served_name
from ragft_core.models.weights import bundled
from ragft_core.strategies import list_conversations
from ragft_core.types import Adapter, Answer, ModelChoice, Split, Strategy
from ragft_core.workspace import Workspace

# Fewer answers than this say too little about time and length to replace a guess.
MIN_ANSWERS = 3

FACT_WORDS = {
    "documents": "documents in the workspace",
    "corpus_tokens": "tokens in all documents",
    "context_tokens": "tokens in the model's context window",
    "context_ratio": "all documents, in context windows",
    "train_examples": "examples to train on",
    "test_questions": "test questions",
    "labels": "labels in the workspace's settings",
    "training_tokens": "tokens trained in the last run",
    "tunable": "the chosen model can be tuned here",
    "billion_parameters": "billion parameters in the base model",
    "prompt_accuracy": "share right with the prompt alone",
}


@dataclass(frozen=True)
class Evidence:
    """Facts by id (see ``FACT_WORDS``), measurements, their origin, who leads whom, the article's claims."""

    facts: dict[str, float] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    leads: tuple[Lead, ...] | None = None
    claims: dict[str, ClaimCheck] = field(default_factory=dict)

    def measured(self, measurement: str, strategy: Strategy) -> Measurement | None:
        """The number that counts for a strategy, or None where it was not measured."""
        found = [m for m in self.measurements if m.id == measurement and m.strategy == strategy]
        return found[-1] if found else None


def gather_evidence(workspace: Workspace) -> Evidence:
    """Reads what there is: documents, examples, model, adapters, chats, the latest evaluation.

    Raises:
        RagftError: A file of the workspace is damaged.
    """
    chosen = workspace.settings()
    model = model_facts(chosen.model)
    adapters = [adapter for adapter in list_adapters(workspace) if not adapter.bundled]
    facts = _facts(workspace, model)
    tuned_there = any(served_name(name) for name in (chosen.adapter, chosen.hybrid_adapter))
    facts["tunable"] = float(chosen.model.kind != "endpoint" or tuned_there)
    if len(chosen.labels) > 1:
        facts["labels"] = float(len(chosen.labels))
    if adapters and isinstance(adapters[-1].card.get("tokens"), (int, float)):
        facts["training_tokens"] = float(adapters[-1].card["tokens"])
    provenance = {
        "workspace": chosen.name,
        "model": chosen.model.name,
        "retrieval": f"{chosen.search_mode}, {chosen.top_k} passages",
        "adapters": ", ".join(adapter.id for adapter in adapters),
    }
    answers = [
        answer
        for conversation in reversed(list_conversations(workspace))  # oldest first
        for turn in conversation.turns
        for answer in turn.answers
    ]
    measurements = answer_measurements(answers, "chat") + training_measurements(adapters)
    evaluated = evaluation_evidence(workspace)
    measurements += evaluated.measurements
    provenance |= evaluated.provenance
    found = Evidence(
        facts, tuple(measurements), {k: v for k, v in provenance.items() if v}, evaluated.leads,
        evaluated.claims,
    )  # fmt: skip
    right = found.measured("accuracy", Strategy.PROMPT)
    if right:
        facts["prompt_accuracy"] = right.value
    return found


def _facts(workspace: Workspace, model: ModelFacts | None) -> dict[str, float]:
    library = documents(workspace)
    examples = load_examples(workspace)
    tokens = sum(document.n_tokens for document in library)
    tests = sum(example.split is Split.TEST for example in examples)
    facts = {
        "documents": float(len(library)),
        "corpus_tokens": float(tokens),
        "train_examples": float(len(examples) - tests),
        "test_questions": float(tests),
    }
    if model is not None:
        facts["context_tokens"] = float(model.context_tokens)
        facts["billion_parameters"] = model.parameters / 1e9
        if tokens:
            facts["context_ratio"] = tokens / model.context_tokens
    return facts


def model_facts(choice: ModelChoice) -> ModelFacts | None:
    """What is known of a local model, the bundled one's also before it is fetched; None of others."""
    if choice.kind == "bundled":
        known = bundled.GENERATOR
        size = (known.parameters, known.context_tokens)
        return ModelFacts(known.name, "LlamaForCausalLM", *size, known.licence, has_template=True)
    if choice.kind == "folder":
        from pathlib import Path

        try:
            return check_folder(Path(choice.name).expanduser())
        except ModelError:
            return None  # the page that uses the model says what is wrong with it
    return None


def answer_measurements(answers: Iterable[Answer], source: str) -> list[Measurement]:
    """Seconds to the first token and tokens read, by strategy, from answers that were given.

    Only answers of the model, and of the adapter, that answered last count: times of another say
    nothing about it.
    """
    good = [answer for answer in answers if not answer.error and answer.prompt_tokens > 0]
    found = []
    for strategy in Strategy:
        mine = [a for a in good if a.arm == strategy and a.weights == good[-1].weights]
        mine = [a for a in mine if a.adapter == mine[-1].adapter]
        if len(mine) < MIN_ANSWERS:
            continue
        for name, values in (
            ("first_token_s", [answer.first_token_s for answer in mine]),
            ("prompt_tokens", [float(answer.prompt_tokens) for answer in mine]),
            ("completion_tokens", [float(answer.completion_tokens) for answer in mine]),
            ("total_s", [answer.total_s for answer in mine]),
        ):
            found.append(mean_measurement(name, values, source, strategy))
    return found


def mean_measurement(
    name: str, values: Sequence[float], source: str, strategy: Strategy
) -> Measurement:
    """A mean of two values or more with its 95 % interval by Student's t."""
    from scipy import special

    n = len(values)
    mean = float(np.mean(values))
    half = float(special.stdtrit(n - 1, 0.975) * np.std(values, ddof=1)) / math.sqrt(n)
    return Measurement(name, mean, max(mean - half, 0.0), mean + half, n, source, strategy)


def training_measurements(adapters: Iterable[Adapter]) -> list[Measurement]:
    """Minutes that training took, from the run cards of the newest adapter of each arm."""
    found: dict[Strategy, Measurement] = {}
    for adapter in adapters:
        seconds = adapter.card.get("seconds")
        if not isinstance(seconds, (int, float)) or seconds <= 0:
            continue
        strategy = next(
            a.strategy for a in ARMS if a.is_trained and a.retrieves == adapter.with_context
        )
        minutes = float(seconds) / 60
        found[strategy] = Measurement(
            "training_minutes", minutes, minutes, minutes, 1, f"run card of {adapter.id}", strategy
        )
    return list(found.values())
