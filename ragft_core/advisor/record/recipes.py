"""What to do next with a strategy: a checklist for this workspace, and a configuration to take away.

A step is done when the workspace shows it; nothing is ticked by opinion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ragft_core.advisor.evidence.evaluations import EVALUATION
from ragft_core.advisor.evidence.gather import Evidence
from ragft_core.advisor.record.assignments import Assignment, load_assignments
from ragft_core.arms import BY_ID, STANDARD, STRATEGY_NAMES, AdapterKind, Reads
from ragft_core.finetuning import PRESETS, list_adapters
from ragft_core.models.remote import served_name
from ragft_core.types import Strategy
from ragft_core.values import readable, to_dict
from ragft_core.workspace import Workspace, read_json

# Fewer examples than this rarely show an improvement (OpenAI, Microsoft); fewer test questions
# than that tell only differences of more than ten points apart.
ENOUGH_EXAMPLES = 50
ENOUGH_TESTS = 60
# Where kept records lie in the workspace's folder of the advisor.
RECORDS = "records"


@dataclass(frozen=True)
class Step:
    """One thing to do, who does it and by which day (ISO 8601); empty is not said.

    ``page`` is a page's name: documents, examples, finetune, chat, evaluation, advisor. ``key`` is
    what the owner and the day are kept under; records of before have none.
    """

    text: str
    page: str
    done: bool = False
    key: str = ""
    owner: str = ""
    due: str = ""


@dataclass(frozen=True)
class Recipe:
    """The way to a running strategy, and the settings to start from."""

    strategy: Strategy
    steps: tuple[Step, ...]
    configuration: dict[str, Any]


def make_recipe(workspace: Workspace, strategy: Strategy, evidence: Evidence) -> Recipe:
    """The next steps for a strategy in this workspace.

    Raises:
        RagftError: The workspace cannot be read.
    """
    steps = [
        *_foundation(evidence),
        *_own(workspace, strategy, evidence),
        *_proof(workspace, strategy, evidence),
    ]
    given = load_assignments(workspace)
    planned = (replace(step, **to_dict(given.get(step.key, Assignment()))) for step in steps)
    return Recipe(strategy, tuple(planned), _configuration(workspace, strategy))


def _foundation(evidence: Evidence) -> list[Step]:
    tests = int(evidence.facts.get("test_questions", 0))
    text = f"Have at least {ENOUGH_TESTS} test questions with right answers (now {tests})."
    return [Step(text, "examples", tests >= ENOUGH_TESTS, "tests")]


def _own(workspace: Workspace, strategy: Strategy, evidence: Evidence) -> list[Step]:
    documents = int(evidence.facts.get("documents", 0))
    fits = evidence.facts.get("context_ratio", 0.0) <= 0.5
    read = Step(
        f"Take the documents in (now {documents}).", "documents", documents > 0, "documents"
    )
    arm = STANDARD[strategy]
    if arm.reads is Reads.NOTHING and not arm.is_trained:
        return [
            Step(
                "Write the instruction: role, rules, form of the answer, two examples.",
                "chat",
                key="instruction",
            ),
            Step(
                "Try it on ten questions and read every answer.",
                "chat",
                _asked(evidence, strategy),
                "try",
            ),
        ]
    if arm.reads is Reads.DOCUMENTS:
        text = "Keep the material within half of the context window, the question at the end."
        return [read, Step(text, "documents", documents > 0 and fits, "fit")]
    # What retrieval finds is the same for every arm that searches.
    searching = [other.strategy for other in STANDARD.values() if other.retrieves]
    retrieval = [
        read,
        Step(
            "Search for ten known answers and look where they rank: mend documents before models.",
            "documents",
            any(evidence.measured("retrieval", s) for s in searching),
            "search",
        ),
        Step(
            "Bring the share of questions whose passage is found to 90 % or more.",
            "evaluation",
            any(_at_least(evidence, "retrieval", s, 0.9) for s in searching),
            "retrieval",
        ),
    ]
    return [
        *(retrieval if arm.retrieves else []),
        *(_tuning(workspace, strategy, evidence) if arm.is_trained else []),
    ]


def _tuning(workspace: Workspace, strategy: Strategy, evidence: Evidence) -> list[Step]:
    examples = int(evidence.facts.get("train_examples", 0))
    hybrid = STANDARD[strategy].retrieves
    trained = "start_with" not in _adapter(workspace, hybrid=hybrid)
    how = ", with retrieved passages and distractors in the prompt" if hybrid else ""
    return [
        Step(
            f"Collect at least {ENOUGH_EXAMPLES} good examples (now {examples}); quality first.",
            "examples",
            examples >= ENOUGH_EXAMPLES,
            "examples",
        ),
        Step(f"Fine-tune with the balanced preset{how}.", "finetune", trained, "train"),
        Step(
            "Check general questions for forgetting.",
            "evaluation",
            evidence.measured("general", strategy) is not None,
            "forgetting",
        ),
    ]


def _proof(workspace: Workspace, strategy: Strategy, evidence: Evidence) -> list[Step]:
    name = STRATEGY_NAMES[strategy]
    return [
        Step(
            f"Measure {name} against the prompt alone on the test questions.",
            "evaluation",
            all(evidence.measured("accuracy", s) for s in (strategy, BY_ID["prompt"].strategy)),
            "measure",
        ),
        Step(
            "Keep a decision record, and decide again when the numbers change.",
            "advisor",
            _kept(workspace, evidence),
            "record",
        ),
    ]


def _kept(workspace: Workspace, evidence: Evidence) -> bool:
    """Whether the newest record that can be read rests on the newest evaluation."""
    files = sorted((workspace.path / "advisor" / RECORDS).glob("record-*.json"), reverse=True)
    found = readable(files[:1], lambda file: dict(read_json(file)["provenance"]))
    return bool(found) and found[0].get(EVALUATION) == evidence.provenance.get(EVALUATION)


def _asked(evidence: Evidence, strategy: Strategy) -> bool:
    found = evidence.measured("first_token_s", strategy)
    return found is not None and found.n >= 10


def _at_least(evidence: Evidence, name: str, strategy: Strategy, least: float) -> bool:
    found = evidence.measured(name, strategy)
    return found is not None and found.value >= least


def _configuration(workspace: Workspace, strategy: Strategy) -> dict[str, Any]:
    """Settings to start from, as plain data without paths."""
    settings = workspace.settings()
    made: dict[str, Any] = {
        "strategy": strategy.value,
        "model": to_dict(settings.model),
        "instruction": settings.instruction,
        "max_new_tokens": settings.max_new_tokens,
    }
    made["model"].pop("key_variable", None)
    if settings.model.kind == "folder":
        made["model"]["name"] = settings.model.name.rstrip("/").rsplit("/", 1)[-1]
    if settings.labels:
        made["labels"] = list(settings.labels)
    arm = STANDARD[strategy]
    if arm.retrieves:
        made["retrieval"] = {"mode": settings.search_mode, "passages": settings.top_k}
    if arm.adapter is AdapterKind.READER:
        made["retrieval"]["bundled_reader"] = settings.reader
    if arm.retrieves and arm.adapter is not AdapterKind.NONE:
        made["retrieval"]["selects_among_answers"] = settings.select
    if arm.reads is Reads.DOCUMENTS:
        made["layout"] = "documents first, question last"
    if arm.is_trained:
        made["adapter"] = _adapter(workspace, hybrid=arm.retrieves)
    return made


def _adapter(workspace: Workspace, *, hybrid: bool) -> dict[str, Any]:
    own = [a for a in list_adapters(workspace) if not a.bundled and a.with_context is hybrid]
    settings = workspace.settings()
    wanted = settings.hybrid_adapter if hybrid else settings.adapter
    if settings.model.kind == "endpoint" and served_name(wanted):
        return {"served_as": served_name(wanted), "with_context": hybrid}
    chosen = next((a for a in own if a.id == wanted), own[-1] if own else None)
    if chosen is None:
        return {"start_with": to_dict(PRESETS["balanced"]), "with_context": hybrid}
    return {"id": chosen.id, "name": chosen.name, "base": chosen.base, "run_card": chosen.card}
