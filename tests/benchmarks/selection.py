"""What selecting among answers brings, and what it costs: the same questions with and without it.

    python -m tests.benchmarks.selection --reading ../shared/data/reading/dev.jsonl [--limit 60]

The bundled model reads with the bundled reader: two companies' papers (``tramway`` and ``dairy``, the
passages found by the product's search; 28 facts and 7 questions without an answer each) and passages of the reading
data: alone, among three of other documents, and questions that the passages do not answer. Told
are right answers by the evaluation's scorer, wrong ones, wrongly and rightly declined ones, exact
match and token F1, questions gained and lost with the exact sign test, and processor time a question.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from ragft_core.evaluation.equivalence import equivalent
from ragft_core.evaluation.text import is_abstention
from ragft_core.finetuning import get_adapter
from ragft_core.finetuning.adapters import READER, WRITER
from ragft_core.finetuning.bundled.reading_data import load_readings
from ragft_core.models import open_generator
from ragft_core.models.generator import Generator
from ragft_core.models.prompts import passage_texts, render_messages
from ragft_core.overlap import exact_match, token_f1
from ragft_core.settings import Settings
from ragft_core.strategies import open_lab
from ragft_core.strategies.choosing.selection import READER_POLICY, Selection, selects
from ragft_core.types import ModelChoice, Request, Sampling
from ragft_core.workspace import create_workspace
from tests.benchmarks.adapters import make_cases
from tests.benchmarks.recall import HERE, read

COMPANIES = ("tramway", "dairy")


@dataclass(frozen=True)
class Asked:
    """A question with its passages; ``answer`` is empty where they hold none."""

    kind: str
    question: str
    passages: list[tuple[str, str]]
    answer: str

    def right(self, text: str) -> bool:
        """Whether an answer says what is right, or declines rightly."""
        declined = is_abstention(text)
        if not self.answer:
            return declined
        return not declined and equivalent(text, self.answer, self.question)


def company(name: str, folder: Path) -> list[Asked]:
    """The questions of an invented company, with what the product's search finds for each."""
    settings = Settings()
    workspace = create_workspace(settings, name, folder / name)
    lab = open_lab(workspace, settings)
    lab.knowledge.add_files([(path.name, path) for path in sorted((HERE / name).glob("*.md"))])
    mode, k = workspace.settings().search_mode, workspace.settings().top_k
    found = [
        Asked(
            name,
            row["asked"],
            passage_texts(lab.knowledge.search(row["asked"], mode, k)),
            row["answer"],
        )
        for row in read(HERE / name / "questions.jsonl")
    ]
    lab.close()
    return found


def reading(path: Path, limit: int, seed: int) -> list[Asked]:
    """Questions of the reading data, a setting and source after the other."""
    by_kind: dict[str, list[Asked]] = defaultdict(list)
    for case in make_cases(load_readings(path), 0, seed):
        held = case.setting.startswith("gold")
        kind = f"{case.source}, {case.setting}" if held else f"without: {case.setting}"
        answer = case.answers[0] if held else ""
        by_kind[kind].append(Asked(kind, case.question, case.passages, answer))
    return [asked for kind in sorted(by_kind) for asked in by_kind[kind][: limit or None]]


def answer(generator: Generator, asked: Asked, *, select: bool) -> str:
    """One answer, greedy or selected."""
    messages = render_messages(asked.question, passages=asked.passages)
    request = Request(messages, READER, Sampling(max_new_tokens=48))
    if select and selects(request, asked.question):
        chosen = Selection(
            generator, request, asked.question, asked.passages, WRITER, READER_POLICY
        )
        return chosen.result().text.strip()
    return generator.submit(request).result().text.strip()


def line(rows: Sequence[tuple[Asked, str, str]], *, selected: bool) -> str:
    """The outcomes of one way on some questions."""
    facts = [(asked, one[selected]) for asked, *one in rows if asked.answer]
    others = [one[selected] for asked, *one in rows if not asked.answer]
    parts = []
    if facts:
        right = sum(asked.right(text) for asked, text in facts)
        declined = sum(is_abstention(text) for _, text in facts)
        em = np.mean([exact_match(text, asked.answer) for asked, text in facts])
        f1 = np.mean([token_f1(text, asked.answer) for asked, text in facts])
        parts.append(
            f"{right} of {len(facts)} right, {len(facts) - right - declined} wrong, "
            f"{declined} wrongly declined, EM {em:.2f}, F1 {f1:.2f}"
        )
    if others:
        parts.append(f"{sum(map(is_abstention, others))} of {len(others)} rightly declined")
    return "; ".join(parts)


def report(rows: Sequence[tuple[Asked, str, str]]) -> None:
    """Prints the outcomes by kind, then of all, paired."""
    by_kind: dict[str, list[tuple[Asked, str, str]]] = defaultdict(list)
    for row in rows:
        by_kind[row[0].kind].append(row)
    for kind, some in [*by_kind.items(), ("all", list(rows))]:
        gained = sum(a.right(new) and not a.right(old) for a, old, new in some if a.answer)
        lost = sum(a.right(old) and not a.right(new) for a, old, new in some if a.answer)
        p = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        print(f"{kind}\n  greedy    {line(some, selected=False)}")
        print(f"  selected  {line(some, selected=True)}")
        print(f"  gained {gained}, lost {lost} (p = {p:.3f})")


def main(argv: Sequence[str] | None = None) -> None:
    """Asks everything in both ways and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--reading", type=Path)
    parser.add_argument("--limit", type=int, default=60, help="questions of a setting and source")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        asked = [row for name in COMPANIES for row in company(name, Path(folder))]
        if options.reading:
            asked += reading(options.reading, options.limit, options.seed)
        workspace = create_workspace(Settings(), "Reading", Path(folder) / "reading")
        generator = open_generator(ModelChoice(), Settings(), partial(get_adapter, workspace))
        texts, times = [], []
        for select in (False, True):
            began = time.process_time()
            texts.append([answer(generator, row, select=select) for row in asked])
            times.append((time.process_time() - began) / len(asked))
        generator.close()
    report(list(zip(asked, *texts, strict=True)))
    print(f"{times[0]:.2f} s of a processor a question, {times[1]:.2f} s with selecting")


if __name__ == "__main__":
    main()
