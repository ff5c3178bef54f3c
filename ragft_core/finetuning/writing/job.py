"""Writes examples from documents: questions with answers and evidence, for people to review.

Candidate answers are picked in every passage (``spans``), a question is written for each and put
through the tests of ``roundtrip``. Facts are taken from all documents in turn; one that worked is
asked again in other words, because a model learns a fact from several wordings, not from one.
What was dropped is counted and kept with its reason.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ragft_core.approval import require_approval
from ragft_core.errors import TrainingDataError
from ragft_core.finetuning.adapters import READER, WRITER
from ragft_core.finetuning.examples.store import load_examples
from ragft_core.finetuning.writing.filters import Wordings
from ragft_core.finetuning.writing.roundtrip import (
    REASONS,
    Adapters,
    Candidate,
    RoundTrip,
    StoppedError,
    Task,
)
from ragft_core.finetuning.writing.spans import find_spans
from ragft_core.finetuning.writing.specificity import Corpus, Facts
from ragft_core.models.generator import Generator
from ragft_core.settings import Settings
from ragft_core.types import Chunk, Example
from ragft_core.values import from_dict, to_dict
from ragft_core.workspace import Workspace, append_jsonl, read_jsonl, read_values

if TYPE_CHECKING:
    from ragft_core.jobs import Job, JobContext

SOURCES = "sources.jsonl"
CANDIDATES = "candidates.jsonl"
DROPPED = "dropped.jsonl"
PER_ROUND = 32
SPANS_PER_PASSAGE = 10
# A fact is tried in so many wordings at first, and in more once there are no new facts. With three
# of a fact, one can be kept for testing.
WORDINGS = 3
MOST_WORDINGS = 6

T = TypeVar("T")
Source = tuple[str, Chunk]
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class GenerationReport:
    """What came of it. ``dropped`` counts by the keys of ``REASONS``; ``facts`` are distinct.

    ``note`` says why there are fewer examples than the target, where there are.
    """

    examples: tuple[Example, ...]
    target: int
    written: int
    dropped: dict[str, int] = field(default_factory=dict)
    per_document: dict[str, int] = field(default_factory=dict)
    facts: int = 0
    seconds: float = 0.0
    note: str = ""

    def drop_lines(self) -> list[tuple[str, int]]:
        """The reasons in words with their counts, the most frequent first."""
        order = sorted(self.dropped.items(), key=lambda item: -item[1])
        return [(REASONS.get(reason, reason), count) for reason, count in order]


def generate_examples(
    workspace: Workspace,
    generator: Generator,
    chunks: Sequence[Source],
    target: int,
    on_progress: Progress = lambda share, text: None,
    stopping: Callable[[], bool] = lambda: False,
    *,
    earlier: Sequence[Candidate] = (),
    on_judged: Callable[[Sequence[Candidate]], None] = lambda judged: None,
) -> GenerationReport:
    """Writes questions from passages until ``target`` are kept or nothing is left to ask.

    Args:
        workspace: Questions that are among its examples are not written again.
        generator: Writes and reads; with the bundled adapters where they belong to it.
        chunks: The passages, each with its document's title.
        target: How many examples to keep.
        on_progress: Called with the share of the target and a line about it.
        stopping: When it comes true the work ends with what there is.
        earlier: What an earlier run of this job judged; it goes on behind it.
        on_judged: Gets the judged candidates of each round, kept and dropped.

    Raises:
        TrainingDataError: There is nothing to ask about.
        ModelError: The model failed.
    """
    began = time.monotonic()
    n_documents = len({chunk.document_id for _, chunk in chunks})
    queue = Queue(chunks, earlier, handful=target // (WORDINGS * max(1, n_documents)))
    if queue.empty and not earlier:
        raise TrainingDataError(
            "The documents hold nothing that questions could be written about.",
            "Add documents with sentences that state facts.",
        )
    judged = list(earlier)
    wordings = Wordings(_questions(workspace, earlier))
    corpus = Corpus([(chunk.document_id, f"{title}\n{chunk.text}") for title, chunk in chunks])
    adapters = adapters_for(workspace, generator)
    facts = Facts([(title, chunk.text) for title, chunk in chunks])
    trip = RoundTrip(generator, adapters, wordings, corpus, facts, stopping)
    kept = sum(not c.reason for c in judged)
    while kept < target and not queue.empty and not stopping():
        try:
            found = trip.run(queue.take(min(PER_ROUND, 2 * (target - kept) + 2)))
        except StoppedError:
            break
        queue.learn(found)
        judged += found
        on_judged(found)
        kept = sum(not c.reason for c in judged)
        on_progress(min(1.0, kept / target), f"{kept} of {target} kept, {len(judged)} written")
    return _report(judged, target, time.monotonic() - began, queue.empty, dict(_titles(chunks)))


class Queue:
    """What to ask next: new facts from every document in turn, and other wordings of good ones.

    Args:
        chunks: The passages with their documents' titles.
        earlier: What was judged before; it is not asked again.
        handful: How many facts are taken from a passage at a time, 1 to 3. More is faster, because
            they share what the engine has computed for the passage; fewer spread wider.
    """

    def __init__(
        self, chunks: Sequence[Source], earlier: Sequence[Candidate] = (), handful: int = 1
    ) -> None:
        tasks = _interleave(chunks, min(3, max(1, handful)))
        self._tasks = {task.fact: task for task in tasks}
        tried = {candidate.fact for candidate in earlier}
        self._new = deque(task for task in tasks if task.fact not in tried)
        self._again: deque[Task] = deque()
        self._later: deque[Task] = deque()
        self._good = {candidate.fact for candidate in earlier if not candidate.reason}
        last = {c.fact: c for c in sorted(earlier, key=lambda candidate: candidate.wording)}
        self.learn(last.values())

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to ask."""
        return not (self._new or self._again or self._later)

    def take(self, n: int) -> list[Task]:
        """The next tasks, at most ``n``; a fact at most once."""
        taken: dict[str, Task] = {}
        for source in (self._again, self._new, self._later):
            while source and len(taken) < n and source[0].fact not in taken:
                task = source.popleft()
                taken[task.fact] = task
        # Neighbours share their passage, and the engine what it has computed for it.
        return sorted(taken.values(), key=lambda task: (task.chunk.id, task.span.start))

    def learn(self, judged: Iterable[Candidate]) -> None:
        """Queues the next wording of each fact; the second is also a fact's second chance."""
        for candidate in judged:
            task = self._tasks.get(candidate.fact)
            good = not candidate.reason or candidate.fact in self._good
            if good:
                self._good.add(candidate.fact)
            following = candidate.wording + 1
            if task is None or following >= (MOST_WORDINGS if good else 2):
                continue
            line = self._again if good and following < WORDINGS else self._later
            line.append(Task(task.title, task.chunk, task.span, following))


