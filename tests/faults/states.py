"""A workspace with one of everything, and the ways in which one of its files can be spoilt."""

from __future__ import annotations

import json
import platform
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ragft_core.advisor import load_criteria
from ragft_core.finetuning import RunConfig
from ragft_core.knowledge import KnowledgeBase
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, append_jsonl, write_json
from tests.finetuning.test_adapters import make as make_adapter
from tests.knowledge.hashing import HashEmbedder

OLD = Path(__file__).parents[1] / "data" / "workspace-v1"
LOCKS = ".locks"
PAPERS = {
    "wren.txt": "The Wren weighs 38 kg and costs 1200 euros. It needs three phases.",
    "heron.md": "# Heron\n\nThe Heron weighs 52 kg. Delivery takes two weeks.",
}
CHUNK = {"id": "c1", "document_id": "0" * 20, "text": "It weighs 38 kg.", "start": 0, "end": 16}
CANDIDATE = {
    "question": "How heavy is the Wren?", "answer": "38 kg", "evidence": "The Wren weighs 38 kg.",
    "document_id": "0" * 20, "fact": "f", "wording": 0, "reason": "", "alternative": "",
}  # fmt: skip
RESULTS = {
    "train": {"adapter": "plain", "steps": 60, "best_step": 50, "first_val_loss": 3.2,
              "val_loss": 2.1, "train_loss": 1.9, "seconds": 12.5, "warning": ""},
    "generate": {"written": 2, "kept": 1, "dropped": {"known": 1}},
    "ingest": {"reports": []},
}  # fmt: skip
SPECS = {
    "train": {"config": to_dict(RunConfig()), "counts": {"train": 40, "validation": 8}},
    "generate": {"target": 2},
    "ingest": {"files": []},
}


def build(folder: Path, scratch: Path) -> Workspace:
    """The workspace of the first version, with everything added that it has none of."""
    workspace = Workspace(Path(shutil.copytree(OLD, folder)))
    base = KnowledgeBase(workspace, HashEmbedder())
    for name, text in PAPERS.items():
        (scratch / name).write_text(text, encoding="utf-8")
    reports = base.add_files([(name, scratch / name) for name in PAPERS])
    assert all(not report.error for report in reports), reports
    base.rebuild()
    for name, passages in (("plain", False), ("reading", True)):
        make_adapter(workspace, name, with_context=passages)
    workspace.update(adapter="plain", hybrid_adapter="reading")
    _jobs(workspace)
    _evaluation(workspace)
    _advisor(workspace)
    return workspace


def _jobs(workspace: Workspace) -> None:
    for number, (kind, state) in enumerate(
        {"train": "interrupted", "generate": "succeeded", "ingest": "failed"}.items(), start=1
    ):
        folder = workspace.folder("jobs", f"{kind}-20261122-09300{number}-1f2e")
        head = {"kind": kind, "created_at": "2026-11-22T09:30:00+00:00", "created_ns": number}
        write_json(folder / "spec.json", head | {"spec": SPECS[kind]})
        at = {"started_at": "2026-11-22T09:30:01+00:00", "updated_at": "2026-11-22T09:31:00+00:00"}
        write_json(folder / "status.json", {"state": state, "share": 0.5, **at})
        write_json(folder / "process.json", {"pid": 1, "started": 1.0, "host": "elsewhere"})
        (folder / "log.txt").write_text("step 1\nstep 2\n", encoding="utf-8")
        (folder / "heartbeat").write_text('{"available_mb": 4000, "rss_mb": 300}', "utf-8")
        append_jsonl(
            folder / "metrics.jsonl",
            [{"step": n, "steps": 4, "loss": 2 / n, "val_loss": 2.5 / n} for n in (1, 2)],
        )
        write_json(folder / "result.json", RESULTS[kind])
        if kind == "generate":
            append_jsonl(folder / "candidates.jsonl", [CANDIDATE])
            append_jsonl(folder / "dropped.jsonl", [CANDIDATE | {"reason": "known"}])
            append_jsonl(folder / "sources.jsonl", [{"title": "Wren", "chunk": CHUNK}])


