"""The index in an object store: the same answers, two writers, and a store that is not there."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ragft_core.access import rights
from ragft_core.errors import RetrievalError, SettingsError, StoreError
from ragft_core.finetuning.examples.store import load_examples
from ragft_core.jobs import JobState
from ragft_core.knowledge import (
    KnowledgeBase,
    embedder_of,
    move_index,
    name_version,
    purge_index,
    restore_version,
    start_ingest,
)
from ragft_core.samples import load_sample
from ragft_core.settings import Settings, store_variables
from ragft_core.storage import Bucket, patience, place_at, place_of
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace, create_workspace
from tests.documents import files
from tests.knowledge.conftest import assert_searchable_exactly_once
from tests.knowledge.hashing import HashEmbedder
from tests.storage.conftest import S3, point_at, serve, within

TOLD_S = 10.0
QUESTIONS = ["What does the model 3 kiln cost?", "firebrick", "Who may not enter?", "glaze price"]


@pytest.fixture
def some_files(tmp_path: Path) -> list[tuple[str, Path]]:
    kilns = "".join(
        f"## Model {n}\n\nThe model {n} kiln costs {n * 100} euro.\n\n{'It is of firebrick. ' * 30}\n\n"
        for n in range(1, 8)
    )
    return [
        ("kilns.md", files.text(tmp_path / "1.md", f"# Kilns\n\n{kilns}")),
        ("rules.txt", files.text(tmp_path / "2.txt", "Dogs may not enter the firing hall.")),
        ("prices.csv", files.text(tmp_path / "3.csv", "Item,Price\nClay,12 euro\nGlaze,30 euro")),
    ]


def found(base: KnowledgeBase) -> list[list[tuple[str, float, str]]]:
    return [
        [(p.chunk.id, round(p.score, 6), p.found_by) for p in base.search(question, mode, k=5)]
        for question in QUESTIONS
        for mode in SearchMode
    ]


def test_a_store_gives_the_same_answers_as_a_folder(
    remote: KnowledgeBase,
    some_files: list[tuple[str, Path]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remote.add_files(some_files)
    monkeypatch.delenv("RAGFT_INDEX_URI")
    local = KnowledgeBase(create_workspace(settings, "Local"), HashEmbedder())
    local.add_files(some_files)
    assert found(remote) == found(local)
    assert not (remote.workspace.path / "index").exists()
    keys = Bucket("s3://lab/indices/test").list()
    assert any(key.startswith(f"{remote.table_name}.lance/") for key in keys)
    remote.remove(remote.documents()[0].id)
    local.remove(local.documents()[0].id)
    assert found(remote) == found(local)
    assert remote.differences() == []


def test_all_that_changes_an_index_works_in_a_store(
    remote: KnowledgeBase, some_files: list[tuple[str, Path]]
) -> None:
    remote.add_files(some_files)
    before = found(remote)
    assert remote.rebuild() > 0
    assert found(remote) == before
    assert_searchable_exactly_once(remote)
    other = KnowledgeBase(remote.workspace, HashEmbedder("other", 32))
    with pytest.raises(RetrievalError, match="hash/64"):
        other.search("kiln")
    other.take_over(lambda *_: None, lambda: None)
    assert_searchable_exactly_once(other)
    place = place_of(remote.workspace)
    assert place.tables() == [other.table_name]
    place.clear()
    assert Bucket("s3://lab/indices/test").list() == []


def test_a_version_of_an_index_in_a_store_is_kept_here_and_restored_there(
    remote: KnowledgeBase, some_files: list[tuple[str, Path]]
) -> None:
    remote.add_files(some_files)
    before = found(remote)
    version = name_version(remote, "Spring")
    assert (remote.workspace.path / "versions" / version.id / "index").is_dir()
    remote.remove(remote.documents()[0].id)
    purge_index(remote)
    assert_searchable_exactly_once(remote)
    restore_version(remote, version)
    assert found(remote) == before
    assert_searchable_exactly_once(remote)


WRITER = """
import sys
from pathlib import Path
from ragft_core.knowledge import KnowledgeBase
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder
base = KnowledgeBase(Workspace(Path(sys.argv[1])), HashEmbedder())
for path in sys.argv[2:]:
    (report,) = base.add_files([(Path(path).name, Path(path))])
    assert not report.error, report
"""
DIRECT = """
import sys
from pathlib import Path
from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.storage import place_of
from ragft_core.types import Chunk
from ragft_core.workspace import Workspace
from tests.knowledge.hashing import HashEmbedder
embedder = HashEmbedder()
index = ChunkIndex(place_of(Workspace(Path(sys.argv[1]))), embedder.identity, embedder.dimension)
for start in range(0, 200, 20):
    index.upsert([
        Entry(Chunk(f"c{n}", f"d{n % 7}", n, f"kiln {n}", 0, 7), f"kiln {n}", embedder.embed_query(f"kiln {n}"))
        for n in range(start, start + 20)
    ])
