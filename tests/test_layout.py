"""The shape of the code: import ranks, doors, light imports, and what must never be called."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "ragft_core"
RANKS = {
    "types": 0, "errors": 0, "arms": 0, "schema": 0, "values": 0, "overlap": 0, "settings": 0, "threads": 0,
    "files": 0, "workspace": 0, "approval": 0, "access": 0, "people": 0, "storage": 0,
    "telemetry": 0,
    "documents": 1, "models": 1, "jobs": 1,
    "knowledge": 2, "finetuning": 2,
    "strategies": 3,
    "evaluation": 4, "serving": 4,
    "advisor": 5,
    "samples": 6, "overview": 6, "shipping": 6,
    "commands": 7,
    "__main__": 8,
}  # fmt: skip
# Inside a big room: a sub-room imports only what stands before it; modules of no sub-room come first.
SUB_ROOMS = {
    "models": ["remote", "weights", "kernels", "engine", "factory", "trial"],
    "finetuning": [
        "adapters",
        "transfer",
        "exporting",
        "examples",
        "rows",
        "writing",
        "training",
        "bundled",
    ],
    "evaluation": [
        "questions",
        "statistics",
        "store",
        "retrieval",
        "equivalence",
        "scoring",
        "judging",
        "reports",
        "running",
    ],
    "advisor": ["criteria", "deciding", "evidence", "cost", "record", "export"],
}
MOST_MODULES, MOST_LINES = 12, 350
HEAVY = ("streamlit", "torch", "transformers", "peft", "sentence_transformers", "lancedb")
DOORS = sorted(
    ".".join(path.parent.relative_to(CORE).parts)
    for path in CORE.glob("**/__init__.py")
    if path.parent != CORE
)
MODULES = sorted(path for path in CORE.rglob("*.py") if path.name != "__init__.py")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return names


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda p: str(p.relative_to(CORE)))
def test_imports_go_down_the_ranks(path: Path) -> None:
    here = path.relative_to(CORE).parts[0].removesuffix(".py")
    if here == "__init__":
        return
    for name in imported(parsed(path)):
        parts = name.split(".")
        if parts[0] != "ragft_core" or len(parts) == 1 or parts[1] == here:
            continue
        lower = RANKS[parts[1]] < RANKS[here] or RANKS[parts[1]] == RANKS[here] == 0
        assert lower, f"{path.name} ({here}) imports {name}"


@pytest.mark.parametrize("room", SUB_ROOMS)
def test_imports_go_down_the_sub_rooms(room: str) -> None:
    order = SUB_ROOMS[room]

    def rank(name: str) -> int:
        return order.index(name) if name in order else -1

    assert {path.parent.name for path in CORE.glob(f"{room}/*/__init__.py")} <= set(order)
    for path in sorted((CORE / room).rglob("*.py")):
        here = path.relative_to(CORE / room).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        for name in imported(parsed(path)):
            parts = name.split(".")
            if parts[:2] != ["ragft_core", room] or len(parts) < 3 or parts[2] == here:
                continue
            lower = rank(parts[2]) < rank(here) or rank(parts[2]) == rank(here) == -1
            assert lower, f"{path.name} ({room}.{here}) imports {name}"


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_modules_import_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    known = {dotted(path) for path in MODULES}
    for path in MODULES:
        found = set()
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
        graph[dotted(path)] = found & known
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_rooms_are_small_enough_to_be_seen_at_once() -> None:
    rooms = Counter(path.parent for path in MODULES)
    rooms += Counter(
        path.parent for path in (ROOT / "pages").rglob("*.py") if path.name != "__init__.py"
    )
    assert {str(room): n for room, n in rooms.items() if n > MOST_MODULES} == {}
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {str(path): n for path, n in lines.items() if n > MOST_LINES} == {}


def test_the_core_never_imports_streamlit() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in CORE.rglob("*.py")
        if any(name.split(".")[0] == "streamlit" for name in imported(parsed(path)))
    ]
    assert guilty == []


def test_the_pages_folder_holds_only_the_router() -> None:
    # Flat page files beside it would be served without the frame.
    assert sorted(p.name for p in (ROOT / "pages").glob("*.py")) == ["__init__.py", "frame.py"]


def test_pages_do_not_import_each_other() -> None:
    for path in (ROOT / "pages").rglob("*.py"):
        for name in imported(parsed(path)):
            if name.startswith("pages."):
                step = path.relative_to(ROOT / "pages").parts[0]
                own = step != "ui" and name.startswith(f"pages.{step}.parts")
                assert own or name.startswith("pages.ui"), f"{path} imports {name}"


def test_pages_come_in_through_the_doors() -> None:
    doors = {f"ragft_core.{door}" for door in DOORS} | {
        f"ragft_core.{name}"
        for name in ("approval", "arms", "errors", "settings", "types", "workspace")
    }
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ragft_core"):
                assert node.module in doors, f"{path} imports {node.module}"
                if node.module.removeprefix("ragft_core.") in DOORS:
                    listed = getattr(importlib.import_module(node.module), "__all__", [])
                    walked_past = {alias.name for alias in node.names} - set(listed)
                    assert not walked_past, f"{path}: {node.module} does not list {walked_past}"


def test_no_check_is_silenced_without_its_name() -> None:
    bare = re.compile(r"#\s*noqa(?!: *[A-Z])|#\s*type: ignore(?!\[)")
    for root in ("ragft_core", "pages", "tests"):
        for path in (ROOT / root).rglob("*.py"):
            assert not bare.search(path.read_text(encoding="utf-8")), path


def test_session_state_is_touched_in_one_place() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "pages").rglob("*.py")
        if "session_state" in path.read_text(encoding="utf-8") and path.name != "state.py"
    ]
    assert guilty == []


def test_what_runs_without_the_frame_asks_who_acts() -> None:
    """Fragments, dialogs and downloads run by themselves; ``pages.ui.people.visit`` has its own."""
    for path in sorted((ROOT / "pages").rglob("*.py")):
        if path.name == "visit.py":
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in {"st.fragment", "st.dialog"}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".download_button"):
                data = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "data")]
                assert not any(isinstance(one, ast.Lambda) for one in data), path
            if isinstance(node, ast.keyword) and node.arg in {"on_click", "on_change", "on_select"}:
                # A callback runs before the frame: nobody acts, and the core refuses it.
                assert isinstance(node.value, ast.Constant), path


def test_doors_are_light_to_import() -> None:
    """In one process, one door after another: what the first heavy one brings is told with its name."""
    code = (
        "import importlib, sys\n"
        f"for door in {DOORS!r}:\n"
        "    importlib.import_module('ragft_core.' + door)\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    if heavy:\n"
        "        sys.exit(f'{door} brings {heavy}')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("door", DOORS)
def test_a_door_offers_what_it_lists(door: str) -> None:
    module = importlib.import_module(f"ragft_core.{door}")
    listed = list(getattr(module, "__all__", []))
    # Constants, then classes, then functions, each in alphabetical order.
    assert listed == sorted(listed, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert [name for name in listed if not hasattr(module, name)] == []


FORBIDDEN = {"pickle", "joblib", "dill", "shelve", "marshal"}


@pytest.mark.parametrize("root", ["ragft_core", "pages", "app.py"])
def test_nothing_unpickles_or_trusts_remote_code(root: str) -> None:
    start = ROOT / root
    for path in [start] if start.is_file() else sorted(start.rglob("*.py")):
        tree = parsed(path)
        assert not FORBIDDEN & {name.split(".")[0] for name in imported(tree)}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"torch.load", "eval", "exec"}, f"{path}: {called}"
                for keyword in node.keywords:
                    trusted = keyword.arg == "trust_remote_code"
                    assert not (trusted and ast.unparse(keyword.value) != "False"), path
                    unsafe = keyword.arg in {"unsafe_allow_html", "shell"}
                    assert not (unsafe and ast.unparse(keyword.value) == "True"), path


def test_no_absolute_path_or_registry_is_named() -> None:
    marks = ("/opt/" + "lab", "/work/" + "main", "pypi." + "org", "file." + "pythonhosted")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not [mark for mark in marks if mark in text], name
