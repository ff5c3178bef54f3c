"""Many people at once: N sessions ask the real server, and a soak of everything at the same time.

    python -m tests.benchmarks.load [--sessions 50] [--tokens 24]
    python -m tests.benchmarks.load --minutes 30 [--sessions 4]

Sessions speak Streamlit's own protocol over its web socket, as a browser does: each opens the chat
of the knowledge sample and asks one of its test questions to all default arms. What counts as
answered is read from the workspace, where the server keeps every turn. The soak adds a writer
(documents come, change and go, the index is compacted) and a reader (searches); at its end the
index is held against the documents. Memory is the server's resident set.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from ragft_core.finetuning import load_examples
from ragft_core.knowledge import KnowledgeBase
from ragft_core.samples import load_sample
from ragft_core.settings import Settings
from ragft_core.strategies import list_conversations, load_conversation, open_embedder
from ragft_core.types import Split
from ragft_core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 1800.0


@dataclass
class Seen:
    """What happened: seconds to the page, seconds to the whole turn, what went wrong."""

    opened: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)


class Session:
    """One browser tab, without the browser."""

    def __init__(self, socket_: websockets.ClientConnection, workspace_id: str) -> None:
        self.socket = socket_
        self.query = f"workspace={workspace_id}"
        self.page = ""
        self.chat_input = ""

    async def open(self) -> None:
        """Loads the chat page."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = "chat"
        await self._run(message)
        if not self.chat_input:
            raise RuntimeError("the page has no chat input")

    async def ask(self, question: str) -> None:
        """Types a question and waits until the page is done with it."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.page
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id = self.chat_input
        widget.chat_input_value.data = question
        await self._run(message)

    async def _run(self, message: BackMsg) -> None:
        await self.socket.send(message.SerializeToString())
        while True:
            got = ForwardMsg.FromString(await self.socket.recv())
            kind = got.WhichOneof("type")
            if kind == "new_session":
                self.page = got.new_session.page_script_hash
            elif kind == "delta" and got.delta.WhichOneof("type") == "new_element":
                element = got.delta.new_element
                if element.WhichOneof("type") == "chat_input":
                    self.chat_input = element.chat_input.id
                elif element.WhichOneof("type") == "exception":
                    raise RuntimeError(element.exception.message)
            elif kind == "script_finished" and got.script_finished == 0:
                return


async def visit(
    address: str, workspace: Workspace, questions: list[str], seen: Seen, until: float = 0.0
) -> None:
    """A person who opens the chat and asks; until a time over and over, otherwise once."""
    try:
        began = time.monotonic()
        async with websockets.connect(
            f"ws://{address}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            origin=websockets.Origin(f"http://{address}"),
            max_size=None,
            open_timeout=PATIENCE_S,
            ping_timeout=None,
        ) as connection:
            session = Session(connection, workspace.id)
            await asyncio.wait_for(session.open(), PATIENCE_S)
            seen.opened.append(time.monotonic() - began)
            while True:
                began = time.monotonic()
                await asyncio.wait_for(session.ask(random.choice(questions)), PATIENCE_S)
                seen.answered.append(time.monotonic() - began)
                if time.monotonic() >= until:
                    return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        seen.failures[f"session: {type(error).__name__}: {str(error)[:80]}"] += 1


def serve(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Starts the real server on a free port: the process and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "RAGFT_HOME": str(home)}, stdout=log, stderr=log
        )
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                return server, f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.2)
    raise SystemExit((home / "server.log").read_text(errors="replace")[-2000:])


def watch(server: subprocess.Popen[bytes], seen: Seen, end: threading.Event) -> None:
    """Notes the server's memory once a second, in MB."""
    process = psutil.Process(server.pid)
    while not end.wait(1.0):
        seen.memory.append(process.memory_info().rss / 1e6)


