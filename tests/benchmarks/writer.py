"""Writes examples from a workspace's documents, times it, and lists them for judging by reading.

    python -m tests.benchmarks.writer WORKSPACE --target 100 --out written.md

The model is loaded before the clock starts; everything after it, written and dropped, is in the
time. The list has one row an example, with an empty column for the judgement: right means that
the question makes sense to somebody who does not see the passage, that the answer answers it, and
that the evidence says so.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ragft_core.finetuning.adapters import get_adapter
from ragft_core.finetuning.writing.job import GenerationReport, generate_examples
from ragft_core.finetuning.writing.roundtrip import Candidate
from ragft_core.knowledge.store import chunks_of, documents
from ragft_core.models import open_generator
from ragft_core.settings import Settings
from ragft_core.values import to_dict
from ragft_core.workspace import open_workspace


def markdown(report: GenerationReport) -> str:
    """The report's numbers and a table with one row an example."""
    lines = [
        f"{len(report.examples)} kept of {report.written} written, {report.facts} facts, "
        f"{report.seconds:.0f} s.",
        "",
        "Dropped: " + "; ".join(f"{text} {count}" for text, count in report.drop_lines()),
        "",
        "By document: " + "; ".join(f"{key} {n}" for key, n in report.per_document.items()),
        "",
        "| # | Question | Answer | Evidence | Judgement |",
        "|---|---|---|---|---|",
    ]
    for number, example in enumerate(report.examples, start=1):
        cells = (example.question, example.answer, example.evidence)
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {number} | {row} | |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the generation once."""
    parser = argparse.ArgumentParser(description="Measure writing examples from documents.")
    parser.add_argument("workspace", help="an id in the home, or a path")
    parser.add_argument("--target", type=int, default=100)
    parser.add_argument("--out", type=Path, help="Markdown list for judging")
    parser.add_argument("--judged", type=Path, help="JSON lines of everything written")
    options = parser.parse_args(argv)
    settings = Settings()
    workspace = open_workspace(settings, options.workspace)
    chunks = [(d.title, c) for d in documents(workspace) for c in chunks_of(workspace, d.id)]
    generator = open_generator(
        workspace.settings().model, settings, partial(get_adapter, workspace)
    )
    judged: list[Candidate] = []
    began = time.monotonic()

    def show(share: float, text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    report = generate_examples(
        workspace, generator, chunks, options.target, show, on_judged=judged.extend
    )
    generator.close()
    print(markdown(report).split("| # |")[0])
    if options.out:
        options.out.write_text(markdown(report), encoding="utf-8")
    if options.judged:
        rows = [json.dumps(to_dict(candidate), ensure_ascii=False) for candidate in judged]
        options.judged.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
