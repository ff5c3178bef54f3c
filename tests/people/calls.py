"""Every call of the core on what belongs to one workspace, found by introspection.

A call is a function that a door offers, or a method or property of a handle, with arguments that
really exist in the workspace. A function without an example for one of its parameters ends the test
and says which, so that nothing new goes unasked.
"""

from __future__ import annotations

import importlib
import inspect
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from ragft_core import advisor
from ragft_core.access import rights
from ragft_core.advisor.cost import Scenario, fill_costs, price_presets
from ragft_core.advisor.criteria import Answers
from ragft_core.arms import BY_ID
from ragft_core.evaluation import list_plans, load_results
from ragft_core.evaluation.retrieval import Asked, Comparison, Tuning, Way
from ragft_core.finetuning import RunConfig, load_examples, read_table
from ragft_core.finetuning.training import SeedSpread
from ragft_core.finetuning.writing import Candidate
from ragft_core.jobs import Job, MadeElsewhere
from ragft_core.knowledge import KnowledgeBase, list_versions, name_version
from ragft_core.overview import Damage
from ragft_core.settings import Settings
from ragft_core.storage import Folder
from ragft_core.strategies import Change, Lab, Turn, Vote, WorkspaceGenerator
from ragft_core.types import Message, ModelChoice, Request, SearchMode, Strategy
from ragft_core.workspace import Workspace, list_workspaces
from tests.fakes import ScriptedGenerator
from tests.knowledge.hashing import HashEmbedder
from tests.test_layout import DOORS

HANDLE = re.compile(r"\b(Workspace|Owner|Job|KnowledgeBase|Lab|ArmRunner)\b")
# What touches nothing of the workspace, with the reason; it is not asked.
HARMLESS = {
    "Workspace.id": "the name that its holder has already",
    "Job.launcher": "says where jobs run",
    "KnowledgeBase.table_name": "a name made of the embedder's",
    "WorkspaceGenerator.close": "does nothing",
    "Lab.close": "frees a model, which is the server's",
    "Lab.in_flight": "a number of the machine's",
    "make_api": "wraps a Lab, which refuses each question",
    "search_settings": "reads an arm that its caller brings",
    "seed_spreads": "compares values of runs; with one run it has nothing to compare",
}
TRAIN, WROTE, TOOK = (
    "train-20261122-093001-1f2e", "generate-20261122-093002-1f2e", "ingest-20261122-093003-1f2e",
)  # fmt: skip
CHAT = "chat-20261122-093000000-1f2e"


@dataclass(frozen=True)
class Call:
    """A call by its name, and its making."""

    name: str
    make: Callable[[Things], Any]

    def __str__(self) -> str:
        return self.name


