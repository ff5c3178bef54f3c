"""A soak: writers, compaction, readers and chats on one workspace at the same time, for minutes.

    python -m tests.benchmarks.soak [--minutes 30]

Two processes add, replace and remove documents, a third compacts the index, and this one searches in
two threads and asks the arms in two more, all with the real models. Every search must find what was
acknowledged before it began, and at the end every document stands in the index exactly once and the
doctor finds nothing. Prints counts, errors and memory; ends with 1 where something was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from ragft_core.errors import RagftError
from ragft_core.files import append_jsonl, read_jsonl
from ragft_core.knowledge import KnowledgeBase, embedder_of
from ragft_core.overview import examine
from ragft_core.samples import load_sample
from ragft_core.settings import Settings
from ragft_core.strategies import Turn, list_conversations, open_lab, save_turn
from ragft_core.types import SearchMode
from ragft_core.workspace import Workspace, new_id, now
from tests.conftest import MODELS, ROOT

KEPT = 12
LOG = "acknowledged.jsonl"


def write(workspace: Workspace, name: str, seconds: float) -> Counter[str]:
    """Adds documents of a word of their own, replaces some, removes some, and notes what is in."""
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    chance, counts, there = random.Random(name), Counter[str](), list[tuple[str, str, str]]()
    log = workspace.path.parent / LOG
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        counts["documents"] += 1
        file_name = f"{name}-{counts['documents']}.txt"
        if there and chance.random() < 0.3:
            file_name = chance.choice(there)[0]  # a new version of it
        word = f"zq{name}{counts['documents']}x"
        path = workspace.path.parent / f"{name}.txt"
        path.write_text(f"The code word is {word}.\n" + "Kilns are hot. " * chance.randint(1, 99))
        for old in [item for item in there if item[0] == file_name]:
            append_jsonl(log, [{"word": old[2], "there": False}])  # gone before the call is back
            there.remove(old)
            counts["replaced"] += 1
        (report,) = base.add_files([(file_name, path)])
        assert report.document, report
        there.append((file_name, report.document.id, word))
        append_jsonl(log, [{"word": word, "there": True}])
        if len(there) > KEPT:
            gone = there.pop(chance.randrange(len(there)))
            append_jsonl(log, [{"word": gone[2], "there": False}])
            base.remove(gone[1])
            counts["removed"] += 1
    return counts


def compact(workspace: Workspace, seconds: float) -> Counter[str]:
    """Compacts the index, as every batch of documents does at its end, again and again."""
    base = KnowledgeBase(workspace, embedder_of(workspace, Settings()))
    counts, end = Counter[str](), time.monotonic() + seconds
    while time.monotonic() < end:
        base.writer.tidy()
        counts["compacted"] += 1
        time.sleep(2)
    return counts


def acknowledged(workspace: Workspace) -> list[str]:
    """The words that are in and were not taken out since."""
    state = {row["word"]: row["there"] for row in read_jsonl(workspace.path.parent / LOG)}
    return [word for word, there in state.items() if there]


class Watcher:
    """Readers and chats of this process, what they did and what went wrong."""

    def __init__(self, workspace: Workspace, seconds: float) -> None:
        self.workspace, self.counts, self.wrong = workspace, Counter[str](), list[str]()
        self.lab = open_lab(workspace, Settings())
        self.end = time.monotonic() + seconds

    def read(self) -> None:
        """Searches by words for something that is in; it must be found once."""
        chance = random.Random(0)
        while time.monotonic() < self.end:
            words = acknowledged(self.workspace)
            if not words:
                time.sleep(0.2)
                continue
            word = chance.choice(words)
            found = self.lab.knowledge.search(f"code word {word}", SearchMode.HYBRID, 5)
            hits = sum(word in passage.chunk.text for passage in found)
            self.counts["searches"] += 1
            if hits != 1 and word in acknowledged(self.workspace):
                self.wrong.append(f"{word} was found {hits} times")
            time.sleep(0.05)

    def chat(self, name: str) -> None:
        """Asks the arms and keeps the turns."""
        chat = f"chat-20261130-0000000{name}-aaaa"
        arms = [state.arm.id for state in self.lab.arms() if state.ready and state.arm.chosen]
        while time.monotonic() < self.end:
            asked = f"How long is the warranty, {self.counts['answers']}?"
            answers = tuple(a.answer(600) for a in self.lab.ask(asked, arms))
            save_turn(self.workspace, chat, Turn(new_id("turn"), asked, answers, now()))
            self.counts["answers"] += len(answers)
            self.wrong += [answer.error for answer in answers if answer.error]

    def guarded(self, work: object, *given: str) -> threading.Thread:
        """A thread whose end by an error is noted."""

        def run() -> None:
            try:
                work(*given)  # type: ignore[operator]
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=run)
        thread.start()
        return thread


def main() -> None:
    """Starts everybody, waits, and examines what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--role", default="")
    parser.add_argument("--workspace", default="")
    given = parser.parse_args()
    seconds = 60 * given.minutes
    if given.role:
        workspace = Workspace(Path(given.workspace))
        work = compact if given.role == "compact" else write
        print(json.dumps(work(workspace, *([given.role] if work is write else []), seconds)))
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"RAGFT_HOME": place, "RAGFT_MODELS": str(MODELS), "HF_HUB_OFFLINE": "1"}
        workspace = load_sample(Settings(), "knowledge")
        others = {
            role: subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.soak", "--minutes", str(given.minutes),
                 "--role", role, "--workspace", str(workspace.path)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for role in ("a", "b", "compact")
        }  # fmt: skip
        watcher = Watcher(workspace, seconds)
        threads = [watcher.guarded(watcher.read) for _ in range(2)]
        threads += [watcher.guarded(watcher.chat, name) for name in "12"]
        sizes = []
        while any(thread.is_alive() for thread in threads):
            time.sleep(5)
            with contextlib.suppress(psutil.Error):
                sizes.append(psutil.Process().memory_info().rss / 1e6)
        ends = {
            role: (*process.communicate(), process.returncode) for role, process in others.items()
        }
        examined(workspace, watcher, ends, sizes, given.minutes)


def examined(
    workspace: Workspace, watcher: Watcher, ends: dict, sizes: list[float], minutes: float
) -> None:
    """Prints what happened and what is left, and ends the program."""
    for role, (out, err, code) in ends.items():
        print(f"{role}: {out.strip()} (code {code})")
        if code:
            watcher.wrong.append(f"{role}: {err[-400:]}")
    base = watcher.lab.knowledge
    words = acknowledged(workspace)
    for word in words:
        chunks = [p for p in base.search(word, SearchMode.TEXT, 20) if word in p.chunk.text]
        if len(chunks) != 1:
            watcher.wrong.append(f"at the end {word} stands in {len(chunks)} chunks")
    for finding in examine(workspace, lambda _: base):
        watcher.wrong.append(f"the doctor: {finding.place}: {finding.problem}")
    kept = sum(len(c.turns) for c in list_conversations(workspace))
    quarter = max(1, len(sizes) // 4)
    print(
        f"{minutes:g} minutes: {dict(watcher.counts)}, {kept} turns kept, {len(words)} documents at the end"
    )
    print(
        f"memory in MB: {max(sizes[:quarter]):.0f} at most in the first quarter, {max(sizes[-quarter:]):.0f} in the last"
    )
    print(f"{len(watcher.wrong)} things were wrong", *watcher.wrong[:10], sep="\n  ")
    watcher.lab.close()
    sys.exit(1 if watcher.wrong else 0)


if __name__ == "__main__":
    try:
        main()
    except RagftError as error:
        sys.exit(str(error))
