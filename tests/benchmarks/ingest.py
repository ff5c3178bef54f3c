"""Ingest speed against plain sentence-transformers encoding of the same chunks.

    python -m tests.benchmarks.ingest [FOLDER]

Ingest does more: it parses in a child, splits, writes LanceDB and syncs the disk. The ratio says
how much of the time is the encoding that no one can avoid. Both run warm, in one process, on the
same chunks, in turns; without a folder the sample's documents are used. CPU seconds, children
included, are given beside the clock's, because they tell more on a machine that others use, too.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ragft_core.knowledge import Embedder, KnowledgeBase
from ragft_core.knowledge.writer import indexed_text
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.workspace import create_workspace

DOCUMENTS = Path(__file__).resolve().parents[2] / "ragft_core/samples/knowledge/documents"
ROUNDS = 3


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    files = [(path.name, path) for path in sorted(folder.iterdir()) if path.is_file()]
    model = fetch(EMBEDDER, Settings().models)
    embedder = Embedder(model)
    texts = ingest(files, embedder)[1]  # warms up torch, LanceDB and the file cache

    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(model), device="cpu", local_files_only=True)
    plain.encode(texts[:8])
    runs = {
        "ingest, everything": lambda: ingest(files, embedder)[0],
        "our encoding alone": lambda: timed(lambda: embedder.embed_documents(texts)),
        "sentence-transformers": lambda: timed(
            lambda: plain.encode(texts, show_progress_bar=False)
        ),
    }
    rounds = [{name: run() for name, run in runs.items()} for _ in range(ROUNDS)]
    print(f"{len(files)} files, {len(texts)} chunks; median of {ROUNDS} rounds")
    medians = {}
    for name in runs:
        clock, cpu = zip(*(row[name] for row in rounds), strict=True)
        medians[name] = statistics.median(clock), statistics.median(cpu)
        clock_s, cpu_s = medians[name]
        speed = len(texts) / clock_s
        print(f"{name:22} {clock_s:7.2f} s {speed:6.1f} chunks/s {cpu_s:7.2f} s of CPU")
    ours, theirs = medians["ingest, everything"], medians["sentence-transformers"]
    print(f"ratio ingest / sentence-transformers: {ours[0] / theirs[0]:.2f} by the clock, ", end="")
    print(f"{ours[1] / theirs[1]:.2f} by CPU")


def ingest(
    files: list[tuple[str, Path]], embedder: Embedder
) -> tuple[tuple[float, float], list[str]]:
    """Takes the files into a fresh workspace: (clock and CPU seconds, the texts that were embedded)."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = create_workspace(Settings(), "Benchmark", Path(scratch) / "benchmark")
        base = KnowledgeBase(workspace, embedder)
        seconds = timed(lambda: base.add_files(files))
        texts = [
            indexed_text(document.title, chunk)
            for document in base.documents()
            for chunk in base.chunks(document.id)
        ]
    return seconds, texts


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """How many seconds it takes: by the clock, and of CPU in this process and its children."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    act()
    return time.perf_counter() - began, sum(os.times()[:4]) - used


if __name__ == "__main__":
    main()
