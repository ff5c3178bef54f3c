"""How large should a chunk be? Measured: is the answer among the first k passages, at what cost?

    python -m tests.benchmarks.chunking [SAMPLE]

Prints, for several capacities and search modes, the share of the sample's questions whose answer
stands in one of the first k passages of the right document, and the mean tokens of a passage.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ragft_core.documents import chunk_document, parse_files
from ragft_core.knowledge import Embedder
from ragft_core.knowledge.index import ChunkIndex, Entry, Hit
from ragft_core.knowledge.retrievers import RETRIEVERS, Query
from ragft_core.knowledge.writer import indexed_text
from ragft_core.models.weights.bundled import EMBEDDER, fetch
from ragft_core.settings import Settings
from ragft_core.storage import Folder
from ragft_core.types import Chunk, Example
from ragft_core.values import from_dict
from ragft_core.workspace import read_jsonl

SAMPLES = Path(__file__).resolve().parents[2] / "ragft_core" / "samples"
CAPACITIES = ((64, 10), (96, 15), (128, 20), (160, 20), (200, 20), (240, 20))
RANKS = (1, 3, 5, 8)
DEPTH = 50


def main() -> None:
    folder = SAMPLES / (sys.argv[1] if len(sys.argv) > 1 else "knowledge")
    embedder = Embedder(fetch(EMBEDDER, Settings().models))
    paths = sorted((folder / "documents").iterdir())
    parsed = dict(
        zip([path.name for path in paths], parse_files((p.name, p) for p in paths), strict=True)
    )
    rows = [from_dict(Example, row) for row in read_jsonl(folder / "examples.jsonl")]
    rows = [row for row in rows if row.evidence]
    questions = embedder.embed_documents([row.question for row in rows])
    print(f"{len(rows)} questions; share answered within the first {RANKS}")
    for capacity, overlap in CAPACITIES:
        chunks: list[Chunk] = []
        texts: list[str] = []
        for name, document in parsed.items():
            found = chunk_document(document, name, embedder.tokenizer, capacity, overlap)
            chunks += found
            texts += [indexed_text(document.title, chunk) for chunk in found]
        vectors = embedder.embed_documents(texts)
        tokens = np.mean([len(embedder.tokenizer.encode(chunk.text).ids) for chunk in chunks])
        with tempfile.TemporaryDirectory() as scratch:
            index = ChunkIndex(Folder(Path(scratch)), embedder.identity, embedder.dimension)
            index.upsert([Entry(*row) for row in zip(chunks, texts, vectors, strict=True)])
            for retriever in RETRIEVERS:
                hits = [
                    index.search(retriever, Query(row.question, vector, DEPTH))
                    for row, vector in zip(rows, questions, strict=True)
                ]
                shares = "  ".join(f"{recall(rows, hits, k):.3f}" for k in RANKS)
                print(
                    f"{capacity:4} {len(chunks):5} chunks of {tokens:4.0f}  {retriever.mode:7} {shares}"
                )


def recall(rows: Sequence[Example], hits: Sequence[Sequence[Hit]], k: int) -> float:
    """Share of questions whose answer stands in one of the first k chunks of its document."""
    good = [
        any(
            hit.chunk.document_id == row.document_id and plain(row.answer) in plain(hit.chunk.text)
            for hit in found[:k]
        )
        for row, found in zip(rows, hits, strict=True)
    ]
    return float(np.mean(good))


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


if __name__ == "__main__":
    main()
