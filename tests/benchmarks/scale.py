"""What a question costs in a large index: ``python -m tests.benchmarks.scale [N_CHUNKS ...]``

The chunks are paragraphs out of the docstrings of the installed Python libraries, which every
machine that runs this has. The first 2,000 (``--embedded``) have their own vectors by the bundled embedder, each
further one a random mixture of three of those, because embedding all would take hours; beyond
20,000 paragraphs, texts are halves of two. The questions are twelve words out of the middle of a
chunk. Through the product's own index, embedding of the question included, in a folder
or with ``--uri s3://bucket/prefix`` in a store; the tables are kept in ``docs/retrieval.md`` and
``docs/scale.md``. A million chunks take 4 GB of disk and about as much memory.
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
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ragft_core.knowledge import RETRIEVERS, Embedder
from ragft_core.knowledge.index import ChunkIndex, Entry
from ragft_core.knowledge.indices import neighbours
from ragft_core.knowledge.retrievers import Query
from ragft_core.settings import Settings
from ragft_core.storage import Folder, Place
from ragft_core.storage.place import ObjectStore
from ragft_core.strategies import open_embedder
from ragft_core.types import Chunk

SHORTEST, LONGEST, EMBEDDED, GROUP, DEPTH = 200, 400, 2_000, 1_000, 50
# Reading more of them out of the libraries takes longer than what is measured.
PARAGRAPHS = 20_000


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


def texts_of(n: int) -> list[str]:
    """``n`` texts: paragraphs, then halves of two of them."""
    found = paragraphs(min(n, PARAGRAPHS))
    rng = np.random.default_rng(2)
    own = len(found)
    for one, other in rng.integers(own, size=(max(0, n - own), 2)):
        first, second = found[one], found[other]
        found.append(f"{first[: len(first) // 2]} {second[len(second) // 2 :]}")
    return found


def vectors_from(own: np.ndarray, start: int, n: int) -> np.ndarray:
    """Vectors of length 1 for the chunks from ``start`` on: (n, dimension).

    The embedder's for the first, mixtures of three of them for the others.
    """
    rng = np.random.default_rng((0, start))
    parts = own[rng.integers(len(own), size=(3, n))]
    mixed = np.einsum("tn,tnd->nd", rng.dirichlet(np.ones(3), n).T, parts)
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    known = own[start : start + n]
    mixed[: len(known)] = known
    return mixed.astype(np.float32)


def neighbour_words(index: ChunkIndex, embedder: Embedder) -> str:
    """How vectors are compared, and what that misses."""
    if not neighbours.is_indexed(index.table()):
        return "all vectors compared"
    return (
        f"by neighbours at recall@10 {neighbours.recall(index.table(), embedder.embed_query):.3f}"
    )


def fill(index: ChunkIndex, texts: Sequence[str], own: np.ndarray, group: int) -> None:
    """Writes all chunks, a group a commit, as taking documents in does."""
    for start in range(0, len(texts), group):
        part = texts[start : start + group]
        rows = zip(part, vectors_from(own, start, len(part)), strict=True)
        index.upsert(
            [
                Entry(Chunk(f"c{i}", f"d{i // 20}", i, text, 0, len(text)), text, vector)
                for i, (text, vector) in enumerate(rows, start)
            ]
        )
        index.settle()


def asked_of(index: ChunkIndex, embedder: Embedder, questions: Sequence[str]) -> str:
    """Milliseconds of a question by mode: of the clock and of the processor, p50 / p95."""
    cells = []
    for retriever in RETRIEVERS:
        clock, costs = [], []
        for question in questions:
            began, started = time.perf_counter(), time.process_time()
            vector = embedder.embed_query(question) if retriever.needs_vector else None
            index.search(retriever, Query(question, vector, DEPTH))
            costs.append(1000 * (time.process_time() - started))
            clock.append(1000 * (time.perf_counter() - began))
        (p50, p95), (cpu50, cpu95) = (np.percentile(x[10:], [50, 95]) for x in (clock, costs))
        cells.append(
            f"{retriever.mode.value} {p50:.0f} / {p95:.0f} (CPU {cpu50:.0f} / {cpu95:.0f})"
        )
    return "  ".join(cells)


@contextmanager
def emptied(uri: str) -> Iterator[Place]:
    """A place for one table, which is gone afterwards."""
    if uri:
        place = ObjectStore(f"{uri.rstrip('/')}/scale")
        place.clear()
        yield place
        place.clear()
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Folder(Path(folder))


def megabytes(place: Place) -> float:
    """What the table takes on the disk; nothing is said of a store's."""
    if not isinstance(place, Folder):
        return float("nan")
    return sum(f.stat().st_size for f in place.path.rglob("*") if f.is_file()) / 1e6


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints, by size: seconds to fill and to build indices, a question's cost, memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--group", type=int, default=GROUP, help="Chunks in one commit.")
    parser.add_argument("--embedded", type=int, default=EMBEDDED, help="Chunks read by the model.")
    parser.add_argument("--uri", default="", help="A store to put the table in.")
    options = parser.parse_args(argv)
    embedder = open_embedder(Settings())
    all_texts = texts_of(max(options.sizes))
    began = time.perf_counter()
    own = embedder.embed_documents(all_texts[: options.embedded])
    speed = len(own) / (time.perf_counter() - began)
    print(f"The embedder reads {speed:.0f} of these chunks a second.", flush=True)
    for n in options.sizes:
        texts = all_texts[:n]
        places = np.random.default_rng(1).permutation(n)[: options.questions + 10]
        questions = [" ".join(texts[place].split()[8:20]) for place in places]
        with emptied(options.uri) as place:
            index = ChunkIndex(place, embedder.identity, embedder.dimension)
            began = time.perf_counter()
            fill(index, texts, own, options.group)
            filled = time.perf_counter() - began
            index.tidy(embedder.embed_query)
            tidied = time.perf_counter() - began - filled
            cells = asked_of(index, embedder, questions)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{n:8} chunks at {place.where}: filled in {filled:.0f} s, indices in {tidied:.0f} s, "
                f"{megabytes(place):.0f} MB, {index.n_unindexed()} outside the word index, "
                f"{neighbour_words(index, embedder)}; ms p50 / p95: {cells}; "
                f"at most {memory:.0f} MB of memory so far",
                flush=True,
            )


if __name__ == "__main__":
    main()