def _interleave(chunks: Sequence[Source], handful: int) -> list[Task]:
    """Documents in turn, in each the passages in turn, in each the best spans first."""
    found = [(title, chunk, find_spans(chunk.text, SPANS_PER_PASSAGE)) for title, chunk in chunks]
    spread = Counter(text for _, _, spans in found for text in {s.text.lower() for s in spans})
    documents: dict[str, list[list[list[Task]]]] = {}
    seen: set[tuple[str, str, str]] = set()
    for title, chunk, spans in found:
        tasks = []
        # A name that stands everywhere ("the company") is hardly ever the answer to a question.
        for span in sorted(spans, key=lambda s: s.kind == "name" and spread[s.text.lower()] > 3):
            fact = (chunk.document_id, span.sentence, span.text)
            if fact not in seen:  # neighbouring chunks share their edges
                tasks.append(Task(title, chunk, span))
                seen.add(fact)
        handfuls = [tasks[i : i + handful] for i in range(0, len(tasks), handful)]
        documents.setdefault(chunk.document_id, []).append(handfuls)
    lines = [_in_turn(passages) for passages in documents.values()]
    return [task for tasks in _in_turn(lines) for task in tasks]


def _in_turn(lines: Sequence[Sequence[T]]) -> list[T]:
    longest = max((len(line) for line in lines), default=0)
    return [line[i] for i in range(longest) for line in lines if i < len(line)]


def adapters_for(workspace: Workspace, generator: Generator) -> Adapters:
    """The bundled writer and reader, each where it belongs to the generator's weights."""
    from ragft_core.finetuning.adapters import list_adapters

    if not generator.supports_adapters:
        return Adapters()
    fitting = {a.id for a in list_adapters(workspace) if a.base == generator.weights}
    return Adapters(
        writer=WRITER if WRITER in fitting else None, reader=READER if READER in fitting else None
    )


