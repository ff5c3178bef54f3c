"""How well each search mode finds: ``python -m tests.benchmarks.retrieval FILE ... [--most 300]``

Files are public sets that are not kept here: XQuAD's (github.com/google-deepmind/xquad, one chunk a
paragraph) or FinanceBench's open source rows (github.com/patronus-ai/financebench, one chunk an
evidence page). Through the product's own index; the table is kept in ``docs/retrieval.md``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ragft_core.knowledge import RETRIEVERS
from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.knowledge.retrievers import Query, meaning_share
from ragft_core.settings import Settings
from ragft_core.storage import Folder
from ragft_core.strategies import open_embedder
from ragft_core.types import Chunk

DEPTH = 30
Asked = list[tuple[str, int]]


def read(path: Path) -> tuple[list[str], Asked]:
    """The chunks of a set, and its questions with the place of the chunk that answers each."""
    text = path.read_text(encoding="utf-8")
    chunks: list[str] = []
    asked: Asked = []
    if path.suffix == ".jsonl":
        places: dict[str, int] = {}
        for row in map(json.loads, text.splitlines()):
            page = row["evidence"][0]["evidence_text_full_page"]
            asked.append((row["question"], places.setdefault(page, len(places))))
        return list(places), asked
    for article in json.loads(text)["data"]:
        for paragraph in article["paragraphs"]:
            asked += [(item["question"], len(chunks)) for item in paragraph["qas"]]
            chunks.append(paragraph["context"])
    return chunks, asked


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints: hit@3 and MRR@10 by mode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=300, help="questions of each set")
    options = parser.parse_args(argv)
    embedder = open_embedder(Settings())
    for path in options.files:
        chunks, asked = read(path)
        order = np.random.default_rng(0).permutation(len(asked))[: options.most]
        with tempfile.TemporaryDirectory() as folder:
            index = ChunkIndex(Folder(Path(folder)), embedder.identity, embedder.dimension)
            vectors = embedder.embed_documents(chunks)
            index.upsert(
                [
                    Entry(Chunk(f"c{n}", f"d{n}", 0, text, 0, len(text)), text, vector)
                    for n, (text, vector) in enumerate(zip(chunks, vectors, strict=True))
                ]
            )
            index.tidy(embedder.embed_query)
            cells = []
            for retriever in RETRIEVERS:
                ranks = []
                for question, place in (asked[n] for n in order):
                    mode = retriever
                    if retriever.weighed is not None:
                        share = meaning_share(embedder.tokenizer, question)
                        mode = replace(retriever, find=retriever.weighed(share))
                    query = Query(question, embedder.embed_query(question), DEPTH)
                    hits = index.search(mode, query)
                    found = [hit.chunk.id for hit in hits]
                    ranks.append(found.index(f"c{place}") + 1 if f"c{place}" in found else 10**6)
                hit = np.mean([rank <= 3 for rank in ranks])
                mrr = np.mean([1 / rank if rank <= 10 else 0.0 for rank in ranks])
                cells.append(f"{retriever.mode.value} {hit:.3f} / {mrr:.3f}")
        print(f"{path.stem:28} {len(order):4} questions  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