class Things:
    """What lies in a workspace, read by its owner; handles are new for every call."""

    def __init__(self, workspace: Workspace, scratch: Path) -> None:
        self.folder, self.scratch, self.settings = workspace.path, scratch, Settings()
        (scratch / "new.txt").write_text("The Tern weighs 12 kg.", encoding="utf-8")
        (scratch / "pairs.csv").write_text("question,answer\nHow heavy?,12 kg\n", encoding="utf-8")
        self.document = self.base.documents()[0]
        self.document_id = self.document.id
        self.version = (list_versions(workspace) or [name_version(self.base, "Spring")])[0]
        self.results = load_results(workspace, list_plans(workspace)[0].id)
        self.criteria = advisor.load_criteria(workspace)
        self.evidence = advisor.gather_evidence(workspace)
        self.record = advisor.make_record(workspace)
        advisor.save_record(workspace, self.record)
        self.costs = fill_costs(workspace, self.evidence, {})
        self.examples = load_examples(workspace)
        way, none = Way(SearchMode.TEXT, None), cast("Any", None)
        self.seen = Comparison((), way, 0, 3, "question", 1)
        self.tuning = Tuning(none, none, none, none, none, 3, 3, way, 1.0, f"jobs/{TRAIN}/embedder")

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder)

    @property
    def base(self) -> KnowledgeBase:
        with rights.as_the_lab():
            return KnowledgeBase(self.workspace, HashEmbedder())

    @property
    def lab(self) -> Lab:
        return Lab(self.workspace, self.generator, self.base)

    @property
    def generator(self) -> WorkspaceGenerator:
        return WorkspaceGenerator(ScriptedGenerator(), self.workspace)

    def job(self, job_id: str = TRAIN) -> Job:
        return Job(self.workspace, job_id)

    @cached_property
    def adapter_zip(self) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file in (self.folder / "adapters" / "plain").iterdir():
                archive.write(file, file.name)
        return packed.getvalue()

    def value(self, function: str, parameter: str) -> Any:
        """An argument that fits, by the function's and the parameter's name."""
        known = self._examples()
        for key in (f"{function}.{parameter}", parameter):
            if key in known:
                return known[key]()
        raise KeyError(f"There is no example for {parameter!r} of {function!r} in calls.py.")

    def _examples(self) -> dict[str, Callable[[], Any]]:
        plan = self.results.plan
        zero = self.scratch / "out"
        return {
            "workspace": lambda: self.workspace,
            "workspaces": lambda: [self.workspace],
            "lab": lambda: self.lab,
            "knowledge": lambda: self.base,
            "base": lambda: self.base,
            "add_arm.base": lambda: "rag",
            "job": self.job,
            "accept.job": lambda: self.job(WROTE),
            "discard.job": lambda: self.job(WROTE),
            "ingest_state.job": lambda: self.job(TOOK),
            "runs": lambda: [self.job()],
            "job_id": lambda: TRAIN,
            "run_id": lambda: TRAIN,
            "settings": lambda: self.settings,
            "adapter_id": lambda: "plain",
            "arm_id": lambda: "rag",
            "remove_arm.arm_id": lambda: "mine",
            "criteria": lambda: self.criteria,
            "evidence": lambda: self.evidence,
            "record": lambda: self.record,
            "record_id": lambda: self.record.id,
            "result": lambda: self.record.result,
            "answers": lambda: Answers({"need": "facts"}),
            "fill_costs.answers": dict,
            "entered": lambda: {"hour": 60.0},
            "filled": lambda: self.costs,
            "preset_id": lambda: next(iter(price_presets())),
            "scenarios": lambda: [Scenario("Pilot", 3, 50)],
            "strategy": lambda: Strategy.RAG,
            "who": lambda: "Ada",
            "assign.key": lambda: "tests",
            "owner": lambda: "Ben",
            "key": lambda: "k",
            "value": lambda: 1.0,
            "choice": ModelChoice,
            "approve.choice": lambda: ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1"),
            "is_approved.choice": lambda: ModelChoice("endpoint", "m", "http://127.0.0.1:9/v1"),
            "require_approval.choice": lambda: ModelChoice("hub", "owner/model"),
            "start_embedding.choice": lambda: None,
            "chosen": lambda: [Candidate("How heavy?", "38 kg", "38 kg.", "0" * 20, "f", 0)],
            "chunks": lambda: [("Wren", chunk) for chunk in self.base.chunks(self.document_id)],
            "config": RunConfig,
            "minutes": lambda: 1.0,
            "spread": lambda: SeedSpread("Two", (TRAIN,), ("plain",), (1,), False, (1.0,), (1.0,)),
            "conversation_id": lambda: CHAT,
            "turn": lambda: Turn("t9", "How heavy?", (), "2026-11-22"),
            "vote": lambda: Vote("t9", "rag", ("rag", "prompt"), "2026-11-22"),
            "change": lambda: Change(
                "0001", "wren.txt", "How heavy?", "38", "42", "2026", (), False
            ),
            "damage": lambda: Damage("examples.jsonl", "it is damaged", ()),
            "data": lambda: self.adapter_zip,
            "brought_questions.data": lambda: (self.scratch / "pairs.csv").read_bytes(),
            "brought_questions.name": lambda: "pairs.csv",
            "document": lambda: self.document,
            "document_id": lambda: self.document_id,
            "version": lambda: self.version,
            "find_version.name": lambda: self.version.name,
            "shelf": lambda: self.workspace,
            "encoding": lambda: "cp1252",
            "evaluation_id": lambda: plan.id,
            "plan": lambda: plan,
            "results": lambda: self.results,
            "questions": lambda: self.results.questions,
            "ask_each_way.questions": lambda: [
                Asked("How heavy is the Wren?", self.document_id, "38 kg")
            ],
            "in_use": lambda: Way(SearchMode.TEXT, None),
            "way": lambda: Way(SearchMode.TEXT, None),
            "k": lambda: 3,
            "found": lambda: self.seen,
            "adopt_tuned.found": lambda: self.tuning,
            "examples": lambda: self.examples,
            "file": lambda: zero.with_suffix(".file"),
            "files": lambda: [("new.txt", self.scratch / "new.txt")],
            "folder": lambda: zero.with_suffix(".folder"),
            "export_model.kind": lambda: "merged",
            "kind": lambda: "train",
            "target": lambda: self.folder / "exports" / "one",
            "start_generation.target": lambda: 2,
            "spec": dict,
            "seconds": lambda: 0.0,
            "source": lambda: Folder(self.folder / "index"),
            "move_index.target": lambda: Folder(self.scratch / "elsewhere"),
            "uri": lambda: "local",
            "name": lambda: "Another",
            "add_arm.name": lambda: "Mine too",
            "open_base": lambda: lambda _: self.base,
            "origin": lambda: MadeElsewhere("m", "2026-11-22", "model", "w"),
            "path": lambda: self.scratch / "pairs.csv",
            "table": lambda: read_table("pairs.csv", (self.scratch / "pairs.csv").read_bytes()),
            "question": lambda: "How heavy is the Wren?",
            "arms": lambda: ["prompt"],
            "arm": lambda: BY_ID["rag"],
            "adapter_or_none": lambda: None,
            "messages": lambda: (Message("user", "How heavy?"),),
            "request": lambda: Request((Message("user", "How heavy?"),)),
            "text": lambda: "How heavy?",
            "embedder": HashEmbedder,
            "on_progress": lambda: lambda *_: None,
            "switch": lambda: lambda: None,
            "take_over.on_progress": lambda: lambda *_: None,
        }