def writer_ready(workspace: Workspace) -> bool:
    """Whether the bundled writer is at hand and belongs to the workspace's model."""
    from ragft_core.finetuning.adapters import list_adapters

    bundled = workspace.settings().model.kind == "bundled"
    return bundled and any(adapter.id == WRITER for adapter in list_adapters(workspace))


def _questions(workspace: Workspace, earlier: Sequence[Candidate]) -> list[str]:
    own = [example.question for example in load_examples(workspace)]
    return own + [candidate.question for candidate in earlier if not candidate.reason]


def _titles(chunks: Sequence[Source]) -> Iterable[tuple[str, str]]:
    return ((chunk.document_id, title) for title, chunk in chunks)


def _report(
    judged: Sequence[Candidate], target: int, seconds: float, empty: bool, titles: dict[str, str]
) -> GenerationReport:
    kept = [candidate for candidate in judged if not candidate.reason]
    # Two documents of different folders may have one title.
    counts = Counter(titles.get(candidate.document_id, "") for candidate in kept)
    note = ""
    if len(kept) < target:
        note = "The documents hold no more to ask about." if empty else "Stopped before the end."
    return GenerationReport(
        examples=tuple(candidate.example() for candidate in kept),
        target=target,
        written=len(judged),
        dropped=dict(Counter(c.reason for c in judged if c.reason)),
        per_document={title: counts[title] for title in titles.values()},
        facts=len({candidate.fact for candidate in kept}),
        seconds=seconds,
        note=note,
    )


def start_generation(workspace: Workspace, chunks: Sequence[Source], target: int) -> Job:
    """Starts the background job that writes examples; its passages are copied into its folder.

    Raises:
        TrainingDataError: There are no passages, or the target is not positive.
    """
    from ragft_core.jobs import start_job

    if not chunks:
        raise TrainingDataError("There are no documents to write examples from.", "Add some first.")
    if target < 1:
        raise TrainingDataError(f"The target must be at least 1, not {target}.")
    rows = [{"title": title, "chunk": to_dict(chunk)} for title, chunk in chunks]

    def prepare(folder: Path) -> None:
        append_jsonl(folder / SOURCES, rows)

    return start_job(workspace, "generate", {"target": target}, prepare, once=True)


def run_generation(context: JobContext) -> None:
    """Entry point of the job kind ``generate``. A resumed job goes on behind what it has judged.

    Raises:
        ModelError: The model cannot be loaded or failed.
        TrainingDataError: The documents hold nothing to ask about.
    """
    from ragft_core.finetuning.adapters import get_adapter
    from ragft_core.models import open_generator

    chunks = [
        (str(row["title"]), from_dict(Chunk, row["chunk"]))
        for row in read_jsonl(context.folder / SOURCES)
    ]
    target = int(context.spec["target"])
    context.progress(0.0, "Loading the model")
    choice = context.workspace.settings().model
    require_approval(context.workspace, choice)
    generator = open_generator(choice, Settings(), partial(get_adapter, context.workspace))
    began = time.monotonic()

    def on_judged(found: Sequence[Candidate]) -> None:
        kept = [c for c in found if not c.reason]
        append_jsonl(context.folder / CANDIDATES, [to_dict(c) for c in kept])
        append_jsonl(context.folder / DROPPED, [to_dict(c) for c in found if c.reason])
        context.metric({"s": time.monotonic() - began, "written": len(found), "kept": len(kept)})

    def on_progress(share: float, text: str) -> None:
        done = share - first
        left = (time.monotonic() - began) * (1 - share) / done if done > 0 else None
        context.progress(share, text, left)

    earlier = read_candidates(context.folder) + read_candidates(context.folder, DROPPED)
    first = min(1.0, sum(not c.reason for c in earlier) / target)
    try:
        report = generate_examples(
            context.workspace,
            generator,
            chunks,
            target,
            on_progress,
            lambda: context.stopping,
            earlier=earlier,
            on_judged=on_judged,
        )
    finally:
        generator.close()
    context.finish({key: value for key, value in to_dict(report).items() if key != "examples"})


def read_candidates(folder: Path, name: str = CANDIDATES) -> list[Candidate]:
    """The questions that a job has kept so far, or with ``DROPPED`` those it has dropped."""
    return read_values(folder / name, Candidate)