def _evaluation(workspace: Workspace) -> None:
    from ragft_core.evaluation import list_plans
    from ragft_core.evaluation.store.plans import FOLDER

    (plan,) = list_plans(workspace)
    place = workspace.folder(FOLDER)
    append_jsonl(
        place / "seconds_per_answer.jsonl", [{"machine": platform.node(), "seconds": {"rag": 1.0}}]
    )
    append_jsonl(place / "reviews.jsonl", [{"key": "k", "value": 1.0, "at": "2026-11-22"}])
    append_jsonl(place / plan.id / "similarity.jsonl", [{"key": "k", "value": 0.5}])


def _advisor(workspace: Workspace) -> None:
    place = workspace.folder("advisor")
    (place / "criteria.toml").write_text("version = 1\n", encoding="utf-8")
    load_criteria(workspace)
    for who, topics in (("Ada", ["data", "task"]), ("Ben", ["task"])):
        row = {"who": who, "choices": {"need": "facts"}, "ranking": topics}
        write_json(place / f"answers-{who.lower()}.json", row)
    write_json(place / "steps.json", {"steps": {"tests": {"owner": "Ada", "due": "2027-01-31"}}})
    scenario = {"title": "Pilot", "months": 3, "requests": 50}
    write_json(place / "costs.json", {"hour": 50, "scenarios": [scenario]})


@dataclass(frozen=True)
class Fault:
    """One file of a workspace, spoilt in one way."""

    file: str
    name: str
    spoil: Callable[[Path], None]

    @property
    def kind(self) -> str:
        """The file without the ids in its path, for counting."""
        parts = self.file.split("/")
        if parts[0] == "index":
            return "index"
        kept = [p if i in (0, len(parts) - 1) else "*" for i, p in enumerate(parts)]
        if parts[0] in ("chats", "advisor") and parts[-1].startswith(("chat-", "record-")):
            kept[-1] = "*" + Path(parts[-1]).suffix
        return "/".join(kept)


def faults(workspace: Workspace) -> Iterator[Fault]:
    """Every file spoilt as a whole, and every field and row of those that hold JSON."""
    for path in sorted(workspace.path.rglob("*")):
        name = path.relative_to(workspace.path).as_posix()
        if not path.is_file() or name.startswith(LOCKS):
            continue
        for label, spoil in WHOLE.items():
            yield Fault(name, label, spoil)
        if path.suffix in (".json", ".jsonl"):
            yield from _fields(name, path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _nul(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _garbage(path: Path) -> None:
    path.write_bytes(random.Random(path.name).randbytes(max(64, path.stat().st_size)))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data), max(1, len(data) // 7)):
        data[place] ^= 0x55
    path.write_bytes(data)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _text(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


WHOLE: dict[str, Callable[[Path], None]] = {
    "cut": _cut,
    "empty": lambda path: path.write_bytes(b"") and None,
    "NUL": _nul,
    "garbage": _garbage,
    "flipped": _flip,
    "list": _text("[1, 2]\n"),
    "number": _text("7\n"),
    "null": _text("null\n"),
    "object": _text("{}\n"),
    "deep": _text("[" * 100_000),
    "newer": _text('{"schema": 99, "version": 99}\n'),
    "latin-1": lambda path: path.write_bytes(b'{"name": "Br\xfccke"}\n') and None,
    "missing": Path.unlink,
    "folder": _folder,
}
VALUES: dict[str, object] = {
    "null": None,
    "text": "spoilt",
    "number": -1,
    "huge": 1e308,
    "list": [None],
    "object": {"a": None},
}


def _fields(name: str, path: Path) -> Iterator[Fault]:
    """Each field of the file's object, or of its first row, gone or with a value of each kind."""
    lines = path.read_text(encoding="utf-8").splitlines()
    data = json.loads(lines[0] if path.suffix == ".jsonl" else "\n".join(lines))
    if not isinstance(data, dict):
        return
    rest = "".join(line + "\n" for line in lines[1:]) if path.suffix == ".jsonl" else ""
    for places in _places(data):
        for label, value in (*VALUES.items(), ("gone", ...)):
            text = json.dumps(_with(data, places, value)) + "\n" + rest
            yield Fault(name, f"field {label}", _text(text))


def _places(data: dict, depth: int = 2) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        yield (key,)
        if isinstance(value, dict) and depth > 1:
            yield from ((key, *deeper) for deeper in _places(value, depth - 1))


def _with(data: dict, places: tuple[str, ...], value: object) -> dict:
    first, *rest = places
    if rest:
        return data | {first: _with(data[first], tuple(rest), value)}
    if value is ...:
        return {key: item for key, item in data.items() if key != first}
    return data | {first: value}
