"""What a question costs in a large index: ``python -m tests.benchmarks.scale [N_CHUNKS ...]``

The chunks are paragraphs out of the docstrings of the installed Python libraries, which every
machine that runs this has. The first 2,000 have their own vectors by the bundled embedder, each
further one a random mixture of three of those, because embedding all would take hours. The
questions are twelve words out of the middle of a chunk. Through the product's own index, embedding
of the question included; the table is kept in ``docs/retrieval.md``.
"""

from __future__ import annotations

import argparse
import ast
import resource
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ragft_core.knowledge import RETRIEVERS, Embedder, neighbours
from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.knowledge.retrievers import Query
from ragft_core.settings import Settings
from ragft_core.strategies import open_embedder
from ragft_core.types import Chunk

SHORTEST, LONGEST, EMBEDDED, GROUP, DEPTH = 200, 400, 2_000, 1_000, 50


def paragraphs(n: int) -> list[str]:
    """``n`` different paragraphs of 200 to 400 characters, in the order of the files' names."""
    found: dict[str, None] = {}
    for file in sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py")):
        for docstring in _docstrings(file):
            text = ""
            for part in docstring.split("\n\n"):
                text = f"{text} {' '.join(part.split())}".strip()
                if len(text) >= SHORTEST:
                    found.setdefault(text[:LONGEST])
                    text = ""
        if len(found) >= n:
            break
    return list(found)[:n]


def _docstrings(file: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError):
            return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def vectors_of(texts: Sequence[str], embedder: Embedder) -> np.ndarray:
    """Vectors of length 1: the embedder's for the first texts, mixtures of them for the others."""
    own = embedder.embed_documents(texts[:EMBEDDED])
    rng = np.random.default_rng(0)
    n_others = max(0, len(texts) - len(own))
    parts = own[rng.integers(len(own), size=(3, n_others))]
    mixed = np.einsum("tn,tnd->nd", rng.dirichlet(np.ones(3), n_others).T, parts)
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    return np.concatenate([own, mixed]).astype(np.float32)


def neighbour_words(index: ChunkIndex, embedder: Embedder) -> str:
    """How vectors are compared, and what that misses."""
    if not neighbours.is_indexed(index.table()):
        return "all vectors compared"
    return (
        f"by neighbours at recall@10 {neighbours.recall(index.table(), embedder.embed_query):.3f}"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints the CPU milliseconds of a question, by mode and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args(argv)
    embedder = open_embedder(Settings())
    texts = paragraphs(max(options.sizes))
    vectors = vectors_of(texts, embedder)
    for n in options.sizes:
        rng = np.random.default_rng(1)
        places = rng.permutation(min(n, len(texts)))[: options.questions + 10]
        asked = [" ".join(texts[place].split()[8:20]) for place in places]
        with tempfile.TemporaryDirectory() as folder:
            index = ChunkIndex(Path(folder), embedder.identity, embedder.dimension)
            began = time.perf_counter()
            for start in range(0, min(n, len(texts)), GROUP):
                rows = zip(texts[start : start + GROUP], vectors[start:], strict=False)
                index.upsert(
                    [
                        Entry(Chunk(f"c{i}", f"d{i // 20}", i, text, 0, len(text)), text, vector)
                        for i, (text, vector) in enumerate(rows, start)
                    ]
                )
                index.settle()
            index.tidy(embedder.embed_query)
            filled = time.perf_counter() - began
            cells = []
            for retriever in RETRIEVERS:
                costs = []
                for question in asked:
                    started = time.process_time()
                    vector = embedder.embed_query(question) if retriever.needs_vector else None
                    index.search(retriever, Query(question, vector, DEPTH))
                    costs.append(1000 * (time.process_time() - started))
                p50, p95 = np.percentile(costs[10:], [50, 95])
                cells.append(f"{retriever.mode.value} {p50:.0f} / {p95:.0f}")
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{min(n, len(texts)):7} chunks, {index.n_unindexed()} outside the word index, "
                f"filled in {filled:.0f} s, {neighbour_words(index, embedder)}, "
                f"CPU ms p50 / p95: {'  '.join(cells)}, at most {memory:.0f} MB so far",
                flush=True,
            )


if __name__ == "__main__":
    main()
