"""What an evaluation is to do, and where everything about it lies.

evaluations/<id>/
    plan.json         the plan: arms, question set, what else to measure
    questions.jsonl   the questions as they were asked
    answers.jsonl     every answer with its provenance, as it came
    latency.jsonl     times measured apart, one arm at a time
    similarity.jsonl  cosines to the gold answers
    judgements.jsonl  what a judge said, where one was asked
    looks.json        where a run may end early: after how many questions it was looked at
    report.json       the tables; written last
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ragft_core.arms import Arm
from ragft_core.errors import EvaluationError
from ragft_core.evaluation.labels import NO_LABELS, Labelling
from ragft_core.evaluation.questions.question_sets import Question, QuestionSet
from ragft_core.evaluation.statistics.looks import look_sizes
from ragft_core.files import REMEDY
from ragft_core.knowledge import Version
from ragft_core.storage import artefacts
from ragft_core.types import ModelChoice, Sampling
from ragft_core.values import from_dict, readable, to_dict
from ragft_core.workspace import (
    Workspace,
    new_id,
    now,
    read_json,
    read_values,
    write_json,
    write_jsonl,
)

FOLDER = "evaluations"
PLAN_FILE = "plan.json"
QUESTIONS_FILE = "questions.jsonl"
ANSWERS_FILE = "answers.jsonl"
LATENCY_FILE = "latency.jsonl"
SIMILARITY_FILE = "similarity.jsonl"
JUDGEMENT_FILE = "judgements.jsonl"
CLASSIFIER_FILE = "classifier.json"
LOOKS_FILE = "looks.json"
REPORT_FILE = "report.json"
# How answers are drawn where they must differ: A/A checks and diversity.
TEMPERATURE = 0.7
TOP_P = 0.95
_ID = re.compile(r"eval-[0-9a-f-]+")


@dataclass(frozen=True)
class Entrant:
    """An arm in a run, as it was then: decoded greedily, or drawn with a seed for an A/A check."""

    arm: Arm
    seed: int | None = None

    @property
    def name(self) -> str:
        """The arm's id, and the seed where there is one: ``rag``, ``rag@1``."""
        return self.arm.id if self.seed is None else f"{self.arm.id}@{self.seed}"

    @property
    def in_text(self) -> str:
        """What people call it inside a sentence."""
        return self.arm.in_text + (f", seed {self.seed}" if self.seed is not None else "")

    def sampling(self, max_new_tokens: int, draw: int = 0) -> Sampling:
        """How the entrant decodes; ``draw`` above 0 is one of several samples per question."""
        if self.seed is None and not draw:
            return Sampling(max_new_tokens=max_new_tokens)
        return Sampling(max_new_tokens, TEMPERATURE, TOP_P, seed=(self.seed or 0) + 1000 * draw)


@dataclass(frozen=True)
class Plan:
    """What to ask of whom.

    ``latency_questions`` are asked again one arm at a time; ``diversity_questions`` are asked
    ``diversity_samples`` times with other seeds. ``judge`` is an endpoint that is asked for its
    opinion of every answer; ``caveat`` comes with the questions. ``version`` is the named version
    whose documents are read by arms that name none of their own, None for those that are there when
    it runs. With ``stop_early`` the run is looked at between batches, and ends where the winner is
    clear.
    """

    id: str
    name: str
    created_at: str
    entrants: tuple[Entrant, ...]
    labelling: Labelling = NO_LABELS
    latency_questions: int = 5
    diversity_questions: int = 0
    diversity_samples: int = 4
    similarity: bool = True
    judge: ModelChoice | None = None
    caveat: str = ""
    stop_early: bool = False
    version: Version | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """The entrants' names, in their order."""
        return tuple(entrant.name for entrant in self.entrants)

    @property
    def names(self) -> dict[str, str]:
        """What people call each entrant inside a sentence, by its name."""
        return {entrant.name: entrant.in_text for entrant in self.entrants}

    @property
    def on_versions(self) -> dict[str, str]:
        """The named versions of the entrants that read one of their own, by the entrant's name."""
        named = {entrant.name: entrant.arm.settings.version for entrant in self.entrants}
        return {entrant: version for entrant, version in named.items() if version}

    def batches(self, questions: QuestionSet) -> list[QuestionSet]:
        """What is asked before each look, every one the beginning of the next; the last is all."""
        sizes = look_sizes(len(questions.deciding)) if self.stop_early else ()
        return [questions.beginning(size) for size in sizes[:-1]] + [questions]

    def arm(self, name: str) -> Arm:
        """The arm of an entrant, by the entrant's name."""
        return next(entrant.arm for entrant in self.entrants if entrant.name == name)

    @property
    def is_self_check(self) -> bool:
        """Whether this compares an arm with itself (A/A)."""
        return len({entrant.arm.id for entrant in self.entrants}) < len(self.entrants)