"""


def together(*commands: list[str]) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", *command], stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


@pytest.mark.slow
def test_two_that_add_at_the_same_time_lose_and_double_nothing(
    remote: KnowledgeBase, tmp_path: Path
) -> None:
    own = [
        [
            str(files.text(tmp_path / f"{who}{n}.txt", f"The {who} {n} kiln is hot."))
            for n in range(4)
        ]
        for who in ("red", "blue")
    ]
    both = str(files.text(tmp_path / "both.txt", "Both bring this one."))
    where = str(remote.workspace.path)
    together(*([WRITER, where, *mine, both] for mine in own))
    assert len(remote.documents()) == 9
    assert_searchable_exactly_once(remote)


@pytest.mark.slow
def test_two_that_write_the_same_chunks_without_a_lock_leave_each_once(
    remote: KnowledgeBase,
) -> None:
    """As workers on several machines do, which share no lock."""
    where = str(remote.workspace.path)
    together([DIRECT, where], [DIRECT, where])
    rows = remote._index.table().search().select(["id"]).limit(None).to_arrow()
    assert sorted(rows.column("id").to_pylist()) == sorted(f"c{n}" for n in range(200))


def test_an_index_of_another_workspace_of_the_same_name_is_left_alone(
    remote: KnowledgeBase, some_files: list[tuple[str, Path]], tmp_path: Path
) -> None:
    remote.add_files(some_files)
    from ragft_core.storage import place

    place._probed.clear()
    stranger = create_workspace(Settings(home=tmp_path / "elsewhere"), "Test")
    file = stranger.path / "workspace.json"
    file.write_text(file.read_text().replace('"created_at": "2', '"created_at": "1'))
    with pytest.raises(StoreError, match="another workspace of this name"):
        KnowledgeBase(stranger, HashEmbedder()).add_files(some_files)
    place._probed.clear()
    assert_searchable_exactly_once(remote)


@pytest.mark.slow
def test_a_store_that_has_stopped_is_told(
    workspace: Workspace, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.storage.conftest import empty

    server = serve()
    try:
        empty(server)
        point_at(monkeypatch, server.address)
        monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
        base = KnowledgeBase(workspace, HashEmbedder())
        base.add_files(some_files[:1])
        assert base.search("kiln")
    finally:
        server.stop()
    calls = {
        "search": lambda: base.search("firebrick"),
        "add": lambda: base.add_files(some_files[1:]),
        "open": lambda: KnowledgeBase(workspace, HashEmbedder()).search("kiln"),
    }
    for name, call in calls.items():
        began = time.monotonic()
        with pytest.raises(StoreError, match="cannot be reached|does not answer") as told:
            call()
        assert within(TOLD_S, began), name
        assert "Check that it runs" in told.value.remedy
    assert len(base.documents()) == 1


@contextmanager
def silent() -> Iterator[str]:
    """A socket that takes every connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class Answers(BaseHTTPRequestHandler):
    """An answerer of one kind of status; ``FORGETS`` takes every PUT, whatever its conditions."""

    status = 403
    protocol_version = "HTTP/1.1"

    def _say(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"<Error><Code>AccessDenied</Code></Error>" if self.status == 403 else b""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _say  # noqa: N815 - names of the protocol

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(status: int) -> Iterator[str]:
    kind = type("Answering", (Answers,), {"status": status})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_store_that_never_answers_is_told(
    workspace: Workspace, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
    with silent() as address:
        point_at(monkeypatch, address)
        began = time.monotonic()
        with pytest.raises(StoreError, match="does not answer|cannot be reached"):
            KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)
        assert within(TOLD_S, began)


@pytest.mark.slow
def test_a_store_that_falls_silent_in_between_is_told(
    remote: KnowledgeBase,
    some_files: list[tuple[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
    s3: S3,
) -> None:
    """Its process stops without dying, while its connections stay open."""
    import signal

    remote.add_files(some_files[:1])
    s3.process.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(remote.search, "glaze")
            added = pool.submit(remote.add_files, some_files[1:])
            for waiting in (asked, added):
                with pytest.raises(StoreError, match="does not answer|cannot be reached"):
                    waiting.result()
        assert within(TOLD_S, began)
    finally:
        s3.process.send_signal(signal.SIGCONT)
    remote.add_files(some_files)
    assert_searchable_exactly_once(remote)


def test_a_store_that_refuses_the_keys_is_told(
    workspace: Workspace, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
    with answering(403) as address:
        point_at(monkeypatch, address)
        with pytest.raises(StoreError, match="refuses this machine's keys") as told:
            KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)
        assert "AWS_ACCESS_KEY_ID" in told.value.remedy


def test_keys_that_are_refused_later_are_told(
    remote: KnowledgeBase, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the first look at the store, so that Lance's own words are understood."""
    from ragft_core.storage import place

    with answering(403) as address:
        point_at(monkeypatch, address)
        place._probed.add("s3://lab/indices/test")
        with pytest.raises(StoreError, match="refuses this machine's keys"):
            remote.add_files(some_files)


def test_a_bucket_that_is_not_there_is_told(
    s3: S3,
    workspace: Workspace,
    some_files: list[tuple[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://nowhere/indices")
    with pytest.raises(StoreError, match="no bucket"):
        KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)


def test_a_store_that_ignores_conditions_is_refused(
    workspace: Workspace, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
    with answering(200) as address:
        point_at(monkeypatch, address)
        with pytest.raises(StoreError, match="ignores conditional writes"):
            KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)


def test_the_real_store_keeps_the_second_writer_out(s3: S3) -> None:
    bucket = Bucket("s3://lab/x")
    assert bucket.put("one", b"1", new=True)
    assert not bucket.put("one", b"2", new=True)
    assert bucket.get("one") == b"1"
    bucket.probe()
    assert bucket.list() == ["one"]


@pytest.mark.slow
def test_an_engine_that_is_away_or_without_a_key_is_told(
    workspace: Workspace, some_files: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LanceDB Enterprise itself cannot be tried here; this much of the way to it can."""
    monkeypatch.setenv("RAGFT_INDEX_URI", "db://lab")
    with pytest.raises(StoreError, match="LANCEDB_API_KEY"):
        KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)
    monkeypatch.setenv("LANCEDB_API_KEY", "sk-test")
    with silent() as address:
        monkeypatch.setenv("LANCEDB_HOST", address)
        began = time.monotonic()
        with pytest.raises(StoreError, match="does not answer|cannot be reached"):
            KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)
        assert within(TOLD_S, began)
    with answering(401) as address:
        monkeypatch.setenv("LANCEDB_HOST", address)
        with pytest.raises(StoreError, match="refuses this machine's keys") as told:
            KnowledgeBase(workspace, HashEmbedder()).add_files(some_files)
        assert "LANCEDB_API_KEY" in told.value.remedy


@pytest.mark.parametrize("uri", ["http://x/y", "s3:/x", "s3://", "s3://key:secret@x/y", "/tmp/x"])
def test_what_is_no_place_of_a_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFT_INDEX_URI", uri)
    with pytest.raises(SettingsError, match="RAGFT_INDEX_URI"):
        Settings()


def test_jobs_are_given_the_keys_of_stores_only_where_there_is_one(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "AWS_SECRET_ACCESS_KEY" not in store_variables()
    monkeypatch.setenv("RAGFT_STORE", "s3://lab/kept")
    assert {"AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"} <= set(store_variables())


@pytest.mark.slow
def test_a_job_reaches_the_store(
    s3: S3,
    workspace: Workspace,
    some_files: list[tuple[str, Path]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a process of its own, with the real embedder: what the documents page does."""
    monkeypatch.setenv("RAGFT_INDEX_URI", "s3://lab/indices")
    monkeypatch.setenv("RAGFT_STORE", "s3://lab/kept")
    job = start_ingest(workspace, some_files)
    status = job.wait(timeout=100)
    assert status.state is JobState.SUCCEEDED, status.error + job.log_tail()
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    assert base.search("What does the model 3 kiln cost?", k=1)
    kept = Bucket(f"s3://lab/kept/{workspace.id}").list()
    assert len([key for key in kept if "/original." in key]) == 3
    assert f"jobs/{job.id}/spec.json" in kept


@pytest.mark.slow
def test_the_sample_finds_the_same_from_a_store(s3: S3, settings: Settings) -> None:
    """The same passages with the same scores make the same prompts, so the same answers."""
    workspace = load_sample(settings, "knowledge")
    embedder = embedder_of(workspace, settings)
    local, there = (place_at(uri, workspace) for uri in ("local", "s3://lab/indices"))
    moved = move_index(workspace, embedder, local, there)
    here = KnowledgeBase(workspace, embedder)
    assert moved.n_chunks == sum(document.n_chunks for document in here.documents())
    remote = KnowledgeBase(workspace, embedder, there)
    questions = [example.question for example in load_examples(workspace)]
    assert len(questions) > 50
    for question in questions:
        assert remote.search(question, k=3) == here.search(question, k=3)


def test_who_acts_goes_along_to_the_thread_that_is_waited_for() -> None:
    with rights.acting_as(rights.Person("ada@example.org")):
        assert patience.patiently(rights.by, lambda: None, 5.0) == "ada@example.org"