def calls() -> Iterator[Call]:
    """Every call, by name."""
    for name, function in sorted(_functions().items()):
        if name not in HARMLESS:
            yield Call(name, _made(name, function))
    for handle, cls in (
        ("workspace", Workspace), ("job", Job), ("base", KnowledgeBase), ("lab", Lab),
        ("generator", WorkspaceGenerator),
    ):  # fmt: skip
        for member in sorted(name for name in dir(cls) if not name.startswith("_")):
            name = f"{cls.__name__}.{member}"
            if name not in HARMLESS:
                yield Call(name, _asked(handle, member, getattr(cls, member)))


def _functions() -> dict[str, Callable[..., Any]]:
    """What the doors, the workspace and the approval offer that takes a handle."""
    found: dict[str, Callable[..., Any]] = {}
    for door in [*DOORS, "workspace", "approval"]:
        module = importlib.import_module(f"ragft_core.{door}")
        for name in getattr(module, "__all__", dir(module)):
            thing = getattr(module, name)
            if not inspect.isfunction(thing) or not thing.__module__.startswith("ragft_core."):
                continue
            if name.startswith("_"):
                continue
            taken = inspect.signature(thing).parameters.values()
            if any(HANDLE.search(str(one.annotation)) for one in taken):
                found[name] = thing
    return found


def _made(name: str, function: Callable[..., Any]) -> Callable[[Things], Any]:
    def make(things: Things) -> Any:
        return _done(function(**_arguments(name, function, things)))

    return make


def _asked(handle: str, member: str, found: Any) -> Callable[[Things], Any]:
    def make(things: Things) -> Any:
        with rights.as_the_lab():
            asked = things.job() if handle == "job" else getattr(things, handle)
        thing = getattr(asked, member)
        if not inspect.isfunction(found):
            return _done(thing)
        return _done(thing(**_arguments(f"{handle}.{member}", thing, things)))

    return make


def _arguments(name: str, function: Callable[..., Any], things: Things) -> dict[str, Any]:
    with rights.as_the_lab():
        return {
            one.name: things.value(name, one.name)
            for one in inspect.signature(function).parameters.values()
            if (one.default is one.empty or HANDLE.search(str(one.annotation)))
            and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
        }


def _done(found: Any) -> Any:
    """What a call gives, once what it does lazily has been done."""
    if isinstance(found, AbstractContextManager) and inspect.isgenerator(
        getattr(found, "gen", None)
    ):
        with found as inside:
            return inside
    return list(found) if inspect.isgenerator(found) else found


def listed() -> list[str]:
    """The ids of the workspaces that whoever acts can see."""
    return [workspace.id for workspace in list_workspaces(Settings())]
