"""Many people at once: real sessions of the real server, each asks every arm one question.

    python -m tests.benchmarks.load [--sessions 50] [--seconds 900]

Each session speaks Streamlit's own protocol over its own websocket, as a browser does: it opens the
Chat page, asks a question with a token of its own, and reads what is drawn until its answers stand
there. Prints how long pages and answers took, who was told to wait, what the server's memory did, and
ends with 1 where a session was dropped, got an error, or saw another's token.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from streamlit import config  # noqa: F401 - its messages cannot be imported before it
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from ragft_core.samples import load_sample
from ragft_core.settings import Settings
from tests.conftest import MODELS, ROOT

QUESTIONS = (
    "How long is the warranty?", "Who signs off a repair?", "What does a visit cost?",
    "When is the workshop open?", "Which glaze is safe for food?",
)  # fmt: skip
DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)
WAITS = re.compile(r"Place \d+ in the line")


@dataclass
class Seen:
    """What one session saw, times in seconds."""

    token: str
    opened: float = 0.0
    first_sign: float = 0.0
    answered: float = 0.0
    waited: bool = False
    wrong: list[str] = field(default_factory=list)


class Session:
    """One browser's worth of protocol: sends reruns, reads what the server draws."""

    def __init__(self, socket: ClientConnection, query: str) -> None:
        self.socket, self.query = socket, query
        self.script = self.input = ""
        self.pages: dict[str, str] = {}
        self._known: dict[str, ForwardMsg] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def rerun(self, question: str = "", fragment: str = "") -> None:
        """Opens a page, asks, or has a fragment drawn anew by its timer."""
        message = BackMsg()
        wanted = message.rerun_script
        wanted.query_string, wanted.page_script_hash = self.query, self.script
        wanted.fragment_id, wanted.is_auto_rerun = fragment, bool(fragment)
        if question:
            widget = wanted.widget_states.widgets.add()
            widget.id, widget.chat_input_value.data = self.input, question
        await self.socket.send(message.SerializeToString())

    async def open(self, page: str) -> None:
        """Comes in by the first page and goes on to another, as with a click on its link."""
        await self.rerun()
        while not is_end(await self.next()):
            pass
        self.leave()
        self.script = self.pages[page]
        await self.rerun()
        while not is_end(await self.next()):
            pass

    async def _tick(self, fragment: str, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.rerun(fragment=fragment)

    def leave(self) -> None:
        """Ends the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers = {}

    async def next(self) -> ForwardMsg:
        """The next message, cached ones resolved."""
        message = ForwardMsg()
        message.ParseFromString(await self.socket.recv())
        if message.ref_hash:
            return self._known[message.ref_hash]
        if message.hash:
            self._known[message.hash] = message
        if message.HasField("new_session"):
            self.script = message.new_session.page_script_hash
        if message.HasField("navigation"):
            self.pages = {p.url_pathname: p.page_script_hash for p in message.navigation.app_pages}
        if message.HasField("auto_rerun"):
            timer = message.auto_rerun
            if timer.fragment_id not in self._timers:
                self._timers[timer.fragment_id] = asyncio.create_task(
                    self._tick(timer.fragment_id, timer.interval)
                )
        if message.HasField("page_info_changed"):
            self.query = message.page_info_changed.query_string
        element = message.delta.new_element
        if element.HasField("chat_input"):
            self.input = element.chat_input.id
        return message


def _text(message: ForwardMsg) -> str:
    element = message.delta.new_element
    kind = element.WhichOneof("type") or ""
    if kind == "exception":
        return f"exception: {element.exception.message}"
    if kind == "alert":
        return f"alert: {element.alert.body}"
    return element.markdown.body if kind == "markdown" else ""


async def visit(
    address: str, workspace: str, seen: Seen, question: str, gate: asyncio.Barrier
) -> None:
    """Opens the page, waits for the others, asks, and reads until the answers are drawn."""
    began = time.monotonic()
    url = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    async with connect(
        url, origin=address, subprotocols=["streamlit"], max_size=None,
        open_timeout=120, ping_timeout=None,
    ) as link:  # fmt: skip
        session = Session(link, f"workspace={workspace}")
        await session.open("chat")
        seen.opened = time.monotonic() - began
        await gate.wait()
        began = time.monotonic()
        await session.rerun(f"{seen.token}: {question}")
        drawn: list[str] = []
        while not seen.answered:
            message = await session.next()
            text = _text(message)
            drawn.append(text)
            _judge(text, seen)
            if text and not seen.first_sign and seen.token in text:
                seen.first_sign = time.monotonic() - began
            seen.waited = seen.waited or bool(WAITS.search(text))
            if message.HasField("new_session"):
                drawn = []
            # The run behind the last answer draws the turn with its footers.
            whole = "\n".join(drawn)
            if is_end(message) and seen.token in whole and "first token" in whole:
                seen.answered = time.monotonic() - began
        session.leave()


def is_end(message: ForwardMsg) -> bool:
    """Whether a run of a whole page is over."""
    return message.WhichOneof("type") == "script_finished" and message.script_finished in DONE


def _judge(text: str, seen: Seen) -> None:
    if text.startswith(("exception:", "alert:")):
        seen.wrong.append(text[:200])
    others = set(re.findall(r"visitor\d+x", text)) - {seen.token}
    if others:
        seen.wrong.append(f"saw the question of {sorted(others)}")


def start(home: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The real server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, "RAGFT_HOME": str(home), "RAGFT_MODELS": str(MODELS), "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return server, address
        except OSError:
            time.sleep(0.2)
    server.kill()
    raise SystemExit(log.read_text(errors="replace")[-2000:])


async def watch(process: psutil.Process, sizes: list[float]) -> None:
    """Notes the server's resident memory in MB, every half second."""
    while True:
        sizes.append(process.memory_info().rss / 1e6)
        await asyncio.sleep(0.5)


async def crowd(address: str, workspace: str, visitors: list[Seen], seconds: float) -> None:
    """All visitors at once; who is not done in time, or is cut off, says so."""
    gate = asyncio.Barrier(len(visitors))

    async def one(number: int, seen: Seen) -> None:
        try:
            question = QUESTIONS[number % len(QUESTIONS)]
            await asyncio.wait_for(visit(address, workspace, seen, question, gate), seconds)
        except Exception as error:
            seen.wrong.append(f"dropped: {type(error).__name__}: {error}")
            await gate.abort()

    await asyncio.gather(*(one(number, seen) for number, seen in enumerate(visitors)))


async def measure(
    address: str, workspace: str, given: argparse.Namespace, process: psutil.Process
) -> bool:
    """Runs the crowd twice, so that memory that only grows is seen, and prints the table."""
    good = True
    sizes: list[float] = []
    watching = asyncio.create_task(watch(process, sizes))
    first = Seen("visitor0x")
    await crowd(address, workspace, [first], given.seconds)
    print(f"alone, the models being loaded: {first.answered:.1f} s", *first.wrong)
    print(f"{'crowd':16}{'answered':>9}{'told to wait':>13}{'page p50 p95':>16}"
          f"{'sign p50 p95':>16}{'answer p50 p95':>17}{'MB before, most, after':>25}")  # fmt: skip
    for crowd_number in range(given.crowds):
        await asyncio.sleep(1)
        before, place = sizes[-1], len(sizes)
        first = 1 + crowd_number * given.sessions
        visitors = [Seen(f"visitor{first + n}x") for n in range(given.sessions)]
        await crowd(address, workspace, visitors, given.seconds)
        await asyncio.sleep(1)
        wrong = [f"{seen.token}: {text}" for seen in visitors for text in seen.wrong]
        answered = [seen for seen in visitors if seen.answered]
        print(
            f"{crowd_number + 1}: {given.sessions} sessions".ljust(16)
            + f"{len(answered):9}{sum(seen.waited for seen in visitors):13}"
            + _two([s.opened for s in answered]).rjust(16)
            + _two([s.first_sign for s in answered]).rjust(16)
            + _two([s.answered for s in answered]).rjust(17)
            + f"{before:.0f}, {max(sizes[place:]):.0f}, {sizes[-1]:.0f}".rjust(25),
            flush=True,
        )
        for line in wrong[:10]:
            print("   ", line)
        good = good and not wrong and len(answered) == len(visitors)
    watching.cancel()
    return good


def _two(values: list[float]) -> str:
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f} {ordered[int(0.95 * (len(ordered) - 1))]:.1f} s"


def main() -> None:
    """Starts the server, lets the crowds in, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--crowds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=900, help="A session's longest time.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home, log = Path(place) / "home", Path(place) / "server.log"
        os.environ |= {"RAGFT_HOME": str(home), "RAGFT_MODELS": str(MODELS)}
        workspace = load_sample(Settings(), "knowledge")
        server, address = start(home, log)
        try:
            good = asyncio.run(measure(address, workspace.id, given, psutil.Process(server.pid)))
        finally:
            server.terminate()
            server.wait(timeout=30)
        said = [line for line in log.read_text(errors="replace").splitlines() if "Error" in line]
        print(f"{len(said)} lines of the server's log name an error", *said[:5], sep="\n  ")
    sys.exit(0 if good and not said else 1)


if __name__ == "__main__":
    main()