def write(base: KnowledgeBase, seen: Seen, end: threading.Event, done: Counter[str]) -> None:
    """Documents come, change and go."""
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(10**9):
            if end.is_set():
                return
            try:
                file = Path(scratch) / "note.txt"
                file.write_text(f"Note {number}: the kiln of round {number} is hot. " * 40)
                base.add_files([(f"note-{number % 7}.txt", file)])
                done["documents written"] += 1
                if number % 5 == 4:
                    notes = [item for item in base.documents() if item.file_name[:5] == "note-"]
                    base.remove(random.choice(notes).id)
                    done["documents removed"] += 1
            except Exception as error:  # noqa: BLE001
                seen.failures[f"writer: {type(error).__name__}: {str(error)[:80]}"] += 1


def read(
    base: KnowledgeBase, questions: list[str], seen: Seen, end: threading.Event, done: Counter[str]
) -> None:
    """Searches, and no passage comes twice."""
    while not end.wait(0.2):
        try:
            found = [item.chunk.id for item in base.search(random.choice(questions), k=10)]
            if not found or len(found) != len(set(found)):
                seen.failures["reader: nothing or a passage twice"] += 1
            done["searches"] += 1
        except Exception as error:  # noqa: BLE001
            seen.failures[f"reader: {type(error).__name__}: {str(error)[:80]}"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=0.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ragft-load-") as scratch:
        home = Path(scratch)
        settings = Settings(home=home)
        workspace = load_sample(settings, "knowledge")
        workspace.update(max_new_tokens=options.tokens)
        rows = load_examples(workspace)
        questions = [row.question for row in rows if row.split is Split.TEST]
        server, address = serve(home)
        try:
            run(options, settings, workspace, questions, server, address)
        finally:
            server.terminate()
            server.wait(30)


def run(
    options: argparse.Namespace,
    settings: Settings,
    workspace: Workspace,
    questions: list[str],
    server: subprocess.Popen[bytes],
    address: str,
) -> None:
    """Warms the server up with one visit, then lets everybody in."""
    asyncio.run(visit(address, workspace, questions, Seen()))
    n_warm = n_turns(workspace)
    seen, end, done = Seen(), threading.Event(), Counter[str]()
    helpers = [threading.Thread(target=watch, args=(server, seen, end))]
    base = KnowledgeBase(workspace, open_embedder(settings))
    if options.minutes:
        helpers.append(threading.Thread(target=write, args=(base, seen, end, done)))
        helpers.append(threading.Thread(target=read, args=(base, questions, seen, end, done)))
    for helper in helpers:
        helper.start()
    began = time.monotonic()
    until = began + 60 * options.minutes if options.minutes else 0.0

    async def everybody() -> None:
        visits = [
            visit(address, workspace, questions, seen, until) for _ in range(options.sessions)
        ]
        await asyncio.gather(*visits)

    asyncio.run(everybody())
    seconds = time.monotonic() - began
    end.set()
    for helper in helpers:
        helper.join()
    turns = n_turns(workspace) - n_warm
    print(f"{options.sessions} sessions, {seconds:.0f} s, load {os.getloadavg()[0]:.1f} at the end")
    print(f"questions asked {len(seen.answered)}, turns kept {turns.total()}: {dict(turns)}")
    for name, values in (("page opened", seen.opened), ("whole turn", seen.answered)):
        if values:
            print(f"{name}: median {statistics.median(values):.1f} s, longest {max(values):.1f} s")
    quarter = max(1, len(seen.memory) // 4)
    print(
        f"memory: first {seen.memory[0]:.0f} MB, most {max(seen.memory):.0f} MB, mean of the last "
        f"quarter {statistics.mean(seen.memory[-quarter:]):.0f} MB"
    )
    if options.minutes:
        print(", ".join(f"{count} {what}" for what, count in done.items()))
        print(f"documents whose index differs at the end: {len(base.differences())}")
    print(f"failures: {dict(seen.failures) or 'none'}")


def n_turns(workspace: Workspace) -> Counter[str]:
    """How many answers of all turns there are: those with text, and those with an error."""
    found = Counter[str]()
    for item in list_conversations(workspace):
        for turn in load_conversation(workspace, item.id).turns:
            for answer in turn.answers:
                found["failed" if answer.error else "answered"] += 1
    return found


if __name__ == "__main__":
    main()
