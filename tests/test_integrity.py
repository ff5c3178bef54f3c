"""One damaged thing is named and set aside, and the rest works."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from ragft_core.finetuning import load_examples, save_examples
from ragft_core.jobs import list_jobs, settle_jobs
from ragft_core.knowledge import Embedder, KnowledgeBase, documents
from ragft_core.knowledge.store import content_ids
from ragft_core.overview import examine, find_damage, set_aside, stamp, workspace_steps
from ragft_core.settings import Settings
from ragft_core.strategies import Turn, list_conversations, save_turn
from ragft_core.types import Example
from ragft_core.values import to_dict
from ragft_core.workspace import Workspace, create_workspace, write_json
from tests.knowledge.hashing import HashEmbedder

DOCUMENT = {
    "title": "Kiln", "file_name": "kiln.txt", "format": "txt", "sha256": "", "size_bytes": 4,
    "n_pages": None, "n_characters": 4, "n_chunks": 0, "n_tokens": 1, "added_at": "2026-01-01",
}  # fmt: skip


@pytest.fixture
def damaged(workspace: Workspace) -> Workspace:
    """A workspace with a good and a damaged one of everything."""
    from hashlib import sha256

    for name, text in (("good", "kiln"), ("bad", "oven")):
        digest = sha256(text.encode()).hexdigest()
        folder = workspace.folder("documents", digest[:20])
        (folder / "original.txt").write_text(text, encoding="utf-8")
        (folder / "text.txt").write_text(text, encoding="utf-8")
        (folder / "chunks.jsonl").write_text("", encoding="utf-8")
        (folder / "pages.json").write_text("[]", encoding="utf-8")
        write_json(
            folder / "document.json",
            DOCUMENT | {"id": digest[:20], "sha256": digest, "title": name},
        )
    (folder / "document.json").write_text("{", encoding="utf-8")
    for number in range(2):
        save_turn(workspace, "chat-1", Turn(f"t{number}", "Why?", (), "2026-01-01"))
    chat = workspace.path / "chats" / "chat-1.jsonl"
    first, second = chat.read_text(encoding="utf-8").splitlines()
    chat.write_text(f"{first}\n{{garbage\n{second}\n", encoding="utf-8")
    save_examples(workspace, [Example("a", "Q1", "A1"), Example("b", "Q2", "A2")])
    rows = workspace.path / "examples.jsonl"
    first, second = rows.read_text(encoding="utf-8").splitlines()
    rows.write_text(f'{first}\n{{"id": 5}}\n{second}\n', encoding="utf-8")
    for name, text in (("spec.json", "not json"), ("process.json", "[1"), ("status.json", "{}")):
        (workspace.folder("jobs", "train-1") / name).write_text(text, encoding="utf-8")
    (workspace.folder("evaluations", "eval-1") / "plan.json").write_text("7", encoding="utf-8")
    (workspace.folder("advisor") / "answers.json").write_text("\x00", encoding="utf-8")
    return workspace


def test_each_is_named_and_the_rest_is_there(damaged: Workspace) -> None:
    found = {damage.path: damage for damage in find_damage(damaged)}
    bad = next(name for name in content_ids(damaged) if f"documents/{name}" in found)
    assert set(found) == {
        f"documents/{bad}", "chats/chat-1.jsonl", "examples.jsonl", "jobs/train-1",
        "evaluations/eval-1", "advisor/answers.json",
    }  # fmt: skip
    assert found["chats/chat-1.jsonl"].rows == (2,)
    assert found["examples.jsonl"].rows == (2,)
    assert all(damage.reason for damage in found.values())
    assert [document.title for document in documents(damaged)] == ["good"]
    assert [len(c.turns) for c in list_conversations(damaged)] == [2]


def test_set_aside_nothing_is_lost_and_all_works(damaged: Workspace) -> None:
    before = {damage.path: (damaged.path / damage.path) for damage in find_damage(damaged)}
    texts = {k: p.read_text(encoding="utf-8") for k, p in before.items() if p.is_file()}
    for damage in find_damage(damaged):
        target = set_aside(damaged, damage)
        assert target.exists()
        if target.is_file():
            assert target.read_text(encoding="utf-8") == texts[damage.path]
    assert find_damage(damaged) == []
    assert [row.id for row in load_examples(damaged)] == ["a", "b"]
    assert len(workspace_steps(damaged)) == 5


def test_a_line_that_is_being_written_is_no_damage(workspace: Workspace) -> None:
    save_examples(workspace, [Example("a", "Q", "A")])
    rows = workspace.path / "examples.jsonl"
    rows.write_text(rows.read_text("utf-8") + '{"id": "b", "ques', encoding="utf-8")
    assert find_damage(workspace) == []


def test_the_stamp_changes_with_what_is_read(workspace: Workspace) -> None:
    save_examples(workspace, [Example("a", "Q", "A")])
    before = stamp(workspace)
    assert stamp(workspace) == before
    (workspace.path / "examples.jsonl").write_text("{bad\n", encoding="utf-8")
    assert stamp(workspace) != before


def test_a_flipped_byte_is_noticed(damaged: Workspace) -> None:
    good = documents(damaged)[0]
    (damaged.path / "documents" / good.id / "original.txt").write_text("kilo", encoding="utf-8")
    paths = [damage.path for damage in find_damage(damaged, digests=True)]
    assert f"documents/{good.id}" in paths
    assert f"documents/{good.id}" not in [damage.path for damage in find_damage(damaged)]


def test_the_server_starts_with_bad_jobs(damaged: Workspace) -> None:
    folder = damaged.folder("jobs", "train-2")
    head = {"kind": "train", "created_at": "", "created_ns": 1, "spec": {}}
    (folder / "spec.json").write_text(json.dumps(head), encoding="utf-8")
    (folder / "status.json").write_text('{"state": "running"}', encoding="utf-8")
    (folder / "process.json").write_text('{"pid": "x"}', encoding="utf-8")
    assert [job.id for job in settle_jobs(damaged)] == ["train-2"]
    assert {job.id for job in list_jobs(damaged)} == {"train-1", "train-2"}


def test_a_job_on_a_full_disk_is_told_all_the_same(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace.folder("jobs", "train-3")
    head = {"kind": "train", "created_at": "", "created_ns": 1, "spec": {}}
    write_json(folder / "spec.json", head)
    write_json(folder / "status.json", {"state": "running"})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ragft_core.jobs.job.write_status", full)
    assert [job.id for job in settle_jobs(workspace)] == ["train-3"]


def test_the_doctor_names_mends_and_says_so_by_its_code(
    damaged: Workspace, generator_folder: Path, embedder_folder: Path
) -> None:
    from typer.testing import CliRunner

    from ragft_core.commands.app import app

    ill = CliRunner().invoke(app, ["doctor", damaged.id])
    assert ill.exit_code == 1, ill.output
    assert "examples.jsonl" in ill.output
    assert "index" in ill.output
    mended = CliRunner().invoke(app, ["doctor", damaged.id, "--mend"])
    assert mended.exit_code == 0, mended.output
    well = CliRunner().invoke(app, ["doctor", damaged.id])
    assert (well.exit_code, well.output.strip()) == (0, "All is well.")


def test_the_doctor_rebuilds_an_index_that_differs(
    workspace: Workspace, embedder_folder: Path, tmp_path: Path
) -> None:
    def open_base(item: Workspace) -> KnowledgeBase:
        return KnowledgeBase(item, Embedder(embedder_folder))

    file = tmp_path / "kiln.txt"
    file.write_text("The kiln weighs 40 kg and needs three phases.", encoding="utf-8")
    open_base(workspace).add_files([("kiln.txt", file)])
    assert examine(workspace, open_base) == []
    files = [path for path in (workspace.path / "index").rglob("data/*.lance") if path.is_file()]
    data = max(files, key=lambda path: path.stat().st_size)
    data.write_bytes(data.read_bytes()[:100])
    (finding,) = examine(workspace, open_base)
    assert finding.place == "index"
    (finding,) = examine(workspace, open_base, mend=True)
    assert finding.mended
    assert examine(workspace, open_base) == []
    assert (
        open_base(workspace).search("How heavy is the kiln?")[0].chunk.text.startswith("The kiln")
    )


def test_a_damaged_document_keeps_its_chunks_and_is_taken_in_again(
    workspace: Workspace, tmp_path: Path
) -> None:
    embedder = HashEmbedder()

    def open_base(item: Workspace) -> KnowledgeBase:
        return KnowledgeBase(item, embedder)

    for name in ("kiln", "oven"):
        (tmp_path / f"{name}.txt").write_text(f"The {name} weighs 40 kg.", encoding="utf-8")
        open_base(workspace).add_files([(f"{name}.txt", tmp_path / f"{name}.txt")])
    file = next(
        path
        for path in workspace.path.glob("documents/*/document.json")
        if "kiln.txt" in path.read_text(encoding="utf-8")
    )
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[: whole.index('"format"')], encoding="utf-8")
    embedded = embedder.n_embedded
    found = open_base(workspace).search("How heavy is the kiln?")
    assert [passage.document_title for passage in found] == ["oven"]
    file.write_text(whole, encoding="utf-8")
    assert "kiln" in {p.document_title for p in open_base(workspace).search("kiln")}
    assert embedder.n_embedded == embedded
    file.write_text(whole[: whole.index('"format"')], encoding="utf-8")
    (finding,) = examine(workspace, open_base, mend=True)
    assert "added again as kiln.txt" in finding.remedy
    assert {document.file_name for document in documents(workspace)} == {"kiln.txt", "oven.txt"}
    assert examine(workspace, open_base) == []


def test_damaged_settings_are_set_aside_and_the_rest_stays(damaged: Workspace) -> None:
    def open_base(item: Workspace) -> KnowledgeBase:
        return KnowledgeBase(item, HashEmbedder())

    file = damaged.path / "workspace.json"
    file.write_text('{"name": ', encoding="utf-8")
    (finding,) = examine(damaged, open_base)
    assert "no JSON" in finding.problem
    examine(damaged, open_base, mend=True)
    assert damaged.settings().name == damaged.id
    assert [row.id for row in load_examples(damaged)] == ["a", "b"]
    (kept,) = damaged.path.glob("set-aside/*/workspace.json")
    assert kept.read_text(encoding="utf-8") == '{"name": '
    file.write_text('{"name": "Later", "created_at": "", "version": 99}', encoding="utf-8")
    (newer,) = examine(damaged, open_base, mend=True)
    assert (newer.mended, newer.remedy) == (False, "Update the lab to open it.")


def test_whole_workspaces_have_none(workspace: Workspace, tmp_path: Path) -> None:
    save_examples(workspace, [Example("a", "Q", "A")])
    assert find_damage(workspace, digests=True) == []
    assert to_dict(find_damage(workspace)) == []


def base_of(workspace: Workspace) -> KnowledgeBase:
    return KnowledgeBase(workspace, HashEmbedder())


def test_the_doctor_names_links_that_lead_out(workspace: Workspace, tmp_path: Path) -> None:
    (workspace.path / "chats").mkdir()
    (workspace.path / "chats" / "other").symlink_to(tmp_path)
    (workspace.path / "chats" / "own").symlink_to(workspace.path / "workspace.json")
    (found,) = examine(workspace, base_of)
    assert found.place == "chats/other"
    assert "out of the workspace" in found.problem


def test_the_doctor_closes_what_others_can_read() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        workspace = create_workspace(Settings(), "Open", Path(place) / "open")
        workspace.path.chmod(0o755)
        if not all(folder.stat().st_mode & 0o001 for folder in workspace.path.parents):
            pytest.skip("a folder above is closed to others already")
        (told,) = examine(workspace, base_of)
        assert "Other users" in told.problem
        assert not told.mended
        (told,) = examine(workspace, base_of, mend=True)
        assert told.mended
        assert workspace.path.stat().st_mode & 0o077 == 0
        assert examine(workspace, base_of) == []