@dataclass(frozen=True)
class Looks:
    """After how many deciding questions a run was looked at, and whether the last one ended it."""

    after: tuple[int, ...] = ()
    ended: bool = False

    def asked(self, questions: QuestionSet) -> QuestionSet:
        """What is asked in the end: all, or what there was at the look that ended the run."""
        return questions.beginning(self.after[-1]) if self.ended else questions


def make_plan(
    questions: QuestionSet,
    arms: Sequence[Arm],
    *,
    latency_questions: int = 5,
    diversity_questions: int = 0,
    similarity: bool = True,
    judge: ModelChoice | None = None,
    stop_early: bool = False,
    version: Version | None = None,
) -> Plan:
    """A new plan that compares arms.

    Raises:
        EvaluationError: No arm is chosen, or the judge is no endpoint.
    """
    if not arms:
        raise EvaluationError("No arm is chosen.", "Choose two or more to compare.")
    if judge is not None and not (judge.kind == "endpoint" and judge.url and judge.name):
        raise EvaluationError(
            "The judge needs an address and a model name.", "Fill both in, or do without a judge."
        )
    return Plan(
        new_id("eval"),
        questions.name,
        now(),
        tuple(Entrant(arm) for arm in dict.fromkeys(arms)),
        questions.labelling,
        latency_questions,
        diversity_questions,
        similarity=similarity,
        judge=judge,
        caveat=questions.caveat,
        stop_early=stop_early,
        version=version,
    )


def make_self_check(questions: QuestionSet, arm: Arm, version: Version | None = None) -> Plan:
    """A plan that compares an arm with itself under another seed: there must be no winner."""
    entrants = (Entrant(arm, 1), Entrant(arm, 2))
    name = f"A/A check: {questions.name}"
    return Plan(
        new_id("eval"), name, now(), entrants, questions.labelling, 0, similarity=False,
        caveat=questions.caveat, version=version,
    )  # fmt: skip


def save_plan(workspace: Workspace, plan: Plan, questions: QuestionSet) -> Path:
    """Writes the plan and its questions into a new folder, and returns it."""
    folder = workspace.folder(FOLDER, plan.id)
    write_jsonl(folder / QUESTIONS_FILE, [to_dict(question) for question in questions.questions])
    write_json(folder / PLAN_FILE, to_dict(plan))
    return folder


def load_plan(workspace: Workspace, evaluation_id: str) -> tuple[Plan, QuestionSet]:
    """Reads a plan with its questions.

    Raises:
        EvaluationError: There is no such evaluation, or its files are damaged.
    """
    folder = folder_of(workspace, evaluation_id)
    if not (folder / PLAN_FILE).exists():
        artefacts.bring(workspace, f"evaluations/{evaluation_id}")
    try:
        data = read_json(folder / PLAN_FILE)
        plan = from_dict(Plan, data, PLAN_FILE)
        questions = tuple(read_values(folder / QUESTIONS_FILE, Question))
    except FileNotFoundError:
        raise EvaluationError(
            f"There is no evaluation {evaluation_id!r} in this workspace.", "See the list of runs."
        ) from None
    except (TypeError, ValueError) as error:
        why = getattr(error, "message", error)
        raise EvaluationError(
            f"The evaluation {evaluation_id!r} is damaged: {why}", REMEDY
        ) from None
    return plan, QuestionSet(plan.name, questions, plan.labelling, plan.caveat)


def load_looks(folder: Path) -> Looks:
    """The looks that were taken at a run; none where it has no such file."""
    file = folder / LOOKS_FILE
    return from_dict(Looks, read_json(file), file.name) if file.exists() else Looks()


def list_plans(workspace: Workspace) -> list[Plan]:
    """All evaluations of a workspace, newest first."""
    files = sorted(workspace.path.glob(f"{FOLDER}/eval-*/{PLAN_FILE}"), reverse=True)
    return readable(files, lambda file: load_plan(workspace, file.parent.name)[0])


def folder_of(workspace: Workspace, evaluation_id: str) -> Path:
    """The folder of an evaluation, which need not exist.

    Raises:
        EvaluationError: The id is not of the form that ids have; it may come from a URL.
    """
    if not _ID.fullmatch(evaluation_id):
        raise EvaluationError(
            f"{evaluation_id[:60]!r} is not the id of an evaluation.", "See the list of runs."
        )
    return workspace.path / FOLDER / evaluation_id
