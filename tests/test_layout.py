"""The shape of the code: import ranks, doors, light imports, and what must never be called."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "ragft_core"
RANKS = {
    "types": 0, "errors": 0, "overlap": 0, "settings": 0, "threads": 0,
    "workspace": 0,
    "documents": 1, "models": 1, "jobs": 1,
    "knowledge": 2, "finetuning": 2,
    "strategies": 3,
    "evaluation": 4,
    "advisor": 5,
    "samples": 6, "overview": 6,
    "commands": 7,
    "__main__": 8,
}  # fmt: skip
HEAVY = ("streamlit", "torch", "transformers", "peft", "sentence_transformers", "lancedb")
DOORS = sorted(path.parent.name for path in CORE.glob("*/__init__.py") if path.parent.name in RANKS)


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
                assert name.startswith("pages.ui"), f"{path} imports {name}"


def test_session_state_is_touched_in_one_place() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "pages").rglob("*.py")
        if "session_state" in path.read_text(encoding="utf-8") and path.name != "state.py"
    ]
    assert guilty == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_is_light_to_import(door: str) -> None:
    code = (
        f"import sys, ragft_core.{door}\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


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
